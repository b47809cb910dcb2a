//! How many frames of a camera a vision model is not asked about: the whole program before a film of three visitors.

use std::path::Path;
use std::process::Stdio;

use majlis_test_film::{Hall, minute};
use majlis_test_server::{Act, Server};

use crate::figure::{Bound, Figure, Measured, rounds};
use crate::measure::Bench;

const VISITORS: usize = 3;

pub(crate) fn figures(bench: &Bench) -> Vec<Figure> {
    let what = "of the frames of a minute with three visitors, those a vision model is not asked about";
    vec![Figure { name: "vision_calls_saved", what, bound: Some(Bound::AtLeast(0.93)), measured: saved(bench) }]
}

fn saved(bench: &Bench) -> Measured {
    let data = bench.need_testdata()?;
    let film = std::path::absolute(bench.work.join("film")).map_err(|error| error.to_string())?;
    let frames = make_film(&film, &data.join("images"))?;
    let server = Server::start();
    server.usually(Act::say(r#"{"people":1,"tags":["flowers"]}"#));
    let mut command = bench.command(&bench.pipeline("looks"));
    command.args(["--report", "json"]).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("MAJLIS_BENCH_FILM", &film).env("MAJLIS_VISION_URL", server.base_url());
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err("the run failed".to_owned());
    }
    let asked = server.requests().len();
    if asked < VISITORS {
        return Err(format!("only {asked} questions came; there were {VISITORS} visitors"));
    }
    rounds(vec![Ok(1.0 - asked as f64 / frames as f64)])
}

/// Writes the minute down, frame by frame. Answers how many there are.
fn make_film(folder: &Path, images: &Path) -> Result<usize, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut hall = Hall::open(images)?;
    let minute = minute();
    for (number, picture) in minute.iter().enumerate() {
        let path = folder.join(format!("{number:03}.png"));
        hall.paint(*picture).save(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(minute.len())
}

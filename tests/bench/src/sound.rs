//! From a visitor's arrival to the first sound of the greeting: the whole program, with real models and a real voice.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::figure::{Figure, Measured, rounds};
use crate::measure::{Bench, must};
use crate::recognition::{PORTRAITS, link_all};
use crate::voice::need_espeak;

/// Of photographs, each of which is a visitor.
const PASSES: usize = 4;
/// Frames that somebody is before the camera, and that nobody is, at ten a second.
const STAY: usize = 10;
const AWAY: usize = 10;
/// A photograph without a face.
const NOBODY: &str = "rocket.jpg";
/// The first visitors wake up what has slept since the opening.
const WARM: u64 = 2;

pub(crate) fn figures(bench: &Bench) -> Vec<Figure> {
    let photographs = measured(bench, "sound-of-photographs", (0..PASSES).flat_map(|_| PORTRAITS).collect());
    let stay = |name| std::iter::repeat_n(name, STAY).chain(std::iter::repeat_n(NOBODY, AWAY));
    let people = PORTRAITS.into_iter().chain(PORTRAITS).flat_map(stay);
    let stream = measured(bench, "sound-of-stream", std::iter::repeat_n(NOBODY, AWAY).chain(people).collect());
    vec![
        must(
            "arrival_to_first_sound_ms",
            150.0,
            photographs,
            "a visitor's arrival to the first sound, photographs, one look, all open",
        ),
        must(
            "arrival_to_first_sound_live_ms",
            600.0,
            stream,
            "the same before a camera of 10 frames a second, three looks",
        ),
    ]
}

fn measured(bench: &Bench, pipeline: &str, film: Vec<&'static str>) -> Measured {
    let data = bench.need_testdata()?;
    need_espeak()?;
    let folder = std::path::absolute(bench.work.join(pipeline)).map_err(|error| error.to_string())?;
    link_all(&folder.join("frames"), &data.join("images"), film)?;
    rounds(times(bench, pipeline, &folder)?.into_iter().map(Ok).collect())
}

/// Milliseconds from arrival to the milestone, of each visitor who was warm.
fn times(bench: &Bench, pipeline: &str, folder: &Path) -> Result<Vec<f64>, String> {
    let heard: PathBuf = folder.join("heard");
    let mut command = bench.command(&bench.pipeline(pipeline));
    command.args(["--report", "json", "--visits", "all"]).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("MAJLIS_BENCH_PHOTOGRAPHS", folder.join("frames")).env("MAJLIS_BENCH_FILM", folder.join("frames"));
    command.env("MAJLIS_BENCH_HEARD", &heard).env("XDG_CACHE_HOME", bench.cache());
    let output = command.output().map_err(|error| error.to_string())?;
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|error| format!("no report: {error}"))?;
    let visits = report["visits"].as_array().map_or(&[][..], Vec::as_slice);
    let warm = visits.iter().filter(|visit| visit["visit"].as_u64() > Some(WARM));
    let mut times = Vec::new();
    for visit in warm {
        if visit["reached"] != true {
            return Err(format!("visitor {} heard nothing", visit["visit"]));
        }
        times.extend(visit["length_ns"].as_f64().map(|nanos| nanos / 1e6));
    }
    if times.len() < PORTRAITS.len() {
        return Err(format!("only {} visitors came", times.len()));
    }
    Ok(times)
}

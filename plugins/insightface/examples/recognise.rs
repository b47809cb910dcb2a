//! Finds and embeds the faces of photographs, and says how long opening and one frame take.
//!
//! `cargo run --release -p majlis-insightface --example recognise -- CARD MODELS_FOLDER PHOTO...`
//!
//! ONNX Runtime is looked for as the plugin does it; `THREADS=2` gives it two threads, `CACHE=FOLDER` a cache.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use majlis_insightface::KIND;
use majlis_recognition::backend::onnxruntime::{OnnxRuntime, Options as RuntimeOptions};
use majlis_recognition::pack::Card;
use majlis_recognition::{Analyser, Options, Rgb8, runtime_path};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [card, models, photos @ ..] = &arguments[..] else {
        return Err("arguments: CARD MODELS_FOLDER PHOTO...".into());
    };
    let start = Instant::now();
    let options = RuntimeOptions {
        threads: env::var("THREADS").ok().and_then(|threads| threads.parse().ok()).unwrap_or(1),
        cache: env::var_os("CACHE").map(PathBuf::from),
        spawn: None,
    };
    let runtime = OnnxRuntime::open(&runtime_path::find(None, |name| env::var_os(name))?, options)?;
    println!("runtime   {:8.1} ms", milliseconds(start.elapsed()));
    let start = Instant::now();
    let mut analyser =
        Analyser::open(&runtime, &Card::read(Path::new(card))?, &KIND, &[models.into()], Options::default())?;
    println!("models    {:8.1} ms", milliseconds(start.elapsed()));

    for photo in photos {
        let picture = image::open(photo)?.to_rgb8();
        let view = Rgb8::packed(picture.as_raw(), picture.width() as usize, picture.height() as usize)?;
        let faces = analyser.analyse(&view)?;
        let mut times: Vec<Duration> = Vec::new();
        for _ in 0..21 {
            let start = Instant::now();
            analyser.analyse(&view)?;
            times.push(start.elapsed());
        }
        times.sort();
        let (median, least) = (milliseconds(times[times.len() / 2]), milliseconds(times[0]));
        println!(
            "{photo}: {} x {} px, {} faces, median {median:.1} ms, least {least:.1} ms",
            view.width(),
            view.height(),
            faces.len()
        );
        for face in &faces {
            println!("  {:?}", face);
        }
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

//! Measures what Majlis costs, and prints one table: `make bench`.
//!
//! The decision that shapes it: **what is compared is measured in the same run, in alternating rounds**. A machine's
//! clock, its neighbours and its heat change within a minute, so a figure of yesterday, or one taken a minute ago, is
//! no measure for this one. That is why this is a program of its own and not a set of benchmarks that are run one after
//! the other: it takes our chain, a bare chain of channels and GStreamer's in turn, and compares round by round.
//!
//! It must never know: how the runtime schedules. It drives [`majlis_runtime::Runtime`] through its public types with
//! stages of its own at both ends, and the program `majlis` from outside.

mod bare;
mod boundary;
mod chain;
mod figure;
mod flush;
mod gstreamer;
mod looks;
mod machine;
mod measure;
mod peer;
mod program;
mod recognition;
mod rooms;
mod search;
mod sound;
mod stages;
mod vision;
mod voice;

use std::path::PathBuf;
use std::process::ExitCode;

use figure::Figure;
use measure::Bench;

// As in the host: a chain without its allocator would not pay for the meter.
#[global_allocator]
static ALLOCATOR: majlis_meter::Jemalloc = majlis_meter::Jemalloc;

const USAGE: &str = "usage: majlis-bench --majlis BINARY --plugins FOLDER --pipelines FOLDER --work FOLDER --out FILE \
                     [--only NAME]... [--peer-python FILE --peer-graphs FOLDER --peer-driver FILE] \
                     [--agents-python FILE --agents-driver FILE]\n       majlis-bench --first-need --plugins FOLDER --work FOLDER";

struct Arguments {
    bench: Bench,
    out: PathBuf,
    only: Vec<String>,
    first_need: bool,
}

fn arguments() -> Option<Arguments> {
    let mut bench = Bench::default();
    let (mut out, mut only, mut first_need) = (PathBuf::new(), Vec::new(), false);
    let mut peer: [Option<PathBuf>; 3] = [None, None, None];
    let mut agents: [Option<PathBuf>; 2] = [None, None];
    let mut arguments = std::env::args().skip(1);
    while let Some(key) = arguments.next() {
        if key == "--first-need" {
            first_need = true;
            continue;
        }
        let value = arguments.next()?;
        match key.as_str() {
            "--majlis" => bench.majlis = value.into(),
            "--plugins" => bench.plugins = value.into(),
            "--pipelines" => bench.pipelines = value.into(),
            "--work" => bench.work = value.into(),
            "--out" => out = value.into(),
            "--only" => only.push(value),
            "--peer-python" => peer[0] = Some(value.into()),
            "--peer-graphs" => peer[1] = Some(value.into()),
            "--peer-driver" => peer[2] = Some(value.into()),
            "--agents-python" => agents[0] = Some(value.into()),
            "--agents-driver" => agents[1] = Some(value.into()),
            _ => return None,
        }
    }
    bench.testdata = std::env::var_os("MAJLIS_TESTDATA").map(PathBuf::from).filter(|path| path.is_dir());
    if let [Some(python), Some(graphs), Some(driver)] = peer {
        bench.peer = Some(peer::Environment { python, graphs, driver });
    }
    if let [Some(python), Some(driver)] = agents {
        bench.agents = Some(peer::Agents { python, driver });
    }
    Some(Arguments { bench, out, only, first_need })
}

fn main() -> ExitCode {
    let Some(Arguments { bench, out, only, first_need }) = arguments() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if first_need {
        return match measure::first_need(&bench) {
            Ok(nanos) => {
                println!("{nanos}");
                ExitCode::SUCCESS
            }
            Err(reason) => {
                eprintln!("{reason}");
                ExitCode::FAILURE
            }
        };
    }
    println!("{}\n", machine::facts());
    let wanted = |name: &str| only.is_empty() || only.iter().any(|start| name.starts_with(start));
    let figures = bench.figures(&wanted);
    println!("{}", figure::table(&figures));
    if let Err(error) = std::fs::write(&out, format!("{:#}\n", figure::json(&figures))) {
        eprintln!("error: {} cannot be written: {error}", out.display());
        return ExitCode::FAILURE;
    }
    println!("written to {}", out.display());
    let strict = std::env::var_os("MAJLIS_REQUIRE").is_some_and(|value| value == "all");
    if strict && !figures.iter().all(Figure::is_reached) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

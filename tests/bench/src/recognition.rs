//! Recognition beside Python InsightFace: the same photographs, the same people, the same library of ONNX Runtime, in turn.
//!
//! Ours is measured as a visitor meets it: the whole program runs, and the times are those of the stage's calls in its
//! report. A round is a run of ours and a block of theirs, in alternating order. Before a round counts, both must have seen
//! the same: as many faces, and the same likeness to the person who is enrolled.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::figure::{Figure, Measured, Sample, median, rounds};
use crate::measure::{Bench, Values, must, ratios, shown};
use crate::peer::{Call, Environment, Peer};
use crate::program::{Run, calls_of_stage, opening_of_stage};

/// Everybody on them is enrolled in pipelines/peer.toml.
const PORTRAITS: [&str; 5] = ["astronaut.png", "biden.jpg", "obama.jpg", "obama2.jpg", "obama3.jpg"];
/// Photographs a second of portraits, and of the group.
const RATES: [f64; 2] = [8.0, 2.0];
/// As in pipelines/peer-group.toml.
const GROUP: &str = "solvay_1927.png";
const GROUP_PASSES: usize = 4;
const PEOPLE: [(&str, &str); 3] = [("collins", "astronaut.png"), ("obama", "obama2.jpg"), ("biden", "biden.jpg")];

/// Of all portraits; in the first one buffers are made and caches filled, on both sides, and it does not count.
const PASSES: usize = 6;
const ROUNDS: usize = 6;
/// After the last portrait, before memory is read: longer than the two seconds for which freed pages are kept.
const REST: Duration = Duration::from_secs(4);
/// Our likeness has two digits, and the photographs are decoded by other decoders.
const SAME_LIKENESS: f64 = 0.015;

const MIB: f64 = (1 << 20) as f64;

/// The folder with photographs, and who is measured beside us.
fn needs(bench: &Bench) -> Result<(&Path, &Environment), String> {
    let data = bench.need_testdata()?;
    let missing = "there is no Python environment with InsightFace; tests/bench/peer/README.md says what it needs";
    Ok((data, bench.peer.as_ref().ok_or(missing)?))
}

/// `majlis run` of a pipeline of ours, with the peer's library and a cache of its own.
fn start(bench: &Bench, peer: &Environment, pipeline: &str, threads: usize, milestones: bool) -> Result<Run, String> {
    let mut command = bench.command(&bench.pipeline(pipeline));
    command.args(["--report", "json", "--visits", "all", "--log", "json"]).stdout(Stdio::piped());
    if milestones {
        command.arg("--milestones");
    }
    command.env("ORT_DYLIB_PATH", peer.library()?).env("XDG_CACHE_HOME", bench.cache());
    command.env("MAJLIS_BENCH_THREADS", threads.to_string()).env("MAJLIS_BENCH_GRAPHS", &peer.graphs);
    command.env("MAJLIS_BENCH_PHOTOGRAPHS", shown_portraits(bench));
    Run::start(&mut command)
}

/// What a run of ours gave.
#[derive(Default)]
struct Counted {
    calls: Vec<Call>,
    /// The steps of all of them, each with its nanoseconds.
    parts: Vec<(String, f64)>,
}

/// The calls of a report without those of the first pass over the photographs.
fn counted(report: &[u8], photos: usize) -> Result<Counted, String> {
    let steps = calls_of_stage(report, "faces")?;
    let Counted { mut calls, mut parts } = Counted::default();
    for step in steps {
        let place = usize::try_from(step.visit.saturating_sub(1)).map_err(|error| error.to_string())?;
        if place < photos {
            continue;
        }
        let faces = step.number("faces").ok_or("a call of ours does not say how many faces it saw")?;
        let similarity = step.number("confidence");
        calls.push(Call { photo: place % photos, nanos: step.nanos, faces: faces as u64, similarity });
        parts.extend(step.parts);
    }
    Ok(Counted { calls, parts })
}

/// The median of each photograph, in nanoseconds.
fn medians(calls: &[Call], photos: usize) -> Result<Vec<f64>, String> {
    let of = |photo| calls.iter().filter(|call| call.photo == photo).map(|call| call.nanos).collect();
    let median = |photo| median(of(photo)).ok_or_else(|| format!("photograph {photo} was not seen"));
    (0..photos).map(median).collect()
}

/// The geometric mean, in which each photograph counts as much as any other, however long it takes.
fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    (values.map(f64::ln).sum::<f64>() / count).exp()
}

/// Who on the photographs is enrolled. We tell the likeness only of those.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Everybody,
    Nobody,
}

/// Whether both saw the same on each photograph.
fn agree(ours: &[Call], theirs: &[Call], photos: usize, known: Known) -> Result<(), String> {
    for photo in 0..photos {
        let seen = |calls: &[Call]| calls.iter().find(|call| call.photo == photo).cloned();
        let (Some(ours), Some(theirs)) = (seen(ours), seen(theirs)) else { continue };
        let alike = match (ours.similarity, theirs.similarity) {
            (Some(ours), Some(theirs)) => (ours - theirs).abs() <= SAME_LIKENESS,
            (None, _) => known == Known::Nobody,
            (Some(_), None) => false,
        };
        if ours.faces != theirs.faces || !alike {
            return Err(format!("photograph {photo}: we saw {ours:?}, InsightFace saw {theirs:?}"));
        }
    }
    Ok(())
}

/// What one round gave.
struct Round {
    /// Ours over theirs, per photograph, as one number.
    ratio: f64,
    ours: f64,
    theirs: f64,
    /// The median of each step that our stage names, in milliseconds.
    parts: Vec<(String, f64)>,
    /// Of our whole program, in MiB: when the last portrait was recognised, and at rest after it; not of a run that ends by
    /// itself.
    resident: Option<(f64, f64)>,
}

fn round(ours: &[Call], theirs: &[Call], photos: usize, known: Known) -> Result<Round, String> {
    agree(ours, theirs, photos, known)?;
    let (ours, theirs) = (medians(ours, photos)?, medians(theirs, photos)?);
    let ratio = mean(ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs));
    let millis = |values: Vec<f64>| mean(values.into_iter()) / 1e6;
    Ok(Round { ratio, ours: millis(ours), theirs: millis(theirs), parts: Vec::new(), resident: None })
}

/// Does ours first in even rounds and theirs first in odd ones.
fn in_turn<A, B>(number: usize, ours: impl FnOnce() -> A, theirs: impl FnOnce() -> B) -> (A, B) {
    if number.is_multiple_of(2) {
        let ours = ours();
        (ours, theirs())
    } else {
        let theirs = theirs();
        (ours(), theirs)
    }
}

/// A pair of processes that are shown the same.
struct Pair<'a> {
    bench: &'a Bench,
    environment: &'a Environment,
    peer: Peer,
    photos: PathBuf,
    threads: usize,
}

impl<'a> Pair<'a> {
    fn open(bench: &'a Bench, threads: usize) -> Result<Self, String> {
        let (data, environment) = needs(bench)?;
        let photos = data.join("images");
        let root = pack(bench, data)?;
        lay_out_portraits(bench, &photos)?;
        let mut peer = Peer::start(environment)?;
        let opened = peer.open(&root, "testdata", threads)?;
        if threads == 1 {
            println!("InsightFace with {}", opened["versions"]);
        }
        let people: Vec<_> = PEOPLE.iter().map(|(id, photo)| (*id, photos.join(photo))).collect();
        peer.enrol(&people)?;
        Ok(Self { bench, environment, peer, photos, threads })
    }

    fn portraits(&mut self, number: usize) -> Result<Round, String> {
        let photos: Vec<PathBuf> = PORTRAITS.iter().map(|name| self.photos.join(name)).collect();
        let all = PORTRAITS.len() * PASSES;
        let Self { bench, environment, peer, threads, .. } = self;
        let ours = || {
            let mut run = start(bench, environment, "peer", *threads, true)?;
            for _ in 0..all {
                run.until("recognised")?;
            }
            let busy = run.resident()?;
            std::thread::sleep(REST);
            let resident = (busy / MIB, run.resident()? / MIB);
            Ok((counted(&run.drain()?, PORTRAITS.len())?, resident))
        };
        let theirs = || peer.recognise(&photos, PASSES, RATES[0]);
        let (ours, theirs): (Result<_, String>, Result<_, String>) = in_turn(number, ours, theirs);
        let ((Counted { calls, parts }, resident), theirs) = (ours?, theirs?);
        let mut round = round(&calls, &theirs[PORTRAITS.len()..], PORTRAITS.len(), Known::Everybody)?;
        round.resident = Some(resident);
        for name in ["detect", "embed", "match"] {
            let times = parts.iter().filter(|(part, _)| part == name).map(|(_, nanos)| nanos / 1e6).collect();
            round.parts.extend(median(times).map(|millis| (name.to_owned(), millis)));
        }
        Ok(round)
    }

    fn group(&mut self, number: usize) -> Result<Round, String> {
        let photos = [self.photos.join(GROUP)];
        let Self { bench, environment, peer, threads, .. } = self;
        let ours = || {
            let report = start(bench, environment, "peer-group", *threads, false)?.end()?;
            counted(&report, 1).map(|counted| counted.calls)
        };
        let theirs = || peer.recognise(&photos, GROUP_PASSES, RATES[1]);
        let (ours, theirs): (Result<_, String>, Result<_, String>) = in_turn(number, ours, theirs);
        round(&ours?, &theirs?[1..], 1, Known::Nobody)
    }
}

/// Absolute: a pipeline's paths begin at its own folder.
fn shown_portraits(bench: &Bench) -> PathBuf {
    let folder = bench.work.join("portraits");
    std::path::absolute(&folder).unwrap_or(folder)
}

/// A folder with the portraits as often as they are shown, in the order of their passes.
fn lay_out_portraits(bench: &Bench, photos: &Path) -> Result<(), String> {
    let folder = shown_portraits(bench);
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(failed)?;
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for (place, name) in (0..PASSES).flat_map(|_| PORTRAITS).enumerate() {
        std::os::unix::fs::symlink(photos.join(name), folder.join(format!("{place:02}-{name}"))).map_err(failed)?;
    }
    Ok(())
}

/// The small pack as InsightFace looks for it: a folder below `models`, with nothing but its two files.
fn pack(bench: &Bench, data: &Path) -> Result<PathBuf, String> {
    let root = bench.work.join("insightface");
    let folder = root.join("models/testdata");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for file in ["det_500m.onnx", "mobilefacenet_128.onnx"] {
        let (link, target) = (folder.join(file), data.join("models").join(file));
        // Made anew: the folder that it leads to may be another one today.
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(target, &link).map_err(failed)?;
    }
    Ok(root)
}

/// The rounds with one number of threads, and what InsightFace holds in memory after them.
struct Taken {
    portraits: Vec<Result<Round, String>>,
    group: Vec<Result<Round, String>>,
    resident: Result<f64, String>,
}

fn take(bench: &Bench, threads: usize) -> Result<Taken, String> {
    let mut pair = Pair::open(bench, threads)?;
    let mut portraits = Vec::new();
    // The first start writes the optimised forms of the models; it is made and thrown away.
    pair.portraits(0)?;
    for number in 0..ROUNDS {
        portraits.push(pair.portraits(number));
    }
    let resident = pair.peer.resident().map(|bytes| bytes / MIB);
    let group = (0..ROUNDS / 2).map(|number| pair.group(number)).collect();
    Ok(Taken { portraits, group, resident })
}

fn of(rounds_taken: &[Result<Round, String>], value: impl Fn(&Round) -> Option<f64>) -> Measured {
    let values = rounds_taken.iter().map(|round| match round {
        Ok(round) => Ok(value(round)),
        Err(reason) => Err(reason.clone()),
    });
    let values: Result<Vec<Option<f64>>, String> = values.collect();
    Sample::of(values?.into_iter().flatten().collect()).ok_or_else(|| "no round gave it".to_owned())
}

/// The names of the figures with one number of threads.
struct Names {
    ratio: &'static str,
    ours: &'static str,
    theirs: &'static str,
    detect: &'static str,
    embed: &'static str,
    group: &'static str,
}

const ONE: Names = Names {
    ratio: "recognise_ratio_vs_python_1t",
    ours: "recognise_portrait_ms_1t",
    theirs: "python_portrait_ms_1t",
    detect: "recognise_detect_ms_1t",
    embed: "recognise_embed_ms_1t",
    group: "recognise_group_ratio_1t",
};

const TWO: Names = Names {
    ratio: "recognise_ratio_vs_python_2t",
    ours: "recognise_portrait_ms_2t",
    theirs: "python_portrait_ms_2t",
    detect: "recognise_detect_ms_2t",
    embed: "recognise_embed_ms_2t",
    group: "recognise_group_ratio_2t",
};

/// Frames to named faces, with 1 and 2 threads, and the memory after them.
pub(crate) fn beside_peer(bench: &Bench) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (threads, names) in [(1, ONE), (2, TWO)] {
        let taken = take(bench, threads).unwrap_or_else(|reason| Taken {
            portraits: vec![Err(reason.clone())],
            group: vec![Err(reason.clone())],
            resident: Err(reason),
        });
        let part = |name: &'static str| {
            of(&taken.portraits, |round| round.parts.iter().find(|(part, _)| part == name).map(|(_, millis)| *millis))
        };
        let ratio = of(&taken.portraits, |round| Some(round.ratio));
        let ours = of(&taken.portraits, |round| Some(round.ours));
        figures.extend([
            must(names.ratio, 0.85, ratio, "a portrait to named faces over Python InsightFace, small pack"),
            shown(names.ours, ours, "ours of it, a call of the stage"),
            shown(
                names.theirs,
                of(&taken.portraits, |round| Some(round.theirs)),
                "theirs: get() and the closest person",
            ),
            shown(names.detect, part("detect"), "ours, until faces are found"),
            shown(names.embed, part("embed"), "ours, until they have embeddings"),
            shown(
                names.group,
                of(&taken.group, |round| Some(round.ratio)),
                "29 faces in one photograph, the same ratio",
            ),
        ]);
        if threads == 2 {
            let busy = of(&taken.portraits, |round| Some(round.resident?.0));
            let ours = of(&taken.portraits, |round| Some(round.resident?.1));
            let theirs = rounds(vec![taken.resident]);
            figures.push(must("rss_after_runs_mib", 60.0, ours, "the whole host after 30 portraits, small pack"));
            figures.push(shown("rss_in_runs_mib", busy, "the same while the last of them is still looked at"));
            figures.push(shown("python_rss_after_runs_mib", theirs, "Python InsightFace after its portraits"));
        }
    }
    figures
}

/// Opening models of the size of buffalo_l, not for the first time.
pub(crate) fn openings(bench: &Bench) -> Vec<Figure> {
    let (mut ours, mut anonymous) = (Values::new(), Values::new());
    let (mut theirs, mut imports, mut resident) = (Values::new(), Values::new(), Values::new());
    for number in 0..=ROUNDS {
        let our_opening = || {
            let (_, environment) = needs(bench)?;
            let mut run = start(bench, environment, "peer-open", 2, true)?;
            run.until("ready")?;
            let anonymous = run.anonymous()? / MIB;
            Ok((opening_of_stage(&run.drain()?, "faces")? / 1e6, anonymous))
        };
        let their_opening = || {
            let (_, environment) = needs(bench)?;
            let said = Peer::start(environment)?.open(&environment.graphs, "buffalo_l_sized", 2)?;
            let numbers = (
                said["open_s"].as_f64(),
                said["import_s"].as_f64(),
                said["memory"]["models"]["resident_bytes"].as_f64(),
            );
            match numbers {
                (Some(open), Some(import), Some(bytes)) => Ok((open * 1e3, import * 1e3, bytes / MIB)),
                _ => Err(format!("InsightFace did not say how long it took: {said}")),
            }
        };
        let (our, their): (Result<_, String>, Result<_, String>) = in_turn(number, our_opening, their_opening);
        // In the first round ours writes the optimised forms, and the system reads theirs from the disk.
        if number > 0 {
            let halves = |pair: &Result<(f64, f64), String>| (pair.clone().map(|p| p.0), pair.clone().map(|p| p.1));
            let (time, memory) = halves(&our);
            ours.push(time);
            anonymous.push(memory);
            theirs.push(their.clone().map(|said| said.0));
            imports.push(their.clone().map(|said| said.1));
            resident.push(their.map(|said| said.2));
        }
    }
    let ratio = ratios(&ours, &theirs);
    vec![
        must(
            "open_ratio_vs_python_r50",
            0.15,
            ratio,
            "opening models of buffalo_l's size again, over Python's, its imports apart",
        ),
        must("open_r50_ms", 90.0, rounds(ours), "ours of it"),
        must("open_r50_anon_mib", 65.0, rounds(anonymous), "the whole host after it, memory that no file holds"),
        shown("python_open_r50_ms", rounds(theirs), "Python InsightFace: construct and prepare"),
        shown("python_import_ms", rounds(imports), "Python InsightFace: its imports before that"),
        shown("python_rss_r50_mib", rounds(resident), "Python InsightFace after it, resident"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(photo: usize, nanos: f64, faces: u64, similarity: Option<f64>) -> Call {
        Call { photo, nanos, faces, similarity }
    }

    #[test]
    fn each_photograph_counts_as_much_as_any_other() {
        // Twice as fast on one that takes long, half as fast on a quick one.
        let ours = [call(0, 50.0, 1, Some(0.7)), call(1, 4.0, 1, Some(0.7))];
        let theirs = [call(0, 100.0, 1, Some(0.7)), call(1, 2.0, 1, Some(0.7))];
        assert!((round(&ours, &theirs, 2, Known::Everybody).unwrap().ratio - 1.0).abs() < 1e-9);
    }

    #[test]
    fn who_sees_something_else_is_not_compared() {
        let theirs = [call(0, 1.0, 1, Some(0.75)), call(1, 1.0, 2, Some(0.5))];
        let with = |ours: Call| agree(&[theirs[0].clone(), ours], &theirs, 2, Known::Everybody);
        assert!(with(call(1, 9.0, 2, Some(0.51))).is_ok());
        for other in [call(1, 9.0, 3, Some(0.5)), call(1, 9.0, 2, Some(0.6)), call(1, 9.0, 2, None)] {
            assert!(with(other).unwrap_err().contains("photograph 1"));
        }
        let unknown = [call(0, 9.0, 29, None)];
        assert!(agree(&unknown, &[call(0, 1.0, 29, Some(0.2))], 1, Known::Nobody).is_ok());
        assert!(agree(&unknown, &[call(0, 1.0, 28, Some(0.2))], 1, Known::Nobody).is_err());
    }

    #[test]
    fn the_first_pass_of_a_run_does_not_count() {
        let step = |took: u64| {
            let facts = serde_json::json!([{ "name": "faces", "value": "1" }]);
            serde_json::json!({
                "stage": "faces", "kind": "packet", "outcome": "ok", "count": 1, "took_ns": took, "end_ns": 1,
                "marks": [], "facts": facts,
            })
        };
        let visits: Vec<_> = (1..=5).map(|n| serde_json::json!({ "visit": n, "steps": [step(n)] })).collect();
        let report = serde_json::json!({ "visits": visits }).to_string().into_bytes();
        let calls = counted(&report, 2).unwrap().calls;
        assert_eq!(
            calls.iter().map(|call| (call.photo, call.nanos)).collect::<Vec<_>>(),
            [(0, 3.0), (1, 4.0), (0, 5.0)]
        );
    }
}

//! Every figure: how it is taken, and what it must reach.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::chain::{Plan, Plugins};
use crate::figure::{Bound, Figure, Measured, median, rounds};
use crate::peer::{Agents, Environment};
use crate::program::{Run, command, median_of_stage};
use crate::stages::{Beat, Tap};
use crate::{bare, boundary, flush, gstreamer, looks, recognition, rooms, search, sound, vision, voice};

/// Figures that are measured together.
type Group<'a> = &'a dyn Fn() -> Vec<Figure>;

/// One frame at 30 a second.
const PERIOD: Duration = Duration::from_nanos(33_333_333);

/// Where everything is.
#[derive(Default)]
pub(crate) struct Bench {
    /// The program.
    pub(crate) majlis: PathBuf,
    /// The plugins, as installed.
    pub(crate) plugins: PathBuf,
    /// The pipelines of this benchmark.
    pub(crate) pipelines: PathBuf,
    /// What is written meanwhile.
    pub(crate) work: PathBuf,
    /// Photographs and models, if they are there.
    pub(crate) testdata: Option<PathBuf>,
    /// What recognition is held against, if it is there.
    pub(crate) peer: Option<Environment>,
    /// What rooms are held against, if it is there.
    pub(crate) agents: Option<Agents>,
}

pub(crate) type Values = Vec<Result<f64, String>>;

/// Of frames, without the first tenth, in which caches and queues are filled.
fn steady(times: &[u64]) -> Vec<f64> {
    times[times.len() / 10..].iter().map(|nanos| *nanos as f64).collect()
}

fn micros(latencies: &[u64]) -> Result<f64, String> {
    median(steady(latencies)).map(|nanos| nanos / 1e3).ok_or_else(|| "no frame arrived".to_owned())
}

/// Microseconds from one arrival to the next.
fn micros_apart(arrivals: &[u64]) -> Result<f64, String> {
    let steady = steady(arrivals);
    match (steady.first(), steady.last()) {
        (Some(first), Some(last)) if last > first => Ok((last - first) / 1e3 / (steady.len() - 1) as f64),
        _ => Err("too few frames arrived".to_owned()),
    }
}

fn ratio(ours: &Result<f64, String>, theirs: &Result<f64, String>) -> Result<f64, String> {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => Ok(ours / theirs),
        (Err(reason), _) | (_, Err(reason)) => Err(reason.clone()),
    }
}

pub(crate) fn ratios(ours: &Values, theirs: &Values) -> Measured {
    rounds(ours.iter().zip(theirs).map(|(ours, theirs)| ratio(ours, theirs)).collect())
}

pub(crate) fn must(name: &'static str, bound: f64, measured: Measured, what: &'static str) -> Figure {
    Figure { name, what, bound: Some(Bound::AtMost(bound)), measured }
}

pub(crate) fn shown(name: &'static str, measured: Measured, what: &'static str) -> Figure {
    Figure { name, what, bound: None, measured }
}

/// Nanoseconds from the first frame that needs an empty plugin to its arrival behind it.
pub(crate) fn first_need(bench: &Bench) -> Result<u64, String> {
    let plugins = Plugins::find(&bench.plugins, &bench.copies())?;
    let plan = Plan { pipeline: &bench.pipeline("load"), beat: Beat::Next, frames: 1, metering: true };
    Ok(plugins.run(&plan)?.latencies()[0])
}

impl Bench {
    pub(crate) fn pipeline(&self, name: &str) -> PathBuf {
        self.pipelines.join(name).with_extension("toml")
    }

    /// Optimised forms of models that only this benchmark uses.
    pub(crate) fn cache(&self) -> PathBuf {
        std::path::absolute(&self.work).unwrap_or_else(|_| self.work.clone()).join("cache")
    }

    fn copies(&self) -> PathBuf {
        self.work.join("copies")
    }

    pub(crate) fn command(&self, pipeline: &Path) -> Command {
        let mut command = command(&self.majlis, &self.plugins, &self.work, pipeline);
        // The idle pipelines name the folder, and open nothing in it.
        command.env("MAJLIS_TESTDATA", self.testdata.as_deref().unwrap_or(&self.work));
        command
    }

    /// Takes what is wanted, in groups of figures that are taken together.
    pub(crate) fn figures(&self, wanted: &dyn Fn(&str) -> bool) -> Vec<Figure> {
        let groups: [(&[&str], Group<'_>); 18] = [
            (&["idle_rss_mib", "ready_ms"], &|| self.start()),
            (&["chain5_same_thread_us", "chain5_unmetered_us", "chain5_ratio_vs_gstreamer"], &|| self.same_thread()),
            (&["chain5_cross_thread_us"], &|| self.cross_thread()),
            (&["chain5_paced_ratio"], &|| self.paced()),
            (&["chain5_throughput_ratio"], &|| self.streamed()),
            (&["call_overhead_ns", "meter_ns"], &|| self.boundary()),
            (&["search_10k_ms"], &|| vec![Self::search()]),
            (&["vision_overhead_ms"], &|| vec![Self::vision_overhead()]),
            (&["idle_cpu_percent"], &|| vec![self.idle_cpu()]),
            (&["voice_first_packet_ms", "voice_first_packet_cached_ms", "voice_flush_ms"], &|| self.voice()),
            (&["plugin_load_ms", "first_greeting_ms", "recognise_ms"], &|| self.readiness()),
            (&["scene_gate_ms"], &|| vec![self.scene_gate()]),
            (&["vision_calls_saved"], &|| looks::figures(self)),
            (&["arrival_to_first_sound"], &|| sound::figures(self)),
            // `peer` asks for all that is held against it.
            (&["peer", "recognise_ratio", "recognise_group", "rss_after_runs_mib"], &|| recognition::beside_peer(self)),
            (&["peer", "open_ratio_vs_python_r50", "open_r50"], &|| recognition::openings(self)),
            (
                &[
                    "peer",
                    "rooms",
                    "dispatch_to_joined_ratio",
                    "assigned_to_joined_ratio",
                    "worker_idle_pss_mib",
                    "room_extra_idle_mib",
                    "room_extra_camera_mib",
                ],
                &|| rooms::dispatch::figures(self),
            ),
            (
                &[
                    "rooms",
                    "arrival_to_ready_ratio",
                    "arrival_to_ready_prewarmed_ms",
                    "speech_to_avatar_ms",
                    "failover_ms",
                    "failover_hang_ms",
                    "death_to_voice_ms",
                ],
                &|| rooms::avatar::figures(self),
            ),
        ];
        let mut figures = Vec::new();
        for (names, take) in groups {
            if names.iter().any(|name| wanted(name)) {
                eprintln!("measuring {}", names.join(", "));
                figures.extend(take());
            }
        }
        figures
    }

    fn start(&self) -> Vec<Figure> {
        // The first start copies the plugins, or finds the copies.
        let mut ready = Values::new();
        let mut resident = Values::new();
        for round in 0..16 {
            let run = Run::start(self.command(&self.pipeline("idle")).arg("--milestones").stdout(Stdio::null()));
            let taken = run.and_then(|mut run| {
                let time = run.until("ready")?;
                if round % 4 == 1 {
                    // The source is opened after the moment at which the program is ready.
                    std::thread::sleep(Duration::from_millis(300));
                    resident.push(run.resident().map(|bytes| bytes / f64::from(1 << 20)));
                }
                Ok(time.as_secs_f64() * 1e3)
            });
            if round > 0 {
                ready.push(taken);
            }
        }
        vec![
            must("idle_rss_mib", 12.0, rounds(resident), "resident before the first packet of photos.toml, all lazy"),
            must("ready_ms", 40.0, rounds(ready), "exec to ready for the first packet"),
        ]
    }

    fn search() -> Figure {
        let times = search::rounds().map(|times| times.into_iter().map(Ok).collect()).and_then(rounds);
        must("search_10k_ms", 1.5, times, "the two closest of 10,000 people with 512 dimensions")
    }

    fn vision_overhead() -> Figure {
        let times = vision::overhead().map(|times| times.into_iter().map(Ok).collect()).and_then(rounds);
        must("vision_overhead_ms", 8.0, times, "a 640x480 frame to its question, and its answer to the scene, warm")
    }

    fn run(&self, plugins: &Result<Plugins, String>, plan: &Plan<'_>) -> Result<std::sync::Arc<Tap>, String> {
        plugins.as_ref().map_err(Clone::clone)?.run(plan)
    }

    fn same_thread(&self) -> Vec<Figure> {
        let plugins = Plugins::find(&self.plugins, &self.copies());
        let take = |pipeline, beat, metering| {
            let plan = Plan { pipeline: &self.pipeline(pipeline), beat, frames: 20_000, metering };
            self.run(&plugins, &plan).and_then(|tap| micros(&tap.latencies()))
        };
        let missing = gstreamer::missing();
        let (mut metered, mut unmetered, mut in_visit) = (vec![], vec![], vec![]);
        let (mut alone, mut theirs) = (vec![], vec![]);
        for _ in 0..9 {
            metered.push(take("same-thread", Beat::Next, true));
            let five = take("same-thread", Beat::Next, false);
            let none = take("no-stage", Beat::Next, false);
            alone.push(five.clone().and_then(|five| none.map(|none| five - none)));
            unmetered.push(five);
            in_visit.push(take("same-thread", Beat::AnsweredInVisit, true));
            theirs.push(missing.clone().map_or_else(gstreamer::five, Err));
        }
        // Like with like: GStreamer's figure is a pipeline with five of them less one without, too.
        let ratio = ratios(&alone, &theirs);
        vec![
            must("chain5_same_thread_us", 1.5, rounds(metered), "a frame through five stages on one thread, p50"),
            must("chain5_unmetered_us", 0.6, rounds(unmetered), "the same without metering"),
            shown("chain5_in_visit_us", rounds(in_visit), "the same, metered, with each call in a visit's record"),
            shown("chain5_less_none_us", rounds(alone), "unmetered, less a pipeline without the five stages"),
            must("chain5_ratio_vs_gstreamer", 1.0, ratio, "that over GStreamer's five identity"),
            shown("gstreamer_identity5_us", rounds(theirs), "GStreamer's five identity less none, a buffer"),
        ]
    }

    fn cross_thread(&self) -> Vec<Figure> {
        let plugins = Plugins::find(&self.plugins, &self.copies());
        let pipeline = self.pipeline("five-threads");
        let (mut ours, mut theirs) = (vec![], vec![]);
        for _ in 0..9 {
            let plan = Plan { pipeline: &pipeline, beat: Beat::Answered, frames: 4_000, metering: true };
            ours.push(self.run(&plugins, &plan).and_then(|tap| micros(&tap.latencies())));
            theirs.push(micros(&bare::answered(4_000)));
        }
        vec![
            must("chain5_cross_thread_us", 30.0, rounds(ours), "five threads, one frame at a time, p50"),
            shown("bare_cross_thread_us", rounds(theirs), "bare channels, the same"),
        ]
    }

    fn paced(&self) -> Vec<Figure> {
        let plugins = Plugins::find(&self.plugins, &self.copies());
        let pipeline = self.pipeline("five-threads");
        let (mut ours, mut theirs) = (vec![], vec![]);
        for _ in 0..7 {
            let beat = Beat::Every(u64::try_from(PERIOD.as_nanos()).unwrap_or(u64::MAX));
            let plan = Plan { pipeline: &pipeline, beat, frames: 60, metering: true };
            ours.push(self.run(&plugins, &plan).and_then(|tap| micros(&tap.latencies())));
            theirs.push(micros(&bare::paced(60, PERIOD)));
        }
        vec![
            must(
                "chain5_paced_ratio",
                1.3,
                ratios(&ours, &theirs),
                "five threads at 30 frames/s over bare channels, p50",
            ),
            shown("chain5_paced_us", rounds(ours), "five threads at 30 frames/s, p50"),
            shown("bare_paced_us", rounds(theirs), "bare channels, the same"),
        ]
    }

    fn streamed(&self) -> Vec<Figure> {
        let plugins = Plugins::find(&self.plugins, &self.copies());
        let pipeline = self.pipeline("five-threads");
        let (mut ours, mut theirs) = (vec![], vec![]);
        for _ in 0..9 {
            let plan = Plan { pipeline: &pipeline, beat: Beat::Stream, frames: 30_000, metering: true };
            ours.push(self.run(&plugins, &plan).and_then(|tap| micros_apart(&tap.arrivals())));
            theirs.push(micros_apart(&bare::streamed(30_000, 4)));
        }
        let ratio = ratios(&ours, &theirs);
        vec![
            must("chain5_throughput_ratio", 2.0, ratio, "five threads streaming at depth 4 over bare channels"),
            shown("chain5_stream_us", rounds(ours), "five threads streaming, a frame"),
            shown("bare_stream_us", rounds(theirs), "bare channels, the same"),
        ]
    }

    fn boundary(&self) -> Vec<Figure> {
        let plugins = Plugins::find(&self.plugins, &self.copies());
        let library = plugins.and_then(|plugins| plugins.open("identity"));
        let stage = library.and_then(|library| library.create().map_err(|refused| refused.to_string()));
        let (overhead, meter) = match stage.and_then(|stage| boundary::rounds(stage, 15)) {
            Ok(taken) => (
                rounds(taken.iter().map(|round| Ok(round.overhead)).collect()),
                rounds(taken.iter().map(|round| Ok(round.meter)).collect()),
            ),
            Err(reason) => (Err(reason.clone()), Err(reason)),
        };
        vec![
            must("call_overhead_ns", 250.0, overhead, "a metered call across the boundary over a direct one"),
            must("meter_ns", 120.0, meter, "metering a call: wall time, heap, peak"),
        ]
    }

    fn voice(&self) -> Vec<Figure> {
        let plugins = Plugins::find(&self.plugins, &self.copies());
        let take = |again| match &plugins {
            Ok(plugins) => rounds(voice::first_packets(plugins, &self.pipeline("voice"), again)),
            Err(reason) => Err(reason.clone()),
        };
        let (made, kept) = (take(false), take(true));
        let flushed = match &plugins {
            Ok(plugins) => rounds(flush::lengths(plugins, &self.pipeline("flush"))),
            Err(reason) => Err(reason.clone()),
        };
        vec![
            must("voice_first_packet_ms", 50.0, made, "an utterance to the first packet of its sound, espeak-ng"),
            must("voice_first_packet_cached_ms", 2.0, kept, "the same, of one that was said before"),
            must("voice_flush_ms", 40.0, flushed, "an utterance is interrupted, to the end of what is heard of it"),
        ]
    }

    fn idle_cpu(&self) -> Figure {
        const LOOKED_AT: Duration = Duration::from_secs(6);
        let take = || {
            let mut command = self.command(&self.pipeline("at-rest"));
            let mut run = Run::start(command.arg("--milestones").stdout(Stdio::null()))?;
            run.until("ready")?;
            std::thread::sleep(Duration::from_secs(1));
            let before = run.processor_time()?;
            std::thread::sleep(LOOKED_AT);
            let used = run.processor_time()?.saturating_sub(before);
            Ok(used as f64 / LOOKED_AT.as_nanos() as f64 * 100.0)
        };
        must("idle_cpu_percent", 0.1, rounds(vec![take()]), "of one core, open stages with nothing to do, 6 s")
    }

    fn readiness(&self) -> Vec<Figure> {
        let load = (0..16).map(|_| self.first_need_of_a_process()).skip(1).collect();
        vec![
            must("plugin_load_ms", 2.0, rounds(load), "first need of an empty plugin to its first answer"),
            must("first_greeting_ms", 250.0, self.first_greeting(), "exec to the first greeting by name, photos.toml"),
            shown("recognise_ms_1t", self.recognise("recognise-1t"), "a 512 px photograph, 1 thread"),
            shown("recognise_ms_2t", self.recognise("recognise-2t"), "the same, 2 threads"),
        ]
    }

    /// A library is opened once a process, so each round is one.
    fn first_need_of_a_process(&self) -> Result<f64, String> {
        let me = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(me);
        command.arg("--first-need").arg("--plugins").arg(&self.plugins);
        command.arg("--pipelines").arg(&self.pipelines).arg("--work").arg(&self.work);
        let output = command.output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        match text.trim().parse::<f64>() {
            Ok(nanos) if output.status.success() => Ok(nanos / 1e6),
            _ => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        }
    }

    fn first_greeting(&self) -> Measured {
        self.need_testdata()?;
        let pipeline = self.pipelines.join("../../../pipelines/photos.toml");
        let once = || {
            let mut run = Run::start(self.command(&pipeline).arg("--milestones").stdout(Stdio::null()))?;
            let mut recognised = None;
            loop {
                let moment = run.moment()?;
                match moment.name.as_str() {
                    "recognised" => recognised = Some(moment.visit),
                    // Who is greeted without being recognised is greeted although nobody could look.
                    "greeted" if recognised == Some(moment.visit) => return Ok(moment.after.as_secs_f64() * 1e3),
                    "greeted" => {
                        return Err("the first visitor was greeted as a guest: is ONNX Runtime there?".to_owned());
                    }
                    _ => {}
                }
            }
        };
        // The first start optimises the models.
        rounds((0..12).map(|_| once()).skip(1).collect())
    }

    fn recognise(&self, pipeline: &str) -> Measured {
        self.calls_of(pipeline, "faces")
    }

    fn scene_gate(&self) -> Figure {
        must("scene_gate_ms", 1.0, self.calls_of("gate", "gate"), "whether a frame of 640 x 480 is worth a look, p50")
    }

    /// Milliseconds of a stage's calls in a pipeline that runs for some seconds.
    fn calls_of(&self, pipeline: &str, stage: &str) -> Measured {
        self.need_testdata()?;
        let once = || {
            let mut command = self.command(&self.pipeline(pipeline));
            let run = Run::start(command.args(["--report", "json"]).stdout(Stdio::piped()))?;
            std::thread::sleep(Duration::from_secs(4));
            Ok(median_of_stage(&run.drain()?, stage)? / 1e6)
        };
        rounds((0..3).map(|_| once()).collect())
    }

    pub(crate) fn need_testdata(&self) -> Result<&Path, String> {
        let missing = "there are no photographs and models: name their folder in MAJLIS_TESTDATA";
        self.testdata.as_deref().ok_or_else(|| missing.to_owned())
    }
}

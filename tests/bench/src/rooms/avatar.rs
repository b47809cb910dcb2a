//! From a visitor's arrival to an avatar that is ready, from speech to the avatar, and what follows when a vendor or an avatar fails:
//! the whole program with avatars.toml.
//!
//! Each round is a run of its own with a visitor of its own, so each is cold. The vendor that is asked is a server of this process,
//! held to the vendor's published description; its avatar joins the room, publishes a picture and plays what it is sent.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use majlis_test_guests::{Avatar, Conduct, Hall, Visitor};
use majlis_test_livekit::{ask_for_token, door_in};
use majlis_test_server::{Act, Request, Server};
use serde_json::Value;

use super::{LOOK, Place, guarded, millis, moment, until};
use crate::figure::{Figure, Measured, rounds};
use crate::measure::{Bench, Values, must, shown};
use crate::program::Run;

const COLD: usize = 5;
const PREWARMED: usize = 7;
const REFUSED: usize = 6;
const HUNG: usize = 5;
const DIED: usize = 5;

/// From the request to the first frame a vendor takes a tenth of what the slowest one was seen to take, 18.45 s. So long of it
/// passes before its avatar joins the room; the rest is joining and publishing.
const JOINS_AFTER: Duration = Duration::from_millis(1_785);
/// A vendor that hangs is given so long; longer than any other takes here.
const LIMIT: Duration = Duration::from_secs(1);
const NO_LIMIT: &str = "10s";
/// An avatar dies when it has said so much of the greeting.
const DIES_AFTER: Duration = Duration::from_millis(600);
/// The vendor that is asked next answers so late: until then, its refusal is the last that the other one gave.
const ANSWERS_AFTER: Duration = Duration::from_millis(300);
/// Pictures a second of a visitor's camera, and of an avatar: vendors send 25 and more.
const FPS: [u32; 2] = [10, 25];

/// A figure's words, and its rounds.
type Rounds<'a> = &'a dyn Fn(&Place<'_>, usize) -> Result<f64, String>;

pub(crate) fn figures(bench: &Bench) -> Vec<Figure> {
    let place = Place::open(bench);
    let take = |count: usize, round: Rounds<'_>| -> Measured {
        let place = place.as_ref().map_err(Clone::clone)?;
        rounds((0..count).map(|number| guarded(|| round(place, number))).collect())
    };
    let cold = each(&place, COLD, cold);
    let prewarmed = each(&place, PREWARMED, prewarmed);
    let of_cold = |what: fn(&Cold) -> f64| values(&cold, what);
    let of_prewarmed = |what: fn(&Prewarmed) -> f64| values(&prewarmed, what);
    vec![
        must(
            "arrival_to_ready_ratio",
            1.10,
            of_cold(|cold| cold.ready / cold.own),
            "a visitor's arrival to an avatar that is ready, over the vendor's own time from its request to its first frame, about 1.845 s",
        ),
        shown("arrival_to_ready_ms", of_cold(|cold| cold.ready), "ours of it"),
        shown("vendor_own_ms", of_cold(|cold| cold.own), "the vendor's of it"),
        shown("arrival_to_asked_ms", of_cold(|cold| cold.asked), "of ours: arrival to the request at the vendor"),
        shown(
            "frame_to_ready_ms",
            of_cold(|cold| cold.ready - cold.asked - cold.own),
            "of ours: first frame captured to ready, the page's word included",
        ),
        must(
            "arrival_to_ready_prewarmed_ms",
            300.0,
            of_prewarmed(|round| round.ready),
            "the same with an avatar that waits: arrival to its picture at the visitor's own subscriber",
        ),
        must(
            "speech_to_avatar_ms",
            15.0,
            of_prewarmed(|round| round.speech),
            "a greeting's first packet at the room's stage to its first bytes at the avatar",
        ),
        must("failover_ms", 20.0, take(REFUSED, &refused), "a vendor's refusal given to the next vendor asked"),
        must("failover_hang_ms", 20.0, take(HUNG, &hung), "the limit of a vendor that hangs to the next vendor asked"),
        must(
            "death_to_voice_ms",
            1_000.0,
            take(DIED, &died),
            "an avatar leaves in mid-speech to the agent's own voice, as the visitor hears it",
        ),
    ]
}

fn each<T>(
    place: &Result<Place<'_>, String>,
    count: usize,
    round: impl Fn(&Place<'_>, usize) -> Result<T, String>,
) -> Vec<Result<T, String>> {
    match place {
        Ok(place) => (0..count).map(|number| guarded(|| round(place, number))).collect(),
        Err(reason) => vec![Err(reason.clone())],
    }
}

fn values<T>(taken: &[Result<T, String>], what: impl Fn(&T) -> f64) -> Measured {
    let values: Values = taken.iter().map(|round| round.as_ref().map(&what).map_err(Clone::clone)).collect();
    rounds(values)
}

/// Milliseconds.
struct Cold {
    /// Arrival to the request at the vendor.
    asked: f64,
    /// That request to the avatar's first frame.
    own: f64,
    /// Arrival to ready: the avatar's picture is decoded at the visitor, its page has said so, and the program has it as ready.
    ready: f64,
}

fn cold(place: &Place<'_>, number: usize) -> Result<Cold, String> {
    let conduct = Conduct { joins_after: JOINS_AFTER, ..good() };
    let mut stand = Stand::open(place, &format!("cold-{number}"), false, NO_LIMIT, Vec::new(), vec![conduct])?;
    let visitor = stand.visitor(number);
    let arrived = moment(visitor.joined_at());
    let seen = first_picture(&visitor)?;
    visitor.says_that_it_shows(&seen.0, &agent_of(&visitor)?);
    let ready = stand.run.reached("avatar-ready")?.at.max(seen.1);
    let asked = stand.starts().first().ok_or("no vendor was asked")?.at;
    let frame = stand.avatars().first().and_then(Avatar::first_frame).ok_or("no frame was sent")?;
    stand.close(visitor)?;
    Ok(Cold { asked: millis(arrived, asked), own: millis(asked, frame), ready: millis(arrived, ready) })
}

/// Milliseconds.
struct Prewarmed {
    ready: f64,
    speech: f64,
}

fn prewarmed(place: &Place<'_>, number: usize) -> Result<Prewarmed, String> {
    let mut stand = Stand::open(place, &format!("prewarmed-{number}"), true, NO_LIMIT, Vec::new(), Vec::new())?;
    stand.run.line("waits for the next visitor")?;
    // Its first frame is at the room's stage before anybody comes.
    sleep(Duration::from_secs(1));
    let visitor = stand.visitor(number);
    let arrived = moment(visitor.joined_at());
    let seen = first_picture(&visitor)?;
    let ready = stand.run.reached("avatar-ready")?.at.max(seen.1);
    let heard = until("the greeting at the avatar", || {
        let avatars = stand.avatars();
        let mut speeches = avatars.iter().flat_map(Avatar::speeches);
        speeches.find(|speech| !speech.samples.is_empty()).map(|speech| speech.began)
    })?;
    let zero = stand.run.zero()?;
    let report = stand.close(visitor)?;
    let begun = begun(&report, "speech").ok_or("the report has no speech")?;
    Ok(Prewarmed { ready: millis(arrived, ready), speech: millis(zero + begun, heard) })
}

/// A vendor refuses: the key in one round, and in the next because it has no free slot. It is not asked a second time.
fn refused(place: &Place<'_>, number: usize) -> Result<f64, String> {
    let no_slot = r#"{"message":"User has reached maximum concurrent conversations"}"#;
    let refusal = if number.is_multiple_of(2) { Act::status(401) } else { Act::status(400).body(no_slot) };
    let acts = vec![refusal, Act::session().after(ANSWERS_AFTER)];
    let stand = Stand::open(place, &format!("refused-{number}"), false, NO_LIMIT, acts, Vec::new())?;
    let before = stand.vendor.last_given();
    let watched = Arc::clone(&stand.vendor);
    let given =
        std::thread::spawn(move || until("a refusal", || watched.last_given().filter(|at| Some(*at) != before)));
    let visitor = stand.visitor(number);
    let refused = given.join().map_err(|_| "nobody saw the refusal")??;
    let next = until("a request to the next vendor", || stand.starts().get(1).cloned())?;
    stand.close(visitor)?;
    if !next.path.starts_with("/bey/") {
        return Err(format!("the next request went to {}", next.path));
    }
    Ok(millis(refused, next.at))
}

/// A vendor accepts and nobody comes.
fn hung(place: &Place<'_>, number: usize) -> Result<f64, String> {
    let absent = Conduct { joins: false, ..good() };
    let limit = format!("{}ms", LIMIT.as_millis());
    let mut stand = Stand::open(place, &format!("hung-{number}"), false, &limit, Vec::new(), vec![absent])?;
    let visitor = stand.visitor(number);
    let asked = stand.run.reached("avatar-asked")?;
    let next = until("a request to the next vendor", || stand.starts().get(1).cloned())?;
    let limit = stand.run.zero()? + Duration::from_nanos(asked.nanos) + LIMIT;
    stand.close(visitor)?;
    Ok(millis(limit, next.at))
}

/// An avatar leaves the room while it speaks.
fn died(place: &Place<'_>, number: usize) -> Result<f64, String> {
    let mortal = Conduct { dies_after: Some(DIES_AFTER), ..good() };
    let stand = Stand::open(place, &format!("died-{number}"), false, NO_LIMIT, Vec::new(), vec![mortal])?;
    let visitor = stand.visitor(number);
    let seen = first_picture(&visitor)?;
    let agent = agent_of(&visitor)?;
    visitor.says_that_it_shows(&seen.0, &agent);
    let died = until("the end of the avatar", || stand.avatars().first().and_then(Avatar::died))?;
    let heard = until("the agent's own voice", || visitor.audible(&agent))?;
    stand.close(visitor)?;
    if heard < died {
        return Err("the agent spoke while the avatar did".to_owned());
    }
    Ok(millis(died, heard))
}

/// An avatar that does all that it should.
fn good() -> Conduct {
    Conduct { fps: FPS[1], ..Conduct::default() }
}

/// The first picture of somebody else: of whom, and when it was decoded.
fn first_picture(visitor: &Visitor) -> Result<(String, Instant), String> {
    until("the avatar's picture", || {
        let shown = visitor.present().into_iter().filter_map(|who| Some((visitor.shown(&who)?.at, who)));
        shown.min().map(|(at, who)| (who, at))
    })
}

/// Who shows what it is doing.
fn agent_of(visitor: &Visitor) -> Result<String, String> {
    let is_agent = |who: &String| !visitor.values(who, "lk.agent.state").is_empty();
    until("the agent", || visitor.present().into_iter().find(is_agent))
}

/// When the first deferred work with this label began, on the run's clock.
fn begun(report: &Value, label: &str) -> Option<Duration> {
    let visits = report["visits"].as_array()?;
    let steps = visits.iter().filter_map(|visit| visit["steps"].as_array()).flatten();
    let is_it = |step: &&Value| {
        step["kind"] == "work" && step["title"].as_str().is_some_and(|title| title.ends_with(&format!(": {label}")))
    };
    steps.filter(is_it).filter_map(|step| step["start_ns"].as_u64()).min().map(Duration::from_nanos)
}

/// The program in a room, and the vendors that it asks.
struct Stand<'a> {
    place: &'a Place<'a>,
    run: Run,
    /// Where a page asks for a token.
    door: String,
    _bringing: Bringing,
    avatars: Arc<Mutex<Vec<Avatar>>>,
    vendor: Arc<Server>,
}

impl<'a> Stand<'a> {
    /// Starts it, and waits until the room is joined. Vendors do these acts and behave otherwise; so do their avatars.
    fn open(
        place: &'a Place<'a>,
        room: &str,
        prewarm: bool,
        start_within: &str,
        acts: Vec<Act>,
        conducts: Vec<Conduct>,
    ) -> Result<Self, String> {
        let vendor = Arc::new(Server::start());
        vendor.script(acts);
        let mut command = place.command("avatars");
        command.env("MAJLIS_BENCH_ROOM", room).env("MAJLIS_BENCH_PREWARM", if prewarm { "1" } else { "0" });
        command.env("MAJLIS_BENCH_START_WITHIN", start_within).env("MAJLIS_BENCH_VENDOR_KEY", "none");
        command.env("MAJLIS_BENCH_TAVUS", vendor.avatars_url("tavus"));
        command.env("MAJLIS_BENCH_BEY", vendor.avatars_url("bey"));
        // Sessions of a run before are no part of this one.
        command.env("XDG_DATA_HOME", place.stores.join(room));
        let avatars = Arc::<Mutex<Vec<Avatar>>>::default();
        let bringing = Bringing::begin(&place.hall, &vendor, &avatars, conducts);
        let mut run = Run::start(command.stdout(Stdio::piped()))?;
        run.until("ready")?;
        run.line("is joined at")?;
        let told = run.line("tokens are given at")?;
        let door = door_in(&told).ok_or("it does not say where tokens are given")?.to_owned();
        Ok(Self { place, door, run, _bringing: bringing, avatars, vendor })
    }

    fn visitor(&self, number: usize) -> Visitor {
        let (_, pass) = ask_for_token(&self.door, "");
        let token = pass["participant_token"].as_str().expect("a token");
        self.place.hall.visitor(token, Some((&self.place.somebody(number), FPS[0])))
    }

    fn avatars(&self) -> MutexGuard<'_, Vec<Avatar>> {
        self.avatars.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests for a session.
    fn starts(&self) -> Vec<Request> {
        let mut requests = self.vendor.requests();
        requests.retain(|request| ["/tavus/v2/conversations", "/bey/v1/sessions"].contains(&request.path.as_str()));
        requests
    }

    /// The visitor leaves, and the program is ended. Gives its report.
    fn close(self, visitor: Visitor) -> Result<Value, String> {
        visitor.leave();
        let report = self.run.drain()?;
        serde_json::from_slice(&report).map_err(|error| format!("the report is no JSON: {error}"))
    }
}

/// Brings an avatar for each session that a vendor begins, until it is dropped.
struct Bringing {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bringing {
    fn begin(
        hall: &Arc<Hall>,
        vendor: &Arc<Server>,
        avatars: &Arc<Mutex<Vec<Avatar>>>,
        conducts: Vec<Conduct>,
    ) -> Self {
        let over = Arc::<AtomicBool>::default();
        let (hall, vendor, avatars, ends) = (hall.clone(), vendor.clone(), avatars.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            let (mut known, mut conducts) = (0, conducts.into_iter());
            while !ends.load(Ordering::Relaxed) {
                for session in vendor.sessions().into_iter().skip(known) {
                    known += 1;
                    let avatar = hall.avatar(&hall.server.url(), &session.token, conducts.next().unwrap_or_else(good));
                    avatars.lock().unwrap_or_else(PoisonError::into_inner).push(avatar);
                }
                sleep(LOOK);
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Bringing {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // One that panicked has said so.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn speech_began_when_the_first_of_it_did_and_never_where_there_was_none() {
        let step = |title: &str, start: u64| json!({ "kind": "work", "title": title, "start_ns": start });
        let visit =
            json!({ "steps": [step("Room: speech", 9), step("Room: speech", 7), step("Avatar: avatar starts", 3)] });
        let report = json!({ "visits": [{ "steps": [] }, visit] });
        assert_eq!(begun(&report, "speech"), Some(Duration::from_nanos(7)));
        assert_eq!(begun(&report, "greeting"), None);
    }
}

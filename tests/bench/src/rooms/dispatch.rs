//! A worker of LiveKit's dispatch beside the peer's: how soon it is where it was sent, and what it holds in memory.
//!
//! Both run at the same time, on the same server, each with a name of its own; they are sent for in turn, each when it rests. The
//! visitor is the same, and the server's own list says when the agent is there: of somebody who publishes nothing, as the peer, it
//! tells the others after up to three seconds.
//!
//! The server itself takes 200 ms of it before it gives a job to anybody: so long it waits for other nodes of its own that might do
//! better (`DefaultAffinityShortCircuit` of its psrpc), and neither a worker nor a setting shortens it. Then it offers the room, a
//! worker answers, which takes ours 1 to 4 ms, and the room is the worker's. What comes after that its log tells.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::worker::Worker;
use super::{Place, guarded, millis, until};
use crate::figure::{Figure, Measured, rounds};
use crate::measure::{Bench, Values, must, ratios, shown};

/// Rooms that each is sent to, one after the other; the first one does not count.
const ROUNDS: usize = 7;
/// Pages that were freed are kept for two seconds: memory is read later.
const REST: Duration = Duration::from_secs(3);
/// Pictures a second of a camera.
const FPS: u32 = 10;

/// What is in the rooms that are held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// A visitor.
    Idle,
    /// A visitor with a camera before which nobody stands: nothing follows from its pictures.
    Camera,
    /// A visitor who is greeted by name, aloud and in writing.
    Greeted,
}

impl Held {
    /// So many rooms are held beside the first one.
    fn further(self) -> usize {
        if self == Self::Greeted { 2 } else { 4 }
    }
}

/// What is measured of one worker.
#[derive(Default)]
struct Taken {
    /// Milliseconds, one a round.
    joined: Values,
    /// The part of it that is the worker's.
    served: Values,
    /// MiB.
    idle: Values,
    /// MiB a further room: after one more, two more, and so on.
    extra_idle: Values,
    extra_camera: Values,
    /// Of ours alone.
    extra_greeted: Values,
}

pub(crate) fn figures(bench: &Bench) -> Vec<Figure> {
    let [ours, theirs] = match Place::open(bench) {
        Ok(place) => taken(&place),
        Err(reason) => [missing(&reason), missing(&reason)],
    };
    let ratio = ratios(&ours.joined, &theirs.joined);
    let of_workers = ratios(&ours.served, &theirs.served);
    let [ours_joined, peer_joined] = [ours.joined, theirs.joined].map(rounds);
    let [ours_served, peer_served] = [ours.served, theirs.served].map(rounds);
    let of = |values: Values| -> Measured { rounds(values) };
    vec![
        must(
            "assigned_to_joined_ratio",
            0.6,
            of_workers,
            "the server gives a room to a worker, to the agent active in it, by the server's log, over livekit-agents'",
        ),
        shown("assigned_to_joined_ms", ours_served, "ours of it"),
        shown("peer_assigned_to_joined_ms", peer_served, "livekit-agents' of it, warm processes"),
        shown(
            "dispatch_to_joined_ratio",
            ratio,
            "the same from CreateDispatch on, by the server's list; of both, 200 ms are the server's own",
        ),
        shown("dispatch_to_joined_ms", ours_joined, "ours of it"),
        shown("peer_dispatch_to_joined_ms", peer_joined, "livekit-agents' of it"),
        must(
            "worker_idle_pss_mib",
            45.0,
            of(ours.idle),
            "the same process, models open, in no room: PSS of the whole program",
        ),
        shown("peer_worker_idle_pss_mib", of(theirs.idle), "livekit-agents' processes together, warm, in no room"),
        must(
            "room_extra_idle_mib",
            2.0,
            of(ours.extra_idle),
            "each further room held, a visitor without a camera in it: PSS",
        ),
        shown("peer_room_extra_idle_mib", of(theirs.extra_idle), "livekit-agents' of it"),
        must(
            "room_extra_camera_mib",
            6.0,
            of(ours.extra_camera),
            "the same with a camera of 640 x 480 in each, decoded and looked at, before which nobody stands",
        ),
        shown("peer_room_extra_camera_mib", of(theirs.extra_camera), "livekit-agents' of it, decoded"),
        shown(
            "room_extra_greeted_mib",
            of(ours.extra_greeted),
            "ours with a visitor before each camera, greeted by name, aloud and in writing",
        ),
    ]
}

fn missing(reason: &str) -> Taken {
    let [joined, served, idle, extra_idle, extra_camera, extra_greeted] =
        [(); 6].map(|()| vec![Err(reason.to_owned())]);
    Taken { joined, served, idle, extra_idle, extra_camera, extra_greeted }
}

/// Ours, and the peer's.
fn taken(place: &Place<'_>) -> [Taken; 2] {
    let mut taken = [Taken::default(), Taken::default()];
    let mut workers = start(place);
    sleep(REST);
    for (worker, taken) in workers.iter().zip(&mut taken) {
        taken.idle.push(worker.as_ref().map_err(Clone::clone).and_then(Worker::memory));
    }
    for round in 0..=ROUNDS {
        for side in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let joined = with(&mut workers[side], |worker| joined(place, worker, round));
            if round > 0 {
                taken[side].joined.push(joined.clone().map(|(all, _)| all));
                taken[side].served.push(joined.map(|(_, own)| own));
            }
        }
    }
    for (worker, taken) in workers.iter_mut().zip(&mut taken) {
        taken.extra_idle = values(with(worker, |worker| held(place, worker, Held::Idle)));
    }
    drop(workers);
    // What was used for rooms before would be used for these again, and not be counted.
    for (worker, taken) in start(place).into_iter().zip(&mut taken) {
        taken.extra_camera = values(anew(place, worker, Held::Camera));
    }
    taken[0].extra_greeted = values(anew(place, guarded(|| Worker::ours(place)), Held::Greeted));
    taken
}

/// Rooms of a worker that was in none before, and which ends with this.
fn anew(place: &Place<'_>, mut worker: Result<Worker, String>, what: Held) -> Result<Vec<f64>, String> {
    let values = with(&mut worker, |worker| held(place, worker, what))?;
    match worker?.end()? {
        Some(seen) if seen <= what.further() => Err(format!("only {seen} cameras were looked at")),
        _ => Ok(values),
    }
}

fn start(place: &Place<'_>) -> [Result<Worker, String>; 2] {
    [guarded(|| Worker::ours(place)), guarded(|| Worker::peer(place))]
}

fn with<T>(
    worker: &mut Result<Worker, String>,
    round: impl FnOnce(&mut Worker) -> Result<T, String>,
) -> Result<T, String> {
    let worker = worker.as_mut().map_err(|reason| reason.clone())?;
    guarded(|| round(worker))
}

fn values(taken: Result<Vec<f64>, String>) -> Values {
    taken.map_or_else(|reason| vec![Err(reason)], |values| values.into_iter().map(Ok).collect())
}

/// Milliseconds until an agent is there, in a room of its own; and how many of them were its worker's.
fn joined(place: &Place<'_>, worker: &mut Worker, round: usize) -> Result<(f64, f64), String> {
    worker.rest()?;
    let room = format!("{}-joined-{round}", worker.agent);
    let visitor = place.hall.visitor(&place.hall.server.token("visitor", &room), None);
    let took = sent_for(place, worker, &room)?;
    let served = until("the server's word of it", || served(&place.hall.server.log(), &room));
    visitor.leave();
    delete(place, &room);
    Ok((took, served?))
}

/// Milliseconds from when the server gave a room to a worker until somebody else than the visitor was active in it, by its log.
fn served(log: &str, room: &str) -> Option<f64> {
    let of_room = log.lines().filter(|line| line.contains(room));
    let lines: Vec<Value> = of_room.filter_map(|line| serde_json::from_str(line).ok()).collect();
    let at = |says: &str, is_it: fn(&Value) -> bool| {
        let mut lines = lines.iter().filter(|line| line["room"] == room && line["msg"] == says);
        lines.find(|line| is_it(line))?["ts"].as_f64()
    };
    let assigned = at("assigned job to worker", |_| true)?;
    let active = at("participant active", |line| line["participant"] != "visitor")?;
    Some((active - assigned) * 1e3)
}

/// MiB for each room beside the first one.
fn held(place: &Place<'_>, worker: &mut Worker, what: Held) -> Result<Vec<f64>, String> {
    let (mut visitors, mut values, mut first) = (Vec::new(), Vec::new(), 0.0);
    worker.rest()?;
    for number in 0..=what.further() {
        let room = format!("{}-held-{number}", worker.agent);
        let picture = if what == Held::Greeted { place.somebody(number) } else { place.nobody() };
        let camera = (what != Held::Idle).then_some((&picture, FPS));
        let visitor = place.hall.visitor(&place.hall.server.token("visitor", &room), camera);
        sent_for(place, worker, &room)?;
        match what {
            Held::Idle => {}
            Held::Camera => worker.decodes(&room)?,
            Held::Greeted => {
                let who =
                    until("a voice", || visitor.present().into_iter().find(|who| visitor.audible(who).is_some()))?;
                let does = || visitor.values(&who, "lk.agent.state").pop();
                until("the end of the greeting", || (does().as_deref() == Some("idle")).then_some(()))?;
            }
        }
        visitors.push((visitor, room));
        sleep(REST);
        let memory = worker.memory()?;
        if number == 0 {
            first = memory;
        } else {
            values.push((memory - first) / number as f64);
        }
    }
    for (visitor, room) in visitors {
        visitor.leave();
        delete(place, &room);
    }
    Ok(values)
}

/// Sends for an agent, and waits until it is active in the room. Answers how many milliseconds that took.
fn sent_for(place: &Place<'_>, worker: &Worker, room: &str) -> Result<f64, String> {
    let wanted = json!({ "room": room, "agent_name": worker.agent }).to_string();
    let asked = Instant::now();
    place.hall.server.api("AgentDispatchService/CreateDispatch", room, &wanted);
    let there = until("the agent", || {
        let list = place.hall.server.api("RoomService/ListParticipants", room, &json!({ "room": room }).to_string());
        let list: Value = serde_json::from_str(&list).unwrap_or_default();
        let is_there = |who: &Value| who["kind"] == "AGENT" && who["state"] == "ACTIVE";
        list["participants"].as_array()?.iter().any(is_there).then(Instant::now)
    })?;
    Ok(millis(asked, there))
}

fn delete(place: &Place<'_>, room: &str) {
    place.hall.server.api("RoomService/DeleteRoom", room, &json!({ "room": room }).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_took_what_lies_between_the_servers_two_words_about_its_room() {
        let line = |ts: f64, room: &str, msg: &str, who: &str| {
            json!({ "ts": ts, "room": room, "msg": msg, "participant": who }).to_string()
        };
        let (assigned, active) = ("assigned job to worker", "participant active");
        let mut log = vec![
            "it is no JSON".to_owned(),
            line(1.0, "a", active, "visitor"),
            line(1.2, "b", assigned, ""),
            line(1.25, "a", assigned, ""),
        ];
        assert_eq!(served(&log.join("\n"), "a"), None);
        log.extend([line(1.3, "b", active, "agent-1"), line(1.375, "a", active, "agent-2")]);
        assert_eq!(served(&log.join("\n"), "a"), Some(125.0));
    }
}

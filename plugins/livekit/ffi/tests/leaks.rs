//! What is left behind: nothing. A process of its own, so that nobody else's rooms are counted.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by its panic")]

mod common;

use std::time::{Duration, Instant};

use common::{Scene, active, first, within};
use majlis_livekit_ffi::{
    DataOptions, Picture, PublishVideo, RoomEvent, StreamOptions, VideoRotation, VideoSource, VideoStream,
};

/// How long the library's own threads take to end when a room was left.
const SETTLE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy)]
struct Held {
    handles: usize,
    threads: usize,
    files: usize,
}

impl Held {
    fn is_no_more_than(self, other: Self) -> bool {
        self.handles <= other.handles && self.threads <= other.threads && self.files <= other.files
    }
}

/// The names of the threads, for whoever looks for the one too many.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").expect("a process can look at itself").flatten();
    let mut names: Vec<String> =
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok()).collect();
    names.sort();
    names.iter().map(|name| name.trim().to_owned()).collect()
}

fn held(scene: &Scene) -> Held {
    let entries = |folder| std::fs::read_dir(folder).expect("a process can look at itself").count();
    Held { handles: scene.ffi.handles(), threads: entries("/proc/self/task"), files: entries("/proc/self/fd") }
}

/// A visit: a camera, looked at; a text, a packet, a stream; and everybody leaves.
async fn visit(scene: &Scene) {
    let mut agent = scene.join("agent").await;
    let guest = scene.join("guest").await;
    active(&mut agent, "guest").await;
    let source = VideoSource::new(&scene.ffi, 64, 64).unwrap();
    within("publishing", guest.room.publish_video("camera", &source, &PublishVideo::default())).await.unwrap();
    let publication = first(&mut agent.events, "a publication", |event| match event {
        RoomEvent::TrackPublished { publication, .. } => Some(publication),
        _ => None,
    })
    .await;
    publication.set_subscribed(true).unwrap();
    let track = first(&mut agent.events, "a track", |event| match event {
        RoomEvent::TrackSubscribed { track, .. } => Some(track),
        _ => None,
    })
    .await;
    let mut pictures = VideoStream::new(&track).unwrap();
    let picture = vec![128; 64 * 64 * 3 / 2];
    let filming = async {
        for number in 0.. {
            let picture = Picture::i420(64, 64, &picture).unwrap();
            source.capture(&picture, number * 33_333, VideoRotation::Rotation0).unwrap();
            tokio::time::sleep(Duration::from_millis(33)).await;
        }
    };
    tokio::select! {
        () = filming => {}
        frame = within("a picture", pictures.next()) => assert!(frame.is_some()),
    }
    let options = StreamOptions { topic: "t".into(), ..StreamOptions::default() };
    within("a text", agent.room.send_text("welcome", &options)).await.unwrap();
    within("a packet", agent.room.publish_data(vec![1], &DataOptions::default())).await.unwrap();
    let mut writer = within("a stream", agent.room.open_bytes(&options)).await.unwrap();
    within("writing", writer.write(vec![0; 1_000])).await.unwrap();
    drop(writer);
    within("leaving", guest.room.disconnect()).await.unwrap();
    // The other one is dropped as it is, in the middle of everything.
}

#[tokio::test]
async fn after_50_visits_there_are_no_more_handles_threads_or_files_than_after_5() {
    let Some(scene) = Scene::new("what visits leave behind") else { return };
    // Somebody stays, in a room of their own: the library's engine has threads that begin with the first room and end some time
    // after the last one, and are nobody's who left.
    let stays = scene.join_with(&scene.server.token("somebody", "stand-2")).await;
    let own = scene.ffi.handles();
    for _ in 0..5 {
        visit(&scene).await;
    }
    tokio::time::sleep(SETTLE).await;
    let (early, threads) = (held(&scene), self::threads());
    for number in 5..50 {
        // Pictures take their second to come; joining and leaving is what every visit does.
        if number % 5 == 0 {
            visit(&scene).await;
        } else {
            let joined = scene.join("guest").await;
            within("leaving", joined.room.disconnect()).await.unwrap();
        }
    }
    let until = Instant::now() + 10 * SETTLE;
    let mut late = held(&scene);
    while !late.is_no_more_than(early) && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
        late = held(&scene);
    }
    eprintln!("after 5 visits {early:?}, after 50 {late:?}");
    assert_eq!(early.handles, own);
    assert!(late.is_no_more_than(early), "{early:?} with {threads:?}, then {late:?} with {:?}", self::threads());
    drop(stays);
}

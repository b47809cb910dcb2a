//! Pictures and sound from one participant to another.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by its panic")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{Scene, active, begin_and_drop, first, until_quiet, within};
use majlis_livekit_ffi::{
    AudioSource, AudioStream, Error, Events, Joined, Picture, Publication, PublishAudio, PublishVideo, RemoteTrack,
    RoomEvent, TrackKind, TrackSource, VideoRotation, VideoSource, VideoStream,
};
use majlis_test_livekit::VideoGrants;

async fn publication(events: &mut Events, kind: TrackKind) -> Publication {
    first(events, "a publication", |event| match event {
        RoomEvent::TrackPublished { publication, .. } if publication.kind == kind => Some(publication),
        _ => None,
    })
    .await
}

async fn track(events: &mut Events) -> RemoteTrack {
    first(events, "a track", |event| match event {
        RoomEvent::TrackSubscribed { track, .. } => Some(track),
        _ => None,
    })
    .await
}

/// Something that is done again and again until the test is over.
struct Beat {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Beat {
    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        within("the last beat", self.task).await.expect("every beat went well");
    }
}

/// Sends a picture 15 times a second; the callback paints the one of this number.
fn film(source: VideoSource, width: usize, height: usize, rgba: bool, paint: fn(u32) -> [u8; 3]) -> Beat {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let task = tokio::spawn(async move {
        let colour = width.div_ceil(2) * height.div_ceil(2);
        for number in 0.. {
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            let [a, b, c] = paint(number);
            let data = if rgba {
                [a, b, c, 255].repeat(width * height)
            } else {
                [vec![a; width * height], vec![b; colour], vec![c; colour]].concat()
            };
            let picture = if rgba { Picture::rgba(width, height, &data) } else { Picture::i420(width, height, &data) };
            let at = i64::from(number) * 66_667;
            source.capture(&picture.unwrap(), at, VideoRotation::Rotation0).unwrap();
            tokio::time::sleep(Duration::from_millis(66)).await;
        }
    });
    Beat { stop, task }
}

async fn film_and_watch(
    scene: &Scene,
    width: u32,
    height: u32,
    rgba: bool,
    paint: fn(u32) -> [u8; 3],
) -> (Beat, Joined, Joined, VideoStream) {
    let mut viewer = scene.join("viewer").await;
    let camera = scene.join("camera").await;
    active(&mut viewer, "camera").await;
    let source = VideoSource::new(&scene.ffi, width, height).unwrap();
    let published = within("publishing", camera.room.publish_video("film", &source, &PublishVideo::default())).await;
    published.unwrap();
    let beat = film(source, width as usize, height as usize, rgba, paint);
    let publication = publication(&mut viewer.events, TrackKind::Video).await;
    assert_eq!((publication.name.as_str(), publication.source), ("film", TrackSource::Camera));
    publication.set_subscribed(true).unwrap();
    let stream = VideoStream::new(&track(&mut viewer.events).await).unwrap();
    (beat, viewer, camera, stream)
}

fn near(found: u8, wanted: u8) -> bool {
    found.abs_diff(wanted) <= 8
}

#[tokio::test]
async fn a_picture_in_i420_arrives_as_it_was_sent_of_any_size() {
    let Some(scene) = Scene::new("pictures") else { return };
    // The library cuts sides to multiples of 4.
    let (beat, _viewer, _camera, mut stream) = film_and_watch(&scene, 327, 245, false, |_| [180, 90, 200]).await;
    let frame = within("a picture", stream.next()).await.expect("the track goes on");
    assert_eq!((frame.width, frame.height), (324, 244));
    let planes = [(frame.y(), 324, 244, 180), (frame.u(), 162, 122, 90), (frame.v(), 162, 122, 200)];
    for (plane, width, height, wanted) in planes {
        for row in [0, height / 2, height - 1] {
            let row = &plane.data[row * plane.stride..row * plane.stride + width];
            assert!(
                near(row[0], wanted) && near(row[width - 1], wanted),
                "{} and {}: {wanted}",
                row[0],
                row[width - 1]
            );
        }
    }
    beat.stop().await;
}

#[tokio::test]
async fn a_picture_in_rgba_arrives_in_its_colours() {
    let Some(scene) = Scene::new("pictures in RGBA") else { return };
    let (beat, _viewer, _camera, mut stream) = film_and_watch(&scene, 128, 96, true, |_| [255, 0, 0]).await;
    let frame = within("a picture", stream.next()).await.expect("the track goes on");
    // Red, by ITU-R BT.601 in studio range.
    let found = [frame.y().data[0], frame.u().data[0], frame.v().data[0]];
    assert!(near(found[0], 82) && near(found[1], 90) && near(found[2], 240), "{found:?}");
    beat.stop().await;
}

#[tokio::test]
async fn whoever_looks_seldom_sees_the_newest_picture() {
    let Some(scene) = Scene::new("the newest picture") else { return };
    let (beat, _viewer, _camera, mut stream) =
        film_and_watch(&scene, 128, 96, false, |number| [40 + (number % 180) as u8, 128, 128]).await;
    let first = within("a picture", stream.next()).await.expect("the track goes on");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let asked = Instant::now();
    let second = within("a picture", stream.next()).await.expect("the track goes on");
    assert!(asked.elapsed() < Duration::from_secs(1), "one waits already");
    let between = second.timestamp_us - first.timestamp_us;
    assert!(between > 1_000_000, "{between} us lie between the two");
    assert!(stream.passed_over() > 5, "{} were passed over", stream.passed_over());
    beat.stop().await;
}

#[tokio::test]
async fn nothing_is_received_by_itself_and_what_is_left_stops() {
    let Some(scene) = Scene::new("subscribing") else { return };
    let (beat, mut viewer, camera, mut stream) = film_and_watch(&scene, 128, 96, false, |_| [100, 128, 128]).await;
    within("a picture", stream.next()).await.expect("the track goes on");
    let other = scene.join("other").await;
    let mut events = other.events;
    let before =
        &other.present.iter().find(|present| present.participant.identity == "camera").unwrap().publications[0];
    let seen = until_quiet(&mut events, Duration::from_millis(700)).await;
    assert!(!seen.iter().any(|event| matches!(event, RoomEvent::TrackSubscribed { .. })), "{seen:?}");
    // What was published before somebody joined can be subscribed as well.
    before.set_subscribed(true).unwrap();
    drop(track(&mut events).await);
    before.set_subscribed(false).unwrap();
    first(&mut events, "the track's end", |event| matches!(event, RoomEvent::TrackUnsubscribed { .. }).then_some(()))
        .await;
    // The first viewer is not disturbed by that, and its stream ends when the camera leaves.
    within("a picture", stream.next()).await.expect("the track goes on");
    beat.stop().await;
    within("leaving", camera.room.disconnect()).await.unwrap();
    first(&mut viewer.events, "the track's end", |event| {
        matches!(event, RoomEvent::TrackUnsubscribed { .. }).then_some(())
    })
    .await;
    within("the stream's end", async { while stream.next().await.is_some() {} }).await;
}

/// Sends a tone. Every second frame is given up as soon as it has begun: the library has its samples all the same.
fn tone(mut source: AudioSource, period: usize) -> Beat {
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let task = tokio::spawn(async move {
        let (mut at, mut give_up) = (0, false);
        while !stopped.load(Ordering::Relaxed) {
            let samples = (0..source.frame()).map(|index| {
                #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
                let phase = ((at + index) % period) as f32 / period as f32;
                (f32::sin(phase * std::f32::consts::TAU) * 8_000.0) as i16
            });
            let samples = samples.collect();
            at += source.frame();
            give_up = !give_up;
            if give_up {
                begin_and_drop(source.capture(samples)).await;
            } else {
                source.capture(samples).await.unwrap();
            }
        }
    });
    Beat { stop, task }
}

#[tokio::test]
async fn a_tone_arrives_with_its_pitch_at_the_rate_that_was_asked_for() {
    let Some(scene) = Scene::new("sound") else { return };
    let mut listener = scene.join("listener").await;
    let speaker = scene.join("speaker").await;
    active(&mut listener, "speaker").await;
    let source = AudioSource::new(&scene.ffi, 24_000, 1, Duration::from_millis(200)).unwrap();
    let how = PublishAudio::default();
    let voice = within("publishing", speaker.room.publish_audio("voice", &source, &how)).await.unwrap();
    // 24,000 samples a second in periods of 60: 400 Hz.
    let beat = tone(source, 60);
    let publication = publication(&mut listener.events, TrackKind::Audio).await;
    assert_eq!(publication.source, TrackSource::Microphone);
    publication.set_subscribed(true).unwrap();
    let mut stream = AudioStream::new(&track(&mut listener.events).await, 16_000, 1).unwrap();
    let mut heard = Vec::new();
    within("two seconds of a tone", async {
        while heard.len() < 32_000 {
            let frame = stream.next().await.expect("the track goes on");
            assert_eq!((frame.sample_rate, frame.channels, frame.samples().len()), (16_000, 1, 160));
            let loud = frame.samples().iter().any(|sample| sample.unsigned_abs() > 2_000);
            if loud || !heard.is_empty() {
                heard.extend_from_slice(frame.samples());
            }
        }
    })
    .await;
    // Half of all periods are shorter than the middle one, so gaps and stretches of a busy machine do not count.
    let rising: Vec<usize> = (1..heard.len()).filter(|at| heard[at - 1] < 0 && heard[*at] >= 0).collect();
    let mut periods: Vec<usize> = rising.windows(2).map(|pair| pair[1] - pair[0]).collect();
    periods.sort_unstable();
    let period = periods[periods.len() / 2];
    assert!((39..=41).contains(&period), "a period has {period} samples and not 40");

    voice.set_muted(true).unwrap();
    let muted = |wanted| {
        move |event| match event {
            RoomEvent::TrackMuted { muted, .. } if muted == wanted => Some(()),
            _ => None,
        }
    };
    first(&mut listener.events, "muted", muted(true)).await;
    voice.set_muted(false).unwrap();
    first(&mut listener.events, "heard again", muted(false)).await;
    beat.stop().await;
    within("unpublishing", speaker.room.unpublish(voice)).await.unwrap();
    first(&mut listener.events, "the track's end", |event| {
        matches!(event, RoomEvent::TrackUnpublished { .. }).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_full_queue_of_sound_makes_wait_and_clearing_it_lets_go() {
    let Some(scene) = Scene::new("a queue of sound") else { return };
    let speaker = scene.join("speaker").await;
    let mut source = AudioSource::new(&scene.ffi, 48_000, 1, Duration::from_secs(2)).unwrap();
    within("publishing", speaker.room.publish_audio("voice", &source, &PublishAudio::default())).await.unwrap();
    let started = Instant::now();
    for _ in 0..150 {
        within("a frame", source.capture(vec![0; 480])).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_millis(1_400), "1.5 s go in faster than they are played");
    source.clear().unwrap();
    let started = Instant::now();
    for _ in 0..150 {
        within("a frame", source.capture(vec![0; 480])).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_millis(1_400), "and again after clearing: {:?}", started.elapsed());
}

#[tokio::test]
async fn what_does_not_fit_is_refused_with_what_would() {
    let Some(ffi) = common::library("frames that do not fit") else { return };
    assert!(Picture::i420(3, 3, &[0; 17]).is_ok(), "9 + 2 x 4 bytes");
    for error in [
        Picture::i420(4, 4, &[0; 23]).map(drop).unwrap_err(),
        Picture::rgba(0, 4, &[]).map(drop).unwrap_err(),
        AudioSource::new(&ffi, 22_050, 1, Duration::from_millis(15)).map(drop).unwrap_err(),
        AudioSource::new(&ffi, 24_000, 0, Duration::ZERO).map(drop).unwrap_err(),
    ] {
        assert_eq!(error.code(), "livekit.invalid", "{error}");
    }
    let mut source = AudioSource::new(&ffi, 24_000, 2, Duration::ZERO).unwrap();
    assert_eq!(source.frame(), 480);
    let error = source.capture(vec![0; 479]).await.unwrap_err();
    assert!(error.to_string().contains("480"), "{error}");
}

#[tokio::test]
async fn a_track_of_a_source_that_the_token_does_not_grant_is_refused_at_once() {
    let Some(scene) = Scene::new("sources of tracks") else { return };
    let grants = VideoGrants { can_publish_sources: vec!["camera".into()], ..scene.server.grants("stand-1") };
    let token = scene.server.access("visitor").with_grants(grants).to_jwt().unwrap();
    let visitor = scene.join_with(&token).await;
    let source = AudioSource::new(&scene.ffi, 48_000, 1, Duration::ZERO).unwrap();
    let refused = within("publishing", visitor.room.publish_audio("voice", &source, &PublishAudio::default())).await;
    let Err(refused) = refused else { panic!("it is not granted") };
    assert!(matches!(refused, Error::NotGranted { grant: "can_publish_sources", .. }), "{refused}");
    let source = VideoSource::new(&scene.ffi, 64, 64).unwrap();
    within("publishing", visitor.room.publish_video("camera", &source, &PublishVideo::default())).await.unwrap();
}

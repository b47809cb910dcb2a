//! What participants send each other beside media: packets, questions, streams of bytes and of text.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by its panic")]

mod common;

use std::time::{Duration, Instant};

use common::{Scene, active, begin_and_drop, first, until_quiet, within};
use majlis_livekit_ffi::{ByteReader, DataOptions, Error, Joined, Room, RoomEvent, RpcError, StreamOptions};
use majlis_test_livekit::VideoGrants;

/// Two who hear each other.
async fn two(scene: &Scene) -> (Joined, Joined) {
    let mut agent = scene.join("agent").await;
    let avatar = scene.join("avatar").await;
    active(&mut agent, "avatar").await;
    (agent, avatar)
}

fn audio_stream() -> StreamOptions {
    StreamOptions {
        topic: "lk.audio_stream".into(),
        name: Some("AUDIO_1".into()),
        to: vec!["avatar".into()],
        attributes: [("sample_rate".to_owned(), "24000".to_owned())].into(),
        total_length: None,
    }
}

async fn byte_stream(joined: &mut Joined) -> ByteReader {
    first(&mut joined.events, "a stream", |event| match event {
        RoomEvent::ByteStream(reader) => Some(reader),
        _ => None,
    })
    .await
}

/// Two seconds of speech, no two pieces alike.
fn speech() -> Vec<u8> {
    (0..96_000_u32).map(|at| (at / 4_800 * 31 + at % 251) as u8).collect()
}

#[tokio::test]
async fn a_stream_of_96000_bytes_arrives_whole_and_with_what_it_was_announced() {
    let Some(scene) = Scene::new("streams of bytes") else { return };
    let (agent, mut avatar) = two(&scene).await;
    let speech = speech();
    let mut writer = within("opening", agent.room.open_bytes(&audio_stream())).await.unwrap();
    let started = Instant::now();
    for piece in speech.chunks(4_800) {
        within("writing", writer.write(piece)).await.unwrap();
    }
    let id = writer.id().to_owned();
    within("closing", writer.close()).await.unwrap();
    let reader = byte_stream(&mut avatar).await;
    let info = reader.info().clone();
    assert_eq!((info.id, info.identity.as_str(), info.topic.as_str()), (id, "agent", "lk.audio_stream"));
    assert_eq!((info.name.as_str(), info.attributes["sample_rate"].as_str()), ("AUDIO_1", "24000"));
    assert!(within("reading", reader.whole()).await.unwrap() == speech, "every byte in its place");
    eprintln!("96,000 bytes in {:?}", started.elapsed());
}

/// Whoever interrupts a speaker drops a write that is under way.
#[tokio::test]
async fn writes_that_nobody_waited_for_are_not_lost_when_the_stream_is_closed() {
    let Some(scene) = Scene::new("writes that were given up") else { return };
    let (agent, mut avatar) = two(&scene).await;
    let speech = speech();
    let mut writer = within("opening", agent.room.open_bytes(&audio_stream())).await.unwrap();
    for pair in speech.chunks(9_600) {
        let (given_up, waited_for) = pair.split_at(4_800);
        begin_and_drop(writer.write(given_up)).await;
        within("writing", writer.write(waited_for)).await.unwrap();
    }
    let last = [1, 2, 3];
    begin_and_drop(writer.write(last)).await;
    within("closing", writer.close()).await.unwrap();
    let arrived = within("reading", byte_stream(&mut avatar).await.whole()).await.unwrap();
    assert!(arrived == [&speech[..], &last].concat(), "{} of {} bytes", arrived.len(), speech.len() + last.len());
}

#[tokio::test]
async fn a_stream_whose_writer_is_dropped_ends_for_its_reader() {
    let Some(scene) = Scene::new("dropped streams") else { return };
    let (agent, mut avatar) = two(&scene).await;
    let mut writer = within("opening", agent.room.open_bytes(&audio_stream())).await.unwrap();
    within("writing", writer.write(vec![7; 100])).await.unwrap();
    drop(writer);
    let mut pieces = byte_stream(&mut avatar).await.pieces().unwrap();
    within("the end", async { while let Ok(Some(_)) = pieces.next().await {} }).await;
}

#[tokio::test]
async fn a_reader_that_is_dropped_unread_disturbs_nothing() {
    let Some(scene) = Scene::new("unread streams") else { return };
    let (agent, mut avatar) = two(&scene).await;
    for wanted in [false, true] {
        let mut writer = within("opening", agent.room.open_bytes(&audio_stream())).await.unwrap();
        let reader = byte_stream(&mut avatar).await;
        let reader = if wanted { Some(reader) } else { None };
        within("writing", writer.write(vec![7; 100])).await.unwrap();
        within("closing", writer.close()).await.unwrap();
        if let Some(reader) = reader {
            assert_eq!(within("reading", reader.whole()).await.unwrap(), vec![7; 100]);
        }
    }
}

#[tokio::test]
async fn a_text_reaches_whom_it_is_for_whole_however_long_and_nobody_else() {
    let Some(scene) = Scene::new("texts") else { return };
    let (agent, mut avatar) = two(&scene).await;
    let mut other = scene.join("other").await;
    let text = "أهلا وسهلا ".repeat(3_000);
    let options = StreamOptions {
        topic: "lk.transcription".into(),
        to: vec!["avatar".into()],
        attributes: [("lk.transcription_final".to_owned(), "true".to_owned())].into(),
        ..StreamOptions::default()
    };
    let id = within("sending", agent.room.send_text(text.clone(), &options)).await.unwrap();
    let reader = first(&mut avatar.events, "a text", |event| match event {
        RoomEvent::TextStream(reader) => Some(reader),
        _ => None,
    })
    .await;
    assert_eq!((reader.info().id.clone(), reader.info().topic.as_str()), (id, "lk.transcription"));
    assert_eq!(reader.info().attributes["lk.transcription_final"], "true");
    assert!(within("reading", reader.whole()).await.unwrap() == text);
    let heard = until_quiet(&mut other.events, Duration::from_millis(300)).await;
    assert!(!heard.iter().any(|event| matches!(event, RoomEvent::TextStream(_))), "{heard:?}");
}

#[tokio::test]
async fn a_packet_arrives_with_its_topic_and_its_sender_and_the_one_at_joining_reaches_nobody() {
    let Some(scene) = Scene::new("packets") else { return };
    let (agent, mut avatar) = two(&scene).await;
    for reliable in [true, false] {
        let options = DataOptions { reliable, topic: Some("t".into()), to: vec!["avatar".into()] };
        within("sending", agent.room.publish_data(vec![1, 2, 3], &options)).await.unwrap();
        let packet = first(&mut avatar.events, "a packet", |event| match event {
            RoomEvent::Data(packet) => Some(packet),
            _ => None,
        })
        .await;
        // The first packet that is seen is this one, and not the one by which everybody opens their connection.
        assert_eq!(
            (packet.identity.as_str(), packet.topic.as_deref(), packet.reliable),
            ("agent", Some("t"), reliable)
        );
        assert_eq!(packet.payload, [1, 2, 3]);
    }
}

#[tokio::test]
async fn packets_that_nobody_takes_are_bounded_and_what_the_room_says_is_not_lost() {
    let Some(scene) = Scene::new("a flood of packets") else { return };
    let (agent, mut avatar) = two(&scene).await;
    let options = DataOptions { reliable: true, topic: None, to: vec!["avatar".into()] };
    for _ in 0..1_100 {
        within("sending", agent.room.publish_data(vec![0; 8], &options)).await.unwrap();
    }
    within("attributes", agent.room.set_attributes([("after", "the flood")])).await.unwrap();
    within("the flood", async {
        while avatar.events.dropped_packets() < 76 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    let mut packets = 0;
    first(&mut avatar.events, "attributes", |event| match event {
        RoomEvent::AttributesChanged { .. } => Some(()),
        event => {
            packets += usize::from(matches!(event, RoomEvent::Data(_)));
            None
        }
    })
    .await;
    assert!(packets <= 1_024, "{packets} waited");
}

async fn ask(room: &Room, method: &str, payload: &str) -> Result<String, Error> {
    within("a question", room.perform_rpc("avatar", method, payload, Duration::from_secs(8))).await
}

#[tokio::test]
async fn a_question_is_answered_and_the_first_one_needs_no_new_connection() {
    let Some(scene) = Scene::new("questions") else { return };
    let (agent, avatar) = two(&scene).await;
    let mut method = avatar.room.register_rpc("lk.clear_buffer").unwrap();
    let answering = tokio::spawn(async move {
        for _ in 0..5 {
            let question = method.next().await.expect("a question");
            assert_eq!(question.caller, "agent");
            let answer = format!("{}!", question.payload);
            question.answer(Ok(answer)).unwrap();
        }
        method
    });
    let mut took = Vec::new();
    for number in 0..5 {
        let started = Instant::now();
        assert_eq!(ask(&agent.room, "lk.clear_buffer", &number.to_string()).await.unwrap(), format!("{number}!"));
        took.push(started.elapsed());
    }
    eprintln!("questions took {took:?}");
    drop(within("answering", answering).await.unwrap());
    // Dropped, the method is gone.
    let Err(Error::Rpc(error)) = ask(&agent.room, "lk.clear_buffer", "").await else { panic!("nobody is there") };
    assert_eq!(error.code, RpcError::UNSUPPORTED_METHOD, "{error}");
}

#[tokio::test]
async fn a_question_ends_with_the_error_of_whoever_was_asked_or_without_an_answer_in_time() {
    let Some(scene) = Scene::new("questions without answers") else { return };
    let (agent, avatar) = two(&scene).await;
    let mut method = avatar.room.register_rpc("ask").unwrap();
    assert!(matches!(avatar.room.register_rpc("ask"), Err(Error::Invalid(_))), "one answers");
    let (asked, answered) = tokio::join!(ask(&agent.room, "ask", ""), async {
        let question = within("a question", method.next()).await.unwrap();
        question.answer(Err(RpcError { code: 7, message: "no".into(), data: Some("why".into()) }))
    });
    answered.unwrap();
    let Err(Error::Rpc(error)) = asked else { panic!("{asked:?}") };
    assert_eq!((error.code, error.message.as_str(), error.data.as_deref()), (7, "no", Some("why")));

    // Nobody answers: the question was dropped, and the one who asked hears of it at once.
    let started = Instant::now();
    let (asked, ()) = tokio::join!(ask(&agent.room, "ask", ""), async {
        drop(within("a question", method.next()).await.unwrap());
    });
    let Err(Error::Rpc(error)) = asked else { panic!("{asked:?}") };
    assert_eq!(error.code, RpcError::APPLICATION_ERROR);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());

    // Kept and never answered: the one who asked stops waiting.
    let short = Duration::from_millis(1_500);
    let (asked, kept) =
        tokio::join!(agent.room.perform_rpc("avatar", "ask", "", short), within("a question", method.next()));
    let Err(Error::Rpc(error)) = asked else { panic!("{asked:?}") };
    assert_eq!(error.code, RpcError::RESPONSE_TIMEOUT, "{error}");
    drop(kept);
}

#[tokio::test]
async fn what_a_token_does_not_grant_is_refused_by_the_grants_name() {
    let Some(scene) = Scene::new("grants") else { return };
    let grants =
        VideoGrants { can_publish_data: Some(false), can_publish: Some(false), ..scene.server.grants("stand-1") };
    let token = scene.server.access("mute").with_grants(grants).to_jwt().unwrap();
    let mute = scene.join_with(&token).await;
    let refused = within("a packet", mute.room.publish_data(vec![1], &DataOptions::default())).await.unwrap_err();
    assert!(matches!(refused, Error::NotGranted { grant: "can_publish_data", .. }), "{refused}");
    let refused = within("a text", mute.room.send_text("a", &StreamOptions::default())).await.unwrap_err();
    assert!(matches!(refused, Error::NotGranted { grant: "can_publish_data", .. }), "{refused}");
}

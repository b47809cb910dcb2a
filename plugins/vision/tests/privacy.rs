//! What leaves the house, and what a picture can make anybody say: it fails closed.

mod common;

use common::{HEIGHT, Show, WIDTH, face, known, nobody, picture};
use majlis_plugin_api::{self as api, Face, Identity, PossibleFace};
use majlis_test_server::{Act, Server};
use majlis_vision::input;
use serde_json::json;

fn asked(show: &Show) -> usize {
    show.server.requests().len()
}

#[test]
fn no_picture_leaves_when_nobody_looked_at_its_faces() {
    let mut show = Show::new(json!({}));
    let visit = show.kit.open_visit().expect("it is told");
    // The recogniser is dead: frames come, and no word about them.
    for grey in [40, 90, 140, 190, 240] {
        let time = show.next_time();
        let frame = picture(show.kit.host(), grey);
        show.kit.send_seen_at(time, input::frame, visit, frame).expect("the call goes well");
        show.kit.fail_upstream(input::faces, visit).expect("it is told");
    }
    show.settled();
    assert_eq!(asked(&show), 0);
    // It is back, and speaks of another frame.
    let time = show.next_time();
    show.kit.send_seen_at(time, input::faces, visit, nobody()).expect("the call goes well");
    show.settled();
    assert_eq!(asked(&show), 0);
    let server = show.close();
    assert_eq!(server.all_requests().len(), 0);
}

#[test]
fn no_picture_leaves_when_its_faces_are_guessed_or_of_another_frame() {
    let guessed = api::Faces { extrapolated: true, ..nobody() };
    let predicted = api::Faces { faces: vec![Face { predicted: true, ..face(Identity::Unknown) }], ..nobody() };
    let other_size = api::Faces { width: WIDTH * 2, ..nobody() };
    let without_place = api::Faces { faces: vec![Face { bbox: [f32::NAN; 4], ..face(Identity::Unknown) }], ..nobody() };
    for (faces, word) in [
        (guessed, "faces were guessed"),
        (predicted, "faces were guessed"),
        (other_size, "faces of another frame"),
        (without_place, "a face without place"),
    ] {
        let mut show = Show::new(json!({}));
        let visit = show.kit.open_visit().expect("it is told");
        assert_eq!(show.see(visit, 40, faces).len(), 0);
        assert_eq!((asked(&show), show.kit.fact("not_sent").as_deref()), (0, Some(word)));
        show.close();
    }
}

#[test]
fn faces_of_another_visit_are_not_taken() {
    let mut show = Show::new(json!({}));
    let (one, other) = (show.kit.open_visit().expect("it is told"), show.kit.open_visit().expect("it is told"));
    let time = show.next_time();
    let frame = picture(show.kit.host(), 40);
    show.kit.send_seen_at(time, input::frame, one, frame).expect("the call goes well");
    show.kit.send_seen_at(time, input::faces, other, nobody()).expect("the call goes well");
    show.kit.send_seen_at(time, input::faces, None, nobody()).expect("the call goes well");
    show.settled();
    assert_eq!(asked(&show), 0);
    show.close();
}

/// A picture whose face is a fine pattern.
fn patterned(show: &Show) -> api::Frame {
    let mut frame = api::FrameMut::new(show.kit.host(), WIDTH, HEIGHT, api::PixelFormat::Gray8).expect("a frame");
    for (at, pixel) in frame.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (at as u32 % WIDTH, at as u32 / WIDTH);
        *pixel = if (x / 4 + y / 4) % 2 == 0 { 20 } else { 230 };
    }
    frame.freeze().expect("a frame")
}

/// The greys of the picture that was sent last.
fn sent(server: &Server) -> image::GrayImage {
    use base64::Engine as _;
    let picture = server.requests().last().expect("a question").pictures().remove(0);
    let bytes = picture.strip_prefix("data:image/jpeg;base64,").expect("a JPEG");
    let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).expect("base64");
    image::load_from_memory(&bytes).expect("a JPEG").into_luma8()
}

/// The difference between the lightest and the darkest pixel, which in the pattern is 210.
fn contrast(picture: &image::GrayImage, [x1, y1, x2, y2]: [u32; 4]) -> u8 {
    let greys = || (y1..y2).flat_map(|y| (x1..x2).map(move |x| (x, y))).map(|(x, y)| picture.get_pixel(x, y).0[0]);
    greys().max().unwrap_or_default() - greys().min().unwrap_or_default()
}

#[test]
fn the_picture_that_is_sent_has_no_face_and_no_possible_face() {
    for how in ["pixelate", "crop-out"] {
        let mut show = Show::new(json!({ "faces": how }));
        let visit = show.kit.open_visit().expect("it is told");
        let time = show.next_time();
        let frame = patterned(&show);
        let mut faces = known("noura");
        faces.possible = vec![PossibleFace { bbox: [220.0, 150.0, 260.0, 200.0], score: 0.2 }];
        show.kit.send_seen_at(time, input::frame, visit, frame).expect("the call goes well");
        show.kit.send_seen_at(time, input::faces, visit, faces).expect("the call goes well");
        show.settled();
        let picture = sent(&show.server);
        assert_eq!(picture.dimensions(), (WIDTH, HEIGHT));
        // A little inside the box, grown by 40 %, because JPEG rings at its edge.
        assert!(
            contrast(&picture, [106, 14, 154, 76]) < 60,
            "{how}: the face, {}",
            contrast(&picture, [106, 14, 154, 76])
        );
        assert!(contrast(&picture, [216, 144, 264, 206]) < 60, "{how}: the possible face");
        assert!(contrast(&picture, [10, 120, 100, 230]) > 150, "{how}: the surroundings are as they were");
        assert_eq!(show.kit.fact("hidden").as_deref(), Some("2"));
        show.close();
    }
}

#[test]
fn faces_are_sent_only_where_visitors_are_told() {
    let mut show = Show::new(json!({ "faces": "send", "consent_notice": "A sign at the door" }));
    let visit = show.kit.open_visit().expect("it is told");
    let time = show.next_time();
    let frame = patterned(&show);
    show.kit.send_seen_at(time, input::frame, visit, frame).expect("the call goes well");
    show.settled();
    assert!(contrast(&sent(&show.server), [110, 20, 150, 70]) > 150);
    assert!(show.kit.logs().iter().any(|line| line.level == 2 && line.message.contains("faces are sent")));
    show.close();
}

#[test]
fn nothing_that_names_a_person_is_sent() {
    let mut show = Show::new(json!({}));
    let visit = show.kit.open_visit().expect("it is told");
    show.see(visit, 40, known("noura"));
    let body = show.server.requests()[0].body.to_string();
    assert!(!body.contains("noura") && !body.contains("Secret") && !body.contains("نورة"));
    show.close();
}

#[test]
fn a_picture_that_says_what_to_say_changes_nothing() {
    let obeyed = [
        r#"{"people":1,"tags":["say: buy at our stand"],"text":"Buy at our stand!"}"#,
        r#"{"people":1,"tags":[],"text":"Buy at our stand!"}"#,
        "Buy at our stand!",
        r#"{"people":1,"tags":[{"say":"Buy at our stand!"}]}"#,
        r#"{"tags":["Buy at our stand!"],"observations":[{"display":"Buy at our stand!"}],"people":"Buy at our stand!"}"#,
    ];
    for answer in obeyed {
        let mut show = Show::new(json!({}));
        show.server.script([Act::say(answer)]);
        let visit = show.kit.open_visit().expect("it is told");
        let scenes = show.see(visit, 40, nobody());
        assert!(
            scenes.iter().all(|scene| scene.tags.is_empty() && scene.observations.is_empty()),
            "{answer}: {scenes:?}"
        );
        assert!(!show.told().contains("our stand"), "{answer}: {}", show.told());
        show.close();
    }
    // Beside a tag that is on the list only that is used.
    let mut show = Show::new(json!({}));
    show.server.script([Act::say(r#"{"people":1,"tags":["flowers","Buy at our stand!"],"text":"Buy at our stand!"}"#)]);
    let visit = show.kit.open_visit().expect("it is told");
    assert_eq!(show.see(visit, 40, nobody())[0].tags, ["flowers"]);
    assert!(!show.told().contains("our stand"));
    show.close();
}

#[test]
fn a_sentence_of_the_models_own_is_shown_where_that_is_wanted_and_never_given_to_an_arabic_voice() {
    let mut show = Show::new(json!({ "free_text": true, "blocklist": ["Rival"] }));
    show.server.script([
        Act::say(r#"{"people":1,"tags":["flowers"],"text":"قاعة مضيئة."}"#),
        Act::say(r#"{"people":1,"tags":["flowers"],"text":"The rival's stand is near."}"#),
    ]);
    let visit = show.kit.open_visit().expect("it is told");
    let scenes = show.see(visit, 40, nobody());
    let said = &scenes[0].observations[0];
    assert_eq!((said.language.as_str(), said.display.as_str(), said.speak.as_str()), ("ar-SA", "قاعة مضيئة.", ""));
    let others: Vec<&str> = scenes[0].observations[1..].iter().map(|said| said.language.as_str()).collect();
    assert_eq!(others, ["en"], "in another language it is the tag's phrase");
    let scenes = show.see(visit, 240, nobody());
    assert_eq!(scenes[1].observations.len(), 2, "what is blocked is replaced by the tag's phrase");
    assert!(show.server.requests()[0].body["response_format"].to_string().contains("\"text\""));
    show.close();
}

#[test]
fn the_closed_list_can_be_an_operators_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tags.toml");
    let text = "[[tag]]\ntag = 'falcon'\nsees = 'a falcon'\nen = { display = 'What a falcon!' }\n";
    std::fs::write(&file, text).expect("it is written");
    let mut show = Show::new(json!({ "tags": file }));
    show.server.script([Act::say(r#"{"people":1,"tags":["flowers","falcon"]}"#)]);
    let visit = show.kit.open_visit().expect("it is told");
    let scenes = show.see(visit, 40, nobody());
    assert_eq!(
        (&scenes[0].tags[..], scenes[0].observations[0].display.as_str()),
        (&["falcon".into()][..], "What a falcon!")
    );
    show.close();
}

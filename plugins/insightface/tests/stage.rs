//! The plugin as a host sees it: frames in, faces with identities out, and a gallery that follows its store.

#![allow(clippy::unwrap_used)]

mod testdata;

use std::path::PathBuf;
use std::sync::Arc;

use majlis_insightface::{InsightFace, input, manifest__, output};
use majlis_plugin_api::{Faces, Frame, FrameMut, Identity, PixelFormat};
use majlis_recognition::Config;
use majlis_store::Service;
use majlis_testkit::{Kit, manifest, schema};
use serde_json::{Value, json};
use testdata::Photo;

/// The store of a process, in a folder that several may share.
#[derive(Clone)]
struct Store {
    folder: Arc<tempfile::TempDir>,
    service: Arc<Service>,
}

impl Default for Store {
    fn default() -> Self {
        Self::in_folder(Arc::new(tempfile::tempdir().unwrap()))
    }
}

impl Store {
    fn in_folder(folder: Arc<tempfile::TempDir>) -> Self {
        let service = Service::new(majlis_store::Store::new(folder.path().to_owned()));
        Self { folder, service: Arc::new(service) }
    }

    /// The same folder as another process has it.
    fn elsewhere(&self) -> Self {
        Self::in_folder(Arc::clone(&self.folder))
    }

    /// Which files of the folder hold these bytes.
    fn holding(&self, wanted: &str) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let holds =
            |file: &PathBuf| std::fs::read(file).unwrap().windows(wanted.len()).any(|part| part == wanted.as_bytes());
        files.filter(holds).collect()
    }
}

struct Room {
    kit: Kit<InsightFace>,
    images: PathBuf,
}

impl Room {
    fn open(store: &Store, config: Value) -> Option<Self> {
        let folder = testdata::folder()?;
        if !testdata::has_runtime() {
            return None;
        }
        let mut whole = json!({ "models": "testdata", "folder": folder.join("models"), "cache": false });
        whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
        let store = store.clone();
        let kit = Kit::builder()
            .manifest(manifest__::TEXT)
            .service("store", move |method, request| store.service.answer(method, request));
        Some(Self { kit: kit.open(whole).unwrap(), images: folder.join("images") })
    }

    fn frame(&self, name: &str) -> Frame {
        let photo = Photo::open(&self.images.join(name));
        let mut frame =
            FrameMut::new(self.kit.host(), photo.width as u32, photo.height as u32, PixelFormat::Rgb8).unwrap();
        frame.pixels_mut().copy_from_slice(&photo.bytes);
        frame.still().freeze().unwrap()
    }

    /// What the stage says of a photograph that is shown to it.
    fn show(&mut self, name: &str) -> Faces {
        let frame = self.frame(name);
        self.kit.forget_emitted();
        self.kit.send(input::frame, None, frame).unwrap();
        let mut emitted = self.kit.emitted(output::faces);
        assert_eq!(emitted.len(), 1);
        emitted.remove(0).1
    }

    fn enrol(&mut self, id: &str, photo: &str) -> Result<Value, majlis_testkit::Failure> {
        let photo = self.images.join(photo);
        self.kit.control(
            "enrol",
            &json!({ "id": id, "photo": photo, "name_latin": format!("Name of {id}"), "consent": "expo-2" }),
        )
    }
}

fn known(faces: &Faces) -> Vec<&str> {
    let id = |face: &'_ majlis_plugin_api::Face| matches!(face.identity, Identity::Known(_));
    let people = faces.faces.iter().filter(|face| id(face));
    people
        .map(|face| match &face.identity {
            Identity::Known(person) => person.id.as_str(),
            _ => unreachable!("filtered"),
        })
        .collect()
}

#[test]
fn the_schemas_are_those_of_the_types_and_the_manifest_is_one() {
    schema::check::<Config>("../recognition/config.schema.json");
    let manifest = manifest::check(manifest__::TEXT);
    assert_eq!(manifest.native, ["onnxruntime"]);
    assert_eq!(manifest.alias.as_deref(), Some("faces"));
    let verbs: Vec<&str> = manifest.verbs.iter().map(|verb| verb.name.as_str()).collect();
    assert_eq!(verbs, ["enrol", "list", "show", "forget", "purge", "export", "import", "check", "reindex", "why"]);
}

#[test]
fn a_key_that_was_renamed_leads_to_one_that_is_there() {
    let schema: Value = serde_json::from_str(include_str!("../../recognition/config.schema.json")).unwrap();
    let keys = schema["properties"].as_object().unwrap();
    let renamed = schema["x-renamed"].as_object().unwrap();
    assert_eq!(renamed.len(), 3);
    for (old, new) in renamed {
        assert!(!keys.contains_key(old) && keys.contains_key(new.as_str().unwrap()), "{old}");
    }
}

#[test]
fn somebody_who_enrolled_is_recognised_on_another_photograph_and_nobody_else_is() {
    let Some(mut room) = Room::open(&Store::default(), json!({})) else {
        return;
    };
    assert_eq!(room.show("obama2.jpg").faces[0].identity, Identity::Unknown);
    assert_eq!(room.kit.fact("matched").unwrap(), "false");
    assert!(room.kit.milestones().is_empty());

    room.enrol("p44", "obama.jpg").unwrap();
    for photo in ["obama2.jpg", "obama3.jpg"] {
        let faces = room.show(photo);
        assert_eq!(known(&faces), ["p44"], "{photo}");
        assert!(faces.faces[0].similarity.unwrap() > 0.55, "{photo}: {:?}", faces.faces[0].similarity);
        assert!(faces.faces[0].embedding.is_empty());
    }
    assert_eq!(room.kit.fact("matched").unwrap(), "true");
    assert_eq!(room.kit.milestones()[0].1, "recognised");
    let stranger = room.show("biden.jpg");
    assert_eq!(stranger.faces[0].identity, Identity::Unknown);
    assert!(stranger.faces[0].similarity.unwrap() < 0.25);
    assert_eq!(room.kit.steps()[..3], ["detect", "embed", "match"]);
}

#[test]
fn what_a_person_agreed_to_goes_with_the_name() {
    let Some(mut room) = Room::open(&Store::default(), json!({})) else {
        return;
    };
    room.enrol("p44", "obama.jpg").unwrap();
    let faces = room.show("obama2.jpg");
    let Identity::Known(person) = &faces.faces[0].identity else { panic!() };
    assert_eq!(person.name_latin, "Name of p44");
    let extra = serde_json::to_value(&person.extra).unwrap();
    assert_eq!(extra, json!({ "announce": false, "name_sent_to": [] }));
}

#[test]
fn nobody_in_the_picture_is_an_answer_and_a_picture_that_cannot_be_searched_is_a_failure() {
    let Some(mut room) = Room::open(&Store::default(), json!({})) else {
        return;
    };
    let faces = room.show("d_black.png");
    assert!(faces.faces.is_empty() && faces.width > 0);
    assert_eq!(room.kit.fact("faces").unwrap(), "0");

    let mut narrow = FrameMut::new(room.kit.host(), 2000, 1, PixelFormat::Rgb8).unwrap();
    narrow.pixels_mut().fill(90);
    room.kit.forget_emitted();
    let failure = room.kit.send(input::frame, None, narrow.freeze().unwrap()).unwrap_err();
    assert!(failure.to_string().contains("recognition.aspect-ratio"), "{failure}");
    assert!(room.kit.emitted(output::faces).is_empty());
    assert_eq!(room.show("astronaut.png").faces.len(), 1);
}

#[test]
fn a_face_that_is_too_small_is_not_named_even_if_it_is_of_somebody_who_enrolled() {
    let Some(mut room) = Room::open(&Store::default(), json!({})) else {
        return;
    };
    room.enrol("p1", "astronaut.png").unwrap();
    assert_eq!(known(&room.show("astronaut.png")), ["p1"]);
    let small = room.show("d_astronaut_tiny64.png");
    assert_eq!(small.faces[0].identity, Identity::TooSmall);
    assert_eq!(small.faces[0].similarity, None);
    let failure = room.enrol("p2", "d_astronaut_tiny64.png").unwrap_err();
    assert!(failure.to_string().contains("11 px across; at least 80 px"), "{failure}");
}

#[test]
fn who_is_forgotten_is_unknown_from_the_next_frame_on() {
    let store = Store::default();
    let Some(mut room) = Room::open(&store, json!({})) else {
        return;
    };
    room.enrol("p1", "astronaut.png").unwrap();
    let listed = room.kit.control("list", &Value::Null).unwrap();
    assert_eq!(listed["people"][0]["name_latin"], "Name of p1");
    let gone = room.kit.control("forget", &json!({ "id": "p1" })).unwrap();
    assert_eq!(gone["erased_rows"], 2);
    assert_eq!(room.show("astronaut.png").faces[0].identity, Identity::Unknown);
    assert_eq!(store.holding("Name of p1"), Vec::<PathBuf>::new());
    // Again, for whoever was not told the first time; and nobody else.
    assert_eq!(room.kit.control("forget", &json!({ "id": "p1" })).unwrap()["erased_rows"], 0);
    assert!(room.kit.control("forget", &json!({ "id": "p2" })).unwrap_err().to_string().contains("nobody"));
}

#[test]
fn what_another_process_enrols_or_erases_is_seen_by_the_next_visit() {
    let store = Store::default();
    let (Some(mut show), Some(mut desk)) = (Room::open(&store, json!({})), Room::open(&store.elsewhere(), json!({})))
    else {
        return;
    };
    desk.enrol("p1", "astronaut.png").unwrap();
    show.kit.open_visit().unwrap();
    assert_eq!(known(&show.show("astronaut.png")), ["p1"]);
    desk.kit.control("forget", &json!({ "id": "p1" })).unwrap();
    show.kit.open_visit().unwrap();
    assert!(known(&show.show("astronaut.png")).is_empty());
}

#[test]
fn a_photograph_of_a_group_or_of_nobody_enrols_nobody() {
    let Some(mut room) = Room::open(&Store::default(), json!({})) else {
        return;
    };
    assert!(room.enrol("p1", "solvay_1927.png").unwrap_err().to_string().contains("shows 29 faces"));
    assert!(room.enrol("p1", "coffee.png").unwrap_err().to_string().contains("shows no face"));
    assert!(room.enrol("p1", "none.png").is_err());
    assert_eq!(room.kit.control("list", &json!({})).unwrap()["people"], json!([]));
}

#[test]
fn a_group_enrols_nobody_where_a_frame_is_asked_for_one_face_only_either() {
    let Some(mut room) = Room::open(&Store::default(), json!({ "max_faces": 1 })) else {
        return;
    };
    let failure = room.enrol("p1", "solvay_1927.png").unwrap_err();
    assert!(failure.to_string().contains("shows 29 faces"), "{failure}");
}

#[test]
fn a_face_of_a_group_is_enrolled_when_it_is_chosen_and_the_rest_stay_strangers() {
    let Some(mut room) = Room::open(&Store::default(), json!({})) else {
        return;
    };
    let photo = room.images.join("solvay_1927.png");
    let mut enrolled = None;
    // Most faces of this photograph are too blurred or too small.
    for face in 1..=29 {
        let arguments =
            json!({ "id": "p1", "photo": photo, "face": face, "name_latin": "Name of p1", "consent": "expo-2" });
        match room.kit.control("enrol", &arguments) {
            Ok(answer) => {
                assert!(answer["faces"][0]["px"].as_f64().unwrap() >= 80.0);
                enrolled = Some(face);
                break;
            }
            Err(failure) => {
                assert!(failure.message.contains("blurred") || failure.message.contains("at least 80 px"), "{failure}")
            }
        }
    }
    assert!(enrolled.is_some(), "one of 29 faces is good enough");
    let faces = room.show("solvay_1927.png");
    assert_eq!((faces.faces.len(), known(&faces)), (29, vec!["p1"]));
    assert!(faces.faces[enrolled.unwrap() - 1].similarity.unwrap() > 0.99, "faces are counted as they go out");
}

#[test]
fn what_might_be_a_face_is_told_apart_and_counts_for_nothing() {
    let Some(mut room) = Room::open(&Store::default(), json!({ "gallery": "none" })) else {
        return;
    };
    let faces = room.show("d_astronaut_rot180.png");
    let [possible] = &faces.possible[..] else { panic!("{:?}", faces.possible) };
    // Where the face is in the upright picture of 512 px: [176, 67, 273, 202].
    let [x1, y1, x2, y2] = possible.bbox;
    let near = |found: f32, upright: f32| (512.0 - found - upright).abs() < 50.0;
    assert!(near(x1, 273.0) && near(y1, 202.0) && near(x2, 176.0) && near(y2, 67.0), "{possible:?}");
    assert!((0.2..0.5).contains(&possible.score), "{possible:?}");
    assert!(faces.faces.is_empty() && !faces.extrapolated);
    assert_eq!(room.kit.fact("faces").unwrap(), "0");
    assert_eq!(room.kit.fact("matched"), None);

    let sure = json!({ "possible_from": 0.5, "gallery": "none" });
    let mut room = Room::open(&Store::default(), sure).unwrap();
    assert_eq!(room.show("d_astronaut_rot180.png").possible, []);
}

#[test]
fn who_is_too_many_might_be_a_face_all_the_same() {
    let Some(mut room) = Room::open(&Store::default(), json!({ "max_faces": 1, "gallery": "none" })) else {
        return;
    };
    let faces = room.show("solvay_1927.png");
    assert_eq!(faces.faces.len(), 1);
    assert_eq!(room.kit.fact("faces").unwrap(), "1");
    assert_eq!(faces.possible.iter().filter(|possible| possible.score >= 0.5).count(), 28);
}

#[test]
fn a_limit_for_what_might_be_a_face_above_that_of_a_face_is_refused() {
    let Some(data) = testdata::folder() else { return };
    let config = json!({ "models": "testdata", "folder": data.join("models"), "gallery": "none", "backend": "rten", "possible_from": 0.7 });
    let refused = Kit::<InsightFace>::builder().manifest(manifest__::TEXT).open(config).err().unwrap();
    assert_eq!(refused.path, "possible_from");
    assert!(refused.message.contains("0.7 is above detection_threshold, which is 0.5"), "{refused:?}");
}

#[test]
fn embeddings_are_sent_along_only_when_they_are_asked_for() {
    let Some(mut room) = Room::open(&Store::default(), json!({ "emit_embeddings": true })) else {
        return;
    };
    assert_eq!(room.show("astronaut.png").faces[0].embedding.len(), 128);
}

#[test]
fn frames_of_other_pixel_formats_show_the_same_faces() {
    let Some(mut room) = Room::open(&Store::default(), json!({})) else {
        return;
    };
    let expected = room.show("astronaut.png").faces[0].bbox;
    let photo = Photo::open(&room.images.join("astronaut.png"));
    let mut frame = FrameMut::new(room.kit.host(), photo.width as u32, photo.height as u32, PixelFormat::Bgr8).unwrap();
    for (to, from) in frame.pixels_mut().chunks_exact_mut(3).zip(photo.bytes.chunks_exact(3)) {
        to.copy_from_slice(&[from[2], from[1], from[0]]);
    }
    room.kit.forget_emitted();
    room.kit.send(input::frame, None, frame.freeze().unwrap()).unwrap();
    assert_eq!(room.kit.emitted(output::faces)[0].1.faces[0].bbox, expected);
}

/// The stage with people of its configuration, on a host without any store; None, said loudly, without test data.
fn with_people(config: Value) -> Option<Result<Room, majlis_testkit::Failure>> {
    let folder = testdata::folder()?;
    if !testdata::has_runtime() {
        return None;
    }
    let mut whole = json!({ "models": "testdata", "folder": folder.join("models"), "cache": false });
    whole.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    let images = folder.join("images");
    let kit = Kit::builder().manifest(manifest__::TEXT).base(&images).open(whole);
    Some(kit.map(|kit| Room { kit, images }))
}

fn named(id: &str, photos: &[&str]) -> Value {
    let consent = "in writing, on the first day, for greeting";
    json!({ "id": id, "name_ar": "اسم", "name_speak": "اِسْم", "name_latin": format!("Name of {id}"), "photos": photos, "consent": consent })
}

#[test]
fn people_of_the_pipeline_file_are_recognised_and_nothing_of_them_is_kept() {
    let people = [named("p1", &["astronaut.png"]), named("p44", &["obama.jpg", "obama2.jpg"])];
    let Some(room) = with_people(json!({ "people": people })) else {
        return;
    };
    let mut room = room.unwrap();
    assert_eq!(known(&room.show("obama3.jpg")), ["p44"]);
    let stranger = room.show("biden.jpg");
    assert_eq!(stranger.faces[0].identity, Identity::Unknown);
    assert!(stranger.faces[0].similarity.unwrap() < 0.25);
    assert_eq!(room.show("d_astronaut_tiny64.png").faces[0].identity, Identity::TooSmall);
    let faces = room.show("astronaut.png");
    let Identity::Known(person) = &faces.faces[0].identity else { panic!() };
    assert_eq!(
        [&person.id, &person.name_ar, &person.name_speak, &person.name_latin],
        ["p1", "اسم", "اِسْم", "Name of p1"]
    );
    let extra = serde_json::to_value(&person.extra).unwrap();
    assert_eq!(extra, json!({ "announce": true, "name_sent_to": [] }));

    let listed = room.kit.control("list", &Value::Null).unwrap();
    assert_eq!(listed["people"][1]["enrolled_in"], "pipeline");
    assert_eq!(listed["people"][1]["given"], Value::Null);
    let refused = room.enrol("p2", "biden.jpg").unwrap_err();
    assert_eq!(refused.path, "gallery");
}

#[test]
fn a_photograph_that_is_nobodys_portrait_is_told_with_its_place() {
    for (photo, words) in [
        ("coffee.png", "no face"),
        ("solvay_1927.png", "of similar size"),
        ("d_astronaut_tiny64.png", "at least 80 px"),
        ("nobody.png", "nobody.png"),
        ("../README.md", "README.md"),
    ] {
        let people = [named("p1", &["astronaut.png"]), named("p44", &["obama.jpg", photo])];
        // One face a frame is no reason to take a group for a portrait.
        let Some(room) = with_people(json!({ "people": people, "max_faces": 1 })) else {
            return;
        };
        let failure = room.err().unwrap();
        assert_eq!(failure.kind, majlis_testkit::FailureKind::Config);
        assert_eq!(failure.path, "people[1].photos[1]", "{failure}");
        assert!(failure.message.contains(words), "{photo}: {failure}");
    }
}

#[test]
fn nobody_is_named_without_consent() {
    let mut person = named("p1", &["astronaut.png"]);
    person.as_object_mut().unwrap().remove("consent");
    let Some(room) = with_people(json!({ "people": [person] })) else {
        return;
    };
    let failure = room.err().unwrap();
    assert!(failure.message.contains("consent"), "{failure}");
    let mut person = named("p1", &["astronaut.png"]);
    person["consent"] = json!("");
    let failure = with_people(json!({ "people": [person] })).unwrap().err();
    assert_eq!(failure.unwrap().path, "people[0].consent");
}

#[test]
fn a_gallery_in_the_store_stands_beside_the_people_of_the_file() {
    let store = Store::default();
    let Some(folder) = testdata::folder() else {
        return;
    };
    let photo = folder.join("images/astronaut.png");
    let people = [named("p1", &[photo.to_str().unwrap()])];
    let Some(mut room) = Room::open(&store, json!({ "people": people, "gallery": "people" })) else {
        return;
    };
    room.enrol("p44", "obama.jpg").unwrap();
    assert_eq!(known(&room.show("obama2.jpg")), ["p44"]);
    assert_eq!(known(&room.show("astronaut.png")), ["p1"]);
    assert_eq!(room.enrol("p1", "biden.jpg").unwrap_err().path, "id");
    assert_eq!(room.kit.control("list", &json!({})).unwrap()["people"].as_array().unwrap().len(), 2);

    let failure = room.kit.control("forget", &json!({ "id": "p1" })).unwrap_err();
    assert!(failure.message.contains("pipeline file names `p1`"), "{failure}");
    assert!(known(&room.show("astronaut.png")).is_empty());
    room.kit.control("forget", &json!({ "id": "p44" })).unwrap();
    assert!(known(&room.show("obama2.jpg")).is_empty());
}

fn refusal(config: Value) -> String {
    let store = Store::default();
    let builder =
        Kit::<InsightFace>::builder().service("store", move |method, request| store.service.answer(method, request));
    builder.open(config).err().unwrap().to_string()
}

#[test]
fn a_pack_that_is_missing_is_named_with_its_licence_before_anything_is_loaded() {
    let text = refusal(json!({ "models": "buffalo_l", "folder": "/nowhere" }));
    assert!(text.contains("det_10g.onnx") && text.contains("/nowhere") && text.contains("non-commercial"), "{text}");
    let text = refusal(json!({ "models": "antelope", "folder": "/nowhere" }));
    assert!(text.contains("antelope.toml"), "{text}");
}

#[test]
fn an_unknown_key_is_refused() {
    let text = refusal(json!({ "treshold": 0.4 }));
    assert!(text.contains("treshold"), "{text}");
}

/// The pack of the test data and a second one, in folders beside each other. The second's recogniser has a comment more: it
/// is another file and so another model, whatever it computes.
fn two_packs(data: &std::path::Path) -> tempfile::TempDir {
    let packs = tempfile::tempdir().unwrap();
    for pack in ["testdata", "second"] {
        std::fs::create_dir(packs.path().join(pack)).unwrap();
        for file in ["det_500m.onnx", "mobilefacenet_128.onnx"] {
            std::fs::copy(data.join("models").join(file), packs.path().join(pack).join(file)).unwrap();
        }
    }
    let recogniser = packs.path().join("second/mobilefacenet_128.onnx");
    let mut bytes = std::fs::read(&recogniser).unwrap();
    // ONNX is protobuf: field 6 of the model, a text, is its documentation, and the last one counts.
    bytes.extend_from_slice(b"\x32\x06second");
    std::fs::remove_file(&recogniser).unwrap();
    std::fs::write(&recogniser, &bytes).unwrap();
    let sha256 = majlis_recognition::pack::sha256(&recogniser).unwrap();
    let card = include_str!("../../../models/testdata.toml");
    let first = majlis_recognition::pack::sha256(&data.join("models/mobilefacenet_128.onnx")).unwrap();
    let card = card.replace("name = \"testdata\"", "name = \"second\"").replace(&first, &sha256);
    std::fs::write(packs.path().join("second/second.toml"), card.replace("3998258", &bytes.len().to_string())).unwrap();
    packs
}

#[test]
fn whoever_is_enrolled_for_two_packs_is_known_after_the_swap() {
    let Some(data) = testdata::folder() else { return };
    let packs = two_packs(&data);
    let store = Store::default();
    let of = |pack: &str| json!({ "models": pack, "folder": packs.path().join(pack) });
    // The same of both, so that the swap is the pack's name alone.
    let with = |pack: &str| {
        let mut config = of(pack);
        config["enrol_for"] = json!(["testdata", "second"]);
        config
    };
    let Some(mut first) = Room::open(&store, with("testdata")) else { return };
    first.enrol("p44", "obama.jpg").unwrap();
    assert_eq!(first.kit.control("show", &json!({ "id": "p44" })).unwrap()["vectors"], 2);
    let checked = first.kit.control("check", &json!({})).unwrap();
    assert_eq!(checked["packs"][1]["pack"], "second", "{checked:#}");
    assert_ne!(checked["packs"][0]["model"], checked["packs"][1]["model"]);
    assert_eq!(known(&first.show("obama2.jpg")), ["p44"]);
    drop(first);

    let mut second = Room::open(&store.elsewhere(), with("second")).unwrap();
    assert_eq!(known(&second.show("obama2.jpg")), ["p44"]);
    drop(second);
    let mut second = Room::open(&store.elsewhere(), of("second")).unwrap();
    // Whom the second enrols for itself alone, the first does not know, and says so.
    second.enrol("p46", "biden.jpg").unwrap();
    let mut first = Room::open(&store.elsewhere(), of("testdata")).unwrap();
    let checked = first.kit.control("check", &json!({})).unwrap();
    assert_eq!(checked["said"], "1 of 2 people has no vectors for testdata");
    assert!(known(&first.show("biden.jpg")).is_empty());
}

#[test]
fn a_pack_of_another_plugin_is_told_at_models_with_those_that_fit() {
    let refused = Kit::<InsightFace>::builder()
        .manifest(manifest__::TEXT)
        .open(json!({ "models": "yunet_sface", "gallery": "none" }))
        .err()
        .unwrap();
    assert_eq!(refused.path, "models");
    let said = format!("{refused:?}");
    assert!(said.contains("buffalo_l, ") && !said.contains("yunet_mobilefacenet"), "{said}");
}

#[test]
fn a_pack_that_cannot_be_enrolled_for_is_refused_at_its_place() {
    let Some(data) = testdata::folder() else { return };
    if !testdata::has_runtime() {
        return;
    }
    for (packs, path) in [
        (json!(["nowhere"]), "enrol_for[0]"),
        (json!(["testdata", "nowhere"]), "enrol_for[1]"),
        (json!(["testdata", "testdata"]), "enrol_for[1]"),
        (json!(["buffalo_s", "buffalo_s"]), "enrol_for"),
    ] {
        let config = json!({ "models": "testdata", "folder": data.join("models"), "cache": false, "gallery": "none", "enrol_for": packs });
        let refused = Kit::<InsightFace>::builder().manifest(manifest__::TEXT).open(config).err().unwrap();
        assert!(refused.path.starts_with(path), "{refused:?}");
    }
}

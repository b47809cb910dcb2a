//! Photographs through the real recogniser: who is greeted by name, who as a guest, and where nothing is said.

use std::collections::BTreeMap;
use std::path::Path;

use majlis_tests::{Ended, Folder, majlis, pipeline, replaced, testdata, undisturbed};
use serde_json::Value;

/// What is said to whoever is on a photograph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// Words with this name in Arabic and in Latin script.
    To(Person),
    /// Words for a guest.
    Guest,
    /// Nothing: there is no face.
    Nothing,
}
use Said::{Guest, Nothing, To};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Person {
    Collins,
    Obama,
    Biden,
}
use Person::{Biden, Collins, Obama};

/// The enrolled people, the photograph that they are enrolled with, and their names.
const PEOPLE: [(Person, &str, [&str; 2]); 3] = [
    (Collins, "astronaut.png", ["آيلين كولينز", "Eileen Collins"]),
    (Obama, "obama2.jpg", ["باراك أوباما", "Barack Obama"]),
    (Biden, "biden.jpg", ["جو بايدن", "Joe Biden"]),
];

/// Every photograph, in the order in which the camera shows them: as people count.
const PHOTOGRAPHS: [(&str, Said); 17] = [
    ("astronaut.png", To(Collins)),
    ("biden.jpg", To(Biden)),
    ("coffee.png", Nothing),
    ("d_1px.png", Nothing),
    ("d_astronaut_dark.png", To(Collins)),
    ("d_astronaut_gray.png", To(Collins)),
    ("d_astronaut_rot30.png", To(Collins)),
    // Upside down no detector of this kind finds a face.
    ("d_astronaut_rot180.png", Nothing),
    // A face of 11 pixels: too small to be anybody.
    ("d_astronaut_tiny64.png", Guest),
    ("d_black.png", Nothing),
    ("d_noise.png", Nothing),
    ("d_obama2_blur.png", To(Obama)),
    ("obama.jpg", To(Obama)),
    ("obama2.jpg", To(Obama)),
    ("obama3.jpg", To(Obama)),
    ("rocket.jpg", Nothing),
    // 29 faces, none of them enrolled.
    ("solvay_1927.png", Guest),
];

/// As the card of the models says.
const THRESHOLD: f64 = 0.62;
const SMALLEST: f64 = 60.0;

/// The shipped pipeline with a stage that writes down what was said, changed by `change`.
fn receive(data: &Path, folder: &Folder, change: impl FnOnce(String) -> String) -> Ended {
    let text = std::fs::read_to_string(pipeline("photos.toml")).expect("a pipeline that is shipped can be read");
    let tap = "\n[stage.said]\nplugin = \"jsonl\"\ninputs = { packets = \"greeting.utterance\" }\nconfig = { path = \"said.jsonl\" }\n";
    let file = folder.write("photos.toml", change(text + tap));
    majlis(["run", "--report", "json", "--visits", "all"]).arg(file).env("MAJLIS_TESTDATA", data).run()
}

/// What was said, by photograph. The report says which photograph a visit was, the tap what it was told.
fn said_by_photograph(report: &majlis_tests::Report, folder: &Folder) -> BTreeMap<&'static str, Vec<Value>> {
    let mut of_visit = BTreeMap::new();
    let mut said: BTreeMap<&str, Vec<Value>> = PHOTOGRAPHS.iter().map(|(file, _)| (*file, Vec::new())).collect();
    for visit in report.visits() {
        assert_eq!(visit.fact("files"), Some("17"), "{:#}", visit.0);
        let place: usize = visit.fact("file").and_then(|place| place.parse().ok()).expect("the camera says which file");
        of_visit.insert(visit.0["visit"].as_u64(), PHOTOGRAPHS[place - 1].0);
    }
    assert_eq!(of_visit.len(), PHOTOGRAPHS.len(), "each photograph is a visit");
    for line in folder.read("said.jsonl").lines() {
        let line: Value = serde_json::from_str(line).expect("the tap writes JSON");
        let photograph = of_visit[&line["visit"].as_u64()];
        said.get_mut(photograph).expect("a visit is one of the photographs").push(line["packet"].clone());
    }
    said
}

/// Whose names stand in the words.
fn named(words: &Value) -> Vec<Person> {
    let display = words["display"].as_str().expect("an utterance has words for the eye");
    let all = PEOPLE.iter().filter(|(_, _, names)| names.iter().all(|name| display.contains(name)));
    let any = PEOPLE.iter().filter(|(_, _, names)| names.iter().any(|name| display.contains(name)));
    assert_eq!(all.clone().count(), any.count(), "a name stands in one language only: {display}");
    all.map(|(person, ..)| *person).collect()
}

#[test]
fn everybody_on_the_photographs_is_greeted_as_who_they_are() {
    greets_everybody_rightly(|text| text, &[]);
}

#[test]
fn where_nothing_native_is_installed_everybody_is_greeted_as_who_they_are() {
    greets_everybody_rightly(
        |text| replaced(&text, "models = \"testdata\"", "models = \"testdata\"\nbackend = \"rten\""),
        &[],
    );
}

#[test]
fn swapping_the_recogniser_is_one_line() {
    // YuNet finds a face that is upside down, and cannot tell whose it is.
    let other = [("d_astronaut_rot180.png", Guest)];
    greets_everybody_rightly(|text| replaced(&text, "plugin = \"insightface\"", "plugin = \"yunet\""), &other);
}

/// With the shipped pipeline changed by `change`, where `other` is what differs from the table.
fn greets_everybody_rightly(change: impl FnOnce(String) -> String, other: &[(&str, Said)]) {
    let Some(data) = testdata("the photographs through the real recogniser") else { return };
    let folder = Folder::new();
    // Who is greeted must not depend on how busy the machine is that tests it.
    let ended = receive(&data, &folder, |text| change(replaced(&text, "greet_by = \"10s\"", "greet_by = \"10min\"")));
    let terminal = ended.stderr.clone();
    let report = ended.report();

    let said = said_by_photograph(&report, &folder);
    for (file, expected) in PHOTOGRAPHS {
        let expected = other.iter().find(|(other, _)| *other == file).map_or(expected, |(_, said)| *said);
        match (expected, &said[file][..]) {
            (Nothing, []) => {}
            (Guest, [words]) => {
                assert_eq!((named(words), &words["kind"]), (Vec::new(), &"guest".into()), "{file}");
            }
            (To(person), [words]) => {
                assert_eq!((named(words), &words["kind"]), (vec![person], &"named".into()), "{file}");
            }
            (expected, words) => panic!("{file}: {expected:?} was expected and this was said: {words:?}"),
        }
    }
    // stdout carries the report, so the words are on stderr.
    for (person, _, names) in PEOPLE {
        let times = PHOTOGRAPHS.iter().filter(|(_, said)| *said == To(person)).count();
        for name in names {
            assert_eq!(terminal.matches(name).count(), times, "`{name}` on the terminal:\n{terminal}");
        }
    }
}

#[test]
fn the_account_of_a_real_recognition_adds_up() {
    let Some(data) = testdata("the accounts of real recognitions") else { return };
    undisturbed(|| {
        let folder = Folder::new();
        let report = receive(&data, &folder, |text| text).report();
        for visit in report.visits() {
            visit.assert_account();
        }
        report.assert_ledgers();
        let opening = report.opening("faces");
        assert_eq!(opening["title"], "InsightFace Model Loading");
        let mapped: Vec<&str> =
            opening["mapped"].as_array().into_iter().flatten().filter_map(|file| file["file"].as_str()).collect();
        assert!(mapped.iter().any(|file| file.contains("onnxruntime")), "the opening maps the runtime: {opening:#}");
        assert_eq!(report.stage("faces")["failed"], 0);
        assert_eq!(report.run()["unclaimed_threads"], Value::Array(Vec::new()));
    });
}

/// Runs the photographs with a recogniser that cannot open, and holds that everybody is a guest.
fn all_guests(data: &Path, models: &Path) -> Ended {
    let folder = Folder::new();
    let ended = receive(data, &folder, |text| {
        let other = format!("folder = {:?}", models);
        let text = replaced(&text, "folder = { env = \"MAJLIS_TESTDATA\", append = \"models\" }", &other);
        // How long the greeting waits, made shorter: it is what the test waits for.
        replaced(&text, "greet_by = \"10s\"", "greet_by = \"300ms\"")
    })
    .with(0);
    let report = majlis_tests::Report::new(ended.json());
    for (file, said) in said_by_photograph(&report, &folder) {
        let [words] = &said[..] else { panic!("{file}: a guest was to be greeted once: {said:?}\n{ended:?}") };
        assert_eq!((named(words), &words["kind"]), (Vec::new(), &"guest".into()), "{file}");
    }
    for visit in report.visits() {
        assert_eq!(visit.0["reached"], true, "{:#}", visit.0);
        visit.assert_tiles();
    }
    ended
}

#[test]
fn where_nobody_can_look_everybody_is_greeted_as_a_guest() {
    let Some(data) = testdata("a recogniser without its models") else { return };
    let ended = all_guests(&data, &data.join("no-such-folder"));
    assert!(ended.stderr.contains("det_500m.onnx"), "what is missing is said: {ended:?}");
}

#[test]
fn a_model_that_is_not_the_one_of_its_card_is_not_run() {
    let Some(data) = testdata("a recogniser with a damaged model") else { return };
    let models = Folder::new();
    for model in ["det_500m.onnx", "mobilefacenet_128.onnx"] {
        let mut bytes = std::fs::read(data.join("models").join(model)).expect("a model of the test data can be read");
        if model.starts_with("mobile") {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        let _ = models.write(model, bytes);
    }
    let ended = all_guests(&data, models.path());
    assert!(ended.stderr.contains("mobilefacenet_128.onnx"), "which file is wrong is said: {ended:?}");
}

#[test]
fn the_table_is_what_the_original_recogniser_says() {
    let Some(data) = testdata("the golden answers") else { return };
    let text = std::fs::read_to_string(data.join("golden/insightface_0.7.3.json")).expect("golden answers can be read");
    let golden: Value = serde_json::from_str(&text).expect("golden answers are JSON");
    let labels: Vec<&str> = golden["labels"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let row = |label: &str| labels.iter().position(|known| *known == label).expect("each face has a row");
    for (file, expected) in PHOTOGRAPHS {
        let faces = golden["images"][file]["faces"].as_array().expect("each photograph has an answer");
        let mut people = Vec::new();
        for (number, face) in faces.iter().enumerate() {
            let side = |from: usize| {
                face["bbox"][from + 2].as_f64().zip(face["bbox"][from].as_f64()).map_or(0.0, |(to, from)| to - from)
            };
            if side(0).min(side(1)) < SMALLEST {
                continue;
            }
            let cosines = &golden["cosine"][row(&format!("{file}#{number}"))];
            people.extend(PEOPLE.iter().filter_map(|(person, photograph, _)| {
                let cosine = cosines[row(&format!("{photograph}#0"))].as_f64().expect("the matrix has numbers");
                (cosine > THRESHOLD).then_some(*person)
            }));
        }
        let said = match (&people[..], faces.is_empty()) {
            ([], true) => Nothing,
            ([], false) => Guest,
            ([person], _) => To(*person),
            _ => panic!("{file}: several people: {people:?}"),
        };
        assert_eq!(said, expected, "{file}");
    }
}

#[test]
fn who_enrols_is_greeted_by_name_until_forgotten() {
    let Some(data) = testdata("enrolling and forgetting") else { return };
    let (folder, home) = (Folder::new(), Folder::new());
    let shipped = std::fs::read_to_string(pipeline("photos.toml")).expect("a pipeline that is shipped can be read");
    let (head, rest) = shipped.split_once("[[stage.faces.config.people]]").expect("it enrols people");
    let (_, tail) = rest.split_once("[stage.greeting]").expect("it greets them");
    let text = format!("{head}gallery = \"people\"\n\n[stage.greeting]{tail}");
    let visitors = replaced(&text, "{ env = \"MAJLIS_TESTDATA\", append = \"images\" }", "\"visitors\"");
    let file = folder.write("people.toml", visitors);
    for photograph in ["obama.jpg", "biden.jpg"] {
        let bytes = std::fs::read(data.join("images").join(photograph)).expect("a photograph can be read");
        let _ = folder.write(&format!("visitors/{photograph}"), bytes);
    }
    let at_home = |verb: &str, arguments: &[&str]| {
        majlis([verb]).arg(&file).args(arguments).env("MAJLIS_TESTDATA", &data).at_home(home.path()).run()
    };
    // In both languages.
    let greeted = |count: usize| {
        let ended = at_home("run", &["--report", "none"]).with(0);
        assert_eq!(ended.stdout.matches("Guest of Honour").count(), 2 * count, "{ended:?}");
        assert_eq!(ended.stdout.matches("Welcome").count(), 2, "everybody is greeted: {ended:?}");
    };

    greeted(0);
    let photo = format!("photo={}", data.join("images/obama3.jpg").display());
    let enrol = ["faces", "enrol", "id=p1", &photo, "name_latin=Guest of Honour", "consent=expo-2", "announce=name"];
    let _ = at_home("stage", &enrol).with(0);
    let listed = at_home("stage", &["faces", "list"]).with(0).json();
    assert_eq!((&listed["people"][0]["id"], &listed["people"][0]["announce"]), (&"p1".into(), &"name".into()));
    let stranger = format!("photo={}", data.join("images/biden.jpg").display());
    let why = at_home("stage", &["faces", "why", &stranger, "id=p1"]).with(0).json();
    assert_eq!(why["faces"][0]["outcome"], "unknown", "{why:#}");
    assert_eq!(why["thresholds"]["match_threshold"], THRESHOLD, "{why:#}");
    greeted(1);
    let _ = at_home("stage", &["faces", "forget", "id=p1"]).with(0);
    greeted(0);
    for file in home.files() {
        let bytes = std::fs::read(&file).expect("a file of the home can be read");
        let found = bytes.windows(15).any(|part| part == b"Guest of Honour");
        assert!(!found, "{} still holds the name", file.display());
    }
}

//! A plugin's own word as a command, and with it what an operator does about people: `majlis faces …`.

use majlis_tests::{Ended, Folder, majlis, pipeline, replaced, root, testdata};
use serde_json::json;

fn one_stage(folder: &Folder) -> std::path::PathBuf {
    folder.write("one.toml", "[stage.helper]\nplugin = \"fixture-services\"\nconfig = { do = \"nothing\" }\n")
}

fn fixture(arguments: &[&str]) -> Ended {
    majlis(["fixture"]).args(arguments).run()
}

#[test]
fn a_plugins_word_calls_the_verbs_of_the_one_stage_that_has_it() {
    let folder = Folder::new();
    let file = one_stage(&folder);
    let asked = |arguments: &[&str]| majlis(["fixture"]).args(arguments).arg("--pipeline").arg(&file).run();
    assert_eq!(asked(&["twice", "21"]).with(0).stdout, "42\n");
    assert_eq!(asked(&["twice", "number=21", "--json"]).with(0).json(), 42);
    assert_eq!(majlis(["fixture", "twice", "21"]).env("MAJLIS_PIPELINE", &file).run().with(0).stdout, "42\n");
    assert_eq!(asked(&["twice", "21", "--stage", "helper"]).with(0).stdout, "42\n");

    let people = asked(&["guests", "title=Dr"]).with(0).stdout;
    assert_eq!(people, "\nguests\n  id  name\n  g1  \u{2068}Dr نورة\u{2069}\n  g2  Dr Salem\n");
    assert_eq!(asked(&["guests", "--json"]).with(0).json()["guests"][1]["id"], "g2");

    let refused = asked(&["twice", "5000"]).with(1);
    assert!(refused.stderr.contains("too much") && refused.stdout.is_empty(), "{refused:?}");
    let refused = asked(&["twice", "5000", "--json"]).with(1);
    assert_eq!(refused.json()["diagnostics"][0]["code"], "R0206", "{refused:?}");
    for (wrong, words) in [
        (&["twice", "many"][..], "number"),
        (&["twice", "1", "2"], "`2` is no argument: `twice NUMBER`"),
        (&["twise", "1"], "did you mean `twice`?"),
        (&["twice"], "number"),
    ] {
        let ended = asked(wrong).with(2);
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
}

#[test]
fn what_a_word_can_do_is_told_without_a_pipeline() {
    for listed in [fixture(&[]), fixture(&["--help"])] {
        let listed = listed.with(0).stdout;
        for part in
            ["twice NUMBER  Doubles a number", "guests        Lists two guests", "MAJLIS_PIPELINE", "--stage NAME"]
        {
            assert!(listed.contains(part), "`{part}` is missing: {listed}");
        }
    }
    let help = fixture(&["twice", "--help"]).with(0).stdout;
    assert!(
        help.contains("majlis fixture twice NUMBER") && help.contains("number=NUMBER  (needed)\n      The number."),
        "{help}"
    );
    let json = fixture(&["--json"]).with(0).json();
    assert_eq!((&json["alias"], &json["verbs"][1]["name"]), (&json!("fixture"), &json!("guests")), "{json:#}");
    let words = majlis(["plugins", "list"]).run().with(0).stdout;
    assert!(words.contains("majlis fixture …") && words.contains("majlis faces …"), "{words}");
}

#[test]
fn which_pipeline_and_which_stage_is_asked_for_where_it_is_not_clear() {
    let folder = Folder::new();
    let unsaid = fixture(&["twice", "21"]).with(2);
    assert!(unsaid.stderr.contains("R0207") && unsaid.stderr.contains("--pipeline FILE"), "{unsaid:?}");
    assert!(unsaid.stderr.contains("MAJLIS_PIPELINE"), "{unsaid:?}");
    let empty = majlis(["fixture", "twice", "21", "--json"]).env("MAJLIS_PIPELINE", "").run().with(2);
    assert_eq!(empty.json()["diagnostics"][0]["code"], "R0207");

    let stage =
        |name: &str| format!("[stage.{name}]\nplugin = \"fixture-services\"\nconfig = {{ do = \"nothing\" }}\n");
    let two = folder.write("two.toml", stage("left") + &stage("right"));
    let asked =
        |arguments: &[&str]| majlis(["fixture", "twice", "21"]).args(arguments).arg("--pipeline").arg(&two).run();
    let several = asked(&[]).with(2);
    assert!(several.stderr.contains("left, right") && several.stderr.contains("--stage NAME"), "{several:?}");
    assert_eq!(asked(&["--stage", "right"]).with(0).stdout, "42\n");
    let nobody = asked(&["--stage", "middle"]).with(2);
    assert!(nobody.stderr.contains("`middle`") && nobody.stderr.contains("left, right"), "{nobody:?}");

    let none = majlis(["fixture", "twice", "21", "--pipeline"]).arg(pipeline("seed.toml")).run().with(2);
    assert!(none.stderr.contains("no stage that does `majlis fixture`"), "{none:?}");
    let missing = majlis(["fixture", "twice", "21", "--pipeline", "nowhere.toml"]).run().with(3);
    assert!(missing.stderr.contains("nowhere.toml cannot be read"), "{missing:?}");
    let wrong = folder.write("wrong.toml", "[stage.helper]\nplugin = \"fixture-servces\"\n");
    let wrong = majlis(["fixture", "twice", "21", "--json", "--pipeline"]).arg(wrong).run().with(3);
    assert_eq!(wrong.json()["diagnostics"][0]["code"], "E0301", "{wrong:?}");
}

#[test]
fn a_word_that_nobody_knows_gets_the_error_of_a_mistyped_verb() {
    let folder = Folder::new();
    let file = one_stage(&folder);
    for (typed, meant) in
        [(&["fixtrue", "twice"][..], "'fixture'"), (&["chekc", "x.toml"], "'check'"), (&["stge", "--json"], "'stage'")]
    {
        let unknown = majlis(typed).run().with(2);
        assert!(unknown.stderr.contains("unrecognized subcommand") && unknown.stderr.contains(meant), "{unknown:?}");
        let unknown = majlis(typed).env("MAJLIS_PIPELINE", &file).run().with(2);
        assert!(unknown.stderr.contains(meant), "{unknown:?}");
    }
    let log = majlis(["--log", "json", "fixtrue"]).run().with(2).log();
    assert!(log[0]["message"].as_str().is_some_and(|message| message.contains("'fixture'")), "{log:?}");
    let misused = fixture(&["twice", "--colour"]).with(2);
    assert!(misused.stderr.contains("unexpected argument '--colour'"), "{misused:?}");
    // No plugins, no words.
    let unknown = majlis_tests::Majlis::without_plugins(["fixture", "twice"]).run().with(2);
    assert!(unknown.stderr.contains("unrecognized subcommand 'fixture'"), "{unknown:?}");
}

/// photos.toml with people in the store and the photographs of a folder, again and again.
fn show(folder: &Folder, photographs: &[std::path::PathBuf]) -> std::path::PathBuf {
    let shipped = std::fs::read_to_string(pipeline("photos.toml")).expect("a pipeline that is shipped can be read");
    let (head, rest) = shipped.split_once("[[stage.faces.config.people]]").expect("it enrols people");
    let (_, tail) = rest.split_once("[stage.greeting]").expect("it greets them");
    let text = format!("{head}gallery = \"people\"\n\n[stage.greeting]{tail}");
    let text = replaced(&text, "{ env = \"MAJLIS_TESTDATA\", append = \"images\" }", "\"visitors\"");
    let file = folder
        .write("show.toml", replaced(&text, "fps = 10, as_visits = true", "fps = 4, loop = true, as_visits = true"));
    for photograph in photographs {
        let bytes = std::fs::read(photograph).expect("a photograph can be read");
        let name = photograph.file_name().expect("it has a name").to_string_lossy();
        let _ = folder.write(&format!("visitors/{name}"), bytes);
    }
    file
}

#[test]
fn somebody_enrols_before_the_camera_of_a_running_show_and_is_greeted_by_it() {
    let Some(data) = testdata("enrolling before the camera") else { return };
    let (folder, home) = (Folder::new(), Folder::new());
    let file = show(&folder, &[data.join("images/obama3.jpg")]);
    let faces = |arguments: &[&str]| {
        let command = majlis(["faces"]).args(arguments).env("MAJLIS_PIPELINE", &file).env("MAJLIS_TESTDATA", &data);
        command.at_home(home.path()).run()
    };
    let mut running =
        majlis(["run", "--report", "none"]).arg(&file).env("MAJLIS_TESTDATA", &data).at_home(home.path()).start();
    let _ = running.until_line("Welcome");
    let said = ["name_latin=Guest of Honour", "consent=expo-2", "announce=name"];
    let enrolled = faces(&[&["enrol", "p1", "live=true"][..], &said].concat()).with(0);
    assert!(enrolled.stdout.starts_with("id      p1\npeople  1\n"), "{enrolled:?}");
    let _ = running.until_line("Guest of Honour");
    // The same person under another id.
    let refused = faces(&["enrol", "p2", "live=true", "name_latin=Somebody Else", "consent=expo-2"]).with(1);
    assert!(refused.stderr.contains("enrolled already, as `p1`"), "{refused:?}");
    let _ = faces(&["forget", "p1"]).with(0);
    running.signal("TERM");
    let _ = running.wait();
    for file in home.files() {
        let bytes = std::fs::read(&file).expect("a file of the home can be read");
        for name in [&b"Guest of Honour"[..], b"Somebody Else"] {
            assert!(!bytes.windows(name.len()).any(|part| part == name), "{} still holds a name", file.display());
        }
    }
}

#[test]
fn why_somebody_was_not_known_is_told_to_people() {
    let Some(data) = testdata("why somebody was not known") else { return };
    let (folder, home) = (Folder::new(), Folder::new());
    let file = show(&folder, &[]);
    let image = |name: &str| data.join("images").join(name).display().to_string();
    let faces = |arguments: &[&str]| {
        let command = majlis(["faces"]).args(arguments).env("MAJLIS_PIPELINE", &file).env("MAJLIS_TESTDATA", &data);
        command.at_home(home.path()).run().with(0).stdout
    };
    let _ = folder.write("visitors/any.png", []);
    let _ =
        faces(&["enrol", "p1", &image("obama.jpg"), &image("obama2.jpg"), "name_ar=باراك أوباما", "consent=expo-2"]);
    let listed = faces(&["list"]);
    assert!(
        listed.contains("p1") && listed.contains("\u{2068}باراك أوباما\u{2069}") && listed.contains("expo-2"),
        "{listed}"
    );
    let known = faces(&["why", &image("obama3.jpg"), "p1"]);
    assert!(known.contains("`p1` is recognised: face 1 is known as `p1`, similarity 0."), "{known}");
    for key in ["match_threshold", "unknown_threshold", "margin", "min_face_px", "min_detection_score"] {
        assert!(known.contains(key), "`{key}` is missing: {known}");
    }
    let stranger = faces(&["why", &image("biden.jpg"), "p1"]);
    assert!(stranger.contains("`p1` is not recognised: face 1, ") && stranger.contains(" < "), "{stranger}");
    let small = faces(&["why", &image("d_astronaut_tiny64.png")]);
    assert!(small.contains("too small: ") && small.contains(" < 60 px (min_face_px)"), "{small}");
    let nobody = faces(&["why", &image("coffee.png")]);
    assert!(nobody.contains("no face was found"), "{nobody}");
    assert!(faces(&["check"]).contains("everybody can be recognised: 1 person"));
}

#[test]
fn swapping_to_a_model_of_another_dimension_needs_no_new_enrolment_of_whom_it_was_enrolled_for() {
    let Some(data) = testdata("a swap between two models") else { return };
    let (folder, home) = (Folder::new(), Folder::new());
    let first = show(&folder, &[]);
    let _ = folder.write("visitors/any.png", []);
    let text = folder.read("show.toml");
    let both = folder
        .write("both.toml", replaced(&text, "gallery = \"people\"", "gallery = \"people\"\nenrol_for = [\"demo\"]"));
    let text = folder.read("both.toml");
    let without_folder = replaced(&text, "folder = { env = \"MAJLIS_TESTDATA\", append = \"models\" }\n", "");
    let second = folder.write("second.toml", replaced(&without_folder, "models = \"testdata\"", "models = \"demo\""));
    let faces = |file: &std::path::Path, arguments: &[&str]| {
        let command = majlis(["faces"]).args(arguments).arg("--json").arg("--pipeline").arg(file);
        let command = command.env("MAJLIS_TESTDATA", &data).env("MAJLIS_MODELS", root().join("models"));
        command.at_home(home.path()).run().with(0).json()
    };
    let image = |name: &str| data.join("images").join(name).display().to_string();
    let said = ["name_latin=A Name", "consent=expo-2"];
    let _ = faces(&both, &[&["enrol", "p1", &image("obama.jpg")][..], &said].concat());
    let _ = faces(&first, &[&["enrol", "p2", &image("biden.jpg")][..], &said].concat());

    let recognised = |file: &std::path::Path| {
        let listed = faces(file, &["list"]);
        let people = listed["people"].as_array().expect("a list").clone();
        let mut now: Vec<(String, bool)> = people
            .iter()
            .map(|person| (person["id"].as_str().unwrap_or_default().into(), person["recognised_now"] == true))
            .collect();
        now.sort();
        (listed["model"].as_str().expect("a model").to_owned(), now)
    };
    let ((small, before), (large, after)) = (recognised(&second), recognised(&first));
    assert_ne!(small, large, "two models");
    assert_eq!(after, [("p1".into(), true), ("p2".into(), true)]);
    assert_eq!(before, [("p1".into(), true), ("p2".into(), false)]);
    let check = faces(&second, &["check"]).to_string();
    assert!(check.contains("1 of 2 people") && check.contains("p2") && check.contains("demo"), "{check}");
}

//! Files that plugins read, and what plugins need: refused before anything starts, as `majlis check` tells an operator.

use std::path::Path;

use majlis_tests::{Ended, Folder, majlis, root};
use serde_json::Value;

/// A pipeline whose stages read files of their own.
const WITH_FILES: &str = r#"[stage.camera]
plugin = "images"
config = { path = "visitors" }

[stage.faces]
plugin = "insightface"
inputs = { frame = "camera.frame" }

[stage.vision]
plugin = "vision"
inputs = { frame = "camera.frame", faces = "faces.faces" }
config = { tags = "tags.toml" }

[stage.greeting]
plugin = "greeting"
inputs = { faces = "faces.faces", scene = "vision.scene" }
load = "eager"
config = { titles = "titles.toml", occasions = "occasions.toml" }

[stage.voice]
plugin = "voice-file"
inputs = { utterance = "greeting.utterance" }
config = { folder = "recordings" }
"#;

fn check(file: &Path) -> Ended {
    majlis(["check"]).arg(file).run()
}

/// Code, file and line of each diagnostic, in the order in which they are told.
fn told(ended: &Ended) -> Vec<(String, String, u64)> {
    let json = ended.json();
    let diagnostics = json["diagnostics"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let name = |file: &str| file.rsplit('/').next().unwrap_or(file).to_owned();
    let line = |line: &Value| line.as_u64().expect("a number");
    diagnostics.iter().map(|found| (text(&found["code"]), name(&text(&found["file"])), line(&found["line"]))).collect()
}

#[test]
fn all_mistakes_in_the_files_of_plugins_are_told_at_once_each_with_its_file_and_line() {
    let folder = Folder::new();
    let file = folder.write("files.toml", WITH_FILES);
    // The files that are shipped are good examples.
    let shipped = |path: &str| std::fs::read(root().join("plugins").join(path)).expect("it is shipped");
    let _ = folder.write("tags.toml", shipped("vision/src/phrases.toml"));
    let _ = folder.write("titles.toml", shipped("greeting/src/titles.toml"));
    let _ = folder.write("occasions.toml", shipped("greeting/src/occasions.toml"));
    let _ = folder.write("recordings/say.toml", "[[say]]\ntext = \"a\"\nfile = \"a.wav\"\n");
    let _ = folder.write("recordings/a.wav", "");
    let _ = check(&file).with(0);

    let said = "ar = { display = \"هدية\", speak = \"هدية\" }\n";
    let _ = folder.write(
        "tags.toml",
        format!("[[tag]]\ntag = \"gift\"\nsees = \"a gift\"\n{said}[[tag]]\ntag = \"gift\"\nsee = \"a gift\"\n"),
    );
    let _ = folder.write(
        "titles.toml",
        "[doctor.masculine]\nar = { display = \"يا دكتور\", speak = \"يا دُكْتُورُ 1\" }\n[docent]\nmasculin = {}\n",
    );
    let days =
        ["\"09-31\"", "\"soon\"", "\"hijri 09-01..09-30\"", "[\"2027-02-29\", \"2027-13-01\"]", "2027-02-08", "5"];
    let days: String = days.iter().enumerate().map(|(number, days)| format!("SA.day-{number} = {days}\n")).collect();
    let _ = folder.write("occasions.toml", days);
    let _ = folder.write(
        "recordings/say.toml",
        "[[say]]\nkind = \"guest\"\nfile = \"a.wav\"\n[[say]]\ntext = \"b\"\nfile = \"b.wav\"\n",
    );
    let ended = majlis(["check", "--json"]).arg(&file).run().with(3);
    let expected = [
        ("E0709", "tags.toml", 4),
        ("E0205", "tags.toml", 5),
        ("E0710", "tags.toml", 6),
        ("E0204", "tags.toml", 7),
        ("E0709", "titles.toml", 2),
        ("E0709", "titles.toml", 2),
        ("E0204", "titles.toml", 4),
        ("E0709", "occasions.toml", 1),
        ("E0709", "occasions.toml", 2),
        ("E0709", "occasions.toml", 4),
        ("E0701", "occasions.toml", 5),
        ("E0701", "occasions.toml", 6),
        ("E0711", "say.toml", 1),
        ("E0716", "say.toml", 6),
    ];
    let expected = expected.map(|(code, file, line)| (code.to_owned(), file.to_owned(), line));
    assert_eq!(told(&ended), expected, "{ended:?}");

    let text = check(&file).with(3).stderr;
    for part in ["titles.toml:2:", "has no vowel marks", "has digits", "files.toml:18:", "named here", "`b.wav`"] {
        assert!(text.contains(part), "{part} is not told in {text}");
    }
    let run = majlis(["run"]).arg(&file).run().with(3);
    assert!(run.stderr.contains("titles.toml:2:"), "{run:?}");
}

#[test]
fn what_a_vision_model_needs_is_told_before_it_is_asked_and_nobody_is_led_to_send_faces() {
    let folder = Folder::new();
    let wrong = WITH_FILES
        .replace(", faces = \"faces.faces\" }\nconfig = { tags = \"tags.toml\" }", " }\ndeadline = \"3s\"\n[stage.vision.config]\ndialect = \"ollama\"\nprompt = \"What do you see?\"\ntags = \"nowhere.toml\"\nanswer_within = \"4s\"")
        .replace("config = { titles = \"titles.toml\", occasions = \"occasions.toml\" }\n", "")
        .replace("plugin = \"voice-file\"", "plugin = \"avatar-console\"")
        .replace("config = { folder = \"recordings\" }\n", "");
    let file = folder.write("vision.toml", wrong);
    let ended = majlis(["check", "--json"]).arg(&file).run().with(3);
    let expected = [("E0504", 9), ("E0205", 14), ("E0709", 15), ("E0716", 16), ("E0702", 17)];
    let expected = expected.map(|(code, line)| (code.to_owned(), "vision.toml".to_owned(), line));
    assert_eq!(told(&ended), expected, "{ended:?}");
    let text = check(&file).with(3).stderr;
    for part in ["`inputs = { faces = \"faces.faces\" }`", "`model = …`", "`{tags}`", "3s of the stage's `deadline`"]
    {
        assert!(text.contains(part), "{part} is not told in {text}");
    }
    assert!(!text.contains("\"send\""), "{text}");
}

#[test]
fn a_file_that_only_the_plugin_can_judge_is_told_in_one_line() {
    let folder = Folder::new();
    let file = folder.write(
        "late.toml",
        WITH_FILES
            .replace(
                "config = { tags = \"tags.toml\" }\n",
                "config = { model = \"m\", dialect = \"ollama\", prewarm = false }\n",
            )
            .replace("titles = \"titles.toml\", ", "")
            .replace("plugin = \"voice-file\"", "plugin = \"avatar-console\"")
            .replace("config = { folder = \"recordings\" }\n", ""),
    );
    let _ = folder.write("occasions.toml", "\nSA.opening = \"2027-03-02..2027-03-01\"\n");
    let _ = check(&file).with(0);
    let ended = majlis(["run"]).arg(&file).run();
    let told: Vec<&str> =
        ended.stderr.lines().filter(|line| line.contains("E0713") && line.contains("greeting")).collect();
    let [line] = told[..] else { panic!("{ended:?}") };
    assert!(line.contains("occasions.toml: line 2, column 14") && line.contains("2027-03-02..2027-03-01"), "{line}");
}

/// A pipeline whose avatars are a vendor's.
const WITH_AVATARS: &str = r#"[stage.room]
plugin = "livekit"
inputs = { order = "avatar.order" }
config = { url = "ws://127.0.0.1:7880", key = { env = "LIVEKIT_API_KEY" }, secret = { env = "LIVEKIT_API_SECRET" } }

[stage.avatar]
plugin = "avatar-livekit"
load = "eager"
inputs = { invite = "room.invite", seen = "room.seen" }

[stage.avatar.config]
vendor = "acme"
vendor_files = ["acme.toml"]

[stage.avatar.config.vendor_options.acme]
api_key = { env = "ACME_API_KEY" }
"#;

const ACME: &str = r#"name = "acme"
title = "Acme Faces"
base_url = "https://api.acme.example"
sample_rate = 24000
usual_start = "8s"
idle = "silence"

[key]
header = "x-api-key"

[[start]]
request = "POST /v1/sessions"

[start.body]
livekit_url = "{livekit_url}"
livekit_token = "{token}"
"#;

fn check_avatars(file: &Path) -> Ended {
    let secret = "a-secret-of-the-test-that-is-long";
    let check = majlis(["check", "--json"]).arg(file);
    ["LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "ACME_API_KEY"]
        .into_iter()
        .fold(check, |check, name| check.env(name, secret))
        .run()
}

#[test]
fn each_mistake_in_a_vendors_file_is_told_at_its_line_before_the_start() {
    let folder = Folder::new();
    let file = folder.write("avatars.toml", WITH_AVATARS);
    let _ = folder.write("acme.toml", ACME);
    let _ = check_avatars(&file).with(0);
    let wrong = ACME
        .replace("24000", "24100")
        .replace("8s", "8 seconds")
        .replace("idle", "idel")
        .replace("POST /", "POST ")
        .replace("{token}", "{tokn}");
    let _ = folder.write("acme.toml", &wrong);
    let expected = [
        ("E0205", "acme.toml", 1),
        ("E0703", "acme.toml", 4),
        ("E0709", "acme.toml", 5),
        ("E0204", "acme.toml", 6),
        ("E0719", "acme.toml", 11),
        ("E0709", "acme.toml", 12),
        ("E0718", "acme.toml", 16),
    ];
    let expected = expected.map(|(code, file, line)| (code.to_owned(), file.to_owned(), line));
    assert_eq!(told(&check_avatars(&file).with(3)), expected);

    // A folder of such files, in which this one is named after another that is right.
    let _ = folder.write("vendors/acme.toml", ACME);
    let _ = folder.write("vendors/wrong.toml", &wrong);
    let of_a_folder = WITH_AVATARS.replace("vendor_files = [\"acme.toml\"]", "vendors_folder = \"vendors\"");
    let file = folder.write("folder.toml", of_a_folder);
    let expected = expected.map(|(code, _, line)| (code, "wrong.toml".to_owned(), line));
    assert_eq!(told(&check_avatars(&file).with(3)), expected);
}

/// What the plugin would refuse at the start, file by file: its own tests hold it against the same ones.
#[test]
fn each_fault_of_a_vendors_file_that_its_plugin_knows_is_told_before_the_start() {
    let folder = Folder::new();
    let file = folder.write("avatars.toml", WITH_AVATARS);
    let faults = root().join("plugins/avatar-livekit/tests/faults");
    let mut names: Vec<_> =
        std::fs::read_dir(&faults).expect("files").map(|file| file.expect("a file").path()).collect();
    names.sort();
    assert!(names.len() > 20, "{names:?}");
    let (mut wrong, mut hints) = (Vec::new(), String::new());
    for path in names {
        let text = std::fs::read_to_string(&path).expect("a text");
        let line = text.lines().next().and_then(|line| line.strip_prefix("# line ")).expect("it says where");
        let _ = folder.write("acme.toml", &text);
        let ended = check_avatars(&file);
        // A vendor of another name is not found by the plugin either, and an option of every vendor is one of its own keys.
        let found: Vec<_> = told(&ended).into_iter().filter(|(_, file, _)| file == "acme.toml").collect();
        let places: Vec<String> = found.iter().map(|(_, _, line)| line.to_string()).collect();
        if found.is_empty() || places.iter().any(|place| place != line) || ended.code != Some(3) {
            wrong.push(format!("{}: {found:?} instead of line {line}", path.display()));
        }
        hints.push_str(&ended.stdout);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for meant in ["did you mean `{option.face}`?", "did you mean `{answer.session}`?", "did you mean `{livekit_url}`?"]
    {
        assert!(hints.contains(meant), "{meant} is not told");
    }
    // What is written twice, and stands for nothing, is right.
    let _ = folder.write("acme.toml", ACME.replace("{livekit_url}", "{livekit_url}{{option.none}} {{"));
    let _ = check_avatars(&file).with(0);
}

#[test]
fn what_a_vendor_that_is_shipped_needs_is_told_before_the_start_and_what_cannot_wait_as_well() {
    let folder = Folder::new();
    let chosen = WITH_AVATARS
        .replace("vendor = \"acme\"\nvendor_files = [\"acme.toml\"]", "vendors = [\"bey\", \"simli\"]\nprewarm = 1")
        + "[stage.avatar.config.vendor_options.bey]\napi_key = { env = \"ACME_API_KEY\" }\navatar = \"a\"\nstart_within = \"2s\"\n"
        + "[stage.avatar.config.vendor_options.simli]\napi_key = { env = \"ACME_API_KEY\" }\nface_id = \"f\"\n";
    let file = folder.write("avatars.toml", chosen);
    let expected = [("E0717", 12), ("E0205", 17), ("E0204", 19), ("W0606", 20)];
    let expected = expected.map(|(code, line)| (code.to_owned(), "avatars.toml".to_owned(), line));
    let ended = check_avatars(&file).with(3);
    assert_eq!(told(&ended), expected, "{ended:?}");
}

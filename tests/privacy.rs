//! After a show with real faces nothing of a visitor is left, and no log ever held a name.

use std::path::Path;
use std::time::{Duration, Instant};

use majlis_tests::{Ended, Folder, majlis, pipeline, replaced, testdata};

/// What would tell who somebody is: names in either script, and the ids that they are enrolled with.
const TELLING: [&str; 12] = [
    "كولينز",
    "آيلين",
    "Collins",
    "Eileen",
    "collins",
    "أوباما",
    "Obama",
    "obama\"",
    "بايدن",
    "Biden",
    "biden\"",
    "embedding\":",
];

#[test]
fn a_show_leaves_no_trace_of_its_visitors() {
    let Some(data) = testdata("what a show with real faces leaves behind") else { return };
    let home = Folder::new();
    let trace = home.file("trace.json");
    let ended = majlis(["run", "--report", "json", "--log", "json", "-vvv", "--trace"])
        .arg(&trace)
        .arg("--report-log")
        .arg(home.file("visits.jsonl"))
        .arg(pipeline("photos.toml"))
        .env("MAJLIS_TESTDATA", &data)
        .at_home(home.path())
        .run()
        .with(0);

    // The words are on the terminal, for whoever stands there; that is the one place.
    assert!(ended.stderr.contains("Eileen Collins"), "{ended:?}");
    let (shown, log): (Vec<_>, Vec<_>) = ended.log().into_iter().partition(|line| line["shown"].is_string());
    assert!(!shown.is_empty(), "what a stage shows can be told from the log: {ended:?}");
    let log: String = log.iter().map(|line| format!("{line}\n")).collect();
    assert!(!log.is_empty(), "the most talkative log says something: {ended:?}");
    for (what, text) in [
        ("the log", log),
        ("the report", ended.stdout.clone()),
        ("the trace", home.read("trace.json")),
        ("the log of visits", home.read("visits.jsonl")),
    ] {
        for telling in TELLING {
            assert!(!text.contains(telling), "{what} holds `{telling}`:\n{text}");
        }
    }

    let mut strange = home.files();
    strange.retain(|file| {
        let inside = file.strip_prefix(home.path()).expect("it lies there").to_string_lossy().into_owned();
        let plugin = inside.starts_with("cache/majlis/plugins/");
        let model = inside.starts_with("cache/majlis/") && (inside.ends_with(".ort") || inside.ends_with(".toml"));
        let asked_for = inside == "trace.json" || inside == "visits.jsonl";
        !(plugin || model || asked_for)
    });
    assert!(strange.is_empty(), "the show left {strange:?}");
}

/// The shipped pipeline with one visitor who comes again and again, and with people in the store.
fn endless(data: &Path, folder: &Folder) -> std::path::PathBuf {
    let shipped = std::fs::read_to_string(pipeline("photos.toml")).expect("a pipeline that is shipped can be read");
    let (head, rest) = shipped.split_once("[[stage.faces.config.people]]").expect("it enrols people");
    let (_, tail) = rest.split_once("[stage.greeting]").expect("it greets them");
    let text = format!("{head}gallery = \"people\"\nkeep_crops = true\n\n[stage.greeting]{tail}");
    let text = replaced(&text, "{ env = \"MAJLIS_TESTDATA\", append = \"images\" }", "\"visitors\", loop = true");
    let photograph = std::fs::read(data.join("images/obama.jpg")).expect("a photograph can be read");
    let _ = folder.write("visitors/visitor.jpg", photograph);
    folder.write("endless.toml", text)
}

/// Files of a home that hold one of these.
fn holding(home: &Folder, wanted: &[&[u8]]) -> Vec<std::path::PathBuf> {
    let mut files = home.files();
    files.retain(|file| {
        // A file of the running host may go while it is listed.
        let bytes = std::fs::read(file).unwrap_or_default();
        wanted.iter().any(|wanted| bytes.windows(wanted.len()).any(|part| part == *wanted))
    });
    files
}

#[test]
fn who_is_forgotten_during_a_show_is_named_no_more_and_leaves_no_byte_even_if_an_export_comes_back() {
    let Some(data) = testdata("forgetting during a show") else { return };
    let (folder, home) = (Folder::new(), Folder::new());
    let file = endless(&data, &folder);
    let at_home = |verb: &[&str]| -> Ended {
        let command = majlis(["stage"]).arg(&file).arg("faces").args(verb);
        command.env("MAJLIS_TESTDATA", &data).at_home(home.path()).run()
    };
    let photo = format!("photo={}", data.join("images/obama3.jpg").display());
    let enrol = [
        "enrol",
        "id=honoured-1",
        &photo,
        "name_latin=Guest of Honour",
        "name_ar=ضيف الشرف الكبير",
        "consent=expo-2",
        "announce=name",
    ];
    let traces: [&[u8]; 3] = [b"honoured-1", b"Guest of Honour", "ضيف الشرف الكبير".as_bytes()];
    let _ = at_home(&enrol).with(0);
    let secret = format!("passphrase_file={}", folder.write("secret", "correct horse battery staple").display());
    let export = format!("file={}", folder.file("people.mjx").display());
    let _ = at_home(&["export", &export, &secret]).with(0);
    assert!(!holding(&home, &traces).is_empty(), "what is looked for is there before");

    let run = majlis(["run", "--report", "none"]).arg(&file).env("MAJLIS_TESTDATA", &data).at_home(home.path());
    let mut show = run.start();
    let _ = show.until_line("Guest of Honour");
    let _ = at_home(&["forget", "id=honoured-1"]).with(0);
    let forgotten = Instant::now();
    let guest = show.until_line("Welcome. We");
    assert!(!guest.contains("Honour"));
    // The line may have waited behind those of the time before, and the machine may be busy.
    assert!(forgotten.elapsed() < Duration::from_secs(1), "{:?}", forgotten.elapsed());
    for _ in 0..20 {
        let line = show.until_line("Welcome");
        assert!(!line.contains("Honour"), "{line}");
    }
    assert_eq!(holding(&home, &traces), Vec::<std::path::PathBuf>::new());

    let imported = at_home(&["import", &export, &secret]).with(0).json();
    assert_eq!(imported["imported"], serde_json::json!([]), "{imported:#}");
    assert_eq!(holding(&home, &traces), Vec::<std::path::PathBuf>::new());
    show.signal("TERM");
    let _ = show.wait().with(0);
    assert_eq!(holding(&home, &traces), Vec::<std::path::PathBuf>::new());
}

#[test]
fn an_erasure_that_somebody_blocks_fails_after_ten_seconds_and_says_that_it_is_not_proved() {
    let Some(data) = testdata("an erasure that is blocked") else { return };
    let (folder, home) = (Folder::new(), Folder::new());
    let file = endless(&data, &folder);
    let at_home = |verb: &[&str]| -> Ended {
        let command = majlis(["stage"]).arg(&file).arg("faces").args(verb);
        command.env("MAJLIS_TESTDATA", &data).at_home(home.path()).run()
    };
    let photo = format!("photo={}", data.join("images/obama3.jpg").display());
    let _ = at_home(&["enrol", "id=honoured-1", &photo, "name_latin=N", "consent=expo-2"]).with(0);
    let people = home.files().into_iter().find(|file| file.ends_with("people.db")).expect("people are in a file");
    let reader = rusqlite::Connection::open(people).expect("a file of the store is SQLite");
    reader.execute_batch("BEGIN; SELECT count(*) FROM people").expect("it can be read");
    let begun = Instant::now();
    let refused = at_home(&["forget", "id=honoured-1"]).with(1);
    assert!(begun.elapsed() >= Duration::from_secs(10), "it waits for blockers: {:?}", begun.elapsed());
    assert!(refused.stderr.contains("not yet proved"), "{refused:?}");
    drop(reader);
    let _ = at_home(&["forget", "id=honoured-1"]).with(0);
    assert_eq!(holding(&home, &[b"honoured-1"]), Vec::<std::path::PathBuf>::new());
}

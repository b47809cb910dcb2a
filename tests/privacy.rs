//! After a show with real faces nothing of a visitor is left, and no log ever held a name.

use majlis_tests::{Folder, majlis, pipeline, testdata};

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

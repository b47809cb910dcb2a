//! The reception with services, as shipped, against a server of our own that holds every request against the published
//! description and misbehaves on demand: whatever it does, every visitor is greeted in time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use majlis_test_server::{Act, Proof, Server};
use majlis_tests::{Folder, Report, majlis, pipeline, replaced, root};
use serde_json::Value;

/// It must stand in no log, report, trace, packet or error.
const KEY: &str = "sk-test-hunter2hunter2";
/// Visitors of the nine scenes with somebody in them.
const VISITORS: usize = 8;
/// By when each visitor is greeted. The service of vision may take the four seconds that it has by itself.
const IN_TIME_MS: f64 = 3_500.0;
const SCENE: &str = r#"{"people":1,"tags":["flowers"]}"#;
const REMARK: &str = "ما أجمل هذه الزهور!";

/// What was done in one show.
struct Show {
    folder: Folder,
    report: Report,
    stderr: String,
}

impl Show {
    /// Of `cloud.toml`, with changes to its text. `vision` and `voice` are the services.
    fn run(vision: &Server, voice: &Server, change: impl FnOnce(String) -> String) -> Self {
        let folder = Folder::new();
        let file = prepared(&folder, change);
        let ended = majlis(["run", "--report", "json", "--visits", "all", "-vvv"])
            .args(["--trace", "trace.json", "--report-log", "visits.log"].map(|word| match word.strip_prefix("--") {
                Some(_) => word.to_owned(),
                None => folder.file(word).display().to_string(),
            }))
            .env("OPENAI_API_KEY", KEY)
            .env("MAJLIS_VISION_URL", vision.base_url())
            .env("MAJLIS_VOICE_URL", voice.base_url())
            .env("MAJLIS_HEARD", folder.file("heard"))
            .arg(file)
            .run();
        let stderr = ended.stderr.clone();
        assert!(!ended.stdout.contains(KEY) && !stderr.contains(KEY), "the key was told");
        let show = Self { folder, report: ended.report(), stderr };
        show.assert_no_file_has_the_key();
        show
    }

    fn assert_no_file_has_the_key(&self) {
        for path in self.folder.files() {
            let bytes = std::fs::read(&path).expect("it is there");
            let found = bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
            assert!(!found, "the key stands in {}", path.display());
        }
    }

    /// Utterances of each visit, by what they are for.
    fn said(&self, kind: &str) -> Vec<Value> {
        let lines = self.folder.read("said.jsonl");
        let packets = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("the tap writes JSON"));
        packets.map(|mut line| line["packet"].take()).filter(|packet| packet["kind"] == kind).collect()
    }

    #[track_caller]
    fn assert_everybody_is_greeted_in_time(&self, case: &str) {
        let greetings = self.said("named").len() + self.said("guest").len();
        assert_eq!(greetings, VISITORS, "{case}: each is greeted once; {}", self.stderr);
        let late: Vec<f64> = self.greeted_after_ms().into_iter().filter(|ms| *ms > IN_TIME_MS).collect();
        assert!(late.is_empty(), "{case}: greeted after {late:?} ms");
    }

    fn greeted_after_ms(&self) -> Vec<f64> {
        let visits = self.report.visits();
        let reached = visits.iter().filter(|visit| visit.0["reached"] == true);
        let times: Vec<f64> = reached.filter_map(|visit| Some(visit.0["length_ns"].as_f64()? / 1e6)).collect();
        assert_eq!(times.len(), VISITORS, "{:#?}", self.stderr);
        times
    }

    fn heard(&self) -> Vec<PathBuf> {
        let in_folder = |path: &PathBuf| path.parent().is_some_and(|parent| parent.ends_with("heard"));
        self.folder.files().into_iter().filter(in_folder).collect()
    }
}

/// `cloud.toml` with absolute paths, an account that ends at the greeting, and a tap of what is said.
fn prepared(folder: &Folder, change: impl FnOnce(String) -> String) -> PathBuf {
    let text = std::fs::read_to_string(pipeline("cloud.toml")).expect("it is shipped");
    let models = root().join("models/demo");
    let text = text.replace("../models/demo", models.to_str().expect("the workspace has a path in UTF-8"));
    let text = replaced(&text, "until = \"heard\"", "until = \"greeted\"");
    let settings = "[stage.greeting.config]\nsalutation = \"salam\"\noccasions = \"none\"\nagain_after = \"0s\"\ngreet_by = \"3s\"\n\n";
    let text = replaced(&text, "[stage.console]", &format!("{settings}[stage.console]"));
    let tap = "\n[stage.said]\nplugin = \"jsonl\"\ninputs = { packets = \"greeting.utterance\" }\nconfig = { path = \"said.jsonl\" }\n";
    folder.write("cloud.toml", change(text) + tap)
}

fn unchanged(text: String) -> String {
    text
}

/// Services that behave: a scene with flowers, and a tone for each text.
fn services() -> (Server, Server) {
    let (vision, voice) = (Server::start(), Server::start());
    vision.usually(Act::say(SCENE));
    (vision, voice)
}

fn espeak_is_here() -> bool {
    Command::new("espeak-ng").arg("--version").output().is_ok_and(|output| output.status.success())
}

fn enrolled_names() -> Vec<String> {
    let text = std::fs::read_to_string(pipeline("cloud.toml")).expect("it is shipped");
    let table: toml::Table = text.parse().expect("it is TOML");
    let people =
        table["stage"]["faces"]["config"]["people"].as_array().expect("people are enrolled in the file").clone();
    let keys = ["name_ar", "name_speak", "name_latin", "id"];
    let names = people.iter().flat_map(|person| keys.map(|key| person[key].as_str().expect("a name").to_owned()));
    names.collect()
}

#[test]
fn everybody_is_greeted_and_a_remark_on_what_was_seen_follows() {
    let (vision, voice) = services();
    let show = Show::run(&vision, &voice, unchanged);
    show.assert_everybody_is_greeted_in_time("services that behave");
    let remarks = show.said("remark");
    assert!(!remarks.is_empty(), "{}", show.stderr);
    assert!(
        remarks.iter().all(|remark| remark["display"].as_str().is_some_and(|text| text.contains(REMARK))),
        "{remarks:#?}"
    );
    assert!(show.heard().len() >= VISITORS, "{:?}", show.heard());
    assert_eq!((vision.open_streams(), voice.open_streams()), (0, 0), "every stream is closed");
}

#[test]
fn no_name_leaves_the_house_and_every_picture_leaves_with_faces_hidden() {
    let (vision, voice) = services();
    let show = Show::run(&vision, &voice, unchanged);
    assert!(!show.said("named").is_empty(), "somebody is greeted by name");
    let bodies: Vec<String> =
        vision.requests().iter().chain(&voice.requests()).map(|request| request.body.to_string()).collect();
    assert!(bodies.len() >= VISITORS, "{} requests", bodies.len());
    for name in enrolled_names() {
        assert!(!bodies.iter().any(|body| body.contains(&name)), "`{name}` was sent");
    }
    let looks = vision.requests();
    assert!(
        looks.iter().all(|look| look.path.ends_with("/chat/completions") && look.pictures().len() == 1),
        "a picture in each question"
    );
}

#[test]
fn whatever_the_model_does_everybody_is_greeted_in_time() {
    let cases: BTreeMap<&str, (Vec<Act>, Act)> = BTreeMap::from([
        ("a slow first byte", (vec![], Act::say(SCENE).after(Duration::from_secs(20)))),
        ("a stall in the middle", (vec![], Act::say(SCENE).stalling_after(1))),
        ("a cut connection", (vec![], Act::say(SCENE).cut_after(1))),
        ("429 with Retry-After", (vec![], Act::status(429).header("retry-after", "30"))),
        ("429 without", (vec![], Act::status(429))),
        ("401", (vec![], Act::status(401))),
        ("500 twice, then well", (vec![Act::status(500), Act::status(500)], Act::say(SCENE))),
        ("no JSON", (vec![], Act::garbage())),
        ("200 MB", (vec![], Act::huge(200 << 20))),
        ("a refusal", (vec![], Act::refusal())),
        ("a filtered answer", (vec![], Act::filtered("{\"people\":"))),
        ("a web page", (vec![], Act::page())),
        ("a redirection to another host", (vec![], Act::redirect("http://elsewhere.invalid/v1/chat/completions"))),
    ]);
    for (case, (first, then)) in cases {
        let (vision, voice) = services();
        vision.script(first);
        vision.usually(then);
        let show = Show::run(&vision, &voice, unchanged);
        show.assert_everybody_is_greeted_in_time(case);
        let remarks = show.said("remark");
        assert_eq!(remarks.is_empty(), case != "500 twice, then well", "{case}: {remarks:#?}");
        assert_eq!(vision.open_streams(), 0, "{case}: every stream is closed");
    }
}

#[test]
fn a_certificate_that_expired_is_refused_and_everybody_is_greeted() {
    let vision = Server::builder().tls(Proof::Expired).start();
    let voice = Server::start();
    let show = Show::run(&vision, &voice, unchanged);
    show.assert_everybody_is_greeted_in_time("an expired certificate");
    assert!(vision.requests().is_empty(), "nothing was asked");
    assert!(show.stderr.contains("certificate"), "{}", show.stderr);
}

#[test]
fn what_the_service_cannot_say_the_voice_of_the_house_says() {
    if !espeak_is_here() {
        assert!(std::env::var_os("MAJLIS_REQUIRE").is_none_or(|what| what != "all"), "`apt-get install espeak-ng`");
        eprintln!("\n*** SKIPPED: a voice of the house\n*** `apt-get install espeak-ng` installs it\n");
        return;
    }
    for (case, act) in [("401", Act::status(401)), ("no sound", Act::page()), ("busy", Act::status(503))] {
        let (vision, voice) = services();
        voice.usually(act);
        let show = Show::run(&vision, &voice, unchanged);
        show.assert_everybody_is_greeted_in_time(case);
        assert!(show.heard().len() >= VISITORS, "{case}: {:?}; {}", show.heard(), show.stderr);
        assert_eq!(voice.open_streams(), 0, "{case}: every stream is closed");
    }
}

#[test]
fn another_server_of_vision_is_one_line() {
    let (vision, voice) = services();
    let show = Show::run(&vision, &voice, |text| replaced(&text, "dialect = \"openai\"", "dialect = \"ollama\""));
    show.assert_everybody_is_greeted_in_time("another dialect");
    assert!(!show.said("remark").is_empty());
    let bodies: Vec<Value> = vision.requests().into_iter().map(|request| request.body).collect();
    assert!(!bodies.is_empty() && bodies.iter().all(|body| body["max_tokens"].is_u64()), "{bodies:#?}");
    assert!(bodies.iter().all(|body| body["max_completion_tokens"].is_null()));
}

#[test]
fn another_voice_is_one_line() {
    if !espeak_is_here() {
        return;
    }
    let (vision, voice) = services();
    let show = Show::run(&vision, &voice, |text| {
        // Its table goes with it: it is the other plugin's.
        let begin = text.find("[stage.voice.config]").expect("the voice is configured");
        let end = text[begin..].find("# Says what the service cannot").expect("the spare voice follows") + begin;
        let text = format!("{}{}", &text[..begin], &text[end..]);
        replaced(&text, "plugin = \"voice-openai\"", "plugin = \"voice-espeak\"")
    });
    show.assert_everybody_is_greeted_in_time("another voice");
    assert!(show.heard().len() >= VISITORS, "{:?}", show.heard());
    assert!(voice.requests().is_empty(), "nobody outside of the house was asked");
}

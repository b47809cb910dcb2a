//! The reception with services, as shipped, against a server of our own that holds every request against the published
//! description and misbehaves on demand: whatever it does, every visitor is greeted in time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use majlis_test_server::{Act, Proof, Server};
use majlis_tests::{Folder, Report, espeak_is_here, majlis, pipeline, replaced, root, with_whole_paths};
use serde_json::Value;

/// It must stand in no log, report, trace, packet or error.
const KEY: &str = "sk-test-hunter2hunter2";
/// Visitors of the nine scenes with somebody in them.
const VISITORS: usize = 8;
/// A file of so many bytes has no sound in it.
const WAV_HEAD: u64 = 44;
/// By when each visitor's greeting is shown: the greeting's `greet_by` of 1.5 s, and as much again for a busy machine. The service of
/// vision may take the four seconds that it has by itself.
const IN_TIME_MS: f64 = 3_000.0;
/// By when each visitor hears something, with the service's patience as shipped: it is waited for 3 s after the greeting.
const HEARD_IN_TIME_MS: f64 = IN_TIME_MS + 4_500.0;
const SCENE: &str = r#"{"people":1,"tags":["flowers"]}"#;
/// Where the keys of the voice begin in the file.
const VOICE_CONFIG: &str = "inputs = { utterance = \"greeting.utterance\", ahead = \"greeting.ahead\" }, config = { ";
const REMARK: &str = "ما أجمل هذه الزهور!";

/// What is not as shipped.
struct Settings {
    /// How long a greeting by name holds.
    again_after: &'static str,
    /// Where a visitor's account ends.
    until: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self { again_after: "0s", until: "shown" }
    }
}

/// What was done in one show.
struct Show {
    folder: Folder,
    report: Report,
    stderr: String,
}

impl Show {
    /// Of `cloud.toml`, with changes to its text. `vision` and `voice` are the services. Each visitor is greeted as at the first time.
    fn run(vision: &Server, voice: &Server, change: impl FnOnce(String) -> String) -> Self {
        Self::run_with(Settings::default(), vision, voice, change)
    }

    /// The same, with these settings.
    fn run_with(settings: Settings, vision: &Server, voice: &Server, change: impl FnOnce(String) -> String) -> Self {
        let folder = Folder::new();
        let file = prepared(&folder, vision, voice, settings, change);
        let ended = majlis(["run", "--report", "json", "--visits", "all", "-vvv"])
            .args(["--trace", "trace.json", "--report-log", "visits.log"].map(|word| match word.strip_prefix("--") {
                Some(_) => word.to_owned(),
                None => folder.file(word).display().to_string(),
            }))
            .env("OPENAI_API_KEY", KEY)
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

    /// How long each visit lasted until the moment at which its account ends.
    fn greeted_after_ms(&self) -> Vec<f64> {
        let visits = self.report.visits();
        let reached = visits.iter().filter(|visit| visit.0["reached"] == true);
        let times: Vec<f64> = reached.filter_map(|visit| Some(visit.0["length_ns"].as_f64()? / 1e6)).collect();
        assert_eq!(times.len(), VISITORS, "{:#?}", self.stderr);
        times
    }

    /// Each greeting is heard, to its end unless it may break off.
    #[track_caller]
    fn assert_every_greeting_is_heard(&self, case: &str, may_break_off: bool) {
        let heard = self.heard();
        let name = |path: &PathBuf| path.file_name().expect("a file").to_string_lossy().into_owned();
        for greeting in self.said("named").iter().chain(&self.said("guest")) {
            let number = greeting["number"].as_u64().expect("it is numbered");
            let ends = [format!("-utterance-{number}.wav"), format!("-utterance-{number}.cut.wav")];
            let ends = if may_break_off { &ends[..] } else { &ends[..1] };
            let file = heard.iter().find(|path| ends.iter().any(|end| name(path).ends_with(end)));
            let file = file.unwrap_or_else(|| panic!("{case}: {number} is not in {heard:?}; {}", self.stderr));
            let bytes = std::fs::metadata(file).expect("it is there").len();
            assert!(bytes > WAV_HEAD, "{case}: {} is silent", file.display());
        }
    }

    fn heard(&self) -> Vec<PathBuf> {
        let in_folder = |path: &PathBuf| path.parent().is_some_and(|parent| parent.ends_with("heard"));
        self.folder.files().into_iter().filter(in_folder).collect()
    }
}

/// `cloud.toml`, changed, with absolute paths, the two servers, and a tap of what is said.
fn prepared(
    folder: &Folder,
    vision: &Server,
    voice: &Server,
    settings: Settings,
    change: impl FnOnce(String) -> String,
) -> PathBuf {
    // First of all: what a test changes is the text as shipped.
    let text = with_whole_paths(&change(shipped()));
    let text = replaced(&text, "until = \"heard\"", &format!("until = \"{}\"", settings.until));
    // The same words on each day, and in the cases before and after. When a visitor is greeted is as shipped.
    let greeting = "[stage.greeting.config]\nsalutation = \"salam\"\noccasions = \"none\"\nagain_after = ";
    let text =
        replaced(&text, "[stage.console]", &format!("{greeting}\"{}\"\n\n[stage.console]", settings.again_after));
    let config = "\nconfig = { dialect = ";
    let reached = reach(folder, vision, "vision.pem").join(", ");
    let text = replaced(&text, config, &format!("\nconfig = {{ {reached}, dialect = "));
    // A voice of the house asks no server.
    let text = text.replace(VOICE_CONFIG, &format!("{VOICE_CONFIG}{}, ", reach(folder, voice, "voice.pem").join(", ")));
    let tap = "\n[stage.said]\nplugin = \"jsonl\"\ninputs = { packets = \"greeting.utterance\" }\nconfig = { path = \"said.jsonl\" }\n";
    folder.write("cloud.toml", text + tap)
}

/// The keys by which a stage reaches a server and trusts the authority that vouches for it.
fn reach(folder: &Folder, server: &Server, pem: &str) -> Vec<String> {
    let mut keys = vec![format!("base_url = \"{}\"", server.base_url())];
    if let Some(authority) = server.authority() {
        let _path = folder.write(pem, authority);
        keys.push(format!("ca_file = \"{pem}\""));
    }
    keys
}

fn shipped() -> String {
    std::fs::read_to_string(pipeline("cloud.toml")).expect("it is shipped")
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

fn enrolled_names() -> Vec<String> {
    let table: toml::Table = shipped().parse().expect("it is TOML");
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
    show.assert_every_greeting_is_heard("services that behave", false);
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

/// One of them comes a second time, in the last scene.
#[test]
fn nobody_is_asked_about_who_was_greeted_not_long_ago() {
    let questions = |again_after: &'static str| {
        let (vision, voice) = services();
        let show = Show::run_with(Settings { again_after, ..Settings::default() }, &vision, &voice, unchanged);
        show.assert_everybody_is_greeted_in_time(again_after);
        let spared = show.report.visits().iter().filter(|visit| visit.fact("not_asked").is_some()).count();
        (vision.requests().len(), spared)
    };
    let ((all, none_spared), (fewer, spared)) = (questions("0s"), questions("4h"));
    assert_eq!((none_spared, spared), (0, 1));
    assert_eq!(fewer, all - 1, "{all} questions otherwise");
}

/// The service is asked for what it says to everybody while the models are still loading, and for nothing else.
#[test]
fn what_everybody_hears_is_made_before_the_first_visitor_and_once() {
    let (vision, voice) = services();
    let show = Show::run(&vision, &voice, unchanged);
    show.assert_every_greeting_is_heard("made ahead", false);
    let texts: Vec<Value> = voice.requests().iter().map(|request| request.body["input"].clone()).collect();
    for guest in show.said("guest") {
        let asked = texts.iter().filter(|text| **text == guest["speak"]).count();
        assert_eq!(asked, 1, "{guest:#} in {texts:#?}");
    }
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

/// The voice of the house says what the service cannot; what breaks off in the middle ends there.
#[test]
fn whatever_the_voice_does_everybody_is_greeted_in_time_and_hears_something() {
    if !espeak_is_here("a voice of the house") {
        return;
    }
    let tone = || Act::sound(400);
    let cases: BTreeMap<&str, (Vec<Act>, Act)> = BTreeMap::from([
        ("a slow first byte", (vec![], tone().after(Duration::from_secs(20)))),
        ("a stall before the sound", (vec![], tone().stalling_after(0))),
        ("a stall in the middle", (vec![], tone().stalling_after(3))),
        ("a connection cut before the sound", (vec![], tone().cut_after(0))),
        ("a connection cut in the middle", (vec![], tone().cut_after(3))),
        ("429 with Retry-After", (vec![], Act::status(429).header("retry-after", "30"))),
        ("429 without", (vec![], Act::status(429))),
        ("401", (vec![], Act::status(401))),
        ("503", (vec![], Act::status(503))),
        ("500 twice, then well", (vec![Act::status(500), Act::status(500)], tone())),
        ("no sound", (vec![], Act::garbage())),
        ("200 MB", (vec![], Act::huge(200 << 20))),
        ("a web page", (vec![], Act::page())),
        ("a redirection to another host", (vec![], Act::redirect("http://elsewhere.invalid/v1/audio/speech"))),
    ]);
    for (case, (first, then)) in cases {
        let (vision, voice) = services();
        voice.script(first);
        voice.usually(then);
        let show = Show::run(&vision, &voice, impatient);
        show.assert_everybody_is_greeted_in_time(case);
        show.assert_every_greeting_is_heard(case, case.ends_with("in the middle"));
        assert!(!voice.requests().is_empty(), "{case}: the service was asked");
        assert_eq!(voice.open_streams(), 0, "{case}: every stream is closed");
    }
}

/// As shipped: nobody's greeting waits longer than the patience with the service, though all of them come while it hangs.
#[test]
fn a_voice_that_hangs_keeps_nobody_from_hearing_the_greeting_in_time() {
    if !espeak_is_here("a voice of the house") {
        return;
    }
    let tone = || Act::sound(400);
    for (case, act) in [
        ("a slow first byte", tone().after(Duration::from_secs(60))),
        ("a stall before the sound", tone().stalling_after(0)),
        ("503", Act::status(503)),
    ] {
        let (vision, voice) = services();
        voice.usually(act);
        let show = Show::run_with(Settings { until: "heard", ..Settings::default() }, &vision, &voice, unchanged);
        let heard = show.greeted_after_ms();
        assert!(heard.iter().all(|ms| *ms <= HEARD_IN_TIME_MS), "{case}: heard after {heard:?} ms");
        show.assert_every_greeting_is_heard(case, false);
        assert_eq!(voice.open_streams(), 0, "{case}: every stream is closed");
    }
}

/// The voice gives a service up sooner than as shipped, so that fourteen cases take a minute.
fn impatient(text: String) -> String {
    replaced(&text, VOICE_CONFIG, &format!("{VOICE_CONFIG}first_byte_timeout = \"400ms\", answer_within = \"900ms\", "))
}

#[test]
fn a_certificate_that_expired_is_refused_and_everybody_is_greeted() {
    let expired = || Server::builder().tls(Proof::Expired).start();
    let (vision, voice) = (expired(), expired());
    let show = Show::run(&vision, &voice, unchanged);
    show.assert_everybody_is_greeted_in_time("an expired certificate");
    assert!(vision.requests().is_empty() && voice.requests().is_empty(), "nothing was asked");
    // Its authority is trusted, so that nothing else is wrong with it.
    let refusals = |server: &Server| {
        let address = server.url();
        show.stderr.lines().any(|line| line.contains(&address) && line.contains("certificate expired"))
    };
    assert!(refusals(&vision) && refusals(&voice), "{}", show.stderr);
    if espeak_is_here("a voice of the house") {
        show.assert_every_greeting_is_heard("an expired certificate", false);
    }
}

/// Without its recogniser the house knows nobody, and knows of no picture what has to be hidden in it.
#[test]
fn a_recogniser_that_cannot_run_sends_no_picture_and_everybody_is_a_guest() {
    let (vision, voice) = services();
    let pack = Folder::new();
    for name in ["detector.onnx", "recogniser.onnx"] {
        let mut model = std::fs::read(root().join("models/demo").join(name)).expect("it is shipped");
        if name == "recogniser.onnx" {
            model.truncate(model.len() / 2);
        }
        let _path = pack.write(name, model);
    }
    let folder = pack.path().display();
    let show = Show::run(&vision, &voice, |text| {
        replaced(&text, "folder = \"../models/demo\"", &format!("folder = \"{folder}\""))
    });
    assert!(show.stderr.contains("recogniser.onnx"), "the file is named: {}", show.stderr);
    assert!(vision.requests().is_empty(), "no picture leaves of which nobody knows the faces");
    assert!(show.said("named").is_empty(), "nobody is known");
    // Nobody can tell the empty scene from the others, either.
    assert_eq!(show.said("guest").len(), VISITORS + 1, "{}", show.stderr);
}

/// It dies while visitors come, and is not started again.
#[test]
fn a_recogniser_that_dies_in_the_middle_of_a_show_ends_what_is_sent_and_not_the_show() {
    const LOOKS: usize = 3;
    let (vision, voice) = services();
    let show = Show::run(&vision, &voice, |text| {
        let (begin, rest) = text.split_once("[stage.faces]").expect("it is there");
        let (_, end) = rest.split_once("# Only what is worth a look").expect("it is there");
        let eyes =
            "[stage.faces]\nplugin = \"fixture-eyes\"\ninputs = { frame = \"door.frame\" }\nrestart = { max = 0 }\n";
        format!("{begin}{eyes}config = {{ looks = {LOOKS} }}\n\n# Only what is worth a look{end}")
    });
    assert!(show.stderr.contains("it dies"), "{}", show.stderr);
    assert_eq!(vision.requests().len(), LOOKS, "no picture leaves at which nobody looked");
    assert!(show.said("named").is_empty());
    assert_eq!(show.said("guest").len(), VISITORS + 1, "the show goes on: {}", show.stderr);
}

#[test]
fn another_server_of_vision_is_one_line() {
    // The lines stand in the file, as comments.
    let text = shipped();
    let own = text.lines().find(|line| line.starts_with("config = { dialect")).expect("it is configured");
    let others: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#   config = ")).collect();
    assert_eq!(others.len(), 3);
    for other in others {
        let (vision, voice) = services();
        let show = Show::run(&vision, &voice, |text| one_line(&text, own, &format!("config = {other}")));
        show.assert_everybody_is_greeted_in_time(other);
        assert!(!show.said("remark").is_empty(), "{other}: {}", show.stderr);
        let asked = vision.requests();
        assert!(!asked.is_empty() && asked.iter().all(|request| request.body["max_tokens"].is_u64()), "{other}");
        assert!(asked.iter().all(|request| request.body["max_completion_tokens"].is_null()), "{other}");
        assert!(asked.iter().flat_map(|request| &request.headers).all(|(name, _)| name != "authorization"), "{other}");
    }
}

#[test]
fn another_voice_is_one_line() {
    if !espeak_is_here("a voice of the house") {
        return;
    }
    let (vision, voice) = services();
    // The line stands in the file, as a comment.
    let text = shipped();
    let lines = || text.lines().map(|line| line.trim_start_matches("# "));
    let other =
        lines().find(|line| line.trim_start().starts_with("voice = { plugin = \"voice-espeak\"")).expect("it is shown");
    let own = text.lines().find(|line| line.starts_with("voice = {")).expect("it is wired");
    let show = Show::run(&vision, &voice, |text| one_line(&text, own, other.trim_start()));
    show.assert_everybody_is_greeted_in_time("another voice");
    show.assert_every_greeting_is_heard("another voice", false);
    assert!(voice.requests().is_empty(), "nobody outside of the house was asked");
}

/// The text with this line of it changed.
fn one_line(text: &str, old: &str, new: &str) -> String {
    let changed = replaced(text, &format!("\n{old}\n"), &format!("\n{new}\n"));
    let differ = text.lines().zip(changed.lines()).filter(|(before, after)| before != after).count();
    assert_eq!((differ, text.lines().count()), (1, changed.lines().count()), "one line is changed");
    changed
}

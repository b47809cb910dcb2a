//! The reception of an exhibition, as shipped, on the official LiveKit server: a visitor joins with a camera, is recognised, an avatar
//! of a vendor starts beside that, and the greeting is played by it; whatever the vendor does, the visitor is greeted.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use majlis_test_guests::{Avatar, Conduct, Hall, Picture, Troupe, Visitor};
use majlis_test_server::{Act, Server};
use majlis_tests::{Folder, Report, Running, TOKENS, espeak_is_here, majlis, replaced, root, with_whole_paths};

/// They must stand in no log, report, trace, packet or error.
const KEY: &str = "sk-test-hunter2hunter2";
const ROOM: &str = "stand-1";
const TAP: &str = "tap.jsonl";
/// The text of a visitor comes under this heading.
const TRANSCRIPTION: &str = "lk.transcription";

/// What a show leaves behind.
struct Ended {
    /// Those that ever came.
    avatars: Vec<Avatar>,
    report: Report,
    stderr: String,
    trace: String,
    /// Packets, where some were tapped.
    tap: String,
}

/// A stand: rooms, a vendor, and the program between them.
struct Stand {
    hall: Arc<Hall>,
    vendor: Arc<Server>,
    vision: Server,
    avatars: Option<Troupe>,
    run: Option<Running>,
    folder: Folder,
}

impl Stand {
    /// With the pipeline as shipped, changed. Each session that the vendor begins brings an avatar that behaves like this.
    fn open(what: &str, conducts: Vec<Conduct>, change: impl FnOnce(String) -> String) -> Option<Self> {
        let espeak = espeak_is_here(what);
        let hall = Arc::new(Hall::open(what)?);
        if !espeak {
            return None;
        }
        let (vendor, vision) = (Arc::new(Server::start()), Server::start());
        vision.usually(Act::say(r#"{"people":1,"tags":["flowers"]}"#));
        let folder = Folder::new();
        let file = prepared(&folder, &vendor, &vision, change);
        let mut run = majlis(["run", "--report", "json", "--visits", "all", "-vvv"])
            .args(["--trace".to_owned(), folder.file("trace.json").display().to_string()])
            .env("LIVEKIT_URL", hall.server.url())
            .env("LIVEKIT_API_KEY", hall.server.key())
            .env("LIVEKIT_API_SECRET", hall.server.secret())
            .env("TAVUS_API_KEY", KEY)
            .env("BEY_API_KEY", KEY)
            .env("AVATARTALK_API_KEY", KEY)
            .env("OPENAI_API_KEY", KEY)
            .env("LIVEKIT_FFI_PATH", majlis_test_livekit::library(what)?)
            .arg(file)
            .start();
        run.until_line("is joined at");
        let begun = Arc::clone(&vendor);
        let tokens = move || {
            let sessions = begun.sessions().into_iter().filter(|session| !session.is_test);
            sessions.map(|session| (session.token, session.listener)).collect()
        };
        let avatars = Some(Troupe::new(Arc::clone(&hall), tokens, conducts, Conduct::default()));
        Some(Self { hall, vendor, vision, avatars, run: Some(run), folder })
    }

    /// A visitor whose camera shows one of the drawn pictures.
    fn visitor(&self, identity: &str, picture: &str) -> Visitor {
        let picture = Picture::open(&root().join("models/demo/visitors").join(picture), (640, 480));
        self.hall.visitor(&self.hall.server.token(identity, ROOM), Some((&picture, 10)))
    }

    /// Waits until an avatar waits for whoever comes next.
    fn until_an_avatar_waits(&mut self) {
        self.run.as_mut().expect("it runs").until_line("waits for the next visitor");
    }

    /// Ends the show.
    fn close(mut self) -> Ended {
        let run = self.run.take().expect("it runs");
        run.signal("TERM");
        let ended = run.wait();
        let avatars = self.avatars.take().expect("they are brought").end();
        let sessions = self.vendor.sessions();
        let tokens = sessions.iter().flat_map(|session| [&session.token, &session.listener]);
        let tokens = tokens.filter(|token| !token.is_empty()).map(String::as_str);
        let secrets: Vec<&str> = [KEY, self.hall.server.secret()].into_iter().chain(tokens).collect();
        for secret in secrets.iter().chain(&TOKENS) {
            assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "a secret was told");
        }
        // The trace and what was tapped are among them.
        for path in self.folder.files() {
            let text = std::fs::read(&path).expect("it is there");
            for secret in secrets.iter().chain(&TOKENS) {
                let is_it = |part: &[u8]| part == secret.as_bytes();
                assert!(!text.windows(secret.len()).any(is_it), "a secret in {}", path.display());
            }
        }
        let trace = self.folder.read("trace.json");
        let tap = std::fs::read_to_string(self.folder.file(TAP)).unwrap_or_default();
        let stderr = ended.stderr.clone();
        Ended { avatars, report: ended.report(), stderr, trace, tap }
    }
}

/// A test that fails says what the program said.
impl Drop for Stand {
    fn drop(&mut self) {
        if let Some(run) = self.run.take().filter(|_| std::thread::panicking()) {
            run.signal("TERM");
            let ended = run.wait();
            let asked: Vec<String> = self.vendor.all_requests().iter().map(|request| request.path.clone()).collect();
            eprintln!("--- the program said\n{}\n--- the vendor was asked {asked:?}", ended.stderr);
        }
    }
}

/// `exhibition.toml`, changed, with absolute paths and the servers of the test.
fn prepared(folder: &Folder, vendor: &Server, vision: &Server, change: impl FnOnce(String) -> String) -> PathBuf {
    let text = std::fs::read_to_string(root().join("pipelines/exhibition.toml")).expect("it is shipped");
    let text = with_whole_paths(&change(text));
    let text = replaced(
        &text,
        "config = { dialect = \"openai\", ",
        &format!("config = {{ dialect = \"openai\", base_url = \"{}\", ", vision.base_url()),
    );
    let settings = "[stage.greeting.config]\nsalutation = \"salam\"\noccasions = \"none\"\nagain_after = \"0s\"\ngreet_by = \"20s\"\n\n";
    let text = match text.contains("[stage.greeting.config]") {
        true => text,
        false => replaced(&text, "[stage.voice]", &format!("{settings}[stage.voice]")),
    };
    let text = ["tavus", "bey"].iter().fold(text, |text, name| {
        let table = format!("[stage.avatar.config.vendor_options.{name}]\n");
        replaced(&text, &table, &format!("{table}base_url = \"{}\"\n", vendor.avatars_url(name)))
    });
    let others = format!(
        "[stage.avatar.config.vendor_options.avatartalk]\napi_key = {{ env = \"AVATARTALK_API_KEY\" }}\nbase_url = \"{}\"\n\
         avatar = \"a\"\ncountry = \"US\"\n\n[report]",
        vendor.avatars_url("avatartalk")
    );
    let text = replaced(&text, "[report]", &others);
    folder.write("exhibition.toml", text)
}

/// The pipeline with a stage that writes down these packets.
fn tapped(text: &str, packets: &str) -> String {
    let tap =
        format!("[stage.tap]\nplugin = \"jsonl\"\ninputs = {{ packets = {packets} }}\nconfig = {{ path = \"{TAP}\" }}");
    replaced(text, "[report]", &format!("{tap}\n\n[report]"))
}

/// Who is not an avatar: it wrote the first text.
fn agent_in(visitor: &Visitor) -> String {
    visitor.until("a text", |visitor| !visitor.texts().is_empty());
    visitor.texts().remove(0).from
}

fn by_name(visitor: &Visitor) -> bool {
    visitor.texts().iter().any(|text| text.topic == TRANSCRIPTION && text.text.contains("سالم المنصوري"))
}

#[test]
fn a_visitor_is_recognised_while_the_avatar_starts_and_greeted_by_name_by_the_avatar() {
    let Some(stand) = Stand::open("a whole reception", vec![Conduct::default()], |text| text) else { return };
    let visitor = stand.visitor("visitor", "1-salem.png");
    visitor.until("the greeting in writing", by_name);
    visitor.until("the avatar", |visitor| visitor.present().iter().any(|who| visitor.shown(who).is_some()));
    visitor
        .until("the greeting aloud", |visitor| visitor.present().iter().any(|who| visitor.heard(who).seconds() > 1.0));
    // The show ends though the visitor is still there.
    let Ended { avatars, report, stderr, .. } = stand.close();
    assert_eq!(avatars.len(), 1, "{stderr}");
    let speeches = avatars[0].speeches();
    assert!(!speeches.is_empty() && speeches[0].whole && !speeches[0].cleared, "{speeches:?} {stderr}");
    let agent = agent_in(&visitor);
    assert_eq!(visitor.heard(&agent).seconds(), 0.0, "one voice speaks, and it is the avatar's");
    let stages = visitor.values(&agent, "majlis.stage");
    let place = |stage: &str| stages.iter().position(|value| value == stage);
    assert!(place("recognising").is_some() && place("recognising") < place("ready"), "{stages:?}");
    assert!(!visitor.values(&agent, "lk.agent.state").contains(&"listening".to_owned()));
    let visits = report.visits();
    assert_eq!(visits.len(), 1);
    visits[0].assert_tiles();
    assert_eq!(visits[0].0["reached"], true, "{:#}", visits[0].0);
}

/// The account runs to what the visitor hears, and shows what the start of the avatar was made of.
#[test]
fn the_account_ends_where_the_greeting_is_heard_and_shows_how_the_avatar_started() {
    let tapped =
        |text: String| tapped(&text, "[\"room.invite\", \"room.seen\", \"avatar.order\", \"greeting.utterance\"]");
    let Some(stand) = Stand::open("an account", vec![Conduct::default()], tapped) else { return };
    let visitor = stand.visitor("visitor", "1-salem.png");
    let avatar = |visitor: &Visitor| visitor.present().into_iter().find(|who| visitor.shown(who).is_some());
    visitor.until("the avatar's picture", |visitor| avatar(visitor).is_some());
    let (who, agent) = (avatar(&visitor).expect("it was seen"), agent_in(&visitor));
    visitor.says_that_it_shows(&who, &agent);
    visitor.until("the greeting aloud", |visitor| visitor.heard(&who).seconds() > 1.0);
    let Ended { report, stderr, trace, tap, .. } = stand.close();
    // That no secret stands in it was looked for at the end of the show; here, that one could have.
    let invite = tap.lines().find(|line| line.contains("majlis/invite@1")).expect("an invitation was tapped");
    assert!(invite.contains("\"token\":\"***\""), "{invite}");
    let visits = report.visits();
    assert_eq!(visits.len(), 1, "{stderr}");
    visits[0].assert_tiles();
    assert_eq!((&visits[0].0["until"], &visits[0].0["reached"]), (&"heard".into(), &true.into()), "{:#}", visits[0].0);
    assert_eq!((visits[0].fact("vendor"), visits[0].fact("ready")), (Some("tavus"), Some("shown")));
    for mark in ["asked", "accepted", "joined", "video", "avatar-decoded", "held", "sent", "heard"] {
        assert!(trace.contains(&format!("\"{mark}\"")), "`{mark}` is not in the trace");
    }
    for title in ["Starting Avatar Session", "Deliver First Greeting", "Face Recognition", "InsightFace Model Loading"]
    {
        assert!(trace.contains(title), "`{title}` is not in the trace");
    }
}

#[test]
fn an_avatar_that_was_sent_away_and_returns_is_sent_away_again_and_says_nothing() {
    let late = Conduct { joins_after: Duration::from_secs(3), comes_back: true, ..Conduct::default() };
    let Some(stand) = Stand::open("one that returns", vec![late, Conduct::default()], |text| {
        let text = replaced(&text, "vendor = \"tavus\"", "vendors = [\"tavus\", \"bey\"]");
        replaced(&text, "start_within = \"20s\"", "start_within = \"1s\"")
    }) else {
        return;
    };
    let visitor = stand.visitor("visitor", "1-salem.png");
    visitor
        .until("the greeting aloud", |visitor| visitor.heard_of().iter().any(|who| visitor.heard(who).seconds() > 1.0));
    let avatars_of = |visitor: &Visitor| visitor.left().iter().filter(|who| !who.starts_with("agent")).count();
    visitor.until("it is sent away twice", |visitor| avatars_of(visitor) >= 2);
    let Ended { avatars, stderr, .. } = stand.close();
    assert!(avatars[0].joined().len() >= 2 && avatars[0].speeches().is_empty(), "{stderr}");
    assert!(!avatars[1].speeches().is_empty(), "the second vendor's avatar speaks: {stderr}");
}

/// Its avatar does not hear by itself: a second participant does, with a token of its own.
#[test]
fn an_avatar_that_hears_through_a_listener_greets_the_visitor_and_the_listener_is_none() {
    let avatartalk = |text: String| {
        let text = replaced(&text, "fps = 5\n", "fps = 5\nrejoin_grace = \"1ms\"\n");
        replaced(&text, "vendor = \"tavus\"\n", "vendor = \"avatartalk\"\n")
    };
    let Some(stand) = Stand::open("an avatar with a listener", vec![Conduct::default()], avatartalk) else { return };
    let visitor = stand.visitor("visitor", "1-salem.png");
    visitor.until("the greeting in writing", by_name);
    visitor.until("the greeting aloud by the avatar", |visitor| {
        by_avatar(visitor).is_some_and(|who| visitor.heard(&who).seconds() > 1.0 && visitor.shown(&who).is_some())
    });
    let (agent, spoke) = (agent_in(&visitor), by_avatar(&visitor).expect("it was heard"));
    assert_eq!(visitor.heard(&agent).seconds(), 0.0, "one voice speaks, and it is the avatar's");
    let listener = |visitor: &Visitor| visitor.present().into_iter().find(|who| who.starts_with("listener-"));
    visitor.until("word of the listener", |visitor| listener(visitor).is_some());
    let listener = listener(&visitor).expect("it is in the room");
    assert!(visitor.shown(&listener).is_none() && visitor.heard(&listener).seconds() == 0.0);
    let speaks_for = visitor.values(&listener, "lk.publish_on_behalf");
    assert_eq!(speaks_for, std::slice::from_ref(&spoke), "to a page it is neither the agent nor its avatar");
    visitor.leave();
    let begun = Instant::now();
    let is_here = |who: &String| {
        let asked = format!("{{\"room\": \"{ROOM}\"}}");
        stand.hall.server.api("RoomService/ListParticipants", ROOM, &asked).contains(who.as_str())
    };
    while is_here(&spoke) || is_here(&listener) {
        assert!(begun.elapsed() < Duration::from_secs(60), "they leave with their visitor");
        std::thread::sleep(Duration::from_millis(100));
    }
    let Ended { avatars, report, stderr, .. } = stand.close();
    let speeches = avatars[0].speeches();
    // The visitor left in the middle of it, perhaps.
    assert!(speeches.first().is_some_and(|speech| speech.rate == 16_000 && !speech.samples.is_empty()), "{stderr}");
    let visits = report.visits();
    assert_eq!(visits.len(), 1, "the listener is no visitor: {stderr}");
    assert_eq!((visits[0].fact("vendor"), visits[0].fact("ready").is_some()), (Some("avatartalk"), true));
}

#[test]
fn two_pages_in_one_room_read_their_own_greetings_and_neither_hears_the_others_name() {
    let conducts = vec![Conduct::default(), Conduct::default()];
    let Some(stand) = Stand::open("two visitors", conducts, |text| text) else { return };
    let first = stand.visitor("first", "1-salem.png");
    first.until("its own greeting", by_name);
    let second = stand.visitor("second", "4-noura.png");
    let named = |visitor: &Visitor, name: &str| visitor.texts().iter().any(|text| text.text.contains(name));
    second.until("its own greeting", |visitor| named(visitor, "نورة الهاشمي"));
    assert!(!named(&first, "نورة") && !named(&second, "سالم"), "{:?} {:?}", first.texts(), second.texts());
    let Ended { avatars, report, stderr, .. } = stand.close();
    let heard: Vec<usize> = avatars.iter().map(|avatar| avatar.speeches().len()).collect();
    assert!(heard.iter().sum::<usize>() <= 2, "what the second one is told is not said: {heard:?} {stderr}");
    assert_eq!(report.visits().len(), 2, "{stderr}");
}

/// Who greets in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The avatar, and nobody else.
    Avatar,
    /// The agent, and nobody else.
    Agent,
    /// The agent, all of what the avatar had begun.
    AgentAfterIt,
}

#[test]
fn whatever_the_vendor_does_the_visitor_is_greeted_by_the_best_that_works() {
    let refused = |act: Act| (vec![act], Vec::new(), By::Agent);
    let hung = |act: Act| act.after(Duration::from_secs(600));
    let conduct = |by: By, change: fn(&mut Conduct)| {
        let mut conduct = Conduct::default();
        change(&mut conduct);
        (vec![], vec![conduct], by)
    };
    let cases = [
        ("it refuses the key", refused(Act::status(401))),
        ("it has trouble once", (vec![Act::status(500)], Vec::new(), By::Avatar)),
        (
            "it has no free slot",
            refused(Act::status(400).body(r#"{"error":"User has reached maximum concurrent conversations"}"#)),
        ),
        (
            "it has no credit",
            refused(Act::status(400).body(r#"{"message":"The user is out of conversational credits."}"#)),
        ),
        ("it hangs after it accepted the connection", refused(hung(Act::status(500)))),
        ("it begins a session and hangs", (vec![hung(Act::session())], vec![], By::Avatar)),
        ("it accepts and never joins", conduct(By::Agent, |conduct| conduct.joins = false)),
        ("it joins without a picture", conduct(By::Agent, |conduct| conduct.publishes = false)),
        // LiveKit's library shows black where a track has no frames: it is there, and speaks.
        ("it publishes and never sends a frame", conduct(By::Avatar, |conduct| conduct.sends_frames = false)),
        (
            "it dies in the middle of its speech",
            conduct(By::AgentAfterIt, |conduct| conduct.dies_after = Some(Duration::from_millis(600))),
        ),
        ("it never says what was played", conduct(By::Avatar, |conduct| conduct.reports = false)),
        ("it is slow", conduct(By::Avatar, |conduct| conduct.joins_after = Duration::from_millis(1_845))),
    ];
    // Two at once: each waits for most of its time.
    let cases = std::sync::Mutex::new(cases.into_iter());
    let next = || cases.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((case, (acts, conducts, by))) = next() {
                    greets(case, acts, conducts, by);
                }
            });
        }
    });
}

/// One case, with what the vendor does, how its avatar behaves, and who greets.
fn greets(case: &str, acts: Vec<Act>, conducts: Vec<Conduct>, by: By) {
    // Where the avatar is to be the first to speak, a busy machine has time for it.
    let patient = |text: String| replaced(&text, "vendor = \"tavus\"\n", "vendor = \"tavus\"\nspeak_by = \"19s\"\n");
    let change = move |text: String| if by == By::Agent { text } else { patient(text) };
    let Some(stand) = Stand::open(case, conducts, change) else { return };
    stand.vendor.script(acts);
    let visitor = stand.visitor("visitor", "1-salem.png");
    visitor.until(case, by_name);
    let agent = agent_in(&visitor);
    let agents = || visitor.heard(&agent).seconds();
    let others = || {
        let others = visitor.heard_of().into_iter().filter(|who| *who != agent);
        others.map(|who| visitor.heard(&who).seconds()).fold(0.0, f64::max)
    };
    visitor.until(case, |_| if by == By::Avatar { others() > 1.0 } else { agents() > 1.0 });
    match by {
        By::Avatar => assert_eq!(agents(), 0.0, "{case}: two voices"),
        By::Agent => assert_eq!(others(), 0.0, "{case}: two voices"),
        By::AgentAfterIt => assert!(others() < 1.0, "{case}: it went on for {} s", others()),
    }
    visitor.leave();
    let Ended { report, stderr, .. } = stand.close();
    assert_eq!(report.visits().len(), 1, "{case}: {stderr}");
}

#[test]
fn with_an_avatar_that_waits_each_visitor_is_greeted_by_one_that_was_there_before() {
    let prewarmed = |text: String| replaced(&text, "vendor = \"tavus\"\n", "vendor = \"tavus\"\nprewarm = 1\n");
    let Some(mut stand) = Stand::open("avatars that wait", Vec::new(), prewarmed) else { return };
    stand.until_an_avatar_waits();
    let first = stand.visitor("first", "1-salem.png");
    first.until("the first greeting", |visitor| {
        by_avatar(visitor).is_some_and(|who| visitor.heard(&who).seconds() > 1.0 && visitor.shown(&who).is_some())
    });
    let agent = agent_in(&first);
    // The next one is asked for as soon as this one is given, and its page is told not to show it.
    stand.until_an_avatar_waits();
    let standby = |visitor: &Visitor| visitor.values(&agent, "majlis.standby").pop().unwrap_or_default();
    let spoke = by_avatar(&first).expect("it was heard");
    first.until("word of the one that waits", |visitor| {
        let waits = standby(visitor);
        !waits.is_empty() && waits != spoke && visitor.present().contains(&waits)
    });
    let waits = standby(&first);
    first.leave();
    let second = stand.visitor("second", "4-noura.png");
    second.until("the second greeting", |visitor| {
        visitor.heard(&waits).seconds() > 1.0 && visitor.shown(&waits).is_some()
    });
    let Ended { avatars, report, stderr, .. } = stand.close();
    assert!(avatars.len() >= 3, "a third one was to wait: {stderr}");
    for (index, avatar) in avatars.iter().take(2).enumerate() {
        assert!(!avatar.speeches().is_empty(), "the avatar {index} said nothing: {stderr}");
    }
    let visits = report.visits();
    assert_eq!(visits.len(), 2, "{stderr}");
    for visit in visits {
        visit.assert_tiles();
    }
}

/// A page that is loaded anew leaves and comes back. Its avatar is still there, and nobody pays for a second one.
#[test]
fn a_page_that_comes_back_soon_is_the_same_visitor_who_is_not_greeted_again() {
    let Some(stand) = Stand::open("a page that comes back", Vec::new(), |text| text) else { return };
    // Nothing to remark on: it would be said after the greeting, to whoever is there then.
    stand.vision.usually(Act::say(r#"{"people":1,"tags":[]}"#));
    let first = stand.visitor("visitor", "1-salem.png");
    first.until("the greeting", |visitor| by_avatar(visitor).is_some_and(|who| visitor.heard(&who).seconds() > 1.0));
    first.leave();
    let back = Instant::now();
    let again = stand.visitor("visitor", "1-salem.png");
    again.until("its avatar", |visitor| visitor.present().iter().any(|who| visitor.shown(who).is_some()));
    std::thread::sleep(Duration::from_secs(3));
    assert!(again.texts().is_empty(), "it is greeted again in writing");
    assert_eq!(stand.vendor.sessions().len(), 1, "its avatar is the one that it had");
    let Ended { avatars, report, stderr, .. } = stand.close();
    assert_eq!(report.visits().len(), 1, "{stderr}");
    let speeches: Vec<_> = avatars.iter().flat_map(Avatar::speeches).collect();
    assert!(
        !speeches.is_empty() && speeches.iter().all(|speech| speech.began < back),
        "it is greeted again aloud: {stderr}"
    );
}

/// A stand with one camera: whose page it is does not matter, who stands before it does.
#[test]
fn people_before_a_stands_camera_are_visitors_and_an_empty_stand_costs_no_avatar() {
    let by_presence = |text: String| {
        let text = replaced(&text, "visits = \"participant\"", "visits = \"presence\"");
        let text = replaced(&text, "faces = \"faces.faces\"", "faces = \"door.faces\"");
        let text = replaced(&text, "frame = \"room.frame\", faces", "frame = \"door.frame\", faces");
        let door = "[stage.door]\nplugin = \"presence\"\ninputs = { faces = \"faces.faces\", frame = \"room.frame\" }";
        let text = replaced(&text, "[stage.greeting]", &format!("{door}\n\n[stage.greeting]"));
        tapped(&text, "[\"faces.faces\"]")
    };
    let Some(stand) = Stand::open("people before a camera", Vec::new(), by_presence) else { return };
    let empty = stand.visitor("stand", "5-empty.png");
    let looks = |stand: &Stand| {
        let tap = std::fs::read_to_string(stand.folder.file(TAP)).unwrap_or_default();
        tap.lines().filter(|line| line.contains("majlis/faces@1")).count()
    };
    empty.until("looks at it", |_| looks(&stand) > 5);
    assert!(stand.vendor.all_requests().is_empty() && empty.texts().is_empty(), "nobody is there");
    empty.leave();
    let page = stand.visitor("stand", "1-salem.png");
    page.until("the greeting in writing", by_name);
    page.until("the greeting aloud", |page| by_avatar(page).is_some_and(|who| page.heard(&who).seconds() > 1.0));
    let Ended { report, stderr, .. } = stand.close();
    let visits = report.visits();
    assert_eq!(visits.len(), 1, "{stderr}");
    visits[0].assert_tiles();
    assert_eq!(visits[0].0["reached"], true, "{:#}", visits[0].0);
}

#[test]
fn somebody_who_is_received_in_silence_has_no_session_that_goes_on() {
    let silent = |text: String| {
        let settings = "[stage.greeting.config]\nsalutation = \"salam\"\noccasions = \"none\"\nagain = \"silent\"\ngreet_by = \"20s\"\n\n";
        let text = replaced(&text, "[stage.voice]", &format!("{settings}[stage.voice]"));
        replaced(&text, "fps = 5\n", "fps = 5\nrejoin_grace = \"1ms\"\n")
    };
    let Some(stand) = Stand::open("a reception in silence", Vec::new(), silent) else { return };
    let first = stand.visitor("first", "1-salem.png");
    first.until("the greeting", |visitor| by_avatar(visitor).is_some_and(|who| visitor.heard(&who).seconds() > 1.0));
    first.leave();
    let second = stand.visitor("second", "1-salem.png");
    // It is asked for with the arrival, before anybody is recognised.
    second.until("the end of what was asked for", |_| {
        let sessions = stand.vendor.sessions();
        sessions.len() == 2 && sessions[1].ended == 1
    });
    let stage = |visitor: &Visitor, who: &String| visitor.values(who, "majlis.stage").pop();
    second.until("the end of its loading screen", |visitor| {
        visitor.present().iter().any(|who| stage(visitor, who).as_deref() == Some("ready"))
    });
    std::thread::sleep(Duration::from_secs(2));
    assert!(second.texts().is_empty() && second.heard_of().is_empty(), "nothing is said");
    assert_eq!(stand.vendor.sessions().len(), 2, "and nobody else is asked");
    let Ended { report, stderr, .. } = stand.close();
    let welcomes: Vec<_> = report.visits().iter().map(|visit| visit.fact("welcome").map(str::to_owned)).collect();
    assert_eq!(welcomes, [None, Some("silent".to_owned())], "{stderr}");
}

/// The avatar that a visitor heard; whoever else is heard is not one.
fn by_avatar(visitor: &Visitor) -> Option<String> {
    let agent = visitor.texts().first()?.from.clone();
    visitor.heard_of().into_iter().find(|who| *who != agent && visitor.heard(who).seconds() > 0.0)
}

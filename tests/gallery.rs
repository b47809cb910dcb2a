//! One gallery, two recognisers of a running show that both enrol before their cameras, a third process that enrols and forgets
//! beside them, and the show killed at any moment: nothing that was acknowledged is lost.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use image::imageops::{self, FilterType};
use majlis_tests::{Ended, Folder, majlis, testdata};
use serde_json::Value;

/// For so long shows are begun and killed.
const KILLING: Duration = Duration::from_secs(40);

/// On a machine that has much else to do nobody may have enrolled until then: so much longer a show goes on that nobody kills.
const LONGER: Duration = Duration::from_secs(90);

const PIPELINE: &str = r#"
[stage.left_camera]
plugin = "images"
config = { path = "left.png", fps = 4, loop = true }

[stage.left]
plugin = "insightface"
inputs = { frame = "left_camera.frame" }
queue = { depth = 1, overflow = "latest" }
config = { models = "testdata", folder = { env = "MAJLIS_TESTDATA", append = "models" } }

[stage.right_camera]
plugin = "images"
config = { path = "right.png", fps = 4, loop = true }

[stage.right]
plugin = "yunet"
inputs = { frame = "right_camera.frame" }
queue = { depth = 1, overflow = "latest" }
config = { models = "testdata", folder = { env = "MAJLIS_TESTDATA", append = "models" } }
"#;

/// Where the show is, and where its store.
struct Hall {
    data: PathBuf,
    folder: Folder,
    home: Folder,
}

impl Hall {
    fn open(data: PathBuf) -> Self {
        let folder = Folder::new();
        let _ = folder.write("show.toml", PIPELINE);
        // Faces of more than 100 px: smaller ones enrol nobody.
        for (name, photograph) in [("left.png", "obama3.jpg"), ("right.png", "biden.jpg")] {
            let photograph =
                image::open(data.join("images").join(photograph)).expect("a photograph can be read").to_rgb8();
            let width = 960 * photograph.width() / photograph.height();
            let frame = imageops::resize(&photograph, width, 960, FilterType::Triangle);
            frame.save(folder.file(name)).expect("a picture can be written");
        }
        Self { data, folder, home: Folder::new() }
    }

    fn majlis(&self, arguments: &[&str]) -> majlis_tests::Majlis {
        majlis(arguments).env("MAJLIS_TESTDATA", &self.data).at_home(self.home.path())
    }

    fn stage(&self, stage: &str, verb: &str, arguments: &[&str]) -> Ended {
        let command = self.majlis(&["stage"]).arg(self.folder.file("show.toml")).arg(stage).arg(verb);
        command.args(arguments).run()
    }

    fn gallery(&self) -> rusqlite::Connection {
        let files = self.home.files();
        let file = files.iter().find(|file| file.file_name().is_some_and(|name| name == "people.db"));
        let file = rusqlite::Connection::open(file.expect("the store has a file")).expect("it can be opened");
        file.busy_timeout(Duration::from_secs(10)).expect("a connection has a limit");
        file
    }
}

/// What was acknowledged of a person whom one recogniser enrols again and again: the round that stands in the name, and how
/// many looks were taken.
#[derive(Default)]
struct Enrolled {
    round: AtomicU64,
    looks: AtomicU64,
}

/// The person whom the third process enrols and forgets.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outside {
    Unsure,
    There(u64),
    Gone(u64),
}

struct Acknowledged {
    left: Enrolled,
    right: Enrolled,
    outside: Mutex<Outside>,
    over: AtomicBool,
}

/// What is said to who waits when the show was killed, and the next one begins too late.
const KILLED: [&str; 3] =
    ["took the request and did not answer", "no running stage", "nobody was enrolled: no frame came"];

/// Enrols who stands before a camera of the show, again and again: each time the name says which time it is.
fn enrol(hall: &Hall, stage: &str, enrolled: &Enrolled, over: &AtomicBool) {
    let mut round = 0;
    while !over.load(Ordering::Relaxed) {
        round += 1;
        let id = format!("id={stage}");
        let name = format!("name_latin={stage} {round}");
        let ended = hall.stage(stage, "enrol", &[&id, &name, "live=true", "consent=expo-2"]);
        match ended.code {
            Some(0) => {
                let answer = ended.json();
                let looks = answer["faces"].as_array().map_or(0, Vec::len) as u64;
                assert!(looks > 0, "{answer}");
                enrolled.looks.fetch_add(looks, Ordering::SeqCst);
                enrolled.round.store(round, Ordering::SeqCst);
            }
            Some(1) if KILLED.iter().any(|words| ended.stderr.contains(words)) => {}
            _ => panic!("{ended:?}"),
        }
    }
}

fn enrol_and_forget(hall: &Hall, outside: &Mutex<Outside>, over: &AtomicBool) {
    let photo = format!("photo={}", hall.data.join("images/astronaut.png").display());
    let set = |state| *outside.lock().unwrap_or_else(PoisonError::into_inner) = state;
    for round in 1.. {
        let name = format!("name_latin=outside {round}");
        let _ = hall.stage("left", "enrol", &["id=outside", &photo, &name, "consent=expo-2"]).with(0);
        set(Outside::There(round));
        if over.load(Ordering::Relaxed) {
            return;
        }
        set(Outside::Unsure);
        let _ = hall.stage("right", "forget", &["id=outside"]).with(0);
        set(Outside::Gone(round));
        set(Outside::Unsure);
    }
}

/// The gallery is sound, nobody is there by half, and everybody is who was acknowledged.
fn check(hall: &Hall, acknowledged: &Acknowledged) {
    let outside = || *acknowledged.outside.lock().unwrap_or_else(PoisonError::into_inner);
    let before = outside();
    let promised = [("left", &acknowledged.left), ("right", &acknowledged.right)].map(|(id, enrolled)| {
        // The looks first: those that are counted meanwhile are there as well.
        (id, enrolled.looks.load(Ordering::SeqCst), enrolled.round.load(Ordering::SeqCst))
    });
    let gallery = hall.gallery();
    let text = |sql: &str| gallery.query_row(sql, [], |row| row.get::<_, String>(0)).expect("it can be read");
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    let halves = "SELECT count(*) || '' FROM people WHERE id NOT IN (SELECT person FROM templates)";
    assert_eq!(text(halves), "0", "nobody is there without vectors");
    let orphans = "SELECT count(*) || '' FROM templates WHERE person NOT IN (SELECT id FROM people)";
    assert_eq!(text(orphans), "0");
    let of = |id: &str| {
        let sql = "SELECT name_latin, (SELECT count(*) FROM templates WHERE person = id) FROM people WHERE id = ?1";
        let found = gallery.query_row(sql, [id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
        match found {
            Ok((name, looks)) => {
                let round = name.rsplit(' ').next().and_then(|round| round.parse().ok());
                (round.unwrap_or(0), u64::try_from(looks).unwrap_or(0))
            }
            Err(rusqlite::Error::QueryReturnedNoRows) => (0_u64, 0),
            Err(error) => panic!("{error}"),
        }
    };
    for (id, looks, round) in promised {
        let found = of(id);
        assert!(
            found.0 >= round && found.1 >= looks,
            "{id}: {found:?}, and round {round} with {looks} looks was acknowledged"
        );
    }
    let found = of("outside");
    match before {
        // What is asserted holds from before the question until after it.
        state if state != outside() => {}
        Outside::Unsure => {}
        Outside::There(round) => assert_eq!(found.0, round, "who enrolled from a photograph"),
        Outside::Gone(_) => assert_eq!(found, (0, 0), "who was forgotten"),
    }
}

/// Ends the other threads also when this one fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn show(hall: &Hall) -> majlis_tests::Running {
    hall.majlis(&["run", "--report", "none"]).arg(hall.folder.file("show.toml")).start()
}

#[test]
fn two_recognisers_and_a_third_process_on_one_gallery_lose_nothing_when_the_show_is_killed() {
    let Some(data) = testdata("two recognisers on one gallery") else { return };
    let hall = Hall::open(data);
    // The gallery is made, and the optimised models are, before anything is killed.
    let photo = format!("photo={}", hall.data.join("images/astronaut.png").display());
    for stage in ["left", "right"] {
        let _ = hall.stage(stage, "enrol", &["id=outside", &photo, "name_latin=outside 0", "consent=expo-2"]).with(0);
    }
    let acknowledged = Acknowledged {
        left: Enrolled::default(),
        right: Enrolled::default(),
        outside: Mutex::new(Outside::Unsure),
        over: AtomicBool::new(false),
    };
    let begun = Instant::now();
    let mut kills = 0;
    std::thread::scope(|scope| {
        let over = Over(&acknowledged.over);
        scope.spawn(|| enrol(&hall, "left", &acknowledged.left, &acknowledged.over));
        scope.spawn(|| enrol(&hall, "right", &acknowledged.right, &acknowledged.over));
        let outside = scope.spawn(|| enrol_and_forget(&hall, &acknowledged.outside, &acknowledged.over));
        let mut random = 0x9E37_79B9_7F4A_7C15_u64;
        while begun.elapsed() < KILLING {
            let running = show(&hall);
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // From before a model is opened to after several enrolments.
            std::thread::sleep(Duration::from_millis(100 + random % 5_000));
            running.signal("KILL");
            let _ = running.wait();
            kills += 1;
            check(&hall, &acknowledged);
        }
        let (running, alone) = (show(&hall), Instant::now());
        let rounds = || [&acknowledged.left, &acknowledged.right].map(|enrolled| enrolled.round.load(Ordering::SeqCst));
        while rounds().contains(&0) && alone.elapsed() < LONGER && !outside.is_finished() {
            std::thread::sleep(Duration::from_millis(200));
        }
        drop(over);
        let _ = outside.join();
        running.signal("TERM");
        let _ = running.wait();
    });
    check(&hall, &acknowledged);
    let looks = [&acknowledged.left, &acknowledged.right].map(|enrolled| enrolled.looks.load(Ordering::SeqCst));
    println!("{kills} kills, {looks:?} looks acknowledged in {:.0} s", begun.elapsed().as_secs_f64());
    assert!(kills >= 3, "{kills} kills");
    assert!(looks.iter().sum::<u64>() > 0, "nobody enrolled before a camera");
    let ids = [("left", looks[0]), ("right", looks[1]), ("outside", 1)];
    everybody_is_recognised(
        &hall,
        &ids.into_iter().filter(|(_, looks)| *looks > 0).map(|(id, _)| id).collect::<Vec<_>>(),
    );
}

/// Both recognisers know everybody, whichever of them enrolled whom.
fn everybody_is_recognised(hall: &Hall, ids: &[&str]) {
    for stage in ["left", "right"] {
        let listed = hall.stage(stage, "list", &[]).with(0).json();
        let people = listed["people"].as_array().expect("a list");
        for id in ids {
            let person = people.iter().find(|person| person["id"] == **id);
            assert!(person.is_some_and(|person| person["recognised_now"] == Value::Bool(true)), "{id}: {listed:#}");
        }
    }
    if ids.contains(&"left") {
        let photo = format!("photo={}", hall.folder.file("left.png").display());
        let why = hall.stage("right", "why", &[&photo, "id=left"]).with(0).json().to_string();
        assert!(why.contains("`left` is recognised"), "{why}");
    }
}

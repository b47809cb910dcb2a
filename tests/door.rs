//! People before a camera that stays on: the real recogniser tells who is on each frame, and it is presence that makes
//! visits of them.

use std::path::Path;

use image::imageops::{FilterType, crop_imm, replace, resize};
use image::{Rgb, RgbImage};
use majlis_tests::{Folder, Report, majlis, ms, pipeline, replaced, testdata, undisturbed};
use serde_json::Value;

/// Of the picture of a person before the camera: its side, in pixels.
const SIDE: u32 = 300;
/// The sides of a face's picture in lengths of the face, so that there is something around it.
const AROUND: f32 = 1.7;

/// A face on a photograph: the photograph, and the face's place among those on it, the largest first.
type Who = (&'static str, usize);
const COLLINS: Who = ("astronaut.png", 0);
const OBAMA: Who = ("obama2.jpg", 0);
const BIDEN: Who = ("biden.jpg", 0);

/// One of those whom nobody enrolled, and beside whom there is room on the photograph.
const fn stranger(number: usize) -> Who {
    ("solvay_1927.png", [5, 11, 12, 13, 14][number])
}

/// So many frames with these people, each at one of three places.
type Scene = (usize, &'static [(Who, u32)]);

/// Five people in turn, two together, and one who walks past.
const SCENES: [Scene; 13] = [
    (8, &[(COLLINS, 0)]),
    (2, &[]),
    (8, &[(stranger(0), 1)]),
    (2, &[]),
    (8, &[(OBAMA, 2)]),
    (2, &[]),
    (8, &[(stranger(1), 0)]),
    (2, &[]),
    (8, &[(stranger(2), 1)]),
    (2, &[]),
    (8, &[(BIDEN, 0), (stranger(3), 2)]),
    (2, &[(stranger(4), 1)]),
    (3, &[]),
];

/// A square picture of somebody.
fn portrait(data: &Path, golden: &Value, (file, number): Who) -> RgbImage {
    let mut boxes: Vec<[f32; 4]> = golden["images"][file]["faces"]
        .as_array()
        .expect("the golden results have the faces of each photograph")
        .iter()
        .map(|face| [0, 1, 2, 3].map(|at| face["bbox"][at].as_f64().expect("a box has four numbers") as f32))
        .collect();
    boxes.sort_by(|a, b| (b[2] - b[0]).total_cmp(&(a[2] - a[0])));
    let [x1, y1, x2, y2] = boxes[number];
    let photograph = image::open(data.join("images").join(file)).expect("a photograph can be read").into_rgb8();
    let half = (x2 - x1).max(y2 - y1) * AROUND / 2.0;
    let (x, y) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0);
    let reaches_in = |other: &[f32; 4]| {
        let [left, top, right, bottom] = *other;
        right > x - half && left < x + half && bottom > y - half && top < y + half
    };
    assert_eq!(boxes.iter().filter(|other| reaches_in(other)).count(), 1, "{file}: somebody else would come as well");
    let from = |centre: f32| (centre - half).max(0.0) as u32;
    let part = crop_imm(&photograph, from(x), from(y), (2.0 * half) as u32, (2.0 * half) as u32).to_image();
    // What lies beyond the edge of the photograph is missing, and the face must not become wider for it.
    let scale = SIDE as f32 / (2.0 * half);
    resize(&part, (part.width() as f32 * scale) as u32, (part.height() as f32 * scale) as u32, FilterType::Triangle)
}

/// The frames of these scenes, in a folder that the camera shows.
fn film(data: &Path, folder: &Folder, scenes: &[Scene]) {
    let golden = std::fs::read_to_string(data.join("golden/insightface_0.7.3.json")).expect("golden results");
    let golden: Value = serde_json::from_str(&golden).expect("golden results are JSON");
    let mut number = 0;
    for (frames, people) in scenes {
        let mut picture = RgbImage::from_pixel(960, 540, Rgb([90, 90, 90]));
        for (who, place) in *people {
            replace(&mut picture, &portrait(data, &golden, *who), i64::from(place * 320 + 10), 120);
        }
        let first = folder.write(&format!("frames/{number:03}.png"), "");
        picture.save(&first).expect("a frame can be written");
        for number in number + 1..number + frames {
            std::fs::copy(&first, folder.file(&format!("frames/{number:03}.png"))).expect("a frame can be written");
        }
        number += frames;
    }
}

/// The shipped pipeline for photographs, before which presence stands.
fn show(data: &Path, scenes: &[Scene], group: &str, live: bool) -> (Report, Vec<Value>) {
    let folder = Folder::new();
    film(data, &folder, scenes);
    let text = std::fs::read_to_string(pipeline("photos.toml")).expect("a pipeline that is shipped can be read");
    let camera = r#"config = { path = { env = "MAJLIS_TESTDATA", append = "images" }, fps = 10, as_visits = true }"#;
    let text = replaced(&text, camera, &format!(r#"config = {{ path = "frames", fps = 5, live = {live} }}"#));
    let text = replaced(&text, r#"{ faces = "faces.faces" }"#, r#"{ faces = "presence.faces" }"#);
    let more = r#"
        [stage.presence]
        plugin = "presence"
        inputs = { faces = "faces.faces" }
        config = { arrive_after = "600ms", leave_after = "2s", group = "GROUP" }

        [stage.said]
        plugin = "jsonl"
        inputs = { packets = "greeting.utterance" }
        config = { path = "said.jsonl" }
    "#;
    let file = folder.write("door.toml", text + &more.replace("GROUP", group));
    let ended = majlis(["run", "--report", "json", "--visits", "all"]).arg(file).env("MAJLIS_TESTDATA", data).run();
    let said = folder.read("said.jsonl").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (ended.report(), said)
}

/// Who was greeted, in order of the visits: the Latin names in the words, or `guest`.
fn greeted(said: &[Value]) -> Vec<String> {
    let mut of_visits: Vec<(u64, String)> = said
        .iter()
        .map(|line| {
            let words = line["packet"]["display"].as_str().expect("an utterance has words for the eye");
            let names = ["Eileen Collins", "Barack Obama", "Joe Biden"].into_iter().filter(|name| words.contains(name));
            let names: Vec<&str> = names.collect();
            let visit = line["visit"].as_u64().expect("a greeting is of a visit");
            (visit, if names.is_empty() { "guest".to_owned() } else { names.join(", ") })
        })
        .collect();
    of_visits.sort();
    of_visits.into_iter().map(|(_, who)| who).collect()
}

#[test]
fn five_people_in_turn_two_together_and_one_who_walks_past() {
    let Some(data) = testdata("people before a camera, with the real recogniser") else { return };
    undisturbed(|| {
        // As a stream: the recogniser follows faces, and names them when three looks agree.
        let (report, said) = show(&data, &SCENES, "per-person", true);
        let mut who = greeted(&said);
        assert_eq!(who.len(), 7, "each of seven once, and nobody who walks past: {who:?}");
        who[5..].sort();
        assert_eq!(
            who,
            ["Eileen Collins", "guest", "Barack Obama", "guest", "guest", "Joe Biden", "guest"],
            "the last two came together"
        );
        assert_eq!(report.visits().len(), 7);
        for visit in report.visits() {
            visit.assert_account();
            assert_eq!((&visit.0["how"], &visit.0["reached"]), (&"ended".into(), &true.into()), "{:#}", visit.0);
            // From the first frame that showed them.
            let first = &visit.0["segments"][0];
            assert_eq!((&first["kind"], &first["stage"]), (&"source".into(), &"presence".into()), "{first:#}");
            assert!(ms(&first["end_ns"]) - ms(&first["start_ns"]) >= 600.0, "{first:#}");
        }
    });
}

#[test]
fn whoever_joins_a_visit_is_not_greeted_again() {
    let Some(data) = testdata("people before a camera as one visit, with the real recogniser") else { return };
    undisturbed(|| {
        // Two in turn, and before the second one comes the first has not been away for two seconds.
        // As photographs, each of which is one look: presence follows the faces by itself.
        let (report, said) = show(&data, &SCENES[..4], "one-visit", false);
        assert_eq!(greeted(&said), ["Eileen Collins"]);
        assert_eq!(report.visits().len(), 1);
    });
}

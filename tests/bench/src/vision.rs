//! What vision adds to what a server takes: from a frame and its faces to the first byte of the question, and from the last byte of
//! the answer to the scene.

use std::time::{Duration, Instant};

use majlis_plugin_api::{Face, Faces, FrameMut, PixelFormat, Time};
use majlis_test_server::{Act, Server};
use majlis_testkit::Kit;
use majlis_vision::{Vision, input, output};
use serde_json::json;

const ROUNDS: u64 = 60;
const SIZE: (u32, u32) = (640, 480);

/// Milliseconds of each round, the connection warm.
pub(crate) fn overhead() -> Result<Vec<f64>, String> {
    let server = Server::start();
    server.usually(Act::say(r#"{"people":2,"tags":["flowers","group"]}"#));
    let config = json!({ "base_url": server.base_url(), "model": "m", "cache_for": "0s", "prewarm": false });
    let builder = Kit::<Vision>::builder().wire(input::frame, "camera.frame").wire(input::faces, "faces.faces");
    let mut kit = builder.log_level(2).open(config).map_err(|failure| failure.to_string())?;
    let visit = kit.open_visit().map_err(|failure| failure.to_string())?;
    let mut taken = Vec::new();
    for round in 0..ROUNDS {
        let mut frame =
            FrameMut::new(kit.host(), SIZE.0, SIZE.1, PixelFormat::Rgb8).map_err(|error| error.to_string())?;
        noise(frame.pixels_mut(), round);
        let frame = frame.freeze().map_err(|error| error.to_string())?;
        let seen = Time::from_nanos(1_000 + round);
        let begun = Instant::now();
        kit.send_seen_at(seen, input::frame, visit, frame).map_err(|failure| failure.to_string())?;
        kit.send_seen_at(seen, input::faces, visit, faces()).map_err(|failure| failure.to_string())?;
        let scenes = usize::try_from(round + 1).unwrap_or(usize::MAX);
        kit.wait(Duration::from_secs(10), |kit| kit.emitted(output::scene).len() == scenes)
            .map_err(|failure| failure.to_string())?;
        let over = Instant::now();
        let asked = server.requests().last().map(|request| request.at).ok_or("no question came")?;
        let answered = server.last_given().ok_or("no answer was given")?;
        // The first ones open the connection and fill caches.
        if round >= ROUNDS / 10 {
            taken.push(((asked - begun) + (over - answered)).as_secs_f64() * 1e3);
        }
    }
    Ok(taken)
}

/// As hard for JPEG as a picture of a room.
fn noise(pixels: &mut [u8], round: u64) {
    let mut state = round + 1;
    for (at, pixel) in pixels.iter_mut().enumerate() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let shade = (at / 3 % 640 / 5) as u64;
        *pixel = u8::try_from((shade + (state >> 60)) & 0xff).unwrap_or_default();
    }
}

fn faces() -> Faces {
    let face = |x: f32| Face::unknown([x, 100.0, x + 90.0, 210.0], 0.9);
    Faces { width: SIZE.0, height: SIZE.1, faces: vec![face(120.0), face(380.0)], ..Faces::default() }
}

//! A stage of vision under test, and the server that it asks.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::time::Duration;

use majlis_plugin_api::{self as api, Face, Frame, FrameMut, Identity, Person, PixelFormat, Scene, Time, VisitId};
use majlis_test_server::Server;
use majlis_testkit::{Builder, Failure, Kit};
use majlis_vision::{Vision, input, manifest__, output};
use serde_json::{Value, json};

pub(crate) const KEY: &str = "sk-test-hunter2hunter2";

/// Long for a machine and short for who waits in vain.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) const WIDTH: u32 = 320;
pub(crate) const HEIGHT: u32 = 240;

pub(crate) struct Show {
    pub(crate) server: Server,
    pub(crate) kit: Kit<Vision>,
    at: u64,
}

impl Show {
    /// With this configuration besides the server's address and key. Faces are wired, unless they are sent.
    pub(crate) fn new(more: Value) -> Self {
        Self::at(Server::start(), more)
    }

    pub(crate) fn at(server: Server, more: Value) -> Self {
        let kit = open(&server, more).expect("it opens");
        Self { server, kit, at: 1_000 }
    }

    /// Whoever greets is wired too, and says how visitors are received.
    pub(crate) fn with_welcome(more: Value) -> Self {
        let server = Server::start();
        let kit = open_with(&server, more, |builder| builder.wire(input::welcome, "greeting.welcome"));
        Self { server, kit: kit.expect("it opens"), at: 1_000 }
    }

    /// The time of a new frame.
    pub(crate) fn next_time(&mut self) -> Time {
        self.at += 100_000_000;
        Time::from_nanos(self.at)
    }

    /// A frame of this grey and what the recogniser says of it.
    pub(crate) fn look(&mut self, visit: VisitId, grey: u8, faces: api::Faces) -> Result<(), Failure> {
        let time = self.next_time();
        let frame = picture(self.kit.host(), grey);
        self.kit.send_seen_at(time, input::frame, visit, frame)?;
        self.kit.send_seen_at(time, input::faces, visit, faces)?;
        Ok(())
    }

    /// The same, and waits until nothing is under way. Answers the scenes of all visits so far.
    pub(crate) fn see(&mut self, visit: VisitId, grey: u8, faces: api::Faces) -> Vec<Scene> {
        self.look(visit, grey, faces).expect("the call goes well");
        self.settled()
    }

    /// Waits until nothing is under way.
    pub(crate) fn settled(&mut self) -> Vec<Scene> {
        self.kit.wait(SOON, |kit| kit.works().iter().all(|work| work.ended.is_some())).expect("answers are used");
        self.scenes()
    }

    pub(crate) fn scenes(&self) -> Vec<Scene> {
        self.kit.emitted(output::scene).into_iter().map(|(_, scene)| scene).collect()
    }

    /// Closes the stage and shows that the server has nothing open any more. Answers the server.
    pub(crate) fn close(mut self) -> Server {
        self.kit.close().expect("it closes");
        self.server.wait("that all is closed", |server| server.open_connections() == 0 && server.open_streams() == 0);
        self.server
    }

    /// All that the stage told anybody.
    pub(crate) fn told(&self) -> String {
        format!(
            "{:?} {:?} {:?} {:?} {:?}",
            self.kit.logs(),
            self.kit.facts(),
            self.kit.works(),
            self.kit.printed(),
            self.scenes()
        )
    }
}

pub(crate) fn open(server: &Server, more: Value) -> Result<Kit<Vision>, Failure> {
    open_with(server, more, |builder| builder)
}

fn open_with(
    server: &Server,
    more: Value,
    wired: impl FnOnce(Builder<Vision>) -> Builder<Vision>,
) -> Result<Kit<Vision>, Failure> {
    let mut config = json!({ "base_url": server.base_url(), "api_key": KEY, "model": "m", "prewarm": false });
    let map = config.as_object_mut().expect("a map");
    map.extend(more.as_object().expect("a map").clone());
    let is_wired = config["faces"] != "send";
    let builder = Kit::<Vision>::builder().manifest(manifest__::TEXT).language("ar-SA").log_level(5);
    let builder = builder.wire(input::frame, "camera.frame");
    let builder = if is_wired { builder.wire(input::faces, "faces.faces") } else { builder };
    wired(builder).open(config)
}

/// A picture with a shape in it, so that its greys are not all the same.
pub(crate) fn picture(host: &api::Host, grey: u8) -> Frame {
    let mut frame = FrameMut::new(host, WIDTH, HEIGHT, PixelFormat::Gray8).expect("a frame");
    for (at, pixel) in frame.pixels_mut().iter_mut().enumerate() {
        let (x, y) = (at as u32 % WIDTH, at as u32 / WIDTH);
        *pixel = if (100..160).contains(&x) && y > 80 { grey } else { 128 };
    }
    frame.freeze().expect("a frame")
}

pub(crate) fn nobody() -> api::Faces {
    api::Faces { width: WIDTH, height: HEIGHT, ..Default::default() }
}

pub(crate) fn face(identity: Identity) -> Face {
    Face { identity, ..Face::unknown([110.0, 20.0, 150.0, 70.0], 0.9) }
}

pub(crate) fn known(id: &str) -> api::Faces {
    let person = Person {
        id: id.into(),
        name_ar: "نورة السرية".into(),
        name_latin: "Noura Secret".into(),
        ..Default::default()
    };
    api::Faces { faces: vec![face(Identity::Known(person))], ..nobody() }
}

pub(crate) fn stranger(track: u64) -> api::Faces {
    api::Faces { faces: vec![Face { track: Some(track), ..face(Identity::Unknown) }], ..nobody() }
}

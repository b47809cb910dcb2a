//! Guests among themselves: an agent that is played here sends an avatar speech, and a visitor sees and hears it.

use majlis_test_guests::{Conduct, Hall, Picture};
use majlis_test_livekit::VideoGrants;

const ROOM: &str = "stand-1";

fn avatar_token(hall: &Hall, identity: &str, agent: &str) -> String {
    let grants = VideoGrants { room_join: true, room: ROOM.into(), ..VideoGrants::default() };
    let token = hall.server.access(identity).with_kind("agent").with_grants(grants);
    token.with_attributes([("lk.publish_on_behalf", agent)]).to_jwt().expect("a token")
}

#[test]
fn a_visitor_sees_an_avatar_in_its_colour_and_is_told_who_comes_and_goes() {
    let Some(hall) = Hall::open("guests see each other") else { return };
    let visitor = hall.visitor(&hall.server.token("visitor", ROOM), Some((&Picture::plain(320, [200, 30, 30]), 10)));
    let other = hall.visitor(&hall.server.token("other", ROOM), None);
    other.until("the visitor's camera", |other| other.shown("visitor").is_some());
    let conduct = Conduct { colour: Some([20, 200, 40]), ..Conduct::default() };
    let avatar = hall.avatar(&hall.server.url(), &avatar_token(&hall, "avatar", "agent"), conduct);
    visitor.until("the avatar", |visitor| visitor.shown("avatar").is_some());
    let [red, green, blue] = visitor.shown("avatar").expect("it is seen").colour;
    assert!(green > 150 && red < 90 && blue < 100, "{red} {green} {blue}");
    assert!(avatar.first_frame().is_some() && avatar.joined().len() == 1);
    // The server tells of somebody who publishes nothing after up to three seconds.
    visitor.until("the other one", |visitor| visitor.present().contains(&"other".to_owned()));
    drop(avatar);
    visitor.until("its end", |visitor| visitor.left().contains(&"avatar".to_owned()));
    other.leave();
    visitor.until("the end of the other one", |visitor| visitor.left().contains(&"other".to_owned()));
    assert!(visitor.present().is_empty());
}

#[test]
fn an_avatar_plays_what_its_agent_sends_and_says_so() {
    let Some(hall) = Hall::open("an avatar plays what it is sent") else { return };
    let agent = hall.agent(&hall.server.token("agent", ROOM));
    let visitor = hall.visitor(&hall.server.token("visitor", ROOM), None);
    let avatar = hall.avatar(&hall.server.url(), &avatar_token(&hall, "avatar", "agent"), Conduct::default());
    visitor.until("the avatar", |visitor| visitor.shown("avatar").is_some());
    let tone: Vec<i16> =
        (0..24_000).map(|at| ((f64::from(at) / 24_000.0 * 440.0 * std::f64::consts::TAU).sin() * 9e3) as i16).collect();
    agent.speak("avatar", 24_000, &tone);
    avatar.until("the speech", |avatar| avatar.speeches().first().is_some_and(|speech| speech.whole));
    let speech = avatar.speeches().remove(0);
    assert_eq!((speech.rate, &speech.samples), (24_000, &tone));
    agent.until("word of its end", |agent| agent.asked().iter().any(|(method, ..)| method == "lk.playback_finished"));
    let asked = agent.asked();
    assert_eq!(asked[0].0, "lk.playback_started");
    assert!(asked.iter().all(|(_, from, _)| from == "avatar"), "{asked:?}");
    visitor.until("the sound", |visitor| visitor.heard("avatar").seconds() > 0.9);
    let heard = visitor.heard("avatar");
    assert!(
        (heard.pitch() - 440.0).abs() < 15.0 && (heard.seconds() - 1.0).abs() < 0.15,
        "{} {}",
        heard.pitch(),
        heard.seconds()
    );
}

#[test]
fn an_avatar_that_hears_through_another_plays_what_that_one_is_sent() {
    let Some(hall) = Hall::open("an avatar hears through a listener") else { return };
    let agent = hall.agent(&hall.server.token("agent", ROOM));
    let visitor = hall.visitor(&hall.server.token("visitor", ROOM), None);
    let (token, listener) = (avatar_token(&hall, "avatar", "agent"), hall.server.token("listener", ROOM));
    let conduct = Conduct { voice: Some(24_000), ..Conduct::default() };
    let avatar = hall.avatar_that_hears_by(&hall.server.url(), &token, &listener, conduct);
    visitor
        .until("both", |visitor| visitor.shown("avatar").is_some() && visitor.present().contains(&"listener".into()));
    let sample = |at: u32| (f64::from(at) / 24_000.0 * 440.0 * std::f64::consts::TAU).sin() * 9e3;
    let sound: Vec<i16> = (0..24_000).map(|at| sample(at) as i16).collect();
    agent.speak("listener", 24_000, &sound);
    avatar.until("the speech", |avatar| avatar.speeches().first().is_some_and(|speech| speech.whole));
    assert_eq!(avatar.speeches()[0].samples, sound);
    agent.until("word of its end", |agent| agent.asked().iter().any(|(method, ..)| method == "lk.playback_finished"));
    assert!(agent.asked().iter().all(|(_, from, _)| from == "listener"), "{:?}", agent.asked());
    visitor.until("the sound", |visitor| visitor.heard("avatar").seconds() > 0.1);
}

//! What a visitor's page is given.

use std::time::Duration;

use majlis_livekit_dispatch::{AskedAgent, Keys, Pass, VisitorPass, new_identity};
use majlis_plugin_api::{Result, Value};
use serde_json::json;

use crate::config::Config;
use crate::servers::Server;

/// How the name of a visitor's own room begins.
const OF_A_VISITOR: &str = "visit";
/// So long a token is good where nothing is configured.
const GOOD_FOR: Duration = Duration::from_secs(120);

/// Gives passes for visitors: short-lived, for one room, with a camera and nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    keys: Keys,
    rooms: Rooms,
    good_for: Duration,
}

#[derive(Clone, Debug)]
enum Rooms {
    /// The stand's.
    One(String),
    /// A new one for each visitor, with this agent sent for.
    Each { agent_name: String },
}

/// Whether a room of this name was made for one visitor.
pub(super) fn is_of_a_visitor(room: &str) -> bool {
    room.strip_prefix(OF_A_VISITOR).is_some_and(|rest| rest.starts_with('-'))
}

impl Desk {
    pub(crate) fn new(config: &Config, keys: Keys) -> Self {
        let rooms = match &config.dispatch {
            Some(dispatch) => Rooms::Each { agent_name: dispatch.agent_name.clone() },
            None => Rooms::One(config.stand().to_owned()),
        };
        let good_for = config.tokens.as_ref().map_or(GOOD_FOR, |tokens| tokens.good_for.get());
        Self { keys, rooms, good_for }
    }

    /// So long a pass is good for joining.
    pub(crate) fn good_for(&self) -> Duration {
        self.good_for
    }

    /// A pass for one visitor.
    pub(crate) fn pass(&self) -> Result<Pass> {
        let pass = VisitorPass { good_for: self.good_for, ..VisitorPass::default() };
        let made = match &self.rooms {
            Rooms::One(room) => self.keys.visitor(room, pass)?,
            Rooms::Each { agent_name } => {
                let agent = AskedAgent { agent_name: agent_name.clone(), metadata: String::new() };
                self.keys.visitor(&new_identity(OF_A_VISITOR)?, VisitorPass { agent: Some(agent), ..pass })?
            }
        };
        Ok(made)
    }

    /// A pass for this server as it is handed over: in the words of LiveKit's own components, so that a page's `TokenSource` reads it.
    pub(crate) fn handed_over(&self, pass: &Pass, server: &Server) -> Value {
        json!({
            "server_url": server.api.address().ws(),
            "participant_token": pass.token.expose(),
            "room_name": pass.room,
            "participant_identity": pass.identity,
            "good_for_s": pass.good_for.as_secs(),
        })
    }
}

#[cfg(test)]
mod tests {
    use majlis_livekit_dispatch::{Address, Api, ClientOptions};
    use majlis_plugin_api::Secret;

    use super::*;

    fn desk(more: Value) -> Desk {
        let mut config = json!({ "url": "wss://h", "key": "k", "secret": "s" });
        config.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        let config: Config = serde_json::from_value(config).expect("a configuration");
        Desk::new(&config, keys())
    }

    fn keys() -> Keys {
        Keys::new(&Secret::new("key"), &Secret::new("hunter2hunter2hunter2hunter2")).expect("keys")
    }

    fn server() -> Server {
        let address = Address::parse("wss://h").expect("an address");
        Server::new(Api::open(address, keys(), &ClientOptions::default()).expect("a client"), String::new())
    }

    #[test]
    fn the_visitors_of_a_stand_share_its_room_and_with_dispatch_each_has_a_new_one() {
        let stand = desk(json!({ "room": "stand-7" }));
        let (first, second) = (stand.pass().expect("a pass"), stand.pass().expect("a pass"));
        assert_eq!((first.room.as_str(), second.room.as_str()), ("stand-7", "stand-7"));
        assert_ne!(first.identity, second.identity);
        assert_eq!(first.good_for, GOOD_FOR);

        let each = desk(json!({ "dispatch": {}, "tokens": { "listen": "127.0.0.1:0", "good_for": "30s" } }));
        let (first, second) = (each.pass().expect("a pass"), each.pass().expect("a pass"));
        assert!(is_of_a_visitor(&first.room) && first.room != second.room, "{first:?} {second:?}");
        assert!(!is_of_a_visitor("stand-7") && !is_of_a_visitor("visitors"));
        assert_eq!(each.handed_over(&first, &server())["good_for_s"], 30);
        assert_eq!(each.handed_over(&first, &server())["server_url"], "wss://h");
    }

    #[test]
    fn a_desk_tells_no_secret_but_in_what_it_hands_over() {
        let desk = desk(json!({}));
        let pass = desk.pass().expect("a pass");
        assert!(
            !format!("{desk:?} {pass:?}").contains("hunter2") && !format!("{pass:?}").contains(pass.token.expose())
        );
        assert_eq!(desk.handed_over(&pass, &server())["participant_token"], pass.token.expose());
    }
}

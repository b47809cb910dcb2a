use std::time::Duration;

use livekit_protocol::{RoomAgentDispatch, RoomConfiguration};
use livekit_token::VideoGrants;
use majlis_plugin_api::Secret;

use crate::error::Result;
use crate::identity::new_identity;
use crate::keys::{Keys, sign};

/// The attribute that says for which agent an avatar speaks.
const ON_BEHALF: &str = "lk.publish_on_behalf";
/// The kind of participants that are programs.
const AGENT: &str = "agent";
/// What whoever hears for an avatar is called.
const LISTENER: &str = "listener";

/// What lets one participant into one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// The room.
    pub room: String,
    /// Who it is in the room. It was made for this pass, unless the pass is for somebody who comes back.
    pub identity: String,
    /// The token, to be shown when joining. The server gives a fresh one to whoever is in the room, so it may be short-lived.
    pub token: Secret,
    /// So long it is good for joining.
    pub good_for: Duration,
}

/// An agent that a token asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskedAgent {
    /// The name under which workers are registered.
    pub agent_name: String,
    /// Handed to the agent with its job.
    pub metadata: String,
}

/// A visitor's page: it shows its camera, sees and hears all, may send data and answer calls. It has no microphone, changes
/// nothing about itself, and is visible.
#[derive(Clone, Debug)]
pub struct VisitorPass {
    /// The identity of a visitor who comes back; otherwise one is made.
    pub identity: Option<String>,
    /// An agent that is sent for when this visitor's joining makes the room. In a room that is there already the server passes
    /// over it without a word; then [`Api::create_dispatch`](crate::Api::create_dispatch) is the way.
    pub agent: Option<AskedAgent>,
    /// So long the token is good for joining.
    pub good_for: Duration,
}

impl Default for VisitorPass {
    fn default() -> Self {
        Self { identity: None, agent: None, good_for: Duration::from_secs(120) }
    }
}

/// An agent that joins a room without a job: a stand's fixed room.
#[derive(Clone, Debug)]
pub struct AgentPass {
    /// The identity of an agent that comes back; otherwise one is made.
    pub identity: Option<String>,
    /// What participants see as its name.
    pub name: String,
    /// So long the token is good for joining.
    pub good_for: Duration,
}

impl Default for AgentPass {
    fn default() -> Self {
        Self { identity: None, name: String::new(), good_for: Duration::from_secs(120) }
    }
}

/// An avatar that a vendor sends in an agent's name. Each pass is a new participant, so that a late one of an earlier attempt is
/// never taken for it.
#[derive(Clone, Debug)]
pub struct AvatarPass {
    /// The agent for which it speaks, by its identity.
    pub agent: String,
    /// So long the token is good for joining: longer than vendors take to start.
    pub good_for: Duration,
}

impl AvatarPass {
    /// For an agent, good for five minutes.
    pub fn of(agent: impl Into<String>) -> Self {
        Self { agent: agent.into(), good_for: Duration::from_secs(300) }
    }
}

/// A participant that hears the speech for an avatar, where a vendor's avatar does not do so itself. It is a program, so it is no
/// visitor to anybody, and it speaks for the avatar and not for the agent, so no page takes it for either of them.
#[derive(Clone, Debug)]
pub struct ListenerPass {
    /// The avatar for which it hears, by its identity.
    pub avatar: String,
    /// So long the token is good for joining: as long as the avatar's.
    pub good_for: Duration,
}

impl Keys {
    /// A pass for a visitor's page.
    ///
    /// # Errors
    /// No room is named, or the system gives no chance for an identity.
    pub fn visitor(&self, room: &str, pass: VisitorPass) -> Result<Pass> {
        let identity = match pass.identity {
            Some(identity) => identity,
            None => new_identity("visitor")?,
        };
        let grants = VideoGrants {
            room_join: true,
            room: room.to_owned(),
            can_publish: Some(true),
            // The server lets pass what stands here, and nothing else.
            can_publish_sources: vec!["camera".into()],
            can_publish_data: Some(true),
            can_subscribe: Some(true),
            can_update_own_metadata: Some(false),
            ..VideoGrants::default()
        };
        let mut token = self.token(pass.good_for).with_identity(&identity).with_grants(grants);
        if let Some(AskedAgent { agent_name, metadata }) = pass.agent {
            let asked = RoomAgentDispatch { agent_name, metadata, ..RoomAgentDispatch::default() };
            token = token.with_room_config(RoomConfiguration { agents: vec![asked], ..RoomConfiguration::default() });
        }
        Ok(Pass { room: room.to_owned(), identity, token: sign(token)?, good_for: pass.good_for })
    }

    /// A pass for an agent in a room without a job.
    ///
    /// # Errors
    /// As [`visitor`](Keys::visitor).
    pub fn agent(&self, room: &str, pass: &AgentPass) -> Result<Pass> {
        let identity = match &pass.identity {
            Some(identity) => identity.clone(),
            None => new_identity("agent")?,
        };
        let grants = VideoGrants {
            agent: true,
            // Without it `lk.agent.state` is never seen, and nobody says why.
            can_update_own_metadata: Some(true),
            can_subscribe: Some(true),
            ..program(room)
        };
        let token = self.token(pass.good_for).with_identity(&identity).with_name(&pass.name).with_kind(AGENT);
        Ok(Pass { room: room.to_owned(), token: sign(token.with_grants(grants))?, identity, good_for: pass.good_for })
    }

    /// A pass for an avatar, under an identity of its own.
    ///
    /// # Errors
    /// As [`visitor`](Keys::visitor).
    pub fn avatar(&self, room: &str, pass: &AvatarPass) -> Result<Pass> {
        let identity = new_identity("avatar")?;
        let token = self
            .token(pass.good_for)
            .with_identity(&identity)
            .with_kind(AGENT)
            .with_attributes([(ON_BEHALF, pass.agent.as_str())])
            .with_grants(program(room));
        Ok(Pass { room: room.to_owned(), identity, token: sign(token)?, good_for: pass.good_for })
    }

    /// A pass for whoever hears for an avatar, under an identity of its own.
    ///
    /// # Errors
    /// As [`visitor`](Keys::visitor).
    pub fn listener(&self, room: &str, pass: &ListenerPass) -> Result<Pass> {
        let identity = new_identity(LISTENER)?;
        // A client that is published asks for one of kind *standard*. To a host that was started anew, or to whoever looks after
        // visitors without an agent, such a one would be a visitor, and it would keep a room from ending.
        let token = self
            .token(pass.good_for)
            .with_identity(&identity)
            .with_name(LISTENER)
            .with_kind(AGENT)
            .with_attributes([(ON_BEHALF, pass.avatar.as_str())])
            .with_grants(program(room));
        Ok(Pass { room: room.to_owned(), identity, token: sign(token)?, good_for: pass.good_for })
    }
}

/// What a program may that somebody else sends into a room: an avatar, and whoever hears for one. Speech comes to them as data, for
/// which nothing has to be subscribed; so they receive no visitor's camera.
fn program(room: &str) -> VideoGrants {
    VideoGrants {
        room_join: true,
        room: room.to_owned(),
        can_publish: Some(true),
        can_publish_data: Some(true),
        can_subscribe: Some(false),
        ..VideoGrants::default()
    }
}

#[cfg(test)]
mod tests {
    use livekit_token::{Claims, TokenVerifier};

    use super::*;

    const SECRET: &str = "hunter2hunter2hunter2hunter2hunter2";

    fn keys() -> Keys {
        // A file that holds a secret ends with a line.
        Keys::new(&Secret::new("key"), &Secret::new(format!("{SECRET}\n"))).unwrap()
    }

    fn claims(token: &Secret) -> Claims {
        TokenVerifier::with_api_key("key", SECRET).verify(token.expose()).unwrap()
    }

    #[test]
    fn a_visitors_pass_allows_one_room_a_camera_and_nothing_about_itself() {
        let agent = AskedAgent { agent_name: "majlis".into(), metadata: "m".into() };
        let pass = VisitorPass { agent: Some(agent), ..VisitorPass::default() };
        let pass = keys().visitor("stand-1", pass).unwrap();
        let claims = claims(&pass.token);
        assert_eq!((claims.sub.as_str(), claims.video.room.as_str()), (pass.identity.as_str(), "stand-1"));
        assert_eq!(claims.video.can_publish_sources, ["camera"]);
        let video = &claims.video;
        assert!(video.room_join && video.can_subscribe() && video.can_publish_data());
        assert!(!video.can_update_own_metadata() && !video.hidden && !video.room_admin && !video.agent);
        assert!(claims.kind.is_empty() && claims.attributes.is_empty() && claims.name.is_empty());
        let agents = claims.room_config.unwrap().agents;
        assert_eq!((agents[0].agent_name.as_str(), agents[0].metadata.as_str()), ("majlis", "m"));
        assert_eq!(claims.exp - claims.nbf, 120, "seconds");
    }

    #[test]
    fn an_agent_changes_its_attributes_and_an_avatar_speaks_for_it() {
        let agent = keys().agent("stand-1", &AgentPass::default()).unwrap();
        let of_agent = claims(&agent.token);
        assert_eq!(of_agent.kind, "agent");
        assert!(
            of_agent.video.can_subscribe()
                && of_agent.video.can_update_own_metadata()
                && of_agent.video.agent
                && !of_agent.video.hidden
        );
        let avatar = keys().avatar("stand-1", &AvatarPass::of(&agent.identity)).unwrap();
        let of_avatar = claims(&avatar.token);
        assert_eq!(of_avatar.kind, "agent");
        assert_eq!(of_avatar.attributes.get("lk.publish_on_behalf"), Some(&agent.identity));
        assert!(!of_avatar.video.can_subscribe(), "no picture or sound of anybody is for a vendor");
        assert!(!of_avatar.video.agent && !of_avatar.video.can_update_own_metadata());
        assert_eq!(of_avatar.exp - of_avatar.nbf, 300, "seconds");
    }

    #[test]
    fn a_listener_is_a_program_of_its_avatar_and_may_no_more_than_that() {
        let pass = AvatarPass::of("agent-1");
        let avatar = keys().avatar("stand-1", &pass).unwrap();
        let of_listener = ListenerPass { avatar: avatar.identity.clone(), good_for: pass.good_for };
        let listener = keys().listener("stand-1", &of_listener).unwrap();
        let (of_listener, of_avatar) = (claims(&listener.token), claims(&avatar.token));
        assert_eq!((of_listener.kind.as_str(), of_listener.name.as_str()), ("agent", "listener"));
        assert_eq!(of_listener.attributes.get("lk.publish_on_behalf"), Some(&avatar.identity), "and not the agent");
        assert_eq!(serde_json::to_value(&of_listener.video).unwrap(), serde_json::to_value(&of_avatar.video).unwrap());
        assert_eq!(of_listener.exp - of_listener.nbf, of_avatar.exp - of_avatar.nbf);
        assert_ne!(
            keys()
                .listener("stand-1", &ListenerPass { avatar: avatar.identity, good_for: pass.good_for })
                .unwrap()
                .identity,
            listener.identity
        );
    }

    #[test]
    fn no_pass_is_made_without_a_room_and_none_without_keys() {
        assert!(keys().visitor("", VisitorPass::default()).is_err());
        for (key, secret) in [("", SECRET), ("key", " \n")] {
            let refused = Keys::new(&Secret::new(key), &Secret::new(secret)).unwrap_err().to_string();
            assert!(refused.contains("is empty") && !refused.contains("hunter2"), "{refused}");
        }
    }

    #[test]
    fn secrets_and_tokens_print_as_stars() {
        let pass = keys().agent("stand-1", &AgentPass::default()).unwrap();
        let printed = format!("{:?} {pass:?}", keys());
        assert!(!printed.contains("hunter2") && !printed.contains(pass.token.expose()), "{printed}");
    }
}

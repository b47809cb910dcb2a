use serde::{Deserialize, Serialize};

use super::{Extra, cbor_message};

/// What whoever starts avatars wants of the room, for the visit of its packet; a packet of no visit is about avatars that were
/// started for none.
///
/// An order says **all** that is wanted, not what changed: a later one stands in the place of an earlier one, so one that is lost or
/// overtaken on its way does no harm. Until the first order of a visit comes, what is to be said is held; a room without
/// anybody who gives orders speaks with its own track.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RoomOrder {
    /// An [`Invite`](crate::Invite) is wanted for each attempt up to this one. 0: none but the first of a visit, which comes unasked;
    /// for nobody's visit none does.
    #[serde(default)]
    pub invite: u64,
    /// Who speaks. Nothing: nobody yet; what is to be said is held. An avatar that was invited for nobody's visit belongs to the visit
    /// for which it speaks first: what is seen of it is told for that visit then, and it leaves with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speech: Option<Speech>,
    /// Who is removed from the room, now and whenever they come back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dismissed: Vec<Dismissed>,
    /// Identities of avatars that wait for their visitor: pages are told to hide them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub standby: Vec<String>,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Who speaks, and from when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speech {
    /// Counts the changes of who speaks in the visit, from 1. An order that repeats the number changes nothing.
    pub turn: u64,
    /// Who.
    pub target: SpeechTarget,
    /// From when.
    pub from: SpeechFrom,
    /// What the target before had begun and not ended is said again by this one, from its beginning and once. Nothing, where it
    /// had begun nothing.
    #[serde(default)]
    pub again: bool,
}

/// Where speech goes: to one, and to nobody else. The text is shown in every case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "kebab-case")]
pub enum SpeechTarget {
    /// To an avatar, as a byte stream.
    Avatar {
        /// Its identity. By this one its playback and its picture are known.
        identity: String,
        /// The identity that the speech is sent to, where that is not the avatar's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        listener: Option<String>,
        /// Samples a second that it takes: 16-bit, one channel.
        sample_rate: u32,
        /// The country (ISO 3166-1 alpha-2) in which its vendor hears the speech; empty where that is not known. Speech with a name
        /// goes there only if [everybody who is named](crate::Utterance::names_sent_to) agreed; otherwise that one
        /// utterance goes to the agent's own track.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        country: String,
    },
    /// To everybody, as the agent's own track.
    OwnTrack,
    /// Nowhere: the text alone.
    Text,
}

/// From when a target speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpeechFrom {
    /// From now on: what is held or waits goes to it. The target before is flushed first.
    Now,
    /// From the next utterance on: one that is under way ends where it began.
    NextUtterance,
}

/// Somebody who has no place in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dismissed {
    /// The identity.
    pub identity: String,
    /// The room's name, where it is not that of the visit: of an avatar that a run before this one left behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
}

cbor_message!(RoomOrder, "majlis/room-order@1");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{from_cbor, to_cbor};
    use ciborium::Value;

    #[test]
    fn an_order_comes_back_whole_with_the_keys_of_a_later_version() {
        let target = SpeechTarget::Avatar {
            identity: "avatar-7".into(),
            listener: Some("ear-7".into()),
            sample_rate: 16_000,
            country: "US".into(),
        };
        for target in [target, SpeechTarget::OwnTrack, SpeechTarget::Text] {
            let order = RoomOrder {
                invite: 2,
                speech: Some(Speech { turn: 3, target, from: SpeechFrom::NextUtterance, again: true }),
                dismissed: vec![Dismissed { identity: "avatar-6".into(), room: Some("stand-2".into()) }],
                standby: vec!["avatar-8".into()],
                extra: [("later".to_owned(), Value::Bool(true))].into(),
            };
            let bytes = to_cbor(&order).expect("an order can be written");
            assert_eq!(from_cbor::<RoomOrder>(&bytes).expect("and read"), order);
        }
        let empty = to_cbor(&Value::Map(Vec::new())).expect("an empty map");
        assert_eq!(from_cbor::<RoomOrder>(&empty).expect("it orders nothing"), RoomOrder::default());
    }
}

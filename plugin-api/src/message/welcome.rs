use serde::{Deserialize, Serialize};

use super::{Extra, cbor_message};

/// How a visitor is received, told by whoever greets to whoever would spend time or money on it: once for each visit, as soon as it is
/// decided. Emit it from an output that is marked `#[feedback]`, since who hears it mostly stands before the greeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// How.
    pub kind: WelcomeKind,
    /// Keys of a later version.
    #[serde(flatten)]
    pub extra: Extra,
}

/// How a visitor is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WelcomeKind {
    /// With a whole greeting.
    Full,
    /// In a few words: everybody was greeted not long ago.
    Short,
    /// With silence, for the same reason.
    Silent,
    /// In a way of a later version.
    #[serde(other)]
    Other,
}

impl Welcome {
    /// Of this kind.
    #[must_use]
    pub fn new(kind: WelcomeKind) -> Self {
        Self { kind, extra: Extra::default() }
    }

    /// Whether the visitor was received not long ago, so that nothing more than that is worth starting.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        matches!(self.kind, WelcomeKind::Short | WelcomeKind::Silent)
    }
}

cbor_message!(Welcome, "majlis/welcome@1");

use std::fmt;
use std::time::Duration;

/// Why a question has no answer, in one sentence for an operator, and what may follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub(crate) kind: Kind,
    pub(crate) said: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It may go better, not before the server said so.
    Passing { after: Option<Duration> },
    /// This question has no answer.
    Final,
    /// No question will have an answer before somebody acts.
    Permanent,
}

impl Failure {
    /// One that may go better when it is tried again.
    pub fn passing(said: impl Into<String>) -> Self {
        Self { kind: Kind::Passing { after: None }, said: said.into() }
    }

    /// One that ends this question alone.
    pub fn last(said: impl Into<String>) -> Self {
        Self { kind: Kind::Final, said: said.into() }
    }

    /// One that will be met again until somebody acts.
    pub fn permanent(said: impl Into<String>) -> Self {
        Self { kind: Kind::Permanent, said: said.into() }
    }

    pub(crate) fn after(mut self, pause: Option<Duration>) -> Self {
        if let Kind::Passing { after } = &mut self.kind {
            *after = pause;
        }
        self
    }

    /// The same, and not to be tried again: for whoever has used a part of the answer already.
    #[must_use]
    pub fn without_a_second_try(mut self) -> Self {
        if self.may_pass() {
            self.kind = Kind::Final;
        }
        self
    }

    /// Whether it may go better when it is tried again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self.kind, Kind::Passing { .. })
    }

    /// Whether somebody has to act first.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.kind == Kind::Permanent
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl std::error::Error for Failure {}

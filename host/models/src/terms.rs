//! The licence of a pack, and that it was accepted.

use std::fmt;

use crate::card::Card;

/// The licence of a pack, to be shown before its weights are fetched.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'c>(&'c Card);

/// A pack whose licence was accepted. Only [`Terms::accept`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'c>(&'c Card);

impl<'c> Terms<'c> {
    /// Those of a pack.
    #[must_use]
    pub fn of(card: &'c Card) -> Self {
        Self(card)
    }

    /// Somebody has read them and agrees.
    #[must_use]
    pub fn accept(self) -> Accepted<'c> {
        Accepted(self.0)
    }
}

impl<'c> Accepted<'c> {
    /// The pack.
    #[must_use]
    pub fn card(self) -> &'c Card {
        self.0
    }
}

impl fmt::Display for Terms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let card = self.0;
        writeln!(f, "{}: {}", card.name, card.title)?;
        writeln!(f, "from {}", card.origin)?;
        writeln!(f, "licence: {}", card.licence)?;
        for file in &card.files {
            if let Some(licence) = &file.licence {
                writeln!(f, "  {}: {licence}", file.name)?;
            }
        }
        let commercial = if card.commercial {
            "Its makers allow use at a commercial exhibition."
        } else {
            "It must NOT be used at a commercial exhibition without another licence from its makers."
        };
        write!(f, "{commercial}")
    }
}

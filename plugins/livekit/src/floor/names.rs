//! Whether what is said may name somebody, and where it may be heard then.

use std::collections::VecDeque;

use majlis_plugin_api::Utterance;

/// So many utterances of a visit are known.
const KNOWN: usize = 64;

/// What is known of a visit's utterances.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: VecDeque<Known>,
}

#[derive(Debug)]
struct Known {
    utterance: u64,
    /// Whether its sound may hold a name.
    named: bool,
    /// Where everybody who is named agreed to be heard.
    countries: Vec<String>,
}

impl Names {
    /// An utterance is known.
    pub(super) fn learn(&mut self, utterance: &Utterance) {
        if self.known.len() == KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(Known {
            utterance: utterance.number,
            named: !utterance.speak_nameless.is_empty(),
            countries: utterance.names_sent_to.clone(),
        });
    }

    /// Whether an utterance's sound may be heard in a country; none: it is not known which. An utterance of which nothing is known
    /// names somebody.
    pub(super) fn may_be_heard(&self, utterance: u64, country: &str) -> bool {
        let known = self.known.iter().rev().find(|known| known.utterance == utterance);
        known.is_some_and(|known| {
            let agreed = || known.countries.iter().any(|agreed| agreed.eq_ignore_ascii_case(country));
            !known.named || (!country.is_empty() && agreed())
        })
    }
}

use std::time::{Duration, Instant};

/// So often in a row it may keep visitors waiting in vain.
const MOST_IN_VAIN: u32 = 2;
/// Then it is left alone so long, before one text tries it again.
const REST: Duration = Duration::from_secs(15);

/// Whether a service is worth waiting for: a visitor waits for it in vain twice, and not the hundred that follow. Whatever
/// another voice can say it says at once meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    in_vain: u32,
    rests_until: Option<Instant>,
}

impl Patience {
    /// Whether it is asked now. While it is tried again the others do not wait for it.
    pub(crate) fn asks(&mut self, now: Instant) -> bool {
        match self.rests_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.rests_until = Some(now + REST);
                true
            }
            None => true,
        }
    }

    /// It began to speak.
    pub(crate) fn begun(&mut self) {
        *self = Self::default();
    }

    /// It was waited for, and did not begin.
    pub(crate) fn in_vain(&mut self, now: Instant) {
        self.in_vain += 1;
        if self.in_vain >= MOST_IN_VAIN {
            self.rests_until = Some(now + REST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_two_texts_in_vain_it_is_left_alone_and_then_tried_by_one() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        patience.in_vain(now);
        assert!(patience.asks(now), "once is no habit");
        patience.in_vain(now);
        assert!(!patience.asks(now) && !patience.asks(now + REST / 2));
        assert!(patience.asks(now + REST), "one tries");
        assert!(!patience.asks(now + REST), "the others do not wait for it");
        patience.begun();
        assert!(patience.asks(now + REST));
        patience.in_vain(now + REST);
        assert!(patience.asks(now + REST), "what was before it answered does not count");
    }
}

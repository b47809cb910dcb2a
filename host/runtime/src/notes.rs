//! What few calls say beside their messages.

use majlis_meter::Nanos;

/// Texts that are longer than this are not worth keeping their room for.
const LONG: usize = 256;

/// Steps, facts and visits of a call. The room that they take is used again for the calls that follow on the same thread: what the
/// host notes down is not to look like memory of the stage, and a stage that says the same all day allocates nothing for it.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) steps: Again<(String, Nanos)>,
    pub(crate) facts: Again<(String, String)>,
    /// The call's places in the records of visits that it opened.
    pub(crate) opened: Vec<(u64, u32)>,
}

impl Notes {
    pub(crate) fn step(&mut self, name: &str, now: Nanos) {
        let (text, at) = self.steps.next();
        write(text, name);
        *at = now;
    }

    pub(crate) fn fact(&mut self, name: &str, value: &str) {
        let (of, text) = self.facts.next();
        write(of, name);
        write(text, value);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.facts.is_empty() && self.opened.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.steps.used = 0;
        self.facts.used = 0;
        self.opened.clear();
    }
}

fn write(text: &mut String, what: &str) {
    if text.capacity() > LONG {
        *text = String::new();
    }
    text.clear();
    text.push_str(what);
}

/// A list whose places are used again.
#[derive(Default)]
pub(crate) struct Again<T> {
    places: Vec<T>,
    used: usize,
}

impl<T: Default> Again<T> {
    fn next(&mut self) -> &mut T {
        if self.used == self.places.len() {
            self.places.push(T::default());
        }
        self.used += 1;
        &mut self.places[self.used - 1]
    }
}

impl<T> std::ops::Deref for Again<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.places[..self.used]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_said_is_not_what_the_next_one_says() {
        let mut notes = Notes::default();
        notes.fact("reason", "scene changed");
        notes.fact("faces", "2");
        notes.step("detect", 7);
        notes.clear();
        assert!(notes.facts.is_empty() && notes.steps.is_empty());
        notes.fact("reason", "unchanged");
        assert_eq!(&*notes.facts, [("reason".to_owned(), "unchanged".to_owned())]);
    }

    #[test]
    fn the_room_of_a_long_text_is_given_back() {
        let mut notes = Notes::default();
        notes.fact("text", &"x".repeat(1 << 20));
        notes.clear();
        notes.fact("text", "short");
        assert!(notes.facts[0].1.capacity() < 1 << 10);
    }
}

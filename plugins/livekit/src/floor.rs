//! Who has the floor: what is said next in a room, by whom, and what became of it.
//!
//! Pure: what happened in, what is to be done out. There is one floor in a room, so there are never two voices at once, and what is
//! said is said in the order in which it came. Who speaks for a visit is what its last order says; what has nobody to say it yet
//! is held, and keeps nobody else's from being said.

mod item;
mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use majlis_plugin_api::{Delivery, Speech, SpeechFrom, SpeechTarget, Utterance, VisitId};

use item::Item;
pub(crate) use item::{Key, Sound};
use names::Names;

/// Who says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// An avatar, by its identity; the speech is sent `to` an identity, at a rate.
    Avatar { identity: String, to: String, sample_rate: u32 },
    /// The agent itself.
    OwnTrack,
}

/// What is to be done. `saying` numbers each time that something begins to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Do {
    /// An avatar will say something of which no sound is there yet, unless something changes. It may be told so more than once.
    Expect { to: String, sample_rate: u32 },
    /// It begins.
    Begin { saying: u64, speaker: Speaker, rate: u32 },
    /// More of it.
    Feed { saying: u64, samples: Arc<[i16]> },
    /// That was all: [`Floor::said`] is waited for.
    End { saying: u64 },
    /// It is to fall silent: [`Floor::silent`] is waited for.
    Break { saying: u64 },
    /// Whoever said it is gone: nothing is waited for.
    Forget { saying: u64 },
    /// Nothing more becomes of an utterance's sound; nothing: it is not to be heard, and its text is shown.
    Over { key: Key, delivery: Option<Delivery> },
}

/// What the agent is doing, for pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    /// Nothing.
    Idle,
    /// Something waits to be said.
    Thinking,
    /// It, or its avatar, speaks.
    Speaking,
}

/// The floor of a room.
#[derive(Debug)]
pub(crate) struct Floor {
    /// Whether visitors may hear what is said to others.
    shared: bool,
    /// Whether somebody says who speaks; otherwise it is the agent itself.
    ordered: bool,
    pages: usize,
    connected: bool,
    lines: BTreeMap<Option<VisitId>, Line>,
    waiting: VecDeque<Item>,
    current: Option<Current>,
    /// Identities that speech can be sent to.
    present: BTreeSet<String>,
    /// What is not to be heard, and of which more may come.
    passed: BTreeSet<Key>,
    sayings: u64,
    todo: Vec<Do>,
}

/// What is known of one visit's speech.
#[derive(Debug, Default)]
struct Line {
    turn: u64,
    target: Option<SpeechTarget>,
    expected: Expected,
    /// Something of its speech has come.
    heard: bool,
    /// What the avatar that left had begun, until it is known whether it is said again.
    cut_off: Option<Item>,
    names: Names,
}

/// What is to be made ready for, while its sound is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expected {
    #[default]
    Nothing,
    /// The first word to a visitor, whatever it is.
    Anything,
    /// An utterance whose text is known.
    Text(u64),
}

#[derive(Debug)]
struct Current {
    saying: u64,
    item: Item,
    speaker: Speaker,
    /// It is to fall silent; then this becomes of it.
    after: Option<After>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Cut,
    /// It is said again by whoever speaks then.
    Again,
    /// Nobody speaks at the moment: the next order says which of the two.
    Hold,
}

impl Floor {
    /// A floor where nobody speaks. `ordered`: who speaks is ordered; `shared`: visitors may hear what is said to others.
    pub(crate) fn new(ordered: bool, shared: bool) -> Self {
        Self {
            shared,
            ordered,
            pages: 0,
            connected: false,
            lines: BTreeMap::new(),
            waiting: VecDeque::new(),
            current: None,
            present: BTreeSet::new(),
            passed: BTreeSet::new(),
            sayings: 0,
            todo: Vec::new(),
        }
    }

    /// What has to be done now, in this order.
    pub(crate) fn take(&mut self) -> Vec<Do> {
        self.settle();
        std::mem::take(&mut self.todo)
    }

    /// What the agent is doing.
    pub(crate) fn doing(&self) -> Doing {
        if self.current.as_ref().is_some_and(|current| current.after.is_none()) {
            Doing::Speaking
        } else if self.waiting.is_empty() && self.lines.values().all(|line| line.cut_off.is_none()) {
            Doing::Idle
        } else {
            Doing::Thinking
        }
    }

    /// Whether nothing is said for a visit, and nothing waits to be said.
    pub(crate) fn is_quiet(&self, visit: Option<VisitId>) -> bool {
        let is_theirs = |item: &Item| item.key.visit == visit;
        let is_cut_off = self.lines.get(&visit).is_some_and(|line| line.cut_off.is_some());
        let is_said = self.current.as_ref().is_some_and(|current| is_theirs(&current.item));
        !is_said && !is_cut_off && !self.waiting.iter().any(is_theirs)
    }

    /// Whether anybody is said to speak for a visit.
    pub(crate) fn has_speaker(&self, visit: Option<VisitId>) -> bool {
        !self.ordered || self.lines.get(&visit).is_some_and(|line| line.target.is_some())
    }

    /// An utterance is known: whom it names decides to whom its sound may go.
    pub(crate) fn known(&mut self, visit: Option<VisitId>, utterance: &Utterance) {
        let line = self.lines.entry(visit).or_default();
        line.names.learn(utterance);
        if !utterance.speak.is_empty() {
            line.expected = Expected::Text(utterance.number);
        }
    }

    /// A piece of sound came.
    pub(crate) fn heard(&mut self, key: Key, sound: Sound) {
        if let Some(line) = self.lines.get_mut(&key.visit) {
            line.heard = true;
            if [Expected::Anything, Expected::Text(key.utterance)].contains(&line.expected) {
                line.expected = Expected::Nothing;
            }
        }
        if self.passed.contains(&key) {
            if sound.last {
                self.passed.remove(&key);
            }
            return;
        }
        if let Some(current) = self.current.as_mut().filter(|current| current.item.key == key && !current.item.ended) {
            current.item.push(&sound);
            if current.after.is_none() {
                let saying = current.saying;
                if !sound.samples.is_empty() {
                    self.todo.push(Do::Feed { saying, samples: sound.samples });
                }
                if sound.last {
                    self.todo.push(Do::End { saying });
                }
            }
            return;
        }
        let cut_off = self.lines.get_mut(&key.visit).and_then(|line| line.cut_off.as_mut());
        let mut known = self.waiting.iter_mut().chain(cut_off).filter(|item| item.key == key && !item.ended);
        if let Some(item) = known.next() {
            item.push(&sound);
        } else {
            let mut item = Item::new(key, sound.rate);
            item.push(&sound);
            self.waiting.push_back(item);
        }
    }

    /// What is wanted for a visit: who speaks, and what becomes of what is under way. An order that repeats a turn, or is
    /// overtaken, changes nothing.
    pub(crate) fn ordered(&mut self, visit: Option<VisitId>, speech: Option<&Speech>) {
        let line = self.lines.entry(visit).or_default();
        let Some(speech) = speech else {
            // Nobody speaks from now on.
            if line.target.take().is_some() {
                self.interrupt(visit, After::Hold);
            }
            return;
        };
        if speech.turn <= line.turn {
            return;
        }
        line.turn = speech.turn;
        let is_another = line.target.as_ref() != Some(&speech.target);
        line.target = Some(speech.target.clone());
        if is_another && visit.is_some() && !line.heard && line.expected == Expected::Nothing {
            line.expected = Expected::Anything;
        }
        let cut_off = line.cut_off.take();
        let after = if speech.again { After::Again } else { After::Cut };
        let current = self.current.as_mut().filter(|current| current.item.key.visit == visit);
        match current {
            Some(Current { after: Some(what), .. }) if *what == After::Hold => *what = after,
            Some(Current { after: None, .. }) if speech.from == SpeechFrom::Now && (speech.again || is_another) => {
                self.interrupt(visit, after);
            }
            _ => {}
        }
        if let Some(item) = cut_off {
            self.then(item, after);
        }
    }

    /// Somebody came to whom speech can be sent. Who comes back repeats nothing.
    pub(crate) fn joined(&mut self, identity: &str) {
        self.present.insert(identity.to_owned());
        let speaks = |target: &Option<SpeechTarget>| matches!(target, Some(SpeechTarget::Avatar { identity: whose, listener, .. }) if whose == identity || listener.as_deref() == Some(identity));
        let theirs = self.lines.values_mut().filter(|line| speaks(&line.target));
        let cut_off: Vec<Item> = theirs.filter_map(|line| line.cut_off.take()).collect();
        for item in cut_off {
            self.cut(item);
        }
    }

    /// Somebody left. What it was saying is held for the next order if it still speaks for the visit.
    pub(crate) fn left(&mut self, identity: &str) {
        self.present.remove(identity);
        let theirs = |speaker: &Speaker| matches!(speaker, Speaker::Avatar { identity: whose, to, .. } if whose == identity || to == identity);
        if self.current.as_ref().is_some_and(|current| theirs(&current.speaker)) {
            self.lose();
        }
    }

    /// What was being said can be said by nobody any more.
    fn lose(&mut self) {
        let Some(current) = self.current.take() else { return };
        self.todo.push(Do::Forget { saying: current.saying });
        let still_its_turn = matches!(
            (self.lines.get(&current.item.key.visit).and_then(|line| line.target.as_ref()), &current.speaker),
            (Some(SpeechTarget::Avatar { identity, .. }), Speaker::Avatar { identity: whose, .. }) if identity == whose
        );
        let lost = if still_its_turn { After::Hold } else { After::Cut };
        self.then(current.item, current.after.unwrap_or(lost));
    }

    /// The room is joined, or lost: then nothing is repeated of what was being said, unless by an avatar that comes anew.
    pub(crate) fn connected(&mut self, connected: bool) {
        self.connected = connected;
        if !connected {
            self.present.clear();
            self.lose();
        }
    }

    /// What is being said under a number, and whether by the agent itself.
    pub(crate) fn saying(&self, saying: u64) -> Option<(Key, bool)> {
        let current = self.current.as_ref().filter(|current| current.saying == saying)?;
        Some((current.item.key, current.speaker == Speaker::OwnTrack))
    }

    /// What an avatar is saying.
    pub(crate) fn said_by(&self, avatar: &str) -> Option<Key> {
        let current = self.current.as_ref()?;
        let is_theirs = matches!(&current.speaker, Speaker::Avatar { identity, .. } if identity == avatar);
        is_theirs.then_some(current.item.key)
    }

    /// So many pages of visitors are in the room.
    pub(crate) fn pages(&mut self, pages: usize) {
        self.pages = pages;
        if self.is_text_only()
            && let Some(visit) = self.current.as_ref().map(|current| current.item.key.visit)
        {
            self.interrupt(visit, After::Cut);
        }
    }

    fn is_text_only(&self) -> bool {
        self.pages > 1 && !self.shared
    }

    /// It was said to its end; `whole`: nobody broke it off.
    pub(crate) fn said(&mut self, saying: u64, whole: bool) {
        if let Some(current) = self.current.take_if(|current| current.saying == saying) {
            match current.after {
                // It ended while it was being broken off, and was heard.
                Some(After::Again | After::Hold) | None if whole => {
                    self.is_over(&current.item, Some(Delivery::Played));
                }
                after => self.then(current.item, after.unwrap_or(After::Cut)),
            }
        }
    }

    /// It has fallen silent.
    pub(crate) fn silent(&mut self, saying: u64) {
        if let Some(current) = self.current.take_if(|current| current.saying == saying) {
            self.then(current.item, current.after.unwrap_or(After::Cut));
        }
    }

    /// What is under way for a visit is withdrawn.
    pub(crate) fn flush(&mut self, visit: Option<VisitId>) {
        let (theirs, others) =
            std::mem::take(&mut self.waiting).into_iter().partition(|item: &Item| item.key.visit == visit);
        self.waiting = others;
        let theirs: VecDeque<Item> = theirs;
        let cut_off = self.lines.get_mut(&visit).and_then(|line| {
            line.expected = Expected::Nothing;
            line.cut_off.take()
        });
        for item in cut_off.into_iter().chain(theirs) {
            self.then(item, After::Cut);
        }
        self.interrupt(visit, After::Cut);
    }

    /// A visit is over.
    pub(crate) fn over(&mut self, visit: Option<VisitId>) {
        self.flush(visit);
        self.lines.remove(&visit);
        self.passed.retain(|key| key.visit != visit);
    }

    /// What is being said for a visit is to fall silent.
    fn interrupt(&mut self, visit: Option<VisitId>, then: After) {
        let Some(current) = self.current.as_mut().filter(|current| current.item.key.visit == visit) else { return };
        match &mut current.after {
            Some(after) if *after != After::Cut => *after = then,
            Some(_) => {}
            after @ None => {
                *after = Some(then);
                self.todo.push(Do::Break { saying: current.saying });
            }
        }
    }

    /// What becomes of something that is not being said any more.
    fn then(&mut self, item: Item, after: After) {
        let visit = item.key.visit;
        match after {
            After::Cut => self.cut(item),
            _ if item.overflowed => self.cut(item),
            After::Again => self.waiting.push_front(item),
            After::Hold => {
                if let Some(before) = self.lines.entry(visit).or_default().cut_off.replace(item) {
                    self.cut(before);
                }
            }
        }
    }

    fn cut(&mut self, item: Item) {
        self.pass(item, Some(Delivery::Cut));
    }

    /// It is not to be heard, and nor is what comes of it.
    fn pass(&mut self, item: Item, delivery: Option<Delivery>) {
        self.is_over(&item, delivery);
        if !item.ended {
            self.passed.insert(item.key);
        }
    }

    fn is_over(&mut self, item: &Item, delivery: Option<Delivery>) {
        self.todo.push(Do::Over { key: item.key, delivery });
    }

    /// Lets the next one speak, if nobody does.
    fn settle(&mut self) {
        let text_only = self.is_text_only();
        let silent = |floor: &Self, item: &Item| {
            text_only || matches!(floor.target(item.key.visit), Some(SpeechTarget::Text)) || item.overflowed
        };
        while let Some(at) = self.waiting.iter().position(|item| silent(self, item)) {
            if let Some(item) = self.waiting.remove(at) {
                // Its text is shown. What is too long to be held is lost.
                if item.overflowed { self.cut(item) } else { self.pass(item, None) }
            }
        }
        while let Some(at) = self.waiting.iter().position(|item| item.ended && !item.is_audible()) {
            if let Some(item) = self.waiting.remove(at) {
                self.cut(item);
            }
        }
        if self.current.is_some() || !self.connected {
            return;
        }
        let next = self.waiting.iter().enumerate().find_map(|(at, item)| Some((at, self.speaker(item)?)));
        let Some((at, speaker)) = next else { return self.expect() };
        let Some(item) = self.waiting.remove(at) else { return };
        self.sayings += 1;
        let saying = self.sayings;
        self.todo.push(Do::Begin { saying, speaker: speaker.clone(), rate: item.rate });
        for samples in &item.pieces {
            self.todo.push(Do::Feed { saying, samples: samples.clone() });
        }
        if item.ended {
            self.todo.push(Do::End { saying });
        }
        self.current = Some(Current { saying, item, speaker, after: None });
    }

    /// Lets the avatar that says the next one make ready: before the first word to a visitor, and while the sound of a text is made.
    fn expect(&mut self) {
        if self.is_text_only() {
            return;
        }
        let next = self.lines.iter().find_map(|(visit, line)| {
            let speaker = match line.expected {
                Expected::Nothing => None,
                Expected::Anything => self.who(line.target.as_ref()?),
                Expected::Text(utterance) => self.speaks(*visit, utterance),
            };
            match speaker? {
                Speaker::Avatar { to, sample_rate, .. } => Some((*visit, Do::Expect { to, sample_rate })),
                Speaker::OwnTrack => None,
            }
        });
        let Some((visit, expect)) = next else { return };
        self.lines.entry(visit).or_default().expected = Expected::Nothing;
        self.todo.push(expect);
    }

    fn target(&self, visit: Option<VisitId>) -> Option<&SpeechTarget> {
        if !self.ordered {
            return Some(&SpeechTarget::OwnTrack);
        }
        self.lines.get(&visit)?.target.as_ref()
    }

    /// Whether an avatar speaks for a visit.
    pub(crate) fn is_said_by(&self, visit: VisitId, avatar: &str) -> bool {
        matches!(self.target(Some(visit)), Some(SpeechTarget::Avatar { identity, .. }) if identity == avatar)
    }

    /// Who would say this now; nobody: it waits.
    fn speaker(&self, item: &Item) -> Option<Speaker> {
        if item.is_audible() { self.speaks(item.key.visit, item.key.utterance) } else { None }
    }

    /// Who would say an utterance of this visit now.
    fn speaks(&self, visit: Option<VisitId>, utterance: u64) -> Option<Speaker> {
        match self.target(visit)? {
            target @ SpeechTarget::Avatar { country, .. } => {
                let names = self.lines.get(&visit).map(|line| &line.names);
                if !names.is_some_and(|names| names.may_be_heard(utterance, country)) {
                    return Some(Speaker::OwnTrack);
                }
                self.who(target)
            }
            target => self.who(target),
        }
    }

    /// Who a target is, if it is there.
    fn who(&self, target: &SpeechTarget) -> Option<Speaker> {
        match target {
            SpeechTarget::Text => None,
            SpeechTarget::OwnTrack => Some(Speaker::OwnTrack),
            SpeechTarget::Avatar { identity, listener, sample_rate, .. } => {
                let to = listener.as_ref().unwrap_or(identity);
                let there = self.present.contains(to) && self.present.contains(identity);
                let avatar = Speaker::Avatar { identity: identity.clone(), to: to.clone(), sample_rate: *sample_rate };
                there.then_some(avatar)
            }
        }
    }
}

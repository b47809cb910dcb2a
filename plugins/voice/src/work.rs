//! What the thread of an utterance does.

use std::sync::Arc;

use majlis_plugin_api::{Error, Host, Result, Utterance};
use parking_lot::Mutex;

use crate::cache::{Cache, Key, Names};
use crate::packets::Packets;
use crate::saying::Ends;
use crate::speaker::Ports;
use crate::{Sound, Speech, Stop, Voice};

/// What the stage and its threads share.
pub(crate) struct Shared<V> {
    pub(crate) voice: V,
    pub(crate) host: Host,
    pub(crate) ports: Ports,
    pub(crate) cache: Cache,
    /// Another voice gets what this one cannot say.
    pub(crate) followed: bool,
    pub(crate) phonemes_wired: bool,
    /// Why the last text went to the next voice.
    pub(crate) told: Mutex<Option<String>>,
}

/// A text and how it is said.
pub(crate) struct Text<M> {
    pub(crate) text: String,
    pub(crate) manner: M,
    pub(crate) key: Option<Key>,
    pub(crate) names: Names,
}

/// How an utterance begins, made before, and what is left to say.
pub(crate) struct Opening {
    pub(crate) sound: Arc<Sound>,
    pub(crate) rest: String,
}

impl<V: Voice> Shared<V> {
    /// The text as this voice says it, or nothing.
    pub(crate) fn text(&self, text: &str, utterance: &Utterance) -> Option<Text<V::Manner>> {
        let manner = self.voice.manner(text, utterance)?;
        let key = self.voice.key(&manner).map(|voice| Key::new(&voice, text));
        Some(Text { text: text.to_owned(), manner, key, names: Names::of(utterance, text) })
    }

    /// How it begins, if that is at hand and the text goes on after it. Only where no other voice follows: what has begun is not said
    /// anew by another.
    pub(crate) fn opening(&self, said: &str, utterance: &Utterance) -> Option<Opening> {
        let opening = utterance.opening.trim();
        let rest = said.strip_prefix(opening).map(str::trim).filter(|rest| !rest.is_empty())?;
        if opening.is_empty() || self.followed {
            return None;
        }
        let key = self.text(opening, utterance)?.key?;
        Some(Opening { sound: self.cache.in_memory(&key)?, rest: rest.to_owned() })
    }

    /// Says it: from its first packet to its last, or from the first to where it is broken off.
    pub(crate) fn say(
        &self,
        what: &Text<V::Manner>,
        opening: Option<Opening>,
        utterance: Utterance,
        ends: Ends,
        packets: Packets,
    ) {
        let stop = packets.saying.stop.clone();
        let kept = what.key.as_ref().and_then(|key| self.cache.find(key, &what.names));
        let is_new = kept.is_none();
        let (made, packets) = match kept {
            Some(sound) => (Ok(sound), Some(packets)),
            None => {
                let lead = opening.as_ref().map(|opening| &*opening.sound);
                let mut speech = Speech::new(stop.clone(), Some(packets), lead);
                let text = opening.as_ref().map_or(&what.text, |opening| &opening.rest);
                let said = self.voice.say(&what.manner, text, &mut speech);
                let (sound, packets) = speech.into_parts();
                (said.and_then(|()| whole(sound)), packets)
            }
        };
        let Some(mut packets) = packets else { return };
        match made {
            Ok(sound) => {
                packets.pending.mark("made");
                if let Some(key) = &what.key {
                    self.cache.remember(key, &what.names, &sound);
                }
                let heard = self.finish(&mut packets, &sound);
                // Whoever comes next need not wait for the disk.
                drop(ends);
                if let (true, Some(key)) = (is_new, &what.key) {
                    self.cache.keep(key, &what.names, &sound);
                }
                match heard {
                    Err(error) if !stop.is_set() => packets.pending.fail(error),
                    _ => packets.pending.finish(),
                }
            }
            Err(_) if stop.is_set() => packets.pending.finish(),
            Err(error) if self.followed && !packets.begun() => {
                // Once: a service that is refused for good says the same of each utterance.
                let why = error.to_string();
                if self.told.lock().replace(why.clone()).as_ref() == Some(&why) {
                    tracing::debug!("the next voice says it: {why}");
                } else {
                    tracing::warn!("the next voice says it: {why}");
                }
                packets.wait_for_turn();
                // Refused only when nobody wants it any more.
                if packets.pending.emit_wait(self.ports.unsaid, utterance).is_ok() {
                    packets.saying.told();
                }
                // Heard it is, and by another voice: the report is to show which one did not do it.
                packets.pending.fail(error);
            }
            Err(error) => {
                // The first reason is the one to tell.
                let _ = packets.break_off();
                packets.pending.fail(error);
            }
        }
    }

    fn finish(&self, packets: &mut Packets, sound: &Sound) -> Result<()> {
        if let (Some(port), Some(phonemes), true) = (self.ports.phonemes, &sound.phonemes, self.phonemes_wired) {
            packets.wait_for_turn();
            packets.pending.emit_wait(port, phonemes.message(packets.saying.number))?;
        }
        packets.finish(sound)
    }

    /// Makes what will be said, if it is not there already.
    pub(crate) fn make_ahead(&self, what: &Text<V::Manner>, stop: &Stop) -> Result<()> {
        let Some(key) = &what.key else { return Ok(()) };
        if self.cache.find(key, &what.names).is_some() {
            return Ok(());
        }
        let mut speech = Speech::new(stop.clone(), None, None);
        self.voice.say(&what.manner, &what.text, &mut speech)?;
        let sound = whole(speech.into_parts().0)?;
        self.cache.remember(key, &what.names, &sound);
        self.cache.keep(key, &what.names, &sound);
        Ok(())
    }
}

/// A sound that is over: whole frames, and at least one.
fn whole(mut sound: Sound) -> Result<Arc<Sound>> {
    let frames = sound.samples.len() / sound.frame();
    if frames == 0 || sound.rate == 0 {
        return Err(Error::new("the voice made no sound of it"));
    }
    sound.samples.truncate(frames * sound.frame());
    sound.samples.shrink_to_fit();
    Ok(Arc::new(sound))
}

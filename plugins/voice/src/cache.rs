use std::sync::Arc;

use lru::LruCache;
use majlis_plugin_api::{Host, Result, Utterance, UtteranceKind};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::kept::Kept;
use crate::{CacheConfig, Keep, Sound};

/// A text said by a voice with its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(pub(crate) [u8; 32]);

/// Whom a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Nobody,
    /// People by their ids: each can be erased.
    People(Vec<String>),
    /// Somebody whom no id tells.
    Somebody,
}

/// Sounds that are not made again. Those that name nobody are in memory; those that name people only where an erasure
/// reaches them, which is the store; of somebody who could not be erased none is kept.
pub(crate) struct Cache {
    memory: Mutex<Memory>,
    most: usize,
    file: Option<Kept>,
}

struct Memory {
    sounds: LruCache<Key, Arc<Sound>>,
    bytes: usize,
}

impl Key {
    pub(crate) fn new(voice: &str, text: &str) -> Self {
        // The length keeps two pairs apart whose texts together are the same.
        let length = (voice.len() as u64).to_le_bytes();
        Self(Sha256::new().chain_update(length).chain_update(voice).chain_update(text).finalize().into())
    }
}

impl Names {
    /// Whom this text of the utterance names.
    pub(crate) fn of(utterance: &Utterance, text: &str) -> Self {
        let nameless = &utterance.speak_nameless;
        if !nameless.is_empty() && text == nameless {
            Self::Nobody
        } else if !utterance.subjects.is_empty() {
            Self::People(utterance.subjects.clone())
        } else if !nameless.is_empty() || utterance.kind == UtteranceKind::Named {
            Self::Somebody
        } else {
            Self::Nobody
        }
    }
}

impl Cache {
    pub(crate) fn open(config: CacheConfig, host: &Host) -> Result<Self> {
        let most = config.most();
        let file = if config.keep == Keep::File && most > 0 { Some(Kept::open(host, most)?) } else { None };
        Ok(Self { memory: Mutex::new(Memory { sounds: LruCache::unbounded(), bytes: 0 }), most, file })
    }

    /// The sound, if it is in memory.
    pub(crate) fn in_memory(&self, key: &Key) -> Option<Arc<Sound>> {
        self.memory.lock().sounds.get(key).cloned()
    }

    /// The sound, if it is kept anywhere. May wait for the disk.
    pub(crate) fn find(&self, key: &Key, names: &Names) -> Option<Arc<Sound>> {
        if let Some(sound) = self.in_memory(key) {
            return Some(sound);
        }
        let found = self.file.as_ref()?.find(key).unwrap_or_else(|error| {
            tracing::warn!("a kept sound could not be read and is made again: {error}");
            None
        })?;
        let sound = Arc::new(found);
        self.remember(key, names, &sound);
        Some(sound)
    }

    /// Keeps it in memory, if it may be; what was used longest ago makes room.
    pub(crate) fn remember(&self, key: &Key, names: &Names, sound: &Arc<Sound>) {
        let bytes = sound.bytes();
        if *names != Names::Nobody || bytes > self.most {
            return;
        }
        let mut memory = self.memory.lock();
        if let Some(before) = memory.sounds.put(*key, Arc::clone(sound)) {
            memory.bytes -= before.bytes();
        }
        memory.bytes += bytes;
        while memory.bytes > self.most {
            let Some((_, oldest)) = memory.sounds.pop_lru() else { break };
            memory.bytes -= oldest.bytes();
        }
    }

    /// Keeps it in the store, if it may be and the operator wants it. Waits for the disk.
    pub(crate) fn keep(&self, key: &Key, names: &Names, sound: &Sound) {
        let subjects: &[String] = match names {
            Names::Nobody => &[],
            Names::People(subjects) => subjects,
            Names::Somebody => return,
        };
        if let Some(file) = self.file.as_ref().filter(|_| sound.bytes() <= self.most)
            && let Err(error) = file.keep(key, subjects, sound)
        {
            tracing::warn!("a sound could not be kept and will be made again: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(bytes: usize) -> Arc<Sound> {
        Arc::new(Sound { rate: 16_000, channels: 1, samples: vec![0; bytes], phonemes: None })
    }

    fn cache(most: usize) -> Cache {
        Cache { memory: Mutex::new(Memory { sounds: LruCache::unbounded(), bytes: 0 }), most, file: None }
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let (cache, keys) = (cache(100), [1, 2, 3].map(|number| Key([number; 32])));
        for key in &keys[..2] {
            cache.remember(key, &Names::Nobody, &sound(50));
        }
        assert!(cache.in_memory(&keys[0]).is_some(), "and is therefore used last");
        cache.remember(&keys[2], &Names::Nobody, &sound(40));
        assert_eq!(keys.map(|key| cache.in_memory(&key).is_some()), [true, false, true]);
        cache.remember(&keys[2], &Names::Nobody, &sound(50));
        assert_eq!(cache.memory.lock().bytes, 100, "the same sound again counts once");
        cache.remember(&Key([4; 32]), &Names::Nobody, &sound(101));
        assert_eq!(cache.memory.lock().sounds.len(), 2, "what is larger than all drives nothing out");
    }

    #[test]
    fn no_sound_that_names_somebody_is_in_memory() {
        let cache = cache(100);
        for names in [Names::People(vec!["sara".into()]), Names::Somebody] {
            cache.remember(&Key([1; 32]), &names, &sound(10));
            assert!(cache.in_memory(&Key([1; 32])).is_none(), "{names:?}");
        }
    }

    #[test]
    fn whom_a_text_names_is_seen_from_its_utterance() {
        let mut named = Utterance { speak: "welcome, Sara".into(), kind: UtteranceKind::Named, ..Utterance::default() };
        assert_eq!(Names::of(&named, &named.speak), Names::Somebody, "nobody says who it is");
        named.speak_nameless = "welcome".into();
        assert_eq!(Names::of(&named, "welcome"), Names::Nobody);
        named.subjects = vec!["sara".into()];
        assert_eq!(Names::of(&named, "welcome, Sara"), Names::People(vec!["sara".into()]));
        assert_eq!(Names::of(&Utterance::plain("welcome", "en"), "welcome"), Names::Nobody);
    }

    #[test]
    fn a_key_is_of_voice_and_text_and_not_of_both_together() {
        assert_ne!(Key::new("ar", "abc"), Key::new("ara", "bc"));
        assert_eq!(Key::new("ar", "abc"), Key::new("ar", "abc"));
    }
}

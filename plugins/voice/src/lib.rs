//! What voices share: an utterance comes in, packets of its sound go out.
//!
//! The decision that shapes it: **a voice only makes sound; to whom, when and in which order it goes out is decided here,
//! once**. A [`Voice`] writes samples into a [`Speech`] on a thread of its own, as fast as it makes them, and never waits
//! for whoever plays them. So a child process or a connection lives as long as making the sound takes and not as long as
//! hearing it does, and the rules that are easy to get wrong (every sound has a last packet, one visit's utterances do not
//! overlap, what nobody wants any more ends at once, a name goes only where it may and is kept only where it can be erased)
//! hold for every voice.
//!
//! It must never know: how sound is made, who plays it, and whose name a text holds.
#![forbid(unsafe_code)]

mod ahead;
mod cache;
mod config;
mod kept;
mod language;
mod packets;
mod phonemes;
mod saying;
mod sound;
mod speaker;
mod speech;
mod stop;
mod voice;
mod work;

pub use config::{Ahead, CacheConfig, Keep};
pub use language::lookup;
pub use phonemes::{PHONEMES, Phoneme, Phonemes};
pub use sound::Sound;
pub use speaker::{Ports, Settings, Speaker};
pub use speech::{Speech, Written};
pub use stop::Stop;
pub use voice::Voice;

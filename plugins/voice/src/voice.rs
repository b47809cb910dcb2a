use majlis_plugin_api::{Result, Utterance};

use crate::Speech;

/// What makes sound of a text.
pub trait Voice: Send + Sync + 'static {
    /// With what it says a text: a voice and its speed, a recording.
    type Manner: Send + 'static;

    /// How it says this, or nothing: then the utterance goes to the next voice. `text` is what this voice may say of it.
    fn manner(&self, text: &str, utterance: &Utterance) -> Option<Self::Manner>;

    /// All that changes the sound besides the text, for the cache: the voice, its settings, the rate. None: what it makes is
    /// at hand as it is.
    fn key(&self, manner: &Self::Manner) -> Option<String>;

    /// Makes the sound, on a thread of its own. It returns soon after [`Speech::is_stopped`]; what it says then does not
    /// matter.
    ///
    /// # Errors
    /// It could not make it, or not to its end.
    fn say(&self, manner: &Self::Manner, text: &str, speech: &mut Speech) -> Result<()>;
}

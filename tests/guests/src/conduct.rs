use std::time::Duration;

/// How an avatar behaves. The default is that of a good one: it comes at once, is seen, and says what became of each speech.
#[derive(Clone, Debug, PartialEq)]
pub struct Conduct {
    /// So long after it was asked it joins the room.
    pub joins_after: Duration,
    /// It joins at all.
    pub joins: bool,
    /// Whoever hears for it joins as well, where it was sent a token for one.
    pub listens: bool,
    /// It publishes a picture at all.
    pub publishes: bool,
    /// It sends frames of it.
    pub sends_frames: bool,
    /// So many of them a second.
    pub fps: u32,
    /// It leaves the room when it has played so much of a speech.
    pub dies_after: Option<Duration>,
    /// Sent out of the room, it comes back with the same token.
    pub comes_back: bool,
    /// It has a voice from the beginning, for speech of this rate; otherwise from its first speech on.
    pub voice: Option<u32>,
    /// It says when it began to play, and when it ended.
    pub reports: bool,
    /// What its picture looks like: red, green and blue; that of its room, where there is none.
    pub colour: Option<[u8; 3]>,
}

impl Default for Conduct {
    fn default() -> Self {
        Self {
            joins_after: Duration::ZERO,
            joins: true,
            listens: true,
            publishes: true,
            sends_frames: true,
            fps: 10,
            dies_after: None,
            comes_back: false,
            voice: None,
            reports: true,
            colour: Some([30, 90, 200]),
        }
    }
}

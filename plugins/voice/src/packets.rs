use std::sync::Arc;

use majlis_plugin_api::{Audio, AudioMut, Host, Out, Pending, Piece, Refused, Result, SampleFormat};

use crate::saying::Saying;
use crate::sound::Sound;
use crate::speech::Stopped;

/// Packets a second: each holds 20 ms.
const PACKETS: u32 = 50;

/// Sends one utterance's sound piece by piece, when it is its turn.
pub(crate) struct Packets {
    pub(crate) pending: Pending,
    pub(crate) saying: Arc<Saying>,
    host: Host,
    port: Out<Audio>,
    /// The visit's utterance before this one, while it may still go out.
    before: Option<Arc<Saying>>,
    /// Bytes of the sound that went out.
    sent: usize,
    begun: bool,
}

impl Packets {
    pub(crate) fn new(
        pending: Pending,
        saying: Arc<Saying>,
        before: Option<Arc<Saying>>,
        host: Host,
        port: Out<Audio>,
    ) -> Self {
        Self { pending, saying, host, port, before, sent: 0, begun: false }
    }

    /// Whether anything of it went out.
    pub(crate) fn begun(&self) -> bool {
        self.begun
    }

    /// Sends whole packets of what is there as long as there is room for them. Never blocks.
    pub(crate) fn offer(&mut self, sound: &Sound) -> Result<()> {
        if self.before.as_ref().is_some_and(|before| !before.is_over()) {
            return Ok(());
        }
        self.before = None;
        let size = bytes_of_packet(sound);
        while sound.samples.len() - self.sent >= size {
            let packet = self.packet(sound, size, false)?;
            match self.pending.emit(self.port, packet) {
                Ok(()) => self.went(sound, size),
                Err(Refused::Full(_)) => return Ok(()),
                Err(Refused::Gone) => return Err(Stopped.into()),
            }
        }
        Ok(())
    }

    /// Sends all that is left, and says that it is the last. Waits for its turn and for room.
    pub(crate) fn finish(&mut self, sound: &Sound) -> Result<()> {
        self.wait_for_turn();
        let size = bytes_of_packet(sound);
        loop {
            let left = sound.samples.len() - self.sent;
            let packet = self.packet(sound, left.min(size), left <= size)?;
            self.pending.emit_wait(self.port, packet)?;
            self.went(sound, left.min(size));
            if left <= size {
                self.saying.told();
                return Ok(());
            }
        }
    }

    /// Says that nothing more comes, though it is not all.
    pub(crate) fn break_off(&mut self) -> Result<()> {
        self.wait_for_turn();
        let (rate, channels) = self.saying.far().shape.unwrap_or(NO_SHAPE);
        let packet = last(&self.host, &self.saying, rate, channels)?;
        self.pending.emit_wait(self.port, packet)?;
        self.saying.told();
        Ok(())
    }

    /// Waits until the visit's utterance before this one went out.
    pub(crate) fn wait_for_turn(&mut self) {
        if let Some(before) = self.before.take() {
            before.wait_over();
        }
    }

    fn packet(&self, sound: &Sound, bytes: usize, last: bool) -> Result<Audio> {
        let (utterance, position) = (self.saying.number, (self.sent / sound.frame()) as u64);
        let frames = bytes / sound.frame();
        let packet = AudioMut::new(&self.host, sound.rate, sound.channels, SampleFormat::S16, frames)?;
        let mut packet = packet.piece(Piece { utterance, position, last });
        packet.samples_mut().copy_from_slice(&sound.samples[self.sent..self.sent + frames * sound.frame()]);
        packet.freeze()
    }

    fn went(&mut self, sound: &Sound, bytes: usize) {
        self.sent += bytes;
        self.saying.went((self.sent / sound.frame()) as u64, sound.rate, sound.channels);
        if !std::mem::replace(&mut self.begun, true) {
            self.pending.mark("first packet");
        }
    }
}

/// Rate and channels of an utterance of which there is no sound: somebody has to be written into the header.
pub(crate) const NO_SHAPE: (u32, u16) = (16_000, 1);

/// The last packet of an utterance that was broken off: without samples.
pub(crate) fn last(host: &Host, saying: &Saying, rate: u32, channels: u16) -> Result<Audio> {
    AudioMut::new(host, rate, channels, SampleFormat::S16, 0)?.piece(saying.last_piece()).freeze()
}

fn bytes_of_packet(sound: &Sound) -> usize {
    (sound.rate / PACKETS).max(1) as usize * sound.frame()
}

//! What the stage hands over to its room, and what the room's tasks report.

use majlis_livekit_ffi::Invocation;
use majlis_plugin_api::{Audio, Error, Pending, Result, RoomOrder, SampleFormat, Time, Utterance, VisitId};
use tokio::sync::oneshot;

use crate::floor::{Key, Sound};

/// What a call of the stage has to say.
#[derive(Debug)]
pub(crate) enum Word {
    /// A visit opened, of somebody else's making or of ours.
    Opened(VisitId, Time),
    /// A visit closed.
    Closed(VisitId),
    /// What is under way for a visit is withdrawn.
    Flush(VisitId),
    /// A piece of sound; with the first, the work of saying it.
    Heard(Key, Sound, Option<Pending>),
    /// A text.
    Said(Option<VisitId>, Utterance),
    /// A visitor is received in silence: nothing more is to be waited for.
    Silent(VisitId),
    /// What is wanted of the room.
    Order(Option<VisitId>, RoomOrder),
    /// Somebody was given a token for the room and comes in a moment.
    Expected { identity: String },
    /// No new visit.
    Drain,
    /// The server wants the job of this room to end.
    Terminated,
    /// The room is to be left; the answer comes when it is.
    Leave(oneshot::Sender<()>),
}

/// What a task has to say.
#[derive(Debug)]
pub(crate) enum Report {
    /// Somebody asks something.
    Asked(Question, Invocation),
    /// The first picture of an avatar is there.
    Decoded(String),
    /// The first of an utterance went out.
    Sent { saying: u64 },
    /// An utterance was said to its end; or it was broken off by whoever said it.
    Spoke { saying: u64, whole: bool },
    /// An utterance that was broken off is silent.
    Silent { saying: u64 },
    /// A text was sent, or could not be.
    Wrote { visit: Option<VisitId>, utterance: Utterance, sent: bool },
}

/// What others ask the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Whoever watches over the room: whether there is an agent at all.
    Here,
    /// A page: it shows the avatar, and its sound can play.
    Shown,
    /// An avatar: it began to play a segment.
    PlaybackStarted,
    /// An avatar: it ended to play a segment.
    PlaybackFinished,
}

impl Question {
    pub(crate) const ALL: [Self; 4] = [Self::Here, Self::Shown, Self::PlaybackStarted, Self::PlaybackFinished];

    /// The name by which it is asked.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Here => "majlis.here",
            Self::Shown => "majlis.shown",
            Self::PlaybackStarted => "lk.playback_started",
            Self::PlaybackFinished => "lk.playback_finished",
        }
    }
}

/// A piece of sound as the room speaks it: one channel, signed 16 bits.
pub(crate) fn sound(audio: &Audio) -> Result<Sound> {
    let channels = usize::from(audio.channels());
    let samples: Vec<i16> = match audio.format() {
        SampleFormat::S16 => {
            let samples = audio.samples().chunks_exact(2).map(|bytes| i16::from_le_bytes([bytes[0], bytes[1]]));
            samples.collect()
        }
        SampleFormat::F32 => {
            let samples = audio.samples().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            samples.map(whole).collect()
        }
        _ => {
            return Err(Error::new(
                "sound of a format that this room does not know; it takes signed 16 bits and floats",
            ));
        }
    };
    let samples = if channels == 1 { samples } else { samples.chunks_exact(channels).map(mixed).collect() };
    Ok(Sound { rate: audio.rate(), samples: samples.into(), last: audio.piece().last })
}

#[allow(clippy::cast_possible_truncation)] // clamped
fn whole(sample: f32) -> i16 {
    (sample * 32_768.0).clamp(-32_768.0, 32_767.0) as i16
}

#[allow(clippy::cast_possible_truncation)] // a mean lies between what it is of
fn mixed(channels: &[i16]) -> i16 {
    let sum: i64 = channels.iter().map(|sample| i64::from(*sample)).sum();
    (sum / channels.len() as i64) as i16
}

#[cfg(test)]
mod tests {
    use majlis_plugin_api::{AudioMut, Piece};

    use super::*;

    fn audio(format: SampleFormat, channels: u16, bytes: &[u8]) -> Audio {
        let samples = bytes.len() / format.bytes() / usize::from(channels);
        let made = AudioMut::new(&majlis_testkit::host(), 24_000, channels, format, samples).expect("it can be made");
        let mut made = made.piece(Piece { utterance: 1, position: 0, last: true });
        made.samples_mut().copy_from_slice(bytes);
        made.freeze().expect("it can be read")
    }

    #[test]
    fn sound_of_every_format_becomes_one_channel_of_16_bits() {
        let of = |format, channels, bytes: &[u8]| sound(&audio(format, channels, bytes)).expect("it is known");
        let mono = of(SampleFormat::S16, 1, &[1, 0, 255, 255]);
        assert_eq!((&*mono.samples, mono.rate, mono.last), (&[1, -1][..], 24_000, true));
        let stereo = of(SampleFormat::S16, 2, &[100, 0, 200, 0, 0, 0, 254, 255]);
        assert_eq!(&*stereo.samples, [150, -1]);
        let floats: Vec<u8> = [0.5_f32, -1.0, 2.0].iter().flat_map(|sample| sample.to_le_bytes()).collect();
        assert_eq!(&*of(SampleFormat::F32, 1, &floats).samples, [16_384, -32_768, 32_767]);
    }
}

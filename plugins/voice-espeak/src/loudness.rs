use std::ops::Range;

/// Milliseconds of a window.
const WINDOW_MS: f64 = 5.0;
/// What is below this part of the loudest window is silence.
const SILENCE: f32 = 0.02;

/// Where a sound is voiced and where it is silent, in windows of 5 ms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Loudness {
    loud: Vec<bool>,
    window_ms: f64,
}

impl Loudness {
    /// Of interleaved samples of signed 16 bits, little-endian.
    pub(crate) fn of(samples: &[u8], rate: u32, channels: u16) -> Self {
        let channels = usize::from(channels.max(1));
        let frames = (f64::from(rate) * WINDOW_MS / 1e3).round().max(1.0) as usize;
        let (samples, _) = samples.as_chunks::<2>();
        let peak = |window: &[[u8; 2]]| {
            window.iter().map(|sample| i16::from_le_bytes(*sample).unsigned_abs()).max().unwrap_or(0)
        };
        let peaks: Vec<u16> = samples.chunks(frames * channels).map(peak).collect();
        let threshold = f32::from(peaks.iter().copied().max().unwrap_or(0)) * SILENCE;
        let loud = peaks.iter().map(|peak| f32::from(*peak) > threshold).collect();
        Self { loud, window_ms: frames as f64 * 1e3 / f64::from(rate.max(1)) }
    }

    /// The part from the first voiced window to the last.
    fn voiced(&self) -> Range<usize> {
        let first = self.loud.iter().position(|loud| *loud).unwrap_or(0);
        let last = self.loud.iter().rposition(|loud| *loud).map_or(0, |last| last + 1);
        first..last
    }

    /// Silences inside of it, in order.
    fn pauses(&self) -> Vec<Range<usize>> {
        let mut pauses: Vec<Range<usize>> = Vec::new();
        for at in self.voiced().filter(|at| !self.loud[*at]) {
            match pauses.last_mut() {
                Some(pause) if pause.end == at => pause.end += 1,
                _ => pauses.push(at..at + 1),
            }
        }
        pauses
    }

    /// The voiced part, cut at its `count - 1` longest pauses; in milliseconds. None if it has fewer.
    pub(crate) fn parts(&self, count: usize) -> Option<Vec<Range<f64>>> {
        let mut pauses = self.pauses();
        if count == 0 || pauses.len() < count - 1 {
            return None;
        }
        pauses.sort_by_key(|pause| std::cmp::Reverse(pause.len()));
        pauses.truncate(count - 1);
        pauses.sort_by_key(|pause| pause.start);
        Some(self.cut(&pauses))
    }

    /// The voiced part, cut at all pauses that are at least this long; in milliseconds.
    pub(crate) fn parts_between(&self, pause_ms: f64) -> Vec<Range<f64>> {
        let long = |pause: &Range<usize>| pause.len() as f64 * self.window_ms >= pause_ms;
        self.cut(&self.pauses().into_iter().filter(long).collect::<Vec<_>>())
    }

    fn cut(&self, pauses: &[Range<usize>]) -> Vec<Range<f64>> {
        let voiced = self.voiced();
        let starts = std::iter::once(voiced.start).chain(pauses.iter().map(|pause| pause.end));
        let ends = pauses.iter().map(|pause| pause.start).chain([voiced.end]);
        starts.zip(ends).map(|(start, end)| start as f64 * self.window_ms..end as f64 * self.window_ms).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 5 ms at 1,000 Hz are five samples; `#` is loud.
    fn of(picture: &str) -> Loudness {
        let loud = |c: char| if c == '#' { 10_000_i16 } else { 50 };
        let samples: Vec<u8> = picture.chars().flat_map(|c| loud(c).to_le_bytes().repeat(5)).collect();
        Loudness::of(&samples, 1_000, 1)
    }

    #[test]
    fn the_longest_pauses_cut_a_sound_and_silence_around_it_is_no_pause() {
        let sound = of("...##.###....##..###....");
        assert_eq!(sound.parts(1), Some(vec![15.0..100.0]));
        assert_eq!(sound.parts(3), Some(vec![15.0..45.0, 65.0..75.0, 85.0..100.0]));
        assert_eq!(sound.parts(5), None);
        assert_eq!(sound.parts_between(10.0), [15.0..45.0, 65.0..75.0, 85.0..100.0]);
    }

    #[test]
    fn no_sound_has_no_length() {
        assert_eq!(Loudness::of(&[], 22_050, 1).parts(1), Some(vec![0.0..0.0]));
    }
}

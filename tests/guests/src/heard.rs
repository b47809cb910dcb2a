/// Sound that was heard, one channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    /// Samples a second.
    pub rate: u32,
    /// Samples, silence included.
    pub samples: Vec<i16>,
}

/// What is quieter than this is silence: a coded track is never quite still.
const QUIET: i16 = 300;

fn is_loud(sample: &i16) -> bool {
    sample.unsigned_abs() > QUIET.unsigned_abs()
}

/// Whether there is any sound in it.
pub(crate) fn is_audible(samples: &[i16]) -> bool {
    samples.iter().any(is_loud)
}

impl Heard {
    /// Seconds from the first to the last sound.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let first = self.samples.iter().position(is_loud);
        let last = self.samples.iter().rposition(is_loud);
        first.zip(last).map_or(0.0, |(first, last)| (last - first) as f64 / f64::from(self.rate.max(1)))
    }

    /// How often a second the sound swings: the pitch of a tone, in Hz. Holes in it, as a busy machine makes them, do not count.
    #[must_use]
    pub fn pitch(&self) -> f64 {
        let (Some(first), Some(last)) = (self.samples.iter().position(is_loud), self.samples.iter().rposition(is_loud))
        else {
            return 0.0;
        };
        let part = &self.samples[first..=last];
        let rising: Vec<usize> = (1..part.len()).filter(|&at| part[at - 1] < 0 && part[at] >= 0).collect();
        let mut swings: Vec<usize> = rising.windows(2).map(|pair| pair[1] - pair[0]).collect();
        swings.sort_unstable();
        let Some(&usual) = swings.get(swings.len() / 2) else { return 0.0 };
        let alike: Vec<usize> = swings.into_iter().filter(|swing| swing.abs_diff(usual) <= usual / 4).collect();
        f64::from(self.rate) * alike.len() as f64 / alike.iter().sum::<usize>() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_between_silences_has_its_pitch_and_its_length() {
        let tone =
            (0..24_000).map(|at| ((f64::from(at) / 24_000.0 * 440.0 * std::f64::consts::TAU).sin() * 9e3) as i16);
        let silence = || std::iter::repeat_n(0, 12_000);
        let heard = Heard { rate: 24_000, samples: silence().chain(tone).chain(silence()).collect() };
        assert!((heard.pitch() - 440.0).abs() < 2.0, "{}", heard.pitch());
        assert!((heard.seconds() - 1.0).abs() < 0.01, "{}", heard.seconds());
        assert_eq!(Heard { rate: 24_000, samples: vec![0; 100] }.pitch(), 0.0);
        let mut torn = heard.clone();
        (14_000..22_000).step_by(2_000).for_each(|hole| torn.samples[hole..hole + 1_000].fill(0));
        assert!((torn.pitch() - 440.0).abs() < 5.0, "{}", torn.pitch());
    }
}

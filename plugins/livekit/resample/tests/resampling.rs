//! Sound at another rate is the same sound.

use majlis_livekit_resample::Resampler;

fn tone(rate: u32, hertz: f64, seconds: f64) -> Vec<i16> {
    let count = (f64::from(rate) * seconds) as u32;
    let sample = |at: u32| (f64::from(at) / f64::from(rate) * hertz * std::f64::consts::TAU).sin();
    (0..count).map(|at| (sample(at) * 12_000.0) as i16).collect()
}

fn resampled(from: u32, to: u32, samples: &[i16], piece: usize) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to).expect("rates of speech");
    let mut out = Vec::new();
    for piece in samples.chunks(piece) {
        out.extend(resampler.push(piece).expect("it goes"));
    }
    out.extend(resampler.finish().expect("it ends"));
    out
}

#[test]
fn pitch_length_and_place_are_kept() {
    for (from, to) in [(24_000, 16_000), (16_000, 24_000), (22_050, 48_000), (16_000, 48_000), (48_000, 16_000)] {
        let made = resampled(from, to, &tone(from, 440.0, 1.3), 320);
        let expected = tone(to, 440.0, 1.3);
        assert!(made.len().abs_diff(expected.len()) <= 1, "{from} to {to}: {} and {}", made.len(), expected.len());
        // Sample by sample, away from the edges where a tone that begins at once rings.
        let margin = to as usize / 20;
        let worst = made.iter().zip(&expected).skip(margin).take(expected.len() - 2 * margin);
        let worst = worst.map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max();
        assert!(worst < Some(250), "{from} to {to}: {worst:?} of 12,000");
    }
}

#[test]
fn how_it_is_cut_into_pieces_makes_no_difference() {
    let sound = tone(24_000, 300.0, 0.5);
    let whole = resampled(24_000, 16_000, &sound, sound.len());
    for piece in [1, 7, 480, 999] {
        assert!(resampled(24_000, 16_000, &sound, piece) == whole, "in pieces of {piece}");
    }
}

#[test]
fn the_same_rate_is_the_same_sound_and_nothing_is_nothing() {
    let sound = tone(16_000, 300.0, 0.1);
    assert!(resampled(16_000, 16_000, &sound, 100) == sound);
    assert!(resampled(24_000, 16_000, &[], 100).is_empty());
    assert!(Resampler::new(0, 16_000).is_err());
}

#[test]
fn a_sound_shorter_than_a_chunk_is_not_lost() {
    assert_eq!(resampled(24_000, 16_000, &[1_000; 30], 30).len(), 20);
}

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec};
use majlis_plugin_api::{Error, Result};
use majlis_voice::Speech;

/// Samples that are handed on at once.
const PIECE: usize = 4_096;

/// Looks whether a recording can be said.
pub(crate) fn look(path: &Path) -> Result<(), String> {
    let file = WavReader::open(path).map_err(|error| format!("is no WAV file that can be read: {error}"))?;
    check(file.spec())?;
    if file.len() == 0 { Err("has no sound in it".into()) } else { Ok(()) }
}

/// Says it.
pub(crate) fn read(path: &Path, speech: &mut Speech) -> Result<()> {
    let told = |error: hound::Error| Error::new(format!("{} cannot be read: {error}", path.display()));
    let mut file = WavReader::open(path).map_err(told)?;
    let spec = file.spec();
    // It may be another one than when the stage opened.
    check(spec).map_err(|reason| Error::new(format!("{} {reason}", path.display())))?;
    speech.begin(spec.sample_rate, spec.channels)?;
    let mut piece = Vec::with_capacity(PIECE * 2);
    let mut take = |sample: i16| -> Result<()> {
        piece.extend_from_slice(&sample.to_le_bytes());
        if piece.len() == PIECE * 2 {
            speech.write(&piece)?;
            piece.clear();
        }
        Ok(())
    };
    each_sample(&mut file, spec, told, &mut take)?;
    speech.write(&piece)
}

fn each_sample(
    file: &mut WavReader<BufReader<File>>,
    spec: WavSpec,
    told: impl Fn(hound::Error) -> Error,
    take: &mut impl FnMut(i16) -> Result<()>,
) -> Result<()> {
    if spec.sample_format == SampleFormat::Float {
        return file.samples::<f32>().try_for_each(|sample| {
            // A cast keeps to the bounds of the type.
            take((sample.map_err(&told)? * f32::from(i16::MAX)).round() as i16)
        });
    }
    file.samples::<i32>().try_for_each(|sample| take(sixteen_bits(sample.map_err(&told)?, spec.bits_per_sample)))
}

fn sixteen_bits(sample: i32, bits: u16) -> i16 {
    let sample = if bits >= 16 { sample >> (bits - 16) } else { sample << (16 - bits) };
    sample as i16
}

fn check(spec: WavSpec) -> Result<(), String> {
    let WavSpec { channels, sample_rate, bits_per_sample, sample_format } = spec;
    if !(1..=2).contains(&channels) {
        return Err(format!("has {channels} channels; record one or two"));
    }
    if !(8_000..=48_000).contains(&sample_rate) {
        return Err(format!("has {sample_rate} samples a second; record 8000 to 48000"));
    }
    match (sample_format, bits_per_sample) {
        (SampleFormat::Int, 8 | 16 | 24 | 32) | (SampleFormat::Float, 32) => Ok(()),
        _ => Err(format!("has samples of {bits_per_sample} bits; record 16")),
    }
}

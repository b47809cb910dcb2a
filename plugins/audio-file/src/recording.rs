use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use hound::{WavSpec, WavWriter};
use majlis_plugin_api::{Audio, Error, Result, SampleFormat};

/// A file that is being written.
pub(crate) struct Recording {
    writer: WavWriter<BufWriter<File>>,
    /// Where it lies meanwhile.
    part: PathBuf,
    folder: PathBuf,
    name: String,
    spec: WavSpec,
    samples: u64,
}

/// A file that was written.
pub(crate) struct Recorded {
    pub(crate) milliseconds: u64,
}

impl Recording {
    /// Begins a file of this name, without its ending, in the form of this packet.
    pub(crate) fn begin(folder: &Path, name: &str, audio: &Audio) -> Result<Self> {
        let spec = spec(audio)?;
        let part = folder.join(format!(".{name}.wav.part"));
        let file = owned(&part).map_err(|error| told(&part, &error.into()))?;
        let writer = WavWriter::new(BufWriter::new(file), spec).map_err(|error| told(&part, &error))?;
        Ok(Self { writer, part, folder: folder.to_owned(), name: name.to_owned(), spec, samples: 0 })
    }

    /// Writes a packet. One that fails leaves the part behind, so that somebody can look at it.
    pub(crate) fn write(mut self, audio: &Audio) -> Result<Self> {
        if spec(audio)? != self.spec {
            return Err(Error::new(format!(
                "the sound of one utterance changes from {} Hz, {} channels to {} Hz, {} channels",
                self.spec.sample_rate,
                self.spec.channels,
                audio.rate(),
                audio.channels()
            )));
        }
        let written = match audio.format() {
            SampleFormat::S16 => self.write_s16(audio.samples()),
            _ => self.write_f32(audio.samples()),
        };
        written.map_err(|error| told(&self.part, &error))?;
        self.samples += (audio.samples().len() / audio.format().bytes()) as u64;
        Ok(self)
    }

    fn write_s16(&mut self, samples: &[u8]) -> hound::Result<()> {
        let (samples, _) = samples.as_chunks::<2>();
        let mut writer = self.writer.get_i16_writer(u32::try_from(samples.len()).unwrap_or(u32::MAX));
        samples.iter().for_each(|sample| writer.write_sample(i16::from_le_bytes(*sample)));
        writer.flush()
    }

    fn write_f32(&mut self, samples: &[u8]) -> hound::Result<()> {
        let (samples, _) = samples.as_chunks::<4>();
        samples.iter().try_for_each(|sample| self.writer.write_sample(f32::from_le_bytes(*sample)))
    }

    /// Gives the file its name: as it is whole, or as it was broken off.
    pub(crate) fn end(self, whole: bool) -> Result<Recorded> {
        let ending = if whole { "wav" } else { "cut.wav" };
        let path = self.folder.join(format!("{}.{ending}", self.name));
        let frames = self.samples / u64::from(self.spec.channels);
        self.writer.finalize().map_err(|error| told(&self.part, &error))?;
        std::fs::rename(&self.part, &path).map_err(|error| told(&path, &error.into()))?;
        Ok(Recorded { milliseconds: frames * 1_000 / u64::from(self.spec.sample_rate) })
    }
}

/// Whether files can be made in a folder.
pub(crate) fn try_folder(folder: &Path) -> io::Result<()> {
    let path = folder.join(".majlis.part");
    owned(&path)?;
    std::fs::remove_file(path)
}

/// What is heard at an exhibition is nobody else's business.
fn owned(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn spec(audio: &Audio) -> Result<WavSpec> {
    let (bits_per_sample, sample_format) = match audio.format() {
        SampleFormat::S16 => (16, hound::SampleFormat::Int),
        SampleFormat::F32 => (32, hound::SampleFormat::Float),
        other => return Err(Error::new(format!("samples of the kind {other:?} cannot be written"))),
    };
    Ok(WavSpec { channels: audio.channels(), sample_rate: audio.rate(), bits_per_sample, sample_format })
}

fn told(path: &Path, error: &hound::Error) -> Error {
    Error::new(format!("{} cannot be written: {error}", path.display()))
}

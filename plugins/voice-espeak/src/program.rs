use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use majlis_plugin_api::{Error, Host, Result, Utterance};
use majlis_voice::{Speech, Stop, Voice, lookup};

use crate::child::Child;
use crate::config::Config;
use crate::loudness::Loudness;
use crate::{estimate, output, symbols};

/// The variables that the program needs. The others of the host, which may be keys, are none of its business.
const VARIABLES: [&str; 5] = ["PATH", "HOME", "LD_LIBRARY_PATH", "ESPEAK_DATA_PATH", "TMPDIR"];
/// Pauses between words, in hundredths of a second at 150 words a minute, where their lengths are measured.
const WORD_GAP: u32 = 30;

/// The program, and who speaks which language.
pub(crate) struct Espeak {
    program: PathBuf,
    volume: u32,
    voices: BTreeMap<String, Arc<Manner>>,
    /// Somebody wants to know what is said when.
    phonemes: bool,
}

/// How a text is said.
#[derive(Debug, PartialEq)]
pub(crate) struct Manner {
    voice: String,
    speed: u32,
    pitch: u32,
}

impl Espeak {
    /// Looks whether the program and all voices are there.
    pub(crate) fn open(config: &Config, host: &Host) -> Result<Self> {
        config.check()?;
        let program =
            if config.program.contains('/') { host.path(&config.program) } else { PathBuf::from(&config.program) };
        let phonemes = host.wires().iter().any(|wire| !wire.incoming && wire.port == output::phonemes.index());
        let voices = config.voices().into_iter().map(|(language, voice)| {
            let name = voice.voice.unwrap_or_else(|| language.to_ascii_lowercase());
            (language, Arc::new(Manner { voice: name, speed: voice.speed, pitch: voice.pitch }))
        });
        let espeak = Self { program, volume: config.volume, voices: voices.collect(), phonemes };
        for (language, manner) in &espeak.voices {
            espeak.try_voice(language, manner)?;
        }
        Ok(espeak)
    }

    /// Has the voice say nothing.
    fn try_voice(&self, language: &str, manner: &Manner) -> Result<()> {
        let mut command = self.command(manner);
        command.arg("-q");
        let (status, said) = Child::start(&mut command, "", &Stop::default())
            .and_then(Child::end)
            .map_err(|error| Error::config("program", self.not_started(&error)))?;
        if status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said);
        let message = format!(
            "`{} -v {}` ends with {status}: {}. `espeak-ng --voices` lists the voices that are installed",
            self.program.display(),
            manner.voice,
            said.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.'),
        );
        Err(Error::config(format!("voices.{language}.voice"), message))
    }

    fn command(&self, manner: &Manner) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear();
        command.envs(VARIABLES.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
        let of = |number: u32| OsString::from(number.to_string());
        command.arg("-v").arg(&manner.voice).arg("-s").arg(of(manner.speed)).arg("-p").arg(of(manner.pitch));
        // UTF-8, whatever the language of the machine; the text is all of what comes, not its first line.
        command.arg("-a").arg(of(self.volume)).args(["-b", "1", "--stdin"]);
        command
    }

    fn not_started(&self, error: &io::Error) -> String {
        let program = self.program.display();
        if error.kind() == io::ErrorKind::NotFound {
            format!(
                "there is no program `{program}`: install it with `apt-get install espeak-ng`, or name its path here"
            )
        } else {
            format!("the program `{program}` could not be used: {error}")
        }
    }

    /// A child that says the text. The kinds of its errors are told, never what it printed: that may be a name's phonemes.
    fn child(&self, mut command: Command, text: &str, stop: &Stop) -> Result<hound::WavReader<Child>> {
        let child =
            Child::start(command.arg("--stdout"), text, stop).map_err(|error| Error::new(self.not_started(&error)))?;
        let sound = hound::WavReader::new(child)
            .map_err(|error| Error::new(format!("{} wrote no sound: {error}", self.program.display())))?;
        let spec = sound.spec();
        if (spec.bits_per_sample, spec.sample_format) != (16, hound::SampleFormat::Int) {
            let message = format!("{} wrote a sound of {} bits", self.program.display(), spec.bits_per_sample);
            return Err(Error::new(message));
        }
        Ok(sound)
    }

    /// The end of the child, which is the end of the sound. Gives what it said beside it.
    fn end(&self, child: Child) -> Result<Vec<u8>> {
        let (status, aside) = child.end()?;
        if status.success() {
            return Ok(aside);
        }
        Err(Error::new(format!("{} ended with {status} before its sound was whole", self.program.display())))
    }

    /// The sound of the same text with pauses between its words: there their lengths can be measured.
    fn apart(&self, manner: &Manner, text: &str, stop: &Stop) -> Result<Loudness> {
        let mut command = self.command(manner);
        // The program counts in hundredths of a second at 175 words a minute, and shortens them with the words.
        command.arg("-g").arg((WORD_GAP * manner.speed / 150).to_string());
        let sound = self.child(command, text, stop)?;
        let spec = sound.spec();
        let mut child = sound.into_inner();
        let mut samples = Vec::new();
        child.read_to_end(&mut samples)?;
        self.end(child)?;
        Ok(Loudness::of(&samples, spec.sample_rate, spec.channels))
    }
}

impl Voice for Espeak {
    type Manner = Arc<Manner>;

    fn manner(&self, _: &str, utterance: &Utterance) -> Option<Arc<Manner>> {
        lookup(&self.voices, &utterance.language).cloned()
    }

    fn key(&self, manner: &Arc<Manner>) -> Option<String> {
        let Manner { voice, speed, pitch } = &**manner;
        Some(format!("espeak-ng {voice} {speed} {pitch} {} {}", self.volume, self.phonemes))
    }

    fn say(&self, manner: &Arc<Manner>, text: &str, speech: &mut Speech) -> Result<()> {
        let text = plain(text);
        let stop = speech.stop().clone();
        let mut command = self.command(manner);
        if self.phonemes {
            // Beside the sound, not in it and not into a file.
            command.args(["--ipa", "--sep=_", "--phonout=/dev/stderr"]);
        }
        let sound = self.child(command, &text, &stop)?;
        let spec = sound.spec();
        speech.begin(spec.sample_rate, spec.channels)?;
        let mut child = sound.into_inner();
        let mut bytes = [0; 8192];
        loop {
            match child.read(&mut bytes)? {
                0 => break,
                read => speech.write(&bytes[..read])?,
            }
        }
        let aside = self.end(child)?;
        if self.phonemes {
            let clauses = symbols::read(&String::from_utf8_lossy(&aside));
            // Without it the estimate is worse, and the sound is as good.
            let apart = self.apart(manner, &text, &stop).ok();
            let written = speech.written();
            let whole = Loudness::of(written.samples, written.rate, written.channels);
            speech.tell(estimate::phonemes(&clauses, &whole, apart.as_ref()));
        }
        Ok(())
    }
}

/// A text in which nothing is a command, since the program takes `[[` for phonemes and a control character for who knows what; and in
/// which a feminine ending before a pause is written as it is said.
fn plain(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() || matches!(c, '[' | ']') { ' ' } else { c }).collect();
    // Before a pause this letter is said as an h; the program says a t.
    text.replace("\u{629}\u{652}", "\u{647}\u{652}")
}

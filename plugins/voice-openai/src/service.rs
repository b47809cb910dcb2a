use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use majlis_plugin_api::{Error, Host, Result, Tasks, Utterance};
use majlis_remote::{Failure, Remote, Reply};
use majlis_voice::{Speech, Stop, Voice, lookup};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use crate::config::{Config, VoiceConfig};
use crate::output;
use crate::patience::Patience;

/// Below the service's base.
const PATH: &str = "audio/speech";
/// `pcm` is this: 24 kHz, one channel, signed 16-bit, little-endian, without a header.
const RATE: u32 = 24_000;
/// The service takes no more characters.
const MOST_TEXT: usize = 4_096;

/// The service, and who speaks which language.
pub(crate) struct Service {
    remote: Remote,
    tasks: Tasks,
    model: String,
    usual: Arc<VoiceConfig>,
    voices: BTreeMap<String, Arc<VoiceConfig>>,
    speed: f64,
    events: bool,
    begins_within: Duration,
    within: Duration,
    /// Another voice says what this one does not.
    followed: bool,
    patience: Mutex<Patience>,
}

/// What opening a connection before the first visitor saved, from when it is known until it is told.
pub(crate) type Saved = Arc<Mutex<Option<Duration>>>;

impl Service {
    pub(crate) fn open(config: &Config, host: &Host, saved: &Saved) -> Result<Self> {
        config.check()?;
        let remote = Remote::open(config.endpoint(host), host)?;
        let tasks = Tasks::new(host)?;
        if config.prewarm {
            let (remote, saved) = (remote.clone(), Arc::clone(saved));
            tasks.spawn_apart(async move {
                let told = |failure: Failure| Error::from(failure).within("before the first visitor");
                let took = remote.warm("models").await.map_err(told)?;
                tracing::info!(saved_ms = took.saved().as_millis(), "a connection to {} is open", remote.server());
                *saved.lock() = Some(took.saved());
                Ok(())
            });
        }
        let usual = VoiceConfig { voice: config.voice.clone(), instructions: None };
        Ok(Self {
            remote,
            tasks,
            model: config.model.clone(),
            usual: Arc::new(usual),
            voices: config.voices.iter().map(|(tag, voice)| (tag.clone(), Arc::new(voice.clone()))).collect(),
            speed: config.speed,
            events: config.events,
            begins_within: config.first_byte_timeout.get(),
            within: config.answer_within.get(),
            followed: host.wires().iter().any(|wire| !wire.incoming && wire.port == output::unsaid.index()),
            patience: Mutex::default(),
        })
    }

    fn question(&self, manner: &VoiceConfig, text: &str) -> Bytes {
        let mut question =
            json!({ "model": self.model, "voice": manner.voice, "input": text, "response_format": "pcm" });
        // What is as usual is left out: compatible services do not know all of it.
        if let Some(instructions) = &manner.instructions {
            question["instructions"] = json!(instructions);
        }
        if self.speed != 1.0 {
            question["speed"] = json!(self.speed);
        }
        if self.events {
            question["stream_format"] = json!("sse");
        }
        question.to_string().into()
    }

    async fn speak(&self, question: Bytes, speech: &mut Speech) -> Result<(), Failure> {
        let begins_by = Instant::now() + self.begins_within;
        let until = Instant::now() + self.within;
        // The tries of a text come one after the other, and share where its sound goes.
        let speech = Mutex::new(speech);
        let is_heard = || !speech.lock().written().samples.is_empty();
        let asked = self.remote.ask(until, || async {
            let outcome = self.one_try(question.clone(), &speech).await;
            outcome.map_err(|failure| if is_heard() { failure.without_a_second_try() } else { failure })
        });
        let mut asked = pin!(asked);
        // A visitor who hears nothing waits, however often it is tried.
        match timeout_at(begins_by, &mut asked).await {
            Ok(outcome) => outcome,
            Err(_) if is_heard() => asked.await,
            Err(_) => {
                self.patience.lock().in_vain(std::time::Instant::now());
                let server = self.remote.server();
                Err(Failure::last(format!("{server} did not begin to speak within {:?}", self.begins_within)))
            }
        }
    }

    async fn one_try(&self, question: Bytes, speech: &Mutex<&mut Speech>) -> Result<(), Failure> {
        let reply = self.remote.post(PATH, question).await?;
        match reply.content_type().as_str() {
            "text/event-stream" => events(reply, speech).await,
            // Some do not say what they send, and it is what was asked for.
            "audio/pcm" | "audio/x-pcm" | "audio/l16" | "application/octet-stream" | "" => stream(reply, speech).await,
            other => Err(Failure::last(format!(
                "{} answers with {other} instead of the sound that was asked for (pcm); look whether `base_url` and `model` are right",
                reply.server()
            ))),
        }
    }
}

impl Voice for Service {
    type Manner = Arc<VoiceConfig>;

    fn manner(&self, text: &str, utterance: &Utterance) -> Option<Self::Manner> {
        // What it would refuse goes to the next voice at once.
        let is_short = text.chars().count() <= MOST_TEXT;
        is_short.then(|| lookup(&self.voices, &utterance.language).unwrap_or(&self.usual).clone())
    }

    fn key(&self, manner: &Self::Manner) -> Option<String> {
        let VoiceConfig { voice, instructions } = &**manner;
        let instructions = instructions.as_deref().unwrap_or_default();
        Some(format!("{} {} {voice} {} {instructions}", self.remote.server(), self.model, self.speed))
    }

    fn say(&self, manner: &Self::Manner, text: &str, speech: &mut Speech) -> Result<()> {
        if self.followed && !self.patience.lock().asks(std::time::Instant::now()) {
            let server = self.remote.server();
            return Err(Error::new(format!(
                "{server} did not begin to speak again and again, and is left alone for a while"
            )));
        }
        let stopped = stopped(speech.stop());
        let question = self.question(manner, text);
        let outcome = self.tasks.wait_for(stopped, self.speak(question, speech));
        if !speech.written().samples.is_empty() {
            self.patience.lock().begun();
        }
        match outcome {
            Some(outcome) => Ok(outcome?),
            None => Err(Error::new("nobody wants it any more")),
        }
    }
}

/// Ready when nobody wants the sound any more.
fn stopped(stop: &Stop) -> impl Future<Output = ()> + use<> {
    let notify = Arc::new(Notify::new());
    let told = Arc::clone(&notify);
    stop.then(move || told.notify_one());
    async move { notify.notified().await }
}

fn write(samples: &[u8], speech: &Mutex<&mut Speech>) -> Result<(), Failure> {
    let mut speech = speech.lock();
    let begun = if speech.has_begun() { Ok(()) } else { speech.begin(RATE, 1) };
    begun.and_then(|()| speech.write(samples)).map_err(|error| Failure::last(error.to_string()))
}

async fn stream(mut reply: Reply, speech: &Mutex<&mut Speech>) -> Result<(), Failure> {
    let mut is_first = true;
    while let Some(chunk) = reply.chunk().await? {
        if std::mem::take(&mut is_first) && (chunk.starts_with(b"RIFF") || chunk.starts_with(b"ID3")) {
            return Err(Failure::last(format!("{} sends a sound file instead of bare samples (pcm)", reply.server())));
        }
        write(&chunk, speech)?;
    }
    if is_first { Err(Failure::passing(format!("{} sent no sound", reply.server()))) } else { Ok(()) }
}

async fn events(reply: Reply, speech: &Mutex<&mut Speech>) -> Result<(), Failure> {
    let server = reply.server().to_owned();
    let no_event = || Failure::last(format!("{server} sends an event that is none"));
    let mut events = reply.events();
    while let Some(event) = events.next().await? {
        let event: Value = serde_json::from_str(&event.data).map_err(|_| no_event())?;
        match event["type"].as_str() {
            Some("speech.audio.delta") => {
                let samples =
                    event["audio"].as_str().and_then(|text| STANDARD.decode(text).ok()).ok_or_else(no_event)?;
                write(&samples, speech)?;
            }
            Some("speech.audio.done") => return Ok(()),
            _ if event.get("error").is_some() => {
                return Err(Failure::last(format!("{server} gave up in the middle of its sound")));
            }
            // Of a later version.
            _ => {}
        }
    }
    Err(Failure::passing(format!("{server} ended its sound in the middle")))
}

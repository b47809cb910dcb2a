//! One file over HTTP: resumed, compared while it comes, tried again where that can help.

use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use reqwest::header::{IF_RANGE, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use crate::error::Error;
use crate::part::Part;
use crate::reply::{Reply, Wanted, judge, shown, version};
use crate::settings::{Settings, Watch};

/// So much in one go is getting on: a line that breaks off after each of them is still worth its tries.
const WORTH: u64 = 1 << 20;

/// Why one try did not bring the file.
enum Trouble {
    /// It may go better.
    Passing {
        why: String,
        after: Option<Duration>,
    },
    Final(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

/// Brings a file into a part whose bytes are those that are wanted. The caller holds the folder's guard.
pub(crate) fn fetch(
    wanted: Wanted<'_>,
    folder: &Path,
    settings: &Settings,
    watch: &mut dyn Watch,
) -> Result<Part, Error> {
    let address = |reason: String| Error::Address { url: shown(wanted.url), reason };
    let url = Url::parse(wanted.url).map_err(|error| address(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(address(format!("{}: is not http or https", url.scheme())));
    }
    let client = client(&url, settings)?;
    let engine = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let engine = engine.map_err(|error| address(format!("no connection can be made: {error}")))?;
    let part = Part::open(folder, wanted.name, wanted.url, wanted.sha256.is_some())?;
    watch.begin(wanted.name, part.at(), wanted.size);
    let fetched = engine.block_on(Download { wanted, url, client, settings }.run(part, watch));
    watch.end();
    fetched
}

fn client(url: &Url, settings: &Settings) -> Result<Client, Error> {
    // The first of a process counts; a second pull finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        Client::builder()
            .user_agent(concat!("majlis/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(settings.connect)
            .read_timeout(settings.stall)
            .redirect(Policy::custom(|attempt| {
                let encrypted = attempt.previous().iter().any(|url| url.scheme() == "https");
                if attempt.previous().len() > 10 {
                    attempt.error("more than 10 redirections")
                } else if encrypted && attempt.url().scheme() != "https" {
                    attempt.error("it leads out of https")
                } else {
                    attempt.follow()
                }
            }))
    };
    builder().build().or_else(|error| {
        // A system without certificates can still reach a mirror that needs none.
        let bare = (url.scheme() == "http").then(|| builder().tls_certs_only([]).build().ok()).flatten();
        bare.ok_or_else(|| Error::Untrusted { url: shown(url.as_str()), reason: cause(&error) })
    })
}

struct Download<'a> {
    wanted: Wanted<'a>,
    url: Url,
    client: Client,
    settings: &'a Settings,
}

impl Download<'_> {
    async fn run(self, mut part: Part, watch: &mut dyn Watch) -> Result<Part, Error> {
        let mut failures = 0;
        let mut anew = false;
        loop {
            let before = part.at();
            let trouble = match self.once(&mut part, watch).await {
                Ok(()) => match self.compared(&part) {
                    Ok(()) => return Ok(part),
                    // Once: a server that breaks off and gives wrong bytes could go on like that for ever.
                    Err(_) if part.resumed && !anew => {
                        anew = true;
                        watch
                            .say(&format!("{}: what was kept does not belong to it; it begins anew", self.wanted.name));
                        part.restart()?;
                        watch.advance(0);
                        continue;
                    }
                    Err(wrong) => {
                        part.discard();
                        return Err(wrong);
                    }
                },
                Err(trouble) => trouble,
            };
            let (why, after) = match trouble {
                Trouble::Passing { why, after } => (why, after),
                Trouble::Final(Error::Stopped { .. }) => return Err(Error::Stopped { kept: part.at() }),
                // What was kept before stays: a network that answers in the server's place has not touched it.
                Trouble::Final(error) => return Err(error),
            };
            failures = if part.at() >= before + WORTH { 1 } else { failures + 1 };
            let asked = after.filter(|after| *after > self.settings.longest_pause);
            if failures >= self.settings.tries || asked.is_some() {
                let reason = asked.map_or_else(|| why.clone(), |after| format!("{why}, for {} s", after.as_secs()));
                let url = shown(self.wanted.url);
                return Err(Error::Unreached { url, tries: failures, reason, kept: part.at() });
            }
            let doubled = self.settings.pause.saturating_mul(1 << (failures - 1).min(16));
            let pause = after.unwrap_or(doubled).min(self.settings.longest_pause);
            let (name, tries) = (self.wanted.name, self.settings.tries);
            watch.say(&format!("{name}: {why}; try {} of {tries} in {:.1} s", failures + 1, pause.as_secs_f64()));
            unless_stopped(tokio::time::sleep(pause), &*watch).await.map_err(|_| Error::Stopped { kept: part.at() })?;
        }
    }

    /// One request, to the end of its body.
    async fn once(&self, part: &mut Part, watch: &mut dyn Watch) -> Result<(), Trouble> {
        if self.wanted.size == Some(part.at()) {
            // A pull that was ended between the last byte and the comparison.
            return Ok(());
        }
        let mut request = self.client.get(self.url.clone());
        if part.at() > 0 {
            request = request.header(RANGE, format!("bytes={}-", part.at()));
            if let Some(version) = part.version() {
                request = request.header(IF_RANGE, version);
            }
        }
        let answer = unless_stopped(request.send(), &*watch).await?;
        let mut answer = answer.map_err(|error| self.told(error))?;
        match judge(answer.status(), answer.headers(), part.at(), self.wanted) {
            Reply::GoesOn => part.resumed = true,
            Reply::Complete => return Ok(()),
            Reply::Anew => {
                part.restart()?;
                part.is_of(version(answer.headers()));
                watch.advance(0);
            }
            Reply::AskAnew => {
                part.restart()?;
                let why = "it does not go on from where it was broken off".to_owned();
                return Err(Trouble::Passing { why, after: Some(Duration::ZERO) });
            }
            Reply::Busy { why, after } => return Err(Trouble::Passing { why, after }),
            Reply::Refused(error) => return Err(error.into()),
        }
        let most = self.wanted.size.unwrap_or(self.wanted.most);
        loop {
            let piece = unless_stopped(answer.chunk(), &*watch).await?;
            let Some(piece) = piece.map_err(|error| self.told(error))? else { break };
            if part.at() + piece.len() as u64 > most {
                part.restart()?;
                let (what, found) = (shown(self.wanted.url), format!("more than {most}"));
                return Err(Error::Length { what, found, expected: most }.into());
            }
            part.push(&piece)?;
            watch.advance(part.at());
        }
        match self.wanted.size {
            // An end that no length announced: the connection may have been cut.
            Some(size) if part.at() < size => {
                Err(Trouble::Passing { why: format!("it ended after {} of {size} bytes", part.at()), after: None })
            }
            _ => Ok(()),
        }
    }

    fn compared(&self, part: &Part) -> Result<(), Error> {
        let found = part.sha256();
        match self.wanted.sha256 {
            Some(expected) if found != expected => {
                Err(Error::Bytes { what: shown(self.wanted.url), found, expected: expected.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn told(&self, error: reqwest::Error) -> Trouble {
        let url = shown(self.wanted.url);
        let reason = cause(&error);
        if error.is_redirect() {
            return Trouble::Final(Error::Redirect { url, reason });
        }
        if error.is_builder() {
            return Trouble::Final(Error::Address { url, reason });
        }
        if is_of_trust(&error) {
            return Trouble::Final(Error::Untrusted { url, reason });
        }
        let why = if error.is_timeout() { format!("nothing came for too long ({reason})") } else { reason };
        Trouble::Passing { why, after: None }
    }
}

/// The innermost reason: what is around it says that a request failed, which is known.
fn cause(error: &dyn StdError) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// Whether whoever answered could not prove to be the server. The library's error lies inside errors of input and output,
/// whose `source` passes over what they hold.
fn is_of_trust(error: &(dyn StdError + 'static)) -> bool {
    let mut inner = Some(error);
    while let Some(error) = inner {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner = held.map(|error| error as _).or_else(|| error.source());
    }
    false
}

/// Waits, and looks ten times a second whether to stop: a stalled server does not keep a signal waiting.
async fn unless_stopped<T>(work: impl Future<Output = T>, watch: &dyn Watch) -> Result<T, Error> {
    let mut work = pin!(work);
    loop {
        if watch.stopped() {
            return Err(Error::Stopped { kept: 0 });
        }
        if let Ok(done) = tokio::time::timeout(Duration::from_millis(100), work.as_mut()).await {
            return Ok(done);
        }
    }
}

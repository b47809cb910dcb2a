//! Which of several servers is near: measured, not guessed.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use majlis_remote::{ClientOptions, is_here};
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until, timeout};

use crate::address::Address;
use crate::error::{Error, Result};
use crate::keys::Keys;
use crate::token::VisitorPass;
use crate::twirp::{bearer, refusal, whole};

/// A server is measured so often, each time over a new connection; the best counts, since the first pays for the name's lookup.
const ROUNDS: usize = 2;
/// A server that takes longer is not there. It holds nobody up, unless no other answers.
const LIMIT: Duration = Duration::from_secs(10);
/// When the first server is measured, the others have twice as long again, and at least a second: what they lost by is worth that
/// much, and no more.
const GRACE: u32 = 2;
const LEAST_GRACE: Duration = Duration::from_secs(1);
/// Room of the token that a measurement shows. Nobody joins it, so it is never made.
const NOBODYS_ROOM: &str = "majlis-measures";
/// In the words of a LiveKit server that has no such room and makes none.
const NO_ROOM: &str = "room does not exist";

/// A server that could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The region's name, where the server has one.
    pub region: Option<String>,
    /// Where it is.
    pub address: Address,
}

/// Which regions are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// A region by its name; otherwise the nearest.
    pub region: Option<String>,
    /// Only these, if some are named. A server without a region is as good as its address: an operator wrote it.
    pub allowed: Vec<String>,
}

/// How long a server took.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The server.
    pub candidate: Candidate,
    /// Name, TCP, TLS and one answer to a token; or why it cannot be used.
    pub took: Result<Duration>,
}

/// A server that was chosen, and the others.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The server.
    pub candidate: Candidate,
    /// How long it took.
    pub took: Duration,
    /// The others: those that answered, by their time, then those that did not.
    pub losers: Vec<Measured>,
}

/// Who chooses a server.
#[derive(Clone, Debug)]
pub struct Regions {
    keys: Keys,
    /// For servers elsewhere and on this machine. They are made beforehand: what a client reads before its first question is not
    /// the server's time.
    clients: [Client; 2],
}

#[derive(Deserialize)]
struct Settings {
    regions: Vec<Setting>,
}

#[derive(Deserialize)]
struct Setting {
    #[serde(default)]
    region: String,
    url: String,
}

impl Regions {
    /// With the keys that all the servers know.
    ///
    /// # Errors
    /// There is no trust for a client: see [`ClientOptions::client`].
    pub fn new(keys: Keys, options: &ClientOptions) -> Result<Self> {
        // What is measured is a connection, so none is kept.
        let options = ClientOptions { keep_connections: false, ..options.clone() };
        let client = |of: &str| {
            let of = Address::parse(of)?;
            options.client(of.url()).map_err(|error| Error::Client(error.to_string()))
        };
        Ok(Self { keys, clients: [client("wss://elsewhere.invalid")?, client("wss://localhost")?] })
    }

    /// The regions of a project of LiveKit Cloud, as it lists them.
    ///
    /// # Errors
    /// What the server or the way to it says; a server of one's own has no such list.
    pub async fn of_cloud(&self, project: &Address) -> Result<Vec<Candidate>> {
        let server = project.ws();
        let body = self.get(project, "/settings/regions", "regions").await?;
        let wrong = |why: String| Error::Protocol { server: server.clone(), why };
        let settings: Settings = serde_json::from_slice(&body).map_err(|error| wrong(error.to_string()))?;
        let regions = settings.regions.into_iter().map(|setting| {
            let region = (!setting.region.is_empty()).then_some(setting.region);
            Ok(Candidate { region, address: Address::parse(&setting.url)? })
        });
        regions.collect()
    }

    /// Measures the candidates that are wanted, all at once, and takes the one that answers soonest.
    ///
    /// # Errors
    /// None is wanted, or none can be used; each is named with its reason.
    pub async fn choose(&self, candidates: Vec<Candidate>, wanted: &Wanted) -> Result<Choice> {
        let named = names(&candidates);
        let wanted: Vec<Candidate> = candidates.into_iter().filter(|candidate| is_wanted(candidate, wanted)).collect();
        if wanted.is_empty() {
            return Err(Error::NoServer(format!(
                "none of {named} is one that is allowed; look at `region` and `allowed_regions`"
            )));
        }
        let mut measured = self.measure_all(wanted).await;
        // Stable: of two that are alike the one that was written first.
        measured.sort_by_key(|measured| measured.took.as_ref().copied().unwrap_or(Duration::MAX));
        let mut measured = measured.into_iter();
        match measured.next() {
            Some(Measured { candidate, took: Ok(took) }) => Ok(Choice { candidate, took, losers: measured.collect() }),
            first => {
                let all = first.into_iter().chain(measured);
                let why: Vec<String> =
                    all.filter_map(|measured| measured.took.err()).map(|why| why.to_string()).collect();
                Err(Error::NoServer(why.join("; ")))
            }
        }
    }

    async fn measure_all(&self, candidates: Vec<Candidate>) -> Vec<Measured> {
        let begun = Instant::now();
        let measure = async |(place, candidate): (usize, &Candidate)| (place, self.measure(&candidate.address).await);
        let mut running: FuturesUnordered<_> = candidates.iter().enumerate().map(measure).collect();
        let mut took: Vec<Option<Result<Duration>>> = candidates.iter().map(|_| None).collect();
        let mut until = begun + LIMIT * 2;
        loop {
            tokio::select! {
                biased;
                next = running.next() => {
                    let Some((place, outcome)) = next else { break };
                    if outcome.is_ok() {
                        let now = Instant::now();
                        until = until.min(now + (now.duration_since(begun) * GRACE).max(LEAST_GRACE));
                    }
                    took[place] = Some(outcome);
                }
                () = sleep_until(until) => break,
            }
        }
        drop(running);
        let waited = begun.elapsed();
        let told = candidates.into_iter().zip(took).map(|(candidate, took)| {
            let took = took.unwrap_or_else(|| {
                let why = format!("it had not answered after {} ms, when another had", waited.as_millis());
                Err(Error::Unreachable { server: candidate.address.ws(), why })
            });
            Measured { candidate, took }
        });
        told.collect()
    }

    async fn measure(&self, address: &Address) -> Result<Duration> {
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            match self.get(address, "/rtc/validate", "validate").await {
                // It would let us in, if the room were there: a server that makes no rooms by itself.
                Err(Error::Answer { code, said, .. }) if code == "404" && said.contains(NO_ROOM) => {}
                answer => {
                    answer?;
                }
            }
            best = best.min(begun.elapsed());
        }
        Ok(best)
    }

    /// What a server answers to a participant's token, over a connection of its own.
    async fn get(&self, address: &Address, path: &str, asked: &'static str) -> Result<Vec<u8>> {
        let server = address.ws();
        let client = &self.clients[usize::from(is_here(address.url()))];
        let pass = self.keys.visitor(NOBODYS_ROOM, VisitorPass { good_for: LIMIT * 6, ..VisitorPass::default() })?;
        let request = client.get(address.at(path)).header(AUTHORIZATION, bearer(&pass.token)?);
        let whole = async {
            let response = request.send().await.map_err(|error| Error::of_the_way(&server, &error))?;
            let status = response.status();
            let body = whole(response, &server).await?;
            if status == StatusCode::NOT_FOUND {
                let said = String::from_utf8_lossy(&body).trim().to_owned();
                return Err(Error::Answer { server: server.clone(), asked, code: "404".into(), said });
            }
            if status.is_success() { Ok(body) } else { Err(refusal(&server, asked, status, &body)) }
        };
        match timeout(LIMIT, whole).await {
            Ok(answer) => answer,
            Err(_) => Err(Error::Silent { server, asked, seconds: LIMIT.as_secs() }),
        }
    }
}

fn is_wanted(candidate: &Candidate, wanted: &Wanted) -> bool {
    let Some(region) = &candidate.region else { return wanted.region.is_none() };
    let named = wanted.region.as_ref().is_none_or(|wanted| wanted == region);
    named && (wanted.allowed.is_empty() || wanted.allowed.contains(region))
}

fn names(candidates: &[Candidate]) -> String {
    let name = |candidate: &Candidate| candidate.region.clone().unwrap_or_else(|| candidate.address.ws());
    let names: Vec<String> = candidates.iter().map(name).collect();
    if names.is_empty() { "no servers".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(region: Option<&str>) -> Candidate {
        Candidate { region: region.map(str::to_owned), address: Address::parse("ws://127.0.0.1:1").unwrap() }
    }

    #[test]
    fn only_allowed_regions_are_wanted_and_a_named_one_is_wanted_alone() {
        let wanted = |region: Option<&str>, allowed: &[&str]| Wanted {
            region: region.map(str::to_owned),
            allowed: allowed.iter().map(|&region| region.to_owned()).collect(),
        };
        for (region, wanted, is) in [
            (Some("dubai"), wanted(None, &[]), true),
            (Some("dubai"), wanted(None, &["dubai", "mumbai"]), true),
            (Some("tokyo"), wanted(None, &["dubai", "mumbai"]), false),
            (Some("dubai"), wanted(Some("dubai"), &[]), true),
            (Some("mumbai"), wanted(Some("dubai"), &[]), false),
            (Some("dubai"), wanted(Some("dubai"), &["mumbai"]), false),
            (None, wanted(None, &["dubai"]), true),
            (None, wanted(Some("dubai"), &[]), false),
        ] {
            assert_eq!(is_wanted(&candidate(region), &wanted), is, "{region:?} {wanted:?}");
        }
    }
}

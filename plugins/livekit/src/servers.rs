//! Which of several LiveKit servers is used: the nearest, by what is measured when the room is to be joined.
//!
//! What is chosen holds for everything: the room, the worker of dispatch, the tokens of pages and the invitations of avatars.

use std::fmt::Write as _;
use std::time::Duration;

use majlis_livekit_dispatch::{Address, Api, Candidate, Choice, ClientOptions, Keys, Measured, Regions, Wanted};
use majlis_plugin_api::{Error, Result};
use parking_lot::Mutex;
use tokio::sync::Mutex as Turn;

use crate::clock::ServerClock;
use crate::config::Config;

/// Hosts of LiveKit Cloud end so. A project there has a list of its regions.
const CLOUD: &str = ".livekit.cloud";
/// Visitors are where the room was. It is joined elsewhere only where that takes less than half the time, and at least so much
/// less; or where the server does not answer any more.
const WORTH_IT: Duration = Duration::from_millis(50);

/// A server that is used.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) api: Api,
    /// The name of its region; empty where it has none.
    pub(crate) region: String,
    pub(crate) clock: ServerClock,
}

impl Server {
    pub(crate) fn new(api: Api, region: String) -> Self {
        Self { api, region, clock: ServerClock::default() }
    }
}

/// Who chooses it.
pub(crate) struct Servers {
    keys: Keys,
    client: ClientOptions,
    /// Nothing where one server was written and nothing else: then nobody has to choose.
    choice: Option<Among>,
    chosen: Mutex<Option<Chosen>>,
    /// One at a time chooses.
    turn: Turn<()>,
}

/// What there is to choose from.
struct Among {
    source: Source,
    regions: Regions,
    wanted: Wanted,
}

enum Source {
    /// Those that the configuration names.
    Named(Vec<Candidate>),
    /// Those that a project of LiveKit Cloud lists.
    Listed(Address),
}

struct Chosen {
    server: Server,
    /// In words of the report.
    won: String,
    lost: String,
}

impl Servers {
    /// From the configuration; nobody is asked yet.
    pub(crate) fn new(config: &Config, keys: Keys, client: ClientOptions) -> Result<Self> {
        let source = source(config)?;
        let servers = |choice, chosen| Self {
            keys: keys.clone(),
            client: client.clone(),
            choice,
            chosen: Mutex::new(chosen),
            turn: Turn::default(),
        };
        let wanted = Wanted { region: config.named_region(), allowed: config.allowed_regions.clone() };
        match source {
            Source::Listed(address) if !is_cloud(&address) && wanted == Wanted::default() => {
                let server = Server::new(Api::open(address, keys.clone(), &client)?, String::new());
                Ok(servers(None, Some(Chosen { server, won: String::new(), lost: String::new() })))
            }
            source => {
                let regions = Regions::new(keys.clone(), &client)?;
                Ok(servers(Some(Among { source, regions, wanted }), None))
            }
        }
    }

    /// The one that was chosen last.
    pub(crate) fn now(&self) -> Option<Server> {
        self.chosen.lock().as_ref().map(|chosen| chosen.server.clone())
    }

    /// Whether there is anything to choose from.
    pub(crate) fn are_several(&self) -> bool {
        self.choice.is_some()
    }

    /// The server to join now. All that may be used are measured; what was used before is left only for one that is much nearer.
    pub(crate) async fn choose(&self) -> Result<Server> {
        let _turn = self.turn.lock().await;
        let before = self.now();
        let Some(among) = &self.choice else { return before.ok_or_else(none_yet) };
        let choice = among.measured(before.as_ref()).await?;
        let server = match before.filter(|before| before.api.address() == &choice.candidate.address) {
            Some(before) => before,
            None => {
                let api = Api::open(choice.candidate.address.clone(), self.keys.clone(), &self.client)?;
                Server::new(api, choice.candidate.region.clone().unwrap_or_default())
            }
        };
        let won = told(&choice.candidate, Ok(choice.took));
        let lost =
            choice.losers.iter().map(|loser| told(&loser.candidate, loser.took.as_ref().copied().map_err(|_| ())));
        let lost = lost.collect::<Vec<_>>().join("; ");
        tracing::info!(
            "the LiveKit server is {won}{}",
            if lost.is_empty() { lost.clone() } else { format!("; not {lost}") }
        );
        for Measured { took, .. } in &choice.losers {
            if let Err(why) = took {
                tracing::warn!("a LiveKit server cannot be used: {why}");
            }
        }
        *self.chosen.lock() = Some(Chosen { server: server.clone(), won, lost });
        Ok(server)
    }

    /// The choice and the losers, in words of the report; nothing where nobody had to choose.
    pub(crate) fn report(&self) -> Option<(String, String)> {
        self.choice.as_ref()?;
        self.chosen.lock().as_ref().map(|chosen| (chosen.won.clone(), chosen.lost.clone()))
    }
}

impl Among {
    async fn measured(&self, before: Option<&Server>) -> Result<Choice> {
        let candidates = match &self.source {
            Source::Named(candidates) => candidates.clone(),
            Source::Listed(project) => match self.regions.of_cloud(project).await {
                Ok(listed) => listed,
                // The project's own address leads to some region. Where it matters to which, that is not good enough.
                Err(error) if self.wanted == Wanted::default() => {
                    tracing::warn!("the project does not tell its regions, and is asked itself: {error}");
                    vec![Candidate { region: None, address: project.clone() }]
                }
                Err(error) => {
                    return Err(Error::new(format!(
                        "the regions that `region` and `allowed_regions` speak of are not known: {error}; of servers of one's own \
                         they are written in `urls`"
                    )));
                }
            },
        };
        let choice = self.regions.choose(candidates, &self.wanted).await?;
        Ok(match before {
            Some(before) => staying(choice, before.api.address()),
            None => choice,
        })
    }
}

/// The choice, unless the server that was used before is nearly as near.
fn staying(mut choice: Choice, before: &Address) -> Choice {
    let place = choice.losers.iter().position(|loser| loser.candidate.address == *before);
    let Some(place) = place else { return choice };
    let Ok(took) = choice.losers[place].took else { return choice };
    if took > choice.took * 2 && took > choice.took + WORTH_IT {
        return choice;
    }
    let nearest = Measured { candidate: choice.candidate, took: Ok(choice.took) };
    let Measured { candidate, .. } = choice.losers.remove(place);
    choice.losers.insert(0, nearest);
    Choice { candidate, took, losers: choice.losers }
}

fn source(config: &Config) -> Result<Source> {
    let address = |key: &str, url: &str| Address::parse(url).map_err(|error| Error::config(key, error.to_string()));
    match (&config.url, &config.urls) {
        (Some(url), None) => Ok(Source::Listed(address("url", url)?)),
        (None, Some(urls)) if !urls.is_empty() => {
            let named = urls.iter().map(|(region, url)| {
                let address = address(&format!("urls.{region}"), url)?;
                Ok(Candidate { region: Some(region.clone()), address })
            });
            Ok(Source::Named(named.collect::<Result<_>>()?))
        }
        (Some(_), Some(_)) => Err(Error::config("urls", "`url` is written too; leave one of them out")),
        (None, _) => {
            let message = "no server is named; write `url = \"wss://HOST\"`, or several with names in `urls`";
            Err(Error::config("url", message))
        }
    }
}

fn is_cloud(address: &Address) -> bool {
    address.host().ends_with(CLOUD)
}

/// A server in words: its region or else its address, and how long it took.
fn told(candidate: &Candidate, took: Result<Duration, ()>) -> String {
    let mut told = match &candidate.region {
        Some(region) => region.clone(),
        None => candidate.address.ws(),
    };
    // Writing to a text does not fail.
    let _ = match took {
        Ok(took) => write!(told, " {} ms", took.as_millis()),
        Err(()) => write!(told, " not usable"),
    };
    told
}

/// Why nobody can be let in yet.
pub(crate) fn none_yet() -> Error {
    Error::new("no LiveKit server has been chosen yet: none that may be used has answered")
}

#[cfg(test)]
mod tests {
    use majlis_plugin_api::{Secret, Value};
    use serde_json::json;

    use super::*;

    fn servers(more: Value) -> Result<Servers> {
        let mut config = json!({ "key": "key", "secret": "hunter2hunter2hunter2" });
        config.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        let config: Config = serde_json::from_value(config).expect("a configuration");
        let keys = Keys::new(&Secret::new("key"), &Secret::new("hunter2hunter2hunter2hunter2")).expect("keys");
        Servers::new(&config, keys, ClientOptions::default())
    }

    fn choice(took: u64, others: &[(&str, Option<u64>)]) -> Choice {
        let candidate = |host: &str| Candidate {
            region: Some(host.to_owned()),
            address: Address::parse(&format!("wss://{host}")).expect("an address"),
        };
        let loser = |(host, took): &(&str, Option<u64>)| Measured {
            candidate: candidate(host),
            took: took.map(Duration::from_millis).ok_or(majlis_livekit_dispatch::Error::NoServer("gone".into())),
        };
        Choice {
            candidate: candidate("near"),
            took: Duration::from_millis(took),
            losers: others.iter().map(loser).collect(),
        }
    }

    #[test]
    fn a_single_server_is_used_at_once_and_nobody_has_to_choose() {
        let one = servers(json!({ "url": "wss://h" })).expect("one");
        assert!(!one.are_several() && one.report().is_none());
        assert_eq!(one.now().expect("it is known").api.address().ws(), "wss://h");
    }

    #[test]
    fn of_several_servers_of_a_project_and_of_regions_none_is_known_before_it_was_measured() {
        for several in [
            json!({ "urls": { "dubai": "wss://a", "frankfurt": "wss://b" } }),
            json!({ "url": "wss://p.livekit.cloud" }),
            json!({ "url": "wss://h", "allowed_regions": ["dubai"] }),
            json!({ "url": "wss://h", "region": "dubai" }),
        ] {
            let several = servers(several).expect("they can be measured");
            assert!(several.are_several() && several.now().is_none() && several.report().is_none());
        }
    }

    #[test]
    fn servers_that_are_none_are_told_by_their_key() {
        for (wrong, said) in [
            (json!({}), "url"),
            (json!({ "urls": {} }), "url"),
            (json!({ "url": "wss://h", "urls": { "dubai": "wss://h" } }), "urls"),
            (json!({ "urls": { "dubai": "h" } }), "urls.dubai"),
            (json!({ "url": "h" }), "url"),
        ] {
            let error = servers(wrong.clone()).err().unwrap_or_else(|| panic!("{wrong} is taken"));
            assert_eq!(error.path(), said, "{wrong}: {error}");
        }
    }

    #[test]
    fn a_room_stays_where_its_visitors_are_unless_another_server_is_much_nearer() {
        let before = Address::parse("wss://before").expect("an address");
        let chosen = |choice: Choice| staying(choice, &before).candidate.region.expect("it has a name");
        assert_eq!(chosen(choice(10, &[("before", Some(40))])), "before");
        assert_eq!(chosen(choice(100, &[("other", Some(120)), ("before", Some(180))])), "before");
        assert_eq!(chosen(choice(20, &[("before", Some(200))])), "near");
        assert_eq!(chosen(choice(10, &[("before", None)])), "near", "it does not answer");
        assert_eq!(chosen(choice(10, &[("other", Some(11))])), "near", "it is not allowed any more");
        let stayed = staying(choice(10, &[("other", Some(15)), ("before", Some(40))]), &before);
        let losers: Vec<_> = stayed.losers.iter().filter_map(|loser| loser.candidate.region.as_deref()).collect();
        assert_eq!((losers, stayed.took.as_millis()), (vec!["near", "other"], 40));
    }
}

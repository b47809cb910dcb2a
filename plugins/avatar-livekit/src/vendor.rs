//! A vendor in use: its profile, what the operator wrote for it, and its requests.

use std::collections::BTreeMap;
use std::time::Duration;

use majlis_plugin_api::{Error, Host, Invite, Result};
use majlis_remote::{Auth, Endpoint, Failure, Method, Refusal, Remote, Request};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::time::Instant;

use crate::config::VendorOptions;
use crate::profile::{Hears, Meaning, Profile, Step};
use crate::spending::Limit;
use crate::template::Scope;

/// Answers have some hundred bytes; a list of sessions has more.
const MOST_BYTES: usize = 1 << 20;
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A session of a vendor that says no limit is taken as over then.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Why there is no session.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) what: Meaning,
    /// In a sentence for an operator.
    pub(crate) failure: Failure,
    /// Whether a session may run all the same: there was no answer, or one without its id.
    pub(crate) may_run: bool,
}

/// A session that runs, as its vendor lists it.
pub(crate) struct Listed {
    pub(crate) session: String,
    pub(crate) tag: String,
}

/// A vendor in use.
pub(crate) struct Vendor {
    pub(crate) profile: Profile,
    pub(crate) start_within: Duration,
    /// What it may be used for.
    pub(crate) limit: Limit,
    /// Where it hears the speech; empty where that is not known.
    pub(crate) country: String,
    options: BTreeMap<String, Value>,
    /// The usual place of its API, and those of its regions.
    usual: Remote,
    regions: BTreeMap<String, Remote>,
}

impl Vendor {
    pub(crate) fn open(profile: Profile, written: &VendorOptions, host: &Host) -> Result<Self> {
        let name = profile.name.clone();
        let at = |key: &str| format!("vendor_options.{name}.{key}");
        let mut options = written.options.clone();
        if let Some(key) = options.keys().find(|key| !profile.options.contains_key(*key)) {
            let known: Vec<_> = profile.options.keys().map(|key| format!("`{key}`")).collect();
            let message = format!("{} has no such option; it has {}", profile.title, known.join(", "));
            return Err(Error::config(at(key), message));
        }
        for (key, rule) in &profile.options {
            if options.contains_key(key) {
                continue;
            }
            if rule.required {
                return Err(Error::config(at(key), format!("it is missing: {}", rule.about)));
            }
            if let Some(default) = &rule.default {
                options.insert(key.clone(), default.clone());
            }
        }
        if written.api_key.is_none() {
            let message = format!(
                "it is missing: {} shows no avatar without a key; write `api_key = {{ env = \"{}_API_KEY\" }}`",
                profile.title,
                name.to_uppercase().replace('-', "_")
            );
            return Err(Error::config(at("api_key"), message));
        }
        let remote = |base_url: &str| {
            let endpoint = Endpoint {
                base_url: base_url.to_owned(),
                api_key: written.api_key.clone(),
                auth: Auth::Header { name: profile.key.header.clone(), prefix: profile.key.prefix.clone() },
                ca_file: written.ca_file.as_ref().map(|file| host.path(file)),
                connect_timeout: CONNECT_WITHIN,
                first_byte_timeout: profile.answer_within.get(),
                most_bytes: MOST_BYTES,
            };
            Remote::open(endpoint, host).map_err(|error| match error.path() {
                "" => error,
                key => Error::config(at(key), error.to_string()),
            })
        };
        let usual = remote(written.base_url.as_deref().unwrap_or(&profile.base_url))?;
        let mut regions = BTreeMap::new();
        // Where an operator writes an address that one counts.
        if written.base_url.is_none() {
            for (region, place) in &profile.regions {
                if let Some(base_url) = &place.base_url {
                    regions.insert(region.clone(), remote(base_url)?);
                }
            }
        }
        let start_within = written.start_within.unwrap_or(profile.usual_start).get();
        if start_within < profile.usual_start.get() {
            tracing::warn!(
                "{} usually takes {} to start and is given {start_within:?}; write `start_within` of {} or more for it",
                profile.title,
                profile.usual_start,
                profile.usual_start,
            );
        }
        let country = written.country.as_ref().or(profile.country.as_ref()).cloned().unwrap_or_default();
        let limit = Limit { minutes_per_day: written.max_minutes_per_day, calls_per_hour: written.max_calls_per_hour };
        Ok(Self { start_within, limit, country, options, usual, regions, profile })
    }

    pub(crate) fn name(&self) -> &str {
        &self.profile.name
    }

    /// So long a session may run at most.
    pub(crate) fn longest(&self) -> Duration {
        self.profile.longest.map_or(LONGEST, majlis_plugin_api::Span::get)
    }

    pub(crate) fn needs_listener(&self) -> bool {
        self.profile.hears == Hears::Listener
    }

    /// What the holes of a start are filled with.
    pub(crate) fn scope(&self, invite: &Invite, tag: &str) -> Scope {
        let mut scope = self.options();
        scope.set("livekit_url", invite.url.as_str());
        scope.set("room", invite.room.as_str());
        scope.set("identity", invite.identity.as_str());
        scope.set("agent_identity", invite.agent_identity.as_str());
        scope.set("tag", tag);
        scope.set("sample_rate", self.profile.sample_rate);
        scope.set_secret("token", &invite.token);
        if let Some(listener) = &invite.listener {
            scope.set("listener_identity", listener.identity.as_str());
            scope.set_secret("listener_token", &listener.token);
        }
        if let Some(region) = self.region(&invite.region) {
            scope.set("region", region);
        }
        scope
    }

    /// The same for a start that nobody joins.
    pub(crate) fn probing_scope(&self, tag: &str) -> Scope {
        let mut scope = self.options();
        for hole in
            ["livekit_url", "room", "identity", "agent_identity", "token", "listener_identity", "listener_token"]
        {
            scope.set(hole, "nobody");
        }
        scope.set("tag", tag);
        scope.set("sample_rate", self.profile.sample_rate);
        scope
    }

    fn options(&self) -> Scope {
        let mut scope = Scope::default();
        for (name, value) in &self.options {
            scope.set(format!("option.{name}"), value.clone());
        }
        scope
    }

    /// The vendor's region that is nearest to one of LiveKit's: that with the longest beginning in common.
    fn region(&self, livekit: &str) -> Option<&str> {
        let of = |(name, region): (&'_ String, &crate::profile::Region)| {
            let near = region.near.iter().filter(|near| livekit.starts_with(near.as_str()));
            near.map(String::len).max().map(|length| (length, name.len()))
        };
        let known = self.profile.regions.iter().filter(|_| !livekit.is_empty());
        known.filter_map(|entry| Some((of(entry)?, entry.0.as_str()))).max().map(|(_, name)| name)
    }

    fn remote(&self, scope: &Scope) -> &Remote {
        let region = scope.get("region").and_then(Value::as_str);
        region.and_then(|region| self.regions.get(region)).unwrap_or(&self.usual)
    }

    /// Asks for a session. Answers its id, where the vendor gives one.
    pub(crate) async fn start(&self, mut scope: Scope, probe: bool) -> Result<Option<String>, Refused> {
        let until = Instant::now() + self.profile.answer_within.get();
        let last = self.profile.start.len() - 1;
        // What an earlier step began runs, whatever becomes of the later ones.
        let mut begun = false;
        for (index, step) in self.profile.start.iter().enumerate() {
            let added = self.profile.probe.as_ref().filter(|_| probe && index == last).map(|probe| &probe.body);
            let answer = self.step(step, &scope, added, until).await.map_err(|refused| {
                let may_run = refused.may_run || begun;
                Refused { may_run, ..refused }
            })?;
            begun |= step.begins;
            for (name, pointer) in &step.answer {
                let Some(value) = answer.pointer(pointer).filter(|value| !value.is_null()) else {
                    let said =
                        format!("{} answers without `{pointer}`; its API has changed perhaps", self.profile.title);
                    return Err(Refused { what: Meaning::Failed, failure: Failure::last(said), may_run: begun });
                };
                scope.set(format!("answer.{name}"), value.clone());
            }
        }
        Ok(scope.get("answer.session").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
    }

    async fn step(
        &self,
        step: &Step,
        scope: &Scope,
        added: Option<&BTreeMap<String, Value>>,
        until: Instant,
    ) -> Result<Value, Refused> {
        let mut body = step.body.as_ref().and_then(|body| scope.fill(body));
        if let (Some(Value::Object(body)), Some(added)) = (&mut body, added) {
            body.extend(added.clone());
        }
        let what = Mutex::new((Meaning::Failed, false));
        let remote = self.remote(scope);
        let outcome = remote
            .ask_unguarded(until, || async {
                // Until something else is known; a future that is dropped in the middle tells nothing.
                *what.lock() = (Meaning::Failed, step.begins);
                let request = request(&step.request, &step.headers, step.key, body.as_ref(), scope);
                let reply = match remote.request(request).await {
                    Ok(reply) => reply,
                    Err(refusal) => {
                        let (meaning, failure) = self.judge(&refusal);
                        let may_run = step.begins && !refusal.is_known;
                        *what.lock() = (meaning, may_run);
                        // A second request could start a second session.
                        return Err(if may_run { failure.without_a_second_try() } else { failure });
                    }
                };
                let bytes = reply.whole().await.map_err(|failure| failure.without_a_second_try())?;
                if bytes.is_empty() {
                    return Ok(Value::Null);
                }
                serde_json::from_slice(&bytes).map_err(|_| {
                    Failure::last(format!("{} answers with something that is no JSON", self.profile.title))
                })
            })
            .await;
        outcome.map_err(|failure| {
            let (what, may_run) = *what.lock();
            let what = if failure.is_permanent() && what == Meaning::Failed { Meaning::Permanent } else { what };
            Refused { what, failure, may_run }
        })
    }

    /// What a refusal means, by the profile first.
    fn judge(&self, refusal: &Refusal) -> (Meaning, Failure) {
        let said = refusal.said.to_lowercase();
        let fits = |rule: &&crate::profile::ErrorRule| {
            refusal.status.is_some()
                && rule.status.is_none_or(|status| refusal.status == Some(status))
                && rule.says.as_ref().is_none_or(|words| said.contains(&words.to_lowercase()))
        };
        let failure = &refusal.failure;
        let Some(rule) = self.profile.errors.iter().find(fits) else {
            let meaning = if failure.is_permanent() {
                Meaning::Permanent
            } else if failure.may_pass() {
                Meaning::Passing
            } else {
                Meaning::Failed
            };
            return (meaning, failure.clone());
        };
        let sentence = failure.to_string();
        let failure = match rule.means {
            Meaning::NoSlot => Failure::last(format!("no slot of the account is free: {sentence}")),
            Meaning::NoCredit => Failure::permanent(format!("the account has nothing left to pay with: {sentence}")),
            Meaning::Permanent => Failure::permanent(sentence),
            Meaning::Passing if failure.may_pass() => failure.clone(),
            Meaning::Passing => Failure::passing(sentence),
            Meaning::Failed => Failure::last(sentence),
        };
        (rule.means, failure)
    }

    pub(crate) fn can_stop(&self) -> bool {
        self.profile.stop.is_some()
    }

    pub(crate) fn can_list(&self) -> bool {
        self.profile.list.is_some()
    }

    pub(crate) fn can_probe(&self) -> bool {
        self.profile.probe.is_some()
    }

    /// Ends a session; one that is over already counts as ended.
    pub(crate) async fn stop(&self, session: &str) -> Result<(), Failure> {
        let Some(stop) = &self.profile.stop else { return Ok(()) };
        let mut scope = self.options();
        scope.set("session", session);
        let body = stop.body.as_ref().and_then(|body| scope.fill(body));
        match self.usual.request(request(&stop.request, &stop.headers, true, body.as_ref(), &scope)).await {
            Ok(reply) => reply.whole().await.map(drop),
            Err(Refusal { status: Some(404 | 409 | 410), .. }) => Ok(()),
            Err(refusal) => Err(refusal.failure),
        }
    }

    /// The sessions of the account that run.
    pub(crate) async fn list(&self) -> Result<Vec<Listed>, Failure> {
        let Some(list) = &self.profile.list else { return Ok(Vec::new()) };
        let request = request(&list.request, &list.headers, true, None, &self.options());
        let body = self.usual.request(request).await?.whole().await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let Some(items) = answer.pointer(&list.items).and_then(Value::as_array) else {
            let title = &self.profile.title;
            return Err(Failure::last(format!(
                "{title} lists no sessions at `{}`; its API has changed perhaps",
                list.items
            )));
        };
        let text = |item: &Value, pointer: &str| item.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let listed = items
            .iter()
            .filter_map(|item| Some(Listed { session: text(item, &list.session)?, tag: text(item, &list.tag)? }));
        Ok(listed.collect())
    }
}

fn request(
    line: &str,
    headers: &BTreeMap<String, String>,
    with_key: bool,
    body: Option<&Value>,
    scope: &Scope,
) -> Request {
    // The profile was checked: there is a method and a path.
    let (method, path) = line.split_once(' ').unwrap_or(("POST", line));
    Request {
        method: Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST),
        // Below the base, whose own path it keeps.
        path: scope.fill_path(path.trim_start_matches('/')).unwrap_or_default(),
        headers: headers.iter().filter_map(|(name, value)| Some((name.clone(), scope.fill_header(value)?))).collect(),
        with_key,
        body: body.map(|body| body.to_string().into()),
        secrets: scope.secrets().to_vec(),
    }
}

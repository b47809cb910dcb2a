//! Vendors of avatars: what each is asked, by its published description where there is one, and the sessions that run.
//!
//! Written from what vendors publish and their clients send, and not from the profiles that are tested against it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use axum::http::{HeaderMap, Method};
use jsonschema::Validator;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::act::{Act, What};
use crate::oracle::found;

/// A session that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose, such as `tavus`.
    pub vendor: String,
    /// The vendor's id of it.
    pub id: String,
    /// The name that whoever asked gave it, where there is a field for one.
    pub tag: String,
    /// The token that its avatar would enter with.
    pub token: String,
    /// The token of whoever would hear for it; empty where the vendor sends nobody for that.
    pub listener: String,
    /// How often it was ended.
    pub ended: usize,
    /// It is one of a test mode: nobody joins and nothing is billed.
    pub is_test: bool,
}

/// What is asked of a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvatarCall {
    vendor: &'static str,
    what: Asked,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// What prepares a session.
    Prepare,
    Start,
    Stop(String),
    List,
}

/// What is known of a vendor.
struct Known {
    name: &'static str,
    /// The header that holds the key, and what stands before it.
    key: (&'static str, &'static str),
    prepare: Option<&'static str>,
    start: &'static str,
    /// Method and what stands before and behind the id.
    stop: Option<(&'static str, &'static str, &'static str)>,
    list: Option<&'static str>,
    /// JSON pointer to the token in the body.
    token: &'static str,
    /// JSON pointer to the listener's, where there is one.
    listener: Option<&'static str>,
}

const fn known(
    name: &'static str,
    key: (&'static str, &'static str),
    start: &'static str,
    token: &'static str,
) -> Known {
    Known { name, key, prepare: None, start, stop: None, list: None, token, listener: None }
}

const BEARER: (&str, &str) = ("authorization", "Bearer ");

static VENDORS: [Known; 9] = [
    Known {
        stop: Some(("POST", "/v2/conversations/", "/end")),
        list: Some("/v2/conversations"),
        ..known("tavus", ("x-api-key", ""), "/v2/conversations", "/properties/livekit_room_token")
    },
    known("bey", ("x-api-key", ""), "/v1/sessions", "/token"),
    Known {
        prepare: Some("/compose/token"),
        ..known("simli", ("x-simli-api-key", ""), "/integrations/livekit/agents", "/livekit_token")
    },
    known("anam", BEARER, "/v1/engine/session", "/environment/livekitToken"),
    known("did", ("authorization", "Basic "), "/v2/agents/agent-1/sessions/join", "/transport/token"),
    known("lemonslice", ("x-api-key", ""), "/liveai/sessions", "/properties/livekit_token"),
    Known {
        stop: Some(("DELETE", "/v1/realtime_sessions/", "")),
        ..known("runway", BEARER, "/v1/realtime_sessions", "/livekit/token")
    },
    Known {
        stop: Some(("DELETE", "/livekit/delete-session/", "")),
        listener: Some("/listener_token"),
        ..known("avatartalk", BEARER, "/livekit/create-session", "/room_token")
    },
    known("trugen", ("x-api-key", ""), "/v1/sessions", "/livekit_token"),
];

impl AvatarCall {
    /// A start of a session of this vendor.
    ///
    /// # Panics
    /// There is no such vendor.
    #[must_use]
    pub fn start(vendor: &str) -> Self {
        let known = VENDORS.iter().find(|known| known.name == vendor).expect("a vendor that is known");
        Self { vendor: known.name, what: Asked::Start }
    }

    /// What is asked by a request to `/VENDOR/…`; nothing if it is none of these.
    pub(crate) fn read(method: &Method, path: &str) -> Option<Self> {
        let (vendor, rest) = path.strip_prefix('/')?.split_once('/')?;
        let known = VENDORS.iter().find(|known| known.name == vendor)?;
        let path = format!("/{rest}");
        let session = |&(verb, before, behind): &(&str, &str, &str)| {
            (method.as_str() == verb)
                .then(|| path.strip_prefix(before)?.strip_suffix(behind).map(str::to_owned))
                .flatten()
        };
        let what = if method == Method::POST && path == known.start {
            Asked::Start
        } else if method == Method::POST && known.prepare == Some(path.as_str()) {
            Asked::Prepare
        } else if method == Method::GET && known.list == Some(path.as_str()) {
            Asked::List
        } else {
            Asked::Stop(known.stop.as_ref().and_then(session)?)
        };
        Some(Self { vendor: known.name, what })
    }

    pub(crate) fn is_start(&self) -> bool {
        matches!(self.what, Asked::Start)
    }

    fn known(&self) -> &'static Known {
        VENDORS.iter().find(|known| known.name == self.vendor).expect("a call is of a vendor that is known")
    }
}

/// What runs.
#[derive(Default)]
pub(crate) struct Avatars {
    sessions: Mutex<Vec<Session>>,
}

impl Avatars {
    pub(crate) fn sessions(&self) -> Vec<Session> {
        self.sessions.lock().clone()
    }

    /// Does what was asked, now; the answer is given as the act says, perhaps never.
    pub(crate) fn do_it(&self, call: &AvatarCall, body: &Value, mut act: Act) -> Act {
        let mut sessions = self.sessions.lock();
        let (status, answer) = match &call.what {
            Asked::Prepare => (200, json!({ "session_token": format!("simli-{}", sessions.len() + 1) })),
            Asked::Start => {
                let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
                let is_test = body["test_mode"] == json!(true);
                let session = Session {
                    vendor: call.vendor.to_owned(),
                    id: format!("{}-{}", call.vendor, sessions.len() + 1),
                    tag: text("/conversation_name"),
                    token: text(call.known().token),
                    listener: call.known().listener.map(text).unwrap_or_default(),
                    ended: 0,
                    is_test,
                };
                let answer = begun(call.vendor, &session, body);
                sessions.push(session);
                answer
            }
            Asked::Stop(id) => {
                match sessions.iter_mut().find(|session| session.vendor == call.vendor && session.id == *id) {
                    Some(session) => {
                        session.ended += 1;
                        (200, json!({}))
                    }
                    None => (404, json!({ "error": "no such session" })),
                }
            }
            Asked::List => {
                let running = sessions
                    .iter()
                    .filter(|session| session.vendor == call.vendor && session.ended == 0 && !session.is_test)
                    .map(|session| json!({ "conversation_id": session.id, "conversation_name": session.tag, "status": "active" }));
                let data: Vec<Value> = running.collect();
                (200, json!({ "total_count": data.len(), "data": data }))
            }
        };
        act.what = What::Status { status, content_type: "application/json", body: answer.to_string() };
        act
    }
}

/// What a vendor says of a session that it began.
fn begun(vendor: &str, session: &Session, body: &Value) -> (u16, Value) {
    let id = &session.id;
    match vendor {
        "tavus" => (200, json!({ "conversation_id": id, "conversation_name": session.tag, "status": "active" })),
        "bey" => {
            let status = json!({ "type": "to_start" });
            (
                201,
                json!({ "id": id, "transport": "livekit", "avatar_id": body["avatar_id"], "status": status, "url": body["url"] }),
            )
        }
        "anam" => (200, json!({ "sessionId": id })),
        "lemonslice" => (200, json!({ "session_id": id })),
        "avatartalk" => (200, json!({ "task_id": id })),
        "trugen" | "simli" => (200, json!({ "status": "ok" })),
        _ => (200, json!({ "id": id })),
    }
}

/// What of a request to a vendor of avatars does not fit what it publishes.
///
/// # Panics
/// A description is no description.
#[must_use]
pub fn avatar_faults(call: &AvatarCall, headers: &HeaderMap, body: &Value) -> Vec<String> {
    let known = call.known();
    let mut faults = Vec::new();
    let (header, prefix) = known.key;
    let key = headers.get(header).and_then(|value| value.to_str().ok());
    // The second request of Simli shows a token in its body instead.
    let needs_key = known.prepare.is_none() || !call.is_start();
    if needs_key && key.and_then(|key| key.strip_prefix(prefix)).is_none_or(str::is_empty) {
        faults.push(format!("{}: `{header}` holds no key behind `{prefix}`", known.name));
    }
    if !needs_key && key.is_some() {
        faults.push(format!("{}: the key is shown where it is not wanted", known.name));
    }
    if known.name == "runway" && headers.get("x-runway-version").is_none_or(|version| version != "2024-11-06") {
        faults.push("runway: `X-Runway-Version` is not 2024-11-06".into());
    }
    let oracle = match call.what {
        Asked::Start => oracles().get(known.name),
        Asked::Prepare => oracles().get("simli prepares"),
        Asked::Stop(_) | Asked::List => None,
    };
    if let Some(oracle) = oracle {
        faults.extend(found(oracle, body).into_iter().map(|fault| format!("{}: {fault}", known.name)));
    }
    faults
}

fn oracles() -> &'static BTreeMap<&'static str, Validator> {
    static ORACLES: OnceLock<BTreeMap<&'static str, Validator>> = OnceLock::new();
    ORACLES.get_or_init(|| {
        let schemas = [
            ("tavus", tavus()),
            ("bey", bey()),
            (
                "simli prepares",
                Some(exact(json!({ "faceId": text(), "handleSilence": { "type": "boolean" },
                    "maxSessionLength": { "type": "integer" }, "maxIdleTime": { "type": "integer" } }))),
            ),
            ("simli", Some(exact(json!({ "session_token": text(), "livekit_token": text(), "livekit_url": address() })))),
            (
                "anam",
                Some(exact(json!({
                    "personaConfig": exact(json!({ "type": { "const": "ephemeral" }, "name": text(), "avatarId": text(),
                        "llmId": { "const": "CUSTOMER_CLIENT_V1" } })),
                    "environment": exact(json!({ "livekitUrl": address(), "livekitToken": text() })),
                }))),
            ),
            (
                "did",
                Some(exact(json!({
                    "transport": exact(json!({ "provider": { "const": "livekit" }, "server_url": address(),
                        "token": text(), "room_name": text() })),
                    "audio_config": exact(json!({ "sample_rate": { "enum": [16_000, 24_000, 48_000] } })),
                }))),
            ),
            (
                "lemonslice",
                Some(exact(json!({
                    "transport_type": { "const": "livekit" }, "agent_id": text(),
                    "properties": exact(json!({ "livekit_url": address(), "livekit_token": text(), "livekit_session_id": text() })),
                }))),
            ),
            (
                "runway",
                Some(exact(json!({
                    "model": { "const": "gwm1_avatars" },
                    "avatar": exact(json!({ "type": text(), "avatarId": text() })),
                    "livekit": exact(json!({ "url": address(), "token": text(), "roomName": text(), "agentIdentity": text() })),
                }))),
            ),
            (
                "avatartalk",
                Some(exact(json!({ "livekit_url": address(), "avatar": text(), "emotion": text(), "room_name": text(),
                    "room_token": text(), "listener_token": text(), "agent_identity": text() }))),
            ),
            ("trugen", Some(exact(json!({ "avatar_id": text(), "livekit_url": address(), "livekit_token": text() })))),
        ];
        let built = |schema: Value| jsonschema::options().build(&schema).expect("a description's schemas are schemas");
        schemas.into_iter().filter_map(|(name, schema)| Some((name, built(schema?)))).collect()
    })
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn address() -> Value {
    json!({ "type": "string", "pattern": "^wss?://|^nobody$" })
}

/// A map with these entries and no others.
fn exact(properties: Value) -> Value {
    let required: Vec<String> = properties.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn description(file: &str) -> Option<Value> {
    let path = majlis_testkit::testdata::path(file)?;
    let text = std::fs::read_to_string(path).expect("the description can be read");
    Some(serde_json::from_str(&text).expect("the description is JSON"))
}

/// The published body of `POST /v2/conversations`, without what it does not list, and with what Tavus's own client sends besides.
fn tavus() -> Option<Value> {
    let description = description("specs/tavus-subset.json")?;
    let at = "/paths/~1v2~1conversations/post/requestBody/content/application~1json/schema";
    let mut schema = description.pointer(at).expect("the body of a conversation").clone();
    schema["additionalProperties"] = json!(false);
    for name in ["face_id", "pal_id"] {
        schema["properties"][name] = text();
    }
    let properties = &mut schema["properties"]["properties"];
    properties["additionalProperties"] = json!(false);
    properties["properties"]["livekit_ws_url"] = address();
    properties["properties"]["livekit_room_token"] = text();
    properties["required"] = json!(["livekit_ws_url", "livekit_room_token"]);
    schema["required"] = json!(["properties"]);
    let one_of = ["face_id", "replica_id", "pal_id", "persona_id"].map(|name| json!({ "required": [name] }));
    // Old and new names are refused together, and a face or a pal there must be.
    schema["allOf"] = json!([
        { "not": { "required": ["face_id", "replica_id"] } },
        { "not": { "required": ["pal_id", "persona_id"] } },
        { "anyOf": one_of },
    ]);
    schema["components"] = description["components"].clone();
    Some(schema)
}

/// The published body of `POST /v1/sessions`, without what it does not list.
fn bey() -> Option<Value> {
    let description = description("specs/bey-subset.json")?;
    let mut schema = description["components"]["schemas"]["CreateLivekitSessionRequest"].clone();
    schema["additionalProperties"] = json!(false);
    schema["required"] = json!(["transport", "avatar_id", "url", "token"]);
    Some(schema)
}

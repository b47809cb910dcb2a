//! Which sessions were asked for, so that none is forgotten: a row is written before the request, and is gone when the session is
//! known to be.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use majlis_plugin_api::service::store::{Database, Statement, Value};
use majlis_plugin_api::{Host, Invite, Result};
use parking_lot::Mutex;

use crate::process::{Living, OWN, Process, is_gone};
use crate::spending::{Billed, REMEMBERED, Spending, Used};

/// The history of the tables. A released step never changes.
const STEPS: [&str; 2] = [
    "CREATE TABLE host (id TEXT NOT NULL);
     CREATE TABLE owners (id TEXT PRIMARY KEY, machine TEXT NOT NULL, namespace TEXT NOT NULL, process INTEGER NOT NULL,
        started INTEGER NOT NULL) WITHOUT ROWID;
     CREATE TABLE sessions (number INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, vendor TEXT NOT NULL,
        room TEXT NOT NULL, identity TEXT NOT NULL, tag TEXT NOT NULL, session TEXT, until INTEGER NOT NULL,
        is_left INTEGER NOT NULL DEFAULT 0)",
    // What was, or is, or may be paid for: it stays when the session is over.
    "CREATE TABLE spent (session INTEGER PRIMARY KEY, owner TEXT NOT NULL, vendor TEXT NOT NULL, began INTEGER NOT NULL,
        until INTEGER NOT NULL)",
];
const FILE: &str = "avatars";

/// A session that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// 0: in no store.
    number: i64,
    /// By which its cost is counted; 0: it is of another run.
    billed: u64,
    pub(crate) vendor: String,
    pub(crate) room: String,
    pub(crate) identity: String,
    /// Held by the vendor's session where it has a field for it.
    pub(crate) tag: String,
    /// The vendor's id, once it answered.
    pub(crate) session: Option<String>,
    /// Then it is over by itself, in seconds since 1970.
    pub(crate) until: i64,
    /// It is of this very run, which could not end it.
    pub(crate) is_own: bool,
}

/// The ledger of one stage.
pub(crate) struct Ledger {
    store: Option<Database>,
    host: String,
    owner: String,
    tags: AtomicU64,
    spending: Mutex<Spending>,
    _living: Living,
}

impl Ledger {
    pub(crate) fn open(host: &Host) -> Self {
        let owner = random();
        let mut ledger = Self {
            store: None,
            host: random(),
            tags: AtomicU64::new(1),
            spending: Mutex::default(),
            _living: Living::enter(&owner),
            owner,
        };
        match ledger.begin(host) {
            Ok(store) => {
                ledger.store = Some(store);
                ledger.look();
            }
            // No visitor waits because of it.
            Err(error) => tracing::warn!(
                %error,
                "sessions of avatars are not written down; those that are open when this process is killed stay open"
            ),
        }
        ledger
    }

    fn begin(&mut self, host: &Host) -> Result<Database> {
        let store = Database::open(host, FILE, &STEPS, &[])?;
        let insert = "INSERT INTO host SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM host)";
        let own = OWN.clone();
        let process = [
            self.owner.as_str().into(),
            own.machine.into(),
            own.namespace.into(),
            own.number.into(),
            integer(own.started),
        ];
        let answers = store.run(&[
            Statement::new(insert, [self.host.as_str().into()]),
            Statement::new("SELECT id FROM host LIMIT 1", []),
            Statement::new("INSERT INTO owners VALUES (?1, ?2, ?3, ?4, ?5)", process),
            Statement::new("DELETE FROM spent WHERE until < ?1", [Value::Integer(seconds() - REMEMBERED)]),
        ])?;
        if let Some([Value::Text(id)]) = answers.get(1).and_then(|answer| answer.rows.first()).map(Vec::as_slice) {
            self.host.clone_from(id);
        }
        Ok(store)
    }

    /// A name for a session that no other one has: of this host, of this run.
    pub(crate) fn tag(&self) -> String {
        format!("majlis-{}-{}-{}", self.host, self.owner, self.tags.fetch_add(1, Ordering::Relaxed))
    }

    /// A session is going to be asked for, and may cost something from now on. Answers the number by which that is counted.
    pub(crate) fn count(&self, vendor: &str, longest: Duration) -> u64 {
        self.spending.lock().ask(vendor, seconds(), length(longest))
    }

    /// What a vendor was used for since midnight and within an hour: by this run, and by others of this host as of the last look.
    pub(crate) fn used(&self, vendor: &str, midnight: i64) -> Used {
        self.spending.lock().used(vendor, midnight, seconds())
    }

    /// Looks what other runs of this host spend.
    pub(crate) fn look(&self) {
        let Some(store) = &self.store else { return };
        let spent = "SELECT vendor, began, until FROM spent WHERE owner <> ?1 AND until >= ?2";
        let values = [self.owner.as_str().into(), Value::Integer(seconds() - REMEMBERED)];
        match tokio::task::block_in_place(|| store.query(spent, values)) {
            Ok(rows) => self.spending.lock().others(rows.iter().filter_map(|row| billed(row)).collect()),
            // What was known holds until the next look.
            Err(error) => tracing::debug!(%error, "what other runs spend on avatars cannot be read"),
        }
    }

    /// The row of a session that was counted under this number.
    pub(crate) fn ask(&self, vendor: &str, invite: &Invite, tag: &str, longest: Duration, billed: u64) -> Row {
        let began = seconds();
        let until = began.saturating_add(length(longest));
        let mut row = Row {
            number: 0,
            billed,
            vendor: vendor.to_owned(),
            room: invite.room.clone(),
            identity: invite.identity.clone(),
            tag: tag.to_owned(),
            session: None,
            until,
            is_own: true,
        };
        let insert = "INSERT INTO sessions (owner, vendor, room, identity, tag, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let values = [&self.owner, &row.vendor, &row.room, &row.identity, &row.tag].map(|text| text.as_str().into());
        let spent = [self.owner.as_str().into(), vendor.into(), Value::Integer(began), Value::Integer(until)];
        let statements = [
            Statement::new(insert, values.into_iter().chain([Value::Integer(until)])),
            Statement::new("INSERT INTO spent VALUES (last_insert_rowid(), ?1, ?2, ?3, ?4)", spent),
            Statement::new("SELECT last_insert_rowid()", []),
        ];
        if let Some(answers) = self.run(&statements)
            && let Some([Value::Integer(number)]) = answers.get(2).and_then(|answer| answer.first()).map(Vec::as_slice)
        {
            row.number = *number;
        }
        row
    }

    /// Its vendor answered.
    pub(crate) fn started(&self, row: &mut Row, session: Option<String>) {
        if let Some(session) = &session {
            let update = "UPDATE sessions SET session = ?2 WHERE number = ?1";
            self.run(&[Statement::new(update, [Value::Integer(row.number), session.as_str().into()])]);
        }
        row.session = session;
    }

    /// It is known to have ended.
    pub(crate) fn over(&self, row: &Row) {
        let now = seconds();
        self.spending.lock().over(row.billed, now);
        let update = "UPDATE spent SET until = min(until, max(began, ?2)) WHERE session = ?1";
        self.forget(row, Statement::new(update, [Value::Integer(row.number), Value::Integer(now)]));
    }

    /// It is known never to have begun.
    pub(crate) fn never_began(&self, row: &Row) {
        self.spending.lock().never_began(row.billed);
        let update = "UPDATE spent SET until = began WHERE session = ?1";
        self.forget(row, Statement::new(update, [Value::Integer(row.number)]));
    }

    fn forget(&self, row: &Row, spent: Statement) {
        let delete = Statement::new("DELETE FROM sessions WHERE number = ?1", [Value::Integer(row.number)]);
        self.run(&[delete, spent]);
    }

    /// It could not be ended: whoever looks next tries again.
    pub(crate) fn leave(&self, row: &Row) {
        self.run(&[Statement::new("UPDATE sessions SET is_left = 1 WHERE number = ?1", [Value::Integer(row.number)])]);
    }

    /// Sessions whose owner is gone, and those that could not be ended.
    pub(crate) fn abandoned(&self) -> Vec<Row> {
        let Some(answers) = self.run(&[
            Statement::new("DELETE FROM sessions WHERE until < ?1", [Value::Integer(seconds())]),
            Statement::new("SELECT id, machine, namespace, process, started FROM owners", []),
            Statement::new(
                "SELECT number, owner, vendor, room, identity, tag, session, until, is_left FROM sessions ORDER BY number",
                [],
            ),
        ]) else {
            return Vec::new();
        };
        let gone: BTreeMap<String, bool> = answers[1].iter().filter_map(|row| owner(row)).collect();
        let rows = answers[2].iter().filter_map(|row| session(row));
        let abandoned = rows.filter(|(owner, is_left, _)| match gone.get(owner) {
            Some(true) | None => true,
            Some(false) => *is_left && *owner == self.owner,
        });
        let abandoned: Vec<Row> = abandoned.map(|(owner, _, row)| Row { is_own: owner == self.owner, ..row }).collect();
        // An owner is remembered as long as it has sessions.
        let forget = "DELETE FROM owners WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM sessions WHERE owner = ?1)";
        let forget = |owner: &String| Statement::new(forget, [owner.as_str().into()]);
        self.run(&gone.iter().filter(|(_, gone)| **gone).map(|(owner, _)| forget(owner)).collect::<Vec<_>>());
        abandoned
    }

    fn run(&self, statements: &[Statement]) -> Option<Vec<Vec<Vec<Value>>>> {
        let store = self.store.as_ref()?;
        // The disk may be slow, and the stage's one thread for tasks has other visitors.
        let answers = tokio::task::block_in_place(|| store.run(statements));
        let answers = answers.inspect_err(|error| tracing::warn!(%error, "sessions of avatars cannot be written down"));
        Some(answers.ok()?.into_iter().map(|answer| answer.rows).collect())
    }
}

/// A row of `owners`: who, and whether it is gone.
fn owner(row: &[Value]) -> Option<(String, bool)> {
    let [
        Value::Text(id),
        Value::Text(machine),
        Value::Text(namespace),
        Value::Integer(number),
        Value::Integer(started),
    ] = row
    else {
        return None;
    };
    let process = Process {
        machine: machine.clone(),
        namespace: namespace.clone(),
        number: u32::try_from(*number).ok()?,
        started: u64::try_from(*started).ok()?,
    };
    Some((id.clone(), is_gone(id, &process)))
}

/// A row of `sessions`: its owner, whether it was left, and the rest.
fn session(row: &[Value]) -> Option<(String, bool, Row)> {
    let [
        Value::Integer(number),
        Value::Text(owner),
        Value::Text(vendor),
        Value::Text(room),
        Value::Text(identity),
        Value::Text(tag),
        session,
        Value::Integer(until),
        Value::Integer(is_left),
    ] = row
    else {
        return None;
    };
    let session = match session {
        Value::Text(session) => Some(session.clone()),
        _ => None,
    };
    let row = Row {
        number: *number,
        billed: 0,
        vendor: vendor.clone(),
        room: room.clone(),
        identity: identity.clone(),
        tag: tag.clone(),
        session,
        until: *until,
        is_own: false,
    };
    Some((owner.clone(), *is_left != 0, row))
}

/// A row of `spent`.
fn billed(row: &[Value]) -> Option<Billed> {
    let [Value::Text(vendor), Value::Integer(began), Value::Integer(until)] = row else { return None };
    Some(Billed { vendor: vendor.clone(), began: *began, until: *until })
}

fn length(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn random() -> String {
    format!("{:08x}", fastrand::u32(..))
}

fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

use majlis_plugin_api::service::store::{Database, Statement, Value};
use majlis_plugin_api::{Host, Result};

use crate::cache::Key;
use crate::{Phonemes, Sound};

/// The file of the store, which all voices share.
const NAME: &str = "voices";

/// The history of its tables. A released step never changes.
///
/// A sound may name several people and a table has one subject column, so there is a row for each of them. Whoever of them is
/// erased, the sound goes with the row, and with the sound the rows of the others.
const STEPS: [&str; 1] = ["CREATE TABLE sounds (number INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE,
        bytes INTEGER NOT NULL, rate INTEGER NOT NULL, channels INTEGER NOT NULL, phonemes TEXT, samples BLOB NOT NULL);
     CREATE TABLE named (subject TEXT NOT NULL, sound INTEGER NOT NULL REFERENCES sounds (number) ON DELETE CASCADE,
        PRIMARY KEY (subject, sound)) WITHOUT ROWID;
     CREATE INDEX named_by_sound ON named (sound);
     CREATE TRIGGER named_is_erased AFTER DELETE ON named BEGIN DELETE FROM sounds WHERE number = OLD.sound; END"];

/// The columns that say which person a row is about.
const SUBJECTS: [(&str, &str); 1] = [("named", "subject")];

const FIND: &str = "SELECT rate, channels, phonemes, samples FROM sounds WHERE key = ?1";
const PUT: &str = "INSERT INTO sounds (key, bytes, rate, channels, phonemes, samples) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
                   ON CONFLICT (key) DO NOTHING";
const NAMES: &str = "INSERT OR IGNORE INTO named SELECT ?1, number FROM sounds WHERE key = ?2";
/// What lies behind more than the most bytes, counted from the newest.
const SHORTEN: &str = "DELETE FROM sounds WHERE number IN (SELECT number FROM \
                       (SELECT number, SUM(bytes) OVER (ORDER BY number DESC) AS upto FROM sounds) WHERE upto > ?1)";

/// Sounds in the store of the host.
pub(crate) struct Kept {
    file: Database,
    most: i64,
}

impl Kept {
    pub(crate) fn open(host: &Host, most: usize) -> Result<Self> {
        let file = Database::open(host, NAME, &STEPS, &SUBJECTS)?;
        Ok(Self { file, most: whole(most) })
    }

    pub(crate) fn find(&self, key: &Key) -> Result<Option<Sound>> {
        let rows = self.file.query(FIND, [text(key)])?;
        Ok(rows.into_iter().next().and_then(sound))
    }

    /// Keeps a sound that names these people; the oldest make room.
    pub(crate) fn keep(&self, key: &Key, subjects: &[String], sound: &Sound) -> Result<()> {
        let phonemes = sound.phonemes.as_ref().map(serde_json::to_string).transpose()?;
        let put = [
            text(key),
            Value::Integer(whole(sound.bytes())),
            sound.rate.into(),
            u32::from(sound.channels).into(),
            phonemes.map_or(Value::Null, Value::from),
            Value::Blob(sound.samples.clone()),
        ];
        let named = subjects.iter().map(|subject| Statement::new(NAMES, [subject.as_str().into(), text(key)]));
        let mut statements = vec![Statement::new(PUT, put)];
        statements.extend(named);
        statements.push(Statement::new(SHORTEN, [Value::Integer(self.most)]));
        self.file.run(&statements).map(drop)
    }
}

fn text(key: &Key) -> Value {
    key.0.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

fn whole(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A row as a sound. None when it is of other columns than [`FIND`], or no sound.
fn sound(row: Vec<Value>) -> Option<Sound> {
    let row: [Value; 4] = row.try_into().ok()?;
    let [Value::Integer(rate), Value::Integer(channels), phonemes, Value::Blob(samples)] = row else { return None };
    let phonemes: Option<Phonemes> = match phonemes {
        Value::Text(text) => Some(serde_json::from_str(&text).ok()?),
        _ => None,
    };
    let sound = Sound { rate: u32::try_from(rate).ok()?, channels: u16::try_from(channels).ok()?, samples, phonemes };
    (sound.rate > 0 && sound.channels > 0).then_some(sound)
}

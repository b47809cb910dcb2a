//! Who is enrolled, in the host's store: two tables, and the gallery that is made of them.

use majlis_plugin_api::service::store::{Database, Statement, Value};
use majlis_plugin_api::{Host, Result};

use crate::consent::Consent;
use crate::gallery::{Gallery, ModelId, Names, Person, Policy, Template};

const STEPS: [&str; 3] = [
    "CREATE TABLE people (
        id TEXT PRIMARY KEY, name_ar TEXT NOT NULL, name_speak TEXT NOT NULL, name_latin TEXT NOT NULL,
        given INTEGER NOT NULL, text TEXT NOT NULL, until INTEGER,
        recognise INTEGER NOT NULL, announce INTEGER NOT NULL, name_sent_to TEXT NOT NULL, changed INTEGER NOT NULL)",
    "CREATE TABLE templates (number INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, template BLOB NOT NULL)",
    "CREATE INDEX templates_of_a_person ON templates (person)",
];
const SUBJECTS: [(&str, &str); 2] = [("people", "id"), ("templates", "person")];

/// Differs after every change that the gallery has to follow, an erasure by somebody else included.
const STATE: &str = "SELECT (SELECT count(*) FROM people), (SELECT coalesce(max(changed), 0) FROM people), \
                     (SELECT count(*) FROM templates), (SELECT coalesce(max(number), 0) FROM templates)";

const ALL: &str = "SELECT p.id, p.name_ar, p.name_speak, p.name_latin, p.given, p.text, p.until, p.recognise, p.announce, \
                   p.name_sent_to, t.template FROM people p JOIN templates t ON t.person = p.id ORDER BY t.number";

const PUT: &str = "INSERT INTO people VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
                   (SELECT coalesce(max(changed), 0) + 1 FROM people)) \
                   ON CONFLICT (id) DO UPDATE SET name_ar = ?2, name_speak = ?3, name_latin = ?4, given = ?5, text = ?6, \
                   until = ?7, recognise = ?8, announce = ?9, name_sent_to = ?10, changed = excluded.changed";

/// The people of one file of the store.
pub(crate) struct People {
    database: Database,
    state: Vec<Value>,
    gallery: Gallery,
}

impl People {
    /// Opens the file `name` of the store; makes its tables where they are missing.
    pub(crate) fn open(host: &Host, name: &str, model: &ModelId, policy: Policy) -> Result<Self> {
        let database = Database::open(host, name, &STEPS, &SUBJECTS)?;
        let mut people = Self { database, state: Vec::new(), gallery: Gallery::new(model.clone(), policy) };
        people.follow()?;
        Ok(people)
    }

    /// They as of the last [`People::follow`].
    pub(crate) fn gallery(&self) -> &Gallery {
        &self.gallery
    }

    /// Reads them anew if anybody was added, changed or erased since the last time.
    pub(crate) fn follow(&mut self) -> Result<()> {
        let state = self.database.query(STATE, [])?.into_iter().next().unwrap_or_default();
        if state == self.state {
            return Ok(());
        }
        let model = self.gallery.model().clone();
        let mut gallery = Gallery::new(model.clone(), self.gallery.policy());
        let (mut foreign, mut damaged) = (0_u32, 0_u32);
        for row in self.database.query(ALL, [])? {
            match read(row) {
                Some((person, template)) if *template.model() == model => gallery.add(person, &template)?,
                Some(_) => foreign += 1,
                None => damaged += 1,
            }
        }
        if foreign > 0 {
            tracing::warn!(
                foreign,
                "embeddings of another model are passed over: those people have to be enrolled again"
            );
        }
        if damaged > 0 {
            tracing::warn!(damaged, "stored embeddings that cannot be read are passed over");
        }
        self.state = state;
        self.gallery = gallery;
        Ok(())
    }

    /// Nobody with this id is recognised any more, whatever the store says of that.
    pub(crate) fn forget(&mut self, id: &str) {
        self.gallery.forget(id);
    }

    /// Keeps a person and one more embedding.
    pub(crate) fn add(&mut self, person: &Person, template: &Template) -> Result<()> {
        let consent = &person.consent;
        let names = &person.names;
        let put = Statement::new(
            PUT,
            [
                person.id.as_str().into(),
                names.arabic.as_str().into(),
                names.spoken.as_str().into(),
                names.latin.as_str().into(),
                integer(consent.given),
                consent.text.as_str().into(),
                consent.until.map_or(Value::Null, integer),
                Value::Integer(consent.recognise.into()),
                Value::Integer(consent.announce.into()),
                consent.name_sent_to.join(" ").into(),
            ],
        );
        let insert = "INSERT INTO templates (person, template) VALUES (?1, ?2)";
        let keep = Statement::new(insert, [person.id.as_str().into(), template.to_bytes().into()]);
        self.database.run(&[put, keep])?;
        self.follow()
    }
}

fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn read(row: Vec<Value>) -> Option<(Person, Template)> {
    use Value::{Blob, Integer, Null, Text};
    let row: [Value; 11] = row.try_into().ok()?;
    let [
        Text(id),
        Text(arabic),
        Text(spoken),
        Text(latin),
        Integer(given),
        Text(text),
        until,
        Integer(recognise),
        Integer(announce),
        Text(sent),
        Blob(template),
    ] = row
    else {
        return None;
    };
    let until = match until {
        Null => None,
        // What cannot be read as a time has ended.
        Integer(until) => Some(u64::try_from(until).unwrap_or(0)),
        _ => return None,
    };
    let consent = Consent {
        given: u64::try_from(given).ok()?,
        text,
        until,
        recognise: recognise != 0,
        announce: announce != 0,
        name_sent_to: sent.split_whitespace().map(Into::into).collect(),
    };
    let person = Person { id, names: Names { arabic, spoken, latin }, consent };
    Some((person, Template::from_bytes(&template).ok()?))
}

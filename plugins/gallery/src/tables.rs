//! The tables of people in a file of the host's store, and rows as what they mean.

use majlis_plugin_api::service::store::Value;

use crate::announce::Announce;
use crate::consent::Consent;
use crate::person::{Names, Person};

/// The history of the tables. A released step never changes.
pub(crate) const STEPS: [&str; 9] = [
    "CREATE TABLE people (
        id TEXT PRIMARY KEY, name_ar TEXT NOT NULL, name_speak TEXT NOT NULL, name_latin TEXT NOT NULL,
        given INTEGER NOT NULL, text TEXT NOT NULL, until INTEGER,
        recognise INTEGER NOT NULL, announce INTEGER NOT NULL, name_sent_to TEXT NOT NULL, changed INTEGER NOT NULL)",
    "CREATE TABLE templates (number INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL, template BLOB NOT NULL)",
    "CREATE INDEX templates_of_a_person ON templates (person)",
    "ALTER TABLE people ADD COLUMN title TEXT NOT NULL DEFAULT '';
     ALTER TABLE people ADD COLUMN gender TEXT NOT NULL DEFAULT '';
     ALTER TABLE people ADD COLUMN language TEXT NOT NULL DEFAULT '';
     ALTER TABLE people ADD COLUMN announced_by TEXT NOT NULL DEFAULT 'name';
     ALTER TABLE people ADD COLUMN precedence INTEGER;
     ALTER TABLE people ADD COLUMN notes TEXT NOT NULL DEFAULT '';
     ALTER TABLE people ADD COLUMN given_by TEXT NOT NULL DEFAULT '';
     ALTER TABLE people ADD COLUMN guardian TEXT NOT NULL DEFAULT ''",
    // A template's own bytes name its model, at this place.
    "ALTER TABLE templates ADD COLUMN model TEXT NOT NULL DEFAULT '';
     ALTER TABLE templates ADD COLUMN crop INTEGER;
     UPDATE templates SET model = CAST(substr(template, 5, 64) AS TEXT)",
    "CREATE TABLE crops (number INTEGER PRIMARY KEY AUTOINCREMENT, person TEXT NOT NULL,
        width INTEGER NOT NULL, height INTEGER NOT NULL, rgb BLOB NOT NULL);
     CREATE INDEX crops_of_a_person ON crops (person)",
    "CREATE TABLE keys (name TEXT PRIMARY KEY, value BLOB NOT NULL);
     CREATE TABLE forgotten (mark BLOB PRIMARY KEY) WITHOUT ROWID",
    // Triggers also see what an erasure by the host deletes, from whichever process.
    "CREATE TABLE changes (number INTEGER NOT NULL);
     INSERT INTO changes VALUES (1);
     CREATE TRIGGER person_added AFTER INSERT ON people BEGIN UPDATE changes SET number = number + 1; END;
     CREATE TRIGGER person_changed AFTER UPDATE ON people BEGIN UPDATE changes SET number = number + 1; END;
     CREATE TRIGGER person_removed AFTER DELETE ON people BEGIN UPDATE changes SET number = number + 1; END;
     CREATE TRIGGER template_added AFTER INSERT ON templates BEGIN UPDATE changes SET number = number + 1; END;
     CREATE TRIGGER template_removed AFTER DELETE ON templates BEGIN UPDATE changes SET number = number + 1; END",
    // What a running stage is asked for, and answers. No column of an answer may be missing: an answer to a request that is
    // gone is refused by that.
    "CREATE TABLE requests (number INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, person TEXT NOT NULL,
        stage TEXT NOT NULL, until INTEGER NOT NULL, taken INTEGER NOT NULL DEFAULT 0, arguments TEXT NOT NULL);
     CREATE TABLE answers (request INTEGER NOT NULL UNIQUE, token TEXT NOT NULL, person TEXT NOT NULL, answer TEXT NOT NULL)",
];

/// The columns that say which person a row is about.
pub(crate) const PEOPLE: [(&str, &str); 5] =
    [("people", "id"), ("templates", "person"), ("crops", "person"), ("requests", "person"), ("answers", "person")];

/// The columns by which rows can be erased: those, and what a request is called.
pub(crate) const SUBJECTS: [(&str, &str); 7] =
    [PEOPLE[0], PEOPLE[1], PEOPLE[2], PEOPLE[3], PEOPLE[4], ("requests", "token"), ("answers", "token")];

/// The columns of a person, in the order of [`row`] and [`person`].
pub(crate) const PERSON: &str = "id, name_ar, name_speak, name_latin, given, text, until, recognise, announce, \
                                 name_sent_to, title, gender, language, announced_by, precedence, notes, given_by, guardian";

/// Adds a person, or brings one up to date.
pub(crate) const PUT: &str = "INSERT INTO people (id, name_ar, name_speak, name_latin, given, text, until, recognise, \
    announce, name_sent_to, title, gender, language, announced_by, precedence, notes, given_by, guardian, changed) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, 0) \
    ON CONFLICT (id) DO UPDATE SET name_ar = ?2, name_speak = ?3, name_latin = ?4, given = ?5, text = ?6, until = ?7, \
    recognise = ?8, announce = ?9, name_sent_to = ?10, title = ?11, gender = ?12, language = ?13, announced_by = ?14, \
    precedence = ?15, notes = ?16, given_by = ?17, guardian = ?18";

pub(crate) fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A person as a row.
pub(crate) fn row(person: &Person) -> [Value; 18] {
    let (consent, names) = (&person.consent, &person.names);
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
        person.title.as_str().into(),
        person.gender.as_str().into(),
        person.language.as_str().into(),
        person.announce.word().into(),
        person.precedence.map_or(Value::Null, Value::from),
        person.notes.as_str().into(),
        consent.given_by.as_str().into(),
        consent.guardian.as_str().into(),
    ]
}

/// A row as a person. None when it is of other columns than [`PERSON`].
pub(crate) fn person(row: Vec<Value>) -> Option<Person> {
    use Value::{Integer, Null, Text};
    let row: [Value; 18] = row.try_into().ok()?;
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
        Text(title),
        Text(gender),
        Text(language),
        Text(announced_by),
        precedence,
        Text(notes),
        Text(given_by),
        Text(guardian),
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
    let precedence = match precedence {
        Integer(place) => u32::try_from(place).ok(),
        _ => None,
    };
    let consent = Consent {
        given: u64::try_from(given).ok()?,
        text,
        given_by,
        guardian,
        until,
        recognise: recognise != 0,
        announce: announce != 0,
        name_sent_to: sent.split_whitespace().map(Into::into).collect(),
    };
    // A word of a later version says nothing that this one may say aloud.
    let announce = if consent.announce { Announce::of_word(&announced_by).unwrap_or_default() } else { Announce::None };
    let names = Names { arabic, spoken, latin };
    Some(Person { id, names, title, gender, language, announce, precedence, notes, consent })
}

//! Who is enrolled, in a file of the host's store.

use majlis_plugin_api::service::store::{self, Database, Statement, Value};
use majlis_plugin_api::{Host, Result};

use crate::consent::Timestamp;
use crate::crop::Crop;
use crate::gallery::Gallery;
use crate::person::Person;
use crate::record::{Kept, Look};
use crate::request::Requests;
use crate::tables::{self, PEOPLE, PERSON, PUT, STEPS, SUBJECTS};
use crate::template::{ModelId, Template};
use crate::tombstone::Marks;

/// The people of one file of the store. Every call is one transaction; other processes may do the same beside it.
pub struct People {
    host: Host,
    database: Database,
    marks: Marks,
}

/// What stands about a person in a list.
pub(crate) struct Listed {
    pub(crate) person: Person,
    pub(crate) vectors: u32,
    /// Of the model that is in use.
    pub(crate) usable: u32,
    pub(crate) crops: u32,
}

/// A face turned upright that has no vector of a model.
pub(crate) struct Unread {
    pub(crate) number: i64,
    pub(crate) crop: Crop,
}

impl People {
    /// Opens the file `name` of the store; makes its tables where they are missing, and brings older ones up to date.
    ///
    /// # Errors
    /// What the store says.
    pub fn open(host: &Host, name: &str) -> Result<Self> {
        let database = Database::open(host, name, &STEPS, &SUBJECTS)?;
        let marks = Marks::of(&database)?;
        Ok(Self { host: host.clone(), database, marks })
    }

    /// A number that differs after every change, by whomever.
    pub(crate) fn change(&self) -> Result<Option<Value>> {
        let rows = self.database.query("SELECT number FROM changes", [])?;
        Ok(rows.into_iter().flatten().next())
    }

    /// Everybody who may be recognised and has vectors of this model, in the order of enrolment.
    ///
    /// # Errors
    /// What the store says.
    pub fn gallery(&self, model: &ModelId) -> Result<Gallery> {
        let templates = "SELECT person, template FROM templates WHERE model = ?1 ORDER BY number";
        let answers = self.database.run(&[
            Statement::new(format!("SELECT {PERSON} FROM people WHERE recognise = 1"), []),
            Statement::new(templates, [model.sha256.as_str().into()]),
        ])?;
        let mut answers = answers.into_iter().map(|answer| answer.rows);
        let (people, templates) = (answers.next().unwrap_or_default(), answers.next().unwrap_or_default());
        let people: std::collections::HashMap<String, Person> =
            people.into_iter().filter_map(tables::person).map(|person| (person.id.clone(), person)).collect();
        let mut gallery = Gallery::new(model.clone());
        let mut damaged = 0_u32;
        for row in templates {
            let [Value::Text(id), Value::Blob(template)] = &row[..] else { continue };
            let Some(person) = people.get(id) else { continue };
            match Template::from_bytes(template) {
                Ok(template) if template.model() == model => gallery.add(person.clone(), &template)?,
                _ => damaged += 1,
            }
        }
        if damaged > 0 {
            tracing::warn!(damaged, "stored embeddings that cannot be read are passed over");
        }
        Ok(gallery)
    }

    /// Everybody, those without consent or vectors included, by id.
    pub(crate) fn listed(&self, model: &ModelId) -> Result<Vec<Listed>> {
        let counts = "(SELECT count(*) FROM templates WHERE person = id), \
                      (SELECT count(*) FROM templates WHERE person = id AND model = ?1), \
                      (SELECT count(*) FROM crops WHERE person = id)";
        let sql = format!("SELECT {counts}, {PERSON} FROM people ORDER BY id");
        let rows = self.database.query(&sql, [model.sha256.as_str().into()])?;
        let listed = rows.into_iter().filter_map(|mut row| {
            let person = row.split_off(3);
            let count = |value: &Value| match value {
                Value::Integer(count) => u32::try_from(*count).unwrap_or(u32::MAX),
                _ => 0,
            };
            Some(Listed {
                vectors: count(row.first()?),
                usable: count(row.get(1)?),
                crops: count(row.get(2)?),
                person: tables::person(person)?,
            })
        });
        Ok(listed.collect())
    }

    /// One person, without what recognition needs.
    pub(crate) fn person(&self, id: &str) -> Result<Option<Person>> {
        let rows = self.database.query(&format!("SELECT {PERSON} FROM people WHERE id = ?1"), [id.into()])?;
        Ok(rows.into_iter().next().and_then(tables::person))
    }

    /// All that is kept of a person.
    ///
    /// # Errors
    /// What the store says.
    pub fn kept(&self, id: &str) -> Result<Option<Kept>> {
        let answers = self.database.run(&[
            Statement::new(format!("SELECT {PERSON} FROM people WHERE id = ?1"), [id.into()]),
            Statement::new(
                "SELECT number, width, height, rgb FROM crops WHERE person = ?1 ORDER BY number",
                [id.into()],
            ),
            Statement::new("SELECT template, crop FROM templates WHERE person = ?1 ORDER BY number", [id.into()]),
        ])?;
        let mut answers = answers.into_iter().map(|answer| answer.rows);
        let person = answers.next().and_then(|rows| rows.into_iter().next()).and_then(tables::person);
        let Some(person) = person else { return Ok(None) };
        let (crops, templates) = (answers.next().unwrap_or_default(), answers.next().unwrap_or_default());
        let mut looks: Vec<(Option<i64>, Look)> = Vec::new();
        for row in crops {
            let number = match row.first() {
                Some(Value::Integer(number)) => Some(*number),
                _ => None,
            };
            looks.push((number, Look { templates: Vec::new(), crop: crop(row.into_iter().skip(1)) }));
        }
        for row in templates {
            let Some(Value::Blob(bytes)) = row.first() else { continue };
            let Ok(template) = Template::from_bytes(bytes) else { continue };
            let of_crop = match row.get(1) {
                Some(Value::Integer(crop)) => looks.iter_mut().find(|(number, _)| *number == Some(*crop)),
                _ => None,
            };
            match of_crop {
                Some((_, look)) => look.templates.push(template),
                None => looks.push((None, Look { templates: vec![template], crop: None })),
            }
        }
        Ok(Some(Kept { person, looks: looks.into_iter().map(|(_, look)| look).collect() }))
    }

    /// Keeps a person, and adds looks to those that are kept already. Whoever was forgotten before is no longer.
    ///
    /// # Errors
    /// What the store says; then nothing was changed.
    pub fn keep(&self, person: &Person, looks: &[Look]) -> Result<()> {
        self.database.run(&self.keeping(person, looks)).map(drop)
    }

    /// The statements of [`People::keep`].
    pub(crate) fn keeping(&self, person: &Person, looks: &[Look]) -> Vec<Statement> {
        let id = person.id.as_str();
        let mut statements = vec![
            Statement::new(PUT, tables::row(person)),
            Statement::new("DELETE FROM forgotten WHERE mark = ?1", [self.marks.mark(id).into()]),
        ];
        for look in looks {
            if let Some(crop) = &look.crop {
                let sql = "INSERT INTO crops (person, width, height, rgb) VALUES (?1, ?2, ?3, ?4)";
                let values = [id.into(), crop.width.into(), crop.height.into(), crop.rgb.clone().into()];
                statements.push(Statement::new(sql, values));
            }
            for template in &look.templates {
                let number = if look.crop.is_some() { "(SELECT max(number) FROM crops)" } else { "NULL" };
                statements.push(Statement::new(
                    format!("INSERT INTO templates (person, template, model, crop) VALUES (?1, ?2, ?3, {number})"),
                    [id.into(), template.to_bytes().into(), template.model().sha256.as_str().into()],
                ));
            }
        }
        statements
    }

    /// What running stages are asked for.
    pub(crate) fn requests(&self) -> Requests<'_> {
        Requests(&self.database)
    }

    /// Faces turned upright that have no vector of this model yet.
    pub(crate) fn unread(&self, model: &ModelId) -> Result<Vec<Unread>> {
        let sql = "SELECT number, width, height, rgb FROM crops c WHERE NOT EXISTS \
                   (SELECT 1 FROM templates t WHERE t.crop = c.number AND t.model = ?1) ORDER BY number";
        let rows = self.database.query(sql, [model.sha256.as_str().into()])?;
        let unread = rows.into_iter().filter_map(|row| {
            let mut row = row.into_iter();
            let Some(Value::Integer(number)) = row.next() else { return None };
            Some(Unread { number, crop: crop(row)? })
        });
        Ok(unread.collect())
    }

    /// Adds the vector of a face that is kept, unless somebody else did, or the person is gone.
    pub(crate) fn read(&self, unread: &Unread, template: &Template) -> Result<bool> {
        let sql = "INSERT INTO templates (person, template, model, crop) SELECT person, ?2, ?3, number FROM crops \
                   WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM templates WHERE crop = ?1 AND model = ?3)";
        let values =
            [Value::Integer(unread.number), template.to_bytes().into(), template.model().sha256.as_str().into()];
        let answers = self.database.run(&[Statement::new(sql, values)])?;
        Ok(answers.first().is_some_and(|answer| answer.changed > 0))
    }

    /// Whether somebody with this id was forgotten.
    ///
    /// # Errors
    /// What the store says.
    pub fn is_forgotten(&self, id: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM forgotten WHERE mark = ?1";
        Ok(!self.database.query(sql, [self.marks.mark(id).into()])?.is_empty())
    }

    /// Ids of those whose consent is over.
    pub(crate) fn expired(&self, now: Timestamp) -> Result<Vec<String>> {
        let sql = "SELECT id FROM people WHERE until IS NOT NULL AND until <= ?1 ORDER BY id";
        let rows = self.database.query(sql, [tables::integer(now)])?;
        Ok(rows
            .into_iter()
            .flatten()
            .filter_map(|value| if let Value::Text(id) = value { Some(id) } else { None })
            .collect())
    }

    /// Removes a person, at once for everybody who follows, and leaves a mark by which an import refuses the id. The bytes
    /// are still on the disk: only [`People::erase`] proves that they are not. The number of rows that went.
    pub(crate) fn forget(&self, id: &str) -> Result<u64> {
        let mut statements: Vec<Statement> = removal(id).into();
        let mark = "INSERT OR IGNORE INTO forgotten SELECT ?1 WHERE EXISTS (SELECT 1 FROM people WHERE id = ?2)";
        statements.insert(0, Statement::new(mark, [self.marks.mark(id).into(), id.into()]));
        Ok(self.database.run(&statements)?.iter().skip(1).map(|answer| answer.changed).sum())
    }

    /// The same of several people, without a mark: whose consent is over may agree again.
    pub(crate) fn remove(&self, ids: &[String]) -> Result<()> {
        let statements: Vec<Statement> = ids.iter().flat_map(|id| removal(id)).collect();
        if statements.is_empty() { Ok(()) } else { self.database.run(&statements).map(drop) }
    }

    /// Erases what is left of a person in every file of the store, whoever keeps it. The number of rows.
    ///
    /// # Errors
    /// It could not be proved within ten seconds.
    pub(crate) fn erase(&self, id: &str) -> Result<u64> {
        store::erase(&self.host, id)
    }
}

fn removal(id: &str) -> [Statement; 5] {
    PEOPLE.map(|(table, column)| Statement::new(format!("DELETE FROM {table} WHERE {column} = ?1"), [id.into()]))
}

fn crop(mut row: impl Iterator<Item = Value>) -> Option<Crop> {
    let (Some(Value::Integer(width)), Some(Value::Integer(height)), Some(Value::Blob(rgb))) =
        (row.next(), row.next(), row.next())
    else {
        return None;
    };
    Some(Crop { rgb, width: u32::try_from(width).ok()?, height: u32::try_from(height).ok()? })
}

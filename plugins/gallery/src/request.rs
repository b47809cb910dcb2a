//! Requests to a running stage, in the store: *enrol the person whom your camera sees*.
//!
//! The operator's command and the show are two processes that have nothing in common but the store. So the command leaves a
//! request there, with the person's data and consent, and the show leaves the answer; both are deleted when the answer is
//! read. Who is enrolled and that the request is answered is one transaction, which fails if the request is gone: what the
//! operator was told is what was done, whoever is slow or killed.

use majlis_plugin_api::service::store::{self, Database, Statement, Value as Cell};
use majlis_plugin_api::{Error, Result, Value};
use serde_json::json;

use crate::consent::Timestamp;
use crate::tombstone::random;

/// How long after its end a request may lie there before somebody sweeps it: its command was killed.
const FORSAKEN: u64 = 60;

/// A request that a stage has taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) number: i64,
    /// What `enrol` was asked, as it was typed.
    pub(crate) arguments: Value,
    /// From then on nobody waits for it.
    pub(crate) until: Timestamp,
}

/// A request as the command knows it that made it.
pub(crate) struct Asked {
    number: i64,
    /// Stands in every row about it, and nowhere else: what is erased by it is erased whoever the person is.
    token: String,
}

/// What became of a request.
pub(crate) enum Told {
    /// No running stage has taken it.
    Untaken,
    /// One has, and has not answered.
    Taken,
    /// The answer: of `enrol`, or why not.
    Answer(Result<Value>),
}

/// The requests of a file of the store.
pub(crate) struct Requests<'a>(pub(crate) &'a Database);

impl Requests<'_> {
    /// Leaves a request for a stage.
    pub(crate) fn ask(&self, stage: &str, person: &str, arguments: &Value, until: Timestamp) -> Result<Asked> {
        let mut bytes = [0; 16];
        random(&mut bytes)?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let sql = "INSERT INTO requests (token, person, stage, until, arguments) VALUES (?1, ?2, ?3, ?4, ?5)";
        let values = [
            token.as_str().into(),
            person.into(),
            stage.into(),
            crate::tables::integer(until),
            arguments.to_string().into(),
        ];
        let number = Statement::new("SELECT number FROM requests WHERE token = ?1", [token.as_str().into()]);
        let answers = self.0.run(&[Statement::new(sql, values), number])?;
        match answers.into_iter().flat_map(|answer| answer.rows).flatten().next() {
            Some(Cell::Integer(number)) => Ok(Asked { number, token }),
            _ => Err(Error::new("the store did not keep the request")),
        }
    }

    /// What became of it. An answer is there once: whoever reads it deletes it and the request.
    pub(crate) fn told(&self, asked: &Asked) -> Result<Told> {
        let number = || [Cell::Integer(asked.number)];
        let seen = self.0.run(&[
            Statement::new("SELECT taken FROM requests WHERE number = ?1", number()),
            Statement::new("SELECT answer FROM answers WHERE request = ?1", number()),
        ])?;
        let cell = |at: usize| seen.get(at).and_then(|answer| answer.rows.first()?.first());
        match (cell(0), cell(1)) {
            (_, Some(Cell::Text(answer))) => {
                let answer: Value = serde_json::from_str(answer)?;
                self.0.run(&removal(asked.number))?;
                Ok(Told::Answer(read(answer)))
            }
            (Some(Cell::Integer(0)), None) => Ok(Told::Untaken),
            (Some(_), _) => Ok(Told::Taken),
            // Whoever is forgotten meanwhile takes the request along.
            (None, _) => Ok(Told::Answer(Err(Error::new("the person was forgotten meanwhile: nobody was enrolled")))),
        }
    }

    /// Takes a request back. An answer that came in the meantime stands.
    pub(crate) fn withdraw(&self, asked: &Asked) -> Result<Option<Result<Value>>> {
        let answer = Statement::new("SELECT answer FROM answers WHERE request = ?1", [Cell::Integer(asked.number)]);
        let [request, of_request] = removal(asked.number);
        let seen = self.0.run(&[request, answer, of_request])?;
        match seen.into_iter().nth(1).and_then(|answer| answer.rows.into_iter().flatten().next()) {
            Some(Cell::Text(answer)) => Ok(Some(read(serde_json::from_str(&answer)?))),
            _ => Ok(None),
        }
    }

    /// The next request for a stage, which nobody else gets now. `takes`: whether the stage sees anything; without it, what
    /// nobody waits for any more is still swept away.
    pub(crate) fn take(&self, stage: &str, takes: bool, now: Timestamp) -> Result<(Option<Request>, Vec<String>)> {
        let rows = self.0.query("SELECT number, token, stage, until, taken, arguments FROM requests", [])?;
        let (mut found, mut forsaken) = (None, Vec::new());
        for row in rows {
            let [
                Cell::Integer(number),
                Cell::Text(token),
                Cell::Text(of_stage),
                Cell::Integer(until),
                Cell::Integer(taken),
                Cell::Text(arguments),
            ] = &row[..]
            else {
                continue;
            };
            let until = u64::try_from(*until).unwrap_or(0);
            if until + FORSAKEN < now {
                forsaken.push(token.clone());
            } else if takes && found.is_none() && *taken == 0 && of_stage == stage && now < until {
                // What is no JSON was not left there by a command.
                let Ok(arguments) = serde_json::from_str(arguments) else { continue };
                found = Some(Request { number: *number, arguments, until });
            }
        }
        let Some(request) = found else { return Ok((None, forsaken)) };
        let sql = "UPDATE requests SET taken = 1 WHERE number = ?1 AND taken = 0";
        let taken = self.0.run(&[Statement::new(sql, [Cell::Integer(request.number)])])?;
        let mine = taken.first().is_some_and(|answer| answer.changed > 0);
        Ok((mine.then_some(request), forsaken))
    }

    /// Answers a request, and does `statements` in the same transaction: all of it, or nothing, if nobody waits for it.
    pub(crate) fn answer(&self, number: i64, answer: &Result<Value>, statements: Vec<Statement>) -> Result<()> {
        let written = match answer {
            Ok(value) => json!({ "done": value }),
            Err(error) => json!({ "refused": error.to_string(), "path": error.path() }),
        };
        // Without the request its columns are NULL, which the table refuses, and with it everything else.
        let sql = "INSERT INTO answers (request, token, person, answer) SELECT number, token, person, ?2 \
                   FROM (SELECT ?1 AS wanted) LEFT JOIN requests ON number = wanted";
        let answered = Statement::new(sql, [Cell::Integer(number), written.to_string().into()]);
        let all: Vec<Statement> = [answered].into_iter().chain(statements).collect();
        self.0.run(&all).map(drop)
    }
}

/// Erases what is left of a request by which nobody was enrolled.
pub(crate) fn erase(host: &majlis_plugin_api::Host, asked: &Asked) -> Result<()> {
    store::erase(host, &asked.token).map(drop)
}

fn removal(number: i64) -> [Statement; 2] {
    ["DELETE FROM requests WHERE number = ?1", "DELETE FROM answers WHERE request = ?1"]
        .map(|sql| Statement::new(sql, [Cell::Integer(number)]))
}

fn read(answer: Value) -> Result<Value> {
    if let Some(why) = answer["refused"].as_str() {
        let path = answer["path"].as_str().unwrap_or_default();
        return Err(if path.is_empty() { Error::new(why) } else { Error::config(path, why) });
    }
    Ok(answer["done"].clone())
}

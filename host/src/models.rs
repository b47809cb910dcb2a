//! `majlis models`: the packs, in words and exit codes. What there is to know of them is in their own crate.

mod onlooker;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use indicatif::DecimalBytes;
use majlis_models::{
    Accepted, Card, CardFile, Entry, Error, FileState, Found, PackState, Places, Settings, Shelf, Terms, at_a_glance,
    import, pull, remove, verify,
};
use serde_json::{Value, json};

use self::onlooker::Onlooker;
use crate::cli::ModelsVerb;
use crate::talk::{self, Problem};
use crate::{Exit, folders};

pub(crate) fn models(verb: &ModelsVerb) -> Exit {
    let places = folders::models();
    let shelf = Shelf::of(&places);
    let (as_json, done) = match verb {
        ModelsVerb::List { json } => (*json, Ok(list(&shelf, &places, *json))),
        ModelsVerb::Show { pack, json } => (*json, shelf.entry(pack).map(|entry| show(entry, &places, *json))),
        ModelsVerb::Verify { packs, json } => (*json, verified(&shelf, packs, &places, *json)),
        ModelsVerb::Pull { pack, accept_licence, from } => {
            (false, shelf.entry(pack).and_then(|entry| pulled(&entry.card, *accept_licence, from.as_deref(), &places)))
        }
        ModelsVerb::Import { pack, files } => {
            (false, shelf.entry(pack).and_then(|entry| imported(&entry.card, files, &places)))
        }
        ModelsVerb::Remove { pack } => (false, shelf.entry(pack).and_then(|entry| removed(&entry.card, &places))),
    };
    done.unwrap_or_else(|error| failed(&error, as_json))
}

/// What went wrong, once: here an error of the packs becomes words and an exit code.
fn failed(error: &Error, as_json: bool) -> Exit {
    let mut hint = error.remedy();
    if let Error::Unknown { name, known } = error
        && let Some(meant) = nearest(name, known)
    {
        hint += &format!("; did you mean `{meant}`?");
    }
    Problem { code: error.code(), message: error.to_string(), hint }.tell(as_json, None);
    match error {
        Error::Unknown { .. } | Error::Address { .. } => Exit::Usage,
        _ => Exit::Failed,
    }
}

/// The name that was probably meant: a third of its letters may be wrong.
fn nearest<'n>(written: &str, known: &'n [String]) -> Option<&'n String> {
    let slips = |name: &&String| strsim::damerau_levenshtein(written, name);
    known.iter().min_by_key(slips).filter(|name| slips(name) <= (name.len().max(written.len()) / 3).max(1))
}

fn list(shelf: &Shelf, places: &Places, as_json: bool) -> Exit {
    if as_json {
        let packs: Value =
            shelf.entries.iter().map(|entry| of_pack(entry, &at_a_glance(&entry.card, places))).collect();
        let problems: Value =
            shelf.problems.iter().map(|error| json!({ "code": error.code(), "message": error.to_string() })).collect();
        say!("{}", json!({ "packs": packs, "problems": problems }));
        return Exit::Done;
    }
    say!("{:20} {:8} {:>9}  {:14} TITLE", "PACK", "HERE", "SIZE", "COMMERCIAL USE");
    for Entry { card, .. } in &shelf.entries {
        let found = at_a_glance(card, places);
        let commercial = if card.commercial { "yes" } else { "no" };
        let size = DecimalBytes(card.size()).to_string();
        say!("{:20} {:8} {size:>9}  {commercial:14} {}", card.name, found.state().word(), card.title);
        if let (Some(folder), true) = (&found.folder, found.state() != PackState::Absent) {
            say!("{:20} in {}", "", folder.display());
        }
    }
    for error in &shelf.problems {
        Problem { code: error.code(), message: error.to_string(), hint: error.remedy() }.warn();
    }
    Exit::Done
}

fn of_pack(entry: &Entry, found: &Found) -> Value {
    let card = &entry.card;
    json!({
        "name": card.name, "title": card.title, "licence": card.licence, "commercial": card.commercial,
        "origin": card.origin, "size": card.size(), "card": entry.read_from,
        "fetchable": card.files.iter().all(|file| card.address(file).is_some()),
        "state": found.state().word(), "folder": found.folder,
    })
}

fn show(entry: &Entry, places: &Places, as_json: bool) -> Exit {
    let card = &entry.card;
    let found = at_a_glance(card, places);
    let files = || card.files.iter().zip(&found.files);
    if as_json {
        let mut object = of_pack(entry, &found);
        object["match_threshold"] = json!(card.match_threshold);
        object["archive"] = json!(
            card.archive
                .as_ref()
                .map(|archive| { json!({ "url": archive.url, "sha256": archive.sha256, "size": archive.size }) })
        );
        object["files"] = files().map(|(file, state)| of_card(file, state)).collect();
        say!("{object}");
        return Exit::Done;
    }
    say!("{}\n", Terms::of(card));
    if let Some(threshold) = card.match_threshold {
        say!("threshold {threshold}");
    }
    if let Some(archive) = &card.archive {
        say!("archive   {}", archive.url);
    }
    say!("card      {}", entry.read_from.as_deref().map_or("of this program".into(), Path::to_string_lossy));
    say!(
        "here      {}{}",
        found.state().word(),
        found.folder.iter().map(|it| format!(", in {}", it.display())).collect::<String>()
    );
    for (file, state) in files() {
        say!("\n{}  ({}, {}, {})", file.name, file.role, DecimalBytes(file.size), state.word());
        say!("  sha256  {}", file.sha256);
        for (label, text) in [("input", &file.normalisation), ("from", &file.url), ("from", &file.origin)] {
            if let Some(text) = text {
                say!("  {label:7} {text}");
            }
        }
    }
    if found.state() != PackState::Whole {
        talk::notice(&format!("\n{}", what_to_do(card)));
    }
    Exit::Done
}

fn of_card(file: &CardFile, state: &FileState) -> Value {
    json!({
        "name": file.name, "role": file.role, "form": file.form, "normalisation": file.normalisation,
        "size": file.size, "sha256": file.sha256, "licence": file.licence, "origin": file.origin, "url": file.url,
        "state": state.word(),
    })
}

fn what_to_do(card: &Card) -> String {
    let name = &card.name;
    if card.files.iter().all(|file| card.address(file).is_some()) {
        format!("`majlis models pull {name}` fetches it")
    } else {
        format!(
            "`majlis models import {name} FILE…` takes over its files; no address is known from which to fetch them"
        )
    }
}

fn verified(shelf: &Shelf, names: &[String], places: &Places, as_json: bool) -> Result<Exit, Error> {
    let is_here = |entry: &&Entry| at_a_glance(&entry.card, places).state() != PackState::Absent;
    let entries: Vec<&Entry> = if names.is_empty() {
        shelf.entries.iter().filter(is_here).collect()
    } else {
        names.iter().map(|name| shelf.entry(name)).collect::<Result<_, _>>()?
    };
    let packs: Vec<(&Card, Found)> =
        entries.into_iter().map(|entry| (&entry.card, verify(&entry.card, places))).collect();
    let all_whole = packs.iter().all(|(_, found)| found.state() == PackState::Whole);
    if as_json {
        let of_file = |(file, state): (&CardFile, &FileState)| {
            let found = match state {
                FileState::Size(size) => json!(size),
                FileState::Bytes(sum) => json!(sum),
                FileState::Unreadable(reason) => json!(reason),
                _ => Value::Null,
            };
            json!({ "name": file.name, "state": state.word(), "size": file.size, "sha256": file.sha256, "found": found })
        };
        let packs: Value = packs
            .iter()
            .map(|(card, found)| {
                let files: Value = card.files.iter().zip(&found.files).map(of_file).collect();
                json!({ "name": card.name, "state": found.state().word(), "folder": found.folder, "files": files })
            })
            .collect();
        say!("{}", json!({ "packs": packs }));
    } else {
        packs.iter().for_each(|(card, found)| tell(card, found));
        if packs.is_empty() {
            talk::notice("there is no model pack on this machine: `majlis models list` shows those that are known");
        }
    }
    Ok(if all_whole { Exit::Done } else { Exit::Failed })
}

fn tell(card: &Card, found: &Found) {
    let place = found.folder.as_ref().map(|folder| format!(", in {}", folder.display())).unwrap_or_default();
    say!("{}: {}{place}", card.name, found.state().word());
    for (file, state) in card.files.iter().zip(&found.files) {
        let more = match state {
            FileState::Size(size) => format!(": {size} bytes, its card says {}", file.size),
            FileState::Bytes(sum) => format!(": sha256 {sum}, its card says {}", file.sha256),
            FileState::Unreadable(reason) => format!(": {reason}"),
            _ => String::new(),
        };
        say!("  {:10} {}{more}", state.word(), file.name);
    }
    if found.state() != PackState::Whole {
        talk::notice(&what_to_do(card));
    }
}

fn pulled(card: &Card, accepted: bool, from: Option<&str>, places: &Places) -> Result<Exit, Error> {
    let here = verify(card, places);
    here.fetchable(card)?;
    if let (PackState::Whole, Some(folder)) = (here.state(), here.folder) {
        talk::notice(&format!("{} is whole already, in {}", card.name, folder.display()));
        return Ok(Exit::Done);
    }
    let Some(accepted) = asked(card, accepted) else { return Ok(Exit::Licence) };
    let mut onlooker = Onlooker::listening();
    match pull(accepted, places, from, &Settings::default(), &mut onlooker) {
        Ok(pulled) => {
            talk::notice(&format!("{} is whole, in {}", card.name, pulled.folder.display()));
            Ok(Exit::Done)
        }
        Err(error @ Error::Stopped { .. }) => {
            failed(&error, false);
            Ok(onlooker.exit())
        }
        Err(error) => Err(error),
    }
}

/// Shows the licence, and asks where somebody can answer.
fn asked(card: &Card, accepted: bool) -> Option<Accepted<'_>> {
    let terms = Terms::of(card);
    talk::notice(&format!("{terms}"));
    if accepted {
        return Some(terms.accept());
    }
    let refused = |message: String| {
        let hint = "who fetches weights accepts their licence: --accept-licence says so".to_owned();
        Problem { code: "M0201", message, hint }.tell(false, None);
        None
    };
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return refused(format!("the licence of `{}` was not accepted, and nobody can be asked", card.name));
    }
    let _ = write!(std::io::stderr().lock(), "Do you accept this licence? [y/N] ");
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        return Some(terms.accept());
    }
    refused(format!("the licence of `{}` was not accepted", card.name))
}

fn imported(card: &Card, files: &[PathBuf], places: &Places) -> Result<Exit, Error> {
    let mut onlooker = Onlooker::default();
    let imported = import(card, files, places, &Settings::default(), &mut onlooker)?;
    let placed = if imported.placed.is_empty() { "nothing new".to_owned() } else { imported.placed.join(", ") };
    talk::notice(&format!("{}: {placed}, in {}", card.name, imported.folder.display()));
    talk::notice(&format!("licence: {}", card.licence));
    if !imported.missing.is_empty() {
        talk::notice(&format!("still missing: {}", imported.missing.join(", ")));
    }
    Ok(Exit::Done)
}

fn removed(card: &Card, places: &Places) -> Result<Exit, Error> {
    let removed = remove(card, places, &mut Onlooker::default())?;
    for file in &removed.files {
        talk::notice(&format!("removed {}", file.display()));
    }
    for path in &removed.left {
        talk::notice(&format!("left {}: it is not the pack's", path.display()));
    }
    if removed.files.is_empty() {
        talk::notice(&format!("there was nothing of `{}`", card.name));
    }
    Ok(Exit::Done)
}

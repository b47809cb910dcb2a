//! People on their way to and from other stores: exports, which a passphrase opens, and JSON of people enrolled elsewhere.

use std::path::Path;

use majlis_plugin_api::service::store::Value as Cell;
use majlis_plugin_api::{Error, Result, Value, from_cbor, to_cbor};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::announce::Announce;
use crate::applicant::described;
use crate::consent::{Timestamp, today};
use crate::crop::Crop;
use crate::decision::Thresholds;
use crate::enrolment::twin;
use crate::gallery::Gallery;
use crate::people::People;
use crate::record::{Kept, Look};
use crate::tables;
use crate::template::{ModelId, Template};

/// What an export holds, in CBOR, before it is sealed.
#[derive(Serialize, Deserialize)]
struct Archive {
    format: String,
    people: Vec<Archived>,
}

const FORMAT: &str = "majlis/people@1";

/// A person: the columns of the table in its order, and each look.
#[derive(Serialize, Deserialize)]
struct Archived {
    person: Vec<Cell>,
    looks: Vec<ArchivedLook>,
}

#[derive(Serialize, Deserialize)]
struct ArchivedLook {
    templates: Vec<Cell>,
    /// Width, height, bytes.
    crop: Option<[Cell; 3]>,
}

impl Archived {
    fn of(kept: &Kept) -> Self {
        let look = |look: &Look| ArchivedLook {
            templates: look.templates.iter().map(|template| template.to_bytes().into()).collect(),
            crop: look.crop.as_ref().map(|crop| [crop.width.into(), crop.height.into(), crop.rgb.clone().into()]),
        };
        Self { person: tables::row(&kept.person).into(), looks: kept.looks.iter().map(look).collect() }
    }

    fn kept(self) -> Option<Kept> {
        let look = |look: ArchivedLook| {
            let template = |cell: Cell| match cell {
                Cell::Blob(bytes) => Template::from_bytes(&bytes).ok(),
                _ => None,
            };
            let crop = match look.crop {
                None => None,
                Some([Cell::Integer(width), Cell::Integer(height), Cell::Blob(rgb)]) => {
                    Some(Crop { rgb, width: u32::try_from(width).ok()?, height: u32::try_from(height).ok()? })
                }
                Some(_) => return None,
            };
            Some(Look { templates: look.templates.into_iter().map(template).collect::<Option<_>>()?, crop })
        };
        let looks = self.looks.into_iter().map(look).collect::<Option<_>>()?;
        Some(Kept { person: tables::person(self.person)?, looks })
    }
}

/// JSON of people who enrolled elsewhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Elsewhere {
    /// The sha256 of the model that made the vectors.
    model: String,
    people: Vec<Foreign>,
}

described! {
    /// A person who enrolled elsewhere; without consent they stay inactive.
    struct Foreign {
        announce = "not_at_all";
        id: String,
        /// Of length 1, one a photograph.
        vectors: Vec<Vec<f32>>,
        /// The text that the person agreed to: its name and version.
        #[serde(default)]
        consent: String,
        /// When, in seconds since 1970. Without it: now.
        #[serde(default)]
        given: Option<Timestamp>,
    }
}

fn not_at_all() -> Announce {
    Announce::None
}

/// Everybody of the store, as the bytes of an archive, and how many.
pub(crate) fn archive(people: &People, model: &ModelId) -> Result<(Vec<u8>, usize)> {
    let mut archive = Archive { format: FORMAT.into(), people: Vec::new() };
    for listed in people.listed(model)? {
        // Erased since the list was made.
        let Some(kept) = people.kept(&listed.person.id)? else { continue };
        archive.people.push(Archived::of(&kept));
    }
    Ok((to_cbor(&archive)?, archive.people.len()))
}

/// The people of an archive.
pub(crate) fn archived(bytes: &[u8]) -> Result<Vec<Kept>> {
    let archive: Archive = from_cbor(bytes).map_err(|error| error.within("the export cannot be read"))?;
    if archive.format != FORMAT {
        return Err(Error::new(format!(
            "the export is of the format `{}`; this version reads {FORMAT}",
            archive.format
        )));
    }
    let kept = archive.people.into_iter().map(Archived::kept).collect::<Option<_>>();
    kept.ok_or_else(|| Error::new("the export is damaged"))
}

/// The people of a JSON text.
pub(crate) fn elsewhere(text: &[u8], now: Timestamp) -> Result<Vec<Kept>> {
    let file: Elsewhere = serde_json::from_slice(text)
        .map_err(|error| Error::from(error).within("the file is no export, and no JSON of people either"))?;
    let mut kept = Vec::new();
    for (index, foreign) in file.people.iter().enumerate() {
        let place = |key: &str| format!("people[{index}].{key}");
        let applicant = foreign.described(&foreign.id, &foreign.consent, foreign.given.unwrap_or(now));
        let agreed = !foreign.consent.trim().is_empty();
        let person = if agreed { applicant.person() } else { applicant.inactive() };
        let person = person.map_err(|error| Error::config(place(error.path()), error.to_string()))?;
        let look = |unit: &Vec<f32>| {
            let template = Template::of_unit(&file.model, unit.clone())?;
            Ok(Look { templates: vec![template], crop: None })
        };
        let looks = foreign.vectors.iter().map(look).collect::<crate::error::Result<Vec<Look>>>();
        kept.push(Kept { person, looks: looks.map_err(|error| Error::config(place("vectors"), error.to_string()))? });
    }
    Ok(kept)
}

/// Keeps these people, except those who were forgotten, whose consent is over, who are here already, or who are enrolled
/// under another id.
pub(crate) fn import(
    incoming: Vec<Kept>,
    people: &People,
    galleries: &[&Gallery],
    thresholds: &Thresholds,
    model: &ModelId,
) -> Result<Value> {
    let (mut imported, mut inactive, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    let mut arrived = Gallery::new(model.clone());
    for Kept { person, looks } in incoming {
        let id = person.id.clone();
        let of_model = || looks.iter().flat_map(|look| &look.templates).filter(|template| template.model() == model);
        let same = of_model().find_map(|template| {
            let all: Vec<&Gallery> = galleries.iter().copied().chain([&arrived]).collect();
            twin(&id, template.unit(), &all, thresholds).map(|found| found.person.id.clone())
        });
        let why = if people.is_forgotten(&id)? {
            Some("this person was forgotten here; enrol anew with consent".to_owned())
        } else if person.consent.is_over(today()) {
            Some("the consent is over".to_owned())
        } else if people.person(&id)?.is_some() || galleries.iter().any(|gallery| gallery.person(&id).is_some()) {
            Some("somebody is enrolled with this id".to_owned())
        } else {
            same.map(|other| format!("this person is enrolled already, as `{other}`"))
        };
        if let Some(why) = why {
            refused.push(json!({ "id": id, "why": why }));
            continue;
        }
        for template in of_model() {
            arrived.add(person.clone(), template)?;
        }
        people.keep(&person, &looks)?;
        if person.consent.recognise { imported.push(id) } else { inactive.push(id) }
    }
    Ok(json!({ "imported": imported, "inactive": inactive, "refused": refused }))
}

/// The passphrase of an export: the first line of a file, or the environment's. Never an argument, which every process of
/// the machine can read.
pub(crate) fn passphrase(file: Option<&Path>) -> Result<String> {
    const VARIABLE: &str = "MAJLIS_PASSPHRASE";
    let given = match file {
        Some(path) => {
            let place = format!("the passphrase in {}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| Error::from(error).within(&place))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
        None => std::env::var(VARIABLE).map_err(|_| {
            Error::config("passphrase_file", format!("name a file with the passphrase, or set {VARIABLE}"))
        })?,
    };
    if given.chars().count() < 12 {
        return Err(Error::config("passphrase_file", "the passphrase has less than 12 characters"));
    }
    Ok(given)
}

//! What an operator can do with the gallery: add, list, forget.

use std::path::PathBuf;

use majlis_plugin_api::{Error, Host, Result, Value};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::Rgb8;
use crate::consent::{Consent, Timestamp, end_of_day};
use crate::gallery::{Gallery, Names, Person};

/// Enrols a person. The consent that is recorded is given now.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Add {
    /// Unique in the store; `forget` erases by it.
    pub(crate) id: String,
    /// A photograph (JPEG or PNG) that shows this person's face and no other.
    #[schemars(extend("format" = "path"))]
    pub(crate) photo: PathBuf,
    /// The name in Arabic script.
    #[serde(default)]
    name_ar: String,
    /// The vocalised name, as it is to be spoken.
    #[serde(default)]
    name_speak: String,
    /// The name in Latin script.
    #[serde(default)]
    name_latin: String,
    /// The text that the person agreed to: its name and version.
    consent: String,
    /// The last day on which the consent holds, like `2026-12-31` (UTC). Without it: until it is taken back.
    #[serde(default)]
    until: Option<String>,
    /// The person agreed to be announced aloud by name.
    #[serde(default)]
    announce: bool,
    /// Countries (ISO 3166-1, two letters) in which a service may be sent the name.
    #[serde(default)]
    name_sent_to: Vec<String>,
}

/// Lists who is enrolled: ids and what was agreed to, and names.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {}

/// Erases a person in every file of the store.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forget {
    /// The id that the person was enrolled with.
    pub(crate) id: String,
}

/// The arguments of a verb; no arguments are an empty object.
pub(crate) fn arguments<T: DeserializeOwned>(arguments: Value) -> Result<T> {
    let arguments = if arguments.is_null() {
        json!({})
    } else {
        arguments
    };
    Ok(serde_json::from_value(arguments)?)
}

impl Add {
    /// The person that is to be enrolled at `now`.
    pub(crate) fn person(&self, now: Timestamp) -> Result<Person> {
        if self.id.trim().is_empty() {
            return Err(Error::config("id", "a person needs an id"));
        }
        if self.consent.trim().is_empty() {
            return Err(Error::config(
                "consent",
                "nobody is enrolled without consent: name the text that the person agreed to",
            ));
        }
        if [&self.name_ar, &self.name_speak, &self.name_latin]
            .iter()
            .all(|name| name.trim().is_empty())
        {
            return Err(Error::config(
                "name_ar",
                "a person needs a name: name_ar, name_speak or name_latin",
            ));
        }
        let until = match &self.until {
            None => None,
            Some(day) => match end_of_day(day) {
                Some(end) if end > now => Some(end),
                Some(_) => return Err(Error::config("until", format!("`{day}` is over"))),
                None => {
                    return Err(Error::config(
                        "until",
                        format!("`{day}` is no day; write it like 2026-12-31"),
                    ));
                }
            },
        };
        if let Some(wrong) = self
            .name_sent_to
            .iter()
            .find(|country| country.len() != 2 || !country.bytes().all(|c| c.is_ascii_alphabetic()))
        {
            return Err(Error::config(
                "name_sent_to",
                format!("`{wrong}` is no country of two letters, like SA"),
            ));
        }
        let consent = Consent {
            given: now,
            text: self.consent.clone(),
            until,
            recognise: true,
            announce: self.announce,
            name_sent_to: self
                .name_sent_to
                .iter()
                .map(|country| country.to_ascii_uppercase())
                .collect(),
        };
        let names = Names {
            arabic: self.name_ar.clone(),
            spoken: self.name_speak.clone(),
            latin: self.name_latin.clone(),
        };
        Ok(Person {
            id: self.id.clone(),
            names,
            consent,
        })
    }

    /// The photograph, decoded and turned as its camera was held.
    pub(crate) fn picture(&self, host: &Host) -> Result<Picture> {
        use image::ImageDecoder as _;
        let unreadable =
            |error: image::ImageError| Error::from(error).within("the photograph cannot be read");
        let mut reader = image::ImageReader::open(host.path(&self.photo))
            .map_err(|error| Error::from(error).within("the photograph"))?;
        // A picture of more pixels than any camera makes is a trap: a small file can unpack to gigabytes.
        let mut limits = image::Limits::default();
        limits.max_image_width = Some(32_768);
        limits.max_image_height = Some(32_768);
        limits.max_alloc = Some(512 * 1024 * 1024);
        reader.limits(limits);
        let reader = reader
            .with_guessed_format()
            .map_err(|error| Error::from(error).within("the photograph"))?;
        let mut decoder = reader.into_decoder().map_err(unreadable)?;
        let orientation = decoder.orientation().map_err(unreadable)?;
        let mut picture = image::DynamicImage::from_decoder(decoder).map_err(unreadable)?;
        picture.apply_orientation(orientation);
        let picture = picture.into_rgb8();
        Ok(Picture {
            width: picture.width() as usize,
            height: picture.height() as usize,
            bytes: picture.into_raw(),
        })
    }
}

/// A decoded photograph.
pub(crate) struct Picture {
    bytes: Vec<u8>,
    width: usize,
    height: usize,
}

impl Picture {
    pub(crate) fn view(&self) -> crate::Result<Rgb8<'_>> {
        Rgb8::packed(&self.bytes, self.width, self.height)
    }
}

/// The answer to `list`.
pub(crate) fn listed(gallery: &Gallery, now: Timestamp) -> Value {
    let people: Vec<Value> = gallery
        .people()
        .iter()
        .map(|Person { id, names, consent }| {
            json!({
                "id": id, "name_ar": names.arabic, "name_speak": names.spoken, "name_latin": names.latin,
                "consent": consent.text, "given": consent.given, "until": consent.until,
                "recognised_now": consent.allows_recognition(now), "announce": consent.announce, "name_sent_to": consent.name_sent_to,
            })
        })
        .collect();
    json!({ "model": gallery.model().to_string(), "people": people })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = 1_790_000_000;

    fn add(change: Value) -> Result<Person> {
        let mut whole =
            json!({ "id": "p1", "photo": "p1.jpg", "name_latin": "Noura", "consent": "expo-2" });
        whole
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        arguments::<Add>(whole)?.person(NOW)
    }

    #[test]
    fn the_schemas_are_those_of_the_types() {
        majlis_testkit::schema::check::<Add>("verbs/add.schema.json");
        majlis_testkit::schema::check::<List>("verbs/list.schema.json");
        majlis_testkit::schema::check::<Forget>("verbs/forget.schema.json");
    }

    #[test]
    fn consent_is_given_now_and_to_no_more_than_was_said() {
        let person = add(json!({})).unwrap();
        assert_eq!((person.consent.given, person.consent.until), (NOW, None));
        assert!(
            person.consent.recognise
                && !person.consent.announce
                && person.consent.name_sent_to.is_empty()
        );
        let person =
            add(json!({ "until": "2026-12-31", "announce": true, "name_sent_to": ["sa"] }))
                .unwrap();
        assert_eq!(person.consent.until, Some(1_798_761_600));
        assert!(person.consent.announce && person.consent.allows_sending_to("SA", NOW));
    }

    #[test]
    fn a_person_without_consent_name_or_id_is_not_enrolled() {
        for (change, path) in [
            (json!({ "consent": " " }), "consent"),
            (json!({ "name_latin": "" }), "name_ar"),
            (json!({ "id": "" }), "id"),
            (json!({ "until": "tomorrow" }), "until"),
            (json!({ "until": "2020-01-01" }), "until"),
            (json!({ "name_sent_to": ["KSA"] }), "name_sent_to"),
        ] {
            assert_eq!(add(change).unwrap_err().path(), path);
        }
        assert!(add(json!({ "agreed": true })).is_err());
    }
}

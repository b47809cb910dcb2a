use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use majlis_plugin_api::{Error, Result, Utterance, UtteranceKind};
use majlis_voice::{Speech, Voice, lookup};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

use crate::recording;

/// The list of a folder.
pub(crate) const INDEX: &str = "say.toml";

/// The schema of the list, by which `majlis check` reads it.
pub(crate) fn schema() -> Schema {
    schema_for!(Index)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Index {
    /// The recordings: `[[say]]` with `text` and `file`.
    #[schemars(with = "Vec<Entry>", extend("x-unique" = [["text"], ["template", "language"], ["kind", "language"]]))]
    say: Vec<toml::Spanned<Entry>>,
}

/// One recording, and what it is for: a text, or every utterance of a template or of a kind in a language.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("oneOf" = [
    { "title": "text", "required": ["text"] },
    { "title": "template with language", "required": ["template", "language"] },
    { "title": "kind with language", "required": ["kind", "language"] },
]))]
#[serde(deny_unknown_fields)]
struct Entry {
    /// A WAV file, from the folder of the list.
    #[schemars(length(min = 1), extend("x-file" = {}))]
    file: String,
    /// The words of an utterance.
    #[schemars(length(min = 1))]
    text: Option<String>,
    /// The templates that an utterance is made of, in order, with a space between two.
    #[schemars(length(min = 1))]
    template: Option<String>,
    /// What an utterance is for.
    #[schemars(with = "Option<String>", extend("enum" = KINDS.map(word)))]
    kind: Option<UtteranceKind>,
    language: Option<String>,
}

/// Recordings, by what they are for.
pub(crate) struct Recordings {
    /// By the words of a text, for the eye or for the voice.
    texts: BTreeMap<String, PathBuf>,
    /// By language, for each template.
    templates: BTreeMap<String, BTreeMap<String, PathBuf>>,
    /// By language, for each kind.
    kinds: BTreeMap<&'static str, BTreeMap<String, PathBuf>>,
}

impl Recordings {
    /// Reads the list of a folder and looks at every recording.
    ///
    /// # Errors
    /// All that is wrong with them, each with its line of the list.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(INDEX);
        let told = |reason: String| Error::config("folder", format!("{}: {reason}", path.display()));
        let text = std::fs::read_to_string(&path)
            .map_err(|error| told(format!("{error}; it lists the recordings: `[[say]]` with `text` and `file`")))?;
        let index: Index = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| line(&text, span.start));
            told(format!("line {line}: {}", error.message()))
        })?;
        let mut recordings = Self { texts: BTreeMap::new(), templates: BTreeMap::new(), kinds: BTreeMap::new() };
        let mut wrong = Vec::new();
        for entry in index.say {
            let line = line(&text, entry.span().start);
            if let Err(reason) = recordings.add(folder, entry.into_inner()) {
                wrong.push(format!("line {line}: {reason}"));
            }
        }
        if wrong.is_empty() { Ok(recordings) } else { Err(told(wrong.join("; "))) }
    }

    fn add(&mut self, folder: &Path, entry: Entry) -> Result<(), String> {
        let file = folder.join(&entry.file);
        recording::look(&file).map_err(|reason| format!("`{}` {reason}", entry.file))?;
        let Entry { text, template, kind, language, .. } = entry;
        let before = match (text, template, kind, language.map(|tag| tag.to_ascii_lowercase())) {
            (Some(text), None, None, None) if !words(&text).is_empty() => self.texts.insert(words(&text), file),
            (None, Some(template), None, Some(language)) => {
                self.templates.entry(words(&template)).or_default().insert(language, file)
            }
            (None, None, Some(kind), Some(language)) => {
                self.kinds.entry(word(kind)).or_default().insert(language, file)
            }
            _ => return Err("write either `text`, or `language` with `template` or with `kind`".into()),
        };
        before.map_or(Ok(()), |before| {
            let name = before.file_name().unwrap_or_default().display().to_string();
            Err(format!("`{name}` is listed for the same already"))
        })
    }
}

impl Voice for Recordings {
    type Manner = PathBuf;

    fn manner(&self, text: &str, utterance: &Utterance) -> Option<PathBuf> {
        let by_text = || [text, utterance.display.as_str()].iter().find_map(|text| self.texts.get(&words(text)));
        let by_kind = || lookup(self.kinds.get(word(utterance.kind))?, &utterance.language);
        let by_template = || lookup(self.templates.get(&utterance.template)?, &utterance.language);
        by_text().or_else(by_template).or_else(by_kind).cloned()
    }

    fn key(&self, _: &PathBuf) -> Option<String> {
        None
    }

    fn say(&self, file: &PathBuf, _: &str, speech: &mut Speech) -> Result<()> {
        recording::read(file, speech)
    }
}

/// A text without its line breaks and without what only directs its letters: it is copied from a screen as often as from a
/// template.
fn words(text: &str) -> String {
    let seen: String =
        text.chars().filter(|c| !matches!(c, '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

const KINDS: [UtteranceKind; 4] =
    [UtteranceKind::Named, UtteranceKind::Guest, UtteranceKind::Remark, UtteranceKind::Other];

fn word(kind: UtteranceKind) -> &'static str {
    match kind {
        UtteranceKind::Named => "named",
        UtteranceKind::Guest => "guest",
        UtteranceKind::Remark => "remark",
        UtteranceKind::Other => "other",
    }
}

fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

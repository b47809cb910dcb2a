//! The one table of the file's keys: what is read, documented, completed and explained comes from here.

use std::time::Duration;

use serde_json::{Value, json};

use crate::codes::*;
use crate::quantity::{show_duration, show_size};

/// A table of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// The file itself.
    File,
    /// `[pipeline]`.
    Pipeline,
    /// `[stage.NAME]`.
    Stage,
    /// `queue = { … }` of a stage, for all its inputs or for one.
    Queue,
    /// `restart = { … }` of a stage.
    Restart,
    /// `[report]`.
    Report,
}

impl Table {
    /// As an operator writes it.
    pub fn header(self) -> &'static str {
        match self {
            Table::File => "the file",
            Table::Pipeline => "[pipeline]",
            Table::Stage => "[stage.NAME]",
            Table::Queue => "[stage.NAME] queue",
            Table::Restart => "[stage.NAME] restart",
            Table::Report => "[report]",
        }
    }

    /// The same for a stage that has a name.
    pub(crate) fn header_of(self, stage: Option<&str>) -> String {
        match stage {
            Some(stage) => self.header().replace("NAME", stage),
            None => self.header().to_owned(),
        }
    }
}

/// A key of the file.
#[derive(Debug)]
pub struct Key {
    /// Where it stands.
    pub table: Table,
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub form: Form,
    /// As written in the file, or in words where it depends.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// Codes of its misuse.
    pub codes: &'static [&'static str],
}

/// What a key takes.
#[derive(Debug)]
pub enum Form {
    /// One line for people, in any script.
    Text,
    /// ASCII letters, digits, `-` and `_`.
    Name,
    /// A BCP 47 tag.
    Language,
    /// An IANA name.
    TimeZone,
    /// A text with units, between two bounds.
    Duration(Duration, Duration),
    /// A whole number, between two bounds.
    Integer(i64, i64),
    /// A number of bytes or a text with a unit, between two bounds.
    Size(u64, u64),
    /// One of these words; one with a code is a word that this version does not do yet.
    Choice(&'static [(&'static str, Option<&'static str>)]),
    /// A list of folders.
    Folders,
    /// 64 hexadecimal digits.
    Sha256,
    /// A table of this kind.
    Table(Table),
    /// A table of tables, by a name of the operator's.
    Tables(Table),
    /// INPUT = "STAGE.OUTPUT".
    Inputs,
    /// The plugin's own table.
    Config,
    /// Not in this version.
    NotYet(&'static str),
}

const MINUTE: u64 = 60;
const DAY: u64 = 86_400;

/// All keys, in the order in which they are documented.
pub static KEYS: &[Key] = &[
    Key {
        table: Table::File,
        name: "pipeline",
        form: Form::Table(Table::Pipeline),
        default: "see its keys",
        meaning: "what holds for the whole pipeline",
        codes: &[E0701],
    },
    Key {
        table: Table::File,
        name: "stage",
        form: Form::Tables(Table::Stage),
        default: "required",
        meaning: "the stages, each by a name of your own",
        codes: &[E0402, E0403],
    },
    Key {
        table: Table::File,
        name: "report",
        form: Form::Table(Table::Report),
        default: "see its keys",
        meaning: "what a visit's report covers",
        codes: &[E0701],
    },
    Key {
        table: Table::Pipeline,
        name: "name",
        form: Form::Text,
        default: "the file's name",
        meaning: "how reports and metrics name the pipeline",
        codes: &[E0708, E0709],
    },
    Key {
        table: Table::Pipeline,
        name: "language",
        form: Form::Language,
        default: "ar",
        meaning: "the language of greetings, unless a stage has its own",
        codes: &[E0706, W0605],
    },
    Key {
        table: Table::Pipeline,
        name: "time_zone",
        form: Form::TimeZone,
        default: "UTC",
        meaning: "of dates in reports, and of the plugins, whatever the machine's is; log lines are in UTC",
        codes: &[E0707],
    },
    Key {
        table: Table::Pipeline,
        name: "plugins",
        form: Form::Folders,
        default: "[]",
        meaning: "folders searched for plugins, relative to the file; after `--plugins` and `MAJLIS_PLUGIN_PATH`",
        codes: &[E0709],
    },
    Key {
        table: Table::Pipeline,
        name: "max_visits",
        form: Form::Integer(1, 10_000),
        default: "64",
        meaning: "visits that may be open at once; beyond it a new one is refused",
        codes: &[E0702],
    },
    Key {
        table: Table::Pipeline,
        name: "drain_within",
        form: Form::Duration(Duration::ZERO, Duration::from_secs(60 * MINUTE)),
        default: "10s",
        meaning: "how long visits may take to end after the signal to stop",
        codes: &[E0702, E0704],
    },
    Key {
        table: Table::Stage,
        name: "plugin",
        form: Form::Name,
        default: "required",
        meaning: "the plugin of which this stage is an instance",
        codes: &[E0202, E0301, E0302, E0305],
    },
    Key {
        table: Table::Stage,
        name: "sha256",
        form: Form::Sha256,
        default: "none",
        meaning: "pins the stage to the exact bytes of a library",
        codes: &[E0303, E0304],
    },
    Key {
        table: Table::Stage,
        name: "title",
        form: Form::Text,
        default: "the stage's name",
        meaning: "how reports name it, in any script",
        codes: &[E0708, E0709],
    },
    Key {
        table: Table::Stage,
        name: "opening_title",
        form: Form::Text,
        default: "the title, then \"(opening)\"",
        meaning: "how reports name the making of its instance, such as \"Model Loading\"",
        codes: &[E0708, E0709],
    },
    Key {
        table: Table::Stage,
        name: "inputs",
        form: Form::Inputs,
        default: "{}",
        meaning: "which output feeds which input; an array where an input accepts several",
        codes: &[E0401, E0501, E0502, E0503, E0504, E0505, E0506, E0507, E0508, E0509, E0601],
    },
    Key {
        table: Table::Stage,
        name: "queue",
        form: Form::Table(Table::Queue),
        default: "see its keys",
        meaning: "the queue of each input of this stage; `queue.INPUT = { … }` for one of them",
        codes: &[E0206, E0502],
    },
    Key {
        table: Table::Stage,
        name: "load",
        form: Form::Choice(&[("lazy", None), ("prewarm", None), ("eager", None)]),
        default: "lazy; prewarm for a stage that acts before any packet",
        meaning: "when it is opened: at its first packet; in the background after the start; before the start, which fails when it does",
        codes: &[E0703, W0601, W0602, W0604],
    },
    Key {
        table: Table::Stage,
        name: "thread",
        form: Form::Name,
        default: "one of its own",
        meaning: "stages that name the same thread share it",
        codes: &[E0403, E0602, E0605, W0601],
    },
    Key {
        table: Table::Stage,
        name: "deadline",
        form: Form::Duration(Duration::from_millis(1), Duration::from_secs(DAY)),
        default: "none",
        meaning: "soft limit of one call and of the work that it leaves behind; a later answer is used and marked late",
        codes: &[E0702, E0704],
    },
    Key {
        table: Table::Stage,
        name: "isolation",
        form: Form::Choice(&[("none", None), ("process", Some(E1001))]),
        default: "none",
        meaning: "whether the stage runs in a process of its own",
        codes: &[E0703, E1001],
    },
    Key {
        table: Table::Stage,
        name: "release_after",
        form: Form::NotYet(E1002),
        default: "never",
        meaning: "idle for that long, the stage gives its memory back",
        codes: &[E1002],
    },
    Key {
        table: Table::Stage,
        name: "on_failure",
        form: Form::Choice(&[("skip", None), ("stop", None), ("hold-last", Some(E1003))]),
        default: "skip",
        meaning: "a failed call: its packet has no answer, or the pipeline ends",
        codes: &[E0703, E1003],
    },
    Key {
        table: Table::Stage,
        name: "restart",
        form: Form::Table(Table::Restart),
        default: "see its keys",
        meaning: "how often a failed instance is made anew",
        codes: &[E0701],
    },
    Key {
        table: Table::Stage,
        name: "config",
        form: Form::Config,
        default: "{}",
        meaning: "the plugin's own keys, checked against its schema",
        codes: &[
            E0204, E0205, E0701, E0702, E0703, E0706, E0709, E0710, E0711, E0712, E0713, E0714, E0715, E0716, E0717,
            E0718, E0719, E0801, E0802, E0803, E0804, E0805, E0806, W0606, W0607,
        ],
    },
    Key {
        table: Table::Queue,
        name: "depth",
        form: Form::Integer(1, 65_536),
        default: "4",
        meaning: "packets of each visit that may wait; 256 where word of what became of packets comes back (outputs of feedback)",
        codes: &[E0702],
    },
    Key {
        table: Table::Queue,
        name: "overflow",
        form: Form::Choice(&[("latest", None), ("drop-oldest", None), ("drop-newest", None), ("block", None)]),
        default: "block behind sources that end; otherwise latest for frames, block for the rest; in a loop behind an origin latest for frames, drop-newest for the rest",
        meaning: "a full queue: only the newest stays; the oldest goes; what came last goes; the producer waits",
        codes: &[E0602, E0603, E0703],
    },
    Key {
        table: Table::Queue,
        name: "bytes",
        form: Form::Size(65_536, 1 << 36),
        default: "64 MiB",
        meaning: "bytes that may wait over all visits; beyond it the fullest visit is shortened",
        codes: &[E0702, E0705],
    },
    Key {
        table: Table::Restart,
        name: "max",
        form: Form::Integer(0, 1_000),
        default: "3",
        meaning: "restarts; 0 is never",
        codes: &[E0702],
    },
    Key {
        table: Table::Restart,
        name: "within",
        form: Form::Duration(Duration::from_secs(1), Duration::from_secs(DAY)),
        default: "1m",
        meaning: "the time in which they are counted",
        codes: &[E0702, E0704],
    },
    Key {
        table: Table::Restart,
        name: "delay",
        form: Form::Duration(Duration::ZERO, Duration::from_secs(60 * MINUTE)),
        default: "200ms",
        meaning: "the pause before each",
        codes: &[E0702, E0704],
    },
    Key {
        table: Table::Report,
        name: "until",
        form: Form::Text,
        default: "the visit's end",
        meaning: "the milestone at which a visit's account ends",
        codes: &[E0604],
    },
];

/// The keys of one table.
pub fn of(table: Table) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.table == table)
}

/// A key by its table and name.
pub fn get(table: Table, name: &str) -> Option<&'static Key> {
    of(table).find(|key| key.name == name)
}

/// The table of keys, as Markdown, for ARCHITECTURE.
pub fn markdown_table() -> String {
    let mut text = String::from("| key | values | default | meaning | codes |\n|---|---|---|---|---|\n");
    for key in KEYS {
        text.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            key.path(),
            key.form.words().replace('|', "\\|"),
            key.default,
            key.meaning,
            key.codes.join(" "),
        ));
    }
    text
}

impl Key {
    /// The table and the key as one: `[pipeline] name`.
    pub fn path(&self) -> String {
        match self.table {
            Table::File => match self.form {
                Form::Tables(table) | Form::Table(table) => table.header().to_owned(),
                _ => self.name.to_owned(),
            },
            Table::Queue => format!("[stage.NAME] queue.{}", self.name),
            Table::Restart => format!("[stage.NAME] restart.{}", self.name),
            table => format!("{} {}", table.header(), self.name),
        }
    }
}

impl Form {
    /// What it takes, in words.
    pub fn words(&self) -> String {
        match self {
            Form::Text => "a line of text".to_owned(),
            Form::Name => "a name".to_owned(),
            Form::Language => "a BCP 47 tag, such as `ar-SA`".to_owned(),
            Form::TimeZone => "an IANA time zone, such as `Asia/Riyadh`".to_owned(),
            Form::Duration(least, most) => {
                format!("a duration, {} to {}", show_duration(*least), show_duration(*most))
            }
            Form::Integer(least, most) => format!("{least} to {most}"),
            Form::Size(least, most) => {
                format!("a size, {} to {}", show_size(*least), show_size(*most))
            }
            Form::Choice(words) => {
                let words: Vec<String> = words
                    .iter()
                    .map(|(word, not_yet)| {
                        format!("`{word}`{}", if not_yet.is_some() { " (not in this version)" } else { "" })
                    })
                    .collect();
                words.join(", ")
            }
            Form::Folders => "a list of folders".to_owned(),
            Form::Sha256 => "64 hexadecimal digits".to_owned(),
            Form::Table(_) => "a table".to_owned(),
            Form::Tables(_) => "tables".to_owned(),
            Form::Inputs => "`INPUT = \"STAGE.OUTPUT\"`".to_owned(),
            Form::Config => "the plugin's".to_owned(),
            Form::NotYet(_) => "not in this version".to_owned(),
        }
    }

    /// JSON Schema of a value; `None` for what depends on the catalogue and for what this version refuses.
    pub(crate) fn schema(&self) -> Option<Value> {
        Some(match self {
            Form::Text => json!({ "type": "string", "minLength": 1 }),
            Form::Name => json!({ "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]*$" }),
            Form::Language => {
                json!({ "type": "string", "pattern": "^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$" })
            }
            Form::TimeZone => json!({ "type": "string", "minLength": 1 }),
            Form::Duration(..) => {
                json!({ "type": "string", "pattern": "^([0-9.]+ *(ms|s|m|min|h|d) *)+$" })
            }
            Form::Integer(least, most) => {
                json!({ "type": "integer", "minimum": least, "maximum": most })
            }
            Form::Size(least, most) => json!({ "anyOf": [
                { "type": "integer", "minimum": least, "maximum": most },
                { "type": "string", "pattern": "^[0-9.]+ *(B|[kK]B|MB|GB|KiB|MiB|GiB)$" }
            ] }),
            Form::Choice(words) => {
                let done: Vec<&str> =
                    words.iter().filter(|(_, not_yet)| not_yet.is_none()).map(|(word, _)| *word).collect();
                json!({ "type": "string", "enum": done })
            }
            Form::Folders => {
                json!({ "type": "array", "items": { "type": "string", "minLength": 1 } })
            }
            Form::Sha256 => json!({ "type": "string", "pattern": "^[0-9a-fA-F]{64}$" }),
            Form::Table(_) | Form::Tables(_) | Form::Inputs | Form::Config | Form::NotYet(_) => {
                return None;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::{parse_duration, parse_size};

    #[test]
    fn each_default_is_a_value_that_its_key_accepts() {
        for key in KEYS {
            let fits = match key.form {
                Form::Duration(least, most) if key.default != "none" => {
                    parse_duration(key.default).is_ok_and(|value| value >= least && value <= most)
                }
                Form::Integer(least, most) => {
                    key.default.parse().is_ok_and(|value: i64| value >= least && value <= most)
                }
                Form::Size(least, most) => parse_size(key.default).is_ok_and(|value| value >= least && value <= most),
                _ => true,
            };
            assert!(fits, "{}: {}", key.path(), key.default);
        }
    }

    #[test]
    fn each_code_that_a_key_names_is_explained_with_that_key() {
        for key in KEYS {
            for code in key.codes {
                let text = crate::explain(code).expect("each code of a key is in the table of codes");
                assert!(text.contains(&key.path()), "{code} does not name {}", key.path());
            }
        }
    }

    #[test]
    fn the_documentation_has_one_row_for_each_key() {
        assert_eq!(markdown_table().lines().count(), KEYS.len() + 2);
    }
}

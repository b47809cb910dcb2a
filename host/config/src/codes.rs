//! Every code, what it means and what to do about it.
//!
//! A code is stable: it is never given another meaning and never used again after it went. The first two digits are the family.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::keys;

/// A code with its explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// `E0401`, or `W0601` for a warning.
    pub code: &'static str,
    /// A few words.
    pub title: &'static str,
    /// What is wrong and what to do, in an operator's words.
    pub text: &'static str,
}

macro_rules! codes {
    ($($code:ident $title:literal $text:literal)*) => {
        $(#[doc = $title] pub const $code: &str = stringify!($code);)*

        /// All codes, in order.
        pub const ALL: &[Code] = &[$(Code { code: $code, title: $title, text: $text }),*];
    };
}

/// The long explanation of a code, with the keys that it is about. Upper and lower case are the same.
pub fn explain(code: &str) -> Option<&'static str> {
    static TEXTS: LazyLock<BTreeMap<&'static str, String>> =
        LazyLock::new(|| ALL.iter().map(|code| (code.code, written_out(code))).collect());
    TEXTS.get(code.to_ascii_uppercase().as_str()).map(String::as_str)
}

fn written_out(code: &Code) -> String {
    let mut text = format!("{}: {}\n\n{}\n", code.code, code.title, code.text);
    let about: Vec<_> = keys::KEYS.iter().filter(|key| key.codes.contains(&code.code)).collect();
    if !about.is_empty() {
        text.push_str("\nKeys:\n");
    }
    for key in about {
        text.push_str(&format!("  {:<28} {} (default: {})\n", key.path(), key.form.words(), key.default));
    }
    text
}

codes! {
    E0101 "the file is not TOML"
    "The text cannot be read as TOML 1.1. The place is where the reader gave up; the cause often stands just before it: a quote \
that is not closed, a text without quotes, a missing `=`. What could not be read is left out, and the rest of the file is checked \
as if it stood there."
    E0102 "a key stands twice"
    "A key or a table has been written twice. TOML does not say which of them counts, so neither does. Two producers for one \
input are written as an array where the input accepts several: `inputs = { faces = [\"a.faces\", \"b.faces\"] }`."
    E0103 "the file is not UTF-8"
    "A pipeline file is UTF-8 text. The place is that of the first byte that is not. Editors of other systems may have saved it as \
UTF-16, or in a code page such as Windows-1256 for Arabic: save it anew as UTF-8."

    E0201 "unknown key"
    "The host does not know this key in this table. Nothing in a pipeline file is accepted and ignored. A key of the plugin itself \
stands in the stage's own table: `[stage.NAME.config]`."
    E0202 "a key is missing"
    "The table cannot do without this key."
    E0204 "unknown key in a plugin's table"
    "The plugin does not know this key. `majlis plugins inspect PLUGIN` lists those that it knows, with their defaults. The keys of a \
file of its own stand in its README."
    E0205 "a key of a plugin is missing"
    "The plugin cannot do without this key in `[stage.NAME.config]`, or in a file that is named there: always, or for what another key \
says."
    E0206 "a key without effect"
    "The key says something that cannot happen here, such as a queue in front of a stage that has no inputs, or of an input that \
nothing is wired to, or a key of a plugin beside another one that rules it out. Remove it, wire the input, or move it to the stage that \
was meant: a queue belongs to the stage that takes the packets."

    E0301 "unknown plugin"
    "No plugin of that name was found. Plugins are looked for in `--plugins`, in `MAJLIS_PLUGIN_PATH`, in the folders of \
`[pipeline] plugins`, then in `lib/majlis/plugins` beside the binary. `majlis plugins list` lists what was found."
    E0302 "the plugin was refused"
    "A library of that name was found and may not be used. The reason is the loader's; `majlis plugins why NAME` shows all of it."
    E0303 "the plugin is not the one that was pinned"
    "`sha256` pins a stage to the exact bytes of a library. The library that was found has others: it was updated or exchanged. \
Install the pinned one, or pin the new one after you have checked where it comes from."
    E0304 "not a SHA-256"
    "A SHA-256 is written as 64 hexadecimal digits. `sha256sum FILE` prints it."
    E0305 "two versions of a native library"
    "The plugins of two stages need different versions of one native library, and one process holds one. Install builds of the two \
plugins that need the same version, or run one of the stages in a pipeline of its own."

    E0401 "unknown stage"
    "The reference names a stage that the file does not have. A stage is made by its table `[stage.NAME]`; case matters."
    E0402 "no stages"
    "A pipeline has at least one table `[stage.NAME]`."
    E0403 "not a name"
    "Names of stages and threads start with a letter and have letters, digits, `-` and `_`: they stand in references \
(`camera.frame`), file names and the labels of metrics. What reports show is `title`, in any script."

    E0501 "not a reference to an output"
    "An input is wired as `inputs = { INPUT = \"STAGE.OUTPUT\" }`."
    E0502 "unknown input"
    "The plugin of the stage has no input of that name. `majlis plugins inspect PLUGIN` lists its ports."
    E0503 "unknown output"
    "The plugin of the producing stage has no output of that name. `majlis plugins inspect PLUGIN` lists its ports."
    E0504 "an input is not wired"
    "The plugin needs a producer on this input, always or for what its configuration says. Name one in the stage's `inputs`."
    E0505 "several producers on one input"
    "The input takes packets of one producer. Inputs that accept an array say so in their manifest (`many`)."
    E0506 "types do not fit"
    "An edge joins an output and an input of the same type, name and version. Between different types a stage has to translate."
    E0507 "the same producer twice"
    "Each packet would arrive twice. Name a producer once for each input."
    E0508 "a source has no inputs"
    "The plugin makes packets and takes none, so nothing can be wired to it."
    E0509 "the type of an output is not known"
    "The output gives what flows into one of the stage's inputs, and that input is not wired, takes several types at once, or \
depends on the output itself. Wire the input to one type."

    E0601 "a loop without an origin"
    "Each stage of the loop waits for the one before it, so none of them would ever begin. A loop is allowed only through an output \
that its plugin declares as origin: one that does not wait for the stage's inputs (a room gives frames whether or not it is \
spoken to)."
    E0602 "threads that can wait for each other for ever"
    "Stages of one thread never run at the same time. Here a thread can be blocked on a full queue of another thread, which is \
blocked on a full queue of the first, although the stages themselves form no loop. Give one of the stages a thread of its own, or \
make one of the edges one that never blocks: `queue = { overflow = \"latest\" }` or `drop-oldest`."
    E0603 "a loop cannot block"
    "The edge leaves an origin inside a loop. If it could block, the stage would wait for itself. Use `latest`, `drop-oldest` or \
`drop-newest`; a small message that is dropped there is an error of its visit."
    E0604 "a milestone that no stage sets"
    "`[report] until` names the milestone at which a visit's account ends. The manifests of the pipeline's plugins declare which \
milestones there are, and none declares this one."
    E0605 "the thread of another stage"
    "A stage without `thread` has a thread of its own, which bears the stage's name. To share it, write the same `thread` at both \
stages."
    W0601 "lazy stages share a thread"
    "While a stage opens, its thread does nothing else: the first packet for a lazy stage halts all the stages that share the \
thread, for seconds if a model is loaded. Use `load = \"prewarm\"` or `\"eager\"`, or threads of their own."
    W0602 "the stage cannot be lazy"
    "A lazy stage is opened by its first packet. This one acts before any packet reaches it (none of its inputs is wired, or it has \
an output that waits for no input), so it is opened in the background at the start, as with `prewarm`."
    W0603 "the stage is never called"
    "All inputs of the plugin are optional and none of them is wired, so nothing ever reaches this stage."
    W0604 "a lazy stage that has to hear of visitors"
    "The plugin says that it acts on events (capability `acts-on-events`): it has something to do for a visitor of whom no packet \
comes, such as a greeting for somebody at whom nobody could look. A lazy stage is opened by its first packet and hears nothing \
before. Write `load = \"eager\"`, or `\"prewarm\"` where the first visitors may be missed."
    W0605 "no texts in the pipeline's language"
    "The stage speaks the language of `[pipeline] language` unless its own table names others, and its plugin has no texts in it: \
visitors would hear another one. Name languages that it has, or bring texts. Which languages a plugin has stands in its schema as \
`x-languages`, beside the key that takes them."
    W0606 "less than it usually takes"
    "The key limits how long something may take, and the plugin says in its schema that it usually takes longer (`x-usual`): most of the \
time it would be given up in vain. Allow as long as it usually takes, unless you have measured better."
    W0607 "something to decide"
    "What is written works, and has a consequence that is not seen from it. Do what is advised, or write down what was decided, and the \
warning is gone."

    E0701 "a value of the wrong type"
    "The key takes a value of another type. Texts stand in quotes; numbers, `true` and `false` do not; lists stand in brackets. What \
comes from a variable of the environment is read as the type that the key takes."
    E0702 "a value out of range"
    "The value is smaller or larger than the key allows, or longer than the stage's `deadline`, by which the call is over."
    E0703 "not one of the values allowed"
    "The key takes one of a few words."
    E0704 "not a duration"
    "A duration is a text of numbers with units: `\"200ms\"`, `\"2s\"`, `\"1m 30s\"`. The units are ms, s, m, h and d."
    E0705 "not a size"
    "A size is a number of bytes, or a text with a unit: `\"64 MiB\"`. The units are B, kB, MB, GB (powers of ten) and KiB, MiB, \
GiB (powers of two)."
    E0706 "not a language"
    "A language is written as a BCP 47 tag: `ar`, `ar-SA`, `en-GB`, `ar-SA-u-nu-latn`."
    E0707 "not a time zone"
    "A time zone is written with its IANA name: `Asia/Riyadh`, `Asia/Dubai`, `UTC`. Abbreviations such as AST have several \
meanings, and a fixed offset knows no summer time."
    E0708 "control characters in a text"
    "The text has characters that are not seen and change how what stands around it is shown: line breaks, escapes, or marks that \
turn the direction of writing (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069). Such marks are found in texts copied \
from web pages and editors, and can make one title look like another. Arabic needs none of them here; write the text anew."
    E0709 "a text that does not fit"
    "The text is empty, too short or too long, or does not have the form that the key asks for. In what a voice says no digits stand, and \
in Arabic every word has its vowel marks."
    E0710 "a list or table that does not fit"
    "It has too few or too many members, or one of them twice, or two that are for the same."
    E0711 "none of the forms"
    "The key takes a value of one of several forms, and this value fits none of them, or more than one."
    E0712 "a value that a plugin cannot be given"
    "A configuration is handed to a plugin as JSON, which has no `nan`, no `inf` and no whole numbers beyond 64 bits."
    E0713 "the plugin refused its configuration"
    "The configuration fits the plugin's schema, but when the stage was opened the plugin itself refused this value."
    E0714 "a file of messages cannot be read"
    "A file of messages is UTF-8 text in the Fluent syntax, and its name is the language of its messages: `fr.ftl`, `ar-SA.ftl`. A \
relative path starts at the folder of the pipeline file."
    E0715 "a fault in a file of messages"
    "The plugin says in its schema which messages there are, of which parts each consists, and which variables it may use. A file in \
a language that the plugin does not have brings every message; in one that it has, only those that it replaces. In what a voice says \
no digits stand. In Arabic, what is said has its vowel marks, and a name stands before a pause: at the end or before a mark, since \
its ending is right nowhere else."
    E0716 "a file of a plugin cannot be read"
    "The configuration names a file, or a folder with files, which the plugin reads when it opens. A relative path starts at the folder of \
the file that names it. What stands in such a file is checked by the plugin's schema as the pipeline file is, with the same codes."

    E0717 "values that do not go together"
    "The plugin says in its schema that a value of one key leaves no room for a value of another one, of its own table or of that of \
the stage which feeds it. The label says why. One of the two has to go."

    E0718 "a name of something that is not there"
    "A text names something which stands elsewhere in the same file, such as an option that the file describes or what an earlier step keeps, \
and there is nothing of that name. The plugin says in its schema how such names are written and where they are (`x-refers`)."
    E0719 "something that belongs to it is missing, or does not belong to it"
    "The plugin says in its schema that a table has to hold something, always or for what else stands in it, or must not hold it (`x-holds`). \
Add what is missing, or leave out what asks for it."

    E0801 "a secret in the file"
    "A pipeline file is copied, shown and committed, so a secret is never written in it. Write where it is found: \
`{ env = \"NAME\" }` for a variable of the environment or `{ file = \"path\" }` for a file that only the service may read. If this \
file was shared, replace the secret."
    E0802 "a secret is missing"
    "The environment has no variable of that name. A service gets it from its unit file (`EnvironmentFile=`), a shell by `export`."
    E0803 "the file of a secret cannot be read"
    "A relative path starts at the folder of the pipeline file."
    E0804 "an empty secret"
    "The variable is set, or the file exists, but nothing is in it."
    E0805 "not a reference"
    "A secret is `{ env = \"NAME\" }` or `{ file = \"path\" }`. Any other text, number, \
`true` or `false` of a plugin's table may come from the environment: `{ env = \"NAME\" }`, with `default = \"…\"` when the variable \
is not set. To a text, `append = \"folder/file\"` is joined as a path. Lists and tables are written here, and their items may be such \
references."
    E0806 "a variable is not set"
    "The value comes from the environment, which has no variable of that name, and the reference has no `default`."

    E0901 "a manifest is not TOML"
    "The section `.stage.manifest` of the library cannot be read. The macro `manifest!` writes it."
    E0902 "a manifest of another ABI"
    "The plugin was built for another major version of the boundary. Install its build for this host."
    E0903 "a key of a manifest"
    "A key of the manifest is missing, unknown or of the wrong type. A plugin built with a newer plugin-api may write keys that an \
older host does not know."
    E0904 "a name in a manifest"
    "Names of plugins, ports, verbs and aliases start with a letter, have letters, digits, `-` and `_`, and stand once. An alias calls \
verbs, so it needs some, and it is no word of the host's own command line."
    E0905 "a type in a manifest"
    "The type of a port is a name with a version, `majlis/frame@1`. An input may be of type `any`; an output may be \
`same-as:INPUT`."
    E0906 "a schema in a manifest"
    "The schema of a configuration or of a verb's arguments is not JSON, or uses a keyword that the host would not check. Checked \
are: type, enum, const, properties, patternProperties, required, additionalProperties, unevaluatedProperties, minProperties, \
maxProperties, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength, pattern, items, prefixItems, \
minItems, maxItems, uniqueItems, format, $ref (inside the schema), allOf, anyOf, oneOf, $defs, definitions. Allowed as description: \
$schema, $id, $comment, title, description, default, examples, deprecated, readOnly, writeOnly, contentEncoding, contentMediaType, \
and anything that begins with `x-`. The formats `secret` and `path` have a meaning of their own: a secret is never written in the \
file, a path is joined to the folder of the pipeline file. So has `x-languages`, beside a key that takes languages: those that the \
plugin has texts in, and with `x-languages-unless` a key that brings others. So has `x-messages`, beside a key that takes a list of \
files: the rules of the messages in them. So has `x-file`, beside a text that names a file or a folder: how it is written and the schema \
of what stands in it. So has `x-unique`, beside a list: the keys in which its items differ; and `x-spoken`, beside a table of languages: \
the texts in it that a voice says. So has `x-refers`, beside a table: how texts in it name something, and where the names are; and `x-holds`, \
beside a table: what it has to hold for what else stands in it, and what it must not. And `x-needs`, beside a key that needs an input to be wired or another key to be there \
where it has one of some values, that leaves no room for another key or for a value of it, or that is a length of time within the stage's \
deadline. So has `x-chosen`, beside a table of tables: what each of them holds, for those whose names other keys choose; and `x-usual`, \
beside a length of time in one: how long it usually takes. In the schema of a verb's arguments `x-positional` names \
the arguments that words without a name are given to, and `x-answer` the keys of the answer in the order in which people read them."

    E1001 "not in this version: a stage in another process"
    "`isolation = \"process\"` is part of the file's design and is not done in this version. It is refused rather than ignored: a \
stage that was meant to be kept apart would run inside the host. Leave the key out, or write `isolation = \"none\"`."
    E1002 "not in this version: giving memory back"
    "`release_after` is part of the file's design and is not done in this version. A stage keeps its memory until the host ends."
    E1003 "not in this version: holding the last answer"
    "`on_failure = \"hold-last\"` is part of the file's design and is not done in this version. Use `skip` or `stop`."
}

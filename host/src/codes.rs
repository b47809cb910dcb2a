//! The codes that are the host's own: stages that are not opened, and commands that ask for what is not there. Those of a
//! pipeline file, of a library, of model packs and of the store have their tables in their crates.

/// A code with its explanation.
pub(crate) struct Code {
    pub(crate) code: &'static str,
    /// A few words.
    pub(crate) title: &'static str,
    /// What is wrong and what to do.
    pub(crate) text: &'static str,
}

macro_rules! codes {
    ($($code:ident $title:literal $text:literal)*) => {
        $(#[doc = $title] pub(crate) const $code: &str = stringify!($code);)*

        /// In order.
        const OWN: &[Code] = &[$(Code { code: $code, title: $title, text: $text }),*];
    };
}

// The runtime gives the first four their code.
#[allow(dead_code)]
mod table {
    use super::Code;

    codes! {
        R0101 "the stage panicked"
        "A panic is a fault of the plugin. Its instance is dropped and made anew by the stage's `restart` policy; the packet that \
    it was given has no answer. Report it to the plugin's author with the text and the place that the log shows."
        R0102 "the stage refused its configuration"
        "The plugin read its own table of the pipeline file and did not accept it. The message names the key; the file and the \
    line are shown where the key stands in the file. It is not tried again in this run: the same table would be refused again."
        R0103 "the stage could not make itself ready"
        "The plugin said why. The packet that needed the stage has no answer, and what is downstream is told so. The stage is \
    tried again by its `restart` policy, when the next packet needs it; packets that come during the delay wait. When the policy is used \
    up, the stage is given up: what waits, and what comes later, has no answer."
        R0104 "the source failed too often"
        "A source whose turn fails is given another one after the delay of its `restart` policy. It failed more often than that \
    allows, so it gives nothing more; its last words are in the log."

        R0201 "the pipeline file cannot be read"
        "It is not there, a folder, or not readable for this user. A relative path starts at the folder in which majlis was \
    started."
        R0202 "there is no such plugin"
        "No library of that name, and no file, is in the folders that are searched: `--plugins`, `MAJLIS_PLUGIN_PATH`, and \
    `lib/majlis/plugins` beside the folder of the binary. `majlis plugins list` shows what is there."
        R0203 "there is no such stage"
        "The pipeline file has no `[stage.NAME]` of that name."
        R0204 "the verb cannot be done"
        "The stage's plugin has no verb of that name, or the arguments are not those that it takes. They are written \
    `name=value`, and some verbs take words without a name; `majlis stage PIPELINE STAGE` lists the verbs."
        R0205 "there is no such code"
        "`majlis explain` lists all codes."
        R0206 "the stage refused a verb"
        "The stage was opened and asked, and said why it does not do it. Nothing was done by halves."
        R0207 "it is not said which stage is meant"
        "An alias such as `majlis WORD …` is a word of a plugin's manifest. It needs a pipeline file, `--pipeline FILE` or the \
    variable MAJLIS_PIPELINE, in which one stage has a plugin with this alias. Where several do, `--stage NAME` says which."
    }

    pub(super) const ALL: &[Code] = OWN;
}

pub(crate) use table::{R0201, R0202, R0203, R0204, R0205, R0206, R0207};

/// All codes of the program, each with its title and its text.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let of_files = majlis_config::codes::ALL.iter().map(|code| {
        // With the keys that it is about, and without the title that stands before them.
        let text = majlis_config::explain(code.code).and_then(|text| text.split_once("\n\n"));
        (code.code, code.title, text.map_or(code.text, |(_, text)| text.trim_end()))
    });
    let of_libraries = majlis_loader::codes::ALL.iter().chain(majlis_models::CODES).chain(majlis_store::CODES);
    of_files
        .chain(of_libraries.map(|(code, text)| (*code, first_words(text), *text)))
        .chain(table::ALL.iter().map(|code| (code.code, code.title, code.text)))
}

/// A text's first sentence, or what stands before its colon.
fn first_words(text: &str) -> &str {
    [". ", ": "]
        .iter()
        .filter_map(|end| text.find(end))
        .min()
        .map_or_else(|| text.trim_end_matches('.'), |end| &text[..end])
}

//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

const CODES: &str = "Exit codes:
  0  done
  1  tried and failed: a stage that must open did not, a stage with `on_failure = \"stop\"` failed, a file could not be written
  2  the command line is wrong
  3  the pipeline file has errors
  4  a plugin was refused, or there is no such plugin
  5  a signal let the run finish, and its `drain_within` was over before everything was finished
  6  the licence of a model pack was not accepted
  130, 143  a second signal, SIGINT or SIGTERM, ended the run at once; the first one, a pull of models

`majlis WORD VERB …` does a verb of the plugin whose alias WORD is: `majlis plugins list` shows which words there are, `majlis WORD`
its verbs, and `majlis WORD VERB --help` what a verb takes.

`majlis explain CODE` tells what an error code means.

With --json a command prints one JSON value to stdout, also when it fails: then {file, diagnostics: [{code, severity, message,
file, line, column, hint}]}; where it is about no file, without one. With --log json each line of stderr is a JSON object; one
with `shown` is what a stage shows, and may hold a name.";

/// Receives visitors: runs a pipeline of stage plugins, and tells what every call took.
#[derive(Debug, Parser)]
#[command(name = "majlis", version, after_help = CODES, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) places: Places,
    /// How log lines, diagnostics and errors look; they go to stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, display_order = 101)]
    pub(crate) log: LogFormat,
    /// More log lines: -v for info, -vv for debug, -vvv for trace.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = 102)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Where things are.
#[derive(Debug, Args)]
pub(crate) struct Places {
    /// A folder with plugins; may be given several times. Searched before MAJLIS_PLUGIN_PATH, the pipeline's own
    /// `plugins`, and `lib/majlis/plugins` beside the binary.
    #[arg(long = "plugins", global = true, value_name = "FOLDER", display_order = 100)]
    pub(crate) plugins: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object for each line, and no other line.
    Json,
    /// No log; errors as text.
    Off,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run a pipeline until its sources end, or until SIGINT or SIGTERM.
    Run(RunArgs),
    /// Check a pipeline file: every problem at once, nothing is started.
    Check(CheckArgs),
    /// Draw a pipeline.
    Graph(GraphArgs),
    /// Tell what an error code means; without a code, list them.
    Explain {
        /// Like E0301.
        code: Option<String>,
        /// As JSON: {code, title, text}, or an array of them for the list.
        #[arg(long)]
        json: bool,
    },
    /// Print the JSON Schema of pipeline files, the tables of the installed plugins included.
    Schema {
        /// It is JSON in any case.
        #[arg(long)]
        json: bool,
    },
    /// What plugins there are.
    Plugins {
        #[command(subcommand)]
        verb: PluginsVerb,
    },
    /// Model packs: what there is, and fetching, checking and removing them.
    Models {
        #[command(subcommand)]
        verb: ModelsVerb,
    },
    /// Open one stage of a pipeline alone and let it do a verb of its plugin.
    Stage(StageArgs),
    /// A word that is no verb of the host: perhaps a plugin's alias.
    #[command(external_subcommand)]
    Other(Vec<OsString>),
    /// The same, with what stands behind it: see [`of_alias`].
    #[command(skip)]
    Alias(AliasArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    /// What is printed at the end. In `text`, SOONER is by about how much sooner the milestone would have come, had the line
    /// taken no time. `json` is one object of schema majlis/report@1.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) report: ReportFormat,
    /// Of which visits the report has the account [default: few for text, all for json].
    #[arg(long, value_enum)]
    pub(crate) visits: Option<Visits>,
    /// Write a trace that Perfetto opens, at ui.perfetto.dev: whenever a visit reaches its milestone or closes, and at the end.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Append the account of each visit to this file as a line of JSON: when it reaches the milestone of `[report] until`, or
    /// when it closes without it.
    #[arg(long, value_name = "FILE")]
    pub(crate) report_log: Option<PathBuf>,
    /// Measure each call's processor time as well. It costs some 0.4 µs a call, more than all other figures of a call
    /// together; without it there is the processor time of each thread.
    #[arg(long)]
    pub(crate) cpu: bool,
    /// Do not measure calls: for benchmarks of the meter itself.
    #[arg(long, hide = true, conflicts_with = "cpu")]
    pub(crate) unmetered: bool,
    /// Print milestones to stderr as lines of JSON, with nanoseconds since the start.
    #[arg(long, hide = true)]
    pub(crate) milestones: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Text,
    Json,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Visits {
    /// The first to arrive, the last, and the slowest between them; those in which nothing happened only if there is no other.
    Few,
    /// All, of a long run the latest 64.
    All,
    /// None: the summary alone.
    None,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    /// As JSON: {file, diagnostics: [{code, severity, message, file, line, column, span, label, hint, related}], pipeline:
    /// {name, stages, threads, edges, queue_bytes}}; `pipeline` is null where there is an error.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    /// How it is drawn.
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub(crate) format: GraphFormat,
    /// As JSON: {file, diagnostics, pipeline: {name, stages: [{name, title, plugin, load, thread}], edges: [{from, to, type,
    /// depth, overflow, loop}]}}; `pipeline` is null where there is an error.
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Text,
    Mermaid,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginsVerb {
    /// List the plugins that were found, and those that were refused.
    List {
        /// As JSON: {plugins: [{name, version, summary, alias, path, sha256}], refused: [{name, path, code, reason, remedy}]}.
        #[arg(long)]
        json: bool,
    },
    /// Show a plugin's ports, milestones, verbs and configuration.
    Inspect {
        /// The plugin's name, or its library's file name or path.
        name: String,
        /// As JSON: {name, version, summary, licence, path, sha256, milestones, native, capabilities, alias, inputs, outputs, verbs,
        /// config}.
        #[arg(long)]
        json: bool,
    },
    /// Tell why a plugin is refused; opens it, which `list` does not.
    Why {
        /// The plugin's name, or its library's file name or path.
        name: String,
        /// As JSON: an array of {name, path, code, reason, remedy}.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsVerb {
    /// List the packs that are known, by their cards, and what is there of each: whole, partial, damaged (by the sizes of its
    /// files; `verify` reads them) or absent.
    List {
        /// As JSON: {packs: [{name, title, licence, commercial, origin, size, fetchable, card, state, folder}], problems:
        /// [{code, message}]}; `card` is null for the program's own, `folder` where nothing is there.
        #[arg(long)]
        json: bool,
    },
    /// Show the card of a pack, its licence, and what is there of each of its files.
    Show {
        /// The pack.
        pack: String,
        /// As JSON: what `list` has, and {match_threshold, archive: {url, sha256, size}, files: [{name, role, form,
        /// normalisation, size, sha256, licence, origin, url, state}]}.
        #[arg(long)]
        json: bool,
    },
    /// Fetch a pack from where its makers publish it: what is missing of it, and what is not as its card says.
    ///
    /// What is fetched is compared with the card and only then gets its name. A pull that breaks off is gone on with by the
    /// next one. It goes to the first folder of MAJLIS_MODELS, or else to the user's cache. HTTPS_PROXY, HTTP_PROXY,
    /// ALL_PROXY and NO_PROXY are honoured.
    Pull {
        /// The pack.
        pack: String,
        /// The licence of the pack was read and is accepted. Without it the question is asked on a terminal; elsewhere the
        /// pull is refused with exit code 6.
        #[arg(long, alias = "accept-license")]
        accept_licence: bool,
        /// The folder of a mirror that has the archive, or the files, under the same names.
        #[arg(long, value_name = "URL")]
        from: Option<String>,
    },
    /// Compare every byte of the packs that are there with their cards; exit code 1 if one is not whole.
    Verify {
        /// The packs; without one, all of which something is there.
        packs: Vec<String>,
        /// As JSON: {packs: [{name, state, folder, files: [{name, state, size, sha256, found}]}]}; `found` is the size or
        /// the sha256 of a file that is damaged, or why it is unreadable.
        #[arg(long)]
        json: bool,
    },
    /// Take over files of a pack that are on this machine: under any name, or in an archive as its makers publish it.
    ///
    /// All are compared with the card before the first is placed. They go to the first folder of MAJLIS_MODELS, or else to
    /// the user's data folder.
    Import {
        /// The pack.
        pack: String,
        /// Files, or zip archives.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Remove a pack's files from this machine. What else lies in its folder stays.
    Remove {
        /// The pack.
        pack: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StageArgs {
    /// The pipeline file.
    pub(crate) pipeline: PathBuf,
    /// The stage.
    pub(crate) stage: String,
    /// The verb; without one, the verbs of the stage's plugin are listed.
    pub(crate) verb: Option<String>,
    /// Arguments, as `name=value`, and words for those that the list of verbs shows in capitals. A path starts at the
    /// folder in which majlis is started; a value that is JSON is taken as such where that fits.
    #[arg(value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<String>,
    /// The list of verbs as JSON: {file, diagnostics, stage, plugin, verbs: [{name, summary, arguments}]}; {file, diagnostics}
    /// where there is an error. What a verb answers is JSON in any case.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What stands behind a plugin's alias.
#[derive(Debug, Args)]
pub(crate) struct AliasArgs {
    /// The alias; it is the name of the subcommand.
    #[arg(skip)]
    pub(crate) word: String,
    /// The verb; without one, the verbs are listed.
    pub(crate) verb: Option<String>,
    /// Arguments, as `name=value`, and words for those that the list of verbs shows in capitals. A path starts at the
    /// folder in which majlis is started; a value that is JSON is taken as such where that fits.
    #[arg(value_name = "ARGUMENT")]
    pub(crate) arguments: Vec<String>,
    /// The pipeline file with the stage that is asked. Without it: the variable MAJLIS_PIPELINE.
    // Not by clap's `env`: a variable that is empty is one that is not set.
    #[arg(long, value_name = "FILE")]
    pub(crate) pipeline: Option<PathBuf>,
    /// The stage, where several have this alias.
    #[arg(long, value_name = "NAME")]
    pub(crate) stage: Option<String>,
    /// What the verb answers, as JSON instead of words; so is the list of verbs: {alias, verbs: [{name, summary, arguments}]},
    /// and what goes wrong: {file, diagnostics}.
    #[arg(long)]
    pub(crate) json: bool,
    /// What the alias, or the verb, takes.
    #[arg(short, long)]
    pub(crate) help: bool,
}

/// A command line that begins with a word of a plugin, read as one of its subcommands: so `-v`, `--log` and the like may
/// stand behind it as behind any other.
///
/// # Errors
/// Clap's own.
pub(crate) fn of_alias(word: &str, arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let alias = AliasArgs::augment_args(Command::new(kept(word)).disable_help_flag(true));
    let command = strict().subcommand(alias);
    let matches = command.try_get_matches_from(arguments)?;
    let of_word = matches.subcommand_matches(word).ok_or_else(|| clap::Error::new(ErrorKind::InvalidSubcommand))?;
    let args = AliasArgs { word: word.to_owned(), ..AliasArgs::from_arg_matches(of_word)? };
    let log = |matches: &ArgMatches| matches.get_one::<LogFormat>("log").copied();
    Ok(Cli {
        // What is global stands in the innermost matches, wherever it was written.
        places: Places::from_arg_matches(of_word)?,
        log: log(of_word).unwrap_or(LogFormat::Text),
        verbose: of_word.get_count("verbose"),
        verb: Verb::Alias(args),
    })
}

/// What clap says of a word that is neither a verb nor one of these aliases.
pub(crate) fn unknown(aliases: &[&str], arguments: impl Iterator<Item = OsString>) -> clap::Error {
    let mut command = aliases.iter().fold(strict(), |command, alias| command.subcommand(Command::new(kept(alias))));
    match command.try_get_matches_from_mut(arguments) {
        Err(error) => error,
        Ok(_) => command.error(ErrorKind::InvalidSubcommand, "there is no such verb"),
    }
}

/// The command line of the host's own verbs and no other word.
fn strict() -> Command {
    Cli::command().allow_external_subcommands(false).external_subcommand_value_parser(Resettable::Reset)
}

/// Clap keeps names for the life of the process.
fn kept(word: &str) -> &'static str {
    word.to_owned().leak()
}

/// Whether a command line that clap refused asks for a log in JSON: who collects stderr is answered in JSON then too.
pub(crate) fn wants_json_log(arguments: impl Iterator<Item = OsString>) -> bool {
    let arguments: Vec<_> = arguments.collect();
    arguments.iter().any(|argument| argument == "--log=json")
        || arguments.windows(2).any(|pair| pair[0] == "--log" && pair[1] == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_alias_of_a_plugin_can_take_a_word_of_the_host() {
        for verb in Cli::command().get_subcommands() {
            assert!(majlis_config::RESERVED.contains(&verb.get_name()), "`{}` is not reserved", verb.get_name());
        }
    }

    #[test]
    fn what_is_global_may_stand_before_and_behind_an_alias() {
        let words =
            ["majlis", "-v", "faces", "why", "a.jpg", "id=p1", "--plugins", "x", "-v", "--log", "json", "--stage", "s"];
        let cli = of_alias("faces", words.iter().map(OsString::from)).expect("it is well formed");
        assert_eq!((cli.places.plugins, cli.log, cli.verbose), (vec!["x".into()], LogFormat::Json, 1));
        let Verb::Alias(args) = cli.verb else { panic!("{:?}", cli.verb) };
        assert_eq!((args.word, args.verb, args.stage), ("faces".into(), Some("why".into()), Some("s".into())));
        assert_eq!(args.arguments, ["a.jpg", "id=p1"]);
    }
}

//! `majlis WORD VERB …`: a verb of the one stage whose plugin has the alias WORD.
//!
//! The host knows no such word: they stand in manifests, and which are there is only known once libraries were looked at. So
//! the command line takes any word, and one that no plugin has gets the error of a mistyped verb.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use majlis_config::{Catalogue, Manifest, Verb};
use majlis_meter::Monotonic;
use serde_json::{Value, json};

use crate::cli::{self, AliasArgs, Cli, Places};
use crate::stage::{self, Asked};
use crate::talk::{self, Problem};
use crate::{Exit, catalogue, codes, pipeline, words};

/// Reads what stands behind an alias.
///
/// # Errors
/// Clap's own, of the alias's arguments, or of a verb that is not known.
pub(crate) fn resolved(cli: Cli) -> Result<Cli, clap::Error> {
    let cli::Verb::Other(words) = &cli.verb else { return Ok(cli) };
    let word = words.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    cli::of_alias(&word, std::env::args_os()).map_err(|error| {
        let (_, catalogue) = catalogue::find(&cli.places, None);
        if plugins(&catalogue, &word).is_empty() { unknown(&catalogue) } else { error }
    })
}

pub(crate) fn alias(places: &Places, args: &AliasArgs, clock: Monotonic) -> Exit {
    let variable = || std::env::var_os("MAJLIS_PIPELINE").filter(|path| !path.is_empty()).map(PathBuf::from);
    let Some(path) = args.pipeline.clone().or_else(variable) else {
        return without_pipeline(places, args);
    };
    let path = path.as_path();
    let file = match pipeline::read(places, path) {
        Ok(file) => file,
        Err(unread) => {
            let (_, catalogue) = catalogue::find(places, None);
            return if plugins(&catalogue, &args.word).is_empty() {
                misused(&catalogue)
            } else {
                unread.tell(args.json, path)
            };
        }
    };
    let declaring = plugins(&file.catalogue, &args.word);
    if declaring.is_empty() {
        return misused(&file.catalogue);
    }
    if args.help {
        return help(args, &declaring);
    }
    if args.json && file.checked.pipeline.is_none() {
        say!("{}", file.json());
        return Exit::Pipeline;
    }
    let pipeline = match file.to_start() {
        Ok(pipeline) => pipeline.clone(),
        Err(exit) => return exit,
    };
    let stages = pipeline.stages.iter().enumerate();
    let candidates: Vec<(usize, &str)> = stages
        .filter(|(_, stage)| stage.manifest.alias.as_ref() == Some(&args.word))
        .map(|(index, stage)| (index, stage.name.as_str()))
        .collect();
    let stage = match one(&candidates, args, path) {
        Ok(stage) => stage,
        Err(problem) => {
            problem.tell(args.json, Some(path));
            return Exit::Usage;
        }
    };
    let asked = Asked {
        path,
        verb: args.verb.as_deref(),
        words: &args.arguments,
        json: args.json,
        for_people: !args.json,
        lists: &format!("majlis {}", args.word),
        takes: &format!("majlis {} {} --help", args.word, args.verb.as_deref().unwrap_or("VERB")),
    };
    stage::ask(file, pipeline, stage, &asked, clock)
}

/// The plugins that have this alias.
fn plugins<'c>(catalogue: &'c Catalogue, word: &str) -> Vec<&'c Manifest> {
    let manifests = catalogue.plugins.values().map(|entry| &entry.manifest);
    manifests.filter(|manifest| manifest.alias.as_deref() == Some(word)).collect()
}

/// The stage that is meant.
fn one(candidates: &[(usize, &str)], args: &AliasArgs, path: &Path) -> Result<usize, Problem> {
    let word = &args.word;
    let names: Vec<&str> = candidates.iter().map(|(_, name)| *name).collect();
    let names = names.join(", ");
    let wrong = |message: String, hint: String| Err(Problem { code: codes::R0207, message, hint });
    match (&args.stage, candidates) {
        (_, []) => wrong(
            format!("{} has no stage that does `majlis {word}`", path.display()),
            "`majlis plugins list` shows which plugins have this alias; name a pipeline that uses one".to_owned(),
        ),
        (None, [(stage, _)]) => Ok(*stage),
        (None, _) => wrong(
            format!("several stages of {} do `majlis {word}`: {names}", path.display()),
            "say which with --stage NAME".to_owned(),
        ),
        (Some(wanted), _) => match candidates.iter().find(|(_, name)| name == wanted) {
            Some((stage, _)) => Ok(*stage),
            None => wrong(
                format!("{} has no stage `{wanted}` that does `majlis {word}`", path.display()),
                format!("these do: {names}"),
            ),
        },
    }
}

/// What can be told without a pipeline: what the alias does.
fn without_pipeline(places: &Places, args: &AliasArgs) -> Exit {
    let (_, catalogue) = catalogue::find(places, None);
    let declaring = plugins(&catalogue, &args.word);
    if declaring.is_empty() {
        return misused(&catalogue);
    }
    if args.help || args.verb.is_none() {
        return help(args, &declaring);
    }
    let problem = Problem {
        code: codes::R0207,
        message: format!("which pipeline has the stage that does `majlis {}` is not said", args.word),
        hint: "name its file with --pipeline FILE, or in the variable MAJLIS_PIPELINE".to_owned(),
    };
    problem.tell(args.json, None);
    Exit::Usage
}

/// What the verbs are, or what one of them takes.
fn help(args: &AliasArgs, plugins: &[&Manifest]) -> Exit {
    let word = &args.word;
    // Plugins that share an alias take each other's place, so their verbs are mostly the same.
    let mut verbs: Vec<&Verb> = Vec::new();
    for verb in plugins.iter().flat_map(|manifest| &manifest.verbs) {
        if !verbs.iter().any(|known| known.name == verb.name) {
            verbs.push(verb);
        }
    }
    if let Some(wanted) = &args.verb {
        let Some(verb) = verbs.iter().find(|verb| verb.name == *wanted) else {
            let names: Vec<&str> = verbs.iter().map(|verb| verb.name.as_str()).collect();
            stage::no_verb(&format!("`majlis {word}`"), wanted, &names).tell(args.json, None);
            return Exit::Usage;
        };
        if args.json {
            say!("{}", stage::verb_json(verb));
        } else {
            say!("{}\n\nmajlis {word} {} [name=value …]\n", verb.summary, words::usage(verb));
            tell!("{}", words::help(verb));
        }
        return Exit::Done;
    }
    if args.json {
        let verbs: Value = verbs.iter().map(|verb| stage::verb_json(verb)).collect();
        say!("{}", json!({ "alias": word, "verbs": verbs }));
        return Exit::Done;
    }
    let names: Vec<&str> = plugins.iter().map(|manifest| manifest.name.as_str()).collect();
    say!("majlis {word} VERB [ARGUMENT …] [name=value …]    (of {})\n", names.join(", "));
    tell!("{}", stage::listed(verbs.into_iter()));
    say!("\n  --pipeline FILE  the pipeline with the stage that is asked; without it: the variable MAJLIS_PIPELINE");
    say!("  --stage NAME     which one, where several have this alias");
    say!("  --json           the answer as JSON");
    say!("  --help           behind a verb: what it takes");
    Exit::Done
}

fn unknown(catalogue: &Catalogue) -> clap::Error {
    let aliases: Vec<&str> = catalogue.plugins.values().filter_map(|entry| entry.manifest.alias.as_deref()).collect();
    let mut once: Vec<&str> = Vec::new();
    for alias in aliases {
        if !once.contains(&alias) {
            once.push(alias);
        }
    }
    cli::unknown(&once, std::env::args_os())
}

fn misused(catalogue: &Catalogue) -> Exit {
    let error = unknown(catalogue);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if cli::wants_json_log(arguments.into_iter()) {
        talk::misused(&error);
    } else {
        // A terminal that is gone must not change how it ends.
        let _ = error.print();
    }
    Exit::Usage
}

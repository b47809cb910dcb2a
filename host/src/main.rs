//! `majlis`: command line verbs and rendering, and nothing else.
//!
//! The decision that shapes this crate: **one place maps outcomes to words and exit codes**. A verb answers with an
//! [`Exit`]; libraries know neither the terminal nor the process. Data goes to stdout and talk to stderr, and when
//! stdout carries a report, everything else goes to stderr.
//!
//! It must never know: what a stage does. A verb of a domain comes from a plugin's manifest.
#![forbid(unsafe_code)]

/// Data for stdout. A reader that has seen enough (`majlis … | head`) is no failure, so what it does not take is let go.
macro_rules! tell {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout().lock(), $($words)*);
    }};
}

/// The same as a line.
macro_rules! say {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout().lock(), $($words)*);
    }};
}

mod alias;
mod answer;
mod catalogue;
mod cli;
mod codes;
mod folders;
mod ledgers;
mod log;
mod models;
mod observer;
mod opener;
mod pipeline;
mod plugins;
mod processor;
mod reports;
mod run;
mod services;
mod signals;
mod stage;
mod talk;
mod verbs;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

// Not the system's allocator, under the plain names: only so is what native code of a plugin allocates counted.
#[global_allocator]
static ALLOCATOR: majlis_meter::Jemalloc = majlis_meter::Jemalloc;

/// How a verb ended; `majlis --help` lists the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what it was asked for.
    Done = 0,
    /// It was tried and failed.
    Failed = 1,
    /// The command line is wrong; clap's own code.
    Usage = 2,
    /// The pipeline file has errors.
    Pipeline = 3,
    /// A plugin was refused, or there is no such plugin.
    Plugin = 4,
    /// The time of a drain was over before everything was finished.
    Unfinished = 5,
    /// The licence of a model pack was not accepted.
    Licence = 6,
    /// Ended at once by a second signal, SIGINT: 128 and its number, as a shell has it.
    Interrupted = 130,
    /// The same by SIGTERM.
    Terminated = 143,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn main() -> ExitCode {
    // First of all: times of a run count from here.
    let clock = majlis_meter::Monotonic::new();
    // This program sees faces: nothing that it loads may report home. The one thread is the allocator's.
    let silent = majlis_loader::silence_native_telemetry(1);
    majlis_meter::Arenas::process().bind(majlis_meter::Arenas::process().named(ledgers::HOST));
    let cli = match cli::Cli::try_parse().and_then(alias::resolved) {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() && cli::wants_json_log(std::env::args_os()) => {
            talk::misused(&error);
            return Exit::Usage.into();
        }
        Err(error) => error.exit(),
    };
    log::install(cli.log, cli.verbose);
    if !silent {
        tracing::warn!("another thread was there first: set ORT_DISABLE_TELEMETRY=1 in the environment instead");
    }
    let exit = match cli.verb {
        cli::Verb::Run(args) => run::run(&cli.places, &args, clock),
        cli::Verb::Check(args) => verbs::check(&cli.places, &args),
        cli::Verb::Graph(args) => verbs::graph(&cli.places, &args),
        cli::Verb::Explain { code, json } => verbs::explain(code.as_deref(), json),
        cli::Verb::Schema { .. } => verbs::schema(&cli.places),
        cli::Verb::Plugins { verb } => plugins::plugins(&cli.places, &verb),
        cli::Verb::Models { verb } => models::models(&verb),
        cli::Verb::Stage(args) => stage::stage(&cli.places, &args, clock),
        cli::Verb::Alias(args) => alias::alias(&cli.places, &args, clock),
        cli::Verb::Other(_) => unreachable!("`alias::resolved` leaves none"),
    };
    exit.into()
}

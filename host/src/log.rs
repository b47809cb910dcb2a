//! Logs: the host's own and those that plugins send over the boundary, on stderr.

use tracing::Level;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::LogFormat;
use crate::talk;

pub(crate) fn install(format: LogFormat, verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::INFO,
        2 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let registry = tracing_subscriber::registry().with(level);
    // Another subscriber cannot be there: this is called once, first in `main`.
    let _ = match format {
        LogFormat::Off => Ok(()),
        LogFormat::Text => {
            // Never in colour: the crate does that only with a feature that brings another crate, and asked for it without
            // the feature it panics, on terminals alone.
            let lines =
                tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_target(false);
            registry.with(lines).try_init()
        }
        LogFormat::Json => {
            talk::in_json();
            let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
            registry.with(lines).try_init()
        }
    };
}

/// A level of the boundary: 1 error … 5 trace.
pub(crate) fn level(number: u32) -> Level {
    match number {
        0 | 1 => Level::ERROR,
        2 => Level::WARN,
        3 => Level::INFO,
        4 => Level::DEBUG,
        _ => Level::TRACE,
    }
}

/// A line of a plugin.
pub(crate) fn plugin_line(stage: &str, number: u32, module: &str, message: &str) {
    // The macro wants a constant level.
    match level(number) {
        Level::ERROR => tracing::error!(stage, module, "{message}"),
        Level::WARN => tracing::warn!(stage, module, "{message}"),
        Level::INFO => tracing::info!(stage, module, "{message}"),
        Level::DEBUG => tracing::debug!(stage, module, "{message}"),
        _ => tracing::trace!(stage, module, "{message}"),
    }
}

/// Whether a line of this level would be seen.
pub(crate) fn enabled(number: u32) -> bool {
    LevelFilter::current() >= level(number)
}

//! Whoever looks on while a pack comes: a bar on a terminal, lines elsewhere, and an ear for signals.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use majlis_models::Watch;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::{Exit, talk};

/// Shows how far a download is, and hears signals.
#[derive(Default)]
pub(super) struct Onlooker {
    interrupted: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
    bar: Option<ProgressBar>,
    /// Where there is no terminal: what comes, of how many bytes, and the tenth that is told next.
    lines: Option<(String, u64, u64)>,
}

impl Onlooker {
    /// From here on the first signal lets a pull keep what has come; a second one ends the process at once.
    pub(super) fn listening() -> Self {
        let onlooker = Self::default();
        for (signal, heard, exit) in
            [(SIGINT, &onlooker.interrupted, Exit::Interrupted), (SIGTERM, &onlooker.terminated, Exit::Terminated)]
        {
            // Without it a signal ends the process as it always would, and what has come is kept as well.
            let _ = flag::register_conditional_shutdown(signal, exit as i32, Arc::clone(heard))
                .and_then(|_| flag::register(signal, Arc::clone(heard)));
        }
        onlooker
    }

    pub(super) fn exit(&self) -> Exit {
        if self.terminated.load(Ordering::Relaxed) { Exit::Terminated } else { Exit::Interrupted }
    }
}

impl Watch for Onlooker {
    fn begin(&mut self, what: &str, at: u64, total: Option<u64>) {
        if std::io::stderr().is_terminal() && !talk::is_json() {
            let bar = ProgressBar::new(total.unwrap_or_default());
            let known = "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}";
            let template = if total.is_some() { known } else { "{msg} {decimal_bytes} {decimal_bytes_per_sec}" };
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(what.to_owned());
            bar.set_position(at);
            bar.reset_eta();
            bar.enable_steady_tick(Duration::from_millis(500));
            self.bar = Some(bar);
            return;
        }
        let kept = if at > 0 { format!(", of which {} are here already", DecimalBytes(at)) } else { String::new() };
        let size = total.map_or_else(String::new, |total| format!(", {}", DecimalBytes(total)));
        talk::notice(&format!("fetching {what}{size}{kept}"));
        let total = total.unwrap_or(u64::MAX);
        self.lines = Some((what.to_owned(), total, tenth(at, total) + 1));
    }

    fn advance(&mut self, at: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(at);
        }
        if let Some((what, total, next)) = &mut self.lines
            && tenth(at, *total) >= *next
        {
            *next = tenth(at, *total) + 1;
            talk::notice(&format!("{what}: {} %", (*next - 1) * 10));
        }
    }

    fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.lines = None;
    }

    fn say(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| talk::notice(text)),
            None => talk::notice(text),
        }
    }

    fn stopped(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || self.terminated.load(Ordering::Relaxed)
    }
}

fn tenth(at: u64, total: u64) -> u64 {
    (u128::from(at) * 10 / u128::from(total.max(1))) as u64
}

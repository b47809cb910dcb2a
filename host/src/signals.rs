//! SIGINT and SIGTERM: the first drains, the second ends at once.
//!
//! Listening begins before the start, which may take as long as models take to load: a signal that comes meanwhile is
//! kept, and drains the run as soon as there is one. So the report is written, with the openings that were measured.

use std::sync::Arc;
use std::time::Duration;

use majlis_runtime::Controls;
use parking_lot::Mutex;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::{Exit, talk};

/// The ear of a run.
pub(crate) struct Listening {
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    signals: u32,
    /// The one that came last.
    last: i32,
    run: Option<(Controls, Duration)>,
}

/// Listens on a thread of its own, which ends with the process.
pub(crate) fn listen() -> std::io::Result<Listening> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let heard = Arc::new(Mutex::new(Heard::default()));
    let here = Arc::clone(&heard);
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let arenas = majlis_meter::Arenas::process();
        arenas.bind(arenas.named(crate::ledgers::HOST));
        for signal in signals.forever() {
            here.lock().hear(signal);
        }
    })?;
    tracing::debug!("listening for signals");
    Ok(Listening { heard })
}

impl Listening {
    /// The run has started: it is this one that ends from now on, and at once if that was asked for before.
    pub(crate) fn serve(&self, controls: Controls, drain_within: Duration) {
        let mut heard = self.heard.lock();
        if heard.signals > 0 {
            controls.drain(drain_within);
        }
        heard.run = Some((controls, drain_within));
    }

    /// How a run ends that a signal ended at once.
    pub(crate) fn exit(&self) -> Exit {
        if self.heard.lock().last == SIGINT { Exit::Interrupted } else { Exit::Terminated }
    }
}

impl Heard {
    fn hear(&mut self, signal: i32) {
        self.signals += 1;
        self.last = signal;
        match (self.signals, &self.run) {
            (1, Some((controls, within))) => {
                talk::notice(&format!(
                    "draining: no new visit, the end in at most {}; a second signal ends at once",
                    majlis_config::show_duration(*within)
                ));
                controls.drain(*within);
            }
            (1, None) => talk::notice(
                "draining: no visit is begun, and the end comes when the stages that are opening are open; a second \
                 signal ends at once",
            ),
            (_, Some((controls, _))) => controls.kill(),
            // A plugin that is opening cannot be called off, and nothing was measured that a report could tell.
            (_, None) => {
                talk::notice("ended at once, before the start: there is nothing to report");
                // It ends the process as if nobody listened; should that fail, the run drains as it would have.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    }
}

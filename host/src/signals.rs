//! SIGINT and SIGTERM: the first drains, the second ends at once.

use std::time::Duration;

use majlis_runtime::Controls;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Listens on a thread of its own, which ends with the process.
pub(crate) fn listen(controls: Controls, drain_within: Duration) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let arenas = majlis_meter::Arenas::process();
        arenas.bind(arenas.named(crate::ledgers::HOST));
        let mut received = signals.forever();
        if received.next().is_some() {
            eprintln!(
                "draining: no new visit, the end in at most {}; a second signal ends at once",
                majlis_config::show_duration(drain_within)
            );
            controls.drain(drain_within);
        }
        if received.next().is_some() {
            controls.kill();
        }
    })?;
    Ok(())
}

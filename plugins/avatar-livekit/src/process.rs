//! Which process a session belongs to, and whether that still runs.

use std::collections::BTreeSet;
use std::fs;
use std::sync::LazyLock;

use parking_lot::Mutex;

/// Owners of this process that live, by id: stages are made anew in one process, and what the one before started is nobody's then.
static LIVING: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);

/// This process.
pub(crate) static OWN: LazyLock<Process> = LazyLock::new(Process::own);

/// A process, as it can be found again: numbers of processes come round, the moment of a start does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// The run of the machine's kernel.
    pub(crate) machine: String,
    /// In which the number counts: that of a container is another one.
    pub(crate) namespace: String,
    pub(crate) number: u32,
    /// In ticks since the machine started.
    pub(crate) started: u64,
}

impl Process {
    fn own() -> Self {
        let number = std::process::id();
        Self { machine: machine(), namespace: namespace(), number, started: started(number).unwrap_or_default() }
    }

    /// Whether it is known to have ended. One of another container cannot be seen, and is taken as running.
    pub(crate) fn has_ended(&self) -> bool {
        if self.machine != OWN.machine {
            // The store lies on this machine, which was started anew.
            return true;
        }
        self.namespace == OWN.namespace && started(self.number) != Some(self.started)
    }
}

/// That a stage lives, until it is dropped.
pub(crate) struct Living(String);

impl Living {
    pub(crate) fn enter(owner: &str) -> Self {
        LIVING.lock().insert(owner.to_owned());
        Self(owner.to_owned())
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        LIVING.lock().remove(&self.0);
    }
}

/// Whether the owner, a stage of that process, is gone.
pub(crate) fn is_gone(owner: &str, process: &Process) -> bool {
    if *process == *OWN { !LIVING.lock().contains(owner) } else { process.has_ended() }
}

fn machine() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
}

fn namespace() -> String {
    fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default()
}

/// When a process started; nothing if there is none, or it is dead and not collected.
fn started(number: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_gone_when_it_ended_and_not_when_its_number_came_round() {
        let own = Process::own();
        assert!(!own.has_ended());
        assert!(Process { started: own.started + 1, ..own.clone() }.has_ended(), "another one has its number now");
        assert!(Process { machine: "before".into(), ..own.clone() }.has_ended());
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a process");
        let started = started(child.id()).expect("it runs");
        let process = Process { number: child.id(), started, ..own };
        assert!(!process.has_ended());
        child.kill().expect("it is killed");
        let _ = child.wait();
        assert!(process.has_ended());
    }

    #[test]
    fn a_stage_that_was_dropped_is_gone_though_its_process_runs() {
        let own = Process::own();
        let living = Living::enter("one");
        assert!(!is_gone("one", &own));
        drop(living);
        assert!(is_gone("one", &own));
    }
}

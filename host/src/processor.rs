//! Processor time of the process and of its threads, taken once, when a run ends.
//!
//! Of each call only with `--cpu`: a read of a thread's clock is a call of the system (200 ns, twice a call), more than all
//! other figures of a call together. The threads' own rows cost nothing until somebody looks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use majlis_meter::record::{RunRecord, ThreadCpu};

/// Linux tells user space in hundredths of a second, whatever its own clock is (USER_HZ).
const TICK: u64 = 10_000_000;

/// Fills in what was used until now; the threads of stages have to be there still.
pub(crate) fn fill(run: &mut RunRecord) {
    run.cpu = Some(majlis_meter::clock::process_cpu());
    let mut threads: BTreeMap<String, u64> = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        // A thread may end between the two.
        if let Some((name, cpu)) = of_thread(&task.path()) {
            *threads.entry(name).or_default() += cpu;
        }
    }
    run.threads_cpu = threads.into_iter().map(|(name, cpu)| ThreadCpu { name, cpu }).collect();
    run.threads_cpu.sort_by_key(|thread| std::cmp::Reverse(thread.cpu));
}

fn of_thread(task: &Path) -> Option<(String, u64)> {
    let text = |file: &str| fs::read_to_string(task.join(file)).ok();
    Some((text("comm")?.trim_end().to_owned(), ticks(&text("stat")?)? * TICK))
}

/// User and system time in a line of `stat`. The name before them may hold blanks and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut times = after.split_whitespace().skip(11).map(|time| time.parse::<u64>().ok());
    Some(times.next()?? + times.next()??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_name_does_not_shift_its_times() {
        let stat = "14268 (a) b (c d) R 1 2 3 4 5 6 7 8 9 10 43 7 0 0 20 0 1 0 0";
        assert_eq!(ticks(stat), Some(50));
        assert_eq!(ticks("14268 (cut"), None);
    }
}

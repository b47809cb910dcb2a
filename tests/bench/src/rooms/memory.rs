//! What a program and all that it started hold in memory, and whether they rest.

use std::collections::BTreeMap;
use std::fs;

const MIB: f64 = (1 << 20) as f64;

/// A process and all that it started, as they are now.
pub(super) fn family(first: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(parent) = fields(id).and_then(|fields| fields.get(1)?.parse().ok()) {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut family = vec![first];
    let mut next = 0;
    while let Some(parent) = family.get(next) {
        family.extend(children.remove(parent).unwrap_or_default());
        next += 1;
    }
    family
}

/// What `/proc/ID/stat` says after the name, which may hold anything: the state, the parent, and so on.
fn fields(id: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// Their proportional set size in MiB: pages that several processes map are shared out among them.
pub(super) fn pss(family: &[u32]) -> Result<f64, String> {
    family.iter().map(|id| pss_of(*id)).sum()
}

fn pss_of(id: u32) -> Result<f64, String> {
    let path = format!("/proc/{id}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let kib = text.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kib.map(|kib| kib * 1_024.0 / MIB).ok_or_else(|| format!("{path} has no Pss"))
}

/// Processor time that they used so far, in ticks of the kernel, of which it has 100 a second.
pub(super) fn ticks(family: &[u32]) -> u64 {
    let of = |id: &u32| {
        let fields = fields(*id)?;
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    };
    family.iter().filter_map(of).sum()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_program_counts_with_all_that_it_started() {
        let mut shell = Command::new("sh");
        let mut shell = shell.args(["-c", "sleep 60 & echo there; wait"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(shell.stdout.take().unwrap()), &mut line).unwrap();
        let family = family(shell.id());
        assert_eq!((family.len(), family[0]), (2, shell.id()));
        assert!(pss(&family).unwrap() > pss(&family[..1]).unwrap());
        let kill = |id: u32| Command::new("kill").arg(id.to_string()).status().unwrap();
        kill(family[1]);
        shell.wait().unwrap();
        assert!(pss(&[family[1]]).is_err(), "who is gone holds nothing");
    }
}

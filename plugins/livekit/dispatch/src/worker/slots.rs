//! Which jobs a worker has, and how many more it can take. A pure table: time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// The server assigns a job within 7.5 s of a good answer, or never; half a second is the network's.
pub(crate) const ASSIGNMENT: Duration = Duration::from_millis(8_000);

/// The slots of a worker. A slot is taken by a promise to the server or by a job, never by two of them.
#[derive(Debug)]
pub(crate) struct Slots {
    most: usize,
    promised: BTreeMap<String, Promise>,
    /// Jobs that the user has.
    jobs: BTreeSet<String>,
}

/// What the server was told about a job that it may assign.
#[derive(Clone, Debug)]
pub(crate) struct Promise {
    /// As whom the agent joins.
    pub(crate) identity: String,
    /// Whether another worker had it before.
    pub(crate) resuming: bool,
    /// Then the slot is free again.
    until: Instant,
}

impl Slots {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, promised: BTreeMap::new(), jobs: BTreeSet::new() }
    }

    /// So many more jobs can be taken.
    pub(crate) fn free(&self) -> usize {
        self.most.saturating_sub(self.promised.len() + self.jobs.len())
    }

    /// Takes a slot for a job. An offer that is repeated gets its slot again and no second one.
    pub(crate) fn promise(&mut self, job: &str, identity: String, resuming: bool, now: Instant) -> Option<&Promise> {
        let known = self.promised.contains_key(job);
        if self.jobs.contains(job) || (!known && self.free() == 0) {
            return None;
        }
        let until = now + ASSIGNMENT;
        let promise = self.promised.entry(job.to_owned()).or_insert(Promise { identity, resuming, until });
        promise.until = until;
        Some(promise)
    }

    /// The promise is kept: its slot is the job's from now on.
    pub(crate) fn assign(&mut self, job: &str) -> Option<Promise> {
        let promise = self.promised.remove(job)?;
        self.jobs.insert(job.to_owned());
        Some(promise)
    }

    /// The next time at which a promise lapses.
    pub(crate) fn next_lapse(&self) -> Option<Instant> {
        self.promised.values().map(|promise| promise.until).min()
    }

    /// Frees the slots of promises that nobody came back to; whose they were.
    pub(crate) fn lapse(&mut self, now: Instant) -> Vec<String> {
        let lapsed: Vec<String> =
            self.promised.iter().filter(|(_, promise)| promise.until <= now).map(|(job, _)| job.clone()).collect();
        for job in &lapsed {
            self.promised.remove(job);
        }
        lapsed
    }

    /// The server that was promised something is gone, and its promises with it.
    pub(crate) fn forget_promises(&mut self) {
        self.promised.clear();
    }

    /// A job is over. Whether there was one.
    pub(crate) fn release(&mut self, job: &str) -> bool {
        self.jobs.remove(job)
    }

    pub(crate) fn has(&self, job: &str) -> bool {
        self.jobs.contains(job)
    }

    /// The jobs that the user has.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &str> {
        self.jobs.iter().map(String::as_str)
    }

    /// Whether nothing is promised and nothing is done.
    pub(crate) fn is_empty(&self) -> bool {
        self.promised.is_empty() && self.jobs.is_empty()
    }

    /// How many jobs there are, for the report of the load.
    pub(crate) fn count(&self) -> usize {
        self.jobs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(job: &str) -> String {
        format!("agent-{job}")
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_promised_once_and_again_when_its_job_is_over() {
        let mut slots = Slots::new(1);
        let now = Instant::now();
        assert!(slots.promise("a", who("a"), false, now).is_some());
        assert!(slots.promise("b", who("b"), false, now).is_none(), "one slot, two jobs");
        assert_eq!(slots.assign("a").unwrap().identity, "agent-a");
        assert!(slots.promise("b", who("b"), false, now).is_none());
        assert!(slots.release("a"));
        assert!(!slots.release("a"), "it is released once");
        assert!(slots.promise("b", who("b"), false, now).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_offer_that_is_repeated_keeps_its_slot_and_its_identity() {
        let mut slots = Slots::new(1);
        let now = Instant::now();
        slots.promise("a", "agent-1".into(), false, now).unwrap();
        assert_eq!(slots.promise("a", "agent-2".into(), false, now).unwrap().identity, "agent-1");
        assert_eq!(slots.free(), 0);
        slots.assign("a").unwrap();
        assert!(slots.promise("a", "agent-3".into(), false, now).is_none(), "a job that is done is not taken twice");
    }

    #[tokio::test(start_paused = true)]
    async fn a_promise_lapses_at_its_time_and_not_before() {
        let mut slots = Slots::new(2);
        let begun = Instant::now();
        slots.promise("a", who("a"), false, begun).unwrap();
        slots.promise("b", who("b"), false, begun + Duration::from_secs(1)).unwrap();
        assert_eq!(slots.next_lapse(), Some(begun + ASSIGNMENT));
        assert!(slots.lapse(begun + ASSIGNMENT - Duration::from_millis(1)).is_empty());
        assert_eq!(slots.lapse(begun + ASSIGNMENT), ["a"]);
        assert!(slots.assign("a").is_none());
        assert_eq!(slots.free(), 1);
        assert_eq!(slots.next_lapse(), Some(begun + ASSIGNMENT + Duration::from_secs(1)));
    }
}

//! Which processors the threads of a model keep to.
//!
//! Where a model computes with as many threads as there are processors, each keeps to one of its own while it computes. Left to
//! itself the kernel of a small machine often wakes a pool's thread on the processor of the thread that waits for it, and leaves
//! the other one idle: a frame then takes as long with two threads as with one (28 ms instead of 20, two processors). Where
//! there are more processors than threads it finds a free one by itself, and nothing is kept.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// A processor for each thread of a model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placement {
    /// What this process may use, by its operator's choice.
    all: CpuSet,
    own: Vec<CpuSet>,
}

impl Placement {
    /// For models that compute with this many threads, the caller's included; None: they are better left alone.
    pub(crate) fn of(threads: usize) -> Option<Self> {
        Self::among(sched_getaffinity(None).ok()?, threads)
    }

    fn among(all: CpuSet, threads: usize) -> Option<Self> {
        let own: Vec<CpuSet> = (0..CpuSet::MAX_CPU)
            .filter(|at| all.is_set(*at))
            .map(|at| {
                let mut one = CpuSet::new();
                one.set(at);
                one
            })
            .collect();
        (threads > 1 && threads >= own.len() && own.len() > 1).then_some(Self { all, own })
    }

    /// Keeps the calling thread, the model's own from here on, to the processor of its number; the caller of the model is 0.
    pub(crate) fn keep(&self, number: usize) {
        // A kernel that refuses leaves the thread where it was, which is slower and nothing else.
        let _ = sched_setaffinity(None, &self.own[number % self.own.len()]);
    }

    /// Keeps the calling thread to the first processor until the answer is dropped.
    pub(crate) fn while_computing(&self) -> Kept<'_> {
        self.keep(0);
        Kept(&self.all)
    }
}

/// See [`Placement::while_computing`].
pub(crate) struct Kept<'a>(&'a CpuSet);

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let _ = sched_setaffinity(None, self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(processors: &[usize]) -> CpuSet {
        let mut set = CpuSet::new();
        processors.iter().for_each(|at| set.set(*at));
        set
    }

    #[test]
    fn only_as_many_threads_as_processors_have_one_each() {
        let two = Placement::among(set(&[1, 3]), 2).expect("a processor for each");
        assert_eq!(two.own, [set(&[1]), set(&[3])]);
        assert_eq!(Placement::among(set(&[0, 1, 2]), 2), None, "the kernel finds a free one");
        assert_eq!(Placement::among(set(&[0, 1]), 1), None);
        assert_eq!(Placement::among(set(&[5]), 4), None, "there is nothing to choose");
        assert!(Placement::among(set(&[0, 1]), 4).is_some());
    }

    #[test]
    fn a_thread_may_go_everywhere_again_when_it_has_computed() {
        let before = sched_getaffinity(None).expect("the system tells");
        let placement = Placement::among(before, before.count() as usize);
        if let Some(placement) = placement {
            let kept = placement.while_computing();
            assert_eq!(sched_getaffinity(None).expect("the system tells").count(), 1);
            drop(kept);
        }
        assert_eq!(sched_getaffinity(None).expect("the system tells"), before);
    }
}

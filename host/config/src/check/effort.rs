//! How many steps a check takes. Only tests count them: a time would say more of the machine than of the check.

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// One turn of a loop over stages, wires or ports.
#[inline]
pub(super) fn step() {
    #[cfg(test)]
    STEPS.with(|steps| steps.set(steps.get() + 1));
}

/// What `work` gives, and the steps that it took.
#[cfg(test)]
pub(super) fn of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = STEPS.with(std::cell::Cell::get);
    let made = work();
    (made, STEPS.with(std::cell::Cell::get) - before)
}

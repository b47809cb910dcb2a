//! The life of an instance: how it fails, is made anew, or given up.

use majlis_meter::Nanos;
use majlis_meter::record::{Producer, Why};

use crate::graph::Graph;
use crate::lane::Wake;
use crate::setup::{OpenError, Then};
use crate::state::{Life, State, Stay};
use crate::timer::Timer;

/// The plugin did not accept its configuration.
pub(crate) const REFUSED: &str = "R0102";

impl State {
    /// Counts a failure, and says what the restart policy makes of it.
    fn by_policy(&mut self, graph: &Graph, stage: usize, now: Nanos) -> Then {
        let policy = graph.stages[stage].restart;
        let within = Nanos::try_from(policy.within.as_nanos()).unwrap_or(Nanos::MAX);
        let failures = &mut self.stages[stage].failures;
        while failures.front().is_some_and(|at| now.saturating_sub(*at) > within) {
            failures.pop_front();
        }
        failures.push_back(now);
        match (policy.max as usize + 1).checked_sub(failures.len()) {
            None | Some(0) => Then::GivenUp,
            Some(left) => Then::TriedAgain { after: policy.delay, left },
        }
    }

    fn restart_at(&self, graph: &Graph, stage: usize, now: Nanos) -> Nanos {
        let delay = Nanos::try_from(graph.stages[stage].restart.delay.as_nanos()).unwrap_or(Nanos::MAX);
        now.saturating_add(delay)
    }

    /// An instance is over: it may be made anew, by its restart policy. Then the wakes of its visits stay: whoever
    /// waits for a greeting at a deadline gets it from the next instance.
    pub(crate) fn failed(&mut self, graph: &Graph, stage: usize, error: OpenError, now: Nanos) -> Then {
        // A table that the plugin refused is the same at every try: it waits for the operator and the next run.
        let then = if error.code == REFUSED { Then::GivenUp } else { self.by_policy(graph, stage, now) };
        if then == Then::GivenUp {
            self.give_up(graph, stage, error, now);
            return then;
        }
        let not_before = self.restart_at(graph, stage, now);
        let state = &mut self.stages[stage];
        state.totals.restarts += 1;
        state.life = Life::Closed { not_before };
        state.paused_since = (not_before > now).then_some(now);
        state.open_ahead = graph.stages[stage].starts_by_itself;
        self.set_timer(graph.stages[stage].thread, not_before, Timer::Retry { stage });
        self.instance_over(graph, stage, now);
        then
    }

    /// A source whose wake failed is woken again after the delay of its restart policy: nothing else would ever enter
    /// it. Or it is given up.
    pub(crate) fn source_failed(&mut self, graph: &Graph, stage: usize, reason: &str, now: Nanos) -> Then {
        let then = self.by_policy(graph, stage, now);
        if then != Then::GivenUp {
            let due = self.restart_at(graph, stage, now);
            let producer = Producer::Origin(stage as u16);
            self.arm(graph, stage, 0, Wake { due, asked: now, producer });
            return then;
        }
        let error = OpenError { code: "R0104", reason: reason.to_owned(), path: String::new() };
        self.give_up(graph, stage, error, now);
        then
    }

    pub(crate) fn arm(&mut self, graph: &Graph, stage: usize, visit: u64, wake: Wake) {
        self.lane(stage, visit).wake = Some(wake);
        self.set_timer(graph.stages[stage].thread, wake.due, Timer::Wake { stage, visit });
    }

    fn give_up(&mut self, graph: &Graph, stage: usize, error: OpenError, now: Nanos) {
        self.stages[stage].paused_since = None;
        self.stages[stage].open_ahead = false;
        self.stages[stage].life = Life::Failed(error.clone());
        self.instance_over(graph, stage, now);
        for visit in self.stages[stage].lanes.numbers() {
            self.skip_all(graph, stage, visit, now);
        }
        self.stop_if_wanted(graph, stage, &error.reason, now);
        self.pass_ends(graph, now);
        self.end_if_finished(graph, now);
    }

    /// `on_failure = "stop"`: the run ends with the stage's reason.
    pub(crate) fn stop_if_wanted(&mut self, graph: &Graph, stage: usize, reason: &str, now: Nanos) {
        if graph.stages[stage].stop_on_failure && self.failure.is_none() {
            self.failure = Some((stage, reason.to_owned()));
            self.end(graph, now);
        }
    }

    /// An instance is dropped: its deferred work is cancelled, and visits that it opened are gone.
    fn instance_over(&mut self, graph: &Graph, stage: usize, now: Nanos) {
        let instance = self.stages[stage].instance;
        // What was queued for it will not be read, and the next one is told afresh.
        for lane in self.stages[stage].lanes.iter_mut() {
            lane.events.clear();
            lane.inputs.iter_mut().for_each(|input| input.failed = false);
        }
        self.stages[stage].inputs_told.fill(false);
        self.threads[graph.stages[stage].thread].urgent.retain(|(to, _, _)| *to != stage);
        self.cancel_works(graph, Why::Stage, now, |work| work.stage == stage && work.instance == instance);
        let opened = self
            .visits
            .iter()
            .filter(|(_, state)| state.opener == stage && state.instance == instance && state.stay == Stay::Open);
        for visit in opened.map(|(visit, _)| *visit).collect::<Vec<u64>>() {
            self.visit_gone(graph, visit, now);
        }
        // A visit must not wait for a stage that is not there.
        let told = self.visits.iter().filter(|(_, state)| state.told.has(stage) && state.waiting.has(stage));
        for visit in told.map(|(visit, _)| *visit).collect::<Vec<u64>>() {
            self.saw_closed(graph, stage, visit, now);
        }
        self.advance_all(graph, now);
    }
}

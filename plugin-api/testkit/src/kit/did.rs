//! What the stage did.

use majlis_abi::host::Closing;
use majlis_plugin_api::{AnyOut, Closed, Message, Out, Stage, Time, VisitId};

use super::Kit;
use crate::state::{Log, Stand};
use crate::work::{WorkState, WorkView};

impl<S: Stage> Kit<S> {
    /// Messages that it sent on an output, with their visits, in order.
    ///
    /// # Panics
    /// One of them is no message of the port's type.
    #[must_use]
    pub fn emitted<T: Message>(&self, port: Out<T>) -> Vec<(Option<VisitId>, T)> {
        self.emitted_as(port)
    }

    /// As [`emitted`](Kit::emitted), for an output of any type that sent messages of this one.
    ///
    /// # Panics
    /// One of them is no message of this type.
    #[must_use]
    pub fn emitted_as<T: Message>(&self, port: impl AnyOut) -> Vec<(Option<VisitId>, T)> {
        let state = self.shared.peek();
        let sent = state.emissions.iter().filter(|emission| emission.output == port.output_index());
        sent.map(|emission| {
            let message = T::decode(&emission.buffer, T::TYPE)
                .unwrap_or_else(|error| panic!("what the stage sent cannot be read: {error}"));
            (VisitId::from_number(emission.visit), message)
        })
        .collect()
    }

    /// The time stamps of what it sent on an output, in order.
    #[must_use]
    pub fn stamps(&self, port: impl AnyOut) -> Vec<Time> {
        let state = self.shared.peek();
        let sent = state.emissions.iter().filter(|emission| emission.output == port.output_index());
        sent.map(|emission| Time::from_nanos(emission.time)).collect()
    }

    /// Forgets what it sent so far.
    pub fn forget_emitted(&mut self) {
        self.shared.state().emissions.clear();
    }

    /// How many messages came after their visit had closed or their work was cancelled.
    #[must_use]
    pub fn late(&self) -> usize {
        self.shared.peek().late
    }

    /// Milestones that it set, in order.
    #[must_use]
    pub fn milestones(&self) -> Vec<(Option<VisitId>, String)> {
        self.shared.peek().milestones.iter().map(|(visit, name)| (VisitId::from_number(*visit), name.clone())).collect()
    }

    /// Facts that it attached, in order.
    #[must_use]
    pub fn facts(&self) -> Vec<(Option<VisitId>, String, String)> {
        let state = self.shared.peek();
        state
            .facts
            .iter()
            .map(|(visit, name, value)| (VisitId::from_number(*visit), name.clone(), value.clone()))
            .collect()
    }

    /// The value of the last fact of this name.
    #[must_use]
    pub fn fact(&self, name: &str) -> Option<String> {
        self.shared.peek().facts.iter().rev().find(|fact| fact.1 == name).map(|fact| fact.2.clone())
    }

    /// Steps of its calls that it named, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<String> {
        self.shared.peek().steps.clone()
    }

    /// The visits for which it withdrew what is under way downstream of an output.
    #[must_use]
    pub fn flushes(&self, port: impl AnyOut) -> Vec<Option<VisitId>> {
        let state = self.shared.peek();
        let flushes = state.flushes.iter().filter(|flush| flush.1 == port.output_index());
        flushes.map(|flush| VisitId::from_number(flush.0)).collect()
    }

    /// Texts that it showed to the operator, in order.
    #[must_use]
    pub fn printed(&self) -> Vec<(Option<VisitId>, String)> {
        self.shared.peek().printed.iter().map(|(visit, text)| (VisitId::from_number(*visit), text.clone())).collect()
    }

    /// Lines that it logged, in order.
    #[must_use]
    pub fn logs(&self) -> Vec<Log> {
        self.shared.peek().logs.clone()
    }

    /// Deferred work that it began, in order.
    #[must_use]
    pub fn works(&self) -> Vec<WorkView> {
        self.shared.peek().works.iter().map(WorkState::view).collect()
    }

    /// Threads that it made known: how many still are, and how many ever were.
    #[must_use]
    pub fn adopted(&self) -> (usize, usize) {
        let state = self.shared.peek();
        (state.adopted.iter().filter(|thread| thread.1).count(), state.adopted.len())
    }

    /// Visits that it opened itself, in order.
    #[must_use]
    pub fn opened(&self) -> Vec<VisitId> {
        let state = self.shared.peek();
        let own = state.visits.iter().filter(|(_, known)| known.own);
        own.filter_map(|(number, _)| VisitId::from_number(*number)).collect()
    }

    /// Since when the visitor of a visit is there.
    ///
    /// # Panics
    /// There is no such visit.
    #[must_use]
    pub fn arrival(&self, visit: VisitId) -> Time {
        let state = self.shared.peek();
        Time::from_nanos(state.visits.get(&visit.number()).expect("a visit of this test").arrival)
    }

    /// How a visit closed, if it did.
    #[must_use]
    pub fn closed(&self, visit: VisitId) -> Option<Closed> {
        match self.shared.peek().visits.get(&visit.number())?.stand {
            Stand::Closed(Closing::Ended) => Some(Closed::Ended),
            Stand::Closed(Closing::Gone) => Some(Closed::Gone),
            Stand::Open | Stand::Ending => None,
        }
    }

    /// The armed wake of a visit, or of the stage.
    #[must_use]
    pub fn wake_of(&self, visit: impl Into<Option<VisitId>>) -> Option<Time> {
        self.wakes.get(&visit.into().map_or(0, VisitId::number)).copied().map(Time::from_nanos)
    }

    /// Whether it said that it has nothing more.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }
}

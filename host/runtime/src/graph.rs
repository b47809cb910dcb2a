//! The pipeline as the scheduler looks things up: by stage, by output, by thread.

use std::sync::Arc;
use std::time::Duration;

use majlis_config::{Edge, Manifest, OnFailure, Pipeline, Restart};
use majlis_meter::Nanos;

/// A set of stages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StageSet(Vec<bool>);

impl StageSet {
    pub(crate) fn none(stages: usize) -> Self {
        Self(vec![false; stages])
    }

    pub(crate) fn insert(&mut self, stage: usize) -> bool {
        !std::mem::replace(&mut self.0[stage], true)
    }

    pub(crate) fn remove(&mut self, stage: usize) {
        self.0[stage] = false;
    }

    pub(crate) fn has(&self, stage: usize) -> bool {
        self.0[stage]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().filter_map(|(stage, has)| has.then_some(stage))
    }
}

pub(crate) struct StageNode {
    pub(crate) thread: usize,
    pub(crate) deadline: Option<Nanos>,
    pub(crate) stop_on_failure: bool,
    pub(crate) restart: Restart,
    /// Edges that end here; their place in this list is the edge number that the stage sees.
    pub(crate) incoming: Vec<usize>,
    /// Edges that begin here, by output.
    pub(crate) outgoing: Vec<Vec<usize>>,
    /// Outputs that do not wait for the stage's inputs.
    pub(crate) origin: Vec<bool>,
    /// Of these, the outputs that only tell what became of what came in.
    pub(crate) feedback: Vec<bool>,
    /// It has no incoming edge: it is woken once when it is ready.
    pub(crate) source: bool,
    /// It is opened at the start, whatever its load mode says: nothing would ever open it.
    pub(crate) starts_by_itself: bool,
    /// The stages that hear of a visit that this one opens.
    pub(crate) audience: StageSet,
}

pub(crate) struct Graph {
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) stages: Vec<StageNode>,
    /// By thread: its stages.
    pub(crate) threads: Vec<Vec<usize>>,
    /// By edge: its place in the consumer's list of incoming edges.
    pub(crate) slots: Vec<usize>,
}

fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

impl Graph {
    pub(crate) fn new(pipeline: Arc<Pipeline>, manifests: Vec<Manifest>) -> Self {
        let mut slots = Vec::with_capacity(pipeline.edges.len());
        let mut stages: Vec<StageNode> = pipeline
            .stages
            .iter()
            .zip(&manifests)
            .map(|(stage, manifest)| StageNode {
                thread: stage.thread,
                deadline: stage.deadline.map(nanos),
                stop_on_failure: stage.on_failure == OnFailure::Stop,
                restart: stage.restart,
                incoming: Vec::new(),
                outgoing: vec![Vec::new(); manifest.outputs.len()],
                origin: manifest.outputs.iter().map(|output| output.origin).collect(),
                feedback: manifest.outputs.iter().map(|output| output.feedback).collect(),
                source: true,
                starts_by_itself: true,
                audience: StageSet::default(),
            })
            .collect();
        for (index, edge) in pipeline.edges.iter().enumerate() {
            slots.push(stages[edge.to].incoming.len());
            stages[edge.to].incoming.push(index);
            stages[edge.from].outgoing[edge.output].push(index);
        }
        let audiences: Vec<StageSet> =
            (0..stages.len()).map(|stage| audience(stage, &stages, &pipeline.edges)).collect();
        for (node, audience) in stages.iter_mut().zip(audiences) {
            node.source = node.incoming.is_empty();
            let begins = |(origin, feedback): (&bool, &bool)| *origin && !*feedback;
            node.starts_by_itself = node.source || node.origin.iter().zip(&node.feedback).any(begins);
            node.audience = audience;
        }
        let mut threads = vec![Vec::new(); pipeline.threads.len()];
        for (index, node) in stages.iter().enumerate() {
            threads[node.thread].push(index);
        }
        Self { pipeline, manifests, stages, threads, slots }
    }

    /// Whether an edge only brings word of what became of what its consumer sent.
    pub(crate) fn is_feedback(&self, edge: usize) -> bool {
        let wiring = self.edge(edge);
        self.stages[wiring.from].feedback[wiring.output]
    }

    pub(crate) fn edge(&self, edge: usize) -> &Edge {
        &self.pipeline.edges[edge]
    }

    pub(crate) fn name(&self, stage: usize) -> &str {
        &self.pipeline.stages[stage].name
    }

    /// Edges on which what is emitted on this output travels on, until the caller, or through an output that does not
    /// wait for inputs.
    pub(crate) fn downstream_of(&self, caller: usize, output: usize) -> Vec<usize> {
        let mut found: Vec<usize> = Vec::new();
        let mut open: Vec<usize> = self.stages[caller].outgoing.get(output).cloned().unwrap_or_default();
        while let Some(edge) = open.pop() {
            let to = self.edge(edge).to;
            if to == caller || found.contains(&edge) {
                continue;
            }
            found.push(edge);
            for (output, edges) in self.stages[to].outgoing.iter().enumerate() {
                if !self.stages[to].origin[output] {
                    open.extend(edges);
                }
            }
        }
        found
    }
}

/// All stages behind one, over any number of edges.
fn audience(from: usize, stages: &[StageNode], edges: &[Edge]) -> StageSet {
    let mut heard = StageSet::none(stages.len());
    let mut open = vec![from];
    while let Some(stage) = open.pop() {
        for edge in stages[stage].outgoing.iter().flatten() {
            let to = edges[*edge].to;
            if heard.insert(to) {
                open.push(to);
            }
        }
    }
    heard
}

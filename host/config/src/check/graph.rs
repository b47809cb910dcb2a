//! What only the whole graph can tell: loops, circles of blocked threads, and the overflow of each edge.

use std::collections::BTreeSet;

use super::arrows::Arrows;
use super::stage::Draft;
use super::threads::Threads;
use super::wiring::Wire;
use crate::codes::*;
use crate::diagnostic::Findings;
use crate::nearest::{listed, shown};
use crate::pipeline::{Edge, FRAME_TYPE, Overflow};

/// Checks the graph and gives each wire its queue.
pub(super) fn check(drafts: &[Draft<'_>], wires: &[Wire], threads: &Threads, findings: &mut Findings<'_>) -> Vec<Edge> {
    let in_bad_loop = report_loops_without_origin(drafts, wires, findings);
    let edges = make_edges(drafts, wires, findings);
    report_blocked_threads(drafts, wires, &edges, threads, &in_bad_loop, findings);
    edges
}

/// Whether the output of a wire waits for no input of its stage.
fn leaves_origin(drafts: &[Draft<'_>], wire: &Wire) -> bool {
    drafts[wire.from].plugin.is_some_and(|plugin| plugin.manifest.outputs[wire.output].origin)
}

/// Word of what became of a packet is of no visit, so that all visits share one queue, and it never blocks.
const FEEDBACK_DEPTH: usize = 256;

fn is_feedback(drafts: &[Draft<'_>], wire: &Wire) -> bool {
    drafts[wire.from].plugin.is_some_and(|plugin| plugin.manifest.outputs[wire.output].feedback)
}

fn report_loops_without_origin(drafts: &[Draft<'_>], wires: &[Wire], findings: &mut Findings<'_>) -> BTreeSet<usize> {
    let waiting: Vec<usize> = (0..wires.len()).filter(|wire| !leaves_origin(drafts, &wires[*wire])).collect();
    let arrows = Arrows::new(drafts.len(), waiting.iter().map(|wire| (wires[*wire].from, wires[*wire].to)));
    let mut reported = BTreeSet::new();
    for circle in arrows.circles() {
        let circle: Vec<usize> = circle.into_iter().map(|arrow| waiting[arrow]).collect();
        let way: Vec<&str> = circle.iter().map(|wire| drafts[wires[*wire].from].name).collect();
        let error = findings.error(
            E0601,
            &wires[circle[0]].span,
            format!("these stages wait for each other: {} → {}", way.join(" → "), way[0]),
        );
        error
            .label("the loop passes here")
            .hint("a loop is allowed only through an output that its plugin declares as origin");
        for wire in &circle[1..] {
            error.related(&wires[*wire].span, "and here");
        }
        reported.extend(circle);
    }
    reported
}

fn make_edges(drafts: &[Draft<'_>], wires: &[Wire], findings: &mut Findings<'_>) -> Vec<Edge> {
    let arrows = Arrows::new(drafts.len(), wires.iter().map(|wire| (wire.from, wire.to)));
    let knots = arrows.knots();
    let endless = endless(drafts, wires, &arrows);
    let mut edges = Vec::new();
    for (index, wire) in wires.iter().enumerate() {
        // A way back from `to` to `from` is what makes two ends of a wire one knot.
        let looping = leaves_origin(drafts, wire) && knots[wire.from] == knots[wire.to];
        let usual = is_feedback(drafts, wire).then_some(FEEDBACK_DEPTH);
        let (depth, bytes, written) = drafts[wire.to].queues.of(wire.input, usual);
        if let (Some((Overflow::Block, span)), true) = (&written, looping) {
            let input = drafts[wire.to].plugin.map_or("", |plugin| plugin.manifest.inputs[wire.input].name.as_str());
            findings
                .error(E0603, span, format!("input {} closes a loop, so its queue cannot block", shown(input)))
                .related(&wire.span, "leaves an origin inside a loop")
                .hint(format!(
                    "leave `overflow` out, or write `queue.{input} = {{ overflow = \"latest\" }}` for this input alone"
                ));
        }
        let is_frame = wire.ty == FRAME_TYPE;
        let overflow = match written {
            Some((overflow, _)) => overflow,
            None if looping && is_frame => Overflow::Latest,
            None if looping => Overflow::DropNewest,
            None if !endless[index] => Overflow::Block,
            None if is_frame => Overflow::Latest,
            None => Overflow::Block,
        };
        edges.push(Edge {
            from: wire.from,
            output: wire.output,
            to: wire.to,
            input: wire.input,
            ty: wire.ty.clone(),
            depth,
            bytes,
            overflow,
            looping,
        });
    }
    edges
}

/// By wire: whether something flows through it that comes from a source without an end. An origin's data comes from its stage,
/// whatever flows into it.
fn endless(drafts: &[Draft<'_>], wires: &[Wire], arrows: &Arrows) -> Vec<bool> {
    let mut is_fed = vec![false; drafts.len()];
    wires.iter().for_each(|wire| is_fed[wire.to] = true);
    let begins = |wire: &Wire| !is_fed[wire.from] || leaves_origin(drafts, wire);
    let is_finite = |stage: usize| drafts[stage].plugin.is_some_and(|plugin| plugin.manifest.finite);
    let mut endless: Vec<bool> = wires.iter().map(|wire| begins(wire) && !is_finite(wire.from)).collect();
    let mut open: Vec<usize> = (0..wires.len()).filter(|wire| endless[*wire]).collect();
    while let Some(wire) = open.pop() {
        for next in arrows.out_of(wires[wire].to) {
            if !begins(&wires[next]) && !std::mem::replace(&mut endless[next], true) {
                open.push(next);
            }
        }
    }
    endless
}

/// Contracts the stages of a thread to one node: a circle of blocking edges there is a deadlock although the stages form no loop.
/// Loops of stages that are reported already are left out.
fn report_blocked_threads(
    drafts: &[Draft<'_>],
    wires: &[Wire],
    edges: &[Edge],
    threads: &Threads,
    in_bad_loop: &BTreeSet<usize>,
    findings: &mut Findings<'_>,
) {
    let thread = |stage: usize| threads.of_stage[stage];
    let blocking: Vec<usize> = (0..edges.len())
        .filter(|edge| edges[*edge].overflow == Overflow::Block && !edges[*edge].looping && !in_bad_loop.contains(edge))
        .filter(|edge| thread(edges[*edge].from) != thread(edges[*edge].to))
        .collect();
    let arrows = Arrows::new(
        threads.names.len(),
        blocking.iter().map(|edge| (thread(edges[*edge].from), thread(edges[*edge].to))),
    );
    for circle in arrows.circles() {
        let circle: Vec<usize> = circle.into_iter().map(|arrow| blocking[arrow]).collect();
        let names: Vec<&str> = circle.iter().map(|edge| threads.names[thread(edges[*edge].from)].as_str()).collect();
        let error = findings.error(
            E0602,
            &wires[circle[0]].span,
            format!("threads {} can wait for each other for ever", listed(&names)),
        );
        for (place, edge) in circle.iter().enumerate() {
            let (from, to) = (edges[*edge].from, edges[*edge].to);
            let label = format!(
                "{} (thread {}) can be blocked by {} (thread {})",
                shown(drafts[from].name),
                shown(&threads.names[thread(from)]),
                shown(drafts[to].name),
                shown(&threads.names[thread(to)])
            );
            match place {
                0 => error.label(label),
                _ => error.related(&wires[*edge].span, label),
            };
        }
        error.hint(
            "give one of these stages a thread of its own, or one of these edges `queue = { overflow = \"latest\" }`",
        );
    }
}

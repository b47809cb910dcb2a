//! What only the whole graph can tell: loops, circles of blocked threads, and the overflow of each edge.

use std::collections::{BTreeSet, VecDeque};

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

fn report_loops_without_origin(drafts: &[Draft<'_>], wires: &[Wire], findings: &mut Findings<'_>) -> BTreeSet<usize> {
    let waiting: Vec<usize> = (0..wires.len()).filter(|wire| !leaves_origin(drafts, &wires[*wire])).collect();
    let arrows: Vec<(usize, usize)> = waiting.iter().map(|wire| (wires[*wire].from, wires[*wire].to)).collect();
    let mut reported = BTreeSet::new();
    for circle in circles(drafts.len(), &arrows) {
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
    let arrows: Vec<(usize, usize)> = wires.iter().map(|wire| (wire.from, wire.to)).collect();
    let reach = reachable(drafts.len(), &arrows);
    let mut edges = Vec::new();
    for (index, wire) in wires.iter().enumerate() {
        let looping = leaves_origin(drafts, wire) && (wire.from == wire.to || reach[wire.to][wire.from]);
        let (depth, bytes, written) = drafts[wire.to].queues.of(wire.input);
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
            None if ends(drafts, wires, index) => Overflow::Block,
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

/// Whether everything that flows through a wire comes from sources that end. An origin's data comes from its stage, whatever flows
/// into it.
fn ends(drafts: &[Draft<'_>], wires: &[Wire], wire: usize) -> bool {
    let mut seen = BTreeSet::from([wire]);
    let mut open = vec![wire];
    while let Some(index) = open.pop() {
        let wire = &wires[index];
        let upstream: Vec<usize> = (0..wires.len()).filter(|other| wires[*other].to == wire.from).collect();
        if upstream.is_empty() || leaves_origin(drafts, wire) {
            if !drafts[wire.from].plugin.is_some_and(|plugin| plugin.manifest.finite) {
                return false;
            }
            continue;
        }
        open.extend(upstream.into_iter().filter(|other| seen.insert(*other)));
    }
    true
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
    let arrows: Vec<(usize, usize)> =
        blocking.iter().map(|edge| (thread(edges[*edge].from), thread(edges[*edge].to))).collect();
    for circle in circles(threads.names.len(), &arrows) {
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

/// For each knot of nodes that reach each other, its shortest circle, as indices of arrows. One for each knot: the others of the
/// knot mostly share its arrows, and would only say the same again.
fn circles(nodes: usize, arrows: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let reach = reachable(nodes, arrows);
    let mut found: Vec<Vec<usize>> = Vec::new();
    let mut done = vec![false; nodes];
    for node in 0..nodes {
        if done[node] || !reach[node][node] {
            continue;
        }
        let in_knot = |other: usize| other == node || (reach[node][other] && reach[other][node]);
        (0..nodes).filter(|other| in_knot(*other)).for_each(|other| done[other] = true);
        let shortest = (0..arrows.len())
            .filter(|arrow| in_knot(arrows[*arrow].0) && in_knot(arrows[*arrow].1))
            .filter_map(|arrow| {
                let mut circle = vec![arrow];
                circle.extend(way(nodes, arrows, arrows[arrow].1, arrows[arrow].0)?);
                Some(circle)
            })
            .min_by_key(Vec::len);
        found.extend(shortest);
    }
    found
}

/// `reach[a][b]`: one or more arrows lead from a to b.
fn reachable(nodes: usize, arrows: &[(usize, usize)]) -> Vec<Vec<bool>> {
    let mut reach = vec![vec![false; nodes]; nodes];
    for (start, reached) in reach.iter_mut().enumerate() {
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            for (_, to) in arrows.iter().filter(|(from, _)| *from == node) {
                if !std::mem::replace(&mut reached[*to], true) {
                    open.push(*to);
                }
            }
        }
    }
    reach
}

/// The shortest way from one node to another as arrows; empty when they are the same.
fn way(nodes: usize, arrows: &[(usize, usize)], from: usize, to: usize) -> Option<Vec<usize>> {
    let mut came_by: Vec<Option<usize>> = vec![None; nodes];
    let mut open = VecDeque::from([from]);
    while let Some(node) = open.pop_front() {
        if node == to {
            let mut steps = Vec::new();
            let mut node = to;
            while node != from {
                let arrow = came_by[node]?;
                steps.push(arrow);
                node = arrows[arrow].0;
            }
            steps.reverse();
            return Some(steps);
        }
        for (index, (_, next)) in arrows.iter().enumerate().filter(|(_, arrow)| arrow.0 == node) {
            if *next != from && came_by[*next].is_none() {
                came_by[*next] = Some(index);
                open.push_back(*next);
            }
        }
    }
    None
}

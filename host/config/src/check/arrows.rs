//! Nodes and arrows: what can reach each other, and short circles. Each question costs about as many steps as there are nodes and
//! arrows, because a generated pipeline has thousands of stages.

use std::collections::VecDeque;

use super::effort;

/// Arrows between nodes; both are numbers.
pub(super) struct Arrows {
    ends: Vec<(usize, usize)>,
    /// By node: the arrows that leave it, in their order.
    out: Vec<Vec<usize>>,
}

impl Arrows {
    pub(super) fn new(nodes: usize, ends: impl Iterator<Item = (usize, usize)>) -> Self {
        let ends: Vec<(usize, usize)> = ends.collect();
        let mut out = vec![Vec::new(); nodes];
        for (arrow, (from, _)) in ends.iter().enumerate() {
            out[*from].push(arrow);
        }
        Arrows { ends, out }
    }

    /// The arrows that leave a node.
    pub(super) fn out_of(&self, node: usize) -> impl Iterator<Item = usize> {
        self.out[node].iter().copied().inspect(|_| effort::step())
    }

    /// By node: the number of its knot. Nodes of one knot reach each other; one that is in no circle is a knot by itself.
    ///
    /// Tarjan's algorithm with a stack of its own: a chain of thousands of stages would overflow that of the thread.
    pub(super) fn knots(&self) -> Vec<usize> {
        const NEW: usize = usize::MAX;
        let nodes = self.out.len();
        let (mut knot, mut number, mut low) = (vec![NEW; nodes], vec![NEW; nodes], vec![0; nodes]);
        let (mut numbered, mut knots) = (0, 0);
        let mut undecided = Vec::new();
        for root in 0..nodes {
            if number[root] != NEW {
                continue;
            }
            // A node, and how many of its arrows were followed.
            let mut way = vec![(root, 0)];
            while let Some((node, followed)) = way.last_mut() {
                effort::step();
                let node = *node;
                if *followed == 0 {
                    (number[node], low[node]) = (numbered, numbered);
                    numbered += 1;
                    undecided.push(node);
                }
                if let Some(arrow) = self.out[node].get(*followed) {
                    *followed += 1;
                    let next = self.ends[*arrow].1;
                    if number[next] == NEW {
                        way.push((next, 0));
                    } else if knot[next] == NEW {
                        low[node] = low[node].min(number[next]);
                    }
                    continue;
                }
                way.pop();
                if let Some((before, _)) = way.last() {
                    low[*before] = low[*before].min(low[node]);
                }
                if low[node] == number[node] {
                    while let Some(member) = undecided.pop() {
                        knot[member] = knots;
                        if member == node {
                            break;
                        }
                    }
                    knots += 1;
                }
            }
        }
        knot
    }

    /// For each knot with a circle a short one, as arrows. One for each knot: the others of the knot mostly share its arrows, and
    /// would only say the same again. It is the shortest of all but the largest knots, where the search for it ends after a number
    /// of steps in proportion to the graph.
    pub(super) fn circles(&self) -> Vec<Vec<usize>> {
        let knot = self.knots();
        let knots = knot.iter().max().map_or(0, |last| last + 1);
        let mut inner = vec![Vec::new(); knots];
        for (arrow, (from, to)) in self.ends.iter().enumerate() {
            if knot[*from] == knot[*to] {
                inner[knot[*from]].push(arrow);
            }
        }
        // In the order of their first arrows, which is that of the file.
        inner.retain(|arrows| !arrows.is_empty());
        inner.sort_by_key(|arrows| arrows[0]);
        let mut search = Search { arrows: self, knot: &knot, came_by: vec![None; knot.len()], touched: Vec::new() };
        inner.iter().filter_map(|arrows| search.circle(arrows)).collect()
    }
}

struct Search<'a> {
    arrows: &'a Arrows,
    knot: &'a [usize],
    /// By node: the arrow by which a search came to it.
    came_by: Vec<Option<usize>>,
    /// The nodes that a search came to; they are all that has to be forgotten after it.
    touched: Vec<usize>,
}

impl Search<'_> {
    /// A short circle of one knot.
    fn circle(&mut self, inner: &[usize]) -> Option<Vec<usize>> {
        const SEARCHES: usize = 64;
        let mut steps = SEARCHES * inner.len();
        let mut best: Option<Vec<usize>> = None;
        for arrow in inner {
            let shorter_than = best.as_ref().map_or(usize::MAX, Vec::len);
            if let Some(found) = self.circle_through(*arrow, shorter_than, &mut steps) {
                best = Some(found);
            }
            if steps == 0 {
                break;
            }
        }
        best
    }

    /// The shortest circle through an arrow if it has fewer arrows than `shorter_than`. The first search of a knot always has the
    /// steps that it needs.
    fn circle_through(&mut self, arrow: usize, shorter_than: usize, steps: &mut usize) -> Option<Vec<usize>> {
        let (end, start) = self.arrows.ends[arrow];
        let mut open = VecDeque::from([(start, 1)]);
        let mut found = start == end;
        while let (Some((node, length)), false) = (open.pop_front(), found) {
            if length + 1 >= shorter_than || *steps == 0 {
                break;
            }
            for next_by in self.arrows.out_of(node) {
                let next = self.arrows.ends[next_by].1;
                if self.knot[next] != self.knot[end] {
                    continue;
                }
                *steps = steps.saturating_sub(1);
                if next == start || self.came_by[next].is_some() {
                    continue;
                }
                self.came_by[next] = Some(next_by);
                self.touched.push(next);
                if next == end {
                    found = true;
                    break;
                }
                open.push_back((next, length + 1));
            }
        }
        let circle = found.then(|| self.way_back(arrow, start, end));
        self.touched.drain(..).for_each(|node| self.came_by[node] = None);
        circle.filter(|circle| circle.len() < shorter_than)
    }

    fn way_back(&self, arrow: usize, start: usize, end: usize) -> Vec<usize> {
        let mut steps = Vec::new();
        let mut node = end;
        while node != start {
            let by = self.came_by[node].expect("the search came to each node on its way by an arrow");
            steps.push(by);
            node = self.arrows.ends[by].0;
        }
        steps.push(arrow);
        steps.reverse();
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows(nodes: usize, ends: &[(usize, usize)]) -> Arrows {
        Arrows::new(nodes, ends.iter().copied())
    }

    #[test]
    fn nodes_that_reach_each_other_are_one_knot() {
        let knots = arrows(5, &[(0, 1), (1, 2), (2, 1), (2, 3), (4, 4)]).knots();
        assert_eq!(knots[1], knots[2]);
        let apart: std::collections::BTreeSet<usize> = knots.into_iter().collect();
        assert_eq!(apart.len(), 4);
    }

    #[test]
    fn the_shortest_circle_of_each_knot_is_found() {
        let graph = arrows(6, &[(0, 1), (1, 2), (2, 0), (2, 1), (3, 3), (4, 5)]);
        assert_eq!(graph.circles(), [vec![1, 3], vec![4]]);
    }

    #[test]
    fn a_circle_of_thousands_is_found_in_steps_in_proportion() {
        let ring = |nodes: usize| {
            let ring = Arrows::new(nodes, (0..nodes).map(|node| (node, (node + 1) % nodes)));
            let (circles, steps) = effort::of(|| ring.circles());
            assert_eq!(circles.len(), 1);
            assert_eq!(circles[0].len(), nodes);
            steps
        };
        assert!(ring(4_000) <= 4 * ring(1_000) + 100);
    }
}

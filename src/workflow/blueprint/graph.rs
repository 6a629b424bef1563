//! What the shape of a graph says: which edges close a cycle, what belongs to a loop, how deep a node is.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::description::{DescribedEdge, DescribedNode};
use crate::ids::NodeId;

/// Targets of edges, by their source.
pub(super) type Edges = HashMap<NodeId, BTreeSet<NodeId>>;

/// The bare graph, while it is being analysed.
pub(super) struct Graph<'a> {
    pub targets: BTreeMap<&'a str, Vec<&'a str>>,
    /// How a path can go on: along edges, from a failed node to its fallback, and from a fallback along the edges
    /// of the node it replaces.
    paths: BTreeMap<&'a str, Vec<&'a str>>,
    pub sources: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// How many edges lead to a node.
    pub edges_in: HashMap<&'a str, u32>,
}

impl<'a> Graph<'a> {
    pub fn new(nodes: &'a [DescribedNode], edges: &'a [DescribedEdge]) -> Self {
        let mut graph = Self {
            targets: BTreeMap::new(),
            paths: BTreeMap::new(),
            sources: BTreeMap::new(),
            edges_in: HashMap::new(),
        };
        for edge in edges {
            graph.targets.entry(&edge.source).or_default().push(&edge.target);
            graph.sources.entry(&edge.target).or_default().insert(&edge.source);
            *graph.edges_in.entry(&edge.target).or_default() += 1;
        }
        graph.paths.clone_from(&graph.targets);
        for node in nodes {
            let Some(fallback) = node.fallback.as_deref() else { continue };
            let inherited = graph.targets.get(node.id.as_str()).cloned().unwrap_or_default();
            graph.paths.entry(&node.id).or_default().push(fallback);
            graph.paths.entry(fallback).or_default().extend(inherited);
        }
        graph
    }

    fn onward(&self, id: &str) -> &[&'a str] {
        self.paths.get(id).map_or(&[], Vec::as_slice)
    }

    /// Searches depth first from the start nodes: an edge to a node that is still on the path closes a cycle.
    pub fn closing_edges(&self, starts: &[NodeId]) -> Edges {
        let mut closing = Edges::new();
        let (mut on_path, mut seen) = (HashSet::new(), HashSet::new());
        let roots = starts.iter().map(NodeId::as_str).chain(self.paths.keys().copied());
        for root in roots {
            if !seen.insert(root) {
                continue;
            }
            on_path.insert(root);
            let mut path = vec![(root, 0)];
            while let Some((node, next)) = path.last_mut() {
                let node = *node;
                let Some(&target) = self.onward(node).get(*next) else {
                    on_path.remove(node);
                    path.pop();
                    continue;
                };
                *next += 1;
                if on_path.contains(target) {
                    closing.entry(node.into()).or_default().insert(target.into());
                } else if seen.insert(target) {
                    on_path.insert(target);
                    path.push((target, 0));
                }
            }
        }
        closing
    }

    /// How many steps each node is from the start.
    pub fn depths(&self, starts: &'a [NodeId]) -> HashMap<&'a str, usize> {
        let mut depths: HashMap<&str, usize> = starts.iter().map(|start| (start.as_str(), 0)).collect();
        let mut ahead: VecDeque<&str> = starts.iter().map(NodeId::as_str).collect();
        while let Some(id) = ahead.pop_front() {
            let next = depths.get(id).map_or(0, |depth| depth + 1);
            for &target in self.onward(id) {
                if !depths.contains_key(target) {
                    depths.insert(target, next);
                    ahead.push_back(target);
                }
            }
        }
        depths
    }

    /// The nodes that a loop controller runs again: everything reachable from its `continue` edge, up to the controller
    /// itself. The loop of another controller belongs to it if it is nested, and not if it encloses this one.
    pub fn loop_body(
        &self,
        node: &DescribedNode,
        nodes: &[DescribedNode],
        edges: &[DescribedEdge],
        depths: &HashMap<&str, usize>,
    ) -> BTreeSet<NodeId> {
        if !node.is_loop_controller() {
            return BTreeSet::new();
        }
        let Some(first) = continue_target(&node.id, edges) else {
            return BTreeSet::new();
        };
        // The search passes through a nested loop, whose controller is deeper than this one, and stops at the controller
        // of an enclosing loop.
        let depth = |id: &str| depths.get(id).copied().unwrap_or(usize::MAX);
        let is_nested = |other: &str| depth(other) > depth(&node.id);
        let barriers: Vec<&str> = nodes
            .iter()
            .filter(|other| other.is_loop_controller() && other.id != node.id && !is_nested(&other.id))
            .map(|other| other.id.as_str())
            .chain([node.id.as_str()])
            .collect();
        self.reachable(first, &barriers).into_iter().map(NodeId::from).collect()
    }

    fn reachable(&self, from: &'a str, barriers: &[&str]) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut ahead = vec![from];
        while let Some(id) = ahead.pop() {
            if !barriers.contains(&id) && reached.insert(id) {
                ahead.extend(self.onward(id));
            }
        }
        reached
    }
}

pub(super) fn by_source<'a>(edges: impl Iterator<Item = &'a DescribedEdge>) -> Edges {
    let mut by_source = Edges::new();
    for DescribedEdge { source, target, .. } in edges {
        by_source.entry(source.clone()).or_default().insert(target.clone());
    }
    by_source
}

fn continue_target<'a>(controller: &str, edges: &'a [DescribedEdge]) -> Option<&'a str> {
    edges
        .iter()
        .find(|edge| edge.source == controller && edge.action.as_deref() == Some("continue"))
        .map(|edge| edge.target.as_str())
}

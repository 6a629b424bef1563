//! A workflow's graph, analysed once per blueprint.
//!
//! JavaScript describes a blueprint in the shape core gives it; what the ledger asks of it again and
//! again (predecessors, loops, which edges close a cycle) is worked out here, when it is first seen.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use serde::Deserialize;
use serde_json::Value;

use crate::ids::NodeId;

/// The name of core's node that decides whether a loop goes round again.
const LOOP_CONTROLLER: &str = "loop-controller";

/// A blueprint as JavaScript describes it: core's own fields, and the start nodes core would choose.
#[derive(Debug, Clone, Deserialize)]
pub struct Description {
    /// The blueprint's id.
    pub id: String,
    /// `metadata.version`; JSON `null` for none.
    #[serde(default)]
    pub version: Value,
    /// The nodes, in the blueprint's order.
    pub nodes: Vec<NodeDescription>,
    /// The edges, in the blueprint's order.
    #[serde(default)]
    pub edges: Vec<EdgeDescription>,
    /// Where a run begins: the choice of core's traverser, so that the two cannot differ.
    pub starts: Vec<NodeId>,
}

/// One node of a [`Description`].
#[derive(Debug, Clone, Deserialize)]
pub struct NodeDescription {
    /// The node's id.
    pub id: NodeId,
    /// The key of its implementation.
    #[serde(default)]
    pub uses: String,
    /// `config.joinStrategy === 'any'`.
    #[serde(default)]
    pub any: bool,
    /// `config.fallback`: the node to run when this one fails for good.
    #[serde(default)]
    pub fallback: Option<NodeId>,
}

/// One edge of a [`Description`].
#[derive(Debug, Clone, Deserialize)]
pub struct EdgeDescription {
    /// Where the edge leaves.
    pub source: NodeId,
    /// Where it arrives.
    pub target: NodeId,
    /// The action it is bound to, if any.
    #[serde(default)]
    pub action: Option<String>,
    /// Whether a condition decides it.
    #[serde(default)]
    pub conditional: bool,
}

/// How many of its predecessors a node waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Every distinct predecessor.
    All,
    /// The first one.
    Any,
}

/// A node, with what the ledger needs to know about its place in the graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// How it joins its predecessors.
    pub join: Join,
    /// Its predecessors. A fallback stands in for its primary, so the two are one predecessor.
    pub predecessors: BTreeSet<NodeId>,
    /// How many edges lead to it; several may come from one predecessor.
    pub edges_in: u32,
    /// For a loop controller: the nodes of its loop, which start afresh each time it runs.
    pub loop_body: BTreeSet<NodeId>,
    fallback: Option<NodeId>,
    stands_in_for: BTreeSet<NodeId>,
}

/// Where edges lead, by where they leave.
type Edges = HashMap<NodeId, BTreeSet<NodeId>>;

/// A blueprint, analysed.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// The blueprint's id.
    pub id: String,
    /// `metadata.version`, as it is written into a run's `blueprintVersion`.
    pub version: Value,
    /// The nodes due when a run begins.
    pub starts: Vec<NodeId>,
    nodes: HashMap<NodeId, Node>,
    /// Edges that lead back to a node the path came through, by their source.
    closing: Edges,
    /// Every edge, by its source.
    targets: Edges,
    /// Edges taken whenever their source is done: no action, no condition.
    unconditional: Edges,
}

impl Blueprint {
    /// Analyses a description. Edges to or from nodes that do not exist are ignored, as core ignores them.
    pub fn new(description: Description) -> Self {
        let Description { id, version, nodes: described, edges, starts } = description;
        let known: HashSet<&str> = described.iter().map(|node| node.id.as_str()).collect();
        let edges: Vec<EdgeDescription> = edges
            .into_iter()
            .filter(|edge| known.contains(edge.source.as_str()) && known.contains(edge.target.as_str()))
            .collect();
        let graph = Graph::new(&described, &edges);
        let depths = graph.depths(&starts);

        let mut nodes: HashMap<NodeId, Node> = described
            .iter()
            .map(|node| {
                let join = if node.any { Join::Any } else { Join::All };
                let fallback = node.fallback.clone();
                let loop_body = graph.loop_body(node, &described, &edges, &depths);
                let leads_here = |edge: &&EdgeDescription| edge.target == node.id;
                let edges_in = u32::try_from(edges.iter().filter(leads_here).count()).unwrap_or(u32::MAX);
                let place = Node {
                    join,
                    edges_in,
                    fallback,
                    loop_body,
                    predecessors: BTreeSet::new(),
                    stands_in_for: BTreeSet::new(),
                };
                (node.id.clone(), place)
            })
            .collect();
        for node in &described {
            if let Some(fallback) = node.fallback.as_ref().and_then(|id| nodes.get_mut(id)) {
                fallback.stands_in_for.insert(node.id.clone());
            }
        }

        let closing = graph.closing_edges(&starts);
        let targets = graph.targets.iter().map(|(source, targets)| {
            (NodeId::from(*source), targets.iter().map(|target| NodeId::from(*target)).collect())
        });
        let mut blueprint = Self {
            id,
            version,
            starts,
            nodes,
            closing,
            targets: targets.collect(),
            unconditional: by_source(edges.iter().filter(|edge| edge.action.is_none() && !edge.conditional)),
        };
        for (target, sources) in graph.sources {
            let predecessors =
                sources.iter().map(|source| blueprint.arrives_as(source, &sources).into()).collect();
            if let Some(node) = blueprint.nodes.get_mut(target) {
                node.predecessors = predecessors;
            }
        }
        blueprint
    }

    /// A blueprint of which only the name is known: no node, no edge.
    pub fn unknown(id: &str) -> Self {
        Self::new(Description {
            id: id.to_owned(),
            version: Value::Null,
            nodes: Vec::new(),
            edges: Vec::new(),
            starts: Vec::new(),
        })
    }

    /// The node with this id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// The node that runs when `id` has failed for good, if it names one that exists.
    pub fn fallback_of(&self, id: &str) -> Option<&NodeId> {
        self.nodes.get(id)?.fallback.as_ref().filter(|fallback| self.nodes.contains_key(*fallback))
    }

    /// Whether the edge leads back to a node its path came through, so that arriving starts a new round.
    pub fn closes_a_cycle(&self, source: &str, target: &str) -> bool {
        self.closing.get(source).is_some_and(|targets| targets.contains(target))
    }

    /// The predecessor an arrival from `source` counts for at `target`.
    pub fn predecessor<'a>(&'a self, source: &'a str, target: &str) -> &'a str {
        match self.nodes.get(target) {
            Some(node) if !node.predecessors.contains(source) => self.arrives_as(source, &node.predecessors),
            _ => source,
        }
    }

    /// Where the edges of `source` lead.
    pub fn targets(&self, source: &str) -> impl Iterator<Item = &NodeId> {
        self.targets.get(source).into_iter().flatten()
    }

    /// Whether an edge is taken whenever its source is done.
    pub fn is_certain(&self, source: &str, target: &str) -> bool {
        self.unconditional.get(source).is_some_and(|targets| targets.contains(target))
    }

    /// The nodes that `id` is the fallback of.
    pub fn primaries_of(&self, id: &str) -> impl Iterator<Item = &NodeId> {
        self.nodes.get(id).into_iter().flat_map(|node| &node.stands_in_for)
    }

    /// A fallback counts as its primary where the primary leads to the same node.
    fn arrives_as<'a>(
        &'a self,
        source: &'a str,
        sources: &BTreeSet<impl std::borrow::Borrow<str> + Ord>,
    ) -> &'a str {
        self.nodes
            .get(source)
            .and_then(|node| node.stands_in_for.iter().find(|primary| sources.contains(primary.as_str())))
            .map_or(source, NodeId::as_str)
    }
}

/// The bare graph, while it is being analysed.
struct Graph<'a> {
    targets: BTreeMap<&'a str, Vec<&'a str>>,
    /// Where a path can go on: along edges, from a failed node to its fallback, from a fallback along the edges
    /// of the node it replaces.
    paths: BTreeMap<&'a str, Vec<&'a str>>,
    sources: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Graph<'a> {
    fn new(nodes: &'a [NodeDescription], edges: &'a [EdgeDescription]) -> Self {
        let mut graph = Self { targets: BTreeMap::new(), paths: BTreeMap::new(), sources: BTreeMap::new() };
        for edge in edges {
            graph.targets.entry(&edge.source).or_default().push(&edge.target);
            graph.sources.entry(&edge.target).or_default().insert(&edge.source);
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

    /// Depth first from the start nodes: an edge to a node still on the path closes a cycle.
    fn closing_edges(&self, starts: &[NodeId]) -> Edges {
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
    fn depths(&self, starts: &'a [NodeId]) -> HashMap<&'a str, usize> {
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

    /// What a loop controller sends round again: everything reachable from its `continue` edge short of
    /// itself. Another controller's loop is part of it when it is nested, and is not when it encloses this one.
    fn loop_body(
        &self,
        node: &NodeDescription,
        nodes: &[NodeDescription],
        edges: &[EdgeDescription],
        depths: &HashMap<&str, usize>,
    ) -> BTreeSet<NodeId> {
        if node.uses != LOOP_CONTROLLER {
            return BTreeSet::new();
        }
        let Some(first) = continue_target(&node.id, edges) else {
            return BTreeSet::new();
        };
        // The way goes through a nested loop, which begins further from the start than this one, and stops at the
        // controller of a loop that encloses it.
        let depth = |id: &str| depths.get(id).copied().unwrap_or(usize::MAX);
        let is_nested = |other: &str| depth(other) > depth(&node.id);
        let barriers: Vec<&str> = nodes
            .iter()
            .filter(|other| other.uses == LOOP_CONTROLLER && other.id != node.id && !is_nested(&other.id))
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

fn by_source<'a>(edges: impl Iterator<Item = &'a EdgeDescription>) -> Edges {
    let mut by_source = Edges::new();
    for EdgeDescription { source, target, .. } in edges {
        by_source.entry(source.clone()).or_default().insert(target.clone());
    }
    by_source
}

fn continue_target<'a>(controller: &str, edges: &'a [EdgeDescription]) -> Option<&'a str> {
    edges
        .iter()
        .find(|edge| edge.source == controller && edge.action.as_deref() == Some("continue"))
        .map(|edge| edge.target.as_str())
}

#[cfg(test)]
mod tests;

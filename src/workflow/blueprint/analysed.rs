//! A blueprint, and what the ledger asks of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::description::{DescribedEdge, DescribedNode, Description};
use super::graph::{Edges, Graph, by_source};
use crate::ids::NodeId;

/// How many of its predecessors a node waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// Every distinct predecessor.
    All,
    /// The first one.
    Any,
}

/// A node, and what the ledger needs to know of its place in the graph.
#[derive(Debug, Clone)]
pub struct Node {
    /// How it joins its predecessors.
    pub join: Join,
    /// Its predecessors. A fallback stands in for its primary, so the two are one predecessor.
    pub predecessors: BTreeSet<NodeId>,
    /// How many edges lead to it; several may come from one predecessor.
    pub edges_in: u32,
    /// For a loop controller: the nodes of its loop. The ledger resets them each time the controller becomes due.
    pub loop_body: BTreeSet<NodeId>,
    fallback: Option<NodeId>,
    stands_in_for: BTreeSet<NodeId>,
    event: Option<String>,
    limit: Option<String>,
}

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
    /// The edges that close a cycle, by their source.
    pub(super) closing: Edges,
    /// Every edge, by its source.
    targets: Edges,
    /// Edges taken whenever their source is done: no action, no condition.
    unconditional: Edges,
    /// The actions that edges are bound to, by the edges' source; `None` for an edge that is bound to none.
    actions: HashMap<NodeId, BTreeSet<Option<String>>>,
}

impl Blueprint {
    /// Analyses a description. Edges to or from nodes that do not exist are ignored, as core ignores them.
    pub fn new(description: Description) -> Self {
        let Description { id, version, nodes: described, edges, starts } = description;
        let edges = edges_between(&described, edges);
        let graph = Graph::new(&described, &edges);
        let targets = graph.targets.iter().map(|(source, targets)| {
            (NodeId::from(*source), targets.iter().map(|target| NodeId::from(*target)).collect())
        });
        let mut blueprint = Self {
            id,
            version,
            nodes: analysed(&described, &edges, &graph, &starts),
            closing: graph.closing_edges(&starts),
            starts,
            targets: targets.collect(),
            unconditional: by_source(edges.iter().filter(|edge| edge.action.is_none() && !edge.conditional)),
            actions: actions_by_source(&edges),
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
        Self::begun_at(id, Value::Null, Vec::new())
    }

    /// A blueprint of which only is known where its runs begin: enough to begin one, and for nothing else.
    pub fn begun_at(id: &str, version: Value, starts: Vec<NodeId>) -> Self {
        Self::new(Description { id: id.to_owned(), version, nodes: Vec::new(), edges: Vec::new(), starts })
    }

    /// The node with this id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// Whether none of its nodes is known: only its name, or where its runs begin.
    pub fn is_unknown(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The nodes that wait for the event by its name.
    pub fn waiting_for(&self, event: &str) -> impl Iterator<Item = &NodeId> {
        self.nodes.iter().filter(move |(_, node)| node.event.as_deref() == Some(event)).map(|(id, _)| id)
    }

    /// The node that runs when `id` has failed for good, if it names one that exists.
    pub fn fallback_of(&self, id: &str) -> Option<&NodeId> {
        self.nodes.get(id)?.fallback.as_ref().filter(|fallback| self.nodes.contains_key(*fallback))
    }

    /// What the executions of a node count under, if it has a limit.
    pub fn limit_of(&self, id: &str) -> Option<&str> {
        self.nodes.get(id)?.limit.as_deref()
    }

    /// Whether the edge closes a cycle: arriving by it starts a new lap.
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

    /// The targets of the edges of `source`.
    pub fn targets(&self, source: &str) -> impl Iterator<Item = &NodeId> {
        self.targets.get(source).into_iter().flatten()
    }

    /// Whether an edge is taken whenever its source is done.
    pub fn is_certain(&self, source: &str, target: &str) -> bool {
        self.unconditional.get(source).is_some_and(|targets| targets.contains(target))
    }

    /// The actions that the edges of these nodes are bound to, if an action that is none of them leads nowhere: there are
    /// edges, and none of them may be taken whatever the action.
    pub fn only_actions<'a>(&'a self, sources: &[&NodeId]) -> Option<BTreeSet<&'a str>> {
        let all = || sources.iter().filter_map(|source| self.actions.get(*source)).flatten();
        let actions: Option<BTreeSet<&str>> = all().map(Option::as_deref).collect();
        actions.filter(|actions| !actions.is_empty())
    }

    /// The nodes that `id` is the fallback of.
    pub fn primaries_of(&self, id: &str) -> impl Iterator<Item = &NodeId> {
        self.nodes.get(id).into_iter().flat_map(|node| &node.stands_in_for)
    }

    /// The predecessor that `source` counts as: for a fallback, its primary if that leads to the same node.
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

/// The edges from and to nodes that exist.
fn edges_between(nodes: &[DescribedNode], edges: Vec<DescribedEdge>) -> Vec<DescribedEdge> {
    let known: HashSet<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
    let is_known =
        |edge: &DescribedEdge| known.contains(edge.source.as_str()) && known.contains(edge.target.as_str());
    edges.into_iter().filter(is_known).collect()
}

/// The nodes by their ids, each with its place in the graph, short of its predecessors.
fn analysed(
    described: &[DescribedNode],
    edges: &[DescribedEdge],
    graph: &Graph<'_>,
    starts: &[NodeId],
) -> HashMap<NodeId, Node> {
    let depths = graph.depths(starts);
    let analysed = |node: &DescribedNode| {
        let place = Node {
            join: if node.any { Join::Any } else { Join::All },
            edges_in: graph.edges_in.get(node.id.as_str()).copied().unwrap_or_default(),
            fallback: node.fallback.clone(),
            loop_body: graph.loop_body(node, described, edges, &depths),
            predecessors: BTreeSet::new(),
            stands_in_for: BTreeSet::new(),
            event: node.event.clone(),
            limit: node.limit.clone(),
        };
        (node.id.clone(), place)
    };
    let mut nodes: HashMap<NodeId, Node> = described.iter().map(analysed).collect();
    for node in described {
        if let Some(fallback) = node.fallback.as_ref().and_then(|id| nodes.get_mut(id)) {
            fallback.stands_in_for.insert(node.id.clone());
        }
    }
    nodes
}

fn actions_by_source(edges: &[DescribedEdge]) -> HashMap<NodeId, BTreeSet<Option<String>>> {
    let mut actions = HashMap::<NodeId, BTreeSet<Option<String>>>::new();
    for edge in edges {
        actions.entry(edge.source.clone()).or_default().insert(edge.action.clone());
    }
    actions
}

//! Flows for the simulation: graphs of all kinds, and what each node does. A node's answer depends only on its flow, its
//! name, its round and its attempt, so that the result of a run is known beforehand.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;

use super::child;
use crate::ids::NodeId;
use crate::json::Json;
use crate::protocol::outcome::{Answer, Outcome, Subflow, Taken};
use crate::workflow::blueprint::{Blueprint, Description};
use crate::workflow::ledger::{Pause, Why};
use crate::workflow::notation::{graph, matched};

/// Graphs of different kinds.
const GRAPHS: [&str; 14] = [
    "a -> b -> c -> d",
    "a -> b -> c -> d -> e -> f -> g -> h",
    "a -> b -> d, a -> c -> d",
    "a -> b, a -> c, a -> d, a -> e, b -> j, c -> j, d -> j, e -> j, j -> k",
    "a -> b -> d, a -> c -> d, any d, d -> e",
    "a -x-> b, a -y-> c, b -> d, c -> d, d -> e",
    "a -> b -> c, b else f, f -> c",
    "a -> b -> d, a -> c -> d, b else f, d -> e",
    "s -> l, loop l, l -continue-> b, b -> l, l -break-> e",
    "s -> l, loop l, l -continue-> b, b -> c, c -> l, l -break-> e, s -> x, x -> y",
    "a -> b, c -> b, b -> d",
    "a -> b -> c -> g, a -> d -> e -> g, a -> f -> g, g -> h",
    "a -> b, b -> c, b -> d, c -> e, d -> e, any e, e -> f -> g",
    "a",
];

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// It succeeds.
    Succeed,
    /// It fails for good.
    Fail,
    /// So many attempts fail, each followed by another through the queue.
    Retry(u32),
    /// It sleeps first.
    Sleep(Duration),
    /// It waits for the event of its own name first.
    Wait,
    /// It kills its worker, every time.
    Poison,
    /// It is a loop controller that goes round so many times.
    Loop(u32),
    /// It runs another flow as a subflow, and tries so often.
    Subflow(u32),
    /// It starts a run of another flow, and does as that does.
    Child,
}

/// A flow.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its graph.
    pub description: Description,
    /// Its graph in one line, and what was done to it since.
    pub graph: String,
    behaviours: BTreeMap<NodeId, Behaviour>,
    /// The flows that nodes run as subflows, and the terminal nodes of those.
    subflows: BTreeMap<NodeId, (String, Vec<NodeId>)>,
    /// The flows that nodes start runs of.
    children: BTreeMap<NodeId, String>,
    /// How long its nodes take at most.
    longest: Duration,
}

impl Flow {
    /// One of that name, drawn at random.
    pub fn draw(id: &str, random: &mut Rng) -> Self {
        let graph_text = GRAPHS[random.usize(..GRAPHS.len())];
        let description = Description { id: id.to_owned(), ..graph(graph_text) };
        let behaviours = description.nodes.iter().map(|node| {
            let behaviour = match (node.uses.as_str(), random.u32(..100)) {
                ("loop-controller", _) => Behaviour::Loop(random.u32(1..4)),
                (_, ..=64) => Behaviour::Succeed,
                (_, ..=72) => Behaviour::Fail,
                (_, ..=82) => Behaviour::Retry(random.u32(1..3)),
                (_, ..=92) => Behaviour::Sleep(Duration::from_millis(random.u64(1..20_000))),
                _ => Behaviour::Wait,
            };
            (node.id.clone(), behaviour)
        });
        let behaviours = behaviours.collect();
        let longest = Duration::from_millis([2, 50, 2_000, 30_000][random.usize(..4)]);
        let (subflows, children) = Default::default();
        Self { description, graph: graph_text.to_owned(), behaviours, subflows, children, longest }
    }

    /// One that waits for no event, and does not take long.
    pub fn brief(id: &str, random: &mut Rng) -> Self {
        loop {
            let drawn = Self { longest: Duration::from_millis(500), ..Self::draw(id, random) };
            if drawn.waiters().next().is_none() {
                return drawn;
            }
        }
    }

    /// The same with one or two nodes that run this other flow as a subflow.
    pub fn around(mut self, id: &str, inner: &Self, random: &mut Rng) -> Self {
        let nodes = self.description.nodes.iter().filter(|node| node.uses != "loop-controller");
        let nodes: Vec<NodeId> = nodes.map(|node| node.id.clone()).collect();
        for _ in 0..random.usize(1..3) {
            let node = nodes[random.usize(..nodes.len())].clone();
            self.behaviours.insert(node.clone(), Behaviour::Subflow(random.u32(1..3)));
            self.subflows.insert(node, (id.to_owned(), inner.terminals()));
        }
        self
    }

    /// The same with a node that starts a run of this other flow and waits for its end, if it has a node for that.
    pub fn awaiting(mut self, id: &str, random: &mut Rng) -> Self {
        let nodes = self.description.nodes.iter().filter(|node| node.uses != "loop-controller");
        let free = nodes.map(|node| node.id.clone()).filter(|node| !self.subflows.contains_key(node));
        if let Some(node) = random.choice(free.collect::<Vec<_>>()) {
            self.behaviours.insert(node.clone(), Behaviour::Child);
            self.children.insert(node, id.to_owned());
        }
        self
    }

    /// Has some nodes count under a limit.
    pub fn limit_some(&mut self, limit: &str, random: &mut Rng) {
        for node in &mut self.description.nodes {
            node.limit = random.bool().then(|| limit.to_owned());
        }
    }

    /// Whether a node counts under a limit.
    pub fn is_limited(&self, node: &str) -> bool {
        self.description.nodes.iter().any(|each| each.id.as_str() == node && each.limit.is_some())
    }

    /// The flow that a node starts a run of, if it does.
    pub fn child_of(&self, node: &str) -> Option<&String> {
        self.children.get(node)
    }

    /// The nodes that no edge leaves.
    fn terminals(&self) -> Vec<NodeId> {
        let leads_on = |id: &NodeId| self.description.edges.iter().any(|edge| edge.source == *id);
        self.description.nodes.iter().map(|node| node.id.clone()).filter(|id| !leads_on(id)).collect()
    }

    /// The flows that it runs as subflows.
    pub fn inner(&self) -> impl Iterator<Item = &String> {
        self.subflows.values().map(|(id, _)| id)
    }

    /// The flow as it is deployed next: without one of the nodes that it does not begin at, or without one of its edges.
    pub fn deployed(&self, random: &mut Rng) -> Self {
        let Self { description, graph, .. } = self;
        let mut next = description.clone();
        let inner =
            description.nodes.iter().map(|node| &node.id).filter(|id| !description.starts.contains(id));
        let gone = if random.u8(..4) > 0 { random.choice(inner.collect::<Vec<_>>()) } else { None };
        let what = match (gone, description.edges.len()) {
            (Some(gone), _) => {
                next.nodes.retain(|node| node.id != *gone);
                next.edges.retain(|edge| edge.source != *gone && edge.target != *gone);
                format!("{graph}, without {gone}")
            }
            (None, 0) => format!("{graph}, again"),
            (None, edges) => {
                let edge = next.edges.remove(random.usize(..edges));
                format!("{graph}, without {} -> {}", edge.source, edge.target)
            }
        };
        Self { description: next, graph: what, ..self.clone() }
    }

    /// Whether it has a node.
    pub fn has(&self, node: &str) -> bool {
        self.description.nodes.iter().any(|each| each.id.as_str() == node)
    }

    /// A node that it does not begin at, if it has one.
    pub fn middle(&self) -> Option<&NodeId> {
        let ids = self.description.nodes.iter().map(|node| &node.id);
        ids.rev().find(|id| !self.description.starts.contains(id))
    }

    /// How long a node sleeps, if it does.
    pub fn sleep_of(&self, node: &str) -> Option<Duration> {
        match self.behaviour(node) {
            Behaviour::Sleep(wait) => Some(wait),
            _ => None,
        }
    }

    /// Its graph, analysed.
    pub fn blueprint(&self) -> Blueprint {
        Blueprint::new(self.description.clone())
    }

    /// What a node does.
    pub fn behaviour(&self, node: &str) -> Behaviour {
        self.behaviours.get(node).copied().unwrap_or(Behaviour::Succeed)
    }

    /// The nodes that wait for an event.
    pub fn waiters(&self) -> impl Iterator<Item = &NodeId> {
        self.behaviours.iter().filter(|(_, behaviour)| **behaviour == Behaviour::Wait).map(|(node, _)| node)
    }

    /// The same with a node that kills its worker.
    pub fn poisoned(mut self, random: &mut Rng) -> Self {
        let nodes = self.description.nodes.iter().filter(|node| node.uses != "loop-controller");
        let nodes: Vec<NodeId> = nodes.map(|node| node.id.clone()).collect();
        self.behaviours.insert(nodes[random.usize(..nodes.len())].clone(), Behaviour::Poison);
        self
    }

    /// How long a node takes, this time.
    pub fn latency(&self, random: &mut Rng) -> Duration {
        self.longest.mul_f64(random.f64() * random.f64())
    }

    /// What a node answers.
    pub fn answer(&self, turn: &NodeTurn<'_>) -> Answer {
        let outcome = match self.behaviour(turn.node) {
            Behaviour::Fail => {
                Outcome::Failed { why: format!("{} fails", turn.node).into(), recoverable: true }
            }
            // What becomes of it once it has killed enough of them.
            Behaviour::Poison => Outcome::Failed { why: "it kills".into(), recoverable: true },
            Behaviour::Retry(failures) if turn.attempt <= failures => Outcome::Retry {
                after: Duration::from_millis(u64::from(turn.attempt) * 700),
                postponed: false,
                why: Some(format!("attempt {} fails", turn.attempt).into()),
            },
            Behaviour::Sleep(wait) if !turn.resumed => {
                let until = Some(turn.now.saturating_add(crate::time::milliseconds(wait)));
                Outcome::Paused { pause: Pause { until, ..Pause::default() }, output: None }
            }
            Behaviour::Wait if !turn.resumed => {
                let event = Some(turn.node.to_owned());
                Outcome::Paused { pause: Pause { event, ..Pause::default() }, output: None }
            }
            Behaviour::Subflow(tries) if turn.failed.is_some() => match turn.attempt < tries {
                true => Outcome::Retry {
                    after: Duration::from_millis(500),
                    postponed: false,
                    why: turn.failed.map(Why::from),
                },
                false => Outcome::Failed { why: turn.failed.unwrap_or_default().into(), recoverable: true },
            },
            Behaviour::Subflow(_) if !turn.resumed => self.opened(turn.node),
            Behaviour::Child if !turn.resumed => self.awaits(turn),
            Behaviour::Child => match child::has_completed(turn.given) {
                true => self.finished(&NodeTurn { given: None, ..*turn }, self.choice(turn.node)),
                false => Outcome::Failed { why: "its child fails".into(), recoverable: true },
            },
            Behaviour::Loop(times) if turn.round <= times => self.finished(turn, Some("continue")),
            Behaviour::Loop(_) => self.finished(turn, Some("break")),
            _ => self.finished(turn, self.choice(turn.node)),
        };
        Answer::of(outcome)
    }

    /// The action a node with bound edges decides on.
    fn choice(&self, node: &str) -> Option<&str> {
        let mut bound = self.description.edges.iter().filter(|edge| edge.source == node);
        bound.find_map(|edge| edge.action.as_deref())
    }

    fn opened(&self, node: &str) -> Outcome {
        let (blueprint, terminals) = self.subflows.get(node).cloned().unwrap_or_default();
        let context = BTreeMap::new();
        Outcome::Opened(Box::new(Subflow { blueprint, context, outputs: None, terminals, limit: None }))
    }

    /// A node that has started a run of its own waits for its end.
    fn awaits(&self, turn: &NodeTurn<'_>) -> Outcome {
        let blueprint = self.children.get(turn.node).map(String::as_str).unwrap_or_default();
        let pause = child::pause(&child::run_of(turn.run, turn.node, turn.round), blueprint);
        Outcome::Paused { pause, output: None }
    }

    fn finished(&self, turn: &NodeTurn<'_>, action: Option<&str>) -> Outcome {
        let own = || Json::parse(format!("\"{}@{}\"", turn.node, turn.round)).ok();
        // What a subflow gave is what its node gives.
        let output = turn.given.cloned().or_else(own);
        let edges = matched(&self.description, turn.node, action);
        let taken = edges.into_iter().map(|edge| Taken { edge, input: output.clone() }).collect();
        Outcome::Finished { output, action: action.map(str::to_owned), taken, added: Vec::new(), again: None }
    }
}

/// An execution of a node.
#[derive(Debug, Clone, Copy)]
pub struct NodeTurn<'a> {
    pub run: &'a str,
    pub node: &'a str,
    pub round: u32,
    pub attempt: u32,
    pub resumed: bool,
    /// The output that it goes on with.
    pub given: Option<&'a Json>,
    /// Why its subflow failed.
    pub failed: Option<&'a str>,
    /// Milliseconds since 1970.
    pub now: u64,
}

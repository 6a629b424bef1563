//! Flows for the simulation: graphs of all kinds, and what each node does. A node's answer depends only on its flow, its
//! name, its round and its attempt, so that the result of a run is known beforehand.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;

use crate::ids::NodeId;
use crate::json::Json;
use crate::protocol::outcome::{Answer, Outcome, Taken};
use crate::record::Patch;
use crate::workflow::blueprint::{Blueprint, Description};
use crate::workflow::ledger::Pause;
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
}

/// A flow.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its graph.
    pub description: Description,
    /// Its graph in one line, and what was done to it since.
    pub graph: String,
    behaviours: BTreeMap<NodeId, Behaviour>,
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
        Self { description, graph: graph_text.to_owned(), behaviours, longest }
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
    pub fn answer(&self, turn: &Turn<'_>) -> Answer {
        let outcome = match self.behaviour(turn.node) {
            Behaviour::Fail => Outcome::Failed { message: format!("{} fails", turn.node), recoverable: true },
            // What becomes of it once it has killed enough of them.
            Behaviour::Poison => Outcome::Failed { message: "it kills".to_owned(), recoverable: true },
            Behaviour::Retry(failures) if turn.attempt <= failures => {
                Outcome::Retry { after: Duration::from_millis(u64::from(turn.attempt) * 700) }
            }
            Behaviour::Sleep(wait) if !turn.resumed => {
                let until = Some(turn.now.saturating_add(crate::time::milliseconds(wait)));
                Outcome::Paused { pause: Pause { until, ..Pause::default() }, output: None }
            }
            Behaviour::Wait if !turn.resumed => {
                let event = Some(turn.node.to_owned());
                Outcome::Paused { pause: Pause { event, ..Pause::default() }, output: None }
            }
            Behaviour::Loop(times) if turn.round <= times => self.finished(turn, Some("continue")),
            Behaviour::Loop(_) => self.finished(turn, Some("break")),
            _ => self.finished(turn, self.choice(turn.node)),
        };
        Answer { outcome, patch: Patch::default() }
    }

    /// The action a node with bound edges decides on.
    fn choice(&self, node: &str) -> Option<&str> {
        let mut bound = self.description.edges.iter().filter(|edge| edge.source == node);
        bound.find_map(|edge| edge.action.as_deref())
    }

    fn finished(&self, turn: &Turn<'_>, action: Option<&str>) -> Outcome {
        let output = Json::parse(format!("\"{}@{}\"", turn.node, turn.round)).ok();
        let edges = matched(&self.description, turn.node, action);
        let taken = edges.into_iter().map(|edge| Taken { edge, input: output.clone() }).collect();
        Outcome::Finished { output, action: action.map(str::to_owned), taken, added: Vec::new(), again: None }
    }
}

/// An execution of a node.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    pub node: &'a str,
    pub round: u32,
    pub attempt: u32,
    pub resumed: bool,
    /// Milliseconds since 1970.
    pub now: u64,
}

//! A flow as its messages tell it: no blueprint is looked up.

use serde::{Deserialize, Serialize};

/// A message.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub run_id: String,
    pub blueprint_id: String,
    /// Of a chain, the how-manieth node. Of a fan: 0 is the start, `size + 1` the join.
    pub node_id: u32,
    pub kind: Kind,
    pub size: u32,
}

#[derive(Clone, Copy, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Chain,
    Fan,
}

/// Where in its flow a job is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    First,
    Between,
    /// One of those a join waits for.
    Wide,
    Join,
    Last,
}

impl Message {
    pub fn place(&self) -> Place {
        match (self.kind, self.node_id) {
            (Kind::Chain, node) if node + 1 == self.size => Place::Last,
            (_, 0) => Place::First,
            (Kind::Chain, _) => Place::Between,
            (Kind::Fan, node) if node > self.size => Place::Join,
            (Kind::Fan, _) => Place::Wide,
        }
    }

    /// The node as everyone else calls it.
    pub fn node(&self) -> String {
        match (self.kind, self.node_id) {
            (Kind::Chain, node) => format!("n{node}"),
            (Kind::Fan, 0) => "start".into(),
            (Kind::Fan, node) if node > self.size => "join".into(),
            (Kind::Fan, node) => format!("n{}", node - 1),
        }
    }

    /// The node whose output is this one's input.
    pub fn input(&self) -> Option<String> {
        match (self.kind, self.node_id) {
            (_, 0) => None,
            (Kind::Chain, node) => Some(format!("n{}", node - 1)),
            (Kind::Fan, node) if node > self.size => Some("n0".into()),
            (Kind::Fan, _) => Some("start".into()),
        }
    }

    /// What to publish once the change is made; `joined` says that it was the last a join waited for.
    pub fn next(&self, joined: bool) -> Vec<Self> {
        let nodes = match self.place() {
            Place::First if self.kind == Kind::Fan => 1..=self.size,
            Place::First | Place::Between => self.node_id + 1..=self.node_id + 1,
            Place::Wide if joined => self.size + 1..=self.size + 1,
            Place::Wide | Place::Join | Place::Last => return Vec::new(),
        };
        nodes.map(|node_id| Self { node_id, ..self.clone() }).collect()
    }

    /// Whether the run has ended with it.
    pub fn ends(&self) -> bool {
        matches!(self.place(), Place::Join | Place::Last)
    }
}

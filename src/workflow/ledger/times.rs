//! When things happened to the nodes of a run, and which workers executed them: what is stored of it. [`stamp`](super::stamp) writes it.

use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The times of a run, and what those of its nodes count by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTimes {
    /// The moment that all the others count from: milliseconds since 1970.
    pub(super) since: u64,
    /// When the run ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ended: Option<u64>,
    /// The workers that executed nodes of it: nodes name them by their place here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) workers: Vec<String>,
}

/// The times of a node: milliseconds after [`RunTimes::since`]. None is before the one when it became due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NodeTimes {
    /// When it became due.
    pub(super) due: Option<u64>,
    /// When a worker began to execute it.
    pub(super) started: Option<u64>,
    /// Since when it awaited.
    pub(super) awaited: Option<u64>,
    /// When it was resumed.
    pub(super) resumed: Option<u64>,
    /// When it ended.
    pub(super) ended: Option<u64>,
    /// Which worker executed it, by its place in [`RunTimes::workers`].
    pub(super) worker: Option<u32>,
}

/// A run stores them of each of its nodes: `[due, started, ended, worker, awaited, resumed]`, without what is missing at the end. The
/// moments after the first count from it; where it is missing, from what it would count from.
impl Serialize for NodeTimes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { due, started, awaited, resumed, ended, worker } = *self;
        let after = |moment: Option<u64>| moment.map(|moment| moment.saturating_sub(due.unwrap_or_default()));
        let worker = worker.map(u64::from);
        let fields = [due, after(started), after(ended), worker, after(awaited), after(resumed)];
        let length = fields.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        serializer.collect_seq(fields.iter().take(length))
    }
}

impl<'de> Deserialize<'de> for NodeTimes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(StoredTimes)
    }
}

/// Reads the times of a node. A later version may store more of them.
struct StoredTimes;

impl<'de> Visitor<'de> for StoredTimes {
    type Value = NodeTimes;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the times of a node")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut stored: A) -> Result<NodeTimes, A::Error> {
        let mut fields = [None; 6];
        for field in &mut fields {
            *field = stored.next_element::<Option<u64>>()?.flatten();
        }
        while stored.next_element::<IgnoredAny>()?.is_some() {}
        let [due, started, ended, worker, awaited, resumed] = fields;
        let after = |moment: Option<u64>| moment.map(|moment| moment.saturating_add(due.unwrap_or_default()));
        Ok(NodeTimes {
            due,
            started: after(started),
            awaited: after(awaited),
            resumed: after(resumed),
            ended: after(ended),
            worker: worker.and_then(|place| u32::try_from(place).ok()),
        })
    }
}

/// Moments of a node as everybody reads them: milliseconds since 1970; and who executed it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moments<'a> {
    /// When it became due.
    pub due: Option<u64>,
    /// When a worker began to execute it.
    pub started: Option<u64>,
    /// Since when it awaited.
    pub awaited: Option<u64>,
    /// When it was resumed.
    pub resumed: Option<u64>,
    /// When it ended.
    pub ended: Option<u64>,
    /// The worker that executed it.
    pub worker: Option<&'a str>,
}

impl NodeTimes {
    /// Whether nothing is known.
    pub(super) fn are_unknown(&self) -> bool {
        *self == Self::default()
    }
}

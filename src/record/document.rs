//! A run's document: user keys, inputs and outputs, and the ledger under one reserved key.
//!
//! Values are passed through as raw JSON. Only JavaScript parses them, and only those a node asks for.

use std::sync::Arc;
use std::time::Duration;

use super::keys::{AWAITING_NODES, NOT_AN_OBJECT, OUTPUTS, RESERVED_KEY};
use super::patch::{Patch, to_raw};
use super::reserved_key::ReservedKey;
use super::revision::Revision;
use super::values::Values;
use crate::error::{Code, Error, Result};
use crate::ids::NodeId;
use crate::json::Json;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::RunStatus;

/// Bytes of memory that a byte of the document takes, map nodes included.
pub(super) const MEMORY_OF_A_BYTE: usize = 3;

/// How long a node may not see what was written from outside of its run.
const OUTSIDE_WRITES_WAIT: Duration = Duration::from_millis(250);

/// Of so many nodes that wait beside something that goes on, the row always says which they are.
const MOST_FOUND: usize = 32;

/// A run's document, as it was at one moment. A copy costs next to nothing.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// Every key but the reserved one.
    pub values: Values,
    /// The same, as the row says it, without the journal.
    pub row: Values,
    /// Whether there is a row.
    pub found: bool,
    /// Which state of the run it is.
    pub revision: Revision,
    /// When it was loaded, by the server's clock: milliseconds since 1970; none if there is no row.
    pub at: Option<u64>,
    /// The reserved key; none before the engine's first job of the run.
    pub reserved: Option<ReservedKey>,
    /// It may hold outputs of version 1 that the ledger has not adopted.
    pub unchecked: bool,
    /// About how many bytes of memory it takes.
    pub approximate_bytes: usize,
    /// Over which of the record's connections it was read: a later one may lead to a server that knows less.
    pub generation: u64,
}

impl Document {
    /// Reads `context_data`. SQL and JSON null are an empty document.
    ///
    /// # Errors
    /// The column holds something else than an object, or a ledger that cannot be read.
    pub fn parse(text: Option<&str>) -> Result<Self> {
        let unreadable = |what: &str, error: serde_json::Error| {
            Error::new(Code::ContextUnreadable, "Reading the run's context", format!("{what}: {error}"))
        };
        let text = text.unwrap_or("null");
        let values: Option<Values> =
            serde_json::from_str(text).map_err(|error| unreadable(NOT_AN_OBJECT, error))?;
        let mut values = values.unwrap_or_default();
        let reserved = values
            .remove(RESERVED_KEY)
            .map(|raw| serde_json::from_str(raw.get()))
            .transpose()
            .map_err(|error| unreadable("its reserved key cannot be read", error))?;
        let approximate_bytes = text.len() * MEMORY_OF_A_BYTE;
        Ok(Self {
            row: values.clone(),
            values,
            reserved,
            found: true,
            unchecked: true,
            approximate_bytes,
            ..Self::default()
        })
    }

    /// The nodes of a blueprint that have an output here.
    pub fn outputs<'a>(&'a self, blueprint: &'a Blueprint) -> impl Iterator<Item = &'a str> {
        self.values
            .keys()
            .filter_map(|key| key.strip_prefix(OUTPUTS))
            .filter(|id| blueprint.node(id).is_some())
    }

    /// The id of the blueprint that the run follows; none if no message has named one.
    pub fn follows(&self) -> Option<Arc<str>> {
        self.reserved.as_ref()?.follows(&self.values)
    }

    /// The document with a change made to it.
    pub fn after(&self, patch: &Patch, reserved: &ReservedKey) -> Self {
        let mut after = Self { reserved: Some(reserved.clone()), found: true, ..self.clone() };
        after.write(patch);
        after
    }

    /// The document, written as this revision.
    pub fn written(self, at: Option<u64>, revision: Revision) -> Self {
        // Without a journal, or after a fold, the row says all of it.
        let row = if revision.entry == 0 { self.values.clone() } else { self.row };
        Self { at, revision, row, ..self }
    }

    /// Makes a change of its keys.
    pub fn write(&mut self, patch: &Patch) {
        for key in &patch.deletes {
            // Removing an absent key would copy the map.
            if self.values.contains_key(key.as_str()) {
                self.values.remove(key.as_str());
            }
        }
        for (key, value) in &patch.sets {
            self.approximate_bytes += MEMORY_OF_A_BYTE * (key.len() + value.get().len());
            self.values.insert(key.as_str().into(), value.clone());
        }
    }

    /// For how long this state of the run may be shown to its node `node`, which is being executed. While others may write,
    /// for no time at all; else until something may have been written from outside.
    pub fn stays(&self, node: &NodeId) -> Duration {
        let is_alone = self.reserved.as_ref().is_some_and(|reserved| reserved.ledger.is_alone(node));
        if is_alone { OUTSIDE_WRITES_WAIT } else { Duration::ZERO }
    }

    /// The run's status; that of one without a ledger is `running`.
    pub fn status(&self) -> RunStatus {
        self.reserved.as_ref().map(|reserved| reserved.ledger.status).unwrap_or_default()
    }

    /// Whether the run is running: something of it is in flight.
    pub fn is_going_on(&self) -> bool {
        self.reserved.as_ref().is_some_and(|reserved| reserved.ledger.status == RunStatus::Running)
    }

    /// Whether its row says something else of what runs are found by than it does, or than it did `before`: which nodes wait, and
    /// whether a person has paused it. Searches read rows alone.
    pub fn is_found_otherwise(&self, before: &Self) -> bool {
        let is_halted = |document: &Self| {
            document.reserved.as_ref().is_some_and(|reserved| reserved.ledger.halt().is_some())
        };
        waits_otherwise(&self.row, &self.values) || is_halted(self) != is_halted(before)
    }

    /// The nodes that wait, as the document shows them.
    pub fn awaiting(&self) -> Vec<String> {
        awaiting_in(&self.values)
    }

    /// When the run fails if it is not over by then; none where it has all the time.
    pub fn deadline(&self) -> Option<u64> {
        self.reserved.as_ref()?.deadline()
    }

    /// Whether the time of the run is over, and the run is not.
    pub fn is_late(&self, now: u64) -> bool {
        self.reserved.as_ref().is_some_and(|reserved| reserved.is_late(now))
    }

    /// Whether the run is over.
    pub fn has_ended(&self) -> bool {
        self.reserved.as_ref().is_some_and(|reserved| reserved.ledger.status.is_end())
    }

    /// Whether the run has ended, and the adapter has yet to publish its result.
    pub fn is_unpublished(&self) -> bool {
        self.has_ended() && self.reserved.as_ref().is_some_and(|reserved| reserved.unpublished)
    }

    /// The document without what is the engine's own, as nodes and final results see it.
    pub fn visible_json(&self) -> Result<Json> {
        to_raw(&self.visible())
    }
}

/// Whether other nodes wait by one of these than by the other, and few: each change of a row that has thousands would write it
/// whole, thousands of times.
fn waits_otherwise(one: &Values, other: &Values) -> bool {
    let texts = [one, other].map(|values| values.get(AWAITING_NODES).map(|nodes| nodes.get()));
    texts[0] != texts[1]
        && match (awaiting_in(one), awaiting_in(other)) {
            (one, other) if one.len().max(other.len()) > MOST_FOUND => false,
            (one, other) => one != other,
        }
}

/// The nodes that wait, as the keys of a document show them. A run that has none costs a look alone.
fn awaiting_in(values: &Values) -> Vec<String> {
    values.get(AWAITING_NODES).and_then(|nodes| serde_json::from_str(nodes.get()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_or_null_document_is_empty() {
        for text in [None, Some("null"), Some("{}")] {
            assert!(Document::parse(text).unwrap().values.is_empty());
        }
    }

    #[test]
    fn what_is_not_an_object_is_an_error() {
        for text in ["[]", "1", "\"text\""] {
            assert!(Document::parse(Some(text)).unwrap_err().to_string().contains("not a JSON object"));
        }
    }

    #[test]
    fn the_reserved_key_is_not_visible() {
        let text = format!(r#"{{"a":1,"{RESERVED_KEY}":{{"ledger":{{"status":"running","nodes":{{}}}}}}}}"#);
        let document = Document::parse(Some(&text)).unwrap();
        assert!(document.reserved.is_some());
        assert_eq!(document.visible_json().unwrap().get(), r#"{"a":1}"#);
    }

    #[test]
    fn numbers_pass_through_unparsed() {
        let text = r#"{"big":12345678901234567890.123456789012345}"#;
        assert_eq!(Document::parse(Some(text)).unwrap().visible_json().unwrap().get(), text);
    }
}

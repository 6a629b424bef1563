//! A change of a document's keys.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::to_raw_value;

use super::keys::{INPUTS, OUTPUTS, RESERVED_KEY};
use crate::error::{Code, Error, Result};
use crate::ids::NodeId;
use crate::json::Json;
use crate::workflow::ledger::Restored;
use crate::workflow::path::INNER;

/// Keys set and keys removed.
#[derive(Debug, Clone, Default)]
pub struct Patch {
    /// Keys and their new values.
    pub sets: BTreeMap<String, Json>,
    /// Keys to remove.
    pub deletes: Vec<String>,
}

impl Patch {
    /// Sets a key to a value.
    pub fn set(&mut self, key: impl Into<String>, value: Json) {
        self.sets.insert(key.into(), value);
    }

    /// Sets the output of a node.
    pub fn output(&mut self, node: &NodeId, value: Json) {
        self.set(format!("{OUTPUTS}{node}"), value);
    }

    /// Removes the output that an earlier round of a node left.
    pub fn no_output(&mut self, node: &NodeId) {
        self.deletes.push(format!("{OUTPUTS}{node}"));
    }

    /// Sets the input that an edge brings to a node; none removes the one it had.
    pub fn input(&mut self, node: &NodeId, value: Option<Json>) {
        let key = format!("{INPUTS}{node}");
        match value {
            Some(value) => self.set(key, value),
            None => self.deletes.push(key),
        }
    }

    /// Gives keys what they had; none removes a key.
    pub fn restoring(restored: Restored) -> Self {
        let mut patch = Self::default();
        for (key, value) in restored {
            match value {
                Some(value) => patch.set(key, value),
                None => patch.deletes.push(key),
            }
        }
        patch
    }

    /// This patch and a later one, as one patch.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        let Self { sets, deletes } = later;
        self.deletes.retain(|key| !sets.contains_key(key));
        for key in deletes {
            self.sets.remove(&key);
            self.deletes.push(key);
        }
        self.sets.extend(sets);
        self
    }

    /// The keys set, as one JSON object.
    ///
    /// # Errors
    /// Never for the engine's own types; an error would be a bug.
    pub fn sets_json(&self) -> Result<Json> {
        to_raw(&self.sets)
    }

    /// The keys set and one more, as one JSON object.
    ///
    /// # Errors
    /// As [`sets_json`](Self::sets_json).
    pub fn sets_with(&self, key: &str, value: &Json) -> Result<Json> {
        let mut sets: BTreeMap<&str, &Json> =
            self.sets.iter().map(|(key, value)| (key.as_str(), value)).collect();
        sets.insert(key, value);
        to_raw(&sets)
    }

    /// Refuses a patch from outside that touches the reserved key.
    ///
    /// # Errors
    /// The patch touches it.
    pub fn refuse_reserved(&self) -> Result<()> {
        let is_reserved = |key: &String| key == RESERVED_KEY || key.starts_with(INNER);
        let touched = self.sets.keys().chain(&self.deletes).any(is_reserved);
        match touched {
            true => Err(Error::new(
                Code::ReservedKey,
                "Writing the context",
                format!(
                    "the key '{RESERVED_KEY}', and those that begin with '{INNER}', are reserved for the engine"
                ),
            )),
            false => Ok(()),
        }
    }
}

/// Serialises a value of the engine.
///
/// # Errors
/// Never for the engine's own types; an error would be a bug.
pub fn to_raw<T: Serialize + ?Sized>(value: &T) -> Result<Json> {
    to_raw_value(value)
        .map(Json::from)
        .map_err(|error| Error::new(Code::ValueNotStorable, "Writing JSON", error))
}

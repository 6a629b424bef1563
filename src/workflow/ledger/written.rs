//! What the ledger keeps of an attempt that has written and not answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::{self, Json};

/// What an attempt without an answer has written. Version 2.0.0 drops it: then nothing is taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The attempt, told apart from all others.
    pub token: String,
    /// Its last write of each key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, Layer>,
}

/// A write of a key, over what the key had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Its place among the writes of its key, whoever made them.
    pub at: u32,
    /// What the key had; none where it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "json::present")]
    pub below: Option<Json>,
    /// What was written, in short; none where the key was removed. If the key has something else by then, somebody outside the
    /// run wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<u32>,
}

/// A value in short, however it is spelt: PostgreSQL spells JSON in its own way.
pub fn digest(value: &Json) -> u32 {
    let parsed: serde_json::Value = serde_json::from_str(value.get()).unwrap_or_default();
    let text = parsed.to_string();
    // FNV-1a: no secret, and the same in every process.
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

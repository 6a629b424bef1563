//! The keys of a run, and what the context names among them.

use std::sync::Arc;

use imbl::OrdMap;
use serde_json::Value;

use super::keys::{BLUEPRINT_ID, BLUEPRINT_VERSION};
use crate::json::Json;

/// Keys and their values. A copy shares what it does not change, and the text of every key.
pub type Values = OrdMap<Arc<str>, Json>;

/// The id of the blueprint that a context names. It may be a word of the user's, unless the run began with it.
pub fn blueprint_named_in(values: &Values) -> Option<Arc<str>> {
    values.get(BLUEPRINT_ID).and_then(|raw| serde_json::from_str(raw.get()).ok())
}

/// The version that a context names; likewise.
pub fn version_named_in(values: &Values) -> Option<Value> {
    values.get(BLUEPRINT_VERSION).and_then(|raw| serde_json::from_str(raw.get()).ok())
}

//! The outputs of nodes, as they stand in a context.

use std::collections::BTreeMap;

/// The outputs in a context, by node.
pub fn outputs_of(context: &str) -> BTreeMap<String, String> {
    let values: BTreeMap<String, Box<serde_json::value::RawValue>> =
        serde_json::from_str(context).unwrap_or_default();
    let output = |(key, value): (String, Box<serde_json::value::RawValue>)| {
        Some((key.strip_prefix(crate::record::OUTPUTS)?.to_owned(), value.get().to_owned()))
    };
    values.into_iter().filter_map(output).collect()
}

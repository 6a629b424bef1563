//! What goes along with the jobs of a run although the engine has no use for it: the headers and the priority of the message
//! that started it, and the trace it belongs to. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The header of the W3C trace context: the span that led to a message.
pub const TRACEPARENT: &str = "traceparent";
/// A header of our own: another span that led to a message, such as that of a webhook. It goes one step along.
pub const TRACE_LINK: &str = "flowcraft-link";

/// All headers together, in bytes: they must fit into a frame, beside those of a dead letter.
const LARGEST: usize = 16 * 1024;

/// What goes along.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Carried {
    /// Headers that are text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
}

impl Carried {
    /// What a message that was delivered has of it; none if it has nothing. Headers that begin with `x-` are those of the broker
    /// and of dead letters, and `CC` and `BCC` would send copies.
    pub fn of(headers: &[(String, String)], priority: Option<u8>) -> Option<Self> {
        let is_users = |name: &str| !name.starts_with("x-") && !matches!(name, "CC" | "BCC");
        let users = headers.iter().filter(|(name, _)| is_users(name));
        let headers: BTreeMap<String, String> = users.cloned().collect();
        let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let carried = Self { headers: if size > LARGEST { BTreeMap::new() } else { headers }, priority };
        (carried != Self::default()).then_some(carried)
    }

    /// The span that led to it.
    pub fn trace(&self) -> Option<&str> {
        self.headers.get(TRACEPARENT).map(String::as_str)
    }

    /// The same, after another span.
    #[must_use]
    pub fn after(carried: Option<&Arc<Self>>, span: &str) -> Arc<Self> {
        let mut after = carried.map(|carried| (**carried).clone()).unwrap_or_default();
        after.headers.remove(TRACE_LINK);
        after.headers.insert(TRACEPARENT.to_owned(), span.to_owned());
        after.into()
    }

    /// The same, where another span led to it too.
    #[must_use]
    pub fn linked(carried: Option<&Arc<Self>>, span: &str) -> Arc<Self> {
        let mut linked = carried.map(|carried| (**carried).clone()).unwrap_or_default();
        linked.headers.insert(TRACE_LINK.to_owned(), span.to_owned());
        linked.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_the_brokers_stays_behind() {
        let given = headers(&[("tenant", "a"), ("x-death", "b"), ("CC", "c"), ("traceparent", "00-1")]);
        let carried = Carried::of(&given, Some(3)).unwrap();
        assert_eq!(carried.headers.keys().collect::<Vec<_>>(), ["tenant", "traceparent"]);
        assert_eq!((carried.priority, carried.trace()), (Some(3), Some("00-1")));
        assert_eq!(Carried::of(&headers(&[("x-death", "b")]), None), None);
    }

    #[test]
    fn headers_that_are_too_large_stay_behind() {
        let given = headers(&[("tenant", &"a".repeat(LARGEST))]);
        assert_eq!(Carried::of(&given, None), None);
        assert_eq!(Carried::of(&given, Some(1)), Some(Carried { priority: Some(1), ..Carried::default() }));
    }

    #[test]
    fn a_step_replaces_the_span_and_drops_the_link() {
        let first = Arc::new(Carried::of(&headers(&[("tenant", "a"), (TRACEPARENT, "1")]), Some(9)).unwrap());
        let linked = Carried::linked(Some(&first), "2");
        assert_eq!((linked.trace(), linked.headers[TRACE_LINK].as_str()), (Some("1"), "2"));
        let after = Carried::after(Some(&linked), "3");
        assert_eq!((after.trace(), after.headers.len(), after.priority), (Some("3"), 2, Some(9)));
        assert_eq!(Carried::after(None, "3").trace(), Some("3"));
    }
}

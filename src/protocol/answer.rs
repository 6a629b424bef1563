//! JavaScript's answers, as `lib/execution/answer.ts` writes them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::outcome::{Answer, Outcome, Subflow, Taken};
use crate::ids::NodeId;
use crate::json::{self, Json};
use crate::record::{Patch, RESERVED_KEY};
use crate::time;
use crate::workflow::ledger::{DynamicNode, EarlierTry, Pause, TakenEdge, Tries, Why};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAnswer {
    outcome: WireOutcome,
    #[serde(default, deserialize_with = "json::present")]
    output: Option<Json>,
    action: Option<String>,
    #[serde(default)]
    taken: Vec<WireEdge>,
    #[serde(default)]
    added: Vec<WireNode>,
    message: Option<String>,
    /// Of the error that the message is of.
    stack: Option<String>,
    /// In which try of the execution it ended; none for the first.
    last_try: Option<u32>,
    /// What failed within the same execution before.
    #[serde(default)]
    tries: Vec<WireTry>,
    #[serde(default)]
    recoverable: bool,
    #[serde(default, deserialize_with = "json::present")]
    details: Option<Json>,
    event: Option<String>,
    /// Milliseconds since 1970.
    until: Option<f64>,
    again: Option<NodeId>,
    /// Before the next attempt.
    wait_ms: Option<f64>,
    /// The attempt only asked for a later time.
    #[serde(default)]
    postponed: bool,
    subflow: Option<WireSubflow>,
    trace: Option<String>,
    #[serde(default)]
    sets: BTreeMap<String, Json>,
    #[serde(default)]
    deletes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum WireOutcome {
    Finished,
    Failed,
    Retry,
    Paused,
    Opened,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireTry {
    /// Which try of the execution, from 1.
    number: u32,
    message: String,
    stack: Option<String>,
    /// How long before the answer.
    ago_ms: f64,
}

#[derive(Deserialize)]
struct WireEdge {
    source: NodeId,
    target: NodeId,
    #[serde(default)]
    fed: bool,
    /// The input is the output, which the answer does not repeat.
    #[serde(default)]
    output: bool,
    #[serde(default, deserialize_with = "json::present")]
    input: Option<Json>,
}

#[derive(Deserialize)]
struct WireNode {
    id: NodeId,
    definition: Json,
    gather: Option<NodeId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSubflow {
    blueprint_id: String,
    #[serde(default)]
    context: BTreeMap<String, Json>,
    outputs: Option<BTreeMap<String, String>>,
    #[serde(default)]
    terminals: Vec<NodeId>,
    /// Milliseconds.
    timeout: Option<f64>,
}

/// Reads an answer. An unreadable answer fails the node, so that its run does not wait for ever.
pub fn read(text: &str) -> Answer {
    serde_json::from_str(text).map_or_else(
        |error| {
            let why = format!("The node's answer cannot be read: {error}").into();
            Answer::of(Outcome::Failed { why, recoverable: false })
        },
        WireAnswer::understood,
    )
}

impl WireAnswer {
    fn understood(mut self) -> Answer {
        self.sets.remove(RESERVED_KEY);
        self.deletes.retain(|key| key != RESERVED_KEY);
        let patch = Patch { sets: self.sets, deletes: self.deletes };
        let earlier = self.tries.into_iter().map(WireTry::understood).collect();
        let tries = Tries { earlier, last: self.last_try.unwrap_or(1) };
        let stack = self.stack;
        let why = |message| Why { message, stack };
        let outcome = match self.outcome {
            WireOutcome::Finished => Outcome::Finished {
                taken: self.taken.into_iter().map(|edge| edge.with(self.output.as_ref())).collect(),
                output: self.output,
                action: self.action,
                added: self.added.into_iter().map(WireNode::understood).collect(),
                again: self.again,
            },
            WireOutcome::Failed => {
                Outcome::Failed { why: why(self.message.unwrap_or_default()), recoverable: self.recoverable }
            }
            WireOutcome::Retry => Outcome::Retry {
                after: milliseconds(self.wait_ms),
                postponed: self.postponed,
                why: self.message.map(why),
            },
            WireOutcome::Paused => Outcome::Paused {
                pause: Pause {
                    details: self.details,
                    event: self.event,
                    until: self.until.map(|moment| time::milliseconds(milliseconds(Some(moment)))),
                },
                output: self.output,
            },
            WireOutcome::Opened => match self.subflow {
                Some(opening) => Outcome::Opened(Box::new(opening.understood())),
                None => {
                    let why = "The node's answer cannot be read: it opens no subflow".into();
                    Outcome::Failed { why, recoverable: false }
                }
            },
        };
        Answer { outcome, patch, trace: self.trace, tries }
    }
}

impl WireTry {
    fn understood(self) -> EarlierTry {
        let Self { number, message, stack, ago_ms } = self;
        EarlierTry { number, why: Why { message, stack }, ago: milliseconds(Some(ago_ms)) }
    }
}

impl WireSubflow {
    fn understood(self) -> Subflow {
        let Self { blueprint_id, context, outputs, terminals, timeout } = self;
        let limit = timeout.map(|timeout| milliseconds(Some(timeout)));
        Subflow { blueprint: blueprint_id, context, outputs, terminals, limit }
    }
}

impl WireEdge {
    fn with(self, output: Option<&Json>) -> Taken {
        let edge = TakenEdge { source: self.source, target: self.target, fed: self.fed };
        let input = if self.output { output.cloned() } else { self.input };
        Taken { edge, input }
    }
}

impl WireNode {
    fn understood(self) -> DynamicNode {
        DynamicNode { id: self.id, definition: self.definition, gather: self.gather }
    }
}

/// JavaScript's milliseconds; none if they are no valid number.
fn milliseconds(number: Option<f64>) -> Duration {
    number.and_then(|number| Duration::try_from_secs_f64(number / 1000.0).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Vec<Taken> {
        match read(text).outcome {
            Outcome::Finished { taken, .. } => taken,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_output_of_null_is_one() {
        let output = |text| match read(text).outcome {
            Outcome::Finished { output, .. } => output.map(|raw| raw.get().to_owned()),
            other => panic!("{other:?}"),
        };
        assert_eq!(output(r#"{"outcome":"finished","output":null}"#).as_deref(), Some("null"));
        assert_eq!(output(r#"{"outcome":"finished"}"#), None);
    }

    #[test]
    fn an_edge_brings_the_output_or_an_input_of_its_own_or_none() {
        let text = r#"{"outcome":"finished","output":[1.0],"taken":[{"source":"a","target":"b","output":true},
            {"source":"a","target":"c","input":null},{"source":"a","target":"d"}]}"#;
        let inputs: Vec<_> =
            taken(text).into_iter().map(|taken| taken.input.map(|raw| raw.get().to_owned())).collect();
        assert_eq!(inputs, [Some("[1.0]".to_owned()), Some("null".to_owned()), None]);
    }

    #[test]
    fn the_engines_own_key_can_not_be_written() {
        let text = format!(
            r#"{{"outcome":"finished","sets":{{"{RESERVED_KEY}":1,"__proto__":2}},"deletes":["{RESERVED_KEY}"]}}"#
        );
        let patch = read(&text).patch;
        assert_eq!(patch.sets.keys().collect::<Vec<_>>(), ["__proto__"]);
        assert!(patch.deletes.is_empty());
    }

    #[test]
    fn a_failure_brings_its_stack_and_what_failed_before_it() {
        let text = r#"{"outcome":"failed","message":"no","stack":"at f","lastTry":2,"tries":[{"number":1,"message":"n","agoMs":1.5}]}"#;
        let Answer { outcome: Outcome::Failed { why, .. }, tries, .. } = read(text) else { panic!("{text}") };
        assert_eq!(why, Why { message: "no".into(), stack: Some("at f".into()) });
        let earlier = EarlierTry { number: 1, why: "n".into(), ago: Duration::from_micros(1_500) };
        assert_eq!(tries, Tries { earlier: vec![earlier], last: 2 });
    }

    #[test]
    fn what_can_not_be_read_fails_the_node() {
        for text in ["", "{}", r#"{"outcome":"lost"}"#] {
            let Outcome::Failed { why, recoverable } = read(text).outcome else { panic!("{text}") };
            assert!(why.message.contains("cannot be read") && !recoverable);
        }
    }
}

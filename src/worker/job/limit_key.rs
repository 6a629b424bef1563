//! Under which key a node's execution counts.

use serde::Deserialize;

use super::context::JobContext;
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::ports::keys;
use crate::ports::limits::LimitRules;
use crate::protocol::message::JobMessage;
use crate::record::{Document, Scope};
use crate::worker::limits::naming::{key_of, rules_of, text_of};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::path::{Inside, shown};

/// What an execution counts under.
pub struct Limited {
    /// The name of its rules; none for the limit of its run.
    pub name: Option<String>,
    /// Its key.
    pub key: String,
    /// What holds for that.
    pub rules: LimitRules,
    /// Its name in the line of the key: one for each execution.
    pub ticket: String,
}

/// A job for which nothing is done may stand in the line of its limit: it leaves it.
pub async fn leave_line(
    context: &JobContext<'_>,
    message: &JobMessage,
    document: &Document,
    blueprint: &Blueprint,
) {
    let has_waited = message.not_before.is_some() || message.repeated;
    let Some(round) = message.round.filter(|_| has_waited) else { return };
    let of_run = limited_by_run(context, message, document, round);
    let of_node = limited(context, message, document, (blueprint, round));
    for Limited { key, ticket, .. } in of_run.into_iter().chain(of_node) {
        context.services.key_limits.leave(&key, &ticket).await;
    }
}

/// What an execution counts under because its run was started so; none where it was not, or only decides its edges.
pub fn limited_by_run(
    context: &JobContext<'_>,
    message: &JobMessage,
    document: &Document,
    round: u32,
) -> Option<Limited> {
    let concurrency = document.reserved.as_ref()?.concurrency()?;
    if only_decides(document, &message.node_id) || makes(Mutant::ForgetsConcurrency) {
        return None;
    }
    let limits = &context.services.key_limits;
    if !limits.are_kept() {
        limits.warn_once(
            "Runs that were started with a concurrency have none on this worker: its coordination store keeps no limits".into(),
        );
        return None;
    }
    let rules = LimitRules { concurrency: Some(concurrency), rate: None };
    Some(Limited { name: None, key: keys::run_limit(&message.run_id), rules, ticket: ticket(message, round) })
}

/// The name of an execution in the line of a key.
fn ticket(JobMessage { run_id: run, node_id: node, .. }: &JobMessage, round: u32) -> String {
    format!("{run}:{node}:{round}")
}

/// Whether a node has been executed, and only decides its edges.
fn only_decides(document: &Document, node: &NodeId) -> bool {
    let entry = document.reserved.as_ref().and_then(|reserved| reserved.ledger.entry(node));
    entry.is_some_and(|entry| entry.resumed.is_some())
}

/// What an execution counts under by its node; none where that has no limit, or the user gave none of its name, or it only
/// decides its edges.
pub fn limited(
    context: &JobContext<'_>,
    message: &JobMessage,
    document: &Document,
    (blueprint, round): (&Blueprint, u32),
) -> Option<Limited> {
    let node = &message.node_id;
    let limit = limit_of(context, node, document, blueprint)?;
    if only_decides(document, node) || makes(Mutant::ForgetsKeys) {
        return None;
    }
    let rules = context.services.key_limits.rules(&limit)?;
    let scope = Scope::of(node);
    let value = |name: &str| scope.get(&document.values, name).and_then(|json| text_of(json.get()));
    let named = key_of(&limit, value);
    if let Some(missing) = named.missing {
        let (id, node) = (&blueprint.id, shown(node));
        context.services.key_limits.warn_once(format!(
            "Blueprint '{id}', node '{node}': '{missing}' in its limit '{limit}' is no text, number or boolean of the context: \
             all such runs count under one key"
        ));
    }
    Some(Limited {
        name: Some(rules_of(&limit).to_owned()),
        key: named.key,
        rules,
        ticket: ticket(message, round),
    })
}

/// The limit of a node, by its blueprint or by the node that added it.
fn limit_of(
    context: &JobContext<'_>,
    node: &NodeId,
    document: &Document,
    blueprint: &Blueprint,
) -> Option<String> {
    #[derive(Deserialize)]
    struct Definition {
        config: Config,
    }
    #[derive(Deserialize)]
    struct Config {
        limit: String,
    }
    let inside = Inside::of(node);
    let plain = inside.as_ref().map_or(node, |inside| &inside.node);
    if let Some(limit) = blueprint.limit_of(plain) {
        return Some(limit.to_owned());
    }
    if !context.services.key_limits.are_set() {
        return None;
    }
    let added = document.reserved.as_ref()?.ledger.added.get(node)?;
    let definition: Definition = serde_json::from_str(added.definition.get()).ok()?;
    Some(definition.config.limit)
}

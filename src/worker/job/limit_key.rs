//! Under which key a node's execution counts.

use serde::Deserialize;

use super::context::JobContext;
use crate::ids::NodeId;
use crate::protocol::message::JobMessage;
use crate::record::{Document, Scope};
use crate::worker::limits::naming::{key_of, text_of};
use crate::workflow::blueprint::Blueprint;
use crate::workflow::path::{Inside, shown};

/// What a node with a limit counts under.
pub struct Limited {
    /// As its definition has it.
    pub limit: String,
    /// Its key.
    pub key: String,
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
    if let Some(limited) = limited(context, message, document, (blueprint, round)) {
        context.services.key_limits.leave(&limited.key, &limited.ticket).await;
    }
}

/// What an execution counts under; none where it has no limit, or only decides its edges.
pub fn limited(
    context: &JobContext<'_>,
    message: &JobMessage,
    document: &Document,
    (blueprint, round): (&Blueprint, u32),
) -> Option<Limited> {
    let JobMessage { run_id: run, node_id: node, .. } = message;
    let limit = limit_of(context, node, document, blueprint)?;
    let entry = document.reserved.as_ref().and_then(|reserved| reserved.ledger.entry(node));
    if entry.is_some_and(|entry| entry.resumed.is_some()) {
        // It has been executed, and only decides its edges.
        return None;
    }
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
    Some(Limited { key: named.key, ticket: format!("{run}:{node}:{round}"), limit })
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

//! The blueprint that a run follows, as far as this adapter has it.

use std::sync::Arc;

use serde_json::Value;

use crate::error::{Kind, Result};
use crate::worker::recovery::republish::blueprint_of;
use crate::worker::services::Services;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::path::Inside;

/// That of a run that nothing began, as its row or the coordination store says; none for any other run.
///
/// # Errors
/// A server is out of reach, or the row cannot be read.
pub async fn beginning_of(services: &Services, run: &str) -> Result<Option<Arc<Blueprint>>> {
    let Services { runs, blueprints, .. } = services;
    let reserved = runs.load_ledger(run).await?.reserved;
    if reserved.is_some_and(|reserved| !reserved.ledger.nodes.is_empty()) {
        return Ok(None);
    }
    let named = match blueprint_of(services, run, &runs.load(run).await?).await {
        Err(error) if error.kind() == Kind::Setup => return Ok(None),
        named => blueprints.current(&named?).await,
    };
    match named {
        Err(error) if error.kind() == Kind::Setup => Ok(None),
        found => Ok(found?.map(|found| found.blueprint)),
    }
}

/// That which a run follows, in its version.
///
/// # Errors
/// As [`beginning_of`].
pub async fn followed_by(services: &Services, run: &str) -> Result<Option<Arc<Blueprint>>> {
    let reserved = services.runs.load_ledger(run).await?.reserved;
    match reserved.and_then(|reserved| reserved.blueprint) {
        Some(follows) => current(services, &follows.id, &follows.version).await,
        None => Ok(None),
    }
}

/// That of the subflow that a node of this name stands in, or of the run.
///
/// # Errors
/// As [`beginning_of`].
pub async fn followed_at(services: &Services, run: &str, node: &str) -> Result<Option<Arc<Blueprint>>> {
    let reserved = services.runs.load_ledger(run).await?.reserved;
    let instance = reserved.and_then(|reserved| {
        let inside = Inside::of(&reserved.ledger.named(node))?;
        reserved.ledger.open_instance(&inside.container)
    });
    match instance {
        Some(instance) => current(services, &instance.blueprint, &instance.version).await,
        None => followed_by(services, run).await,
    }
}

async fn current(services: &Services, id: &str, version: &Value) -> Result<Option<Arc<Blueprint>>> {
    match services.blueprints.current(id).await {
        Ok(found) => Ok(found.map(|found| found.blueprint).filter(|blueprint| blueprint.version == *version)),
        // It cannot be run: its worker says why.
        Err(error) if error.kind() == Kind::Setup => Ok(None),
        Err(error) => Err(error),
    }
}

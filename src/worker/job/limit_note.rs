//! What a job in the line of its limit waits for, noted in the store for people who look at its run. Nothing goes by it: it expires by
//! itself, and is written beside the job's own copy, which does not wait for it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::debug;

use super::context::JobContext;
use super::limit_key::Limited;
use crate::error::Result;
use crate::ports::coordination::CoordinationStore;
use crate::ports::keys;
use crate::ports::limits::LimitReason;
use crate::protocol::message::JobMessage;
use crate::time::milliseconds;
use crate::workflow::path::shown;

/// For how long it stays after the job was to come again, in seconds: all workers may be busy.
const STAYS: u64 = 10;
/// A job that comes again more often than this is noted again only as often as this, on average.
const NOTED: Duration = Duration::from_secs(1);

/// A wait in the line of a limit.
pub struct Waiting {
    /// The limit.
    pub limit: Limited,
    /// The round of the node.
    pub round: u32,
    /// After how long the job comes again.
    pub wait: Duration,
    /// What it waits for; none where the store does not say.
    pub why: Option<LimitReason>,
}

/// As it is stored. Moments are milliseconds since 1970.
#[derive(Debug, Serialize)]
struct Note {
    /// The name of its rules; none for the concurrency of its run.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    why: &'static str,
    since: u64,
    until: u64,
}

/// The same, as much of it as the next note takes over.
#[derive(Debug, Deserialize)]
struct Former {
    since: u64,
}

/// Notes a wait. Nothing waits for that.
pub fn note(context: &JobContext<'_>, message: &JobMessage, waiting: &Waiting) {
    let Some(why) = waiting.why else { return };
    let services = context.services;
    let has_waited = comes_again(message);
    let rarely = services.platform.random(|random| random.f64());
    if has_waited && NOTED.mul_f64(rarely) > waiting.wait {
        return;
    }
    let Waiting { limit, round, wait, .. } = waiting;
    let now = services.platform.now();
    let note = Note {
        key: limit.name.as_ref().map(|_| limit.key.clone()),
        limit: limit.name.clone(),
        why: why.as_str(),
        since: now,
        until: now.saturating_add(milliseconds(*wait)),
    };
    let place = keys::limit_wait(&message.run_id, shown(&message.node_id), *round);
    let (store, stays) = (services.store.clone(), wait.as_secs() + STAYS);
    services.platform.spawn(async move {
        if let Err(error) = write(&*store, (&place, stays), note, has_waited).await {
            debug!(%error, "what a job waits for was not noted");
        }
    });
}

async fn write(
    store: &dyn CoordinationStore,
    (place, stays): (&str, u64),
    note: Note,
    has_waited: bool,
) -> Result<()> {
    let former = if has_waited { store.get(place).await? } else { None };
    let since = former.as_deref().and_then(|text| serde_json::from_str::<Former>(text).ok());
    let note = Note { since: since.map_or(note.since, |former| former.since), ..note };
    let Ok(text) = serde_json::to_string(&note) else { return Ok(()) };
    if former.is_some() {
        // No store replaces a value.
        store.delete(place).await?;
    }
    store.set_if_not_exist(place, &text, stays).await.map(drop)
}

/// A job that may have waited has its turn: nobody is to read that it waits. Nothing waits for that.
pub fn waits_no_more(context: &JobContext<'_>, message: &JobMessage, round: u32) {
    if !comes_again(message) {
        return;
    }
    let place = keys::limit_wait(&message.run_id, shown(&message.node_id), round);
    let store = context.services.store.clone();
    context.services.platform.spawn(async move {
        if let Err(error) = store.delete(&place).await {
            debug!(%error, "what a job waited for was not removed; it expires");
        }
    });
}

/// Whether the job may have been in the line before.
fn comes_again(message: &JobMessage) -> bool {
    message.repeated || message.not_before.is_some()
}

//! What a job in the line of its limit waits for, noted in the store for people who look at its run. Nothing goes by it: it expires by
//! itself, and is written beside the job's own copy, which waits for no other server.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::debug;

use super::context::JobContext;
use super::limit_key::Limited;
use crate::error::Result;
use crate::ports::keys;
use crate::ports::limits::LimitReason;
use crate::protocol::message::JobMessage;
use crate::time::milliseconds;
use crate::worker::services::Services;
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
struct Note<'a> {
    /// The name of its rules; none for the concurrency of its run.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    why: &'a str,
    since: u64,
    until: u64,
}

/// The same, as much of it as the next note takes over.
#[derive(Debug, Deserialize)]
struct Former {
    since: u64,
}

/// Notes a wait.
pub async fn note(context: &JobContext<'_>, message: &JobMessage, waiting: &Waiting) {
    let Some(why) = waiting.why else { return };
    let services = context.services;
    let has_waited = comes_again(message);
    let rarely = services.platform.random(|random| random.f64());
    if has_waited && NOTED.mul_f64(rarely) > waiting.wait {
        return;
    }
    if let Err(error) = write(services, message, (waiting, why), has_waited).await {
        debug!(%error, "what a job waits for was not noted");
    }
}

async fn write(
    services: &Services,
    message: &JobMessage,
    (Waiting { limit, round, wait, .. }, why): (&Waiting, LimitReason),
    has_waited: bool,
) -> Result<()> {
    let (store, now) = (&services.store, services.platform.now());
    let place = keys::limit_wait(&message.run_id, shown(&message.node_id), *round);
    let former = if has_waited { store.get(&place).await? } else { None };
    let since = former.as_deref().and_then(|text| serde_json::from_str::<Former>(text).ok());
    let of_node = limit.name.as_deref();
    let note = Note {
        limit: of_node,
        key: of_node.map(|_| limit.key.as_str()),
        why: why.as_str(),
        since: since.map_or(now, |former| former.since),
        until: now.saturating_add(milliseconds(*wait)),
    };
    let Ok(text) = serde_json::to_string(&note) else { return Ok(()) };
    if former.is_some() {
        // No store replaces a value.
        store.delete(&place).await?;
    }
    store.set_if_not_exist(&place, &text, wait.as_secs() + STAYS).await.map(drop)
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

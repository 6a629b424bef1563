//! A started worker looks again and again what is paused.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::known::HaltChange;
use crate::error::{Error, Kind, Result};
use crate::ports::about::About;
use crate::ports::halting::Haltable;
use crate::worker::services::Services;

/// How often a worker looks.
pub const LOOKS: Duration = Duration::from_secs(2);
/// How often where `migrate` has not made the table.
const LOOKS_FOR_TABLE: Duration = Duration::from_secs(10);

/// Looks what is paused, until `stop`.
pub async fn keep_halts(services: Arc<Services>, stop: CancellationToken) {
    let mut is_told = false;
    loop {
        let looking = async {
            let next = match look(&services).await {
                Ok(has_table) => {
                    is_told = false;
                    if has_table { LOOKS } else { LOOKS_FOR_TABLE }
                }
                Err(error) => {
                    is_told = cannot_look(&services, &error, is_told);
                    LOOKS
                }
            };
            tokio::time::sleep(next).await;
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = looking => {}
        }
    }
}

/// Whether a blueprint is paused, for who acknowledges a message because of it: by a look that is new enough.
///
/// # Errors
/// The record is out of reach, or its table cannot be read.
pub async fn holds_blueprint_for_sure(services: &Services, blueprint: &str) -> Result<bool> {
    if services.halts.holds_blueprint(blueprint) && !services.halts.is_fresh() {
        look(services).await?;
    }
    Ok(services.halts.holds_blueprint(blueprint))
}

/// Looks once; whether there is a table to look at.
async fn look(services: &Services) -> Result<bool> {
    let begun = Instant::now();
    let halts = services.runs.halts().await?;
    let has_table = halts.is_some();
    let changes = services.halts.note(halts.unwrap_or_default(), begun);
    changes.iter().for_each(|change| tell(services, change));
    Ok(has_table)
}

/// Says it once where retrying does not help.
fn cannot_look(services: &Services, error: &Error, is_told: bool) -> bool {
    if matches!(error.kind(), Kind::Setup | Kind::Refused) && !is_told {
        let words = format!(
            "This worker does not hear what is paused or goes on: it cannot read that table, and tries again every {} s. Until then it \
             keeps to what it knew. {error}",
            LOOKS.as_secs()
        );
        services.notices.warn(About::of(error), words);
        return true;
    }
    debug!(%error, "could not look what is paused");
    is_told
}

fn tell(services: &Services, change: &HaltChange) {
    let words = match change {
        HaltChange::Paused(what, reason) => {
            let why = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let name = what.name();
            match what {
                Haltable::Queue(_) => {
                    format!(
                        "Queue '{name}' is paused{why}: this worker takes no job from it until it goes on"
                    )
                }
                Haltable::Blueprint(_) => {
                    format!(
                        "Blueprint '{name}' is paused{why}: this worker executes no node of its runs until it goes on"
                    )
                }
            }
        }
        HaltChange::Lifted(Haltable::Queue(name)) => format!("Queue '{name}' goes on"),
        HaltChange::Lifted(Haltable::Blueprint(name)) => format!("Blueprint '{name}' goes on"),
    };
    let about = match change {
        HaltChange::Paused(Haltable::Queue(queue), _) | HaltChange::Lifted(Haltable::Queue(queue)) => {
            About::queue(queue)
        }
        _ => About::default(),
    };
    services.notices.info(about, words);
}

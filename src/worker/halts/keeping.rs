//! A started worker looks again and again what is paused.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::known::HaltChange;
use crate::error::{Error, Kind};
use crate::ports::about::About;
use crate::ports::halting::Haltable;
use crate::worker::services::Services;

/// How often a worker looks.
pub const LOOKS: Duration = Duration::from_secs(2);

/// Looks what is paused, until `stop`.
pub async fn keep_halts(services: Arc<Services>, stop: CancellationToken) {
    let mut is_told = false;
    loop {
        let look = async {
            is_told = match services.runs.halts().await {
                Ok(halts) => {
                    services
                        .halts
                        .note(halts.unwrap_or_default())
                        .iter()
                        .for_each(|change| tell(&services, change));
                    false
                }
                Err(error) => cannot_look(&services, &error, is_told),
            };
            tokio::time::sleep(LOOKS).await;
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = look => {}
        }
    }
}

/// Says it once where retrying does not help.
fn cannot_look(services: &Services, error: &Error, is_told: bool) -> bool {
    if matches!(error.kind(), Kind::Setup | Kind::Refused) && !is_told {
        let words = format!(
            "This worker does not hear of paused queues and blueprints: it cannot read their table, and tries again every {} s. \
             {error}",
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

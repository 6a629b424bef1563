//! Looks what is paused for all workers, and says what has changed.

use tokio::time::Instant;

use super::known::HaltChange;
use crate::error::Result;
use crate::ports::about::About;
use crate::ports::halting::Haltable;
use crate::worker::services::Services;

/// Whether a blueprint is paused, for a job that is acknowledged because of it: by a look that is new enough.
///
/// # Errors
/// The record is out of reach, or its table cannot be read.
pub async fn holds_blueprint_for_sure(services: &Services, blueprint: &str) -> Result<bool> {
    if services.halts.holds_blueprint(blueprint) && !services.halts.is_fresh() {
        look(services).await?;
    }
    Ok(services.halts.holds_blueprint(blueprint))
}

/// Looks what is paused; whether there is a table to look at.
///
/// # Errors
/// The record is out of reach, or the table cannot be read.
pub async fn look(services: &Services) -> Result<bool> {
    let begun = Instant::now();
    let halts = services.runs.halts().await?;
    let has_table = halts.is_some();
    let changes = services.halts.note(halts.unwrap_or_default(), begun);
    changes.iter().for_each(|change| tell(services, change));
    Ok(has_table)
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

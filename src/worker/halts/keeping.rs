//! A started worker looks again and again what is paused.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::looking::look;
use crate::error::{Error, Kind};
use crate::ports::about::About;
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

/// Says it once where retrying does not help.
fn cannot_look(services: &Services, error: &Error, is_told: bool) -> bool {
    if matches!(error.kind(), Kind::Setup | Kind::Refused) {
        services.halts.note_blind();
        if is_told {
            return true;
        }
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

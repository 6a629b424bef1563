//! A start within a transaction of the caller's own: the run exists if the caller commits.
//!
//! The caller's commit tells the engine nothing: `NOTIFY` would, and makes commits of all connections wait for each other. This
//! client looks for the run often enough to find it within 100 ms, for a while, and publishes its jobs once it is there. If the
//! client is gone by then, or the transaction takes longer, recovery does.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tracing::debug;

use super::publishing::{JobsToPublish, publish_deadlines};
use super::service::Client;
use super::start::OPERATION;
use crate::error::{Code, Error, Result};
use crate::protocol::start::{PlannedStart, StartRun};
use crate::worker::meters::kinds::{Counter, Of};
use crate::worker::services::Services;

/// How often the client looks for the run, in milliseconds, until so much time has passed. Each is a multiple of the first: looks fall
/// together.
const STEPS: [(u64, Duration); 3] =
    [(20, Duration::from_secs(5)), (60, Duration::from_secs(15)), (500, PATIENCE)];
/// For how long it looks.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it waits where PostgreSQL cannot be asked.
const AFTER_A_FAILURE: Duration = Duration::from_millis(500);

impl Client {
    /// What the caller has to execute for a start within its own transaction.
    ///
    /// # Errors
    /// The blueprint is unknown or of another version, or the tables cannot be looked up.
    pub async fn plan(&self, run: StartRun) -> Result<PlannedStart> {
        let beginnings = self.beginnings(vec![run]).await?;
        let nothing = || Error::new(Code::Internal, OPERATION, "there is nothing to start");
        let beginning = beginnings.first().ok_or_else(nothing)?;
        let statement = self.services.runs.insertion(&self.begun(beginning)?.new).await?;
        let mark = beginning.start.mark.clone();
        Ok(PlannedStart { run_id: statement.run, mark, text: statement.text, values: statement.values })
    }

    /// Publishes the jobs of a run that was planned, once it is committed. Does not wait for that.
    pub fn publish_when_committed(&self, run: String, mark: String) {
        let services = Arc::downgrade(&self.services);
        self.services.platform.spawn(async move { look_for(&services, &run, &mark).await });
    }
}

/// Holds the engine only while it asks: one that is closed meanwhile looks no further.
async fn look_for(services: &Weak<Services>, run: &str, mark: &str) {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let Some(now) = services.upgrade().map(|services| own_moment(&services)) else { return };
        tokio::time::sleep(until_next_look(now, begun.elapsed())).await;
        let Some(services) = services.upgrade() else { return };
        match publish_if_there(&services, run, mark).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                debug!(%error, run, "could not look for a started run");
                drop(services);
                tokio::time::sleep(AFTER_A_FAILURE).await;
            }
        }
    }
}

/// The moment that it is, by a clock of this client's own: all processes go by the database's, and would look together.
fn own_moment(services: &Services) -> u64 {
    let of_name: u64 = services.settings.worker.bytes().map(u64::from).sum();
    services.platform.now() + of_name
}

/// How long it is until the client looks again for a run that it started so long ago. It looks for all its runs at the same
/// moments: what is loaded at one moment shares a statement.
fn until_next_look(now: u64, since: Duration) -> Duration {
    let step = STEPS.iter().find(|(_, until)| since < *until).map_or(STEPS[2].0, |(step, _)| *step);
    Duration::from_millis(step - now % step)
}

/// Whether the run is there. Another one of that id is none of ours.
async fn publish_if_there(services: &Services, run: &str, mark: &str) -> Result<bool> {
    let document = services.runs.load(run).await?;
    let Some(reserved) = document.reserved.as_ref() else { return Ok(document.found) };
    let is_own = reserved.start.as_ref().is_some_and(|start| start.mark == mark);
    let Some(follows) = reserved.blueprint.as_ref().filter(|_| is_own) else { return Ok(true) };
    let begun = JobsToPublish {
        run: run.to_owned(),
        blueprint: follows.id.to_string(),
        due: reserved.ledger.due(),
        at: document.at,
        carried: reserved.carried.clone(),
        deadline: reserved.deadline(),
    };
    publish_deadlines(services, std::slice::from_ref(&begun)).await;
    let jobs: Vec<_> = begun.messages().collect();
    let of = Of::jobs(&follows.id, services.settings.queues.of(&follows.id));
    services.meters.count(Counter::RunsStarted, of, 1);
    services.publisher.publish(&jobs).await?;
    services.legacy.tell_blueprint(run, &follows.id).await;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_runs_are_looked_for_at_the_same_moments() {
        for (now, since, wait) in
            [(1_000, 0, 20), (1_019, 4_999, 1), (1_001, 5_000, 19), (1_020, 14_000, 60), (1_020, 59_000, 480)]
        {
            let found = until_next_look(now, Duration::from_millis(since));
            assert_eq!(found, Duration::from_millis(wait), "{now} {since}");
        }
        assert!(STEPS.iter().all(|(step, _)| step % STEPS[0].0 == 0));
    }
}

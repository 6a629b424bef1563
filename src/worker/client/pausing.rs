//! Pausing, and letting go on: a run, a queue, a blueprint.

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use super::service::Client;
use crate::error::{Error, Result};
use crate::mutants::{Mutant, makes};
use crate::ports::halting::{HaltWrite, Haltable, StoredHalt};
use crate::ports::watching::RunSearch;
use crate::run_store::patiently;
use crate::worker::cancelling::recovery_sees_to;
use crate::worker::halts::keeping::LOOKS;
use crate::worker::recovery::judgement::Eligible;
use crate::worker::recovery::republish::{Republishing, republish};
use crate::workflow::ledger::{Halt, RunStatus};

/// Runs of a blueprint that are let go on at a time, and read at a time.
const AT_A_TIME: usize = 16;
const PAGE: i64 = 500;

impl Client {
    /// Pauses a run: no further node of it is executed. Whether that changed something.
    ///
    /// # Errors
    /// There is no such run, it is over, or PostgreSQL is out of reach.
    pub async fn pause_run(&self, run: &str, reason: Option<String>) -> Result<bool> {
        let platform = &self.services.platform;
        self.services.runs.set_the_clock(run).await?;
        let halt = Halt { since: platform.now(), reason };
        patiently(platform, || self.services.runs.halt(run, &halt)).await
    }

    /// Lets a paused run go on; whether it was paused.
    ///
    /// # Errors
    /// There is no such run, it is over, or PostgreSQL is out of reach.
    pub async fn unpause_run(&self, run: &str) -> Result<bool> {
        self.services.runs.set_the_clock(run).await?;
        self.go_on(run).await
    }

    /// Pauses a queue or a blueprint for all workers; whether that changed something.
    ///
    /// # Errors
    /// There is no table for it, or PostgreSQL is out of reach.
    pub async fn pause(&self, what: Haltable, reason: Option<String>) -> Result<bool> {
        let write = HaltWrite::Pause(what, reason);
        patiently(&self.services.platform, || self.services.runs.write_halt(&write)).await
    }

    /// Lets a queue or a blueprint go on; whether it was paused. Of a blueprint it publishes what is due of its runs, also where it
    /// was not paused: another call may have been cut short.
    ///
    /// # Errors
    /// There is no table for it, or a server is out of reach: call again.
    pub async fn unpause(&self, what: Haltable) -> Result<bool> {
        let lift = HaltWrite::Lift(what.clone());
        let was_paused = patiently(&self.services.platform, || self.services.runs.write_halt(&lift)).await?;
        if let Haltable::Blueprint(blueprint) = what {
            // Until then a worker may take the blueprint for paused, and acknowledge what is published.
            sleep(LOOKS + LOOKS / 2).await;
            self.let_runs_go_on(blueprint).await?;
        }
        Ok(was_paused)
    }

    /// The queues and blueprints that are paused; none where there is no table for them.
    ///
    /// # Errors
    /// PostgreSQL is out of reach.
    pub async fn halts(&self) -> Result<Vec<StoredHalt>> {
        Ok(self.services.runs.halts().await?.unwrap_or_default())
    }

    async fn let_runs_go_on(&self, blueprint: String) -> Result<()> {
        let mut search = RunSearch {
            statuses: vec![RunStatus::Running.as_str().to_owned()],
            blueprint: Some(blueprint),
            limit: PAGE,
            ..RunSearch::default()
        };
        loop {
            let page = self.services.runs.list(&search).await?;
            let Some(last) = page.last() else { return Ok(()) };
            search.after = Some(last.run.clone());
            self.services.runs.set_the_clock(&last.run).await?;
            let runs = stream::iter(page).map(|summary| self.run_goes_on(summary.run));
            runs.buffer_unordered(AT_A_TIME).try_collect::<Vec<()>>().await?;
        }
    }

    /// Publishes what is due of a run, and what no worker executes. A run that has ended or is gone meanwhile is no trouble.
    async fn run_goes_on(&self, run: String) -> Result<()> {
        let document = self.services.runs.load_ledger(&run).await?;
        let Some(queue) = document.reserved.and_then(|reserved| reserved.queue) else { return Ok(()) };
        let eligible = Eligible::DueBy(self.services.platform.now());
        let how = Republishing { queue: Some(&queue), stale: None, eligible };
        match republish(&self.services, &run, how).await {
            Err(error) if error.is_transient() => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether it was to go on. That it does is recorded: where its messages cannot be published, recovery sees to it.
    async fn go_on(&self, run: &str) -> Result<bool> {
        let services = &self.services;
        let Some(follow_up) = patiently(&services.platform, || services.runs.go_on(run)).await? else {
            return Ok(false);
        };
        if makes(Mutant::PublishesNothingPaused) {
            return Ok(true);
        }
        if let Err(error) = services.publisher.publish(&follow_up.messages(run)).await {
            let error = Error { operation: follow_up.operation, ..error };
            recovery_sees_to(services, run, "what is due now could not be published", &error);
        }
        Ok(true)
    }
}

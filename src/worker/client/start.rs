//! Starting runs: their rows, then their messages.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::keys::{forget, tell_blueprints};
use super::publishing::{JobsToPublish, publish};
use super::service::Client;
use crate::error::{Code, Error, Result};
use crate::fault_points;
use crate::ports::record::{Inserted, Insertion};
use crate::protocol::message::JobMessage;
use crate::protocol::start::{OnConflict, StartOutcome, StartRequest, StartRun, Started};
use crate::record::{ClientStart, NewRun, OUTPUTS};
use crate::run_store::until_certain;
use crate::worker::cancelling::recovery_sees_to;
use crate::worker::registry::card::Entry;
use crate::worker::runs::starting::{Beginning, Begun, Restarted};
use crate::worker::services::Services;
use crate::workflow::blueprint::Blueprint;

pub(super) const OPERATION: &str = "Starting the run";

impl Client {
    /// Starts runs. Resolves when their rows are committed and their messages confirmed, or left to recovery.
    ///
    /// # Errors
    /// A blueprint is unknown or of another version, a run is there and may not be, or PostgreSQL is out of reach. Only in
    /// that last case a run may have been started: the same call again finds out.
    pub async fn start(&self, request: StartRequest) -> Result<Vec<Started>> {
        let StartRequest { runs, on_conflict } = request;
        refuse_twins(&runs)?;
        let beginnings = self.beginnings(runs).await?;
        let begun = beginnings.iter().map(|each| self.begun(each)).collect::<Result<Vec<_>>>()?;
        let which = match on_conflict {
            OnConflict::Reject => Insertion::All,
            OnConflict::UseExisting | OnConflict::RestartIfEnded => Insertion::Each,
        };
        fault_points::point("start-before-insert");
        let inserted = self.insert(&beginnings, &begun, which).await?;
        fault_points::point("start-after-insert");
        let (mut started, mut jobs) = (Vec::with_capacity(begun.len()), Vec::new());
        for (beginning, begun) in beginnings.iter().zip(begun) {
            let (run_id, outcome) = match inserted.runs.get(&beginning.run) {
                Some(named) => {
                    let blueprint = beginning.blueprint.id.clone();
                    let (run, at, carried) = (named.clone(), inserted.at, beginning.carried.clone());
                    let deadline = beginning.start.deadline;
                    jobs.push(JobsToPublish { run, blueprint, due: begun.due, at, carried, deadline });
                    (named.clone(), StartOutcome::New)
                }
                None => (beginning.run.clone(), self.met(beginning, on_conflict, &mut jobs).await?),
            };
            started.push(Started { run_id, outcome });
        }
        publish(&self.services, &jobs).await;
        // After the messages, so that these have both servers and processors to themselves.
        let told = jobs.iter().map(|jobs| (jobs.run.clone(), jobs.blueprint.clone()));
        tell_blueprints(&self.services, told.collect());
        fault_points::point("start-after-publish");
        Ok(started)
    }

    /// What becomes of a start whose run is there already.
    async fn met(
        &self,
        beginning: &Beginning,
        on_conflict: OnConflict,
        jobs: &mut Vec<JobsToPublish>,
    ) -> Result<StartOutcome> {
        match on_conflict {
            OnConflict::Reject => Err(exists(&beginning.run)),
            OnConflict::UseExisting => {
                if beginning.start.parent.is_some() {
                    // It may have ended before its parent could hear of it.
                    self.services.results.tell_parent_again(&beginning.run).await?;
                    self.publish_first_jobs(beginning).await?;
                }
                Ok(StartOutcome::Existing)
            }
            OnConflict::RestartIfEnded => self.restart(beginning, jobs).await,
        }
    }

    /// A worker may have died, or stopped, between the rows of a child and its messages.
    async fn publish_first_jobs(&self, Beginning { run, blueprint, carried, .. }: &Beginning) -> Result<()> {
        let document = self.services.runs.load_ledger(run).await?;
        let Some(reserved) = document.reserved.filter(|reserved| reserved.ledger.is_at_its_start()) else {
            return Ok(());
        };
        let copies = JobMessage::copies(run, &blueprint.id, &reserved.ledger.due(), document.at).into_iter();
        let copies: Vec<_> = copies.map(|job| job.carrying(carried.clone())).collect();
        match self.services.publisher.publish(&copies).await {
            // The child exists. Recovery publishes what the broker refuses for good, as for any start.
            Err(error) if !error.is_transient() => {
                recovery_sees_to(&self.services, run, "its jobs could not be published", &error);
                Ok(())
            }
            published => published,
        }
    }

    async fn restart(&self, beginning: &Beginning, jobs: &mut Vec<JobsToPublish>) -> Result<StartOutcome> {
        let runs = &self.services.runs;
        let committed = until_certain(&self.services.platform, |_| runs.begin_again(beginning)).await?;
        let Restarted::Anew { due, former } = committed.answer else { return Ok(StartOutcome::Existing) };
        let run = beginning.run.clone();
        forget(&self.services, &run, &former).await;
        self.forget_history(&run).await;
        let at = match committed.at {
            None => runs.load_ledger(&run).await?.at,
            at => at,
        };
        let (blueprint, carried) = (beginning.blueprint.id.clone(), beginning.carried.clone());
        let deadline = beginning.start.deadline;
        jobs.push(JobsToPublish { run, blueprint, due, at, carried, deadline });
        Ok(StartOutcome::Restarted)
    }

    /// What is to be begun: every run with its blueprint.
    pub(super) async fn beginnings(&self, runs: Vec<StartRun>) -> Result<Vec<Beginning>> {
        let platform = &self.services.platform;
        // One mark for the call: by it the client finds out which runs are its own.
        let (mark, at) = (platform.mark(), platform.now());
        let mut known: HashMap<String, Arc<Blueprint>> = HashMap::new();
        let mut beginnings = Vec::with_capacity(runs.len());
        for StartRun {
            run_id: run,
            blueprint_id,
            context,
            version,
            start_at,
            carried,
            tags,
            parent,
            timeout_ms,
            concurrency,
            led,
        } in runs
        {
            let blueprint = match known.get(&blueprint_id) {
                Some(blueprint) => blueprint.clone(),
                None => self.blueprint(&blueprint_id).await.map_err(|error| error.of_run(&run))?,
            };
            if blueprint.is_unknown() && context.keys().any(|key| key.starts_with(OUTPUTS)) {
                let what = format!(
                    "a context with outputs of nodes needs the blueprint '{blueprint_id}' here (option blueprints)"
                );
                return Err(Error::new(Code::BlueprintUnknown, OPERATION, what).of_run(&run));
            }
            if let Some(version) = version.filter(|version| *version != blueprint.version) {
                let here = &blueprint.version;
                let what = format!("the blueprint '{blueprint_id}' is of version {here} here, not {version}");
                return Err(Error::new(Code::BlueprintVersion, OPERATION, what).of_run(&run));
            }
            known.insert(blueprint_id, blueprint.clone());
            let due = start_at.map(|moment| platform.translated(moment));
            let not_before = due.filter(|moment| platform.until(*moment).is_some());
            if timeout_ms.is_some() {
                self.services.runs.learn_the_time().await.map_err(|error| error.of_run(&run))?;
            }
            let begins = due.unwrap_or_default().max(platform.now());
            let deadline = timeout_ms.map(|timeout| begins.saturating_add(timeout));
            let start = ClientStart { mark: mark.clone(), at, tags, parent, deadline, concurrency };
            let carried = carried.map(Arc::new);
            let start = Arc::new(start);
            beginnings.push(Beginning { run, blueprint, values: context, not_before, start, carried, led });
        }
        Ok(beginnings)
    }

    /// A blueprint as it is known here, or else where its runs begin, by a worker that lives and has it.
    async fn blueprint(&self, id: &str) -> Result<Arc<Blueprint>> {
        let Services { blueprints, registry, settings, .. } = &*self.services;
        if let Some(analysed) = blueprints.current(id).await? {
            return Ok(analysed.blueprint);
        }
        let queue = settings.queues.of(id);
        if let Some(Entry { version, starts }) = registry.entry(queue, id).await? {
            return Ok(Arc::new(Blueprint::begun_at(id, version, starts)));
        }
        let what = format!(
            "the blueprint '{id}' is not known here (option blueprints), nor has a worker that lives and takes jobs from the queue \
             '{queue}' registered it"
        );
        Err(Error::new(Code::BlueprintUnknown, OPERATION, what))
    }

    /// A run as it is inserted.
    pub(super) fn begun(&self, beginning: &Beginning) -> Result<Begun> {
        let queue = self.services.settings.queues.of(&beginning.blueprint.id);
        beginning.begun(queue, self.services.runs.defers_results())
    }

    /// Inserts runs. Where an answer was lost, those with this call's mark are its own.
    async fn insert(&self, beginnings: &[Beginning], begun: &[Begun], which: Insertion) -> Result<Inserted> {
        let new: Vec<NewRun> = begun.iter().map(|begun| begun.new.clone()).collect();
        if new.is_empty() {
            return Ok(Inserted::default());
        }
        let attempt = |is_in_doubt| {
            let new = &new;
            async move {
                let mut inserted = self.services.runs.insert(new, which).await?;
                if is_in_doubt {
                    self.add_own(beginnings, &mut inserted).await?;
                }
                Ok(inserted)
            }
        };
        let inserted = until_certain(&self.services.platform, attempt)
            .await
            .map_err(|error| if let [new] = new.as_slice() { error.of_run(&new.run) } else { error })?;
        match inserted.there.first() {
            Some(there) if which == Insertion::All => Err(exists(there)),
            _ => Ok(inserted),
        }
    }

    /// Adds those runs that an attempt whose answer was lost has inserted.
    async fn add_own(&self, beginnings: &[Beginning], inserted: &mut Inserted) -> Result<()> {
        for Beginning { run, start, .. } in beginnings {
            if !inserted.there.contains(run) {
                continue;
            }
            let document = self.services.runs.load_ledger(run).await?;
            let found = document.reserved.and_then(|reserved| reserved.start);
            if found.is_some_and(|found| found.mark == start.mark) {
                inserted.there.remove(run);
                inserted.runs.insert(run.clone(), run.clone());
                inserted.at = inserted.at.or(document.at);
            }
        }
        Ok(())
    }
}

/// Refuses runs of which several have one id: nobody could say which of them is meant.
fn refuse_twins(runs: &[StartRun]) -> Result<()> {
    let mut seen = HashSet::with_capacity(runs.len());
    match runs.iter().find(|run| !seen.insert(run.run_id.as_str())) {
        Some(run) => {
            let what = "several of the runs have this id";
            Err(Error::new(Code::InvalidArgument, OPERATION, what).of_run(&run.run_id))
        }
        None => Ok(()),
    }
}

fn exists(run: &str) -> Error {
    Error::new(Code::RunExists, OPERATION, "there is a run of this id already").of_run(run)
}

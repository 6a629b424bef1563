//! Schedules from the application: each change is decided on the schedule as it is, and written if it still is.

use std::collections::BTreeMap;

use super::service::Client;
use crate::error::{Code, Error, Result};
use crate::ports::scheduling::{FoundSchedules, NewSchedule, ScheduleSearch, ScheduleWrite, StoredSchedule};
use crate::protocol::schedules::{
    BackfillRequest, CreateSchedule, ListSchedules, OnScheduleConflict, RecentRun, ScheduleDescription,
    ScheduleState,
};
use crate::record::to_raw;
use crate::schedules::{Backfill, MOST_OF_A_BACKFILL, Schedule, SchedulePause, Trigger, look_at, run_id};
use crate::worker::runs::scheduling::no_table;
use crate::worker::schedules::advance::advance;

const OPERATION: &str = "Changing the schedule";
const LOOKING: &str = "Looking at the schedule";
/// How often a change is decided while others come first.
const ROUNDS: usize = 100;
/// How many due times are told of a schedule, and of one in a list.
const NEXT: usize = 5;
const NEXT_IN_LIST: usize = 1;
/// How many backfills may be under way.
const BACKFILLS: usize = 10;
/// How many runs may be asked for that have not started.
const TRIGGERS: usize = 1_000;

impl Client {
    /// Creates a schedule, or changes its definition; as it stands then.
    ///
    /// # Errors
    /// It cannot be, it is there and may not be, there is no table for schedules, or PostgreSQL is out of reach.
    pub async fn create_schedule(&self, request: CreateSchedule) -> Result<ScheduleDescription> {
        let CreateSchedule { id, definition, is_paused, note, on_conflict } = request;
        if let Some(error) = self.services.runs.refuses_id(&run_id(&id, 0)) {
            return Err(error);
        }
        for _ in 0..ROUNDS {
            let found = self.find(&id, OPERATION).await?;
            let now = found.at;
            let schedule = match found.schedules.first() {
                None => {
                    let pause = is_paused.then(|| SchedulePause { at: now, note: note.clone() });
                    Schedule::new(definition.clone(), now, pause)?
                }
                Some(_) if on_conflict == OnScheduleConflict::Reject => {
                    let what = format!("there is a schedule '{id}' already");
                    return Err(Error::new(Code::ScheduleExists, "Creating the schedule", what));
                }
                Some(stored) => Schedule::parse(&stored.text)?.redefined(definition.clone(), now)?,
            };
            if self.put(&id, found.schedules.first(), &schedule, now).await? {
                return described(&id, &schedule, now, NEXT);
            }
        }
        Err(busy())
    }

    /// What is known of a schedule.
    ///
    /// # Errors
    /// There is none of that id, there is no table for schedules, or PostgreSQL is out of reach.
    pub async fn describe_schedule(&self, id: &str) -> Result<ScheduleDescription> {
        let found = self.find(id, LOOKING).await?;
        let stored = found.schedules.first().ok_or_else(|| no_schedule(LOOKING, id))?;
        let mut description = described(id, &Schedule::parse(&stored.text)?, found.at, NEXT)?;
        let runs: Vec<String> = description.recent.iter().map(|recent| recent.run.run_id.clone()).collect();
        let mut statuses: BTreeMap<String, String> = self.services.runs.statuses(&runs).await?;
        for recent in &mut description.recent {
            recent.status = statuses.remove(&recent.run.run_id);
        }
        Ok(description)
    }

    /// A page of schedules, in the order of their ids.
    ///
    /// # Errors
    /// There is no table for schedules, or PostgreSQL is out of reach.
    pub async fn list_schedules(&self, request: ListSchedules) -> Result<Vec<ScheduleDescription>> {
        let ListSchedules { blueprint_id: blueprint, after, limit } = request;
        let search = ScheduleSearch::Page { blueprint, after, limit: limit.into() };
        let found = self.services.runs.schedules(&search).await?.ok_or_else(|| no_table(LOOKING))?;
        let describe = |stored: &StoredSchedule| {
            described(&stored.id, &Schedule::parse(&stored.text)?, found.at, NEXT_IN_LIST)
        };
        found.schedules.iter().map(describe).collect()
    }

    /// A schedule pauses. One that does already keeps since when, and gets the note.
    ///
    /// # Errors
    /// As [`describe_schedule`](Self::describe_schedule).
    pub async fn pause_schedule(&self, id: &str, note: Option<String>) -> Result<()> {
        self.change_schedule(id, |schedule, now| {
            let since = schedule.pause.as_ref().map_or(now, |pause| pause.at);
            Ok((schedule.paused(since, note.clone()), ()))
        })
        .await
    }

    /// A schedule goes on from now.
    ///
    /// # Errors
    /// As [`describe_schedule`](Self::describe_schedule).
    pub async fn resume_schedule(&self, id: &str) -> Result<()> {
        self.change_schedule(id, |schedule, now| Ok((schedule.resumed(now)?, ()))).await
    }

    /// Has a run of a schedule started now, whatever goes on; its id. It is there already where this client has the blueprint;
    /// else a worker starts it.
    ///
    /// # Errors
    /// As [`describe_schedule`](Self::describe_schedule), or too many wait to be started.
    pub async fn trigger_schedule(&self, id: &str) -> Result<String> {
        let mark = self.services.platform.mark();
        let run = self
            .change_schedule(id, |schedule, now| {
                if schedule.triggers.len() >= TRIGGERS {
                    return Err(too_many(format!(
                        "{TRIGGERS} runs of it wait for a worker that has its blueprint"
                    )));
                }
                let run = format!("{}-{}", run_id(id, now), &mark[..8]);
                let mut schedule = schedule.clone();
                schedule.triggers.push(Trigger { run: run.clone(), at: now });
                Ok((schedule, run))
            })
            .await?;
        self.advance_here(id).await;
        Ok(run)
    }

    /// Has the runs of all due times between two moments started that have none; of how many due times.
    ///
    /// # Errors
    /// As [`describe_schedule`](Self::describe_schedule), or they are too many, or not all of the past.
    pub async fn backfill_schedule(&self, id: &str, request: BackfillRequest) -> Result<usize> {
        let BackfillRequest { from, to } = request;
        let count = self
            .change_schedule(id, |schedule, now| {
                if to > now || from > to {
                    let what = "a backfill goes from a moment to a later one, both of them past";
                    return Err(Error::new(Code::InvalidArgument, OPERATION, what));
                }
                let recurrence = schedule.definition.recurrence(schedule.created_at)?;
                let all = recurrence.all_after(from.saturating_sub(1)).take_while(|due| *due <= to);
                let due: Vec<u64> = all.take(MOST_OF_A_BACKFILL + 1).collect();
                if due.len() > MOST_OF_A_BACKFILL {
                    return Err(too_many(format!(
                        "it is due more than {MOST_OF_A_BACKFILL} times in that time"
                    )));
                }
                if schedule.backfills.len() >= BACKFILLS {
                    return Err(too_many(format!("{BACKFILLS} backfills of it are under way")));
                }
                let mut schedule = schedule.clone();
                schedule.backfills.extend(due.first().map(|next| Backfill { next: *next, to }));
                Ok((schedule, due.len()))
            })
            .await?;
        self.advance_here(id).await;
        Ok(count)
    }

    /// Removes a schedule. Its runs stay.
    ///
    /// # Errors
    /// As [`describe_schedule`](Self::describe_schedule).
    pub async fn remove_schedule(&self, id: &str) -> Result<()> {
        let written = self.services.runs.write_schedule(&ScheduleWrite::Remove(id), &[]).await?;
        written.is_written.then_some(()).ok_or_else(|| no_schedule("Removing the schedule", id))
    }

    async fn find(&self, id: &str, operation: &'static str) -> Result<FoundSchedules> {
        let found = self.services.runs.schedules(&ScheduleSearch::One(id.to_owned())).await?;
        found.ok_or_else(|| no_table(operation))
    }

    /// Decides on a schedule as it is, again and again while others change it.
    async fn change_schedule<T: Send>(
        &self,
        id: &str,
        mut decide: impl FnMut(&Schedule, u64) -> Result<(Schedule, T)> + Send,
    ) -> Result<T> {
        for _ in 0..ROUNDS {
            let found = self.find(id, OPERATION).await?;
            let stored = found.schedules.first().ok_or_else(|| no_schedule(OPERATION, id))?;
            let (schedule, answer) = decide(&Schedule::parse(&stored.text)?, found.at)?;
            if self.put(id, Some(stored), &schedule, found.at).await? {
                return Ok(answer);
            }
        }
        Err(busy())
    }

    /// Writes a schedule; whether nobody was faster.
    async fn put(
        &self,
        id: &str,
        stored: Option<&StoredSchedule>,
        schedule: &Schedule,
        now: u64,
    ) -> Result<bool> {
        let text = to_raw(schedule)?;
        let blueprint = &schedule.definition.blueprint_id;
        let new = NewSchedule { id, blueprint, text: text.get(), due: look_at(schedule, now) };
        let write = match stored {
            None => ScheduleWrite::Insert(new),
            Some(stored) => ScheduleWrite::Change(new, stored.revision),
        };
        Ok(self.services.runs.write_schedule(&write, &[]).await?.is_written)
    }

    /// Starts what was asked for, where the blueprint is here. Otherwise, and whatever fails, a worker does.
    async fn advance_here(&self, id: &str) {
        let advanced = async {
            let found = self.find(id, OPERATION).await?;
            match found.schedules.first() {
                Some(stored) => advance(&self.services, stored, found.at).await.map(drop),
                None => Ok(()),
            }
        };
        if let Err(error) = advanced.await {
            tracing::debug!(%error, id, "left to a worker");
        }
    }
}

fn described(id: &str, schedule: &Schedule, now: u64, times: usize) -> Result<ScheduleDescription> {
    let next = schedule.next_times(now, times)?;
    let state = match &schedule.pause {
        Some(_) => ScheduleState::Paused,
        None if next.is_empty() && schedule.queued.is_empty() => ScheduleState::Ended,
        None => ScheduleState::Active,
    };
    let recent = schedule.recent.iter().map(|run| RecentRun { run: run.clone(), status: None });
    Ok(ScheduleDescription {
        schedule_id: id.to_owned(),
        state,
        definition: schedule.definition.clone(),
        created_at: schedule.created_at,
        updated_at: schedule.updated_at,
        pause: schedule.pause.clone(),
        next,
        queued: schedule.queued.clone(),
        counts: schedule.counts,
        recent: recent.collect(),
    })
}

fn no_schedule(operation: &'static str, id: &str) -> Error {
    Error::new(Code::ScheduleNotFound, operation, format!("there is no schedule '{id}'"))
}

fn too_many(what: String) -> Error {
    Error::new(Code::BackfillTooLarge, OPERATION, what)
}

fn busy() -> Error {
    Error::new(Code::DatabaseBusy, OPERATION, "others keep changing it")
}

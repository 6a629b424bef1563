//! One turn of a schedule: its runs start and its due times are done with, in one step.

use std::sync::Arc;

use crate::error::{Kind, Result};
use crate::fault_points;
use crate::mutants::{Mutant, makes};
use crate::ports::about::About;
use crate::ports::record::Insertion;
use crate::ports::scheduling::{NewSchedule, ScheduleWrite, StoredSchedule};
use crate::record::{ClientStart, NewRun, to_raw};
use crate::schedules::{Overlap, Schedule, StartDue, Turn, TurnInputs, turn};
use crate::time::iso;
use crate::worker::client::keys::tell_blueprints;
use crate::worker::client::publishing::{JobsToPublish, publish};
use crate::worker::runs::starting::{Beginning, Begun};
use crate::worker::services::Services;
use crate::workflow::blueprint::Blueprint;
use crate::workflow::ledger::Led;

/// What became of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advanced {
    /// It is done.
    Done,
    /// Somebody else changed the schedule first.
    Overtaken,
    /// Its runs are for a worker that has their blueprint.
    Lacking(String),
}

/// Takes the turn of a schedule as it was read at a moment of the record's clock.
///
/// # Errors
/// It cannot be read, its runs cannot be stored, or a server is out of reach.
pub async fn advance(services: &Arc<Services>, stored: &StoredSchedule, now: u64) -> Result<Advanced> {
    let schedule = Schedule::parse(&stored.text)?;
    let over = match schedule.definition.overlap {
        Overlap::Allow => schedule.open.iter().cloned().collect(),
        Overlap::Skip | Overlap::Queue => services.runs.over(&schedule.open).await?,
    };
    let turn = turn(&stored.id, &schedule, TurnInputs { now, over: &over })?;
    let begun = match turn.starts.as_slice() {
        [] => Vec::new(),
        starts => match blueprint(services, &schedule).await? {
            None => return Ok(Advanced::Lacking(schedule.definition.blueprint_id)),
            Some(blueprint) => all_begun(services, &schedule, &blueprint, starts)?,
        },
    };
    if !commit(services, stored, &turn, begun).await? {
        return Ok(Advanced::Overtaken);
    }
    tell_missed(services, &stored.id, &turn);
    Ok(Advanced::Done)
}

/// The blueprint of a schedule, if this worker has it.
async fn blueprint(services: &Services, schedule: &Schedule) -> Result<Option<Arc<Blueprint>>> {
    match services.blueprints.current(&schedule.definition.blueprint_id).await {
        Ok(found) => Ok(found.map(|analysed| analysed.blueprint)),
        // It cannot be run here. Another worker may have it as it was meant.
        Err(error) if error.kind() == Kind::Setup => Ok(None),
        Err(error) => Err(error),
    }
}

/// The runs as they are inserted.
fn all_begun(
    services: &Services,
    schedule: &Schedule,
    blueprint: &Arc<Blueprint>,
    starts: &[StartDue],
) -> Result<Vec<Begun>> {
    let Services { platform, settings, runs, .. } = services;
    let tags = schedule.definition.tags.clone();
    let start =
        Arc::new(ClientStart { mark: platform.mark(), at: platform.now(), tags, ..ClientStart::default() });
    let begun = |due: &StartDue| {
        let beginning = Beginning {
            run: due.run.clone(),
            blueprint: blueprint.clone(),
            values: schedule.definition.context.clone(),
            not_before: None,
            start: start.clone(),
            carried: None,
            led: Led::new(),
        };
        beginning.begun(settings.queues.of(&blueprint.id), runs.defers_results())
    };
    starts.iter().map(begun).collect()
}

/// Writes a turn and its runs, and publishes their jobs; whether this worker was the first.
async fn commit(
    services: &Arc<Services>,
    stored: &StoredSchedule,
    turn: &Turn,
    begun: Vec<Begun>,
) -> Result<bool> {
    let text = to_raw(&turn.schedule)?;
    let blueprint = &turn.schedule.definition.blueprint_id;
    let new = NewSchedule { id: &stored.id, blueprint, text: text.get(), due: turn.look_at };
    let runs: Vec<NewRun> = begun.iter().map(|begun| begun.new.clone()).collect();
    let write = ScheduleWrite::Change(new, stored.revision);
    fault_points::point("schedule-before-write");
    let mut written = match makes(Mutant::AdvancesBeforeStart) {
        true => services.runs.write_schedule(&write, &[]).await?,
        false => services.runs.write_schedule(&write, &runs).await?,
    };
    if !written.is_written {
        return Ok(false);
    }
    if makes(Mutant::AdvancesBeforeStart) && !runs.is_empty() {
        written.inserted = services.runs.insert(&runs, Insertion::Each).await?;
    }
    fault_points::point("schedule-after-write");
    let inserted = &written.inserted;
    let jobs = begun.into_iter().filter_map(|begun| {
        let run = inserted.runs.get(&begun.new.run)?.clone();
        Some(JobsToPublish {
            run,
            blueprint: blueprint.clone(),
            due: begun.due,
            at: inserted.at,
            carried: None,
            deadline: None,
        })
    });
    let jobs: Vec<JobsToPublish> = jobs.collect();
    if !jobs.is_empty() {
        tell_blueprints(services, jobs.iter().map(|jobs| (jobs.run.clone(), blueprint.clone())).collect());
        publish(services, &jobs).await;
    }
    Ok(true)
}

fn tell_missed(services: &Services, id: &str, turn: &Turn) {
    let Some((first, count)) = turn.missed else { return };
    let window = turn.schedule.definition.catch_up_window;
    let words = format!(
        "Schedule '{id}': {count} due {} without a run, the first at {}: no worker that has the blueprint '{}' looked within \
         {window} ms (catchUpWindow). A backfill starts what is missing",
        if count == 1 { "time has passed" } else { "times have passed" },
        iso(first),
        turn.schedule.definition.blueprint_id,
    );
    services.notices.warn(About::default(), words);
}

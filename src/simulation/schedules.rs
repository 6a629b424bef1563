//! Schedules of a simulated world: clients create them, pause them, ask for runs; and what is promised of their due times.
//!
//! Of three kinds: whatever is due starts; what is due while a run goes on passes, or waits; and a schedule that pauses.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::broken::Broken;
use super::engines::SimulatedEngine;
use super::world::{World, tables};
use crate::error::{Code, Result};
use crate::ports::platform::Clock as _;
use crate::protocol::schedules::{CreateSchedule, OnScheduleConflict};
use crate::schedules::{Definition, Overlap, Schedule, Timing, run_id};
use crate::worker::Client;

/// The flow that all of them follow.
pub const SCHEDULED: &str = "scheduled";

/// What a client did with a schedule.
#[derive(Debug, Clone, Default)]
pub struct KeptSchedule {
    pub id: String,
    /// From when to when it paused, for sure: milliseconds since 1970.
    pub pauses: Vec<(u64, u64)>,
    /// Runs that were asked for.
    pub triggered: Vec<String>,
}

/// Whether a run is one of a schedule.
pub fn is_scheduled(run: &str) -> bool {
    run.starts_with('s') && run.contains('@')
}

/// Calls until it is answered. What was in doubt is done again.
pub async fn insist<T, F: Future<Output = Result<T>>>(call: impl Fn() -> F) -> Option<T> {
    loop {
        match call().await {
            Ok(answer) => return Some(answer),
            Err(error) if error.code == Code::ScheduleExists => return None,
            Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_millis(500)).await,
            Err(error) => panic!("a client of a schedule is refused: {error}"),
        }
    }
}

/// Creates a schedule, and may pause it or ask for a run.
pub async fn keep(world: Arc<World>, number: usize) {
    let SimulatedEngine { engine, .. } =
        world.engine(&format!("scheduler {number}"), world.plan.seed ^ 0x5c4ed);
    let client = engine.client();
    let id = format!("s{number}");
    let draw = |from: u64, to: u64| world.random(|random| random.u64(from..to));
    tokio::time::sleep(Duration::from_millis(draw(0, 10_000))).await;
    let every_ms = draw(1_000, 8_000);
    let overlap = [Overlap::Allow, Overlap::Allow, Overlap::Skip, Overlap::Queue][draw(0, 4) as usize];
    let end_at = world.server.clock().now() + every_ms * draw(3, 16);
    let definition = Definition {
        timing: Timing { every_ms: Some(every_ms), ..Timing::default() },
        blueprint_id: SCHEDULED.to_owned(),
        context: Default::default(),
        tags: Vec::new(),
        overlap,
        max_queued: 2,
        catch_up_window: 86_400_000,
        start_at: None,
        end_at: Some(end_at),
    };
    let create = || {
        client.create_schedule(CreateSchedule {
            id: id.clone(),
            definition: definition.clone(),
            is_paused: false,
            note: None,
            on_conflict: OnScheduleConflict::Reject,
        })
    };
    // One that is created after its end is never due.
    insist(create).await;
    world.story.tell(format!("{id} is due every {every_ms} ms: {overlap:?}"));
    let mut kept = KeptSchedule { id: id.clone(), ..KeptSchedule::default() };
    match draw(0, 3) {
        0 => pause(&world, &client, &mut kept).await,
        1 => {
            // One whose answer is lost may have been heard, too: those are not counted.
            tokio::time::sleep(Duration::from_millis(draw(0, 10_000))).await;
            kept.triggered.extend(insist(|| client.trigger_schedule(&id)).await);
        }
        _ => {}
    }
    world.with(|workers| workers.history.schedules.push(kept));
}

async fn pause(world: &World, client: &Client, kept: &mut KeptSchedule) {
    let draw = |from: u64, to: u64| world.random(|random| random.u64(from..to));
    for _ in 0..draw(1, 3) {
        tokio::time::sleep(Duration::from_millis(draw(500, 10_000))).await;
        insist(|| client.pause_schedule(&kept.id, None)).await;
        let from = world.server.clock().now();
        world.story.tell(format!("{} pauses", kept.id));
        tokio::time::sleep(Duration::from_millis(draw(1_000, 20_000))).await;
        kept.pauses.push((from, world.server.clock().now()));
        insist(|| client.resume_schedule(&kept.id)).await;
        world.story.tell(format!("{} goes on", kept.id));
    }
}

fn stored(world: &World, id: &str) -> Option<Schedule> {
    world.server.schedule(&tables(), id).and_then(|text| Schedule::parse(&text).ok())
}

fn all_kept(world: &World) -> Vec<KeptSchedule> {
    world.with(|workers| workers.history.schedules.clone())
}

/// Whether nothing of the schedules is left to start.
pub fn are_over(world: &World) -> bool {
    all_kept(world).iter().all(|kept| {
        stored(world, &kept.id).is_none_or(|schedule| {
            schedule.next.is_none() && schedule.queued.is_empty() && schedule.triggers.is_empty()
        })
    })
}

/// Each due time came to one run, or passed for a reason.
pub fn due_times(world: &World) -> Vec<Broken> {
    let mut broken = Vec::new();
    let runs: BTreeSet<String> =
        world.server.runs(&tables()).into_iter().filter(|run| is_scheduled(run)).collect();
    for kept in all_kept(world) {
        let mut wrong = |what: String| broken.push(Broken::Schedule { schedule: kept.id.clone(), what });
        let Some(schedule) = stored(world, &kept.id) else {
            wrong("it is gone".into());
            continue;
        };
        let Ok(recurrence) = schedule.definition.recurrence(schedule.created_at) else { continue };
        let last = schedule.definition.end_at.unwrap_or(0);
        let due: Vec<u64> =
            recurrence.all_after(schedule.created_at).take_while(|due| *due <= last).collect();
        let started: Vec<u64> =
            due.iter().copied().filter(|due| runs.contains(&run_id(&kept.id, *due))).collect();
        let triggered = kept.triggered.iter().filter(|run| runs.contains(*run)).count();
        if triggered != kept.triggered.len() {
            wrong(format!("of {:?} not all were started", kept.triggered));
        }
        let prefix = format!("{}@", kept.id);
        let all = runs.iter().filter(|run| run.starts_with(&prefix) && run.ends_with('Z')).count();
        if all != started.len() {
            wrong(format!("{all} runs started, and {} of them at a due time", started.len()));
        }
        let counts = schedule.counts;
        if usize::try_from(counts.started).unwrap_or(0) != started.len() {
            wrong(format!("{} runs are there, and {} were counted", started.len(), counts.started));
        }
        let within = |due: u64| kept.pauses.iter().any(|(from, to)| *from < due && due < *to);
        if let Some(due) = started.iter().find(|due| within(**due)) {
            wrong(format!("a run started at {} although it paused", due - schedule.created_at));
        }
        let passed = usize::try_from(counts.skipped + counts.missed).unwrap_or(0);
        if kept.pauses.is_empty() && started.len() + passed != due.len() {
            wrong(format!("of {} due times {} started and {passed} passed", due.len(), started.len()));
        }
    }
    broken
}

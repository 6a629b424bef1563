//! What goes wrong with a fleet: workers die, freeze or stop; servers forget, refuse, or lose their clients.

use std::sync::Arc;
use std::time::Duration;

use super::clients::clients;
use super::excuses::LEASE_SECONDS;
use super::flow_set::{POISON, is_begun_by_nodes};
use super::plan::Trouble;
use super::world::{SimulatedWorker, World};
use crate::migrations::Target;
use crate::ports::record::Database as _;

/// Plays a plan from its first run to the end of its storm.
pub async fn play(world: &Arc<World>) {
    for _ in 0..world.plan.workers {
        world.start_worker();
    }
    tokio::spawn(bury_the_killed(world.clone()));
    let clients = clients(world);
    let begun = world.story.elapsed();
    loop {
        let pause = world.random(|random| random.u64(10..8_000));
        tokio::time::sleep(Duration::from_millis(pause)).await;
        if world.story.elapsed() - begun >= world.plan.stormy {
            break;
        }
        strike(world).await;
    }
    for client in clients {
        let _ = client.await;
    }
    calm(world).await;
}

/// Ends the workers that nodes kill.
async fn bury_the_killed(world: Arc<World>) {
    let Some(mut deaths) = world.deaths() else { return };
    while let Some(name) = deaths.recv().await {
        match world.take_dying(&name) {
            Some((worker, false)) => kill(&world, &worker),
            Some((worker, true)) => end(&world, &worker),
            None => {}
        }
    }
}

/// One thing goes wrong.
async fn strike(world: &Arc<World>) {
    let Some(trouble) = world.random(|random| random.choice(world.plan.troubles.clone())) else { return };
    let Some(worker) = world.pick() else { return world.start_worker() };
    let lasting = Duration::from_millis(world.random(|random| random.u64(100..40_000)));
    match trouble {
        Trouble::Kill => {
            world.note_hit();
            kill(world, &worker);
        }
        Trouble::Stop => stop(world, &worker),
        Trouble::Freeze => {
            world.note_hit();
            freeze(world, &worker, lasting);
        }
        Trouble::Cut => {
            world.story.tell(format!("{} loses its connections to the broker", worker.name));
            worker.broker.cut();
        }
        Trouble::Alarm => later(world, lasting / 4, "the broker lets nobody publish", |world, is_so| {
            world.server.block_publishers(is_so);
        }),
        Trouble::Flush => {
            world.note_hit();
            flush(world, lasting);
        }
        Trouble::Partition => {
            world.note_hit();
            part(world, &worker, lasting);
        }
        Trouble::Journal => migrate(world).await,
        Trouble::Reconcile => reconcile(world, &worker).await,
        Trouble::Locks => lock(world, lasting),
        Trouble::Deploy => deploy(world),
        // Clients and nodes do these.
        Trouble::NoJobs | Trouble::Unnamed | Trouble::Poison | Trouble::DyingClients => {}
        // These hold all the time, or strike by themselves.
        Trouble::Absence
        | Trouble::Broker
        | Trouble::LostTimers
        | Trouble::Record
        | Trouble::Coordination
        | Trouble::Clocks
        | Trouble::Silence => {}
    }
}

/// Kills a worker: first its connections are cut, then its tasks are dropped.
fn kill(world: &Arc<World>, worker: &Arc<SimulatedWorker>) {
    end(world, worker);
    world.bury(worker);
    restart(world);
}

fn end(world: &World, worker: &SimulatedWorker) {
    world.note_death(&worker.name);
    world.story.tell(format!("{} dies", worker.name));
    world.excuse(Some(&worker.name), Duration::MAX / 4);
    worker.broker.cut();
    worker.broker.set_reachable(false);
    worker.tasks.kill();
}

fn stop(world: &Arc<World>, worker: &Arc<SimulatedWorker>) {
    world.story.tell(format!("{} stops", worker.name));
    world.excuse(Some(&worker.name), Duration::MAX / 4);
    world.bury(worker);
    world.note_stopping(worker);
    let (worker, patience) = (worker.clone(), world.random(|random| random.u64(..10_000)));
    let stopping = world.clone();
    tokio::spawn(async move {
        worker.worker.stop(Duration::from_millis(patience)).await;
        stopping.note_stopped(&worker.name);
        worker.engine.close().await;
    });
    restart(world);
}

/// Another worker starts after a while.
fn restart(world: &Arc<World>) {
    let wait = Duration::from_millis(world.random(|random| random.u64(..5_000)));
    let world = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        world.start_worker();
    });
}

/// Workers with other flows take the place of all that are alive, one by one.
fn deploy(world: &Arc<World>) {
    let next = world.flows.iter().map(|(id, flow)| {
        if id == POISON || is_begun_by_nodes(id) {
            return (id.clone(), flow.clone());
        }
        let next = world.random(|random| if random.bool() { flow.deployed(random) } else { flow.clone() });
        (id.clone(), next)
    });
    if !world.deploy(next.collect()) {
        return;
    }
    for (id, flow) in &*world.deployed() {
        world.story.tell(format!("from now on {id} is {}", flow.graph));
    }
    world.start_worker();
    for worker in world.alive() {
        let wait = Duration::from_millis(world.random(|random| random.u64(..60_000)));
        let world = world.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let is_old = world.deployment().is_some_and(|deployment| deployment.since > worker.since);
            if is_old && world.alive().iter().any(|other| other.name == worker.name) {
                stop(&world, &worker);
            }
        });
    }
}

fn freeze(world: &Arc<World>, worker: &Arc<SimulatedWorker>, lasting: Duration) {
    world.story.tell(format!("{} stands still for {} ms", worker.name, lasting.as_millis()));
    world.excuse(Some(&worker.name), lasting + Duration::from_secs(LEASE_SECONDS));
    worker.tasks.freeze();
    let (world, worker) = (world.clone(), worker.clone());
    tokio::spawn(async move {
        tokio::time::sleep(lasting).await;
        worker.tasks.thaw();
        world.story.tell(format!("{} goes on", worker.name));
    });
}

fn flush(world: &Arc<World>, lasting: Duration) {
    // The holder of a forgotten lease takes it again with its next renewal.
    world.excuse(None, lasting + Duration::from_secs(LEASE_SECONDS));
    if world.random(fastrand::Rng::bool) {
        world.story.tell("the coordination store forgets everything".into());
        return world.server.flush();
    }
    later(world, lasting, "the coordination store is out of reach", |world, is_so| {
        world.alive().iter().for_each(|worker| world.reach(worker, !is_so));
    });
}

/// The coordination store is out of reach for one worker alone.
fn part(world: &Arc<World>, worker: &Arc<SimulatedWorker>, lasting: Duration) {
    world.excuse(None, lasting + Duration::from_secs(LEASE_SECONDS));
    let lasting_ms = lasting.as_millis();
    world
        .story
        .tell(format!("the coordination store is out of reach for {} for {lasting_ms} ms", worker.name));
    world.reach(worker, false);
    let (world, worker) = (world.clone(), worker.clone());
    tokio::spawn(async move {
        tokio::time::sleep(lasting).await;
        world.reach(&worker, true);
        world.story.tell(format!("{} reaches the coordination store", worker.name));
    });
}

/// Applies a condition for a while.
fn later(world: &Arc<World>, lasting: Duration, what: &'static str, set: fn(&World, bool)) {
    world.story.tell(format!("{what} for {} ms", lasting.as_millis()));
    set(world, true);
    let world = world.clone();
    tokio::spawn(async move {
        tokio::time::sleep(lasting).await;
        set(&world, false);
        world.story.tell(format!("no more: {what}"));
    });
}

/// Somebody locks the rows of some runs.
fn lock(world: &Arc<World>, lasting: Duration) {
    let some: Vec<String> = (0..world.plan.runs)
        .filter(|_| world.random(fastrand::Rng::bool))
        .map(|number| format!("r{number}"))
        .collect();
    world.story.tell(format!("the rows of {some:?} are locked for {} ms", lasting.as_millis()));
    let world = world.clone();
    some.iter().for_each(|run| world.server.lock_rows(run, true));
    tokio::spawn(async move {
        tokio::time::sleep(lasting).await;
        some.iter().for_each(|run| world.server.lock_rows(run, false));
        world.story.tell(format!("the rows of {some:?} are free"));
    });
}

async fn migrate(world: &Arc<World>) {
    let record = world.server.database("operator").record(&super::world::tables());
    let up = world.random(fastrand::Rng::bool);
    world.story.tell(format!("the journal {}", if up { "comes" } else { "goes" }));
    let _ = record.migrate(if up { Target::UP } else { Target::DOWN }).await;
}

async fn reconcile(world: &Arc<World>, worker: &Arc<SimulatedWorker>) {
    let run = format!("r{}", world.random(|random| random.usize(..world.plan.runs)));
    world.story.tell(format!("{} reconciles {run}", worker.name));
    let engine = worker.engine.clone();
    tokio::spawn(async move {
        let _ = engine.reconcile(&run).await;
    });
}

/// Ends all faults and makes sure that a worker is running.
async fn calm(world: &Arc<World>) {
    world.story.tell("nothing goes wrong any more".into());
    world.faults.end();
    world.server.block_publishers(false);
    for worker in world.alive() {
        world.reach(&worker, true);
        worker.tasks.thaw();
    }
    tokio::time::sleep(Duration::from_secs(45)).await;
    if world.alive().is_empty() {
        world.start_worker();
    }
}

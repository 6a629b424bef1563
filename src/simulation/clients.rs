//! Clients of a fleet: they start runs, tell them of events, and ask for what there is not.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::cancelling::cancel_at_some_time;
use super::child;
use super::crowding::concurrency_of;
use super::dying::die_starting;
use super::engines::SimulatedEngine;
use super::flow_set::{POISON, is_begun_by_nodes};
use super::history::Expected;
use super::pausing::{halt_for_a_while, pause_for_a_while};
use super::plan::Trouble;
use super::schedules::{SCHEDULED, insist, keep};
use super::world::World;
use crate::protocol::start::{OnConflict, StartRequest, StartRun};
use crate::time::milliseconds;
use crate::worker::SentEvent;

/// Starts every run at a moment of its own, and tells it of the events that it waits for.
pub fn clients(world: &Arc<World>) -> Vec<tokio::task::JoinHandle<()>> {
    let is_begun = |id: &&String| *id != POISON && *id != SCHEDULED && !is_begun_by_nodes(id);
    let names: Vec<String> = world.flows.keys().filter(is_begun).cloned().collect();
    let mut others: Vec<tokio::task::JoinHandle<()>> = Vec::new();
    for number in 0..world.plan.runs {
        let flow = names[number % names.len()].clone();
        if world.plan.has(Trouble::NoJobs) {
            others.push(tokio::spawn(no_jobs(world.clone(), number, flow.clone())));
        }
        if world.plan.has(Trouble::Unnamed) {
            others.push(tokio::spawn(unnamed(world.clone(), number, flow.clone())));
        }
        if world.plan.has(Trouble::DyingClients) {
            others.push(tokio::spawn(die_starting(world.clone(), number, flow)));
        }
    }
    let runs = (0..world.plan.runs).map(|number| {
        let (run, flow) = (format!("r{number}"), names[number % names.len()].clone());
        let (start, event) = world.random(|random| (random.u64(..10_000), random.u64(..30_000)));
        let world = world.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(start)).await;
            match world.plan.calls {
                true => call(&world, &run, &flow, number).await,
                false => world.start_run(&run, &flow).await,
            }
            let pausing =
                world.plan.pauses.then(|| tokio::spawn(pause_for_a_while(world.clone(), run.clone())));
            let cancelling = tokio::spawn(cancel_at_some_time(world.clone(), run.clone(), number));
            tokio::time::sleep(Duration::from_millis(event)).await;
            tell_events(&world, &run, &flow).await;
            if let Some(pausing) = pausing {
                pausing.await.expect("who pauses a run does not panic");
            }
            cancelling.await.expect("who cancels a run does not panic");
        })
    });
    let mut all: Vec<_> = runs.chain(others).collect();
    all.extend((0..world.plan.schedules).map(|number| tokio::spawn(keep(world.clone(), number))));
    if world.plan.halts {
        all.push(tokio::spawn(halt_for_a_while(world.clone())));
    }
    if world.plan.has(Trouble::Poison) {
        let (start, world) = (world.random(|random| random.u64(..10_000)), world.clone());
        all.push(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(start)).await;
            world.start_run("p", POISON).await;
            tell_events(&world, "p", POISON).await;
        }));
    }
    all
}

/// Starts a run by the engine's own call, again for as long as that is in doubt. Some runs may take a limited time only.
async fn call(world: &Arc<World>, run: &str, flow: &str, number: usize) {
    let mut random = Rng::with_seed(world.plan.seed ^ 0x11e5 ^ (number as u64) << 32);
    let limit = (random.u8(..4) == 0).then(|| Duration::from_millis(random.u64(1_000..120_000)));
    let SimulatedEngine { engine, .. } = world.engine(&format!("caller of {run}"), world.plan.seed);
    let concurrency = concurrency_of(&world.plan, number);
    world.note_called(run, flow, (limit, concurrency));
    let request = || StartRequest {
        runs: vec![StartRun {
            timeout_ms: limit.map(milliseconds),
            concurrency,
            ..child::run_to_start(run.to_owned(), flow)
        }],
        on_conflict: OnConflict::UseExisting,
    };
    let client = engine.client();
    insist(|| client.start(request())).await;
}

/// A client that publishes what is no job, or asks for what there is not.
async fn no_jobs(world: Arc<World>, number: usize, flow: String) {
    let (start, kind) = world.random(|random| (random.u64(..20_000), random.u8(..6)));
    tokio::time::sleep(Duration::from_millis(start)).await;
    let run = format!("x{number}");
    let fields = match (kind, world.flows[&flow].middle()) {
        (0, _) => format!(r#""blueprintId":"{flow}","nodeId":"""#),
        (1, _) => r#""nodeId":"a""#.to_owned(),
        (2, _) => format!(r#""blueprintId":"{flow}","nodeId":"nope""#),
        (3, _) => r#""blueprintId":"nope","nodeId":"a""#.to_owned(),
        (4, Some(middle)) => format!(r#""blueprintId":"{flow}","nodeId":"{middle}""#),
        // All that it lacks is said by the row.
        _ => return only_by_its_row(&world, &run, &flow).await,
    };
    world.insert(&run, "{}", Expected::Fails);
    world.publish(format!(r#"{{"runId":"{run}",{fields}}}"#)).await;
}

async fn only_by_its_row(world: &Arc<World>, run: &str, flow: &str) {
    world.insert(run, &format!(r#"{{"blueprintId":"{flow}"}}"#), Expected::Follows(flow.to_owned()));
    for start in &world.flows[flow].description.starts {
        world.publish(format!(r#"{{"runId":"{run}","nodeId":"{start}"}}"#)).await;
    }
    tell_events(world, run, flow).await;
}

/// A client that dies after it inserted its rows.
async fn unnamed(world: Arc<World>, number: usize, flow: String) {
    let (start, event) = world.random(|random| (random.u64(..20_000), random.u64(..60_000)));
    tokio::time::sleep(Duration::from_millis(start)).await;
    let run = format!("u{number}");
    world.insert(&run, &format!(r#"{{"blueprintId":"{flow}"}}"#), Expected::Follows(flow.clone()));
    tokio::time::sleep(Duration::from_millis(event)).await;
    tell_events(&world, &run, &flow).await;
}

pub(super) async fn tell_events(world: &World, run: &str, flow: &str) {
    let SimulatedEngine { engine, .. } = world.engine(&format!("client of {run}"), world.plan.seed);
    let waiters: Vec<String> = waiters(world, flow);
    // A loop goes round a few times, and a subflow is tried again. An event too many is kept by the ledger and does no harm.
    let times = if world.plan.nests { 30 } else { 4 };
    for event in waiters.iter().flat_map(|event| std::iter::repeat_n(event, times)) {
        for _ in 0..1_000 {
            let event = SentEvent { name: event.clone(), ..SentEvent::default() };
            match engine.send_event(run, &event, None).await {
                Ok(_) => break,
                // The run is over, or a server is out of reach.
                Err(error) if !error.is_transient() => break,
                Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }
}

/// The events that a flow waits for, or one that it runs as a subflow.
fn waiters(world: &World, flow: &str) -> Vec<String> {
    let own = world.flows[flow].waiters().map(ToString::to_string);
    let inner = world.flows[flow].inner().flat_map(|inner| waiters(world, inner));
    own.chain(inner).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

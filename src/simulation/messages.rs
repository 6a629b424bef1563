//! What is left in the queues.

use std::collections::BTreeMap;

use super::broken::Broken;
use super::history::Expected;
use super::plan::Trouble;
use super::results::is_changed;
use super::world::{QUEUE, World};

/// Dead letters that nothing explains. Whoever asks for what there is not gets one; a run whose nodes are gone, one for each of
/// them, which fails it.
fn unexpected(world: &World, letters: Vec<String>) -> Vec<String> {
    let expected = world.expected();
    let mut counted: BTreeMap<(String, String), usize> = BTreeMap::new();
    let is_unexpected = |body: &String| {
        let named = expected.iter().find(|(run, _)| body.contains(&format!(r#""runId":"{run}""#)));
        let Some((run, expected)) = named else { return true };
        let (allowed, node) = match expected {
            // A confirm may be lost, and its message come twice.
            Expected::Fails => (20, None),
            Expected::Follows(flow) if is_changed(world, flow) => {
                let nodes = world.flows[flow].description.nodes.iter().map(|node| node.id.to_string());
                let named = nodes.into_iter().find(|node| body.contains(&format!(r#""nodeId":"{node}""#)));
                (if is_buried_once(world) { 1 } else { 10 }, named)
            }
            Expected::Follows(_) => (0, None),
        };
        let count = counted.entry((run.clone(), node.unwrap_or_default())).or_default();
        *count += 1;
        *count > allowed
    };
    letters.into_iter().filter(is_unexpected).collect()
}

/// Whether nothing keeps a worker from failing a run once its message is among the dead letters, nor has that come twice.
fn is_buried_once(world: &World) -> bool {
    let harmless = [
        Trouble::Deploy,
        Trouble::Locks,
        Trouble::Reconcile,
        Trouble::NoJobs,
        Trouble::Unnamed,
        Trouble::Clocks,
        Trouble::Alarm,
        Trouble::Journal,
        Trouble::LostTimers,
    ];
    world.plan.troubles.iter().all(|trouble| harmless.contains(trouble))
}

/// Messages that are left in a queue, and dead letters that nothing explains.
pub fn left(world: &World) -> Vec<Broken> {
    let mut broken = Vec::new();
    for queue in world.server.queues() {
        let Some(view) = world.server.queue(&queue) else { continue };
        let messages: Vec<String> = view
            .ready
            .iter()
            .chain(&view.held)
            .map(|message| String::from_utf8_lossy(&message.body).into_owned())
            .collect();
        if queue == format!("{QUEUE}.dead") {
            broken.extend(unexpected(world, messages).into_iter().map(|body| Broken::DeadLetter { body }));
        } else if !messages.is_empty() {
            broken.push(Broken::Left { queue, messages: messages.len() });
        }
    }
    broken
}

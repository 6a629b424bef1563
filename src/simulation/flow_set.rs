//! The flows of a plan.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::flows::Flow;
use super::plan::{Plan, Trouble};
use super::schedules::SCHEDULED;

/// The flow with a node that kills its worker.
pub const POISON: &str = "poison";
/// What begins the names of flows that run within others alone.
pub const INNER_FLOWS: &str = "inner-";

/// What begins the names of flows that nodes start as runs of their own.
pub const CHILD_FLOWS: &str = "child-";

/// What executions count under, where nodes have a limit.
pub const LIMIT: &str = "provider";

/// Whether runs of a flow begin only where nodes run or start them.
pub fn is_begun_by_nodes(id: &str) -> bool {
    id.starts_with(INNER_FLOWS) || id.starts_with(CHILD_FLOWS)
}

/// The flows that the runs of a plan begin with, and those that their nodes run or start.
pub fn flows_of(plan: &Plan, random: &mut Rng) -> BTreeMap<String, Flow> {
    let flows = (0..3).map(|number| format!("flow-{number}"));
    let mut flows: BTreeMap<String, Flow> = flows.map(|id| (id.clone(), Flow::draw(&id, random))).collect();
    if plan.nests {
        nest(&mut flows, &mut Rng::with_seed(plan.seed ^ 0x0e57));
    }
    if plan.parents {
        adopt(&mut flows, &mut Rng::with_seed(plan.seed ^ 0xad09));
    }
    if plan.has(Trouble::Poison) {
        let mut random = Rng::with_seed(plan.seed ^ 0x0150);
        flows.insert(POISON.to_owned(), Flow::draw(POISON, &mut random).poisoned(&mut random));
    }
    if plan.schedules > 0 {
        let brief = Flow::brief(SCHEDULED, &mut Rng::with_seed(plan.seed ^ 0x5c4ed));
        flows.insert(SCHEDULED.to_owned(), brief);
    }
    if plan.limit.is_some() {
        let mut random = Rng::with_seed(plan.seed ^ 0x11318);
        flows.values_mut().for_each(|flow| flow.limit_some(LIMIT, &mut random));
    }
    flows
}

/// Has nodes of some flows run others as subflows, two deep.
fn nest(flows: &mut BTreeMap<String, Flow>, random: &mut Rng) {
    let names = [0, 1].map(|number| format!("{INNER_FLOWS}{number}"));
    let innermost = Flow::draw(&names[1], random);
    let inner = Flow::draw(&names[0], random);
    let inner = if random.bool() { inner.around(&names[1], &innermost, random) } else { inner };
    for flow in flows.values_mut() {
        let (name, within) = if random.bool() { (&names[0], &inner) } else { (&names[1], &innermost) };
        if random.u8(..3) > 0 {
            *flow = flow.clone().around(name, within, random);
        }
    }
    let [name, deepest] = names;
    flows.extend([(name, inner), (deepest, innermost)]);
}

/// Has nodes of some flows start runs of others, two deep.
fn adopt(flows: &mut BTreeMap<String, Flow>, random: &mut Rng) {
    let names = [0, 1].map(|number| format!("{CHILD_FLOWS}{number}"));
    let youngest = Flow::brief(&names[1], random);
    let child = Flow::brief(&names[0], random);
    let child = if random.bool() { child.awaiting(&names[1], random) } else { child };
    for (_, flow) in flows.iter_mut().filter(|(id, _)| !id.starts_with(INNER_FLOWS)) {
        let name = if random.bool() { &names[0] } else { &names[1] };
        if random.u8(..3) > 0 {
            *flow = flow.clone().awaiting(name, random);
        }
    }
    let [name, last] = names;
    flows.extend([(name, child), (last, youngest)]);
}

//! What is true of any run: random graphs, answered in any order, every answer given more than once.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;

use super::super::{DueJob, DynamicNode, Event, Ledger, MAX_DEPTH, Pause, Resume, RunStatus};
use super::support::{grows_by_what_changed, raw, stored, taken_edge};
use crate::ids::NodeId;
use crate::workflow::blueprint::{Blueprint, DescribedEdge, DescribedNode, Description};

/// What a node does whenever it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Finishes,
    Fails,
    FailsFatally,
}

/// A graph, and what its nodes will do: nothing about it depends on when.
#[derive(Debug, Clone)]
struct Plan {
    graph: Description,
    fates: BTreeMap<NodeId, Fate>,
    /// Edges whose source does not take them.
    passed: BTreeSet<(NodeId, NodeId)>,
    /// Nodes that pause the first time.
    pausing: BTreeSet<NodeId>,
    /// Nodes that add others, for a gatherer.
    adding: BTreeMap<NodeId, (Vec<NodeId>, NodeId)>,
    /// In a graph with cycles the edges taken change from round to round: this many of a hundred.
    fickle: Option<u64>,
}

/// What one node of a random plan is made of.
#[derive(Debug, Clone)]
struct Sketch {
    edges: Vec<bool>,
    passes: Vec<bool>,
    any: bool,
    fate: Fate,
    pauses: bool,
    adds: usize,
    fallback: Option<(Vec<bool>, Vec<bool>, Fate)>,
}

/// What a kind of plan may contain.
#[derive(Debug, Clone, Copy)]
struct Kind {
    any: bool,
    passes: bool,
    pauses: bool,
}

const MOST_NODES: usize = 8;

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![6 => Just(Fate::Finishes), 1 => Just(Fate::Fails), 1 => Just(Fate::FailsFatally)]
}

fn flags(probability: f64) -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(prop::bool::weighted(probability), MOST_NODES)
}

fn sketches(kind: Kind) -> impl Strategy<Value = Sketch> {
    let any = prop::bool::weighted(if kind.any { 0.4 } else { 0.0 });
    let passes = || flags(if kind.passes { 0.25 } else { 0.0 });
    let adds = prop_oneof![5 => Just(0_usize), 1 => 1_usize..3];
    let fallback = prop::option::weighted(0.4, (flags(0.3), passes(), fates()));
    let pauses = prop::bool::weighted(if kind.pauses { 0.15 } else { 0.0 });
    (flags(0.4), passes(), any, fates(), pauses, adds, fallback).prop_map(
        |(edges, passes, any, fate, pauses, adds, fallback)| Sketch {
            edges,
            passes,
            any,
            fate,
            pauses,
            adds,
            fallback,
        },
    )
}

/// A graph without cycles: edges lead from lower to higher numbers. Each fallback has one primary.
fn plans(kind: Kind) -> impl Strategy<Value = Plan> {
    prop::collection::vec(sketches(kind), 1..=MOST_NODES).prop_map(|sketches| {
        let mut plan = Plan::empty();
        for (index, sketch) in sketches.iter().enumerate() {
            let id = NodeId::from(format!("n{index}"));
            let fallback = sketch.fallback.as_ref().map(|_| NodeId::from(format!("f{index}")));
            plan.node(&id, sketch.any, fallback.clone(), sketch.fate);
            if sketch.pauses {
                plan.pausing.insert(id.clone());
            }
            for target in index + 1..sketches.len() {
                plan.edge(&id, target, sketch.edges[target], sketch.passes[target]);
            }
            // Who gathers has the adding node as a predecessor, as core's batches do.
            let gatherer = (index + 1..sketches.len()).find(|&target| sketch.edges[target]);
            if let Some(gatherer) = gatherer.filter(|_| sketch.adds > 0) {
                let added = (0..sketch.adds).map(|nth| NodeId::from(format!("d{index}.{nth}"))).collect();
                plan.adding.insert(id.clone(), (added, format!("n{gatherer}").into()));
            }
            if let (Some(fallback), Some((edges, passes, fate))) = (fallback, &sketch.fallback) {
                plan.node(&fallback, false, None, *fate);
                for target in index + 1..sketches.len() {
                    plan.edge(&fallback, target, edges[target], passes[target]);
                }
            }
        }
        plan.choose_starts();
        plan
    })
}

/// A graph with cycles, whose nodes change their minds.
fn cyclic_plans() -> impl Strategy<Value = Plan> {
    let nodes =
        prop::collection::vec((flags(0.35), prop::bool::weighted(0.85), prop::bool::weighted(0.1)), 1..=4);
    (nodes, prop_oneof![Just(50_u64), Just(80), Just(100)]).prop_map(|(nodes, fickle)| {
        let mut plan = Plan::empty();
        for (index, (edges, any, pauses)) in nodes.iter().enumerate() {
            let id = NodeId::from(format!("n{index}"));
            plan.node(&id, *any, None, Fate::Finishes);
            if *pauses {
                plan.pausing.insert(id.clone());
            }
            for (target, &exists) in edges.iter().enumerate().take(nodes.len()) {
                plan.edge(&id, target, exists, false);
            }
        }
        plan.graph.starts = vec!["n0".into()];
        plan.fickle = Some(fickle);
        plan
    })
}

impl Plan {
    fn empty() -> Self {
        let graph = Description {
            id: "any".into(),
            version: serde_json::Value::Null,
            nodes: vec![],
            edges: vec![],
            starts: vec![],
        };
        Self {
            graph,
            fates: BTreeMap::new(),
            passed: BTreeSet::new(),
            pausing: BTreeSet::new(),
            adding: BTreeMap::new(),
            fickle: None,
        }
    }

    fn node(&mut self, id: &str, any: bool, fallback: Option<NodeId>, fate: Fate) {
        self.graph.nodes.push(DescribedNode {
            id: id.into(),
            uses: String::new(),
            any,
            fallback,
            event: None,
            limit: None,
        });
        self.fates.insert(id.into(), fate);
    }

    fn edge(&mut self, source: &str, target: usize, exists: bool, passed: bool) {
        if exists {
            let (source, target) = (NodeId::from(source), NodeId::from(format!("n{target}")));
            if passed {
                self.passed.insert((source.clone(), target.clone()));
            }
            self.graph.edges.push(DescribedEdge { source, target, action: None, conditional: false });
        }
    }

    fn choose_starts(&mut self) {
        let Description { nodes, edges, starts, .. } = &mut self.graph;
        let led_to = |id: &str| {
            edges.iter().any(|edge| edge.target == id)
                || nodes.iter().any(|node| node.fallback.as_deref() == Some(id))
        };
        *starts = nodes.iter().map(|node| node.id.clone()).filter(|id| !led_to(id)).collect();
    }

    /// What this plan's node answers when it runs in this round.
    fn answer(&self, DueJob { node, round, .. }: &DueJob, resumed: bool) -> Event {
        let (node, round) = (node.clone(), *round);
        if self.pausing.contains(&node) && !resumed {
            return Event::Paused { node, round, pause: Pause::default() };
        }
        match self.fates.get(&node).copied().unwrap_or(Fate::Finishes) {
            Fate::Finishes => {
                let taken = self.leaving(&node).filter(|edge| self.is_taken(edge, round));
                let taken = taken.map(|edge| taken_edge(&edge.source, &edge.target)).collect();
                let (ids, gather) = self.adding.get(&node).cloned().unzip();
                let added = ids.into_iter().flatten();
                let added = added
                    .map(|id| DynamicNode { id, definition: raw("{}"), gather: gather.clone() })
                    .collect();
                Event::Finished { node, round, action: None, taken, added, again: None }
            }
            fate => {
                let why = format!("{node} is broken").into();
                Event::Failed { node, round, why, recoverable: fate == Fate::Fails }
            }
        }
    }

    /// Its edges, and those of every node that names it as its fallback.
    fn leaving(&self, node: &str) -> impl Iterator<Item = &DescribedEdge> {
        let named = move |id: &str| {
            self.graph.nodes.iter().any(|other| other.id == id && other.fallback.as_deref() == Some(node))
        };
        self.graph.edges.iter().filter(move |edge| edge.source == node || named(&edge.source))
    }

    fn is_taken(&self, edge: &DescribedEdge, round: u32) -> bool {
        match self.fickle {
            None => !self.passed.contains(&(edge.source.clone(), edge.target.clone())),
            Some(percent) => {
                let mut hasher = DefaultHasher::new();
                (&edge.source, &edge.target, round).hash(&mut hasher);
                hasher.finish() % 100 < percent
            }
        }
    }
}

/// A fleet of workers that answer in any order, and some answers again.
struct Fleet<'a> {
    plan: &'a Plan,
    blueprint: Blueprint,
    ledger: Ledger,
    /// Handed out and not answered.
    jobs: Vec<DueJob>,
    paused: Vec<NodeId>,
    /// Each (node, round) that was counted.
    counted: BTreeSet<DueJob>,
    /// What was counted lately, to be said again.
    said: Vec<Event>,
    chance: u64,
}

/// How many of its last answers a fleet repeats at random.
const REMEMBERED: usize = 32;

impl<'a> Fleet<'a> {
    fn new(plan: &'a Plan, seed: u64) -> Self {
        let blueprint = Blueprint::new(plan.graph.clone());
        let ledger = Ledger::begin(&blueprint);
        let jobs = ledger.due();
        Self {
            plan,
            blueprint,
            ledger,
            jobs,
            paused: Vec::new(),
            counted: BTreeSet::new(),
            said: Vec::new(),
            chance: seed,
        }
    }

    /// Answers everything that is due until the run ends; checks what every step promises.
    fn run(mut self) -> Self {
        // Each execution is a step further or a round on, and a node pauses at most once each.
        let bound = (self.plan.graph.nodes.len() + 1) * 2 * MAX_DEPTH as usize;
        while !self.ledger.status.is_end() {
            assert!(self.counted.len() <= bound, "it goes on and on: {}", stored(&self.ledger));
            let choices = self.jobs.len() + self.paused.len();
            assert!(choices > 0, "nothing is in flight and the run has not ended: {}", stored(&self.ledger));
            let choice = self.below(choices);
            if choice < self.jobs.len() {
                let job = self.jobs.swap_remove(choice);
                self.answer(&job);
            } else {
                let node = self.paused.swap_remove(choice - self.jobs.len());
                self.count(Event::Resumed { node, with: Resume::default() });
            }
            while !self.said.is_empty() && self.below(3) == 0 {
                let again = self.below(self.said.len());
                self.is_refused(self.said[again].clone());
            }
        }
        for event in self.said.clone() {
            self.is_refused(event);
        }
        self
    }

    fn answer(&mut self, job: &DueJob) {
        let resumed = self.ledger.nodes[&job.node].resumed.is_some();
        let event = self.plan.answer(job, resumed);
        assert!(self.counted.insert(job.clone()), "{job:?} was executed twice");
        if matches!(event, Event::Paused { .. }) {
            self.paused.push(job.node.clone());
        }
        self.count(event);
    }

    fn count(&mut self, event: Event) {
        let before = self.ledger.clone();
        let transition = self.ledger.apply(&self.blueprint, event.clone()).unwrap();
        grows_by_what_changed(&before, &self.ledger);
        self.jobs.extend(transition.due);
        if self.said.len() == REMEMBERED {
            self.said.remove(0);
        }
        self.said.push(event);

        let ran_away = self.ledger.nodes.values().any(|entry| entry.depth > MAX_DEPTH);
        if ran_away {
            assert_eq!(self.ledger.status, RunStatus::Failed);
            return;
        }
        let mut handed_out = self.jobs.clone();
        handed_out.sort();
        assert_eq!(self.ledger.due(), handed_out, "due is what was handed out and not answered");
        let (due, paused) = (!self.jobs.is_empty(), !self.paused.is_empty());
        let expected = if due { "running" } else { "awaiting" };
        match self.ledger.status.is_end() {
            true => assert!(!due && !paused, "it ended with something in flight: {}", stored(&self.ledger)),
            false => assert_eq!(self.ledger.status.as_str(), expected, "{}", stored(&self.ledger)),
        }
    }

    /// A repeated event leaves the ledger as it is, to the byte. (A node that is paused anew may be resumed anew.)
    fn is_refused(&mut self, event: Event) {
        if matches!(&event, Event::Resumed { node, .. } if self.paused.contains(node)) {
            return;
        }
        let before = stored(&self.ledger);
        assert!(self.ledger.apply(&self.blueprint, event.clone()).is_err(), "counted twice: {event:?}");
        assert_eq!(stored(&self.ledger), before, "a refused event left a trace");
    }

    /// A number below `bound`, another each time (splitmix64).
    fn below(&mut self, bound: usize) -> usize {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    /// What the world sees of the run: which nodes were executed and how it ended.
    fn seen(&self) -> (BTreeSet<NodeId>, RunStatus, BTreeSet<String>) {
        let executed = self.counted.iter().map(|due| due.node.clone()).collect();
        let reasons = self.ledger.errors.iter().map(|error| error.message.clone()).collect();
        (executed, self.ledger.status, reasons)
    }
}

fn order_does_not_matter(plan: &Plan, seeds: [u64; 4]) {
    let [first, others @ ..] = seeds.map(|seed| Fleet::new(plan, seed).run().seen());
    for other in others {
        assert_eq!(first, other, "another order of completion, another run");
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Without cycles a node runs once, and once more after its pause.
fn every_node_runs_once(plan: &Plan, seed: u64) {
    let mut executions: BTreeMap<NodeId, usize> = BTreeMap::new();
    for due in Fleet::new(plan, seed).run().counted {
        *executions.entry(due.node).or_default() += 1;
    }
    for (node, times) in executions {
        assert!(times <= 1 + usize::from(plan.pausing.contains(&node)), "{node} ran {times} times");
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_order_of_completion_does_not_matter_where_all_join(
        plan in plans(Kind { any: false, passes: true, pauses: true }),
        seeds in any::<[u64; 4]>(),
    ) {
        order_does_not_matter(&plan, seeds);
    }

    #[test]
    fn the_order_of_completion_does_not_matter_where_every_edge_is_taken(
        plan in plans(Kind { any: true, passes: false, pauses: false }),
        seeds in any::<[u64; 4]>(),
    ) {
        order_does_not_matter(&plan, seeds);
    }

    #[test]
    fn every_run_ends_when_every_job_is_answered_and_executes_each_node_once(
        plan in plans(Kind { any: true, passes: true, pauses: false }),
        seed in any::<u64>(),
    ) {
        every_node_runs_once(&plan, seed);
    }

    #[test]
    fn a_run_with_pauses_executes_each_node_once_where_all_join(
        plan in plans(Kind { any: false, passes: true, pauses: true }),
        seed in any::<u64>(),
    ) {
        every_node_runs_once(&plan, seed);
    }

    #[test]
        fn a_run_with_pauses_executes_each_node_once(
        plan in plans(Kind { any: true, passes: true, pauses: true }),
        seed in any::<u64>(),
    ) {
        every_node_runs_once(&plan, seed);
    }

    #[test]
    fn a_run_without_failures_whose_edges_are_all_taken_executes_every_node(
        plan in plans(Kind { any: true, passes: false, pauses: false }),
        seed in any::<u64>(),
    ) {
        let mut plan = plan;
        plan.fates.values_mut().for_each(|fate| *fate = Fate::Finishes);
        // A fallback is a predecessor of its own where its primary does not lead: it never runs here.
        plan.graph.edges.retain(|edge| !edge.source.starts_with('f'));
        plan.choose_starts();
        let (executed, status, _) = Fleet::new(&plan, seed).run().seen();
        prop_assert_eq!(status, RunStatus::Completed);
        let nodes = plan.graph.nodes.iter().map(|node| &node.id).filter(|id| !id.starts_with('f'));
        let added = plan.adding.values().flat_map(|(added, _)| added);
        prop_assert_eq!(executed, nodes.chain(added).cloned().collect::<BTreeSet<_>>());
    }
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn a_graph_with_cycles_comes_to_an_end_or_is_ended_as_failed(plan in cyclic_plans(), seed in any::<u64>()) {
        let fleet = Fleet::new(&plan, seed).run();
        let ran_away = fleet.ledger.nodes.values().any(|entry| entry.depth > MAX_DEPTH);
        prop_assert_eq!(fleet.ledger.status, if ran_away { RunStatus::Failed } else { RunStatus::Completed });
        prop_assert_eq!(ran_away, fleet.ledger.reason().contains("possible infinite loop"));
    }
}

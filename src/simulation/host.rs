//! User code in the simulation: it takes its time, answers as its flow says, and every execution is written down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use tokio::sync::mpsc::UnboundedSender;

use super::child;
use super::flows::{Behaviour, Flow, NodeTurn};
use super::outputs::outputs_of;
use super::schedules::insist;
use super::story::Story;
use super::telling::Tellings;
use super::world::{Starter, tables};
use crate::error::{Code, Result};
use crate::json::Json;
use crate::memory::MemoryServer;
use crate::ports::host::{BlueprintRevision, Call, Described, Host, Level, Notice, Reply};
use crate::protocol::outcome::{Answer, Outcome};
use crate::record::{Milestones, OUTPUTS, Patch};
use crate::workflow::ledger::RunStatus;

/// How long it takes to be heard.
const HEARD_AFTER: Duration = Duration::from_millis(20);

/// The key that every node writes, where nodes do.
pub const WRITTEN_BY_ALL: &str = "written";
/// What the key begins with that a node alone writes.
pub const WRITTEN: &str = "written-by/";

/// One execution of a node.
#[derive(Debug, Clone)]
pub struct ExecutedNode {
    pub run: String,
    pub node: String,
    pub round: u32,
    pub attempt: u32,
    /// It goes on after a pause.
    pub resumed: bool,
    /// It counts under a limit.
    pub limited: bool,
    pub worker: String,
    pub begun: Duration,
    /// None if its worker died first, or it broke off.
    pub ended: Option<Duration>,
    /// When it broke off, by its signal.
    pub broke_off: Option<Duration>,
    /// It killed its worker.
    pub kills: bool,
    /// It has written keys before its answer.
    pub wrote: bool,
}

/// Every execution of a simulated fleet, in the order they began.
#[derive(Debug, Default)]
pub struct Executions {
    all: Mutex<Vec<ExecutedNode>>,
    blamed: Mutex<Vec<Blamed>>,
    outdated: Mutex<Vec<Outdated>>,
}

/// A node was shown less of its run than there was when it asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    pub run: String,
    pub node: String,
    /// The node whose output it did not see.
    pub of: String,
}

/// A node that failed because workers died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blamed {
    pub run: String,
    pub node: String,
}

impl Blamed {
    /// What a worker says of it.
    fn heard(message: &str) -> Option<Self> {
        let said = message.strip_prefix(Code::NodeKilledWorkers.as_str())?;
        let quoted: Vec<&str> = said.split('\'').collect();
        Some(Self { run: (*quoted.get(1)?).to_owned(), node: (*quoted.get(3)?).to_owned() })
    }
}

impl Executions {
    /// All of them.
    pub fn all(&self) -> Vec<ExecutedNode> {
        self.with(|all| all.clone())
    }

    /// The nodes that failed because workers died.
    pub fn blamed(&self) -> Vec<Blamed> {
        self.blamed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What nodes were shown that was outdated.
    pub fn outdated(&self) -> Vec<Outdated> {
        self.outdated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<ExecutedNode>) -> T) -> T {
        act(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The user's code in one worker.
#[derive(Debug)]
pub struct SimulatedHost {
    pub worker: String,
    pub flows: Arc<BTreeMap<String, Flow>>,
    pub executions: Arc<Executions>,
    /// What is heard of runs; none where nobody listens.
    pub tellings: Option<Arc<Tellings>>,
    pub story: Arc<Story>,
    pub random: Mutex<Rng>,
    /// When nodes read; none if they do not.
    pub reads: Option<Mutex<Rng>>,
    /// When it replaces a blueprint; none if it does not.
    pub replaces: Option<Mutex<Rng>>,
    /// What there is to read.
    pub server: Arc<MemoryServer>,
    /// Where it asks for its death.
    pub deaths: UnboundedSender<String>,
    /// The clock of its pauses.
    pub now: Arc<dyn crate::ports::platform::Clock>,
    /// What its nodes start runs with.
    pub starter: Arc<Starter>,
}

/// The round that an output is of; none for that of a node whose fallback ran.
fn round_of(output: &str) -> Option<u32> {
    output.trim_matches('"').rsplit_once('@')?.1.parse().ok()
}

impl SimulatedHost {
    /// Notes that an execution begins; its number.
    fn note_begun(&self, Call { job, attempt, resumed, .. }: &Call, (round, limited): (u32, bool)) -> usize {
        self.executions.with(|all| {
            all.push(ExecutedNode {
                run: job.run_id.clone(),
                node: job.node_id.to_string(),
                round,
                attempt: *attempt,
                resumed: resumed.is_some(),
                limited,
                worker: self.worker.clone(),
                begun: self.story.elapsed(),
                ended: None,
                broke_off: None,
                kills: false,
                wrote: false,
            });
            all.len() - 1
        })
    }

    /// Whether the blueprint of a call is another one by now. One call in eight.
    fn has_replaced(&self) -> bool {
        let drawn = |random: &Mutex<Rng>| random.lock().unwrap_or_else(PoisonError::into_inner).u8(..8) == 0;
        self.replaces.as_ref().is_some_and(drawn)
    }

    /// A node that gets its signal breaks off, as one does that passes it on to what it waits for.
    fn break_off(&self, what: &str, number: usize) -> Answer {
        self.executions.with(|all| all[number].broke_off = Some(self.story.elapsed()));
        self.story.tell(format!("{} breaks off {what}", self.worker));
        Answer::of(Outcome::Failed { why: "it broke off".into(), recoverable: true })
    }

    /// A node takes its time, and may read the outputs of the run's other nodes meanwhile.
    async fn pass(&self, latency: Duration, call: &mut Call, (round, number): (u32, usize)) {
        let at = self.reads.as_ref().and_then(|random| {
            let mut random = random.lock().unwrap_or_else(PoisonError::into_inner);
            random.bool().then(|| latency.mul_f64(random.f64()))
        });
        let begun = tokio::time::Instant::now();
        if let Some(at) = at {
            tokio::time::sleep(at).await;
            self.read(call, round).await;
            self.write(call, number).await;
        }
        tokio::time::sleep(latency.saturating_sub(begun.elapsed())).await;
    }

    /// Writes keys before the answer: one that all nodes of the run write, and one of its own. Each says which execution it was.
    async fn write(&self, Call { job, view, live, writing, inside, .. }: &Call, number: usize) {
        if inside.is_some() {
            // What it writes would be of the subflow's output, which the rules of the flow say.
            return;
        }
        let mut patch = Patch::default();
        let value = Json::parse(number.to_string()).expect("a number is JSON");
        for key in [WRITTEN_BY_ALL.to_owned(), format!("{WRITTEN}{}", job.node_id)] {
            patch.set(key, value.clone());
        }
        let is_recorded = live.write(&job.run_id, view.document(), writing, patch).await;
        let what = if is_recorded { "writes" } else { "may not write" };
        self.story.tell(format!("{} {what} in {}/{} as {number}", self.worker, job.run_id, job.node_id));
        self.executions.with(|all| all[number].wrote |= is_recorded);
    }

    async fn read(&self, Call { job, view, live, inside, .. }: &mut Call, round: u32) {
        if inside.is_some() {
            // A subflow may be over, and its outputs gone, before this execution hears of it.
            return;
        }
        let context = self.server.row(&tables(), &job.run_id).ok().and_then(|row| row.context);
        let there = outputs_of(context.as_deref().unwrap_or("{}"));
        let own = there.get(job.node_id.as_str()).map(|output| round_of(output).unwrap_or(round));
        if own.is_some_and(|own| own >= round) {
            // Another execution was counted: nobody asks any more what this one saw.
            return;
        }
        if !view.is_current() {
            let Ok(Some(seen)) = live.look(&job.run_id, view.document()).await else { return };
            view.offer(seen);
            view.take();
        }
        for (of, output) in there {
            let seen =
                view.give(&format!("{OUTPUTS}{of}")).map(|seen| (round_of(seen.get()), round_of(&output)));
            let is_older =
                |(seen, there): (Option<u32>, Option<u32>)| seen.is_some_and(|seen| there > Some(seen));
            if seen.is_none_or(is_older) {
                let (run, node) = (job.run_id.clone(), job.node_id.to_string());
                self.story.tell(format!("{run}/{node} does not see the output of {of}"));
                let outdated = Outdated { run, node, of };
                self.executions.outdated.lock().unwrap_or_else(PoisonError::into_inner).push(outdated);
            }
        }
    }
}

#[async_trait]
impl Host for SimulatedHost {
    async fn blueprint(&self, id: &str) -> Result<Option<Described>> {
        let described =
            |flow: &Flow| Described { revision: (*flow.graph).into(), description: flow.description.clone() };
        Ok(self.flows.get(id).map(described))
    }

    async fn revision(&self, id: &str) -> Result<Option<BlueprintRevision>> {
        Ok(self.flows.get(id).map(|flow| (*flow.graph).into()))
    }

    async fn blueprints(&self) -> Result<BTreeMap<String, String>> {
        Ok(self.flows.iter().map(|(id, flow)| (id.clone(), flow.graph.clone())).collect())
    }

    async fn execute(&self, mut call: Call) -> Result<Reply> {
        if self.has_replaced() {
            self.story.tell(format!("{} has replaced {}", self.worker, call.job.blueprint_id));
            return Ok(Reply::Outdated);
        }
        let Call { job, view, resumed, attempt, .. } = &call;
        let (flow, node) = match &call.inside {
            Some((inside, blueprint)) => (&self.flows[blueprint], inside.node.clone()),
            None => (&self.flows[&job.blueprint_id], job.node_id.clone()),
        };
        let entry =
            view.document().reserved.as_ref().and_then(|reserved| reserved.ledger.entry(&job.node_id));
        let round = entry.map_or(0, |entry| entry.round);
        let number = self.note_begun(&call, (round, flow.is_limited(&node)));
        let given = resumed.as_ref().and_then(|resumed| resumed.output.clone());
        let resumed = resumed.is_some();
        if let (Some(tellings), Some(Milestones { all, .. })) = (&self.tellings, &call.onward) {
            tellings.heard(&job.run_id, all.clone());
        }
        let what = format!("{}/{}@{round}.{attempt}", job.run_id, job.node_id);
        self.story.tell(format!("{} runs {what}", self.worker));
        let latency = flow.latency(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner));
        let signal = call.cancelled.clone();
        tokio::select! {
            biased;
            () = self.pass(latency, &mut call, (round, number)) => {}
            () = signal.cancelled() => return Ok(Reply::Answered(self.break_off(&what, number))),
        }
        let Call { attempt, failed, .. } = &call;
        if flow.behaviour(&node) == Behaviour::Poison {
            self.story.tell(format!("{} is killed by {what}", self.worker));
            self.executions.with(|all| all[number].kills = true);
            let _ = self.deaths.send(self.worker.clone());
            return std::future::pending().await;
        }
        if let Some(child) = flow.child_of(&node).filter(|_| !resumed && call.inside.is_none()) {
            let (run, node) = (call.job.run_id.as_str(), &call.job.node_id);
            if let Some(client) = self.starter.client() {
                insist(|| client.start(child::start(child, (run, node, round)))).await;
            }
        }
        let now = self.now.now();
        let failed = failed.as_ref().map(|failure| failure.message.as_str());
        let given = given.as_ref();
        let run = &call.job.run_id;
        let turn = NodeTurn { run, node: &node, round, attempt: *attempt, resumed, given, failed, now };
        let answer = flow.answer(&turn);
        self.executions.with(|all| all[number].ended = Some(self.story.elapsed()));
        self.story.tell(format!("{} answers {what}", self.worker));
        Ok(Reply::Answered(answer))
    }

    fn publishes_results(&self) -> bool {
        false
    }

    async fn publish_result(&self, _: &str, _: RunStatus, _: &str, _: &Json) -> Result<()> {
        Ok(())
    }

    fn listens(&self) -> bool {
        self.tellings.is_some()
    }

    async fn tell_of(&self, run: &str, Milestones { all, .. }: Milestones) -> Result<()> {
        // A worker that dies meanwhile has told nothing.
        tokio::time::sleep(HEARD_AFTER).await;
        if let Some(tellings) = &self.tellings {
            let words: Vec<String> = all.iter().map(|each| format!("{:?}", each.milestone)).collect();
            self.story.tell(format!("{} tells of {run}: {}", self.worker, words.join(", ")));
            tellings.heard(run, all);
        }
        Ok(())
    }

    fn notify(&self, notice: Notice) {
        if let Notice::Log { level: Level::Warn | Level::Error, message, .. } | Notice::Deaf { message, .. } =
            notice
        {
            let mut blamed = self.executions.blamed.lock().unwrap_or_else(PoisonError::into_inner);
            blamed.extend(Blamed::heard(&message));
            drop(blamed);
            self.story.tell(format!("{} says: {message}", self.worker));
        }
    }
}

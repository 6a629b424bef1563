//! User code in the simulation: it takes its time, answers as its flow says, and every execution is written down.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use tokio::sync::mpsc::UnboundedSender;

use super::flows::{Behaviour, Flow, Turn};
use super::story::Story;
use crate::error::{Code, Result};
use crate::json::Json;
use crate::ports::host::{Call, Described, Host, Level, Notice, Reply, Revision};
use crate::workflow::ledger::RunStatus;

/// One execution of a node.
#[derive(Debug, Clone)]
pub struct Execution {
    pub run: String,
    pub node: String,
    pub round: u32,
    pub attempt: u32,
    /// It goes on after a pause.
    pub resumed: bool,
    pub worker: String,
    pub begun: Duration,
    /// None if its worker died first.
    pub ended: Option<Duration>,
    /// It killed its worker.
    pub kills: bool,
}

/// Every execution of a simulated fleet, in the order they began.
#[derive(Debug, Default)]
pub struct Executions {
    all: Mutex<Vec<Execution>>,
    blamed: Mutex<Vec<Blamed>>,
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
    pub fn all(&self) -> Vec<Execution> {
        self.with(|all| all.clone())
    }

    /// The nodes that failed because workers died.
    pub fn blamed(&self) -> Vec<Blamed> {
        self.blamed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Execution>) -> T) -> T {
        act(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The user's code in one worker.
#[derive(Debug)]
pub struct SimulatedHost {
    pub worker: String,
    pub flows: Arc<BTreeMap<String, Flow>>,
    pub executions: Arc<Executions>,
    pub story: Arc<Story>,
    pub random: Mutex<Rng>,
    /// Where it asks for its death.
    pub deaths: UnboundedSender<String>,
    /// The clock of its pauses.
    pub now: Arc<dyn crate::ports::platform::Clock>,
}

#[async_trait]
impl Host for SimulatedHost {
    async fn blueprint(&self, id: &str) -> Result<Option<Described>> {
        let described =
            |flow: &Flow| Described { revision: (*flow.graph).into(), description: flow.description.clone() };
        Ok(self.flows.get(id).map(described))
    }

    async fn revision(&self, id: &str) -> Result<Option<Revision>> {
        Ok(self.flows.get(id).map(|flow| (*flow.graph).into()))
    }

    async fn blueprints(&self) -> Result<BTreeMap<String, String>> {
        Ok(self.flows.iter().map(|(id, flow)| (id.clone(), flow.graph.clone())).collect())
    }

    async fn execute(&self, call: Call) -> Result<Reply> {
        let Call { job, document, resumed, attempt, .. } = &call;
        let flow = &self.flows[&job.blueprint_id];
        let entry = document.reserved.as_ref().and_then(|reserved| reserved.ledger.entry(&job.node_id));
        let round = entry.map_or(0, |entry| entry.round);
        let resumed = resumed.is_some();
        let number = self.executions.with(|all| {
            all.push(Execution {
                run: job.run_id.clone(),
                node: job.node_id.to_string(),
                round,
                attempt: *attempt,
                resumed,
                worker: self.worker.clone(),
                begun: self.story.elapsed(),
                ended: None,
                kills: false,
            });
            all.len() - 1
        });
        let what = format!("{}/{}@{round}.{attempt}", job.run_id, job.node_id);
        self.story.tell(format!("{} runs {what}", self.worker));
        let latency = flow.latency(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::time::sleep(latency).await;
        if flow.behaviour(&job.node_id) == Behaviour::Poison {
            self.story.tell(format!("{} is killed by {what}", self.worker));
            self.executions.with(|all| all[number].kills = true);
            let _ = self.deaths.send(self.worker.clone());
            return std::future::pending().await;
        }
        let now = self.now.now();
        let turn = Turn { node: &job.node_id, round, attempt: *attempt, resumed, now };
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
        false
    }

    fn notify(&self, notice: Notice) {
        if let Notice::Log { level: Level::Warn | Level::Error, message } | Notice::Deaf { message } = notice
        {
            let mut blamed = self.executions.blamed.lock().unwrap_or_else(PoisonError::into_inner);
            blamed.extend(Blamed::heard(&message));
            drop(blamed);
            self.story.tell(format!("{} says: {message}", self.worker));
        }
    }
}

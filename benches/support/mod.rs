//! A run at some point of its life, for benches and counts: its blueprint, its document, and the next job's answer.

use flowcraft_rabbitmq_adapter::ids::NodeId;
use flowcraft_rabbitmq_adapter::json::Json;
use flowcraft_rabbitmq_adapter::protocol::message::JobMessage;
use flowcraft_rabbitmq_adapter::protocol::outcome::{Answer, Outcome, Taken};
use flowcraft_rabbitmq_adapter::record::{Change, Document, ReservedKey};
use flowcraft_rabbitmq_adapter::worker::job::completion::{Completion, complete};
use flowcraft_rabbitmq_adapter::worker::job::effect::{AnsweredBy, Execution};
use flowcraft_rabbitmq_adapter::workflow::blueprint::{Blueprint, DescribedEdge, DescribedNode, Description};
use flowcraft_rabbitmq_adapter::workflow::ledger::{Ledger, Ran, TakenEdge};

/// A message as a worker publishes it.
pub const MESSAGE: &[u8] =
    br#"{"runId":"order-000000017","blueprintId":"orders","nodeId":"n4","round":1,"at":1764000000000}"#;

/// A run, and the node whose job comes next.
#[derive(Clone)]
pub struct Run {
    pub blueprint: Blueprint,
    pub document: Document,
    pub node: NodeId,
    pub answer: Answer,
}

impl Run {
    /// Half-way through a chain of so many nodes.
    pub fn chain(length: usize) -> Self {
        let ids: Vec<String> = (0..length).map(|i| format!("n{i}")).collect();
        let edges = ids.windows(2).map(|pair| edge(&pair[0], &pair[1])).collect();
        let blueprint = described(&ids, edges, &ids[0]);
        let mut run = Self::begun(blueprint, &ids[0]);
        for i in 0..length / 2 {
            run.answer = finished(&ids[i], &[&ids[i + 1]]);
            run.go_on();
            run.node = ids[i + 1].as_str().into();
        }
        run.answer = finished(&run.node, &[&ids[length / 2 + 1]]);
        run
    }

    /// Half of the nodes before an `all` join of so many are done.
    pub fn join(width: usize) -> Self {
        let wide: Vec<String> = (0..width).map(|i| format!("n{i}")).collect();
        let mut ids = wide.clone();
        ids.extend(["start".to_owned(), "join".to_owned()]);
        let edges = wide.iter().flat_map(|id| [edge("start", id), edge(id, "join")]).collect();
        let mut run = Self::begun(described(&ids, edges, "start"), "start");
        let targets: Vec<&String> = wide.iter().collect();
        run.answer = finished("start", &targets);
        run.go_on();
        let join = "join".to_owned();
        for id in wide.iter().take(width / 2) {
            run.node = id.as_str().into();
            run.answer = finished(id, &[&join]);
            run.go_on();
        }
        run.node = wide[width / 2].as_str().into();
        run.answer = finished(&run.node, &[&join]);
        run
    }

    fn begun(blueprint: Blueprint, start: &str) -> Self {
        let mut ledger = Ledger::default();
        ledger.begin_with(&blueprint);
        let queue = Some("flowcraft-queue".into());
        let reserved = ReservedKey { ledger, queue, ..ReservedKey::default() };
        let document = Document { reserved: Some(reserved), found: true, ..Document::default() };
        Self { blueprint, document, node: start.into(), answer: finished(start, &[]) }
    }

    /// What the answer means.
    pub fn complete(&self) -> (Change, Completion) {
        let execution = Execution {
            run: "order-1",
            node: &self.node,
            held: &self.node,
            round: 1,
            now: 1_764_000_000_250,
            queue: "flowcraft-queue",
            deferred: false,
            opens: None,
            by: AnsweredBy::Attempt(None),
            ran: Some(Ran { started: 1_764_000_000_000, worker: "host-7:4711:0a1b2c3d", tries: None }),
        };
        let (change, completion) =
            complete(&self.document, &self.blueprint, execution, &self.answer).expect("it completes");
        (change.expect("the answer counts"), completion)
    }

    fn go_on(&mut self) {
        let (change, _) = self.complete();
        self.document = self.document.after(&change.patch, &change.reserved);
    }

    /// The part of a job that waits for nobody: read the message, find the node due, complete it with the answer, write down what
    /// changed and the messages that follow. Answers with how many bytes that came to.
    pub fn live(&self) -> usize {
        let job = JobMessage::parse(MESSAGE).expect("it is a job");
        let reserved = self.document.reserved.as_ref().expect("the run has begun");
        let standing = reserved.ledger.standing_of_attempt(&self.node, job.round, job.attempt);
        let (change, completion) = self.complete();
        let entry = change.as_entry(&self.document).expect("it can be written");
        let after = self.document.after(&change.patch, &change.reserved);
        let next = JobMessage::all_due(&job.run_id, &self.blueprint.id, &completion.due, after.at);
        let published: usize = next.iter().map(|job| job.to_body().len()).sum();
        entry.get().len() + published + usize::from(format!("{standing:?}").is_empty())
    }
}

fn described(ids: &[String], edges: Vec<DescribedEdge>, start: &str) -> Blueprint {
    let node = |id: &String| DescribedNode {
        id: id.as_str().into(),
        uses: "work".into(),
        any: false,
        fallback: None,
        event: None,
        limit: None,
    };
    Blueprint::new(Description {
        id: "orders".into(),
        version: serde_json::Value::Null,
        nodes: ids.iter().map(node).collect(),
        edges,
        starts: vec![start.into()],
    })
}

fn edge(source: &str, target: &str) -> DescribedEdge {
    DescribedEdge { source: source.into(), target: target.into(), action: None, conditional: false }
}

/// A node that returned an object and takes these edges, each with it as the input.
fn finished(node: &str, targets: &[&String]) -> Answer {
    let output = Json::parse(r#"{"amount":1250,"currency":"EUR","accepted":true}"#.into()).ok();
    let taken = targets.iter().map(|target| Taken {
        edge: TakenEdge { source: node.into(), target: target.as_str().into(), fed: false },
        input: output.clone(),
    });
    let taken = taken.collect();
    Answer::of(Outcome::Finished {
        output: output.clone(),
        action: None,
        taken,
        added: Vec::new(),
        again: None,
    })
}

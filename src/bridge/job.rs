//! The jobs JavaScript is running: what each has to know of its run, its context, and the way back for its answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use tokio::sync::oneshot;

use super::milestones::milestones_json;
use crate::error::{Code, Error, Result};
use crate::json::Json;
use crate::ports::host::{Call, Reply};
use crate::ports::view::{LiveAttempt, LiveRuns, View};
use crate::protocol::answer;
use crate::record::{INPUTS, Milestones, Patch};
use crate::workflow::ledger::{Resume, SubflowFailure};
use crate::workflow::path::{instance_of, shown};

/// An input of up to so many bytes comes with its job; a larger one is read when the node asks for it.
const LARGEST_ALONG: usize = 16 * 1024;

/// Jobs without an answer, by the number that each has on both sides.
#[derive(Default)]
pub struct OpenJobs {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    last: u32,
    jobs: HashMap<u32, Job>,
}

struct Job {
    run: String,
    view: View,
    live: Arc<dyn LiveRuns>,
    writing: Arc<LiveAttempt>,
    reply: oneshot::Sender<Reply>,
}

/// A job that was opened.
pub struct Opened {
    pub number: u32,
    /// What JavaScript has to know of it, as JSON.
    pub message: String,
    pub answer: oneshot::Receiver<Reply>,
}

/// `Message` of `lib/bridge/channel.ts`, for a job.
#[derive(Serialize)]
struct ExecuteMessage<'a> {
    job: JobFields<'a>,
}

/// `Job` of `lib/bridge/channel.ts`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobFields<'a> {
    number: u32,
    run_id: &'a str,
    blueprint_id: &'a str,
    revision: &'a str,
    node_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    inside: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<FailedFields<'a>>,
    attempt: u32,
    #[serde(skip_serializing_if = "is_first")]
    round: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_last_attempt: Option<bool>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    beside_strangers: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    named: bool,
    /// What goes along with the run's jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<&'a Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<&'a Resume>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    added: &'a [Json],
    #[serde(skip_serializing_if = "Option::is_none")]
    onward: Option<OnwardFields<'a>>,
}

impl<'a> JobFields<'a> {
    /// Those of a call. `inside` is the instance of a subflow that its node is in, if it is in one.
    fn of(number: u32, call: &'a Call, inside: Option<&'a str>) -> Self {
        let Call { job, view, .. } = call;
        // JavaScript has a node by the id that it has in its blueprint.
        let (node, blueprint) = match &call.inside {
            Some((inside, blueprint)) => (&inside.node, blueprint),
            None => (&job.node_id, &job.blueprint_id),
        };
        let input = view.get(&format!("{INPUTS}{node}"));
        let failed =
            |failure: &'a SubflowFailure| FailedFields { message: &failure.message, late: failure.late };
        let onward = |Milestones { blueprint, all }: &'a Milestones| OnwardFields {
            blueprint_id: blueprint,
            milestones: milestones_json(&job.run_id, all),
        };
        Self {
            number,
            run_id: &job.run_id,
            blueprint_id: blueprint,
            revision: call.revision.as_str(),
            node_id: node,
            inside,
            failed: call.failed.as_ref().map(failed),
            attempt: call.attempt,
            round: call.round,
            is_last_attempt: job.is_last_attempt,
            fed: call.fed,
            beside_strangers: call.beside_version_1,
            named: view.get(node).is_some(),
            headers: job.carried.as_ref().map(|carried| &carried.headers),
            input: input.filter(|input| input.get().len() <= LARGEST_ALONG),
            resumed: call.resumed.as_ref(),
            added: &call.added,
            onward: call.onward.as_ref().map(onward),
        }
    }
}

/// That the run goes on, for the job to tell before its node starts.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OnwardFields<'a> {
    blueprint_id: &'a str,
    milestones: Vec<serde_json::Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
fn is_first(round: &u32) -> bool {
    *round == 1
}

/// Why the subflow of a node failed.
#[derive(Serialize)]
struct FailedFields<'a> {
    message: &'a str,
    late: bool,
}

/// What JavaScript says instead of an answer, where it has another revision of the blueprint.
const OUTDATED: &str = "outdated";
/// What it says, before the id as JSON, where it lacks a blueprint that the node runs as a subflow.
const LACKING: &str = "lacking ";

fn reply(text: &str) -> Reply {
    let lacking = text.strip_prefix(LACKING).and_then(|id| serde_json::from_str(id).ok());
    match (text, lacking) {
        (OUTDATED, _) => Reply::Outdated,
        (_, Some(blueprint)) => Reply::Lacking { blueprint },
        (answer, None) => Reply::Answered(answer::read(answer)),
    }
}

impl OpenJobs {
    /// Opens a job, until it is answered.
    ///
    /// # Errors
    /// None of our types can fail to be written; an error would be ours.
    pub fn open(&self, call: Call) -> Result<Opened> {
        let number = self.with(|open| {
            open.last = open.last.wrapping_add(1);
            open.last
        });
        let instance = call.inside.as_ref().map(|(inside, _)| instance_of(&inside.container));
        let job = JobFields::of(number, &call, instance.as_deref().map(shown));
        let message = serde_json::to_string(&ExecuteMessage { job })
            .map_err(|error| Error::new(Code::Internal, "Handing the job to JavaScript", error))?;
        let (reply, answer) = oneshot::channel();
        let Call { job, view, live, writing, .. } = call;
        self.with(|open| open.jobs.insert(number, Job { run: job.run_id, view, live, writing, reply }));
        Ok(Opened { number, message, answer })
    }

    /// Forgets a job.
    pub fn close(&self, number: u32) {
        self.with(|open| open.jobs.remove(&number));
    }

    /// Takes answers as JavaScript writes them: a line each, the job's number and its answer as JSON.
    pub fn answer(&self, lines: &str) {
        for line in lines.lines() {
            let (number, answer) = line.split_once(' ').unwrap_or_default();
            let job = number.parse().ok().and_then(|number| self.with(|open| open.jobs.remove(&number)));
            if let Some(job) = job {
                // Nobody listens any more when the worker gave the job up.
                let _ = job.reply.send(reply(answer));
            }
        }
    }

    /// Whether a job's context as it was last seen is what there is; of a job that was answered, nobody asks.
    pub fn is_current(&self, number: u32) -> bool {
        self.of(number, View::is_current).unwrap_or(true)
    }

    /// Looks at a job's run again, for the next [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// The run cannot be read.
    pub async fn look(&self, number: u32) -> Result<()> {
        let asked = self.with(|open| {
            open.jobs.get(&number).map(|job| (job.run.clone(), job.view.document().clone(), job.live.clone()))
        });
        let Some((run, known, live)) = asked else { return Ok(()) };
        if let Some(seen) = live.look(&run, &known).await? {
            self.of(number, |view| view.offer(seen));
        }
        Ok(())
    }

    /// Whether nobody else of a job's run could read what its node writes.
    pub fn is_alone(&self, number: u32) -> bool {
        self.of(number, |view| view.is_alone()).unwrap_or(true)
    }

    /// Writes keys before a job's answer. Whether they are on record: else they are to go along with the answer.
    pub async fn write(&self, number: u32, patch: Patch) -> bool {
        let asked = self.with(|open| {
            open.jobs.get(&number).map(|Job { run, view, live, writing, .. }| {
                (run.clone(), view.document().clone(), live.clone(), writing.clone())
            })
        });
        let Some((run, known, live, writing)) = asked else { return false };
        live.write(&run, &known, &writing, patch).await
    }

    /// From now on, a job's context is as it was last looked at. Answers with the keys that have another value than the one
    /// that the node was given.
    pub fn refresh(&self, number: u32) -> Vec<String> {
        self.of(number, View::take).unwrap_or_default()
    }

    /// The value of a key of a job's context, as it was last seen; JSON.
    pub fn value(&self, number: u32, key: &str) -> Option<String> {
        self.of(number, |view| view.give(key).map(|raw| raw.get().to_owned())).flatten()
    }

    /// Whether a job's context has a key.
    pub fn has(&self, number: u32, key: &str) -> bool {
        self.of(number, |view| view.get(key).is_some()).unwrap_or_default()
    }

    /// The keys of a job's context.
    pub fn keys(&self, number: u32) -> Vec<String> {
        self.of(number, |view| view.keys().map(ToString::to_string).collect()).unwrap_or_default()
    }

    fn of<T>(&self, number: u32, read: impl FnOnce(&mut View) -> T) -> Option<T> {
        self.with(|open| open.jobs.get_mut(&number).map(|job| read(&mut job.view)))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Open) -> T) -> T {
        act(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

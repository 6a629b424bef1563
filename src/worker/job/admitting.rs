//! The loop around [`admission`](super::admission): performs what a verdict asks for, loads the run again and asks again,
//! until the verdict is a last one.

use std::sync::Arc;

use tokio::time::Instant;

use super::admission::is_reached;
use super::admission_inside::{DecidedBy, admit_after, admit_by};
use super::context::JobContext;
use super::limit_key::leave_line;
use super::loading::{end_late_run, load};
use super::reason::Reason;
use super::trouble::is_passing_trouble;
use super::verdict::{Disposal, Step, Tried, Verdict};
use crate::error::{Kind, Result};
use crate::fault_points;
use crate::ports::host::BlueprintRevision;
use crate::ports::view::{LiveAttempt, Seen};
use crate::protocol::message::JobMessage;
use crate::record::{Document, Milestones};
use crate::worker::blueprints::Analysed;
use crate::worker::halts::looking::holds_blueprint_for_sure;
use crate::worker::meters::kinds::{Counter, Of};
use crate::worker::runs::beginning::FirstMessage;
use crate::worker::runs::operations::FollowUp;
use crate::workflow::ledger::DueJob;
use crate::workflow::path::Inside;

/// What admission came to.
pub enum Admitted {
    /// The node is to be executed.
    Execute(Box<ToExecute>),
    /// No node is executed.
    Dispose(Box<Disposed>),
}

/// A message for which no node is executed.
pub struct Disposed {
    /// What becomes of it.
    pub disposal: Disposal,
    /// When the run was loaded, by the server's clock.
    pub at: Option<u64>,
    /// The revision of the blueprint that decided it; none where there is no blueprint.
    pub revision: Option<BlueprintRevision>,
}

impl Admitted {
    /// Without a blueprint.
    fn without(disposal: Disposal, at: Option<u64>) -> Self {
        Self::Dispose(Box::new(Disposed { disposal, at, revision: None }))
    }

    /// For a subflow that is over.
    fn after(document: &Document, message: &JobMessage) -> Self {
        let disposal = match admit_after(document, message) {
            Verdict::Dispose(disposal) => disposal,
            Verdict::First(_) | Verdict::Run { .. } => Disposal::Done,
        };
        Self::without(disposal, document.at)
    }
}

/// A node that is to be executed.
pub struct ToExecute {
    /// The run as it was loaded.
    pub document: Document,
    /// A moment since when that was so.
    pub since: Instant,
    /// The blueprint that decided it.
    pub analysed: Analysed,
    /// Which execution of the node it is.
    pub round: u32,
    /// This attempt at it, as it writes before its answer.
    pub attempt: Arc<LiveAttempt>,
    /// The run began with this very delivery: no other can have come to it before.
    pub has_begun: bool,
    /// That the run goes on, where this job is the one to tell it.
    pub onward: Option<Milestones>,
}

/// Admits a message, to its run as it was prefetched or as it is.
///
/// # Errors
/// The run cannot be read, or the worker aborts.
pub async fn admitted(
    context: &JobContext<'_>,
    message: &JobMessage,
    prefetched: Option<Seen>,
) -> Result<Admitted> {
    let blueprints = &context.services.blueprints;
    fault_points::point("before-load");
    let now = Instant::now();
    let prefetched = match prefetched {
        Some(seen) if end_late_run(context, message, &seen.document).await? => None,
        prefetched => prefetched,
    };
    let (decided_by, seen) = match prefetched {
        // What a node of the run's own blueprint is decided by, its message says.
        None if Inside::of(&message.node_id).is_none() => (DecidedBy::Run(&message.blueprint_id), None),
        seen => {
            let seen = match seen {
                Some(seen) => seen,
                None => Seen { document: load(context, message).await?, since: now },
            };
            (DecidedBy::of(message, &seen.document), Some(seen))
        }
    };
    let Some(id) = decided_by.id() else {
        let document = seen.map(|seen| seen.document).unwrap_or_default();
        return Ok(Admitted::after(&document, message));
    };
    let analysed = match usable(blueprints.last_seen(id).await, message, &decided_by)? {
        Ok(analysed) => analysed,
        Err(disposal) => return Ok(Admitted::without(disposal, None)),
    };
    let Seen { document, since } = match seen {
        Some(seen) => seen,
        None => Seen { document: load(context, message).await?, since: now },
    };
    let mut admitting = Admitting { context, message, analysed, document, since, has_begun: false };
    let (mut tried, mut is_current) = (Tried::default(), false);
    loop {
        let Admitting { analysed, document, .. } = &mut admitting;
        let verdict = admit_by(document, &analysed.blueprint, message, tried);
        if verdict.depends_on_blueprint() && !std::mem::replace(&mut is_current, true) {
            match usable(blueprints.current(id).await, message, &decided_by)? {
                Ok(current) if current.revision == analysed.revision => {}
                Ok(current) => {
                    *analysed = current;
                    continue;
                }
                Err(disposal) => return Ok(Admitted::without(disposal, document.at)),
            }
        }
        if verdict.has_seen_outputs() && document.unchecked && matches!(decided_by, DecidedBy::Run(_)) {
            context.services.runs.looked_through(&message.run_id, document);
        }
        match verdict {
            Verdict::First(step) => {
                admitting.perform(step).await?;
                tried.note(step);
            }
            // The ledger knows what is due: the call that lets the blueprint go on publishes it.
            Verdict::Run { .. } if is_paused(context, message).await? => {
                return Ok(admitting.dispose(Disposal::Done).await);
            }
            Verdict::Run { round } => return Ok(admitting.execute(round)),
            Verdict::Dispose(disposal) => return Ok(admitting.dispose(disposal).await),
        }
    }
}

/// A message on its way to a last verdict.
struct Admitting<'a> {
    context: &'a JobContext<'a>,
    message: &'a JobMessage,
    analysed: Analysed,
    document: Document,
    since: Instant,
    has_begun: bool,
}

impl Admitting<'_> {
    /// Makes a step and has the run as it is then.
    async fn perform(&mut self, step: Step) -> Result<()> {
        let JobContext { services, retry, .. } = self.context;
        let (run, node) = (&self.message.run_id, self.message.node_id.as_str());
        match step {
            Step::Begin | Step::Adopt => return self.take_over(step).await,
            Step::Reopen => retry.unless(is_passing_trouble, || self.reopen()).await?,
            Step::Call => {
                let call = || services.runs.call(run, node, &self.analysed.blueprint);
                retry.unless(is_passing_trouble, call).await?;
            }
            Step::Wake { round } => {
                retry.unless(is_passing_trouble, || services.runs.wake(run, node, round)).await?;
            }
            Step::Expire { round } => {
                retry.unless(is_passing_trouble, || services.runs.expire(run, node, round)).await?;
            }
            Step::AwaitAgain => retry.unless(is_passing_trouble, || self.await_again()).await?,
        }
        self.document = load(self.context, self.message).await?;
        if step == Step::Call && is_reached(&self.document, self.message) {
            services.traffic.met_version_1();
        }
        Ok(())
    }

    async fn take_over(&mut self, step: Step) -> Result<()> {
        let JobContext { services, retry, queue, .. } = self.context;
        let (run, blueprint) = (&self.message.run_id, &self.analysed.blueprint);
        let first = FirstMessage { queue, carried: self.message.carried.clone() };
        let begin = || services.runs.begin_from(run, blueprint, &self.document, first.clone());
        let (has_begun, document) = retry.unless(is_passing_trouble, begin).await?;
        self.has_begun = has_begun;
        if has_begun {
            services.legacy.tell_blueprint(run, &blueprint.id).await;
            let of = Of::jobs(&blueprint.id, services.settings.queues.of(&blueprint.id));
            services.meters.count(Counter::RunsStarted, of, (step == Step::Begin).into());
        }
        self.document = match document {
            Some(document) => document,
            None => load(self.context, self.message).await?,
        };
        Ok(())
    }

    async fn reopen(&self) -> Result<()> {
        let (services, run) = (self.context.services, &self.message.run_id);
        if let Some(reopened) = services.runs.reopen(run, &self.message.node_id).await? {
            let FollowUp { blueprint, due, at, .. } = reopened;
            self.publish_copies(&blueprint, &due, at).await?;
        }
        Ok(())
    }

    async fn await_again(&self) -> Result<()> {
        let (services, run) = (self.context.services, &self.message.run_id);
        let FollowUp { blueprint, due, at, .. } =
            services.runs.await_again(run, &self.message.node_id).await?;
        self.publish_copies(&blueprint, &due, at).await
    }

    async fn publish_copies(&self, blueprint: &str, due: &[DueJob], at: Option<u64>) -> Result<()> {
        let copies = JobMessage::copies(&self.message.run_id, blueprint, due, at).into_iter();
        let copies: Vec<_> = copies.map(|job| job.carrying(self.message.carried.clone())).collect();
        self.context.services.publisher.publish(&copies).await
    }

    fn execute(self, round: u32) -> Admitted {
        let Self { document, since, analysed, has_begun, message, .. } = self;
        let attempt = LiveAttempt::new(message.node_id.clone(), round);
        let onward = None;
        Admitted::Execute(Box::new(ToExecute {
            document,
            since,
            analysed,
            round,
            attempt,
            has_begun,
            onward,
        }))
    }

    async fn dispose(self, disposal: Disposal) -> Admitted {
        if matches!(disposal, Disposal::Done) {
            leave_line(self.context, self.message, &self.document, &self.analysed.blueprint).await;
        }
        let (at, revision) = (self.document.at, Some(self.analysed.revision));
        Admitted::Dispose(Box::new(Disposed { disposal, at, revision }))
    }
}

/// Whether the blueprint of a message is paused. Where its table cannot be read, nothing is.
async fn is_paused(context: &JobContext<'_>, message: &JobMessage) -> Result<bool> {
    let holds = || holds_blueprint_for_sure(context.services, message.run_blueprint());
    match context.retry.unless(|error| !error.is_transient(), holds).await {
        Err(error) if matches!(error.kind(), Kind::Setup | Kind::Refused) => Ok(false),
        answer => answer,
    }
}

/// A blueprint that can be run, or what becomes of a message for one that cannot.
fn usable(
    found: Result<Option<Analysed>>,
    message: &JobMessage,
    decided_by: &DecidedBy<'_>,
) -> Result<std::result::Result<Analysed, Disposal>> {
    Ok(match found {
        Ok(Some(analysed)) => Ok(analysed),
        Ok(None) => {
            let blueprint = message.run_blueprint().to_owned();
            Err(Disposal::Reschedule(match decided_by {
                DecidedBy::Subflow(inner) => {
                    let (inner, node) = (inner.to_string(), message.node_id.clone());
                    Reason::InnerBlueprintMissing { inner, blueprint, node }
                }
                _ => Reason::BlueprintMissing { blueprint },
            }))
        }
        Err(error) if error.kind() == Kind::Setup => {
            Err(Disposal::DeadLetter { reason: Reason::BlueprintUnusable(error), fails_run: true })
        }
        Err(error) => return Err(error),
    })
}

//! What goes wrong between the workers and the servers: late, lost before its effect, lost after it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use super::plan::{Plan, Trouble};
use super::story::Story;
use crate::memory::{Fault, Faults, Operation, RecordOperation, ServerEvent};
use crate::protocol::message::JobMessage;

/// Faults drawn from a seed, until the storm is over.
#[derive(Debug)]
pub struct SeededFaults {
    random: Mutex<Rng>,
    plan: Plan,
    /// Faults per thousand events.
    rate: u32,
    over: AtomicBool,
    story: Arc<Story>,
    /// When the coordination store did not answer: workers went on without leases.
    leaseless: Mutex<Vec<Duration>>,
    /// When the record did not take, or tell, what a worker asked of it.
    unrecorded: Mutex<Vec<(String, Duration)>>,
    /// Runs of which a message was lost that was to tell how they ended.
    untold: Mutex<BTreeSet<String>>,
}

impl SeededFaults {
    /// The faults of a plan.
    pub fn new(plan: &Plan, story: Arc<Story>) -> Self {
        let mut random = Rng::with_seed(plan.seed ^ 0xfa17);
        let rate = [5, 30, 150][random.usize(..3)];
        Self {
            random: Mutex::new(random),
            plan: plan.clone(),
            rate,
            over: AtomicBool::new(false),
            story,
            leaseless: Mutex::default(),
            unrecorded: Mutex::default(),
            untold: Mutex::default(),
        }
    }

    /// Ends all faults.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// When the coordination store did not answer.
    pub fn leaseless(&self) -> Vec<Duration> {
        self.leaseless.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the record did not take, or tell, what a worker asked of it.
    pub fn unrecorded(&self) -> Vec<(String, Duration)> {
        self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a message was lost that was to tell how this run ended: its worker had died before it could.
    pub fn lost_telling(&self, run: &str) -> bool {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner).contains(run)
    }

    /// A worker's request that is never answered.
    fn silence(&self, event: &ServerEvent<'_>, random: &mut Rng) -> Option<Fault> {
        let (ServerEvent::Publish { client, .. }
        | ServerEvent::Look { client, .. }
        | ServerEvent::Coordinate { client, .. }
        | ServerEvent::Record { client, .. }) = event
        else {
            return None;
        };
        // Not before it: other plans draw as they did.
        let is_possible = self.plan.has(Trouble::Silence)
            && client.starts_with('w')
            && !self.over.load(Ordering::Relaxed)
            && random.u32(..1_000) < self.rate / 3 + 1;
        if !is_possible {
            return None;
        }
        self.note_lost(event);
        Some(Fault::Silence { has_effect: random.bool() })
    }

    /// Notes that a request came to nothing, as far as its worker can tell.
    fn note_lost(&self, event: &ServerEvent<'_>) {
        let now = self.story.elapsed();
        if concerns_leases(event) {
            self.leaseless.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        }
        if let ServerEvent::Record { client, .. } = event {
            let lost = ((*client).to_owned(), now);
            self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner).push(lost);
        }
    }

    /// Notes that the broker has lost a message.
    fn note_lost_message(&self, event: &ServerEvent<'_>) {
        let ServerEvent::Expire { body, .. } = event else { return };
        let Ok(message) = JobMessage::parse(body) else { return };
        if message.untold || message.busy_since.is_some() {
            self.untold.lock().unwrap_or_else(PoisonError::into_inner).insert(message.run_id);
        }
    }

    /// How late an answer may be before it is of no use.
    fn patience(&self, event: &ServerEvent<'_>) -> Duration {
        match event {
            // A claim, or an answer to who asks for one.
            ServerEvent::Record { .. } => Duration::from_secs(1),
            // Whoever asks does not wait for so long.
            _ => self.plan.timeouts().lease,
        }
    }

    fn trouble_of(event: &ServerEvent<'_>) -> Trouble {
        match event {
            ServerEvent::Expire { .. } => Trouble::LostTimers,
            ServerEvent::Coordinate { .. } => Trouble::Coordination,
            ServerEvent::Record { .. } => Trouble::Record,
            ServerEvent::Connect { .. }
            | ServerEvent::Publish { .. }
            | ServerEvent::Deliver { .. }
            | ServerEvent::Settle { .. }
            | ServerEvent::Look { .. } => Trouble::Broker,
        }
    }
}

/// Who lives in the fleet is no lease.
fn concerns_leases(event: &ServerEvent<'_>) -> bool {
    match event {
        ServerEvent::Coordinate { operation, .. } => {
            !matches!(operation, Operation::Announce | Operation::Announced)
        }
        _ => false,
    }
}

/// What goes wrong with an event.
fn drawn(event: &ServerEvent<'_>, random: &mut Rng) -> Fault {
    // A longer delay would lose the lease, which is a fault of its own.
    let latest = if matches!(event, ServerEvent::Coordinate { .. }) { 3 } else { 4 };
    let very_late = Duration::from_millis([20, 400, 3_000, 20_000][random.usize(..latest)]);
    match random.u32(..4) {
        0 => Fault::FailBefore,
        1 => Fault::FailAfter,
        2 => Fault::Delay(very_late.mul_f64(random.f64())),
        _ => Fault::DelayAnswer(very_late.mul_f64(random.f64())),
    }
}

impl Faults for SeededFaults {
    fn strike(&self, event: &ServerEvent<'_>) -> Option<Fault> {
        if self.plan.schedules == 0
            && matches!(event, ServerEvent::Record { operation: RecordOperation::Schedule, .. })
        {
            // Other plans draw as they did.
            return None;
        }
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        // Every event takes a random time.
        let late = Duration::from_micros(random.u64(..3_000));
        if let Some(silence) = self.silence(event, &mut random) {
            return Some(silence);
        }
        // A run that nobody has begun yet has no trace but its message.
        let is_a_beginning = |body: &[u8]| !body.windows(8).any(|field| field == b"\"round\":");
        let is_spared = matches!(event, ServerEvent::Expire { body, .. } if is_a_beginning(body));
        if self.over.load(Ordering::Relaxed) || is_spared || !self.plan.has(Self::trouble_of(event)) {
            return match event {
                ServerEvent::Expire { .. } => None,
                _ if random.bool() => Some(Fault::Delay(late)),
                _ => Some(Fault::DelayAnswer(late)),
            };
        }
        if random.u32(..1_000) >= self.rate {
            return match event {
                ServerEvent::Expire { .. } => None,
                _ => Some(Fault::Delay(late)),
            };
        }
        let fault = drawn(event, &mut random);
        let is_lost = match fault {
            Fault::FailBefore | Fault::FailAfter | Fault::Silence { .. } => true,
            Fault::Delay(wait) | Fault::DelayAnswer(wait) => wait > self.patience(event),
        };
        if is_lost {
            self.note_lost(event);
        }
        if matches!(fault, Fault::FailBefore | Fault::FailAfter) {
            self.note_lost_message(event);
        }
        Some(fault)
    }
}

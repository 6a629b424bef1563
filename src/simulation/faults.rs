//! What goes wrong between the workers and the servers: late, lost before its effect, lost after it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use super::plan::{Plan, Trouble};
use crate::memory::{Event, Fault, Faults};

/// Faults drawn from a seed, until the storm is over.
#[derive(Debug)]
pub struct SeededFaults {
    random: Mutex<Rng>,
    plan: Plan,
    /// How often, of a thousand.
    rate: u32,
    over: AtomicBool,
}

impl SeededFaults {
    /// The faults of a plan.
    pub fn new(plan: &Plan) -> Self {
        let mut random = Rng::with_seed(plan.seed ^ 0xfa17);
        let rate = [5, 30, 150][random.usize(..3)];
        Self { random: Mutex::new(random), plan: plan.clone(), rate, over: AtomicBool::new(false) }
    }

    /// Nothing goes wrong any more.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn trouble_of(event: &Event<'_>) -> Trouble {
        match event {
            Event::Expire { .. } => Trouble::LostTimers,
            Event::Coordinate { .. } => Trouble::Coordination,
            Event::Record { .. } => Trouble::Record,
            Event::Connect { .. }
            | Event::Publish { .. }
            | Event::Deliver { .. }
            | Event::Settle { .. }
            | Event::Look { .. } => Trouble::Broker,
        }
    }
}

impl Faults for SeededFaults {
    fn strike(&self, event: &Event<'_>) -> Option<Fault> {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        // Everything takes its time, and never the same.
        let late = Duration::from_micros(random.u64(..3_000));
        if self.over.load(Ordering::Relaxed) || !self.plan.has(Self::trouble_of(event)) {
            return match event {
                Event::Expire { .. } => None,
                _ if random.bool() => Some(Fault::Delay(late)),
                _ => Some(Fault::DelayAnswer(late)),
            };
        }
        if random.u32(..1_000) >= self.rate {
            return match event {
                Event::Expire { .. } => None,
                _ => Some(Fault::Delay(late)),
            };
        }
        let very_late = Duration::from_millis([20, 400, 3_000, 20_000][random.usize(..4)]);
        Some(match random.u32(..4) {
            0 => Fault::FailBefore,
            1 => Fault::FailAfter,
            2 => Fault::Delay(very_late.mul_f64(random.f64())),
            _ => Fault::DelayAnswer(very_late.mul_f64(random.f64())),
        })
    }
}

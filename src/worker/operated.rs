//! What those who operate an engine ask of it: how it is, and what it has counted.

use serde::Serialize;

use crate::worker::engine::Engine;
use crate::worker::health::judgement::Health;
use crate::worker::meters::service::{Sample, Snapshot};
use crate::worker::meters::throughput::Throughput;
use crate::worker::services::Services;

/// What an engine has counted and measured, and how busy it is.
#[derive(Debug, Serialize)]
pub struct Readings {
    slots: Slots,
    #[serde(flatten)]
    read: Snapshot,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Slots {
    total: usize,
    in_use: usize,
}

impl Engine {
    /// How this worker is, started or not.
    pub fn health(&self) -> Health {
        let Services { own_health, liveness, .. } = &**self.services();
        own_health.health(liveness.is_responsive())
    }

    /// Its worker died, without a stop.
    pub fn has_died(&self) {
        self.services().own_health.is_over();
    }

    /// Counts and measures from now on, telling so many blueprints apart; with `samples`, single measurements are kept too.
    pub fn measure(&self, blueprints: usize, samples: bool) {
        self.services().meters.begin(blueprints, samples);
    }

    /// Counts what happens from now on, and stores it where there is a table for that.
    pub fn keep_throughput(&self) {
        self.services().meters.throughput().into_iter().for_each(Throughput::begin);
    }

    /// What was counted and measured since then.
    pub fn readings(&self) -> Readings {
        let Services { meters, intake, platform, settings, .. } = &**self.services();
        let total = usize::from(settings.concurrency);
        let in_use = total.saturating_sub(intake.slots().available_permits());
        Readings { slots: Slots { total, in_use }, read: meters.read(platform.now()) }
    }

    /// The single measurements since they were last taken.
    pub fn take_samples(&self) -> Vec<Sample> {
        self.services().meters.take_samples()
    }
}

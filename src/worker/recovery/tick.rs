//! Scanning again and again, by one worker of a queue at a time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::judgement::{Eligible, overslept_before};
use super::republish::{Republishing, republish};
use super::scan::{Scan, Tick};
use crate::error::{Kind, Result};
use crate::mutants::{Mutant, makes};
use crate::ports::about::About;
use crate::ports::keys;
use crate::worker::services::Services;
use crate::worker::settings::WithoutLeases;

/// How far back every tick goes.
const RECENT: Duration = Duration::from_secs(600);
/// How far back the others go, and how many ticks pass between them.
const ALL: Duration = Duration::from_secs(100 * 365 * 86_400);
const TICKS_OF_ALL: u32 = 60;
/// How often, in ticks, sleeping runs are asked whether one overslept, and how many at a time.
const TICKS_OF_SLEEPERS: u32 = 6;
const PAGE_OF_SLEEPERS: i64 = 2_000;
/// How long a sleeper that was woken is left alone.
const WOKEN_STAYS: Duration = Duration::from_secs(600);

/// Looks for lost jobs of a queue, again and again, until `stop`.
pub async fn recover(services: Arc<Services>, queue: String, stop: CancellationToken) {
    let interval = services.settings.recovery_interval;
    if interval.is_zero() {
        return;
    }
    let mut ticks = Ticks::default();
    let mut said = false;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(interval) => {}
        }
        match ticks.tick(&services, &queue).await {
            Ok(()) => said = false,
            // Somebody may mend it: a table that is not there yet, a password that has changed.
            Err(error)
                if matches!(error.kind(), Kind::Setup | Kind::Refused)
                    && !std::mem::replace(&mut said, true) =>
            {
                let words = format!(
                    "The worker cannot look for lost jobs of queue '{queue}' until this is fixed. {error}"
                );
                services.notices.warn(About::queue(&queue).error(&error), words);
            }
            Err(error) => debug!(%error, queue, "could not look for lost jobs"),
        }
    }
    services.leases.resign(&keys::repair(&queue)).await;
}

/// What one worker remembers from one tick to the next.
#[derive(Default)]
struct Ticks {
    count: u32,
    /// Runs that became stale a short while ago: where lost jobs are mostly found.
    recent: Scan,
    /// All others, page by page, now and then.
    all: Scan,
    /// Ticks until the next scan of all.
    rest: u32,
    /// The last of the sleepers' page.
    sleeper: String,
    /// Sleepers that were woken, and when: not again while their messages may wait.
    woken: HashMap<String, Instant>,
}

impl Ticks {
    async fn tick(&mut self, services: &Services, queue: &str) -> Result<()> {
        let term = services.settings.recovery_interval.as_secs().saturating_mul(3) + 2;
        match services.leases.lead(&keys::repair(queue), term).await {
            Ok(true) => {}
            Ok(false) => {
                *self = Self::default();
                return Ok(());
            }
            // Nobody can lead. Every worker looks, and of several that find a lost job one claims its run.
            Err(_)
                if services.settings.without_leases == WithoutLeases::Continue
                    && !makes(Mutant::LooksWithLeasesOnly) => {}
            Err(error) => return Err(error),
        }
        self.count = self.count.wrapping_add(1);
        // What waits in it is not lost.
        if services.halts.holds_queue(queue) {
            return Ok(());
        }
        let tick = Tick { queue, youngest: services.traffic.tick(queue) };
        self.recent.page(services, tick, RECENT).await?;
        self.rest = self.rest.saturating_sub(1);
        if self.rest == 0 && self.all.page(services, tick, ALL).await? {
            self.rest = TICKS_OF_ALL;
        }
        if self.count.is_multiple_of(TICKS_OF_SLEEPERS) {
            self.wake_sleepers(services, tick).await?;
        }
        Ok(())
    }

    /// Timers are messages too, and their runs may sleep for weeks.
    async fn wake_sleepers(&mut self, services: &Services, tick: Tick<'_>) -> Result<()> {
        let page = services.runs.awaiting(&self.sleeper, PAGE_OF_SLEEPERS).await?;
        self.sleeper = page.last.unwrap_or_default();
        self.woken.retain(|_, woken| woken.elapsed() < WOKEN_STAYS);
        services.runs.set_the_clock_by(page.awaiting.iter().map(String::as_str)).await;
        let moment = overslept_before(services.platform.now());
        let runs = services.runs.overdue(&page.awaiting, moment).await?;
        let eligible = Eligible::Timers(tick.progress(services, runs.is_empty()).await?);
        for run in runs {
            if self.woken.contains_key(&run) {
                continue;
            }
            let how = Republishing { queue: Some(tick.queue), stale: None, eligible };
            match republish(services, &run, how).await {
                Ok(nodes) if nodes.as_ref().is_none_or(BTreeSet::is_empty) => {}
                Ok(_) => drop(self.woken.insert(run, Instant::now())),
                Err(error) => debug!(%error, run, "a sleeping node was not woken"),
            }
        }
        Ok(())
    }
}

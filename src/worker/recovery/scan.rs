//! A way through the stale runs, to those of them that lost a job.

use std::collections::HashMap;
use std::time::Duration;

use tracing::debug;

use super::judgement::{Earlier, Eligible, Judgement, QueueProgress, judge, stale_after};
use super::republish::{Republishing, republish};
use crate::error::{Code, Error, Kind, Result};
use crate::ports::about::About;
use crate::ports::record::{StaleRun, StaleSearch};
use crate::worker::services::Services;
use crate::workflow::path::shown;

/// Runs judged in one scan.
const PAGE: i64 = 500;
/// Runs whose trouble is taken for their own; one more, and a server is to blame.
const FAILURES: u32 = 3;
/// Runs remembered as not to be recovered here.
const HOPELESS_KEPT: usize = 10_000;

/// A way through the stale runs, a page at a time; each page is seen twice.
#[derive(Default)]
pub struct Scan {
    /// Runs found stale in the last scan, and since when they are, in microseconds since 1970.
    suspects: HashMap<String, i64>,
    /// Those of them that cannot be recovered here, as long as nothing happens to them.
    hopeless: HashMap<String, i64>,
    /// Where the page begins.
    after: StaleRun,
}

/// A queue, and what this tick knows of it.
#[derive(Debug, Clone, Copy)]
pub struct Tick<'a> {
    /// The queue.
    pub queue: &'a str,
    /// The youngest message it delivered since the last tick, by the moment it was made due: milliseconds since 1970.
    pub youngest: Option<u64>,
}

impl Tick<'_> {
    /// What has left the queue by now. Where nobody will ask, the queue is not asked either.
    pub async fn progress(self, services: &Services, idle: bool) -> Result<QueueProgress> {
        let drained = !idle && services.broker.waiting(self.queue).await?.unwrap_or(0) == 0;
        Ok(QueueProgress { drained, youngest: self.youngest, now: services.platform.now() })
    }
}

impl Scan {
    /// Judges one page of runs, stale for at most `at_most`. Answers whether it was the last page.
    pub async fn page(&mut self, services: &Services, tick: Tick<'_>, at_most: Duration) -> Result<bool> {
        let at_least = stale_after(services.traffic.since_version_1());
        let search = StaleSearch { at_least, at_most, after: self.after.clone(), limit: PAGE };
        let page = services.runs.stale(&search).await?;
        services.runs.set_the_clock_by(page.iter().map(|stale| stale.run.as_str())).await;
        // Asked afterwards: with nothing waiting now, nothing of the page can be waiting.
        let progress = tick.progress(services, page.is_empty()).await?;
        let mut suspects = HashMap::new();
        let (mut was_seen, mut failures) = (true, 0);
        for stale in &page {
            match judge(stale.since, self.earlier(stale), progress) {
                Judgement::Hopeless => continue,
                Judgement::Suspect => was_seen = false,
                Judgement::MayWait => {}
                Judgement::Lost => match recover(services, tick.queue, stale, progress).await {
                    Recovered::Yes => continue,
                    Recovered::NotNow => {}
                    Recovered::NotHere => drop(self.hopeless.insert(stale.run.clone(), stale.since)),
                    // It is this run's trouble, unless it is everybody's.
                    Recovered::Failed(error) if failures < FAILURES => {
                        debug!(%error, run = stale.run, "the run was not recovered");
                        failures += 1;
                    }
                    Recovered::Failed(error) => return Err(error),
                },
            }
            suspects.insert(stale.run.clone(), stale.since);
        }
        self.suspects = suspects;
        if self.hopeless.len() > HOPELESS_KEPT {
            self.hopeless.clear();
        }
        let is_full = i64::try_from(page.len()).unwrap_or(0) == PAGE;
        // A page that was seen twice must not hide what comes after it.
        if was_seen {
            self.after = page.last().filter(|_| is_full).cloned().unwrap_or_default();
        }
        Ok(was_seen && !is_full)
    }

    fn earlier(&self, stale: &StaleRun) -> Earlier {
        let since = |runs: &HashMap<String, i64>| runs.get(&stale.run).copied();
        Earlier { suspect: since(&self.suspects), hopeless: since(&self.hopeless) }
    }
}

/// What became of a run that seems to have lost a job.
enum Recovered {
    /// Its job is published again.
    Yes,
    /// A worker holds its lease, or recovered it first.
    NotNow,
    /// It has not begun, is of another queue, or has a row that a person has to look at.
    NotHere,
    /// A server is out of reach, or user code threw.
    Failed(Error),
}

async fn recover(services: &Services, queue: &str, stale: &StaleRun, progress: QueueProgress) -> Recovered {
    let how = Republishing { queue: Some(queue), stale: Some(stale), eligible: Eligible::Queue(progress) };
    match republish(services, &stale.run, how).await {
        Ok(Some(nodes)) if nodes.is_empty() => Recovered::NotNow,
        Ok(Some(nodes)) => {
            let nodes = nodes.iter().map(|node| shown(node)).collect::<Vec<_>>().join("', '");
            let run = &stale.run;
            let words = format!("Run '{run}': the job of '{nodes}' was lost; it is published again");
            services.notices.warn(About { queue: Some(queue.to_owned()), ..About::run(run) }, words);
            Recovered::Yes
        }
        Ok(None) => Recovered::NotHere,
        // Whether version 1 has begun it stands in the coordination store alone.
        Err(error) if error.code == Code::RedisUnreachable => Recovered::NotNow,
        Err(error) if !matches!(error.kind(), Kind::Transient | Kind::Refused) => {
            debug!(%error, "this worker cannot recover the run");
            Recovered::NotHere
        }
        Err(error) => Recovered::Failed(error),
    }
}

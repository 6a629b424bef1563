//! A started worker looks for schedules that are due: again and again, and just when the next one is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::advance::{Advanced, advance};
use crate::error::{Error, Result};
use crate::ports::about::About;
use crate::ports::scheduling::{FoundSchedules, ScheduleSearch, StoredSchedule};
use crate::worker::services::Services;

/// How often a worker looks while schedules go on: others create some, or ask for a run.
const BEAT: Duration = Duration::from_secs(1);
/// How often while none goes on, and while there is no table for them.
const IDLE_BEAT: Duration = Duration::from_secs(5);
const BEAT_WITHOUT_TABLE: Duration = Duration::from_secs(10);
/// How many schedules are read at a time.
const PAGE: i64 = 20;
/// How many pages are read in a row.
const PAGES: usize = 50;
/// How long a blueprint that is not here is not asked for again, and a schedule that cannot be advanced is left alone.
const REST: Duration = Duration::from_secs(10);

/// Looks for schedules that are due, until `stop`.
pub async fn keep_schedules(services: Arc<Services>, stop: CancellationToken) {
    let mut beat = Beat::default();
    loop {
        // A turn that has begun is finished.
        let wait = beat.look(&services, &stop).await;
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// What a worker remembers from one look to the next.
#[derive(Default)]
pub struct Beat {
    /// Blueprints that are not here.
    lacking: HashMap<String, Instant>,
    /// Schedules that could not be advanced, and until when they are left alone.
    resting: HashMap<String, Instant>,
    /// Those of them that were spoken of.
    told: HashMap<String, String>,
    /// Why the table could not be read, as it was last said.
    unreadable: Option<String>,
}

impl Beat {
    /// Takes the turns of all schedules that are due; how long to wait until the next look.
    pub async fn look(&mut self, services: &Arc<Services>, stop: &CancellationToken) -> Duration {
        match self.advance_all(services, stop).await {
            Ok(None) => BEAT_WITHOUT_TABLE,
            Ok(Some(FoundSchedules { at, next, .. })) => {
                self.unreadable = None;
                match next {
                    Some(next) => {
                        Duration::from_millis(next.saturating_sub(at)).clamp(Duration::from_millis(1), BEAT)
                    }
                    None if self.resting.is_empty() && self.lacking.is_empty() => IDLE_BEAT,
                    None => BEAT,
                }
            }
            Err(error) if !error.is_transient() => {
                self.refused(services, &error);
                REST
            }
            Err(error) => {
                debug!(%error, "could not read the schedules that are due");
                BEAT
            }
        }
    }

    /// The last look, at which none was due any more that could be advanced here; none where there is no table for schedules.
    async fn advance_all(
        &mut self,
        services: &Arc<Services>,
        stop: &CancellationToken,
    ) -> Result<Option<FoundSchedules>> {
        let mut last = None;
        let mut failed: Option<(String, Error)> = None;
        for _ in 0..PAGES {
            let search = self.due_here(failed.as_ref().map(|(id, _)| id));
            // Whose trouble it is shows here: where the servers answer, it is the schedule's own, and others go on.
            let Some(found) = services.runs.schedules(&search).await? else { return Ok(None) };
            if let Some((id, error)) = failed.take() {
                self.rest(services, &id, &error);
            }
            for stored in &found.schedules {
                if let Err(error) = self.advance_one(services, stored, found.at).await {
                    failed = Some((stored.id.clone(), error));
                    break;
                }
            }
            let is_done = found.schedules.is_empty();
            last = Some(found);
            if is_done || stop.is_cancelled() {
                break;
            }
        }
        failed.map_or(Ok(last), |(_, error)| Err(error))
    }

    /// Which schedules are looked for.
    fn due_here(&mut self, failed: Option<&String>) -> ScheduleSearch {
        let now = Instant::now();
        self.lacking.retain(|_, since| since.elapsed() < REST);
        self.resting.retain(|_, until| *until > now);
        ScheduleSearch::Due {
            without_blueprints: self.lacking.keys().cloned().collect(),
            without: self.resting.keys().chain(failed).cloned().collect(),
            limit: PAGE,
        }
    }

    /// # Errors
    /// Its trouble may be over soon.
    async fn advance_one(
        &mut self,
        services: &Arc<Services>,
        stored: &StoredSchedule,
        now: u64,
    ) -> Result<()> {
        match advance(services, stored, now).await {
            Ok(Advanced::Done | Advanced::Overtaken) => drop(self.told.remove(&stored.id)),
            Ok(Advanced::Lacking(blueprint)) => drop(self.lacking.insert(blueprint, Instant::now())),
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => self.rest(services, &stored.id, &error),
        }
        Ok(())
    }

    /// Says that the table cannot be read, once for each reason: no schedule starts meanwhile.
    fn refused(&mut self, services: &Services, error: &Error) {
        let why = error.to_string();
        if self.unreadable.as_ref() != Some(&why) {
            let words = format!(
                "This worker starts no schedules: it cannot read their table, and tries again every {} s. {why}",
                REST.as_secs()
            );
            services.notices.error(About::of(error), words);
            self.unreadable = Some(why);
        }
    }

    /// Leaves a schedule alone for a while, and says why, once.
    fn rest(&mut self, services: &Services, id: &str, error: &Error) {
        let rest = if error.is_transient() { BEAT } else { REST };
        self.resting.insert(id.to_owned(), Instant::now() + rest);
        let why = error.to_string();
        if self.told.insert(id.to_owned(), why.clone()).as_ref() != Some(&why) {
            let words = format!(
                "Schedule '{id}': what is due cannot start, and is tried again every {} s until it is too late (catchUpWindow). \
                 {why}",
                rest.as_secs()
            );
            services.notices.error(About::of(error), words);
        }
    }
}

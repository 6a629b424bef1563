//! Dead letters: messages that could not be processed, kept in `<queue>.dead` with the reason, the time and the
//! worker in their headers, to be looked at and put back.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Builder;

use crate::error::Result;
use crate::ports::broker::{Broker, Delivery, Outgoing, QueueReader, Receipt};
use crate::ports::platform::Platform;
use crate::protocol::message::JobMessage;
use crate::time;
use crate::worker::retry::Retry;
use crate::worker::settings::Settings;

const ID: &str = "x-flowcraft-id";
const REASON: &str = "x-flowcraft-reason";
/// ISO 8601, UTC.
const TIME: &str = "x-flowcraft-time";
const WORKER: &str = "x-flowcraft-worker";

/// A header has to fit into one frame, and an error may quote what it does not like: of a longer reason, what it
/// begins and ends with.
const LONGEST_REASON: usize = 2_000;

/// A message among the dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue it was in before.
    pub queue: String,
    /// Unique in its queue. Of letters that somebody else put there, equal ones have the same.
    pub id: String,
    /// Why it is there.
    pub reason: Option<String>,
    /// Since when, ISO 8601.
    pub time: Option<String>,
    /// The worker that put it there.
    pub worker: Option<String>,
    /// The message as it was.
    pub body: Vec<u8>,
    /// The job it asked for, if it is one.
    pub job: Option<JobMessage>,
}

/// The dead letters of one adapter's queues.
pub struct DeadLetters {
    broker: Arc<dyn Broker>,
    settings: Arc<Settings>,
    platform: Platform,
}

impl DeadLetters {
    /// Over this broker.
    pub fn new(broker: Arc<dyn Broker>, settings: Arc<Settings>, platform: Platform) -> Self {
        Self { broker, settings, platform }
    }

    /// Puts a message among the dead letters of a queue, confirmed, for as long as it takes.
    ///
    /// # Errors
    /// Only when the worker aborts, or when the broker refuses the message itself.
    pub async fn put(&self, queue: &str, body: &[u8], reason: &str, retry: &Retry) -> Result<()> {
        let letter = dead_letter(&self.platform, (queue, &self.settings.worker), body, reason);
        retry.until_done(|| self.broker.publish(vec![letter.clone()])).await
    }

    /// The oldest dead letters of the queues it consumes, at most `limit`; they stay where they are.
    ///
    /// # Errors
    /// Transient, when the broker is out of reach.
    pub async fn list(&self, limit: usize) -> Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        for queue in self.settings.queues.consumed() {
            letters.extend(self.list_of(queue, limit).await?);
        }
        if self.settings.queues.consumed().len() > 1 {
            // Those of one queue are in order, whatever others put among them.
            letters.sort_by(|one, other| one.time.cmp(&other.time));
            letters.truncate(limit);
        }
        Ok(letters)
    }

    async fn list_of(&self, queue: &str, limit: usize) -> Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        let Some(mut reading) = self.broker.read(&dead_queue(queue)).await? else {
            return Ok(letters);
        };
        let read = async {
            while letters.len() < limit {
                let Some(delivery) = reading.next().await? else { break };
                letters.push(DeadLetter::of(queue, &delivery));
            }
            Ok(letters)
        };
        let read = read.await;
        reading.close().await;
        read
    }

    /// Puts dead letters back into their queues, of each the oldest first: those chosen by id, or all; at most
    /// `limit`. Answers with how many. Each is confirmed in the queue before it is taken from the dead letters.
    ///
    /// # Errors
    /// Transient, when the broker is out of reach; what was put back until then stays so.
    pub async fn replay(&self, chosen: Option<&HashSet<String>>, limit: usize) -> Result<usize> {
        self.take(&Taking { chosen, fate: Fate::PutBack }, limit).await
    }

    /// Removes dead letters for good: those chosen by id, or all; of each queue the oldest first, at most `limit`. Answers
    /// with how many.
    ///
    /// # Errors
    /// Transient, when the broker is out of reach; what was removed until then stays so.
    pub async fn discard(&self, chosen: Option<&HashSet<String>>, limit: usize) -> Result<usize> {
        self.take(&Taking { chosen, fate: Fate::Removed }, limit).await
    }

    async fn take(&self, taking: &Taking<'_>, limit: usize) -> Result<usize> {
        let mut taken = 0;
        for queue in self.settings.queues.consumed() {
            let Some(mut reading) = self.broker.read(&dead_queue(queue)).await? else { continue };
            let more = self.take_from(&mut *reading, queue, taking, limit - taken).await;
            reading.close().await;
            taken += more?;
        }
        Ok(taken)
    }

    async fn take_from(
        &self,
        reading: &mut dyn QueueReader,
        queue: &str,
        taking: &Taking<'_>,
        limit: usize,
    ) -> Result<usize> {
        // A letter that is put back and dies again at once must not be met a second time.
        let mut left = self.broker.waiting(&dead_queue(queue)).await?.unwrap_or(0);
        let mut taken = 0;
        // Held until the end: what is handed back early would be read again.
        let mut kept: Vec<Box<dyn Receipt>> = Vec::new();
        while taken < limit && left > 0 {
            let Some(delivery) = reading.next().await? else { break };
            left -= 1;
            let DeadLetter { id, body, job, .. } = DeadLetter::of(queue, &delivery);
            if taking.chosen.is_some_and(|chosen| !chosen.contains(&id)) {
                kept.push(delivery.receipt);
                continue;
            }
            if taking.fate == Fate::PutBack {
                let body = job.map_or(body, |job| job.replayed().to_body());
                let back = Outgoing {
                    queue: queue.to_owned(),
                    delay: None,
                    body,
                    headers: Vec::new(),
                    priority: None,
                };
                self.broker.publish(vec![back]).await?;
            }
            delivery.receipt.ack().await;
            taken += 1;
        }
        Ok(taken)
    }
}

/// What becomes of which dead letters.
struct Taking<'a> {
    /// Those with these ids; all where it is none.
    chosen: Option<&'a HashSet<String>>,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// In its queue again, confirmed before it is taken from the dead letters.
    PutBack,
    /// Gone.
    Removed,
}

impl DeadLetter {
    fn of(queue: &str, delivery: &Delivery) -> Self {
        let header = |name: &str| {
            delivery.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.clone())
        };
        Self {
            queue: queue.to_owned(),
            id: header(ID).unwrap_or_else(|| id_of(&delivery.body)),
            reason: header(REASON),
            time: header(TIME),
            worker: header(WORKER),
            body: delivery.body.clone(),
            job: JobMessage::parse(&delivery.body).ok(),
        }
    }
}

/// The dead letter that a message becomes.
fn dead_letter(platform: &Platform, (queue, worker): (&str, &str), body: &[u8], reason: &str) -> Outgoing {
    let now = platform.now();
    Outgoing {
        queue: dead_queue(queue),
        delay: None,
        body: body.to_vec(),
        headers: vec![
            (ID.into(), id(platform, now)),
            (REASON.into(), shortened(reason)),
            (TIME.into(), time::iso(now)),
            (WORKER.into(), worker.to_owned()),
        ],
        priority: None,
    }
}

/// Ids sort by their time.
fn id(platform: &Platform, now: u64) -> String {
    let chance = platform.random(|random| random.u128(..)).to_le_bytes();
    let mut own = [0; 10];
    own.copy_from_slice(&chance[..10]);
    Builder::from_unix_timestamp_millis(now, &own).into_uuid().to_string()
}

/// The id of a letter that has none, by what it says: the same whenever it is looked at (FNV-1a, 128 bits).
fn id_of(body: &[u8]) -> String {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = body.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME));
    format!("body-{hash:032x}")
}

/// A reason as it can be kept and read.
pub fn shortened(reason: &str) -> String {
    let length = reason.chars().count();
    if length <= LONGEST_REASON {
        return reason.to_owned();
    }
    let half = LONGEST_REASON / 2 - 2;
    let head: String = reason.chars().take(half).collect();
    let tail: String = reason.chars().skip(length - half).collect();
    format!("{head} … {tail}")
}

fn dead_queue(queue: &str) -> String {
    format!("{queue}.dead")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_says_why_when_and_who_in_headers_that_fit_a_frame() {
        let letter = dead_letter(&Platform::default(), ("jobs", "host:1"), b"x", &"é".repeat(1_000_000));
        let header = |name: &str| letter.headers.iter().find(|(header, _)| header == name).unwrap().1.clone();
        assert_eq!(letter.queue, "jobs.dead");
        assert!(header(REASON).len() <= 2 * LONGEST_REASON);
        assert_eq!(header(WORKER), "host:1");
        assert!(header(TIME).ends_with('Z'), "{}", header(TIME));
    }

    #[test]
    fn a_letter_of_somebody_else_is_known_by_what_it_says() {
        assert_eq!(id_of(b""), "body-6c62272e07bb014262b821756295c58d");
        assert_eq!(id_of(b"a"), "body-d228cb696f1a8caf78912b704e4a8964");
        assert_ne!(id_of(b"a\0"), id_of(b"a"));
    }
}

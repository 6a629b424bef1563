//! Acknowledgements of one consumer's channel. A job hands its tag over and does not wait for the socket; tags that
//! gather meanwhile leave together.
//!
//! One frame can acknowledge every delivery up to a tag. Tags without a gap after the last settled one therefore share one
//! frame. A tag behind a job that is still running takes a frame of its own and does not wait.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tracing::debug;

use crate::error::Result;
use crate::ports::broker::Receipt;
use crate::ports::platform::Platform;

/// Tags handled at a time.
const LARGEST: usize = 1024;

/// A channel of a broker, which numbers its deliveries from 1. A lost channel is an error.
pub(crate) trait Channel: Send + Sync + 'static {
    /// Acknowledges a delivery; with `multiple`, every delivery up to it.
    fn ack(&self, tag: u64, multiple: bool) -> impl Future<Output = Result<()>> + Send;

    /// Puts a delivery back into its queue.
    fn nack(&self, tag: u64) -> impl Future<Output = Result<()>> + Send;
}

/// The acknowledger of one channel.
pub(crate) struct Acknowledger {
    tags: mpsc::UnboundedSender<Settled>,
    /// Closed when its task has ended.
    ended: oneshot::Receiver<()>,
    over: Over,
}

/// Says to the receipts, once it is dropped, that the channel is lost or closes.
#[derive(Default)]
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What became of a delivery, by its tag.
enum Settled {
    Acknowledged(u64),
    Requeued(u64),
}

impl Acknowledger {
    /// Must be called within the shared runtime.
    pub fn of(channel: impl Channel, platform: &Platform) -> Self {
        let (tags, waiting) = mpsc::unbounded_channel();
        let (running, ended) = oneshot::channel();
        platform.spawn(async move {
            settle(&channel, waiting).await;
            drop::<oneshot::Sender<()>>(running);
        });
        Self { tags, ended, over: Over::default() }
    }

    /// The receipt of a delivery.
    pub fn receipt(&self, tag: u64) -> Box<dyn Receipt> {
        Box::new(ConsumerReceipt { tag, tags: self.tags.clone(), over: self.over.0.clone() })
    }

    /// Waits until every receipt is used or dropped and every acknowledgement has left; once `closed`, at most for `timeout`.
    pub async fn finish(self, closed: impl Future<Output = ()>, timeout: Duration) {
        let Self { tags, ended, over } = self;
        drop(tags);
        let too_late = async {
            closed.await;
            tokio::time::sleep(timeout).await;
        };
        tokio::select! {
            biased;
            _ = ended => {}
            () = too_late => debug!("acknowledgements did not leave in time"),
        }
        drop(over);
    }
}

struct ConsumerReceipt {
    tag: u64,
    tags: mpsc::UnboundedSender<Settled>,
    over: Arc<AtomicBool>,
}

#[async_trait]
impl Receipt for ConsumerReceipt {
    async fn ack(self: Box<Self>) {
        // The receiver lives as long as any receipt.
        let _ = self.tags.send(Settled::Acknowledged(self.tag));
    }

    async fn requeue(self: Box<Self>) {
        let _ = self.tags.send(Settled::Requeued(self.tag));
    }

    fn is_void(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Settles deliveries until every receipt is gone.
async fn settle(channel: &impl Channel, mut waiting: mpsc::UnboundedReceiver<Settled>) {
    let mut tags = Tags::default();
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, LARGEST).await > 0 {
        let mut acknowledged = Vec::with_capacity(batch.len());
        for settled in batch.drain(..) {
            match settled {
                Settled::Acknowledged(tag) => acknowledged.push(tag),
                // Before the acknowledgements: one of them may acknowledge everything up to a later tag.
                Settled::Requeued(tag) => {
                    if let Err(error) = channel.nack(tag).await {
                        debug!(%error, "the broker did not get a negative acknowledgement");
                    }
                    tags.requeued(tag);
                }
            }
        }
        for frame in tags.acknowledged(acknowledged) {
            // A lost connection is no error here: the broker redelivers the message, whose work is done.
            if let Err(error) = channel.ack(frame.tag, frame.multiple).await {
                debug!(%error, "the broker did not get an acknowledgement");
            }
        }
    }
}

/// An acknowledgement as it is sent.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    tag: u64,
    /// It acknowledges everything up to the tag.
    multiple: bool,
}

/// Which deliveries of a channel are settled. The broker numbers them from 1.
#[derive(Debug, Default)]
struct Tags {
    /// All up to this tag.
    up_to: u64,
    /// Others beyond the first gap.
    beyond: BTreeSet<u64>,
}

impl Tags {
    /// Notes that a delivery went back to the queue.
    fn requeued(&mut self, tag: u64) {
        self.beyond.insert(tag);
        self.close_up();
    }

    /// The frames that acknowledge these deliveries.
    fn acknowledged(&mut self, mut tags: Vec<u64>) -> Vec<Frame> {
        tags.sort_unstable();
        self.beyond.extend(&tags);
        self.close_up();
        let alone = tags.split_off(tags.partition_point(|tag| *tag <= self.up_to));
        let together = tags.last().map(|last| Frame { tag: *last, multiple: tags.len() > 1 });
        together.into_iter().chain(alone.into_iter().map(|tag| Frame { tag, multiple: false })).collect()
    }

    fn close_up(&mut self) {
        while self.beyond.remove(&(self.up_to + 1)) {
            self.up_to += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_up_to(tag: u64) -> Frame {
        Frame { tag, multiple: true }
    }

    fn only(tag: u64) -> Frame {
        Frame { tag, multiple: false }
    }

    #[test]
    fn what_lies_without_a_gap_takes_one_frame() {
        let mut tags = Tags::default();
        assert_eq!(tags.acknowledged(vec![2, 3, 1]), [all_up_to(3)]);
        assert_eq!(tags.acknowledged(vec![4]), [only(4)]);
        assert_eq!(tags.acknowledged(vec![6, 5]), [all_up_to(6)]);
    }

    #[test]
    fn nothing_is_settled_for_a_job_that_is_still_running() {
        let mut tags = Tags::default();
        assert_eq!(tags.acknowledged(vec![2, 3]), [only(2), only(3)]);
        assert_eq!(tags.acknowledged(vec![5, 1]), [only(1), only(5)]);
        assert_eq!(tags.acknowledged(vec![6, 4, 8]), [all_up_to(6), only(8)]);
    }

    #[test]
    fn what_went_back_to_the_queue_is_no_gap() {
        let mut tags = Tags::default();
        tags.requeued(2);
        assert_eq!(tags.acknowledged(vec![3, 1]), [all_up_to(3)]);
        tags.requeued(4);
        assert_eq!(tags.acknowledged(vec![6, 5]), [all_up_to(6)]);
    }

    #[test]
    fn every_delivery_is_settled_once_in_whatever_order_and_company() {
        // A fixed shuffle of 1..=1000, in batches of all sizes.
        let mut left: Vec<u64> = (1..=1000).map(|tag| tag * 617 % 1009).filter(|tag| *tag <= 1000).collect();
        left.extend((1001..=1008).map(|tag| tag * 617 % 1009).filter(|tag| *tag <= 1000));
        let (mut tags, mut outstanding) = (Tags::default(), (1..=1000).collect::<BTreeSet<u64>>());
        let mut size = 1;
        while !left.is_empty() {
            let batch: Vec<u64> = left.drain(..left.len().min(size)).collect();
            let mut due: BTreeSet<u64> = batch.iter().copied().collect();
            for frame in tags.acknowledged(batch) {
                let settled: Vec<u64> = match frame.multiple {
                    true => outstanding.range(..=frame.tag).copied().collect(),
                    false => vec![frame.tag],
                };
                for tag in settled {
                    assert!(due.remove(&tag) && outstanding.remove(&tag), "{tag} by {frame:?}");
                }
            }
            assert!(due.is_empty(), "not settled: {due:?}");
            size = size % 50 + 1;
        }
        assert!(outstanding.is_empty() && tags.beyond.is_empty());
    }
}

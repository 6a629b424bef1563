//! Messages that expire: they move on to another queue, or a classic queue loses them.

use std::sync::Arc;

use super::queue::{Message, Properties, Queue};
use super::state::State;
use crate::memory::faults::{Fault, FaultSlot, ServerEvent};
use crate::ports::arguments::QueueType;
use crate::time::milliseconds;

impl State {
    /// When the next message expires; none where none ever does.
    pub fn next_expiry(&self) -> Option<u64> {
        self.next_to_expire().map(|(at, ..)| at)
    }

    /// The moment, the message's number and its queue.
    fn next_to_expire(&self) -> Option<(u64, u64, &Arc<str>)> {
        let next = |(name, queue): (_, &Queue)| queue.next_expiry().map(|(at, number)| (at, number, name));
        self.queues.iter().filter_map(next).min()
    }

    /// Moves on every message that has expired by `now`, in the order of expiry.
    pub fn expire(&mut self, now: u64, faults: &FaultSlot) {
        while let Some((at, _, name)) = self.next_to_expire().filter(|(at, ..)| *at <= now) {
            let name = name.clone();
            let Some(queue) = self.queues.get_mut(&name) else { return };
            let (Some(expiry), Some(message)) = (queue.expiry.clone(), queue.take_expired()) else { return };
            if queue.kind == QueueType::Classic {
                self.expire_unsafely(&name, &expiry.target, (message, at), faults);
            } else if self.queues.contains_key(&*expiry.target) {
                self.move_on(&name, &expiry.target, message, at);
            } else if let Some(queue) = self.queues.get_mut(&name) {
                queue.keep(message, at);
            }
        }
    }

    /// A classic queue may lose the message, or delay it and all messages behind it.
    fn expire_unsafely(
        &mut self,
        from: &str,
        target: &str,
        (mut message, at): (Message, u64),
        faults: &FaultSlot,
    ) {
        match faults.strike(&ServerEvent::Expire { queue: from, target, body: &message.body }) {
            Some(Fault::FailBefore | Fault::FailAfter) => {}
            Some(Fault::Delay(wait)) => {
                message.expires = Some(at.saturating_add(milliseconds(wait).max(1)));
                if let Some(queue) = self.queues.get_mut(from) {
                    queue.arrive(message);
                }
            }
            Some(Fault::DelayAnswer(_) | Fault::Silence { .. }) | None => {
                self.move_on(from, target, message, at)
            }
        }
    }

    /// Moves a message on as a new one, whose headers say where it comes from.
    fn move_on(&mut self, from: &str, target: &str, message: Message, at: u64) {
        let Message { body, properties: Properties { mut headers, priority }, .. } = message;
        for (name, value) in [("exchange", ""), ("queue", from), ("reason", "expired")] {
            headers.entry(format!("x-first-death-{name}")).or_insert_with(|| value.to_owned());
            headers.insert(format!("x-last-death-{name}"), value.to_owned());
        }
        self.publish(target, Properties { headers, priority }, body, at);
    }
}

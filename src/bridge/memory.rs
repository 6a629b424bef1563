//! Servers in memory, as JavaScript reaches them: tests look into them, put things there, and move their clock.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::Buffer;
use napi::{Env, Status};
use napi_derive::napi;

use super::errors::to_js;
use super::memory_objects::{
    MemoryLoad, MemoryLostRun, MemoryMessage, MemoryQueue, MemoryRun, MemoryScheduled, MemoryTables,
};
use crate::memory::{self, MemoryServer, Server};
use crate::ports::platform::{Clock, Platform};

pub(super) use crate::memory::server;

/// The name of every client from JavaScript.
pub(super) const CLIENT: &str = "adapter";

/// What an engine gets whose servers are this memory: its clock is theirs.
pub(super) fn platform(server: &Arc<MemoryServer>) -> Platform {
    Platform::default().with_clock(server.clock())
}

/// The memory of a name, as tests handle it.
#[napi]
pub struct Memory {
    name: String,
}

#[napi]
impl Memory {
    /// By its name; made when it is first used.
    #[napi(constructor)]
    pub fn new(name: String) -> Self {
        Self { name }
    }

    /// Writes a run's context (JSON), and its status if one is given, as a client does. Replaces what was there.
    #[napi]
    pub fn insert(
        &self,
        env: Env,
        tables: MemoryTables,
        run: String,
        context: String,
        status: Option<String>,
    ) -> napi::Result<()> {
        let inserted = self.server().insert(&tables.into(), &run, &context, status.as_deref());
        inserted.map_err(|error| to_js(&env, &error.of_run(&run)))
    }

    /// Writes a run's status alone, as a client does.
    #[napi]
    pub fn set_status(&self, tables: MemoryTables, run: String, status: String) {
        self.server().set_status(&tables.into(), &run, &status);
    }

    /// Deletes a run's rows.
    #[napi]
    pub fn remove(&self, tables: MemoryTables, run: String) {
        self.server().remove(&tables.into(), &run);
    }

    /// What the tables say of a run.
    #[napi]
    pub fn run(&self, env: Env, tables: MemoryTables, run: String) -> napi::Result<MemoryRun> {
        let row = self.server().row(&tables.into(), &run);
        row.map(MemoryRun::from).map_err(|error| to_js(&env, &error.of_run(&run)))
    }

    /// The ids of all runs that have a context, in their order.
    #[napi]
    pub fn runs(&self, tables: MemoryTables) -> Vec<String> {
        self.server().runs(&tables.into())
    }

    /// What is in a queue; null where there is no such queue.
    #[napi]
    pub fn queue(&self, queue: String) -> Option<MemoryQueue> {
        self.server().queue(&queue).map(MemoryQueue::from)
    }

    /// Makes sure that a queue exists.
    #[napi]
    pub fn declare_queue(&self, queue: String) {
        self.server().declare_queue(&queue);
    }

    /// Deletes a queue with its messages.
    #[napi]
    pub fn delete_queue(&self, queue: String) {
        self.server().delete_queue(&queue);
    }

    /// Puts a message into a queue; whether there is such a queue. Without one the message is lost.
    #[napi]
    pub fn publish(&self, queue: String, body: Buffer, headers: Option<HashMap<String, String>>) -> bool {
        let headers: BTreeMap<String, String> = headers.unwrap_or_default().into_iter().collect();
        self.server().publish(&queue, headers, body.to_vec())
    }

    /// Takes the next message out of a queue; null where none is ready.
    #[napi]
    pub fn take(&self, queue: String) -> Option<MemoryMessage> {
        self.server().take(&queue).map(MemoryMessage::from)
    }

    /// What the clock shows, in milliseconds since 1970.
    #[napi]
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
    pub fn now(&self) -> f64 {
        self.server().clock().now() as f64
    }

    /// Moves the clock ahead by so many milliseconds.
    #[napi]
    pub fn advance(&self, milliseconds: f64) {
        let by = Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default();
        self.server().clock().advance(by);
    }

    /// Moves the clock ahead by so many milliseconds, in which every worker that lives renews what it holds.
    #[napi]
    pub fn elapse(&self, milliseconds: f64) {
        let by = Duration::try_from_secs_f64(milliseconds / 1000.0).unwrap_or_default();
        self.server().elapse(by);
    }

    /// When the next message is due that waits for its time, in milliseconds since 1970; null where none does.
    #[napi]
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
    pub fn next_due(&self) -> Option<f64> {
        self.server().next_due().map(|moment| moment as f64)
    }

    /// What is held, and what waits in these queues, at one moment.
    #[napi]
    pub fn load(&self, queues: Vec<String>) -> MemoryLoad {
        self.server().load(&queues).into()
    }

    /// The runs that go on although no message of theirs is anywhere.
    #[napi]
    pub fn lost(&self, tables: MemoryTables) -> Vec<MemoryLostRun> {
        self.server().lost(&tables.into()).into_iter().map(MemoryLostRun::from).collect()
    }

    /// Makes the table of schedules, as a migration does.
    #[napi]
    pub fn make_schedules(&self, tables: MemoryTables) {
        self.server().make_schedules(&tables.into());
    }

    /// The schedules that somebody has to look at, now or later.
    #[napi]
    #[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
    pub fn scheduled(&self, tables: MemoryTables) -> Vec<MemoryScheduled> {
        let scheduled =
            |(schedule_id, due): (String, u64)| MemoryScheduled { schedule_id, due_at: due as f64 };
        self.server().scheduled(&tables.into()).into_iter().map(scheduled).collect()
    }

    /// Puts a server out of reach, or back: `rabbitmq`, `postgres` or `redis`.
    #[napi]
    pub fn set_outage(
        &self,
        #[napi(ts_arg_type = "'rabbitmq' | 'postgres' | 'redis'")] server: String,
        is_out: bool,
    ) -> napi::Result<()> {
        let server = match server.as_str() {
            "rabbitmq" => Server::Broker,
            "postgres" => Server::Record,
            "redis" => Server::Coordination,
            _ => return Err(napi::Error::new(Status::InvalidArg, "There is no such server".to_owned())),
        };
        self.server().set_outage(server, is_out);
        Ok(())
    }

    /// Forgets every key of the coordination store.
    #[napi]
    pub fn flush(&self) {
        self.server().flush();
    }

    /// Cuts every connection to the broker; who was connected connects again.
    #[napi]
    pub fn cut(&self) {
        self.server().cut_all();
    }

    /// Forgets this memory itself: who names it again gets another one.
    #[napi]
    pub fn forget(&self) {
        memory::forget(&self.name);
    }

    /// Forgets everything.
    #[napi]
    pub fn reset(&self) {
        memory::reset(&self.name);
    }

    fn server(&self) -> Arc<MemoryServer> {
        memory::server(&self.name)
    }
}

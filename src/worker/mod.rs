//! A worker: takes jobs from the queue, runs each of them, and recovers lost ones.
//!
//! # The way of one delivery
//!
//! ```text
//!   broker ──► consumer ──► job::delivery ──► job::process: its time has come, JavaScript responds, the lease is taken
//!                            ▲                 ▼ (else job::coming_again: a copy for later; after a death, job::suspect)
//!                            │                job::leased ◄──────────────┐ admitted again: the run, or its blueprint,
//!                            │                 │                         │ has changed meanwhile
//!                            │                 ├─► job::admitting: loads the run, asks admission, performs steps
//!                            │                 │     any verdict but Run: disposal (rescheduling, disposition, leftovers)
//!                            │                 ├─► job::limiting: is it the turn of its limit? (else a copy for later)
//!                            │                 ├─► job::claiming: does another worker execute it?
//!                            │                 ├─► job::taking_over: what an attempt that died wrote is taken back
//!                            │                 ├─► job::telling: announces that the run goes on
//!                            │                 ├─► job::calling: JavaScript executes the node, and answers
//!                            │                 ├─► job::finishing: completion decides, committing stores it (storing: where
//!                            │                 │     the row is locked)
//!                            │                 └─► job::carrying: publishes what is due, or runs the one node that is
//!                            │                       (chain: which one, and for how long)
//!                            └─── fate ◄───────┘ cut_short: what an error, or a panic, means for the message;
//!                                              every delivery passes it
//! ```
//!
//! # The fate of a message
//!
//! ```text
//!              ┌────────────── unsettled ──────────────┐
//!              │                   │                   │
//!   what it asked for     a copy is confirmed      the worker stops first,
//!   is recorded           elsewhere: later, or     JavaScript is gone,
//!              │          among dead letters       or a panic after the commit
//!              ▼                   ▼                   ▼
//!              └── Acknowledge ────┘                Requeue ──► delivered again, as redelivered
//! ```
//!
//! A worker that dies acknowledges nothing: the broker delivers the message again, and admission finds in the record how
//! far the dead worker got.
//!
//! # Who may import whom
//!
//! A file may import those of its own line and of the lines below it, never one above, and no file imports a module file.
//! `tests/house` holds every file to it:
//!
//! ```text
//!   started                                          starts and stops everything
//!   answering                                        says what is executed here to those that see no leases
//!   readiness                                        no job is taken before the tables can be worked with
//!   operated                                         what those who operate an engine ask of it
//!   consumer, engine, followed, client, retention    what RabbitMQ delivers; what adapters and applications ask for; what is
//!                                                    old is removed
//!   recovery: tick, scan, republish                  finds lost jobs
//!   halts: keeping                                   looks again and again what is paused
//!   health: watching                                 tells of its health
//!   schedules: beat, advance                         starts runs when they are due
//!   client: publishing, keys                         what is told of runs that were started
//!   registry: heartbeat                              says that the worker lives
//!   job: delivery                                    one message, from its delivery to its acknowledgement
//!   job: process, suspect, leased, carrying          the way of a job; `leased` performs what becomes of it instead
//!   job: ahead                                       the lease of the node that follows, beside the commit
//!   job: going_on                                    whether this worker runs that node itself
//!   job: taking_over                                 an attempt that may not be the first
//!   job: claiming, limiting, calling, finishing      its steps
//!   job: committing                                  an answer's commit, decided anew for each try
//!   job: admitting                                   what is to be done with the message, and doing it
//!   job: cut_short, leftovers, rescheduling, disposition, abandoning, dead_lettering, storing, coming_again, telling
//!                                                    what becomes of a message that does not go the straight way
//!   job: trouble, looking, clock, context, place, limit_key, limit_note, foretold, loading
//!                                                    what the steps stand on
//!   halts: looking                                   looks what is paused for all workers
//!   cancelling                                       ends a run from outside, and its children
//!   services                                         puts the services together
//!   results, legacy, dead_letters, publisher, blueprints, traffic, active_nodes, intake, unwritten
//!   runs: resuming, children, time_limit             what is decided on a run from outside, or because of another
//!   runs: halting, history                           what is paused, and goes on; what was executed
//!   runs: operations, beginning, failing, starting, scheduling, watching, claim, live, inside, putting_off
//!   runs: updating, service
//!                                                    the record
//!   registry: service                                who lives, and what every worker can do
//!   health: service                                  what this worker knows of itself
//!   halts: known                                     what is paused, as far as this worker knows
//!   limits: service                                  what is executed under limits
//!   registry: census                                 one count of a queue's workers for all who ask within a second
//!   retry, leases, liveness, notices, changes, meters, shutdown, settings, queues
//! ```
//!
//! Beside them stand the rules, which know nothing of the services, have no clock and no server, need each other only, and may
//! be imported from everywhere: `job::{admission, admission_inside, chain, completion, effect, fate, reason, subflow, verdict}`,
//! `health::judgement`, `limits::naming`, `meters::{buckets, kinds, tally}`, `recovery::judgement`, `registry::{card, elsewhere, gate}`,
//! `runs::{finalize, state}`.

mod active_nodes;
mod answering;
mod blueprints;
mod cancelling;
mod changes;
pub mod client;
mod consumer;
mod dead_letters;
mod engine;
mod followed;
mod halts;
mod health;
mod intake;
pub mod job;
mod leases;
mod legacy;
mod limits;
mod liveness;
mod meters;
mod notices;
mod operated;
mod publisher;
mod queues;
mod readiness;
mod recovery;
mod registry;
mod results;
mod retention;
mod retry;
mod runs;
mod schedules;
mod services;
mod settings;
mod shutdown;
mod started;
mod traffic;
mod unwritten;

pub use changes::Following;
pub use client::service::Client;
pub use dead_letters::DeadLetter;
pub use engine::Engine;
pub use queues::Queues;
pub use registry::card::RegisteredWorker;
pub use registry::gate::Gate;
pub use runs::operations::SentEvent;
pub use services::Ports;
pub use settings::{RetentionRule, Settings, Subflows, WithoutLeases};
pub use started::Worker;

//! Everything that touches Node.js: classes, threadsafe calls, errors. The rest of the crate compiles and
//! tests without this module.
//!
//! The frontier is strict. JSON crosses as text and is marked as such; an absent value is `null` or
//! `undefined`, never the text "null"; errors are mapped in one place. JavaScript's side is `lib/bridge/native.ts`.
#![allow(missing_docs, reason = "the classes are internal: the package's documented surface is lib/")]

mod broker;
mod client;
mod coordination;
mod database;
mod dead_letters;
mod engine;
mod errors;
mod following;
mod function;
mod history;
mod host;
mod job;
mod jobs_in_hand;
mod listing;
mod live_broker;
mod live_functions;
mod live_reader;
mod memory;
mod memory_objects;
mod milestones;
mod notices;
mod outbox;
mod pausing;
mod runtime;
mod schedules;
mod settings;

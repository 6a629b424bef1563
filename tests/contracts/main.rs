//! What every implementation of a port promises: each suite is written once, and runs on memory and on the real server.
//!
//! The real servers are those of `AMQP_URL`, `REDIS_URL` and `DATABASE_URL`; where one is not set, its half is skipped, and says so.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

mod broker;
mod coordination;
mod proxy;
mod record;

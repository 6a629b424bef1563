//! A simulated fleet: several workers over servers in memory, in one thread, with time and every choice drawn from a seed.
//!
//! A [`world`] holds the servers, the workers and what [`clients`] start; [`faults`] and [`chaos`] decide what goes wrong and
//! when; [`host`] plays the user's code of a [`flows`] flow. When the last fault is over and the runs have had time to end,
//! [`promises`] are checked: what runs came to ([`results`]), which nodes were executed and how often ([`executions`]), what
//! is left in the queues ([`messages`]). A seed that breaks one is shrunk ([`shrink`]) and told as a [`story`]: who did what,
//! when.
//!
//! It stands on tokio's paused clock: time jumps to the next timer when no task can run, so that an hour takes
//! milliseconds. madsim and turmoil replace sockets, while here the ports are replaced; shuttle and loom replace locks and
//! atomics, which is another question. What lives in TypeScript (the channel, live amqplib connections, contexts) is not
//! covered here: the suites on real servers test it.

mod broken;
mod cancelling;
mod chaos;
mod child;
mod clients;
mod crowding;
mod dying;
mod engines;
mod excuses;
mod executions;
mod faults;
mod flow_set;
mod flows;
mod history;
mod host;
mod messages;
mod oracle;
mod outputs;
mod pausing;
mod plan;
mod promises;
mod results;
mod schedules;
mod shrink;
mod story;
mod tasks;
mod telling;
mod tests;
mod world;
mod written;

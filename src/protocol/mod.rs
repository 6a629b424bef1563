//! What crosses a boundary, as data: job messages through the queue, answers from JavaScript, and what a client asks for.

pub mod answer;
pub mod message;
pub mod outcome;
pub mod schedules;
pub mod start;
pub mod taking_along;
pub mod unfit;
pub mod watch;

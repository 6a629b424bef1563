//! What crosses a boundary, as data: job messages through the queue, and answers from JavaScript.

pub mod answer;
pub mod message;
pub mod outcome;
pub mod unfit;

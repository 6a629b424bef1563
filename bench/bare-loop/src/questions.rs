//! The line to the bench: questions come on standard input and are answered on standard output; when the input
//! closes, the process ends.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::Result;

/// The moments at which jobs would have called their node, in milliseconds.
pub struct Marks {
    begin: Instant,
    moments: Option<Mutex<Vec<f64>>>,
}

impl Marks {
    pub fn new(wanted: bool) -> Self {
        Self { begin: Instant::now(), moments: wanted.then(Mutex::default) }
    }

    pub fn mark(&self) {
        if let Some(moments) = &self.moments {
            let moment = self.begin.elapsed().as_secs_f64() * 1000.0;
            moments.lock().unwrap_or_else(PoisonError::into_inner).push(moment);
        }
    }

    fn take(&self) -> Vec<f64> {
        let moments = self.moments.as_ref();
        moments.map_or_else(Vec::new, |moments| {
            std::mem::take(&mut *moments.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }
}

#[derive(Deserialize)]
struct Question {
    ask: String,
}

pub async fn answer(marks: &Marks) -> Result<()> {
    println!("{}", json!({ "answer": "ready" }));
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        let question: Question = serde_json::from_str(&line)?;
        let answer = match question.ask.as_str() {
            "marks" => json!(marks.take()),
            // There is no event loop to be busy.
            _ => json!(null),
        };
        println!("{}", json!({ "answer": answer }));
    }
    // What the runtime still waits for is of no interest.
    std::process::exit(0);
}

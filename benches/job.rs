//! What a job costs in Rust where it waits for nobody: `cargo bench --no-default-features`.
//!
//! A run of a thousand nodes, or a join of a thousand, must cost about what a small one does.

#![allow(missing_docs, clippy::expect_used, reason = "a bench is no public item, and may panic")]

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use flowcraft_rabbitmq_adapter::protocol::message::JobMessage;
use support::{MESSAGE, Run};

fn message(criterion: &mut Criterion) {
    let job = JobMessage::parse(MESSAGE).expect("it is a job");
    criterion.bench_function("message/read", |b| b.iter(|| JobMessage::parse(black_box(MESSAGE))));
    criterion.bench_function("message/write", |b| {
        b.iter(|| JobMessage { original: None, ..job.clone() }.to_body())
    });
}

fn runs() -> [(&'static str, Run); 3] {
    [("chain of 10", Run::chain(10)), ("chain of 1000", Run::chain(1000)), ("join of 1000", Run::join(1000))]
}

/// What an answer means, by the rules.
fn state_machine(criterion: &mut Criterion) {
    for (name, run) in runs() {
        criterion.bench_function(&format!("settle/{name}"), |b| b.iter(|| black_box(&run).complete()));
    }
}

/// What is written for it.
fn commit(criterion: &mut Criterion) {
    for (name, run) in runs() {
        let (change, _) = run.complete();
        criterion.bench_function(&format!("write an entry/{name}"), |b| {
            b.iter(|| change.as_entry(black_box(&run.document)))
        });
        criterion.bench_function(&format!("write a row/{name}"), |b| b.iter(|| black_box(&change).as_row()));
    }
}

fn whole(criterion: &mut Criterion) {
    for (name, run) in runs() {
        criterion.bench_function(&format!("a job/{name}"), |b| b.iter(|| black_box(&run).live()));
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = message, state_machine, commit, whole
}
criterion_main!(benches);

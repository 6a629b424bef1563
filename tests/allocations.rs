//! How often a job allocates where it waits for nobody. A count, not a time: it is the same on every machine.

#![allow(missing_docs, clippy::expect_used, reason = "a test is no public item, and may panic")]

#[path = "../benches/support/mod.rs"]
mod support;

use support::Run;

#[test]
fn a_job_allocates_no_more_in_a_long_run_or_at_a_wide_join() {
    for (name, run, most) in [
        ("a chain of 10", Run::chain(10), 50),
        ("a chain of 1000", Run::chain(1000), 65),
        ("a join of 1000", Run::join(1000), 75),
    ] {
        run.live();
        let counted = allocation_counter::measure(|| {
            run.live();
        });
        println!("{name}: {} allocations of {} bytes a job", counted.count_total, counted.bytes_total);
        assert!(counted.count_total <= most, "{name}: {} allocations a job", counted.count_total);
    }
}

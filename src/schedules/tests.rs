//! Rows of when schedules are due, and of what becomes of due times.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::*;
use crate::time::iso;

fn at(moment: &str) -> u64 {
    let moment: Timestamp = moment.parse().unwrap();
    moment.as_millisecond().try_into().unwrap()
}

fn cron(pattern: &str, zone: &str) -> Timing {
    Timing { cron: Some(pattern.into()), time_zone: Some(zone.into()), every_ms: None }
}

fn every(ms: u64) -> Timing {
    Timing { every_ms: Some(ms), ..Timing::default() }
}

/// The due times after a moment, as many as are expected.
fn due(timing: &Timing, from: &str, count: usize) -> Vec<String> {
    let recurrence = Recurrence::new(timing, 0).unwrap();
    recurrence.all_after(at(from)).take(count).map(iso).collect()
}

/// Each row: a pattern and its zone, a moment, and the due times that follow it, in UTC.
#[test]
fn clocks_that_change_make_no_due_time_twice_and_lose_none() {
    let rows: &[(&str, &str, &str, &[&str])] = &[
        // Berlin springs from 02:00 (01:00Z) to 03:00 on 2026-03-29, and falls from 03:00 (01:00Z) to 02:00 on 2026-10-25.
        (
            "30 1 * * *",
            "Europe/Berlin",
            "2026-03-28T01:00:00Z",
            &["2026-03-29T00:30:00Z", "2026-03-29T23:30:00Z"],
        ),
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T02:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        (
            "0 2 * * *",
            "Europe/Berlin",
            "2026-03-28T02:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
        ),
        (
            "0 3 * * *",
            "Europe/Berlin",
            "2026-03-28T03:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"],
        ),
        // What is skipped, twice, is due when the clocks have jumped: once.
        (
            "15,45 2 * * *",
            "Europe/Berlin",
            "2026-03-28T02:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-30T00:15:00Z"],
        ),
        (
            "0 2,3,14 * * *",
            "Europe/Berlin",
            "2026-03-28T20:00:00Z",
            &["2026-03-29T01:00:00Z", "2026-03-29T12:00:00Z"],
        ),
        (
            "30 2,14 * * *",
            "Europe/Berlin",
            "2026-10-24T20:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-25T13:30:00Z"],
        ),
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        ),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", &["2026-10-26T01:30:00Z"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T01:15:00Z", &["2026-10-26T01:30:00Z"]),
        (
            "0-40/20 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            &["2026-10-25T00:00:00Z", "2026-10-25T00:20:00Z", "2026-10-25T00:40:00Z", "2026-10-26T01:00:00Z"],
        ),
        // By the clock on the wall: every half hour that passes, and no other.
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:10:00Z",
            &["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"],
        ),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-10-24T23:40:00Z",
            &[
                "2026-10-25T00:00:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T01:30:00Z",
                "2026-10-25T02:00:00Z",
            ],
        ),
        (
            "0 * * * *",
            "Europe/Berlin",
            "2026-10-24T23:40:00Z",
            &["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"],
        ),
        // New York springs from 02:00 (07:00Z) to 03:00 on 2026-03-08, and falls from 02:00 (06:00Z) to 01:00 on 2026-11-01.
        (
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00:00Z",
            &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
        ),
        (
            "0 0 * * *",
            "America/New_York",
            "2026-10-31T12:00:00Z",
            &["2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"],
        ),
        (
            "@hourly",
            "America/New_York",
            "2026-11-01T04:30:00Z",
            &["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"],
        ),
        // Lord Howe changes by half an hour: from 02:00 to 02:30 on 2026-10-04 (15:30Z the day before), and back from 02:00 to
        // 01:30 on 2026-04-05 (15:00Z the day before).
        (
            "15 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
        ),
        (
            "45 2 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T00:00:00Z",
            &["2026-10-03T15:45:00Z", "2026-10-04T15:45:00Z"],
        ),
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T00:00:00Z",
            &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
        ),
        (
            "*/15 * * * *",
            "Australia/Lord_Howe",
            "2026-04-04T14:20:00Z",
            &[
                "2026-04-04T14:30:00Z",
                "2026-04-04T14:45:00Z",
                "2026-04-04T15:00:00Z",
                "2026-04-04T15:15:00Z",
                "2026-04-04T15:30:00Z",
            ],
        ),
        // Samoa had no 2011-12-30.
        (
            "0 12 * * *",
            "Pacific/Apia",
            "2011-12-29T00:00:00Z",
            &["2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"],
        ),
    ];
    for (pattern, zone, from, expected) in rows {
        assert_eq!(
            due(&cron(pattern, zone), from, expected.len()),
            *expected,
            "{pattern} in {zone} after {from}"
        );
    }
}

#[test]
fn months_end_when_they_do_and_leap_days_come_every_fourth_year() {
    let rows: &[(&str, &str, &[&str])] = &[
        (
            "0 0 L * *",
            "2027-12-31T12:00:00Z",
            &["2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z", "2028-04-30T00:00:00Z"],
        ),
        (
            "0 0 31 * *",
            "2026-01-31T00:00:00Z",
            &["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z", "2026-07-31T00:00:00Z"],
        ),
        ("0 0 29 2 *", "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("0 0 29 2 *", "2096-03-01T00:00:00Z", &["2104-02-29T00:00:00Z"]),
        ("0 9 * * MON-FRI", "2026-11-27T10:00:00Z", &["2026-11-30T09:00:00Z"]),
        ("0 9 * * 5#L", "2026-11-01T00:00:00Z", &["2026-11-27T09:00:00Z", "2026-12-25T09:00:00Z"]),
        ("30 0 9 * * *", "2026-11-27T09:00:00Z", &["2026-11-27T09:00:30Z", "2026-11-28T09:00:30Z"]),
        ("@yearly", "2026-11-27T10:00:00Z", &["2027-01-01T00:00:00Z"]),
    ];
    for (pattern, from, expected) in rows {
        assert_eq!(due(&cron(pattern, "UTC"), from, expected.len()), *expected, "{pattern} after {from}");
    }
}

#[test]
fn an_interval_is_counted_from_its_anchor_in_both_directions() {
    let recurrence = Recurrence::new(&every(10_000), 1_000_000).unwrap();
    for (after, due) in [
        (1_000_000, 1_010_000),
        (999_999, 1_000_000),
        (1_009_999, 1_010_000),
        (985_000, 990_000),
        (989_999, 990_000),
        (990_000, 1_000_000),
    ] {
        assert_eq!(recurrence.after(after), Some(due), "{after}");
    }
    assert_eq!(recurrence.count(1_000_000, 1_000_000, 10), 0);
    assert_eq!(recurrence.count(1_000_000, 1_000_001, 10), 1);
    assert_eq!(recurrence.count(1_000_000, 11_000_000, 10), 1_000);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let none = Timing::default();
    let both = Timing { every_ms: Some(5_000), ..cron("* * * * *", "UTC") };
    let zoned = Timing { time_zone: Some("UTC".into()), ..every(5_000) };
    let wrong =
        [cron("* * *", "UTC"), cron("61 * * * *", "UTC"), cron("", "UTC"), cron("* * * * *", "Mars/Olympus")];
    for timing in wrong.into_iter().chain([none, both, zoned, every(0), every(999)]) {
        let refused = Recurrence::new(&timing, 0).unwrap_err();
        assert_eq!(refused.code, crate::error::Code::ScheduleInvalid, "{timing:?}");
    }
    let never = Schedule::new(
        Definition { timing: cron("0 0 30 2 *", "UTC"), ..definition(Overlap::Allow) },
        0,
        None,
    );
    assert_eq!(never.unwrap_err().code, crate::error::Code::ScheduleInvalid);
}

/// A year's due times of patterns of both kinds come one after the other, each found from any moment before it.
#[test]
fn due_times_do_not_depend_on_where_one_looks_from() {
    for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"] {
        for pattern in ["30 2 * * *", "*/20 * * * *", "0 1,2,3 * * *", "15 1-2 * * SUN"] {
            let recurrence = Recurrence::new(&cron(pattern, zone), 0).unwrap();
            let all: Vec<u64> = recurrence
                .all_after(at("2026-01-01T00:00:00Z"))
                .take_while(|due| *due < at("2027-01-01T00:00:00Z"))
                .collect();
            for pair in all.windows(2) {
                assert!(pair[0] < pair[1]);
                for from in [pair[0], pair[0] + 1, (pair[0] + pair[1]) / 2, pair[1] - 1] {
                    assert_eq!(
                        recurrence.after(from),
                        Some(pair[1]),
                        "{pattern} in {zone} after {}",
                        iso(from)
                    );
                }
            }
            if pattern == "30 2 * * *" {
                assert_eq!(all.len(), 365, "{zone}");
            }
        }
    }
}

#[test]
fn a_runs_id_says_when_it_was_due() {
    assert_eq!(run_id("nightly", at("2026-03-29T00:30:00Z")), "nightly@2026-03-29T00:30:00.000Z");
    assert_eq!(run_id("a", at("2026-03-29T00:30:00.25Z")), "a@2026-03-29T00:30:00.250Z");
}

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;

fn definition(overlap: Overlap) -> Definition {
    Definition {
        timing: every(MINUTE),
        blueprint_id: "flow".into(),
        context: Default::default(),
        tags: Vec::new(),
        overlap,
        max_queued: 1,
        catch_up_window: 10 * MINUTE,
        start_at: None,
        end_at: None,
    }
}

/// A schedule that was created at 0 and is due every minute.
fn schedule(overlap: Overlap) -> Schedule {
    Schedule::new(definition(overlap), 0, None).unwrap()
}

fn turned(schedule: &Schedule, now: u64, over: &[&str]) -> Turn {
    let over: BTreeSet<String> = over.iter().map(|run| (*run).to_owned()).collect();
    turn("s", schedule, TurnInputs { now, over: &over }).unwrap()
}

fn dues(turn: &Turn) -> Vec<u64> {
    turn.starts.iter().map(|start| start.due).collect()
}

fn run(due: u64) -> String {
    run_id("s", due)
}

#[test]
fn what_is_due_starts_once_and_the_next_time_is_looked_at_then() {
    let first = turned(&schedule(Overlap::Allow), MINUTE - 1, &[]);
    assert_eq!((dues(&first), first.look_at), (vec![], Some(MINUTE)));
    let first = turned(&schedule(Overlap::Allow), MINUTE + 5, &[]);
    assert_eq!((dues(&first), first.look_at), (vec![MINUTE], Some(2 * MINUTE)));
    assert_eq!(first.starts[0].run, run(MINUTE));
    let again = turned(&first.schedule, MINUTE + 6, &[]);
    assert_eq!((dues(&again), again.schedule.counts.started), (vec![], 1));
    let later = turned(&first.schedule, 4 * MINUTE, &[]);
    assert_eq!(dues(&later), [2 * MINUTE, 3 * MINUTE, 4 * MINUTE]);
    assert_eq!(later.schedule.recent[0].due_at, 4 * MINUTE);
}

#[test]
fn while_a_run_goes_on_a_due_time_passes_or_waits_or_starts() {
    for (overlap, started, queued, skipped) in [
        (Overlap::Skip, vec![MINUTE], vec![], 2),
        (Overlap::Queue, vec![MINUTE], vec![2 * MINUTE], 1),
        (Overlap::Allow, vec![MINUTE, 2 * MINUTE, 3 * MINUTE], vec![], 0),
    ] {
        let turn = turned(&schedule(overlap), 3 * MINUTE, &[]);
        assert_eq!((dues(&turn), &turn.schedule.queued), (started, &queued), "{overlap:?}");
        assert_eq!(turn.schedule.counts.skipped, skipped, "{overlap:?}");
    }
}

#[test]
fn what_waits_starts_when_the_run_before_it_is_over() {
    let busy = turned(&schedule(Overlap::Queue), 2 * MINUTE, &[]);
    assert_eq!(busy.look_at, Some(2 * MINUTE + SECOND));
    let still = turned(&busy.schedule, 2 * MINUTE + 50 * SECOND, &[]);
    assert_eq!((dues(&still), still.look_at), (vec![], Some(2 * MINUTE + 55 * SECOND)));
    let free = turned(&busy.schedule, 2 * MINUTE + 50 * SECOND, &[&run(MINUTE)]);
    assert_eq!((dues(&free), free.look_at), (vec![2 * MINUTE], Some(3 * MINUTE)));
    assert_eq!(free.schedule.open, [run(2 * MINUTE)]);
    // Another due time comes while it goes on, and waits.
    let next = turned(&free.schedule, 3 * MINUTE, &[]);
    assert_eq!((dues(&next), next.schedule.queued), (vec![], vec![3 * MINUTE]));
}

#[test]
fn what_nobody_started_in_time_is_missed_and_counted() {
    let late = turned(&schedule(Overlap::Allow), 20 * MINUTE + 1, &[]);
    assert_eq!(late.missed, Some((MINUTE, 10)));
    assert_eq!(dues(&late), (11..=20).map(|minute| minute * MINUTE).collect::<Vec<_>>());
    assert_eq!((late.schedule.counts.missed, late.schedule.counts.started), (10, 10));
    // A year later it does not go through half a million of them.
    let year = turned(&schedule(Overlap::Skip), 365 * 24 * 60 * MINUTE, &[]);
    assert_eq!(year.missed, Some((MINUTE, 365 * 24 * 60 - 11)));
    assert_eq!(year.starts.len(), 1);
}

#[test]
fn one_turn_starts_no_more_than_a_statement_carries() {
    let many = Definition { timing: every(SECOND), ..definition(Overlap::Allow) };
    let mut schedule = Schedule::new(many, 0, None).unwrap();
    let mut started = Vec::new();
    for _ in 0..6 {
        let turn = turned(&schedule, 5 * MINUTE, &[]);
        assert_eq!((turn.starts.len(), turn.look_at.unwrap() <= 5 * MINUTE), (50, started.len() < 250));
        started.extend(dues(&turn));
        schedule = turn.schedule;
    }
    assert_eq!(started, (1..=300).map(|second| second * SECOND).collect::<Vec<_>>());
}

#[test]
fn it_is_due_between_its_bounds_alone() {
    let bounded =
        Definition { start_at: Some(5 * MINUTE), end_at: Some(7 * MINUTE), ..definition(Overlap::Allow) };
    let schedule = Schedule::new(bounded, 30 * SECOND, None).unwrap();
    assert_eq!(schedule.next, Some(5 * MINUTE));
    let turn = turned(&schedule, 9 * MINUTE, &[]);
    assert_eq!((dues(&turn), turn.look_at), (vec![5 * MINUTE, 6 * MINUTE, 7 * MINUTE], None));
    let over = turned(&schedule, 60 * MINUTE, &[]);
    assert_eq!((over.starts.len(), over.missed, over.look_at), (0, Some((5 * MINUTE, 3)), None));
}

#[test]
fn while_it_pauses_nothing_is_due_but_what_somebody_asks_for() {
    let mut paused = schedule(Overlap::Skip).paused(30 * SECOND, Some("why".into()));
    paused.triggers.push(Trigger { run: "s@now".into(), at: 5 * MINUTE });
    let turn = turned(&paused, 5 * MINUTE, &[]);
    assert_eq!(turn.starts, [StartDue { run: "s@now".into(), cause: Cause::Trigger, due: 5 * MINUTE }]);
    assert_eq!(turn.look_at, None);
    let resumed = turn.schedule.resumed(7 * MINUTE + SECOND).unwrap();
    assert_eq!((resumed.next, resumed.counts.missed), (Some(8 * MINUTE), 0));
    // The run that somebody asked for goes on.
    assert_eq!(turned(&resumed, 8 * MINUTE, &[]).schedule.counts.skipped, 1);
}

#[test]
fn a_backfill_starts_every_due_time_of_its_range_in_their_order() {
    let mut schedule = schedule(Overlap::Skip);
    schedule.backfills.push(Backfill { next: 100 * MINUTE, to: 170 * MINUTE });
    schedule.next = None;
    let first = turned(&schedule, 1_000 * MINUTE, &[]);
    assert_eq!((first.starts.len(), first.look_at), (50, Some(1_000 * MINUTE)));
    let second = turned(&first.schedule, 1_000 * MINUTE, &[]);
    let all: Vec<u64> = dues(&first).into_iter().chain(dues(&second)).collect();
    assert_eq!(all, (100..=170).map(|minute| minute * MINUTE).collect::<Vec<_>>());
    assert_eq!((second.schedule.counts.backfilled, second.look_at), (71, None));
    assert!(second.schedule.open.is_empty());
}

#[test]
fn a_due_time_that_is_asked_for_twice_has_one_run() {
    let mut schedule = schedule(Overlap::Allow);
    schedule.backfills = vec![Backfill { next: 3 * MINUTE, to: 6 * MINUTE }; 2];
    schedule.next = Some(6 * MINUTE);
    let turn = turned(&schedule, 6 * MINUTE, &[]);
    assert_eq!(dues(&turn), [3, 4, 5, 6].map(|minute| minute * MINUTE));
    assert_eq!((turn.schedule.counts.backfilled, turn.schedule.backfills.len()), (4, 0));
    assert_eq!(turn.schedule.next, Some(7 * MINUTE));
}

#[test]
fn another_definition_keeps_what_is_due_and_what_was() {
    let before = turned(&schedule(Overlap::Skip), MINUTE, &[]).schedule;
    let same = before.redefined(definition(Overlap::Skip), 90 * SECOND).unwrap();
    assert_eq!(same, before);
    let slower = Definition { timing: every(5 * MINUTE), ..definition(Overlap::Skip) };
    let slower = before.redefined(slower, 2 * MINUTE).unwrap();
    assert_eq!(
        (slower.next, slower.counts, slower.updated_at),
        (Some(5 * MINUTE), before.counts, 2 * MINUTE)
    );
    let paused = before.paused(MINUTE, None).redefined(definition(Overlap::Allow), 2 * MINUTE).unwrap();
    assert_eq!((paused.next, paused.pause.is_some()), (None, true));
}

#[test]
fn what_is_stored_is_read_again() {
    let mut schedule = turned(&schedule(Overlap::Queue), 2 * MINUTE, &[]).schedule;
    schedule
        .definition
        .context
        .insert("big".into(), crate::json::Json::parse("12345678901234567890.5".into()).unwrap());
    let text = crate::record::to_raw(&schedule).unwrap();
    assert_eq!(Schedule::parse(text.get()).unwrap(), schedule);
    assert!(Schedule::parse("{}").is_err());
}

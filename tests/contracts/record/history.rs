//! The history of executions, where its table was made.

use std::time::Duration;

use flowcraft_rabbitmq_adapter::migrations::{Direction, HISTORY, Target};
use flowcraft_rabbitmq_adapter::ports::history::{
    Attempt, HistoryRemoval, HistorySearch, KeptValue, NewAttempt, StoredAttempt,
};
use flowcraft_rabbitmq_adapter::ports::watching::Removal;
use flowcraft_rabbitmq_adapter::workflow::ledger::RunStatus;

use super::promises;
use super::world::{World, json};

promises!(
    attempts_are_read_as_they_were_written_the_latest_first,
    pages_follow_each_other_also_where_attempts_ended_together,
    attempts_of_a_run_that_has_no_row_are_not_written,
    the_history_of_a_run_goes_with_its_row,
    old_attempts_are_removed_so_many_at_a_time,
    without_the_table_nothing_is_written,
);

const SECOND: Duration = Duration::from_secs(1);

/// An attempt that ended so long ago.
fn ended(run: &str, node: &str, ended: Duration) -> NewAttempt {
    let of = Attempt {
        run: run.into(),
        node: node.into(),
        execution: 1,
        attempt: 1,
        outcome: "done".into(),
        worker: "w".into(),
        input: KeptValue::default(),
        output: KeptValue::default(),
        error: None,
        log: None,
    };
    NewAttempt { of, started: ended + SECOND, ended }
}

fn of_run(run: &str) -> HistorySearch {
    HistorySearch { run: run.into(), node: None, before: None, limit: 10 }
}

async fn read(world: &World, search: HistorySearch) -> Vec<StoredAttempt> {
    world.other.history(&search).await.unwrap().unwrap()
}

async fn nodes(world: &World, search: HistorySearch) -> String {
    let read = read(world, search).await;
    read.into_iter().map(|row| row.of.node).collect::<Vec<_>>().join(" ")
}

async fn made(world: &World, runs: &[&str]) {
    world.record.migrate(Target::UP).await.unwrap();
    for run in runs {
        world.insert(run, "{}").await;
    }
}

async fn attempts_are_read_as_they_were_written_the_latest_first(world: &World) {
    made(world, &["a", "b"]).await;
    let mut told = ended("a", "c/n~1o", SECOND);
    told.of = Attempt {
        execution: 3,
        attempt: 2,
        outcome: "failed".into(),
        worker: "w'1".into(),
        input: KeptValue { json: Some(json(r#"{"a":"\u0000\ud800"}"#)), size: Some(22) },
        output: KeptValue { json: None, size: Some(5_000_000) },
        error: Some(json(r#"{"message":"why"}"#)),
        log: Some(json(r#"[{"message":"a line"}]"#)),
        ..told.of
    };
    let all = [ended("a", "late", Duration::ZERO), told.clone(), ended("b", "other", SECOND)];
    assert!(world.record.write_history(&all).await.unwrap());
    let read = read(world, of_run("a")).await;
    assert_eq!(read.iter().map(|row| row.of.node.as_str()).collect::<Vec<_>>(), ["late", "c/n~1o"]);
    assert_eq!(read[1].of, told.of);
    let now = world.other.time().await.unwrap();
    assert!((2_000..60_000).contains(&(now - read[1].started_at)), "{} {now}", read[1].started_at);
    let at = u64::try_from(read[1].place.ended / 1000).unwrap();
    assert!(at.abs_diff(read[1].started_at + 1_000) <= 1, "both by one clock");
    assert_eq!(nodes(world, HistorySearch { node: Some("late".into()), ..of_run("a") }).await, "late");
    assert_eq!(nodes(world, of_run("nobody")).await, "");
}

async fn pages_follow_each_other_also_where_attempts_ended_together(world: &World) {
    made(world, &["a"]).await;
    let all = ["1", "2", "3", "4", "5"].map(|node| ended("a", node, SECOND));
    world.record.write_history(&all).await.unwrap();
    let mut pages = Vec::new();
    let mut before = None;
    loop {
        let page = read(world, HistorySearch { before, limit: 2, ..of_run("a") }).await;
        let Some(last) = page.last() else { break };
        before = Some(last.place);
        pages.push(page.into_iter().map(|row| row.of.node).collect::<Vec<_>>().join(" "));
    }
    assert_eq!(pages, ["5 4", "3 2", "1"]);
}

async fn attempts_of_a_run_that_has_no_row_are_not_written(world: &World) {
    made(world, &["a"]).await;
    let all = [ended("gone", "n", SECOND), ended("a", "n", SECOND)];
    assert!(world.record.write_history(&all).await.unwrap());
    assert_eq!(nodes(world, of_run("gone")).await, "");
    assert_eq!(nodes(world, of_run("a")).await, "n");
}

async fn the_history_of_a_run_goes_with_its_row(world: &World) {
    made(world, &["purged", "deleted", "again", "stays"]).await;
    let runs = ["purged", "deleted", "again", "stays"];
    world.record.write_history(&runs.map(|run| ended(run, "n", SECOND))).await.unwrap();
    world.record.write_result("purged", RunStatus::Completed, &json("{}")).await.unwrap();
    let removal = Removal {
        run: Some("purged".into()),
        statuses: vec!["completed".into()],
        tags: Vec::new(),
        older_than: None,
        limit: 1,
    };
    assert_eq!(world.record.remove(&removal).await.unwrap().len(), 1);
    world.remove_context("deleted").await;
    let of_run_again = HistoryRemoval::OfRun("again".into());
    assert_eq!(world.record.remove_history(&of_run_again).await.unwrap(), Some(1));
    for (run, expected) in [("purged", ""), ("deleted", ""), ("again", ""), ("stays", "n")] {
        assert_eq!(nodes(world, of_run(run)).await, expected, "{run}");
    }
}

async fn old_attempts_are_removed_so_many_at_a_time(world: &World) {
    made(world, &["a"]).await;
    let all = [1, 2, 3, 100].map(|hours| ended("a", "n", SECOND * 3_600 * hours));
    world.record.write_history(&all).await.unwrap();
    let older = HistoryRemoval::Older(SECOND * 5_400, 2);
    for removed in [2, 1, 0] {
        assert_eq!(world.record.remove_history(&older).await.unwrap(), Some(removed));
    }
    assert_eq!(read(world, of_run("a")).await.len(), 1);
}

async fn without_the_table_nothing_is_written(world: &World) {
    made(world, &["a"]).await;
    let down = Target { direction: Direction::Down, to: Some(HISTORY - 1), dry_run: false };
    world.record.migrate(down).await.unwrap();
    assert!(!world.record.write_history(&[ended("a", "n", SECOND)]).await.unwrap());
    assert_eq!(world.record.history(&of_run("a")).await.unwrap(), None);
    assert_eq!(world.record.remove_history(&HistoryRemoval::OfRun("a".into())).await.unwrap(), None);
    world.remove_context("a").await;
    world.record.migrate(Target::UP).await.unwrap();
    assert_eq!(read(world, of_run("a")).await, []);
}

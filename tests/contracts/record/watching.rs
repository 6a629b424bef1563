//! Runs as an application sees them: status rows, pages, counts, removal.

use std::time::Duration;

use flowcraft_rabbitmq_adapter::migrations::{Direction, TAGS, THROUGHPUT, Target};
use flowcraft_rabbitmq_adapter::ports::record::Insertion;
use flowcraft_rabbitmq_adapter::ports::watching::{By, EndSearch, Removal, RunSearch};
use flowcraft_rabbitmq_adapter::record::{Document, NewRun, StatusUpdate};
use flowcraft_rabbitmq_adapter::workflow::ledger::RunStatus;

use super::promises;
use super::world::{World, json, setting};

promises!(
    a_status_row_is_seen_with_its_result_once_the_run_is_over,
    runs_are_listed_page_by_page_in_the_order_of_their_ids,
    runs_are_found_by_what_their_rows_say,
    runs_are_found_by_all_of_their_tags,
    tags_are_found_before_their_column_is_there_and_after_it_is_gone,
    runs_are_counted_by_status_and_blueprint,
    runs_that_ended_are_counted_by_when,
    only_runs_that_are_over_are_removed_whole,
    only_runs_that_have_all_tags_are_removed,
    only_they_are_removed_without_the_column,
    a_run_that_goes_on_again_is_not_removed,
);

async fn a_status_row_is_seen_with_its_result_once_the_run_is_over(world: &World) {
    world.insert("goes-on", "{}").await;
    world.insert("over", "{}").await;
    let result = r#"{"status": "failed", "reason": "why"}"#;
    world.record.write_result("over", RunStatus::Failed, &json(result)).await.unwrap();
    let views = world.record.views(&["goes-on", "over", "nobody"]).await.unwrap();
    assert_eq!(views.len(), 2);
    assert_eq!((views["goes-on"].status.as_deref(), &views["goes-on"].result), (Some("running"), &None));
    let over = &views["over"];
    let seen: serde_json::Value = serde_json::from_str(over.result.as_deref().unwrap()).unwrap();
    assert_eq!((over.status.as_deref(), seen["reason"].as_str()), (Some("failed"), Some("why")));
    assert!(over.updated_at.is_some());
}

fn search() -> RunSearch {
    RunSearch { limit: 10, ..RunSearch::default() }
}

async fn listed(world: &World, search: RunSearch) -> String {
    let found = world.record.list(&search).await.unwrap();
    found.into_iter().map(|summary| summary.run).collect::<Vec<_>>().join(" ")
}

async fn runs_are_listed_page_by_page_in_the_order_of_their_ids(world: &World) {
    for run in ["b", "d", "a", "c"] {
        world.insert(run, "{}").await;
    }
    assert_eq!(listed(world, RunSearch { limit: 3, ..search() }).await, "a b c");
    assert_eq!(listed(world, RunSearch { limit: 3, after: Some("c".into()), ..search() }).await, "d");
    assert_eq!(listed(world, RunSearch { limit: 2, is_descending: true, ..search() }).await, "d c");
    let rest = RunSearch { is_descending: true, after: Some("c".into()), ..search() };
    assert_eq!(listed(world, rest).await, "b a");
}

async fn runs_are_found_by_what_their_rows_say(world: &World) {
    world.insert("x-1", r#"{"blueprintId":"one","_flowcraft":{"ledger":{"status":"running","nodes":{}},"start":{"mark":"m","at":1000}}}"#).await;
    world.insert("x-2", r#"{"blueprintId":"one","_flowcraft":{"ledger":{"status":"running","nodes":{}},"blueprint":{"id":"two"},"start":{"mark":"m","at":2000}}}"#).await;
    world.insert("y-3", r#"{"blueprintId":"two"}"#).await;
    world.record.write_result("y-3", RunStatus::Completed, &json("{}")).await.unwrap();
    let found = world.record.list(&search()).await.unwrap();
    let seen: Vec<(&str, Option<u64>)> =
        found.iter().map(|run| (run.blueprint.as_deref().unwrap(), run.created_at)).collect();
    assert_eq!(seen, [("one", Some(1000)), ("two", Some(2000)), ("two", None)]);
    assert_eq!(listed(world, RunSearch { statuses: vec!["running".into()], ..search() }).await, "x-1 x-2");
    assert_eq!(listed(world, RunSearch { blueprint: Some("two".into()), ..search() }).await, "x-2 y-3");
    assert_eq!(listed(world, RunSearch { prefix: Some("y".into()), ..search() }).await, "y-3");
    assert_eq!(listed(world, RunSearch { created_before: Some(2000), ..search() }).await, "x-1");
    assert_eq!(listed(world, RunSearch { updated_before: Some(1000), ..search() }).await, "");
    let both = RunSearch { statuses: vec!["completed".into()], prefix: Some("x".into()), ..search() };
    assert_eq!(listed(world, both).await, "");
}

/// A run that a client started with these tags, and that stands so.
async fn tagged(world: &World, run: &str, tags: &str, status: RunStatus) {
    let word = status.as_str();
    let text = format!(
        r#"{{"_flowcraft":{{"ledger":{{"status":"{word}","nodes":{{}}}},"start":{{"mark":"m","at":1,"tags":[{tags}]}}}}}}"#
    );
    let new = NewRun {
        run: run.to_owned(),
        context: json(&text),
        status,
        result: None,
        is_tagged: !tags.is_empty(),
    };
    world.record.insert(&[new], Insertion::All).await.unwrap();
}

fn with_tags(tags: &[&str]) -> RunSearch {
    RunSearch { tags: tags.iter().map(|tag| (*tag).to_owned()).collect(), ..search() }
}

async fn three_tagged(world: &World) {
    tagged(world, "a", r#""customer:1","eu""#, RunStatus::Completed).await;
    tagged(world, "b", r#""customer:2","eu""#, RunStatus::Completed).await;
    tagged(world, "c", "", RunStatus::Completed).await;
}

async fn are_found(world: &World) {
    for (tags, expected) in [
        (&["eu"][..], "a b"),
        (&["eu", "customer:2"], "b"),
        (&["customer:1", "customer:2"], ""),
        (&["customer"], ""),
        (&["%"], ""),
        (&[], "a b c"),
    ] {
        assert_eq!(listed(world, with_tags(tags)).await, expected, "{tags:?}");
    }
    let found = world.record.list(&search()).await.unwrap();
    assert_eq!(
        found.iter().map(|run| run.tags.join(" ")).collect::<Vec<_>>(),
        ["customer:1 eu", "customer:2 eu", ""]
    );
    let counted = world.record.counts(&["eu".to_owned()]).await.unwrap();
    assert_eq!(counted.iter().map(|count| count.count).sum::<i64>(), 2);
}

async fn runs_are_found_by_all_of_their_tags(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
    three_tagged(world).await;
    are_found(world).await;
}

async fn tags_are_found_before_their_column_is_there_and_after_it_is_gone(world: &World) {
    let before = Target { direction: Direction::Down, to: Some(TAGS - 1), dry_run: false };
    world.record.migrate(before).await.unwrap();
    three_tagged(world).await;
    are_found(world).await;
    // Another client's, which is not told.
    world.other.migrate(Target::UP).await.unwrap();
    are_found(world).await;
    world.other.migrate(before).await.unwrap();
    are_found(world).await;
    tagged(world, "d", r#""late""#, RunStatus::Running).await;
    assert_eq!(listed(world, with_tags(&["late"])).await, "d");
}

async fn only_runs_that_have_all_tags_are_removed(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
    are_removed(world).await;
}

async fn only_they_are_removed_without_the_column(world: &World) {
    world.record.migrate(Target { to: Some(TAGS - 1), ..Target::DOWN }).await.unwrap();
    are_removed(world).await;
}

async fn are_removed(world: &World) {
    three_tagged(world).await;
    tagged(world, "goes-on", r#""customer:1","eu""#, RunStatus::Running).await;
    let removal = |tags: &[&str]| Removal {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        ..removal(&["completed"])
    };
    assert!(world.record.remove(&removal(&["eu", "nobody"])).await.unwrap().is_empty());
    let removed = world.record.remove(&removal(&["eu", "customer:1"])).await.unwrap();
    assert_eq!(removed.iter().map(|removed| removed.run.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(world.load("a").await.is_none() && world.status("a").await.is_none());
    assert_eq!(listed(world, search()).await, "b c goes-on");
    assert_eq!(world.record.remove(&removal(&[])).await.unwrap().len(), 2);
}

async fn runs_are_counted_by_status_and_blueprint(world: &World) {
    for (run, blueprint) in [("a", "one"), ("b", "one"), ("c", "two")] {
        world.insert(run, &format!(r#"{{"blueprintId":"{blueprint}"}}"#)).await;
    }
    world.insert("d", "{}").await;
    world.record.write_result("a", RunStatus::Failed, &json("{}")).await.unwrap();
    let mut counts: Vec<String> = world
        .record
        .counts(&[])
        .await
        .unwrap()
        .into_iter()
        .map(|count| {
            let text = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
            format!("{} {} {}", text(&count.status), text(&count.blueprint), count.count)
        })
        .collect();
    counts.sort();
    assert_eq!(counts, ["failed one 1", "running - 1", "running one 1", "running two 1"]);
}

fn removal(statuses: &[&str]) -> Removal {
    let statuses = statuses.iter().map(|status| (*status).to_owned()).collect();
    Removal { run: None, statuses, tags: Vec::new(), older_than: None, limit: 10 }
}

/// Writes the end of a run as a worker does.
async fn end(world: &World, run: &str, status: RunStatus) {
    let base: Document = world.load(run).await.unwrap();
    world.write(run, &base, &setting("end", "1", status)).await;
}

async fn runs_that_ended_are_counted_by_when(world: &World) {
    for (run, blueprint) in [("a", "one"), ("b", "one"), ("c", "two"), ("d", "two")] {
        world.insert(run, &format!(r#"{{"blueprintId":"{blueprint}"}}"#)).await;
    }
    world.insert("e", "{}").await;
    for (run, end) in [
        ("a", RunStatus::Completed),
        ("b", RunStatus::Completed),
        ("c", RunStatus::Failed),
        ("e", RunStatus::Cancelled),
    ] {
        world.record.write_result(run, end, &json("{}")).await.unwrap();
    }
    let hour = Duration::from_secs(3600);
    // As it is without a table of what happened when.
    let down = Target { direction: Direction::Down, to: Some(THROUGHPUT - 1), dry_run: false };
    world.record.migrate(down).await.unwrap();
    let outcomes: Vec<String> = ["cancelled", "completed", "failed", "nodes"].map(Into::into).to_vec();
    let search = |within, step| EndSearch { within, step, by: By::Blueprint, outcomes: outcomes.clone() };
    let ends = world.record.ends(&search(24 * hour, 24 * 365 * 100 * hour)).await.unwrap();
    let told: Vec<String> = ends
        .iter()
        .map(|end| format!("{} {} {}", end.status, end.blueprint.as_deref().unwrap_or("-"), end.count))
        .collect();
    assert_eq!(told, ["cancelled - 1", "completed one 2", "failed two 1"]);
    assert!(ends.iter().all(|end| end.from == 0), "one step holds them all");
    let failed = EndSearch { by: By::Queue, outcomes: vec!["failed".into()], ..search(24 * hour, hour) };
    let failed = world.record.ends(&failed).await.unwrap();
    assert_eq!(
        failed.iter().map(|end| (end.count, &end.blueprint, &end.queue)).collect::<Vec<_>>(),
        [(1, &None, &None)]
    );
    let ends = world.record.ends(&search(hour, Duration::from_secs(60))).await.unwrap();
    let views = world.record.views(&["a"]).await.unwrap();
    let ended = views["a"].updated_at.unwrap();
    let first = ends.iter().find(|end| end.status == "completed").unwrap();
    assert!(first.from <= ended && ended < first.from + 60_000, "{} {ended}", first.from);
    assert_eq!(first.from % 60_000, 0);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let ends = world.record.ends(&search(Duration::from_millis(1), hour)).await.unwrap();
    assert_eq!(ends, []);
}

async fn only_runs_that_are_over_are_removed_whole(world: &World) {
    for run in ["a", "b", "c", "d"] {
        world.insert(run, "{}").await;
    }
    let base = world.load("d").await.unwrap();
    world.write("d", &base, &setting("more", "1", RunStatus::Running)).await;
    end(world, "a", RunStatus::Completed).await;
    end(world, "b", RunStatus::Failed).await;
    let young = Removal { older_than: Some(Duration::from_secs(3600)), ..removal(&["completed", "failed"]) };
    assert!(world.record.remove(&young).await.unwrap().is_empty());
    let other = Removal { run: Some("b".into()), ..removal(&["completed"]) };
    assert!(world.record.remove(&other).await.unwrap().is_empty());
    let removed = world.record.remove(&removal(&["completed"])).await.unwrap();
    assert_eq!(removed.iter().map(|removed| removed.run.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(world.load("a").await.is_none() && world.status("a").await.is_none());
    let removed =
        world.record.remove(&Removal { limit: 1, ..removal(&["completed", "failed"]) }).await.unwrap();
    assert_eq!(removed.len(), 1);
    for run in ["c", "d"] {
        assert!(world.load(run).await.is_some() && world.status(run).await.is_some(), "{run}");
    }
}

async fn a_run_that_goes_on_again_is_not_removed(world: &World) {
    world.insert("r", "{}").await;
    end(world, "r", RunStatus::Failed).await;
    let base = world.load("r").await.unwrap();
    let again = setting("again", "1", RunStatus::Awaiting);
    let again = flowcraft_rabbitmq_adapter::record::Change { status: StatusUpdate::Published, ..again };
    // Its status row still says that it failed.
    world.write("r", &base, &again).await;
    assert!(world.record.remove(&removal(&["failed"])).await.unwrap().is_empty());
    assert!(world.load("r").await.is_some());
}

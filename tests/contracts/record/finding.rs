//! Runs found by how they stand: at which node they wait, whether a person has paused them, why they failed.

use flowcraft_rabbitmq_adapter::migrations::{Direction, FINDING, Target};
use flowcraft_rabbitmq_adapter::ports::watching::RunSearch;
use flowcraft_rabbitmq_adapter::record::{Change, Document, StatusUpdate};
use flowcraft_rabbitmq_adapter::workflow::ledger::{Halt, NodeError, RunStatus};

use super::promises;
use super::world::{World, json, setting};

promises!(
    runs_are_found_by_the_nodes_at_which_they_wait,
    runs_that_go_on_beside_a_node_that_waits_are_found_too,
    runs_are_found_by_whether_they_are_paused,
    runs_are_found_by_a_part_of_their_reason,
    runs_are_found_without_the_indexes,
    runs_of_a_blueprint_come_once_and_in_order_however_they_name_it,
);

fn search() -> RunSearch {
    RunSearch { limit: 10, ..RunSearch::default() }
}

fn at(node: &str) -> RunSearch {
    RunSearch { waiting_at: Some(node.to_owned()), ..search() }
}

async fn listed(world: &World, search: RunSearch) -> String {
    let found = world.record.list(&search).await.unwrap();
    found.into_iter().map(|summary| summary.run).collect::<Vec<_>>().join(" ")
}

/// A run changes as `change` says, on what it is now.
async fn changes(world: &World, run: &str, change: impl FnOnce(&mut Change)) {
    let base: Document = world.load(run).await.unwrap();
    let reserved = base.reserved.clone().unwrap_or_default();
    let mut next = Change { reserved, ..setting("n", "1", RunStatus::Running) };
    change(&mut next);
    assert_eq!(world.write(run, &base, &next).await.len(), 1, "{run}");
}

/// Now these nodes wait, while the run stands so.
async fn waits(world: &World, run: &str, nodes: &str, status: RunStatus) {
    changes(world, run, |change| {
        change.reserved.ledger.status = status;
        match nodes {
            "" => change.patch.deletes.push("_awaitingNodeIds".to_owned()),
            _ => change.patch.set("_awaitingNodeIds", json(nodes)),
        }
    })
    .await;
}

async fn runs_are_found_by_the_nodes_at_which_they_wait(world: &World) {
    for (run, nodes) in [("a", r#"["x"]"#), ("b", r#"["y","x"]"#), ("c", r#"["y"]"#), ("d", "")] {
        world.insert(run, "{}").await;
        waits(world, run, nodes, if nodes.is_empty() { RunStatus::Running } else { RunStatus::Awaiting })
            .await;
    }
    for (node, expected) in [("x", "a b"), ("y", "b c"), ("z", ""), ("%", "")] {
        assert_eq!(listed(world, at(node)).await, expected, "{node}");
    }
    let last = RunSearch { is_descending: true, limit: 1, ..at("x") };
    assert_eq!(listed(world, last).await, "b");
    assert_eq!(listed(world, RunSearch { after: Some("a".into()), ..at("x") }).await, "b");
    let none = RunSearch { statuses: vec!["running".into()], ..at("x") };
    assert_eq!(listed(world, none).await, "");
    waits(world, "a", "", RunStatus::Running).await;
    assert_eq!(listed(world, at("x")).await, "b");
}

async fn runs_that_go_on_beside_a_node_that_waits_are_found_too(world: &World) {
    world.insert("r", "{}").await;
    changes(world, "r", |_| {}).await;
    for (nodes, x, y) in
        [(r#"["x"]"#, "r", ""), (r#"["y", "x"]"#, "r", "r"), (r#"["y"]"#, "", "r"), ("", "", "")]
    {
        waits(world, "r", nodes, RunStatus::Running).await;
        changes(world, "r", |_| {}).await;
        assert_eq!(
            (listed(world, at("x")).await, listed(world, at("y")).await),
            (x.into(), y.into()),
            "{nodes}"
        );
    }
}

async fn runs_are_found_by_whether_they_are_paused(world: &World) {
    for run in ["a", "b", "c"] {
        world.insert(run, "{}").await;
        changes(world, run, |_| {}).await;
    }
    let found = async |paused| listed(world, RunSearch { paused: Some(paused), ..search() }).await;
    for run in ["a", "b"] {
        let halt = Halt { since: 7, reason: None };
        changes(world, run, |change| change.reserved.ledger.halted = Some(halt.into())).await;
    }
    assert_eq!((found(true).await, found(false).await), ("a b".into(), "c".into()));
    changes(world, "a", |change| change.reserved.ledger.halted = None).await;
    changes(world, "b", |change| {
        change.reserved.ledger.status = RunStatus::Cancelled;
        change.status = StatusUpdate::End;
    })
    .await;
    assert_eq!(
        (found(true).await, found(false).await),
        (String::new(), "a b c".into()),
        "what is over is paused no more"
    );
}

async fn fails(world: &World, run: &str, reason: &str, status: RunStatus) {
    world.insert(run, "{}").await;
    changes(world, run, |change| {
        let ledger = &mut change.reserved.ledger;
        ledger.status = status;
        match status {
            RunStatus::Cancelled => ledger.cancelled = Some(reason.to_owned()),
            _ => ledger.errors.push(NodeError { node: "n".into(), message: reason.to_owned() }),
        }
        change.status = StatusUpdate::End;
    })
    .await;
}

async fn runs_are_found_by_a_part_of_their_reason(world: &World) {
    fails(world, "e", "card declined: 100% of it", RunStatus::Failed).await;
    fails(world, "f", r"NODE_KILLED_WORKERS: a\b", RunStatus::Failed).await;
    fails(world, "g", "the card was lost", RunStatus::Cancelled).await;
    world.insert("h", r#"{"card":"declined"}"#).await;
    for (part, expected) in [
        ("card", "e g"),
        ("Card", ""),
        ("declined: 1", "e"),
        ("00% o", "e"),
        ("%", "e"),
        ("NODE_KILLED_WORKERS", "f"),
        ("NODE-KILLED", ""),
        (r"a\b", "f"),
        ("_", "f"),
        ("d", "e g"),
    ] {
        let found = listed(world, RunSearch { error: Some(part.to_owned()), ..search() }).await;
        assert_eq!(found, expected, "{part}");
    }
}

async fn runs_are_found_without_the_indexes(world: &World) {
    let before = Target { direction: Direction::Down, to: Some(FINDING - 1), dry_run: false };
    world.record.migrate(before).await.unwrap();
    runs_are_found_by_the_nodes_at_which_they_wait(world).await;
    runs_are_found_by_a_part_of_their_reason(world).await;
}

async fn runs_of_a_blueprint_come_once_and_in_order_however_they_name_it(world: &World) {
    let named = r#"{"_flowcraft":{"ledger":{"status":"running","nodes":{}},"blueprint":{"id":"one"}}}"#;
    for (run, text) in
        [("d", named), ("b", named), ("a", r#"{"blueprintId":"one"}"#), ("c", r#"{"blueprintId":"one"}"#)]
    {
        world.insert(run, text).await;
    }
    let of_one = || RunSearch { blueprint: Some("one".into()), ..search() };
    assert_eq!(listed(world, of_one()).await, "a b c d");
    assert_eq!(listed(world, RunSearch { is_descending: true, limit: 3, ..of_one() }).await, "d c b");
    waits(world, "b", r#"["x"]"#, RunStatus::Awaiting).await;
    waits(world, "c", r#"["x"]"#, RunStatus::Awaiting).await;
    assert_eq!(listed(world, RunSearch { waiting_at: Some("x".into()), ..of_one() }).await, "b c");
}

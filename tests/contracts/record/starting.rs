//! Runs that a client inserts: both rows of each in one step.

use flowcraft_rabbitmq_adapter::ports::record::Insertion;
use flowcraft_rabbitmq_adapter::record::NewRun;
use flowcraft_rabbitmq_adapter::workflow::ledger::RunStatus;

use super::promises;
use super::world::{World, json, setting, value};

promises!(
    a_run_is_inserted_once_with_both_rows,
    of_two_who_insert_a_run_one_does,
    of_many_those_that_are_new_are_inserted,
    of_many_that_belong_together_none_is_inserted_if_one_is_there,
    a_run_that_is_over_from_the_start_has_its_result,
    what_a_former_run_left_is_no_part_of_a_new_one,
    a_value_that_cannot_be_stored_inserts_nothing,
);

fn new(run: &str, context: &str) -> NewRun {
    let is_tagged = context.contains(r#""tags""#);
    NewRun {
        run: run.to_owned(),
        context: json(context),
        status: RunStatus::Running,
        result: None,
        is_tagged,
    }
}

async fn a_run_is_inserted_once_with_both_rows(world: &World) {
    let inserted = world.record.insert(&[new("r", r#"{"a":1}"#)], Insertion::All).await.unwrap();
    assert!(inserted.at.is_some());
    assert_eq!(inserted.runs["r"], "r");
    assert_eq!(value(&world.load("r").await.unwrap(), "a"), Some("1"));
    let status = world.status("r").await.unwrap();
    assert_eq!((status.status.as_str(), status.result), ("running", None));
    for which in [Insertion::All, Insertion::Each] {
        let again = world.record.insert(&[new("r", r#"{"a":2}"#)], which).await.unwrap();
        assert!(again.runs.is_empty() && again.at.is_none());
    }
    assert_eq!(value(&world.load("r").await.unwrap(), "a"), Some("1"));
}

async fn of_two_who_insert_a_run_one_does(world: &World) {
    let (one, other) = ([new("r", r#"{"a":1}"#)], [new("r", r#"{"a":2}"#)]);
    let (one, other) =
        tokio::join!(world.record.insert(&one, Insertion::All), world.other.insert(&other, Insertion::Each));
    assert_eq!(one.unwrap().runs.len() + other.unwrap().runs.len(), 1);
}

async fn of_many_those_that_are_new_are_inserted(world: &World) {
    world.insert("r3", r#"{"a":0}"#).await;
    let runs: Vec<NewRun> = (0..10).map(|number| new(&format!("r{number}"), r#"{"a":1}"#)).collect();
    let inserted = world.record.insert(&runs, Insertion::Each).await.unwrap();
    assert_eq!(inserted.runs.len(), 9);
    assert!(!inserted.runs.contains_key("r3"));
    assert_eq!(value(&world.load("r3").await.unwrap(), "a"), Some("0"));
    assert_eq!(value(&world.load("r9").await.unwrap(), "a"), Some("1"));
}

async fn of_many_that_belong_together_none_is_inserted_if_one_is_there(world: &World) {
    world.insert("r3", "{}").await;
    let runs: Vec<NewRun> = (0..10).map(|number| new(&format!("r{number}"), "{}")).collect();
    assert!(world.record.insert(&runs, Insertion::All).await.unwrap().runs.is_empty());
    assert!(world.load("r0").await.is_none() && world.status("r0").await.is_none());
}

async fn a_run_that_is_over_from_the_start_has_its_result(world: &World) {
    let result =
        r#"{"status":"completed","payload":{"context":{},"serializedContext":"{}","status":"completed"}}"#;
    let over = NewRun { status: RunStatus::Completed, result: Some(json(result)), ..new("r", "{}") };
    world.record.insert(&[over], Insertion::All).await.unwrap();
    let status = world.status("r").await.unwrap();
    assert_eq!((status.status.as_str(), status.result), ("completed", serde_json::from_str(result).ok()));
}

async fn what_a_former_run_left_is_no_part_of_a_new_one(world: &World) {
    world.insert("r", "{}").await;
    let base = world.load("r").await.unwrap();
    world.write("r", &base, &setting("old", "1", RunStatus::Running)).await;
    world
        .record
        .write_result("r", RunStatus::Failed, &json(r#"{"status":"failed","reason":"why"}"#))
        .await
        .unwrap();
    world.remove_context("r").await;
    let inserted = world.record.insert(&[new("r", r#"{"a":1}"#)], Insertion::All).await.unwrap();
    assert_eq!(inserted.runs.len(), 1);
    let run = world.load("r").await.unwrap();
    assert_eq!((value(&run, "a"), value(&run, "old"), run.revision.entry), (Some("1"), None, 0));
    let status = world.status("r").await.unwrap();
    assert_eq!((status.status.as_str(), status.result), ("running", None));
}

async fn a_value_that_cannot_be_stored_inserts_nothing(world: &World) {
    let runs = [new("good", "{}"), new("bad", r#"{"a":"\u0000"}"#)];
    assert!(world.record.insert(&runs, Insertion::Each).await.is_err());
    assert!(world.load("good").await.is_none() && world.status("good").await.is_none());
}

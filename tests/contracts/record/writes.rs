//! Conditional writes: what was decided on an older state of a run is not written.

use flowcraft_rabbitmq_adapter::error::Kind;
use flowcraft_rabbitmq_adapter::record::{Document, Revision, Write};
use flowcraft_rabbitmq_adapter::workflow::ledger::RunStatus;

use super::promises;
use super::world::{World, setting, value};

promises!(
    a_run_without_a_row_is_not_there,
    a_change_is_written_once_on_the_revision_it_was_decided_on,
    of_two_changes_on_one_revision_one_is_written,
    only_what_is_newer_is_read,
    a_run_that_ends_has_its_result_in_the_same_step,
    a_value_that_cannot_be_stored_fails_the_whole_statement,
    what_somebody_wrote_from_outside_makes_a_decision_old,
    many_runs_are_written_together,
    after_its_end_a_run_is_its_row,
);

async fn a_run_without_a_row_is_not_there(world: &World) {
    assert!(world.load("nobody").await.is_none());
    let change = setting("a", "1", RunStatus::Running);
    assert!(world.write("nobody", &Document::default(), &change).await.is_empty());
}

async fn a_change_is_written_once_on_the_revision_it_was_decided_on(world: &World) {
    world.insert("r", r#"{"a":0}"#).await;
    let base = world.load("r").await.unwrap();
    let written = world.write("r", &base, &setting("a", "1", RunStatus::Running)).await;
    let (at, revision) = written["r"];
    assert!(at.is_some() && revision.is_newer_than(base.revision));
    let after = world.load("r").await.unwrap();
    assert_eq!((value(&after, "a"), after.revision), (Some("1"), revision));
    assert!(world.write("r", &base, &setting("a", "2", RunStatus::Running)).await.is_empty());
    assert_eq!(value(&world.load("r").await.unwrap(), "a"), Some("1"));
}

async fn of_two_changes_on_one_revision_one_is_written(world: &World) {
    world.insert("r", "{}").await;
    let base = world.load("r").await.unwrap();
    let (one, other) = (setting("a", "1", RunStatus::Running), setting("b", "1", RunStatus::Running));
    let (one, other) = tokio::join!(world.write("r", &base, &one), world.write("r", &base, &other));
    assert_eq!(one.len() + other.len(), 1);
}

async fn only_what_is_newer_is_read(world: &World) {
    world.insert("r", r#"{"a":0}"#).await;
    let base = world.load("r").await.unwrap();
    let newer = world.newer("r", base.revision).await.unwrap();
    assert!(newer.entries.is_empty() && newer.row == base.revision.row);
    world.write("r", &base, &setting("a", "1", RunStatus::Running)).await;
    let newer = world.newer("r", base.revision).await.unwrap();
    assert_eq!(newer.entries.len(), usize::from(world.journal));
    assert_eq!(newer.row == base.revision.row, world.journal);
}

async fn a_run_that_ends_has_its_result_in_the_same_step(world: &World) {
    world.insert("r", r#"{"b":[1,{"c":null}]}"#).await;
    let base = world.load("r").await.unwrap();
    world.write("r", &base, &setting("a", "1", RunStatus::Running)).await;
    let base = world.load("r").await.unwrap();
    world.write("r", &base, &setting("z", r#""end""#, RunStatus::Completed)).await;
    let row = world.status("r").await.unwrap();
    let result = row.result.unwrap();
    assert_eq!((row.status.as_str(), &result["status"]), ("completed", &"completed".into()));
    let context = serde_json::json!({ "a": 1, "b": [1, { "c": null }], "z": "end" });
    assert_eq!(result["payload"]["context"], context);
    let text = result["payload"]["serializedContext"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(text).unwrap(), context);
}

async fn a_value_that_cannot_be_stored_fails_the_whole_statement(world: &World) {
    world.insert("good", "{}").await;
    world.insert("bad", "{}").await;
    let (good, bad) = (world.load("good").await.unwrap(), world.load("bad").await.unwrap());
    let (fine, broken) =
        (setting("a", "1", RunStatus::Running), setting("a", r#""\u0000""#, RunStatus::Running));
    let kind = world.kind();
    let write = |run: &'static str, base: &Document, change| {
        let after = base.after(&change_patch(change), &change.reserved);
        Write::new(kind, run, base, change, &after).unwrap()
    };
    let writes = [write("good", &good, &fine), write("bad", &bad, &broken)];
    let error = world.record.write(kind, &writes).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Data, "{error}");
    assert_eq!(value(&world.load("good").await.unwrap(), "a"), None);
}

fn change_patch(
    change: &flowcraft_rabbitmq_adapter::record::Change,
) -> flowcraft_rabbitmq_adapter::record::Patch {
    change.patch.clone()
}

async fn what_somebody_wrote_from_outside_makes_a_decision_old(world: &World) {
    world.insert("r", "{}").await;
    let base = world.load("r").await.unwrap();
    world.other.patch_row("r", &setting("x", "1", RunStatus::Running).patch).await.unwrap();
    assert!(world.write("r", &base, &setting("a", "1", RunStatus::Running)).await.is_empty());
    let base = world.load("r").await.unwrap();
    assert_eq!(world.write("r", &base, &setting("a", "1", RunStatus::Running)).await.len(), 1);
    let after = world.load("r").await.unwrap();
    assert_eq!((value(&after, "x"), value(&after, "a")), (Some("1"), Some("1")));
}

async fn many_runs_are_written_together(world: &World) {
    let runs: Vec<String> = (0..20).map(|number| format!("r{number}")).collect();
    for run in &runs {
        world.insert(run, "{}").await;
    }
    let asked: Vec<(&str, Revision)> = runs.iter().map(|run| (run.as_str(), Revision::default())).collect();
    let found = world.record.newest(&asked).await.unwrap();
    let mut documents: Vec<(String, Document)> =
        found.into_iter().map(|newer| (newer.run.clone(), super::world::grown(newer))).collect();
    documents.sort_by(|one, other| one.0.cmp(&other.0));
    let change = setting("a", "1", RunStatus::Running);
    let kind = world.kind();
    let writes: Vec<Write<'_>> = documents
        .iter()
        .map(|(run, base)| {
            let after = base.after(&change.patch, &change.reserved);
            Write::new(kind, run, base, &change, &after).unwrap()
        })
        .collect();
    assert_eq!(world.record.write(kind, &writes).await.unwrap().len(), 20);
}

async fn after_its_end_a_run_is_its_row(world: &World) {
    world.insert("r", "{}").await;
    for round in 0..3 {
        let base = world.load("r").await.unwrap();
        world.write("r", &base, &setting(&format!("k{round}"), "1", RunStatus::Running)).await;
    }
    let base = world.load("r").await.unwrap();
    let written = world.write("r", &base, &setting("end", "1", RunStatus::Awaiting)).await;
    assert_eq!(written["r"].1.entry, 0);
    let after = world.load("r").await.unwrap();
    assert_eq!(after.revision, written["r"].1);
    for key in ["k0", "k1", "k2", "end"] {
        assert_eq!(value(&after, key), Some("1"), "{key}");
    }
}

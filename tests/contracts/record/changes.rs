//! Changes that are decided under the lock of a run's row.

use flowcraft_rabbitmq_adapter::error::{Code, Error};
use flowcraft_rabbitmq_adapter::ports::record::{LockedChange, Projection};
use flowcraft_rabbitmq_adapter::record::StatusUpdate;
use flowcraft_rabbitmq_adapter::workflow::ledger::RunStatus;

use super::promises;
use super::world::{StatusRow, World, setting, value};

promises!(
    a_change_is_decided_on_the_run_as_it_is,
    a_run_without_a_row_gets_one,
    who_declines_changes_nothing,
    who_fails_changes_nothing,
    with_a_journal_nothing_is_decided,
    a_result_that_is_published_leaves_a_row_that_says_so,
);

async fn a_change_is_decided_on_the_run_as_it_is(world: &World) {
    if world.journal {
        return;
    }
    world.insert("r", r#"{"a":0}"#).await;
    for needed in [Projection::Whole, Projection::Ledger] {
        let mut decided = None;
        let changed = world
            .record
            .change_locked("r", needed, &mut |document| {
                assert!(document.found);
                assert_eq!(value(&document, "a").is_some(), needed == Projection::Whole);
                decided = document.at;
                Ok(Some(setting("a", "1", RunStatus::Awaiting)))
            })
            .await
            .unwrap();
        let LockedChange::Written(Some(written)) = changed else { panic!("{changed:?}") };
        let decided = decided.expect("whoever decides knows the time");
        assert!(decided <= written && written - decided < 60_000, "{decided} {written}");
    }
    assert_eq!(value(&world.load("r").await.unwrap(), "a"), Some("1"));
    assert_eq!(world.status("r").await.unwrap().status, "awaiting");
}

async fn a_run_without_a_row_gets_one(world: &World) {
    if world.journal {
        return;
    }
    let decide = &mut |document: flowcraft_rabbitmq_adapter::record::Document| {
        assert!(!document.found && document.values.is_empty());
        Ok(Some(setting("a", "1", RunStatus::Running)))
    };
    world.record.change_locked("new", Projection::Whole, decide).await.unwrap();
    assert_eq!(value(&world.load("new").await.unwrap(), "a"), Some("1"));
    assert_eq!(world.status("new").await, Some(StatusRow { status: "running".into(), result: None }));
}

async fn who_declines_changes_nothing(world: &World) {
    if world.journal {
        return;
    }
    let declined = world.record.change_locked("nobody", Projection::Whole, &mut |_| Ok(None)).await.unwrap();
    assert_eq!(declined, LockedChange::Declined);
    assert!(world.load("nobody").await.is_none());
}

async fn who_fails_changes_nothing(world: &World) {
    if world.journal {
        return;
    }
    let failed = world
        .record
        .change_locked("nobody", Projection::Whole, &mut |_| {
            Err(Error::new(Code::Internal, "Deciding", "no"))
        })
        .await;
    assert!(failed.is_err() && world.load("nobody").await.is_none());
}

async fn with_a_journal_nothing_is_decided(world: &World) {
    if !world.journal {
        return;
    }
    world.insert("r", "{}").await;
    let decide = &mut |_| panic!("it was decided");
    assert_eq!(
        world.record.change_locked("r", Projection::Whole, decide).await.unwrap(),
        LockedChange::Journal
    );
}

async fn a_result_that_is_published_leaves_a_row_that_says_so(world: &World) {
    world.insert("r", "{}").await;
    world.record.finish_unheard("r", RunStatus::Failed).await.unwrap();
    assert_eq!(world.status("r").await.unwrap().status, "failed");
    // Not where somebody said something else meanwhile.
    world.record.finish_unheard("r", RunStatus::Completed).await.unwrap();
    assert_eq!(world.status("r").await.unwrap().status, "failed");
    if world.journal {
        return;
    }
    world.insert("s", "{}").await;
    let published = |_| {
        let change = setting("a", "1", RunStatus::Completed);
        Ok(Some(flowcraft_rabbitmq_adapter::record::Change { status: StatusUpdate::Published, ..change }))
    };
    world.record.change_locked("s", Projection::Whole, &mut { published }).await.unwrap();
    assert_eq!(world.status("s").await, Some(StatusRow { status: "completed".into(), result: None }));
}

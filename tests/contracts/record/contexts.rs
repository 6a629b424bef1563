//! Keys of a run's context, as a `PostgresContext` reads and writes them.

use flowcraft_rabbitmq_adapter::migrations::Target;
use flowcraft_rabbitmq_adapter::ports::record::InRow;
use flowcraft_rabbitmq_adapter::record::{Entry, Patch, Revision, to_raw};
use flowcraft_rabbitmq_adapter::workflow::ledger::RunStatus;

use super::promises;
use super::world::{World, json, setting, value};

promises!(
    a_key_is_read_from_the_row_or_from_the_journal,
    a_patch_creates_the_row_and_keeps_other_keys,
    keys_are_data,
    an_entry_is_appended_only_as_the_next_one,
    the_journal_comes_and_goes_and_nothing_is_lost,
    what_is_no_document_is_refused,
);

async fn a_key_is_read_from_the_row_or_from_the_journal(world: &World) {
    world.insert("r", r#"{"a":{"b":1}}"#).await;
    let (found, missing) =
        (world.record.value("r", "a").await.unwrap(), world.record.has_key("r", "b").await.unwrap());
    if world.journal {
        assert_eq!((found, missing), (InRow::Journal, InRow::Journal));
        return;
    }
    let InRow::Found(Some(text)) = found else { panic!("{found:?}") };
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), serde_json::json!({ "b": 1 }));
    assert_eq!(missing, InRow::Found(false));
    assert_eq!(world.record.value("nobody", "a").await.unwrap(), InRow::NoRow);
}

async fn a_patch_creates_the_row_and_keeps_other_keys(world: &World) {
    let mut patch = Patch::default();
    patch.set("a", json("1"));
    world.record.patch_row("new", &patch).await.unwrap();
    let mut other = Patch { deletes: vec!["a".into()], ..Patch::default() };
    other.set("b", json("2"));
    world.record.patch_row("new", &other).await.unwrap();
    let after = world.load("new").await.unwrap();
    assert_eq!((value(&after, "a"), value(&after, "b")), (None, Some("2")));
}

async fn keys_are_data(world: &World) {
    for key in ["a'b", "{a,b}", "a.b", "\"", "$1", "__proto__", "ü€", "\\u0000", ""] {
        let mut patch = Patch::default();
        patch.set(key, json("7"));
        world.record.patch_row("r", &patch).await.unwrap();
        assert_eq!(value(&world.load("r").await.unwrap(), key), Some("7"), "{key}");
    }
}

async fn an_entry_is_appended_only_as_the_next_one(world: &World) {
    world.insert("r", "{}").await;
    let base = world.load("r").await.unwrap();
    let entry = to_raw(&Entry::of_patch(&base, &setting("x", "1", RunStatus::Running).patch)).unwrap();
    if !world.journal {
        return;
    }
    assert!(world.record.append("r", base.revision, &entry).await.unwrap());
    assert!(!world.record.append("r", base.revision, &entry).await.unwrap());
    let old_row = Revision { row: base.revision.row - 1, entry: 1 };
    assert!(!world.record.append("r", old_row, &entry).await.unwrap());
    let next = Revision { entry: 1, ..base.revision };
    assert!(world.record.append("r", next, &entry).await.unwrap());
    assert_eq!(value(&world.load("r").await.unwrap(), "x"), Some("1"));
}

async fn the_journal_comes_and_goes_and_nothing_is_lost(world: &World) {
    world.insert("r", r#"{"a":1}"#).await;
    let base = world.load("r").await.unwrap();
    world.write("r", &base, &setting("b", "2", RunStatus::Running)).await;
    for _ in 0..2 {
        world.record.migrate(Target::DOWN).await.unwrap();
        assert!(!world.record.find_journal().await.unwrap());
        let after = world.load("r").await.unwrap();
        assert_eq!((value(&after, "a"), value(&after, "b")), (Some("1"), Some("2")));
        assert!(after.reserved.is_some() && after.revision.entry == 0);
        world.record.migrate(Target::UP).await.unwrap();
        world.record.migrate(Target::UP).await.unwrap();
        assert!(world.record.find_journal().await.unwrap());
    }
}

async fn what_is_no_document_is_refused(world: &World) {
    world.insert("r", "[1]").await;
    let mut patch = Patch::default();
    patch.set("a", json("1"));
    assert!(world.record.patch_row("r", &patch).await.is_err());
    if !world.journal {
        assert!(world.record.reserved("r").await.is_err());
    }
}

//! The table of schedules, where it was made.

use flowcraft_rabbitmq_adapter::migrations::Target;
use flowcraft_rabbitmq_adapter::ports::scheduling::{
    FoundSchedules, NewSchedule, ScheduleSearch, ScheduleWrite, ScheduleWritten,
};
use flowcraft_rabbitmq_adapter::record::NewRun;
use flowcraft_rabbitmq_adapter::workflow::ledger::RunStatus;

use super::promises;
use super::world::{World, json, value};

promises!(
    a_schedule_is_created_once_changed_as_it_was_read_and_removed,
    of_two_who_change_a_schedule_one_does,
    runs_are_inserted_with_the_change_or_not_at_all,
    a_run_that_is_there_already_stays_as_it_is,
    a_run_that_cannot_be_stored_undoes_the_change,
    those_that_are_due_are_found_in_their_order_and_the_next_is_known,
    pages_are_in_the_order_of_ids,
    schedules_without_the_table_are_nowhere,
    a_table_that_comes_and_goes_is_noticed,
);

fn new<'a>(id: &'a str, text: &'a str, due: Option<u64>) -> NewSchedule<'a> {
    NewSchedule { id, blueprint: "flow", text, due }
}

fn a_run(run: &str, context: &str) -> NewRun {
    let is_tagged = context.contains(r#""tags""#);
    NewRun {
        run: run.to_owned(),
        context: json(context),
        status: RunStatus::Running,
        result: None,
        is_tagged,
    }
}

async fn migrated(world: &World) {
    world.record.migrate(Target::UP).await.unwrap();
}

async fn write(world: &World, write: ScheduleWrite<'_>, runs: &[NewRun]) -> ScheduleWritten {
    world.record.write_schedule(&write, runs).await.unwrap().unwrap()
}

async fn find(world: &World, search: ScheduleSearch) -> FoundSchedules {
    world.other.schedules(&search).await.unwrap().unwrap()
}

/// A schedule's value of a key, and its revision.
async fn one(world: &World, id: &str) -> Option<(i64, i64)> {
    let found = find(world, ScheduleSearch::One(id.into())).await;
    let stored = found.schedules.first()?;
    let text: serde_json::Value = serde_json::from_str(&stored.text).unwrap();
    Some((text["n"].as_i64().unwrap(), stored.revision))
}

fn due(without_blueprints: &[&str], without: &[&str]) -> ScheduleSearch {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ScheduleSearch::Due { without_blueprints: owned(without_blueprints), without: owned(without), limit: 10 }
}

fn ids(found: &FoundSchedules) -> Vec<&str> {
    found.schedules.iter().map(|stored| stored.id.as_str()).collect()
}

async fn a_schedule_is_created_once_changed_as_it_was_read_and_removed(world: &World) {
    migrated(world).await;
    let id = "it's \"one\"";
    assert_eq!(one(world, id).await, None);
    assert!(write(world, ScheduleWrite::Insert(new(id, r#"{"n":1}"#, None)), &[]).await.is_written);
    assert!(!write(world, ScheduleWrite::Insert(new(id, r#"{"n":2}"#, None)), &[]).await.is_written);
    let (n, revision) = one(world, id).await.unwrap();
    assert_eq!(n, 1);
    assert!(write(world, ScheduleWrite::Change(new(id, r#"{"n":3}"#, None), revision), &[]).await.is_written);
    assert!(
        !write(world, ScheduleWrite::Change(new(id, r#"{"n":4}"#, None), revision), &[]).await.is_written
    );
    let (n, next) = one(world, id).await.unwrap();
    assert_eq!((n, next != revision), (3, true));
    assert!(write(world, ScheduleWrite::Remove(id), &[]).await.is_written);
    assert!(!write(world, ScheduleWrite::Remove(id), &[]).await.is_written);
    assert!(!write(world, ScheduleWrite::Change(new(id, "{}", None), next), &[]).await.is_written);
    assert_eq!(one(world, id).await, None);
}

async fn of_two_who_change_a_schedule_one_does(world: &World) {
    migrated(world).await;
    write(world, ScheduleWrite::Insert(new("s", r#"{"n":1}"#, None)), &[]).await;
    let (_, revision) = one(world, "s").await.unwrap();
    let (one, other) = (new("s", r#"{"n":2}"#, None), new("s", r#"{"n":3}"#, None));
    let (one, other) = (ScheduleWrite::Change(one, revision), ScheduleWrite::Change(other, revision));
    let runs = [a_run("r", "{}")];
    let (one, other) =
        tokio::join!(world.record.write_schedule(&one, &runs), world.other.write_schedule(&other, &runs));
    let written = [one.unwrap().unwrap(), other.unwrap().unwrap()];
    assert_eq!(written.iter().filter(|written| written.is_written).count(), 1);
    assert_eq!(written.iter().map(|written| written.inserted.runs.len()).sum::<usize>(), 1);
}

async fn runs_are_inserted_with_the_change_or_not_at_all(world: &World) {
    migrated(world).await;
    write(world, ScheduleWrite::Insert(new("s", r#"{"n":1}"#, None)), &[]).await;
    let (_, revision) = one(world, "s").await.unwrap();
    let change = ScheduleWrite::Change(new("s", r#"{"n":2}"#, None), revision);
    let runs: Vec<NewRun> = (0..3).map(|number| a_run(&format!("r{number}"), r#"{"a":1}"#)).collect();
    let written = write(world, change, &runs).await;
    assert_eq!((written.inserted.runs.len(), written.inserted.at.is_some()), (3, true));
    assert_eq!(value(&world.load("r2").await.unwrap(), "a"), Some("1"));
    assert_eq!(world.status("r0").await.unwrap().status, "running");
    let outdated = write(world, change, &[a_run("late", "{}")]).await;
    assert_eq!(outdated, ScheduleWritten::default());
    assert!(world.load("late").await.is_none() && world.status("late").await.is_none());
}

async fn a_run_that_is_there_already_stays_as_it_is(world: &World) {
    migrated(world).await;
    world.insert("r0", r#"{"a":0}"#).await;
    write(world, ScheduleWrite::Insert(new("s", r#"{"n":1}"#, None)), &[]).await;
    let (_, revision) = one(world, "s").await.unwrap();
    let runs = [a_run("r0", r#"{"a":1}"#), a_run("r1", r#"{"a":1}"#)];
    let written = write(world, ScheduleWrite::Change(new("s", r#"{"n":2}"#, None), revision), &runs).await;
    assert_eq!(written.inserted.runs.keys().collect::<Vec<_>>(), ["r1"]);
    assert_eq!(value(&world.load("r0").await.unwrap(), "a"), Some("0"));
    assert_eq!(one(world, "s").await.unwrap().0, 2);
}

async fn a_run_that_cannot_be_stored_undoes_the_change(world: &World) {
    migrated(world).await;
    write(world, ScheduleWrite::Insert(new("s", r#"{"n":1}"#, None)), &[]).await;
    let (_, revision) = one(world, "s").await.unwrap();
    let runs = [a_run("good", "{}"), a_run("bad", r#"{"a":"\u0000"}"#)];
    let change = ScheduleWrite::Change(new("s", r#"{"n":2}"#, None), revision);
    assert!(world.record.write_schedule(&change, &runs).await.is_err());
    assert_eq!(one(world, "s").await.unwrap(), (1, revision));
    assert!(world.load("good").await.is_none());
    let bad = ScheduleWrite::Insert(new("bad", r#"{"n":"\u0000"}"#, None));
    assert!(world.record.write_schedule(&bad, &[]).await.is_err());
    assert_eq!(find(world, ScheduleSearch::One("bad".into())).await.schedules.len(), 0);
}

async fn those_that_are_due_are_found_in_their_order_and_the_next_is_known(world: &World) {
    migrated(world).await;
    let now = find(world, ScheduleSearch::One(String::new())).await.at;
    assert!(now > 1_700_000_000_000);
    assert_eq!(find(world, due(&[], &[])).await.next, None);
    for (id, moment) in [
        ("b", Some(now - 2_000)),
        ("a", Some(now - 1_000)),
        ("c", Some(now)),
        ("later", Some(now + 60_000)),
        ("last", Some(now + 90_000)),
        ("never", None),
    ] {
        write(world, ScheduleWrite::Insert(new(id, "{}", moment)), &[]).await;
    }
    let other = NewSchedule { blueprint: "other", ..new("d", "{}", Some(now - 3_000)) };
    write(world, ScheduleWrite::Insert(other), &[]).await;
    let found = find(world, due(&[], &[])).await;
    assert_eq!((ids(&found), found.next), (vec!["d", "b", "a", "c"], Some(now + 60_000)));
    assert!(found.at >= now && found.at < now + 10_000);
    assert_eq!(ids(&find(world, due(&["other"], &["b"])).await), ["a", "c"]);
    let first = ScheduleSearch::Due { without_blueprints: vec![], without: vec![], limit: 1 };
    assert_eq!(ids(&find(world, first).await), ["d"]);
}

async fn pages_are_in_the_order_of_ids(world: &World) {
    migrated(world).await;
    for id in ["b", "a", "C", "ä", "d"] {
        let blueprint = if id == "a" { "other" } else { "flow" };
        let new = NewSchedule { blueprint, ..new(id, "{}", None) };
        write(world, ScheduleWrite::Insert(new), &[]).await;
    }
    let page = |blueprint: Option<&str>, after: &str, limit| ScheduleSearch::Page {
        blueprint: blueprint.map(str::to_owned),
        after: after.to_owned(),
        limit,
    };
    assert_eq!(ids(&find(world, page(None, "", 10)).await), ["C", "a", "b", "d", "ä"]);
    assert_eq!(ids(&find(world, page(None, "a", 2)).await), ["b", "d"]);
    assert_eq!(ids(&find(world, page(Some("other"), "", 10)).await), ["a"]);
    assert!(find(world, page(None, "ä", 10)).await.schedules.is_empty());
}

async fn schedules_without_the_table_are_nowhere(world: &World) {
    world.record.migrate(Target::DOWN).await.unwrap();
    assert_eq!(world.record.schedules(&due(&[], &[])).await.unwrap(), None);
    let insert = ScheduleWrite::Insert(new("s", "{}", None));
    assert_eq!(world.record.write_schedule(&insert, &[a_run("r", "{}")]).await.unwrap(), None);
    assert!(world.load("r").await.is_none());
}

async fn a_table_that_comes_and_goes_is_noticed(world: &World) {
    for _ in 0..2 {
        migrated(world).await;
        write(world, ScheduleWrite::Insert(new("s", r#"{"n":1}"#, None)), &[]).await;
        assert_eq!(one(world, "s").await.unwrap().0, 1);
        world.record.migrate(Target::DOWN).await.unwrap();
        let insert = ScheduleWrite::Insert(new("s", "{}", None));
        assert_eq!(world.other.schedules(&due(&[], &[])).await.unwrap(), None);
        assert_eq!(world.record.write_schedule(&insert, &[a_run("r", "{}")]).await.unwrap(), None);
        assert!(world.load("r").await.is_none());
    }
}

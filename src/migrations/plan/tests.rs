//! Plans, from tables that stand so.

use std::collections::BTreeMap;

use crate::migrations::{Index, IndexState, LargeColumn, OwnedIndex, Relation, RelationKind};

use super::*;

fn table(name: &str, column: &str, kind: RelationKind, parent: Option<usize>) -> Relation {
    let columns = vec![LargeColumn { name: column.into(), compressible: true, lz4: false }];
    Relation { sql: format!("\"{name}\""), kind, parent, indexes: BTreeMap::new(), columns }
}

/// A table that has an index which stands so.
fn has(table: &mut Relation, which: OwnedIndex, index: Index) {
    table.indexes.insert(which, IndexState { index, attached: false });
}

fn untouched() -> Facts {
    Facts {
        contexts: vec![table("c", "context_data", RelationKind::Table, None)],
        statuses: vec![table("s", "result", RelationKind::Table, None)],
        status: "status::text".into(),
        lz4: true,
        ..Facts::default()
    }
}

/// As version 2.0.0 left it.
fn of_2_0_0() -> Facts {
    let mut facts = Facts { journal: true, live: true, ..untouched() };
    has(&mut facts.statuses[0], OwnedIndex::Open, Index::Valid);
    facts.contexts[0].columns[0].lz4 = true;
    facts.statuses[0].columns[0].lz4 = true;
    facts
}

fn complete() -> Facts {
    let mut statuses = of_2_0_0().statuses;
    let mut contexts = of_2_0_0().contexts;
    OwnedIndex::OF_STATUSES.iter().for_each(|which| has(&mut statuses[0], *which, Index::Valid));
    OwnedIndex::OF_CONTEXTS.iter().for_each(|which| has(&mut contexts[0], *which, Index::Valid));
    Facts {
        contexts,
        statuses,
        tags: true,
        workers: true,
        schedules: true,
        paused: true,
        history: true,
        throughput: true,
        migrations: true,
        forgets: true,
        forgets_history: true,
        triggers: ["forget", "forget_all", "forget_history", "forget_all_history"]
            .map(|what| format!("\"c_{what}\""))
            .to_vec(),
        recorded: (1..=LAST).map(|step| (step, 7)).collect(),
        ..of_2_0_0()
    }
}

fn steps(target: Target, facts: &Facts) -> Vec<(u32, bool)> {
    plan(target, facts).iter().map(|planned| (planned.report.step, planned.report.taken_over)).collect()
}

fn sql(target: Target, facts: &Facts) -> String {
    plan(target, facts).into_iter().flat_map(|planned| planned.report.sql).collect::<Vec<_>>().join(";\n")
}

fn to(direction: Direction, to: u32) -> Target {
    Target { direction, to: Some(to), dry_run: false }
}

/// Steps of which nothing is there before.
fn new(steps: impl Iterator<Item = u32>) -> Vec<(u32, bool)> {
    steps.map(|step| (step, false)).collect()
}

#[test]
fn steps_are_made_in_their_order_and_taken_away_in_the_other() {
    let of_2_0_0_up = (1..=11).map(|step| (step, step <= 3)).collect();
    for (target, facts, expected) in [
        (Target::UP, untouched(), new(1..=11)),
        (Target::UP, complete(), vec![]),
        (Target::UP, of_2_0_0(), of_2_0_0_up),
        (to(Direction::Up, 2), untouched(), new(1..=2)),
        (to(Direction::Up, 2), complete(), vec![]),
        (Target::DOWN, complete(), new((1..=11).rev())),
        (Target::DOWN, of_2_0_0(), new((1..=3).rev())),
        (Target::DOWN, untouched(), vec![]),
        (to(Direction::Down, 2), complete(), new((3..=11).rev())),
        (to(Direction::Down, LAST), complete(), vec![]),
    ] {
        assert_eq!(steps(target, &facts), expected, "{target:?} {facts:?}");
    }
}

#[test]
fn a_step_is_done_if_it_is_there_and_recorded_or_of_version_2_0_0() {
    let done = |facts: &Facts| status(facts).iter().map(|step| step.done).collect::<Vec<_>>();
    assert_eq!(done(&untouched()), [false; 11]);
    assert_eq!(done(&complete()), [true; 11]);
    assert_eq!(done(&of_2_0_0()), [true, true, true, false, false, false, false, false, false, false, false]);
    // Version 2.0.0 took it away.
    assert_eq!(
        done(&Facts { journal: false, live: false, ..complete() }),
        [false, true, true, true, true, true, true, true, true, true, true]
    );
    let mut invalid = complete();
    has(&mut invalid.statuses[0], OwnedIndex::Open, Index::Invalid);
    assert_eq!(done(&invalid), [true, false, true, true, true, true, true, true, true, true, true]);
}

#[test]
fn the_table_of_migrations_comes_with_the_first_step_and_goes_with_the_last() {
    let up = sql(Target::UP, &untouched());
    assert_eq!(up.matches("CREATE TABLE IF NOT EXISTS \"c_migrations\"").count(), 1);
    assert!(up.find("\"c_migrations\"") < up.find("\"s_open\""), "{up}");
    let down = sql(Target::DOWN, &complete());
    assert!(down.ends_with("DROP TABLE \"c_migrations\";\nCOMMIT"), "{down}");
    assert!(!sql(to(Direction::Down, 1), &complete()).contains("DROP TABLE \"c_migrations\""));
}

#[test]
fn an_index_that_was_left_half_made_is_made_anew() {
    let mut facts = complete();
    has(&mut facts.statuses[0], OwnedIndex::Open, Index::Invalid);
    let planned = plan(Target::UP, &facts);
    let sql = planned[0].report.sql.join(";\n");
    assert!(!planned[0].is_new);
    assert!(
        sql.find("DROP INDEX CONCURRENTLY").unwrap() < sql.find("CREATE INDEX CONCURRENTLY").unwrap(),
        "{sql}"
    );
}

#[test]
fn partitions_get_an_index_each_of_which_the_tables_is_made() {
    let mut facts = untouched();
    facts.statuses = vec![
        table("s", "result", RelationKind::Partitioned, None),
        table("s1", "result", RelationKind::Partitioned, Some(0)),
        table("s2", "result", RelationKind::Other, Some(0)),
        table("s11", "result", RelationKind::Table, Some(1)),
    ];
    let planned = &plan(Target::UP, &facts)[1];
    let wanted = [
        r#"CREATE INDEX "s_open" ON ONLY "s""#,
        r#"CREATE INDEX "s1_open" ON ONLY "s1""#,
        r#"CREATE INDEX CONCURRENTLY "s11_open" ON "s11""#,
        r#"ALTER INDEX "s1_open" ATTACH PARTITION "s11_open""#,
        r#"ALTER INDEX "s_open" ATTACH PARTITION "s1_open""#,
        r#"INSERT INTO "c_migrations""#,
    ];
    let sql = planned.report.sql.join(";\n");
    let places: Vec<Option<usize>> = wanted.iter().map(|wanted| sql.find(wanted)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {sql}");
    assert!(!sql.contains("s2_open"));
    assert_eq!(planned.report.notes.len(), 1);
}

#[test]
fn every_act_says_how_long_it_waits_and_leaves_nothing_on_the_connection() {
    for planned in plan(Target::UP, &untouched()).into_iter().chain(plan(Target::DOWN, &complete())) {
        for act in planned.acts {
            let sql = act.sql();
            let sets =
                sql.iter().filter(|sql| sql.starts_with("SET ") && !sql.starts_with("SET LOCAL ")).count();
            let resets = sql.iter().filter(|sql| sql.starts_with("RESET ")).count();
            assert!(sql.iter().any(|sql| sql.contains("lock_timeout")), "{sql:?}");
            assert_eq!(sets, resets, "{sql:?}");
        }
    }
}

#[test]
fn a_server_without_lz4_is_told_of_and_the_step_is_recorded() {
    let facts = Facts { lz4: false, ..untouched() };
    let planned = &plan(Target::UP, &facts)[2];
    assert_eq!((planned.report.notes.len(), planned.report.taken_over, planned.acts.len()), (1, false, 1));
}

#[test]
fn what_was_taken_away_by_others_of_what_forgets_entries_is_made_again() {
    let mut facts = Facts { schema: "\"x\"".into(), ..complete() };
    facts.triggers.retain(|name| name != r#""c_forget""#);
    let planned = plan(Target::UP, &facts);
    let sql = planned[0].report.sql.join(";\n");
    assert_eq!((planned.len(), planned[0].step.number), (1, 5));
    assert!(sql.contains(r#"CREATE TRIGGER "c_forget" AFTER DELETE ON "x"."c" FOR EACH ROW"#), "{sql}");
    assert!(!sql.contains("AFTER TRUNCATE"), "{sql}");
}

#[test]
fn ids_that_are_no_texts_are_compared_as_what_they_are() {
    let uuid = |facts: Facts| Facts { cast: "::uuid", ..facts };
    assert!(sql(Target::UP, &uuid(untouched())).contains("j.run_id = t.run_id::text"));
    assert!(sql(Target::DOWN, &uuid(complete())).contains("WHERE run_id = $1::uuid"));
    assert!(!sql(Target::UP, &untouched()).contains("t.run_id::text"));
}

#[test]
fn tags_of_earlier_runs_are_filled_in_last_and_go_with_their_column() {
    let before = Facts { tags: false, ..untouched() };
    let planned = plan(to(Direction::Up, 7), &before);
    let sql_of = |planned: &Planned| planned.report.sql.join(";\n");
    let up = sql_of(planned.last().unwrap());
    let wanted = [
        r#"ALTER TABLE "s" ADD COLUMN flowcraft_tags TEXT[]"#,
        r#"CREATE INDEX CONCURRENTLY "s_tags" ON "s" USING gin (flowcraft_tags)"#,
        r#"UPDATE "s" AS s SET flowcraft_tags"#,
        r#"VALUES (7, 'tags')"#,
    ];
    let places: Vec<Option<usize>> = wanted.iter().map(|wanted| up.find(wanted)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {up}");
    let down = sql_of(plan(to(Direction::Down, 6), &complete()).last().unwrap());
    assert!(down.contains(r#"ALTER TABLE "s" DROP COLUMN flowcraft_tags"#), "{down}");
}

#[test]
fn a_migration_that_ended_before_the_tags_were_filled_in_fills_them_in() {
    let mut facts = complete();
    facts.recorded.remove(&7);
    assert!(!status(&facts)[6].done);
    let up = sql(Target::UP, &facts);
    assert!(up.contains(r#"UPDATE "s" AS s SET flowcraft_tags"#) && !up.contains("ALTER TABLE"), "{up}");
}

#[test]
fn a_status_table_that_is_a_view_keeps_its_columns() {
    let mut facts = untouched();
    facts.statuses[0].kind = RelationKind::Other;
    let planned = plan(to(Direction::Up, 7), &facts);
    let last = planned.last().unwrap();
    assert_eq!((last.step.number, last.report.notes.len()), (7, 1));
    assert!(!last.report.sql.join(";").contains("flowcraft_tags"));
}

#[test]
fn reasons_have_an_index_once_the_extension_for_it_is_there() {
    let reason = Some("result::jsonb->>'reason'".to_owned());
    let without = Facts { reason: reason.clone(), ..untouched() };
    let step = |facts: &Facts| plan(Target::UP, facts).pop().unwrap().report;
    assert_eq!(step(&without).notes.len(), 1);
    assert!(!step(&without).sql.join(";").contains("s_reasons"));
    let with = Facts { trigrams: Some("\"x\"".into()), ..without };
    let sql = step(&with).sql.join(";\n");
    assert!(step(&with).notes.is_empty());
    let index = r#"CREATE INDEX CONCURRENTLY "s_reasons" ON "s" USING gin ((result::jsonb->>'reason') "x".gin_trgm_ops)"#;
    assert!(sql.contains(index) && sql.contains(r#"CREATE INDEX CONCURRENTLY "c_waits" ON "c""#), "{sql}");
    // What was migrated before the extension came lacks the index alone.
    let mut late = Facts { reason, trigrams: with.trigrams, ..complete() };
    late.statuses[0].indexes.remove(&OwnedIndex::Reasons);
    let late = self::sql(Target::UP, &late);
    assert_eq!(late.matches("CREATE INDEX").count(), 1, "{late}");
}

#[test]
fn the_history_goes_with_the_row_of_its_run() {
    let up = sql(Target::UP, &Facts { schema: "\"x\"".into(), ..untouched() });
    let wanted = [
        r#"CREATE TABLE IF NOT EXISTS "c_history""#,
        r#"FUNCTION "x"."c_forget_history"() RETURNS trigger"#,
        r#"DELETE FROM "x"."c_history" AS j WHERE j.run_id = OLD.run_id::text COLLATE "C""#,
        r#"CREATE TRIGGER "c_forget_history" AFTER DELETE ON "x"."c" FOR EACH ROW"#,
        r#"CREATE TRIGGER "c_forget_all_history" AFTER TRUNCATE ON "x"."c""#,
        r"VALUES (9, 'history')",
    ];
    let places: Vec<Option<usize>> = wanted.iter().map(|wanted| up.find(wanted)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {up}");
    let down = sql(to(Direction::Down, 8), &complete());
    let gone = [
        r#"DROP TRIGGER "c_forget_history" ON"#,
        r#"DROP TRIGGER "c_forget_all_history" ON"#,
        r#"FUNCTION "c_forget_history"()"#,
        r#"DROP TABLE "c_history""#,
    ];
    assert!(gone.iter().all(|wanted| down.contains(wanted)), "{down}");
    assert!(!down.contains(r#""c_forget""#), "{down}");
}

#[test]
fn throughput_is_a_table_of_its_own_that_nothing_takes_rows_from() {
    let made = sql(Target::UP, &Facts { throughput: false, ..complete() });
    assert!(made.contains(r#"CREATE TABLE IF NOT EXISTS "c_throughput""#), "{made}");
    assert!(made.contains("VALUES (10, 'throughput')") && !made.contains("TRIGGER"), "{made}");
    let taken = sql(to(Direction::Down, 9), &complete());
    assert!(taken.contains(r#"DROP TABLE "c_throughput""#) && !taken.contains("c_history"), "{taken}");
}

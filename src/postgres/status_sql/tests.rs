use super::*;
use crate::postgres::columns::Column;
use crate::postgres::tables::Table;

fn table(columns: &[(&str, &str)]) -> Table {
    let column = |kind: &str| Column { kind: kind.into(), base: kind.into(), ..Column::default() };
    let columns = columns.iter().map(|(name, kind)| ((*name).into(), column(kind))).collect();
    Table { sql: "\"s\"".into(), columns, ..Table::default() }
}

fn shape(table: &Table) -> Shape<'_> {
    let moments = table.columns.contains_key("updated_at").then(Moments::default);
    Shape { table, ids: Ids::Text, moments, owed: Vec::new() }
}

fn statements(columns: &[(&str, &str)]) -> Option<Statements> {
    Statements::for_shape(&shape(&table(columns)))
}

const TIME: (&str, &str) = ("updated_at", "timestamp with time zone");
const CODE: [(&str, &str); 4] = [("run_id", "text"), ("status", "text"), ("status_data", "jsonb"), TIME];

#[test]
fn each_of_the_three_tables_gets_statements_of_its_own() {
    let readme = statements(&[("run_id", "text"), ("status_data", "jsonb"), TIME]).unwrap();
    assert!(readme.touch.contains("(run_id, status_data, updated_at)"), "{}", readme.touch);
    assert!(readme.timed.unwrap().stale.contains("t.status_data::jsonb->>'status' = 'running'"));

    let guide = statements(&[("run_id", "text"), ("status", "text"), TIME, ("result", "jsonb")]).unwrap();
    assert!(guide.finish.contains("(run_id, status, result, updated_at)"), "{}", guide.finish);

    let code = statements(&CODE).unwrap();
    assert!(code.finish.contains("(run_id, status, status_data, updated_at)"), "{}", code.finish);
    assert!(!code.touch.contains("status_data = EXCLUDED"), "{}", code.touch);

    assert!(statements(&[("run_id", "text")]).is_none());
}

/// The engine's connections join by loops alone: each of thousands of runs would be compared with each.
#[test]
fn runs_that_are_inserted_are_joined_with_nothing() {
    let contexts = Contexts { sql: "\"c\"".into(), ids: Ids::Text, owed: Vec::new() };
    for (has_journal, has_tags) in [(false, false), (true, true)] {
        let beside = Beside { has_journal, has_tags };
        let sql = statements(&CODE).unwrap().insert(&contexts, "given AS (SELECT 1)", beside);
        assert!(!sql.contains(" JOIN ") && sql.contains(" IN (SELECT "), "{sql}");
        assert_eq!(sql.contains("AS tags"), has_tags, "{sql}");
    }
}

#[test]
fn where_a_new_row_owes_values_rows_are_only_changed() {
    let table = table(&CODE);
    let owing = Shape { owed: vec!["tenant".into()], ids: Ids::Uuid, ..shape(&table) };
    let Statements { touch, finish, touch_all, finish_all, .. } = Statements::for_shape(&owing).unwrap();
    for statement in [touch, finish, touch_all, finish_all] {
        assert!(statement.starts_with("UPDATE") && !statement.contains("EXCLUDED"), "{statement}");
        assert!(statement.contains("::uuid") && !statement.contains("t.run_id::"), "{statement}");
    }
}

#[test]
fn a_time_without_a_zone_is_written_and_read_at_one_place() {
    let table = table(&CODE);
    let there = Shape { moments: Some(Moments::at("'Asia/Tokyo'")), ..shape(&table) };
    let Statements { touch, timed, .. } = Statements::for_shape(&there).unwrap();
    assert!(touch.contains("(clock_timestamp() AT TIME ZONE 'Asia/Tokyo')"), "{touch}");
    let stale = timed.unwrap().stale;
    assert!(stale.contains("extract(epoch FROM (updated_at AT TIME ZONE 'Asia/Tokyo'))"), "{stale}");
}

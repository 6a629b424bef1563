use super::*;

fn table(columns: &[(&str, &str)]) -> Table {
    let columns = columns.iter().map(|(name, kind)| ((*name).into(), (*kind).into())).collect();
    Table { sql: "\"s\"".into(), columns }
}

#[test]
fn each_of_the_three_tables_gets_statements_of_its_own() {
    let time = ("updated_at", "timestamp with time zone");
    let readme =
        Statements::for_columns(&table(&[("run_id", "text"), ("status_data", "jsonb"), time])).unwrap();
    assert!(readme.touch.contains("(run_id, status_data, updated_at)"), "{}", readme.touch);
    assert!(readme.timed.unwrap().stale.contains("t.status_data::jsonb->>'status' = 'running'"));

    let guide = [("run_id", "text"), ("status", "text"), time, ("result", "jsonb")];
    let guide = Statements::for_columns(&table(&guide)).unwrap();
    assert!(guide.finish.contains("(run_id, status, result, updated_at)"), "{}", guide.finish);

    let code = [("run_id", "text"), ("status", "text"), ("status_data", "jsonb"), time];
    let code = Statements::for_columns(&table(&code)).unwrap();
    assert!(code.finish.contains("(run_id, status, status_data, updated_at)"), "{}", code.finish);
    assert!(!code.touch.contains("status_data = EXCLUDED"), "{}", code.touch);

    assert!(Statements::for_columns(&table(&[("run_id", "text")])).is_none());
}

use super::*;
use crate::postgres::pool::Pool;

fn url(url: &str) -> PostgresSettings {
    PostgresSettings { url: Some(url.into()), ..PostgresSettings::default() }
}

#[test]
fn the_settings_decide_about_encryption_and_not_the_url() {
    for (mode, expected) in [
        (ssl::Mode::Disable, SslMode::Disable),
        (ssl::Mode::Require, SslMode::Require),
        (ssl::Mode::Unverified, SslMode::Require),
    ] {
        let ssl = Some(SslSettings { mode, ..SslSettings::default() });
        let given = url("postgresql://u:p@h/db?sslmode=verify-full&application_name=x&ssl=true");
        let (config, _) = parse(&PostgresSettings { ssl, ..given }).unwrap();
        assert_eq!(config.get_ssl_mode(), expected);
        assert_eq!((config.get_dbname(), config.get_application_name()), (Some("db"), Some("x")));
    }
}

#[test]
fn several_hosts_are_kept() {
    let (config, _) = parse(&url("postgres://u@a:1,b:2/db?target_session_attrs=read-write")).unwrap();
    assert_eq!((config.get_hosts().len(), config.get_ports()), (2, &[1, 2][..]));
    let hosts = vec!["a".into(), "b".into()];
    let fields = PostgresSettings { hosts, ports: vec![1, 2], ..PostgresSettings::default() };
    let (config, _) = parse(&fields).unwrap();
    assert_eq!((config.get_hosts().len(), config.get_ports()), (2, &[1, 2][..]));
}

#[test]
fn one_that_does_not_answer_leaves_time_for_the_others() {
    let (config, _) = parse(&url("postgres://u@a,b,c,d/db")).unwrap();
    let each = config.get_connect_timeout().copied().unwrap();
    assert!(patience(&PostgresSettings::default(), &config) >= 4 * each);
    let (config, _) = parse(&url("postgres://u@a,b/db?connect_timeout=20")).unwrap();
    assert_eq!(patience(&PostgresSettings::default(), &config), Duration::from_secs(40));
}

#[test]
fn what_is_not_an_address_is_refused_without_repeating_it() {
    let error = Pool::new(&url("postgres://u:hunter2@h:port/db"), None).unwrap_err().to_string();
    assert!(error.contains("pgClient") && !error.contains("hunter2"), "{error}");
}

#[test]
fn what_the_users_tables_refuse_is_told_from_what_passes_and_from_what_is_missing() {
    let statement = Raised::default();
    let trigger = Raised { in_function: true, routine: Some("exec_stmt_raise") };
    let privilege = Raised { in_function: false, routine: Some("aclcheck_error") };
    let policy = Raised { in_function: false, routine: Some("ExecWithCheckOptions") };
    for (state, raised, expected) in [
        // A check, a missing value, a foreign key, a view's check option, a generated column.
        ("23514", statement, Code::WriteRefused),
        ("23502", statement, Code::WriteRefused),
        ("23503", statement, Code::WriteRefused),
        ("44000", statement, Code::WriteRefused),
        ("428C9", statement, Code::WriteRefused),
        // A trigger that says no, in its own words or with a code of its own, or has a defect.
        ("P0001", trigger, Code::WriteRefused),
        ("MY001", trigger, Code::WriteRefused),
        ("42P01", trigger, Code::WriteRefused),
        ("42703", trigger, Code::WriteRefused),
        ("42501", trigger, Code::WriteRefused),
        ("42501", policy, Code::WriteRefused),
        ("22P02", statement, Code::ValueNotStorable),
        ("54000", statement, Code::ValueNotStorable),
        // These pass, whoever raises them.
        ("40001", trigger, Code::RunBusy),
        ("40P01", statement, Code::RunBusy),
        ("55P03", trigger, Code::RunBusy),
        ("57014", trigger, Code::DatabaseBusy),
        ("53200", statement, Code::DatabaseBusy),
        ("08006", statement, Code::DatabaseUnreachable),
        ("25006", statement, Code::DatabaseBusy),
        ("XX000", statement, Code::DatabaseBusy),
        // These somebody has to mend, for all runs.
        ("42501", privilege, Code::DatabaseRefused),
        ("42P01", statement, Code::TableMissing),
        ("42703", statement, Code::ColumnMissing),
        ("42883", statement, Code::DatabaseRefused),
    ] {
        assert_eq!(code_of_statement(SqlState::parse(state), raised), expected, "{state} {raised:?}");
    }
}

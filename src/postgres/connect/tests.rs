use super::*;

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
    assert!(patience(&config) >= 4 * each);
    let (config, _) = parse(&url("postgres://u@a,b/db?connect_timeout=20")).unwrap();
    assert_eq!(patience(&config), Duration::from_secs(40));
}

#[test]
fn what_is_not_an_address_is_refused_without_repeating_it() {
    let error = Pool::new(&url("postgres://u:hunter2@h:port/db"), None).unwrap_err().to_string();
    assert!(error.contains("pgClient") && !error.contains("hunter2"), "{error}");
}

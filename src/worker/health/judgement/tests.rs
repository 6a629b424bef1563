use super::*;

fn error(code: Code) -> Error {
    Error::new(code, "Asking", "no")
}

fn working() -> WorkerFacts {
    WorkerFacts {
        phase: (Phase::Started, Duration::from_secs(9)),
        tables: (TablesFitness::Fit, Duration::from_secs(8)),
        consumers: vec![("jobs".into(), ConsumerState::Open, Duration::from_secs(7))],
        goes_on_without_leases: true,
        ..WorkerFacts::default()
    }
}

fn codes(facts: &WorkerFacts) -> (bool, bool, Vec<&'static str>, Vec<&'static str>) {
    let Health { live, ready, reasons, warnings } = Health::of(facts);
    let codes = |all: Vec<HealthReason>| all.into_iter().map(|reason| reason.code).collect();
    (live, ready, codes(reasons), codes(warnings))
}

#[test]
fn a_worker_whose_queue_is_paused_is_ready_and_says_so() {
    let consumers = vec![("jobs".into(), ConsumerState::Paused, Duration::from_secs(1))];
    let health = Health::of(&WorkerFacts { consumers, ..working() });
    assert!(health.live && health.ready && health.reasons.is_empty());
    assert_eq!((health.warnings[0].code, health.warnings[0].queue.as_deref()), ("PAUSED", Some("jobs")));
}

#[test]
fn every_fact_has_its_reason() {
    let consumer = |consumer| WorkerFacts {
        consumers: vec![("jobs".into(), consumer, Duration::from_secs(1))],
        ..working()
    };
    let lost = |server, code| WorkerFacts {
        lost: vec![(server, (Duration::from_secs(2), error(code)))],
        ..working()
    };
    let phase = |phase| WorkerFacts { phase: (phase, Duration::ZERO), ..working() };
    let unfit = TablesFitness::Unfit(error(Code::TableMissing));
    let closed = ConsumerState::Closed(Some(error(Code::BrokerRefused)));
    let waits =
        WorkerFacts { goes_on_without_leases: false, ..lost(ServerKind::Redis, Code::RedisUnreachable) };
    let starts = WorkerFacts {
        tables: (TablesFitness::Unknown, Duration::ZERO),
        ..consumer(ConsumerState::Closed(None))
    };
    for (facts, live, reasons) in [
        (working(), true, &[][..]),
        (phase(Phase::Stopped), true, &["NOT_STARTED"]),
        (phase(Phase::Stopping), true, &["STOPPING"]),
        (starts, true, &["STARTING"]),
        (WorkerFacts { tables: (unfit, Duration::ZERO), ..working() }, true, &["TABLE_MISSING"]),
        (consumer(ConsumerState::Closed(None)), true, &["STARTING"]),
        (consumer(closed), true, &["NO_CONSUMER"]),
        (consumer(ConsumerState::Lost(error(Code::BrokerLost))), false, &["BROKER_LOST"]),
        (lost(ServerKind::Postgresql, Code::DatabaseUnreachable), true, &["DATABASE_UNREACHABLE"]),
        (lost(ServerKind::Rabbitmq, Code::BrokerUnreachable), true, &["BROKER_UNREACHABLE"]),
        (waits, true, &["REDIS_UNREACHABLE"]),
        (WorkerFacts { is_stuck: true, ..working() }, false, &["EVENT_LOOP_STUCK"]),
    ] {
        let expected = (live, reasons.is_empty(), reasons.to_vec(), vec![]);
        assert_eq!(codes(&facts), expected);
    }
}

#[test]
fn a_worker_that_goes_on_without_leases_is_ready_and_says_so() {
    let lost = (ServerKind::Redis, (Duration::from_secs(2), error(Code::RedisUnreachable)));
    let facts = WorkerFacts { lost: vec![lost], ..working() };
    assert_eq!(codes(&facts), (true, true, vec![], vec!["REDIS_UNREACHABLE"]));
    assert!(!Health::of(&facts).reconnects());
}

#[test]
fn a_reason_says_of_which_queue_and_since_when() {
    let consumers = vec![
        ("jobs".into(), ConsumerState::Open, Duration::ZERO),
        ("slow".into(), ConsumerState::Closed(Some(error(Code::BrokerUnreachable))), Duration::from_secs(3)),
    ];
    let health = Health::of(&WorkerFacts { consumers, ..working() });
    assert!(health.reconnects());
    let reason = &health.reasons[0];
    assert_eq!((reason.queue.as_deref(), reason.for_ms), (Some("slow"), 3_000));
    assert_eq!(reason.message, "No jobs are received from 'slow'. Asking: no");
}

#[test]
fn who_starts_stops_or_waits_for_a_person_does_not_reconnect() {
    let unfit = TablesFitness::Unfit(error(Code::TableMissing));
    for facts in [
        working(),
        WorkerFacts { phase: (Phase::Stopping, Duration::ZERO), ..working() },
        WorkerFacts { tables: (unfit, Duration::ZERO), consumers: vec![], ..working() },
    ] {
        assert!(!Health::of(&facts).reconnects(), "{facts:?}");
    }
}

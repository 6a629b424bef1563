//! Looks at a fleet, and whether the gate is open after them.

use crate::worker::registry::card::Card;

use super::*;

fn worker(id: &str, queues: &[&str], capabilities: &[&str]) -> RegisteredWorker {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let card =
        Card { id: id.into(), queues: texts(queues), capabilities: texts(capabilities), ..Card::default() };
    RegisteredWorker { card, age: 0 }
}

fn two() -> Option<Vec<RegisteredWorker>> {
    Some(vec![worker("a", &["q", "r"], &["x", "y"]), worker("b", &["q"], &["x"])])
}

/// As many looks as are needed, a heartbeat apart; each is as `change` leaves it.
fn looks(change: impl Fn(usize, &mut Look)) -> Vec<Look> {
    let look = |place: usize| {
        let consumers = [("q", Some(2)), ("r", Some(1))];
        let consumers = consumers.map(|(queue, count)| (queue.to_owned(), count)).into();
        let at = HEARTBEAT * u32::try_from(place).unwrap();
        let mut look = Look { at, workers: two(), keeps_none: false, is_broker_silent: false, consumers };
        change(place, &mut look);
        look
    };
    (0..LOOKS).map(look).collect()
}

fn is_open(capability: &str, queues: &[&str], looks: &[Look]) -> bool {
    let queues: Vec<String> = queues.iter().map(|queue| (*queue).to_owned()).collect();
    let now = looks.last().map_or(Duration::ZERO, |look| look.at) + HEARTBEAT / 2;
    Gate { capability, queues: &queues }.is_open(looks, now)
}

#[test]
fn a_dead_worker_does_not_count_as_alive_for_as_long_as_the_numbers_have_to_agree() {
    assert!(Duration::from_secs(ALIVE_FOR) < HEARTBEAT * u32::try_from(HEARTBEATS).unwrap());
    assert!(Duration::from_secs(ALIVE_FOR) > HEARTBEAT * 2, "one heartbeat may be late");
}

#[test]
fn it_is_open_where_every_consumer_is_registered_and_able() {
    for (capability, queues, expected) in [
        ("x", &["q"][..], true),
        ("x", &["q", "r"], true),
        ("y", &["r"], true),
        ("y", &["q"], false),
        ("y", &["q", "r"], false),
        ("z", &["q"], false),
        ("x", &["unknown"], false),
        ("x", &[], false),
    ] {
        assert_eq!(is_open(capability, queues, &looks(|_, _| {})), expected, "{capability} on {queues:?}");
    }
}

#[test]
fn workers_do_not_consume_a_queue_that_is_paused() {
    let paused = |look: &mut Look, consumers: u32| {
        for worker in look.workers.iter_mut().flatten() {
            worker.card.paused = vec!["q".to_owned()];
        }
        look.consumers.insert("q".into(), Some(consumers));
    };
    let open = |consumers| is_open("x", &["q", "r"], &looks(|_, look| paused(look, consumers)));
    assert!(open(0), "as it is while the queue is paused");
    assert!(!open(1), "a foreign worker heeds no pause");
    let unable = |place: usize, look: &mut Look| {
        paused(look, 0);
        if place == 3 {
            look.workers.as_mut().unwrap()[1].card.capabilities.clear();
        }
    };
    assert!(!is_open("x", &["q"], &looks(unable)), "it will work the queue once that goes on");
}

/// What somebody does to a look.
type Changing<'a> = &'a dyn Fn(&mut Look);

#[test]
fn a_single_look_that_does_not_agree_closes_it() {
    let consumers = |count: Option<u32>| {
        move |look: &mut Look| {
            look.consumers.insert("q".into(), count);
        }
    };
    let changes: [(&str, Changing<'_>); 8] = [
        ("a foreign consumer", &consumers(Some(3))),
        ("a consumer is lost", &consumers(Some(1))),
        ("the queue is gone, or the broker does not answer", &consumers(None)),
        ("it was not asked about", &|look| {
            look.consumers.remove("q");
        }),
        ("the registry does not answer", &|look| look.workers = None),
        ("the registry was flushed", &|look| look.workers = Some(Vec::new())),
        ("one is forgotten", &|look| drop(look.workers.as_mut().unwrap().pop())),
        ("one more is registered", &|look| look.workers.as_mut().unwrap().push(worker("c", &["q"], &["x"]))),
    ];
    for (what, change) in changes {
        for when in 0..LOOKS {
            let looks = looks(|place, look| {
                if place == when {
                    change(look)
                }
            });
            assert!(!is_open("x", &["q"], &looks), "{what}, at look {when}");
        }
    }
}

#[test]
fn who_works_other_queues_does_not_matter() {
    let others = looks(|_, look| {
        look.workers.as_mut().unwrap().push(worker("c", &["elsewhere"], &[]));
        look.consumers.insert("elsewhere".into(), Some(9));
    });
    assert!(is_open("x", &["q"], &others));
}

#[test]
fn it_stays_closed_until_there_are_enough_looks_without_a_gap() {
    let all = looks(|_, _| {});
    assert!(!is_open("x", &["q"], &[]));
    assert!(!is_open("x", &["q"], &all[1..]));
    let late = looks(|place, look| {
        look.at = HEARTBEAT * u32::try_from(if place > 1 { place + 1 } else { place }).unwrap()
    });
    assert!(!is_open("x", &["q"], &late), "a heartbeat was left out");
    let queues = ["q".to_owned()];
    let gate = Gate { capability: "x", queues: &queues };
    let last = all[LOOKS - 1].at;
    assert!(gate.is_open(&all, last + HEARTBEAT) && !gate.is_open(&all, last + HEARTBEAT * 2));
}

#[test]
fn older_looks_do_not_matter() {
    let mut all = vec![Look { at: Duration::ZERO, ..Look::default() }];
    all.extend(looks(|_, look| look.at += HEARTBEAT));
    assert!(is_open("x", &["q"], &all));
}

#[test]
fn a_stranger_is_a_worker_that_cannot_do_it_or_a_consumer_that_says_nothing() {
    let consumers = |count: Option<u32>| {
        move |look: &mut Look| {
            look.consumers.insert("q".into(), count);
        }
    };
    let changes: [(&str, Changing<'_>, Option<bool>); 9] = [
        ("all are able", &|_| {}, Some(false)),
        ("a foreign consumer", &consumers(Some(3)), Some(true)),
        ("one has died a moment ago", &consumers(Some(1)), Some(false)),
        ("the queue is not declared", &consumers(None), Some(false)),
        ("the broker does not answer", &|look| look.is_broker_silent = true, None),
        ("the registry does not answer", &|look| look.workers = None, None),
        ("the registry was flushed", &|look| look.workers = Some(Vec::new()), Some(true)),
        ("nothing keeps announcements", &|look| (look.workers, look.keeps_none) = (None, true), Some(false)),
        ("one is not able", &|look| look.workers.as_mut().unwrap()[0].card.capabilities.clear(), Some(true)),
    ];
    let queues = ["q".to_owned()];
    let gate = Gate { capability: "x", queues: &queues };
    for (what, change, expected) in changes {
        let looks = looks(|_, look| change(look));
        let now = looks.last().unwrap().at + HEARTBEAT / 2;
        assert_eq!(gate.has_stranger(&looks, now), expected, "{what}");
    }
    assert_eq!(gate.has_stranger(&looks(|_, _| {}), Duration::from_secs(60)), None, "that was long ago");
}

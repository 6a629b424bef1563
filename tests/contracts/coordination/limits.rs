//! Limits by key: never more than the rules let in, no less where somebody waits, and who came first goes first.

use std::collections::VecDeque;
use std::time::Duration;

use flowcraft_rabbitmq_adapter::ports::limits::{
    Entrant, LATE, LimitReason, LimitRequest, LimitRules, LimitStep, LimitUse, Rate, SOON, Turn,
};

use super::world::World;

super::promises! {
    no_more_go_on_than_the_rules_let_in,
    an_execution_that_nobody_speaks_of_counts_no_more,
    one_that_is_spoken_of_goes_on_counting_and_counts_again_after_a_loss,
    no_more_start_in_any_window_than_the_rate_lets_in,
    who_waits_for_a_rate_starts_in_its_turn,
    who_is_new_waits_for_those_in_line,
    who_leaves_the_line_holds_nobody_up,
    who_does_not_come_holds_nobody_up_for_long,
    a_pause_is_for_everybody_and_the_longest_counts,
    who_waits_hears_what_for,
    keys_know_nothing_of_each_other,
    any_text_is_a_key,
    how_keys_stand_is_told,
}

const TTL: Duration = Duration::from_millis(400);

fn places(concurrency: u32) -> LimitRules {
    LimitRules { concurrency: Some(concurrency), rate: None }
}

fn rate(count: u32, per: u64) -> LimitRules {
    LimitRules { concurrency: None, rate: Some(Rate { count, per: Duration::from_millis(per) }) }
}

/// One key of a store.
struct Key<'a> {
    world: &'a World,
    key: &'a str,
    rules: LimitRules,
}

impl Key<'_> {
    async fn asks(&self, ticket: &str, ttl: Duration) -> Turn {
        let holder = format!("w#{ticket}");
        let what = LimitStep::Start(Entrant { rules: self.rules, ticket, holder: &holder, ttl });
        self.world.store.limit(&LimitRequest { key: self.key, what }).await.unwrap()
    }

    async fn starts(&self, ticket: &str) -> bool {
        self.asks(ticket, Duration::from_secs(60)).await == Turn::Now
    }

    /// How long one has to wait.
    async fn waits(&self, ticket: &str) -> Duration {
        match self.asks(ticket, Duration::from_secs(60)).await {
            Turn::Now => panic!("{ticket} starts"),
            Turn::After { wait, .. } => wait,
        }
    }

    /// What one waits for.
    async fn reason(&self, ticket: &str) -> Option<LimitReason> {
        match self.asks(ticket, Duration::from_secs(60)).await {
            Turn::Now => None,
            Turn::After { why, .. } => Some(why),
        }
    }

    async fn tells(&self, what: LimitStep<'_>) {
        let answer = self.world.store.limit(&LimitRequest { key: self.key, what }).await.unwrap();
        assert_eq!(answer, Turn::Now);
    }

    async fn ends(&self, ticket: &str) {
        let holder = format!("w#{ticket}");
        self.tells(LimitStep::End { holder: &holder, took: Some(Duration::from_millis(20)) }).await;
    }
}

/// Whether the store counts: one with the basic operations alone says that it does not.
async fn counts(world: &World) -> bool {
    let what = LimitStep::Leave { ticket: "t" };
    world.store.limit(&LimitRequest { key: "probe", what }).await.is_ok()
}

/// A key of a store that counts; none where it does not.
async fn key(world: &World, rules: LimitRules) -> Option<Key<'_>> {
    counts(world).await.then_some(Key { world, key: "key", rules })
}

async fn no_more_go_on_than_the_rules_let_in(world: &World) {
    let Some(key) = key(world, places(2)).await else { return };
    assert!(key.starts("a").await && key.starts("b").await);
    for ticket in ["c", "d", "c"] {
        assert!(!key.starts(ticket).await, "{ticket}");
    }
    key.ends("a").await;
    assert!(key.starts("c").await);
    assert!(!key.starts("d").await);
    key.ends("b").await;
    key.ends("c").await;
    assert!(key.starts("d").await && key.starts("e").await && !key.starts("f").await);
}

async fn an_execution_that_nobody_speaks_of_counts_no_more(world: &World) {
    let Some(key) = key(world, places(1)).await else { return };
    assert_eq!(key.asks("a", TTL).await, Turn::Now);
    assert!(!key.starts("b").await);
    world.pass(TTL + Duration::from_millis(50)).await;
    assert!(key.starts("b").await);
}

async fn one_that_is_spoken_of_goes_on_counting_and_counts_again_after_a_loss(world: &World) {
    let Some(key) = key(world, places(1)).await else { return };
    assert_eq!(key.asks("a", TTL).await, Turn::Now);
    for _ in 0..3 {
        world.pass(TTL / 2).await;
        key.tells(LimitStep::Keep { holder: "w#a", ttl: TTL }).await;
    }
    assert!(!key.starts("b").await);
    // As after a flush: it goes on, and the store does not know of it.
    key.tells(LimitStep::End { holder: "w#a", took: None }).await;
    key.tells(LimitStep::Keep { holder: "w#a", ttl: TTL }).await;
    assert!(!key.starts("b").await);
}

async fn who_waits_hears_what_for(world: &World) {
    if !counts(world).await {
        return;
    }
    let few = LimitRules { concurrency: Some(1), ..rate(5, 60_000) };
    let many = LimitRules { concurrency: Some(5), ..rate(1, 60_000) };
    for (name, rules, expected) in [
        ("places", places(1), LimitReason::Concurrency),
        ("rate", rate(1, 60_000), LimitReason::Rate),
        ("few", few, LimitReason::Concurrency),
        ("many", many, LimitReason::Rate),
    ] {
        let key = Key { world, key: name, rules };
        assert_eq!(key.reason("a").await, None, "{name}");
        for ticket in ["b", "c", "b"] {
            assert_eq!(key.reason(ticket).await, Some(expected), "{name} {ticket}");
        }
        key.tells(LimitStep::Pause { length: Duration::from_secs(60) }).await;
        assert_eq!(key.reason("b").await, Some(LimitReason::Paused), "{name}");
    }
}

async fn no_more_start_in_any_window_than_the_rate_lets_in(world: &World) {
    let (count, per) = (5, 500);
    let Some(key) = key(world, rate(count, per)).await else { return };
    let (mut started, mut latest) = (0, VecDeque::new());
    let begun = world.now();
    while world.now() - begun < Duration::from_millis(4 * per) {
        let asked = world.now();
        if key.starts(&format!("t{started}")).await {
            started += 1;
            latest.push_back(asked);
        }
        if latest.len() > count as usize {
            let apart = world.now() - latest.pop_front().unwrap();
            assert!(
                apart >= Duration::from_millis(per),
                "{started} started: {count} and one more in {apart:?}"
            );
        }
        world.pass(Duration::from_millis(20)).await;
    }
    assert!(started >= 4 * count - 1, "{started} started");
}

async fn who_waits_for_a_rate_starts_in_its_turn(world: &World) {
    let Some(key) = key(world, rate(2, 600)).await else { return };
    assert!(key.starts("a").await && key.starts("b").await);
    let mut waits = Vec::new();
    for ticket in ["c", "d", "e", "f", "g"] {
        waits.push(key.waits(ticket).await);
    }
    for (wait, expected) in waits.iter().zip([600, 600, 1_200, 1_200, 1_800]) {
        let expected = Duration::from_millis(expected);
        assert!(*wait <= expected && *wait + Duration::from_millis(300) > expected, "{waits:?}");
    }
    world.pass(waits[1] + Duration::from_millis(20)).await;
    for (ticket, starts) in [("c", true), ("d", true), ("e", false)] {
        assert_eq!(key.starts(ticket).await, starts, "{ticket}");
    }
}

async fn who_is_new_waits_for_those_in_line(world: &World) {
    let Some(key) = key(world, places(1)).await else { return };
    assert!(key.starts("a").await);
    let wait = key.waits("b").await;
    assert!(wait <= SOON);
    key.ends("a").await;
    assert!(!key.starts("c").await, "b comes soon");
    world.pass(wait).await;
    assert!(!key.starts("d").await, "b is on its way");
    assert!(key.starts("b").await);
    // Of those in line, whoever was told the earlier moment goes first.
    key.ends("b").await;
    assert!(!key.starts("d").await);
    assert!(key.starts("c").await);
}

async fn who_leaves_the_line_holds_nobody_up(world: &World) {
    let Some(key) = key(world, places(1)).await else { return };
    assert!(key.starts("a").await);
    key.waits("b").await;
    key.ends("a").await;
    assert!(!key.starts("c").await);
    key.tells(LimitStep::Leave { ticket: "b" }).await;
    assert!(key.starts("c").await);
}

async fn who_does_not_come_holds_nobody_up_for_long(world: &World) {
    let Some(key) = key(world, places(1)).await else { return };
    if world.is_real() {
        return;
    }
    assert!(key.starts("a").await);
    let wait = key.waits("b").await;
    key.ends("a").await;
    world.pass(wait + LATE - Duration::from_millis(1)).await;
    assert!(!key.starts("c").await);
    world.pass(Duration::from_millis(1)).await;
    assert!(key.starts("c").await);
}

async fn a_pause_is_for_everybody_and_the_longest_counts(world: &World) {
    let Some(key) = key(world, places(5)).await else { return };
    key.tells(LimitStep::Pause { length: Duration::from_millis(600) }).await;
    key.tells(LimitStep::Pause { length: Duration::from_millis(100) }).await;
    let wait = key.waits("a").await;
    assert!(wait > Duration::from_millis(300) && wait <= Duration::from_millis(600), "{wait:?}");
    world.pass(wait + Duration::from_millis(20)).await;
    assert!(key.starts("a").await);
}

async fn keys_know_nothing_of_each_other(world: &World) {
    let Some(key) = key(world, places(1)).await else { return };
    let other = Key { key: "other", ..key };
    assert!(key.starts("a").await && other.starts("a").await);
    key.tells(LimitStep::Pause { length: Duration::from_secs(60) }).await;
    other.ends("a").await;
    assert!(other.starts("b").await);
}

async fn how_keys_stand_is_told(world: &World) {
    if !counts(world).await {
        return assert_eq!(world.store.limits(10).await.unwrap(), []);
    }
    let both = LimitRules { concurrency: Some(2), ..rate(5, 60_000) };
    let [full, free] = [("full:ü:1", both), ("a", places(3))].map(|(key, rules)| Key { world, key, rules });
    let of_run = Key { world, key: "@run:r", rules: places(1) };
    assert!(full.starts("a").await && full.starts("b").await && of_run.starts("a").await);
    full.waits("c").await;
    assert!(free.starts("a").await);
    free.tells(LimitStep::Pause { length: Duration::from_secs(60) }).await;
    free.ends("a").await;
    let told = told_of(world, |told| told.len() == 2).await;
    let paused = told[0].paused;
    assert!(paused > Duration::from_secs(50) && paused <= Duration::from_secs(60), "{paused:?}");
    let expected = [
        LimitUse { key: "a".into(), rules: places(3), in_use: 0, used: 0, waiting: 0, paused },
        LimitUse {
            key: "full:ü:1".into(),
            rules: both,
            in_use: 2,
            used: 2,
            waiting: 1,
            paused: Duration::ZERO,
        },
    ];
    assert_eq!(told, expected);
    full.tells(LimitStep::Leave { ticket: "c" }).await;
    full.ends("a").await;
    // What held when a start was asked for last, and of many those that were asked for last.
    let changed = Key { rules: places(1), ..full };
    world.pass(Duration::from_millis(5)).await;
    changed.waits("d").await;
    told_of(world, |told| told.iter().any(|each| each.rules == places(1))).await;
    let [told] = &world.store.limits(1).await.unwrap()[..] else { panic!("one was asked for") };
    assert_eq!((&*told.key, told.rules, told.in_use, told.waiting), (full.key, places(1), 1, 1));
}

/// How keys stand, once that is as it is to be: a start does not wait until it is told of.
async fn told_of(world: &World, is_so: impl Fn(&[LimitUse]) -> bool) -> Vec<LimitUse> {
    for _ in 0..500 {
        let told = world.store.limits(10).await.unwrap();
        if is_so(&told) {
            return told;
        }
        world.pass(Duration::from_millis(10)).await;
    }
    panic!("{:?}", world.store.limits(10).await)
}

async fn any_text_is_a_key(world: &World) {
    if !counts(world).await {
        return;
    }
    for text in ["tenant:", "tenant:{a}", "tenant:}{", "tenant:ü \n\"'", "t:%s", "t:%"] {
        let key = Key { world, key: text, rules: places(1) };
        assert!(key.starts("r:a/b%1").await, "{text}");
        assert!(!key.starts("r:{}").await, "{text}");
        key.ends("r:a/b%1").await;
        key.tells(LimitStep::Leave { ticket: "r:{}" }).await;
        assert!(key.starts("x").await, "{text}");
    }
}

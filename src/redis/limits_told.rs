//! Which keys of limits there are, and how they stand: for people. One sorted set has what held for each key that was asked for
//! within a day, by when a worker last said so. Each worker says it once an hour and key: a job costs no step more.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::Script;
use tokio::time::Instant;
use tracing::debug;

use super::connection::Connections;
use crate::error::Result;
use crate::ports::keys;
use crate::ports::limits::{FACTS_STAY, LATE, LimitRules, LimitUse, Rate};
use crate::time::milliseconds;

/// How often a worker says of a key that it is asked for.
const AGAIN: Duration = Duration::from_secs(3_600);
/// The same where it could not be said.
const AFTER_A_FAILURE: Duration = Duration::from_secs(60);
/// So many keys a worker says at a time, and so many are known: nobody reads more.
const REMEMBERED: usize = 10_000;

const NOTE: &str = "
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    redis.call('ZADD', KEYS[1], now, ARGV[1])
    redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
    redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[3] - 1)
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
";

const USE: &str = "
    local from = string.format('(%.3f', exact - ARGV[1])
    return { redis.call('ZCOUNT', held, '(' .. now, '+inf'), redis.call('ZCOUNT', starts, from, '+inf'),
        redis.call('ZCOUNT', due, '(' .. (now - ARGV[2]), '+inf'), math.max(0, (fact('paused') or 0) - now) }
";

/// The keys of limits of one Redis.
pub(super) struct ToldLimits {
    connections: Arc<Connections>,
    prefix: String,
    note: Script,
    used: Script,
    /// When each is said again.
    told: Mutex<HashMap<String, Instant>>,
}

impl ToldLimits {
    /// `common` is what the scripts of limits begin with.
    pub fn new(connections: Arc<Connections>, prefix: String, common: &str) -> Self {
        let used = Script::new(&format!("{common}{USE}"));
        Self { connections, prefix, note: Script::new(NOTE), used, told: Mutex::default() }
    }

    /// A start was asked for under a key. Nothing waits until that is said: it may be in another place of a Cluster, which hangs.
    pub fn tell(self: &Arc<Self>, key: &str, rules: LimitRules) {
        let entry = entry_of(key, rules);
        if keys::is_run_limit(key) || !self.is_news(&entry) {
            return;
        }
        let this = self.clone();
        tokio::spawn(async move { this.say(entry).await });
    }

    async fn say(&self, entry: String) {
        let mut invocation = self.note.key(format!("{}{}", self.prefix, keys::LIMITS));
        invocation.arg(&entry).arg(milliseconds(FACTS_STAY)).arg(REMEMBERED);
        if let Err(error) = self.connections.invoke::<()>(&invocation).await {
            debug!(%error, "the key of a limit is not told of");
            self.with(|told| told.insert(entry, Instant::now() + AFTER_A_FAILURE));
        }
    }

    fn is_news(&self, entry: &str) -> bool {
        let now = Instant::now();
        self.with(|told| {
            if told.get(entry).is_some_and(|again| now < *again) {
                return false;
            }
            if told.len() >= REMEMBERED {
                told.retain(|_, again| now < *again);
            }
            let has_room = told.len() < REMEMBERED;
            if has_room {
                told.insert(entry.to_owned(), now + AGAIN);
            }
            has_room
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Instant>) -> T) -> T {
        act(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How the keys stand that were told of last.
    pub async fn uses(&self, most: usize) -> Result<Vec<LimitUse>> {
        let mut newest = redis::cmd("ZREVRANGE");
        newest.arg(format!("{}{}", self.prefix, keys::LIMITS)).arg(0).arg(most.saturating_sub(1));
        let entries: Vec<String> = self.connections.query(&mut newest).await?;
        let mut seen = BTreeSet::new();
        // What holds for a key may have changed: the newest word counts.
        let keys = entries.iter().filter_map(|entry| parsed(entry)).filter(|(key, _)| seen.insert(*key));
        let mut uses = try_join_all(keys.map(|(key, rules)| self.used(key, rules))).await?;
        uses.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(uses)
    }

    async fn used(&self, key: &str, rules: LimitRules) -> Result<LimitUse> {
        let mut invocation = self.used.prepare_invoke();
        for name in keys::of_limit(key) {
            invocation.key(format!("{}{name}", self.prefix));
        }
        invocation.arg(rules.rate.map_or(0, |rate| milliseconds(rate.per))).arg(milliseconds(LATE));
        let (in_use, used, waiting, paused) = self.connections.invoke(&invocation).await?;
        Ok(LimitUse {
            key: key.to_owned(),
            rules,
            in_use,
            used,
            waiting,
            paused: Duration::from_millis(paused),
        })
    }
}

/// A key and what holds for it, as one text.
fn entry_of(key: &str, LimitRules { concurrency, rate }: LimitRules) -> String {
    let (count, per) = rate.map_or((0, 0), |rate| (rate.count, milliseconds(rate.per)));
    format!("{}:{count}:{per}:{key}", concurrency.unwrap_or_default())
}

/// What the text says; none where another version wrote it.
fn parsed(entry: &str) -> Option<(&str, LimitRules)> {
    let mut parts = entry.splitn(4, ':');
    let [concurrency, count, per, key] = std::array::from_fn(|_| parts.next());
    let whole = |text: Option<&str>| text?.parse::<u32>().ok();
    let (concurrency, count) = (whole(concurrency)?, whole(count)?);
    let per = Duration::from_millis(per?.parse().ok()?);
    let rules = LimitRules {
        concurrency: (concurrency > 0).then_some(concurrency),
        rate: (count > 0).then_some(Rate { count, per }),
    };
    Some((key?, rules))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_says_its_key_and_what_holds_for_it() {
        let rate = Some(Rate { count: 60, per: Duration::from_millis(1_500) });
        for rules in [
            LimitRules { concurrency: Some(4), rate: None },
            LimitRules { concurrency: None, rate },
            LimitRules { concurrency: Some(1), rate },
        ] {
            for key in ["openai", "tenant:a:b", "ü:"] {
                assert_eq!(parsed(&entry_of(key, rules)), Some((key, rules)));
            }
        }
        for other in ["", "1:2", "a:0:0:k", "1:2:x:k"] {
            assert_eq!(parsed(other), None, "{other}");
        }
    }
}

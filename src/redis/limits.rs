//! Limits by key, counted in Redis by its clock. The rules are those of `memory/limits.rs` and `ports/limits.rs`.
//!
//! A key has five: `held`, until when each execution that goes on counts; `starts`, when those began that count for the rate;
//! `line`, in which order jobs came; `due`, when each of them comes again; `facts`. Its name stands in braces: in a Cluster all
//! five are where one script reaches them.

use std::sync::Arc;
use std::time::Duration;

use redis::{Script, ScriptInvocation};

use super::connection::Connections;
use super::limits_told::ToldLimits;
use crate::error::Result;
use crate::ports::keys;
use crate::ports::limits::{
    Entrant, LATE, LONGEST, LimitReason, LimitRequest, LimitStep, SHORTEST, SOON, Turn, facts_stay,
};
use crate::time::milliseconds;

/// What the scripts have in common.
const COMMON: &str = "
    local held, starts, line, due, facts = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
    local time = redis.call('TIME')
    local now = time[1] * 1000 + math.floor(time[2] / 1000)
    -- Whole milliseconds would let a start in up to one of them early.
    local exact = time[1] * 1000 + time[2] / 1000
    local function stays(key, ms)
        if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
    end
    local function fact(name) return tonumber(redis.call('HGET', facts, name) or nil) end
    local function hold(holder, ttl)
        redis.call('ZADD', held, now + ttl, holder)
        stays(held, ttl)
    end
    local function leave(ticket)
        redis.call('ZREM', due, ticket)
        redis.call('ZREM', line, ticket)
    end
";

/// Answers with the milliseconds after which it comes again, and what it waits for; with 0 if it starts.
const START: &str = "
    local LATE, SOON, SHORTEST, LONGEST, STAYS = unpack(ARGV, 7, 11)
    LATE, SOON, SHORTEST, LONGEST = tonumber(LATE), tonumber(SOON), tonumber(SHORTEST), tonumber(LONGEST)
    local CONCURRENCY, RATE, PAUSED = 1, 2, 3
    local ticket, holder, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
    local most, count, per = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
    redis.call('ZREMRANGEBYSCORE', held, '-inf', now)
    for _, gone in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', now - LATE, 'LIMIT', 0, 1000)) do leave(gone) end
    local before = redis.call('ZSCORE', due, ticket) or (now + SOON)
    local ahead = redis.call('ZCOUNT', due, '-inf', '(' .. before)
    local in_use, used, free = redis.call('ZCARD', held), 0, math.huge
    if most > 0 then free = most - in_use end
    if count > 0 then
        redis.call('ZREMRANGEBYSCORE', starts, '-inf', string.format('%.3f', exact - per))
        used = redis.call('ZCARD', starts)
        free = math.min(free, count - used)
    end
    local paused = fact('paused') or 0
    if paused <= now and free > ahead then
        leave(ticket)
        hold(holder, ttl)
        if count > 0 then
            redis.call('ZADD', starts, string.format('%.3f', exact), holder)
            redis.call('PEXPIRE', starts, per)
        end
        redis.call('HSETNX', facts, 'since', now)
        stays(facts, tonumber(STAYS))
        return { 0, 0 }
    end
    local why = CONCURRENCY
    if paused > now then why = PAUSED elseif count > 0 and count - used <= ahead then why = RATE end
    if not redis.call('ZSCORE', line, ticket) then
        redis.call('ZADD', line, redis.call('HINCRBY', facts, 'tickets', 1), ticket)
    end
    local rank, wait = redis.call('ZRANK', line, ticket), math.max(SHORTEST, paused - now)
    local behind = rank + 1 + in_use - most
    if most > 0 and behind > 0 then
        local length = fact('average') or math.max(500, now - (fact('since') or now))
        local often = math.min(math.max(length / 10, SHORTEST), SOON)
        local longest = rank < 2 * most and SOON or math.max(rank * 50, 5000)
        wait = math.max(wait, often, math.min(behind * length * 0.9 / most, longest))
    end
    local index = used + rank - count
    if count > 0 and index >= 0 then
        local windows, from = 0, exact
        if index >= used then windows = math.floor((index - used) / count) + 1 end
        index = index - windows * count
        if index >= 0 then
            from = tonumber(redis.call('ZRANGE', starts, index, index, 'WITHSCORES')[2]) + per
        end
        wait = math.max(wait, math.min(from + windows * per - exact, LONGEST))
    end
    if rank > 0 then
        -- Nobody comes before those that came earlier.
        local before = redis.call('ZSCORE', due, redis.call('ZRANGE', line, rank - 1, rank - 1)[1])
        wait = math.max(wait, (tonumber(before or nil) or 0) - now)
    end
    wait = math.ceil(wait)
    redis.call('ZADD', due, now + wait, ticket)
    for _, key in ipairs({ line, due }) do stays(key, wait + 2 * LATE) end
    stays(facts, math.max(tonumber(STAYS), paused - now))
    return { wait, why }
";

const KEEP: &str = "hold(ARGV[1], tonumber(ARGV[2]))";

const END: &str = "
    redis.call('ZREM', held, ARGV[1])
    local took, average = tonumber(ARGV[2]), fact('average')
    if took then
        redis.call('HSET', facts, 'average', math.floor(average and average * 0.8 + took * 0.2 or took))
        stays(facts, tonumber(ARGV[3]))
    end
";

const LEAVE: &str = "leave(ARGV[1])";

const PAUSE: &str = "
    local paused = now + ARGV[1]
    if (fact('paused') or 0) < paused then redis.call('HSET', facts, 'paused', paused) end
    stays(facts, math.max(tonumber(ARGV[1]), tonumber(ARGV[2])))
";

/// The limits of one Redis.
pub(super) struct LimitScripts {
    connections: Arc<Connections>,
    prefix: String,
    start: Script,
    keep: Script,
    end: Script,
    leave: Script,
    pause: Script,
    told: Arc<ToldLimits>,
}

impl LimitScripts {
    pub fn new(connections: Arc<Connections>, prefix: String) -> Self {
        let script = |code: &str| Script::new(&format!("{COMMON}{code}"));
        Self {
            told: Arc::new(ToldLimits::new(connections.clone(), prefix.clone(), COMMON)),
            connections,
            prefix,
            start: script(START),
            keep: script(KEEP),
            end: script(END),
            leave: script(LEAVE),
            pause: script(PAUSE),
        }
    }

    /// The keys that were asked for.
    pub fn told(&self) -> &ToldLimits {
        &self.told
    }

    pub async fn step(&self, LimitRequest { key, what }: &LimitRequest<'_>) -> Result<Turn> {
        let stays = facts_stay(key);
        let mut invocation = self.script_of(what).prepare_invoke();
        for name in keys::of_limit(key) {
            invocation.key(format!("{}{name}", self.prefix));
        }
        match what {
            LimitStep::Start(entrant) => {
                let turn = self.start(invocation, entrant, stays).await?;
                self.told.tell(key, entrant.rules);
                return Ok(turn);
            }
            LimitStep::Keep { holder, ttl } => invocation.arg(holder).arg(milliseconds(*ttl)),
            LimitStep::End { holder, took } => {
                invocation
                    .arg(holder)
                    .arg(took.map(milliseconds).map_or_else(String::new, |took| took.to_string()))
            }
            .arg(milliseconds(stays)),
            LimitStep::Leave { ticket } => invocation.arg(ticket),
            LimitStep::Pause { length } => invocation.arg(milliseconds(*length)).arg(milliseconds(stays)),
        };
        self.connections.invoke::<()>(&invocation).await.map(|()| Turn::Now)
    }

    async fn start(
        &self,
        mut invocation: ScriptInvocation<'_>,
        entrant: &Entrant<'_>,
        stays: Duration,
    ) -> Result<Turn> {
        let Entrant { rules, ticket, holder, ttl } = entrant;
        let (count, per) = rules.rate.map_or((0, 0), |rate| (rate.count, milliseconds(rate.per)));
        invocation.arg(ticket).arg(holder).arg(milliseconds(*ttl));
        invocation.arg(rules.concurrency.unwrap_or_default()).arg(count).arg(per);
        for length in [LATE, SOON, SHORTEST, LONGEST, stays] {
            invocation.arg(milliseconds(length));
        }
        let (wait, why): (u64, u8) = self.connections.invoke(&invocation).await?;
        let why = match why {
            0 => return Ok(Turn::Now),
            2 => LimitReason::Rate,
            3 => LimitReason::Paused,
            _ => LimitReason::Concurrency,
        };
        Ok(Turn::After { wait: Duration::from_millis(wait), why })
    }

    fn script_of(&self, what: &LimitStep<'_>) -> &Script {
        match what {
            LimitStep::Start(_) => &self.start,
            LimitStep::Keep { .. } => &self.keep,
            LimitStep::End { .. } => &self.end,
            LimitStep::Leave { .. } => &self.leave,
            LimitStep::Pause { .. } => &self.pause,
        }
    }
}

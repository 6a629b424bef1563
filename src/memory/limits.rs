//! Limits by key, counted in memory. Redis has the same rules in its scripts (`redis/limits.rs`).

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::ports::keys::is_run_limit;
use crate::ports::limits::{
    Entrant, FACTS_STAY, LATE, LONGEST, LimitReason, LimitRequest, LimitRules, LimitStep, LimitUse, Queueing,
    SOON, Turn,
};
use crate::time::milliseconds;

/// How long an execution is taken to last before one has ended, in milliseconds.
const LENGTH: u64 = 500;

/// The keys of one server.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<String, Limit>);

/// One key.
#[derive(Debug, Default)]
struct Limit {
    /// Until when each execution that goes on counts.
    held: BTreeMap<String, u64>,
    /// The starts that count, the earliest first.
    starts: VecDeque<u64>,
    line: BTreeMap<String, InLine>,
    tickets: u64,
    paused: u64,
    /// How long executions take, and since when there are any.
    average: Option<u64>,
    since: Option<u64>,
    /// What held for it when a start was last asked for, and when that was.
    asked: Option<(LimitRules, u64)>,
}

/// One that stands in line.
#[derive(Debug, Clone, Copy)]
struct InLine {
    number: u64,
    /// When it comes.
    due: u64,
}

impl Limits {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Has every execution count for so many milliseconds more, as if its worker had said so meanwhile.
    pub fn keep_all(&mut self, by: u64) {
        let held = self.0.values_mut().flat_map(|limit| limit.held.values_mut());
        held.for_each(|until| *until = until.saturating_add(by));
    }

    /// What a worker executes counts no more.
    pub fn run_out(&mut self, worker: &str) {
        for limit in self.0.values_mut() {
            limit
                .held
                .retain(|holder, _| holder.split_once('#').is_none_or(|(held_by, _)| held_by != worker));
        }
    }

    pub fn uses(&self, most: usize, now: u64) -> Vec<LimitUse> {
        let asked = |(key, limit): (&String, &Limit)| {
            let (rules, at) = limit.asked?;
            let is_shown = !is_run_limit(key) && now.saturating_sub(at) < milliseconds(FACTS_STAY);
            is_shown.then(|| (at, limit.used(key, rules, now)))
        };
        let mut uses: Vec<(u64, LimitUse)> = self.0.iter().filter_map(asked).collect();
        uses.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        uses.truncate(most);
        uses.sort_by(|(_, one), (_, other)| one.key.cmp(&other.key));
        uses.into_iter().map(|(_, each)| each).collect()
    }

    pub fn step(&mut self, request: &LimitRequest<'_>, now: u64) -> Turn {
        let limit = self.0.entry(request.key.to_owned()).or_default();
        match request.what {
            LimitStep::Start(entrant) => return limit.start(entrant, now),
            LimitStep::Keep { holder, ttl } => limit.hold(holder, ttl, now),
            LimitStep::End { holder, took } => {
                limit.held.remove(holder);
                if let Some(took) = took.map(milliseconds) {
                    let average = limit.average.map_or(took, |average| (average * 8 + took * 2) / 10);
                    limit.average = Some(average);
                }
            }
            LimitStep::Leave { ticket } => drop(limit.line.remove(ticket)),
            LimitStep::Pause { length } => {
                limit.paused = limit.paused.max(now.saturating_add(milliseconds(length)));
            }
        }
        Turn::Now
    }
}

impl Limit {
    fn start(&mut self, entrant: Entrant<'_>, now: u64) -> Turn {
        let Entrant { rules, ticket, holder, ttl } = entrant;
        self.asked = Some((rules, now));
        self.forget(rules, now);
        let own = self.line.get(ticket).copied();
        let before = own.map_or(now + milliseconds(SOON), |own| own.due);
        let ahead = self.line.values().filter(|other| other.due < before).count() as u64;
        if self.paused <= now && self.free(rules) > ahead {
            self.line.remove(ticket);
            self.hold(holder, ttl, now);
            if rules.rate.is_some() {
                self.starts.push_back(now);
            }
            self.since.get_or_insert(now);
            return Turn::Now;
        }
        let left = rules.rate.map(|rate| u64::from(rate.count).saturating_sub(self.starts.len() as u64));
        let why = LimitReason::of(self.paused > now, left, ahead);
        let number = own.map_or_else(|| self.next_ticket(), |own| own.number);
        // Nobody comes before those that came earlier.
        let earlier = self.line.values().filter(|other| other.number < number);
        let before = earlier.max_by_key(|other| other.number).map_or(0, |other| other.due);
        let due = before.max(now + self.wait(rules, number, now));
        self.line.insert(ticket.to_owned(), InLine { number, due });
        Turn::After { wait: Duration::from_millis(due - now), why }
    }

    fn used(&self, key: &str, rules: LimitRules, now: u64) -> LimitUse {
        let per = rules.rate.map_or(0, |rate| milliseconds(rate.per));
        LimitUse {
            key: key.to_owned(),
            rules,
            in_use: self.held.values().filter(|until| **until > now).count() as u64,
            used: self.starts.iter().filter(|start| **start + per > now).count() as u64,
            waiting: self.line.values().filter(|each| each.due + milliseconds(LATE) > now).count() as u64,
            paused: Duration::from_millis(self.paused.saturating_sub(now)),
        }
    }

    fn hold(&mut self, holder: &str, ttl: Duration, now: u64) {
        self.held.insert(holder.to_owned(), now.saturating_add(milliseconds(ttl)));
    }

    /// Forgets what counts no more.
    fn forget(&mut self, rules: LimitRules, now: u64) {
        self.held.retain(|_, until| *until > now);
        if let Some(rate) = rules.rate {
            let counts = |start: &u64| start + milliseconds(rate.per) > now;
            while self.starts.front().is_some_and(|start| !counts(start)) {
                self.starts.pop_front();
            }
        }
        self.line.retain(|_, each| each.due + milliseconds(LATE) > now);
    }

    /// How many may start.
    fn free(&self, rules: LimitRules) -> u64 {
        let left = |most: u32, used: usize| u64::from(most).saturating_sub(used as u64);
        let places = rules.concurrency.map_or(u64::MAX, |most| left(most, self.held.len()));
        places.min(rules.rate.map_or(u64::MAX, |rate| left(rate.count, self.starts.len())))
    }

    fn next_ticket(&mut self) -> u64 {
        self.tickets += 1;
        self.tickets
    }

    fn wait(&mut self, rules: LimitRules, number: u64, now: u64) -> u64 {
        let rank = self.line.values().filter(|other| other.number < number).count() as u64;
        let line = Queueing {
            rank,
            in_use: self.held.len() as u64,
            length: self.average.unwrap_or_else(|| LENGTH.max(now - self.since.unwrap_or(now))),
            paused: self.paused.saturating_sub(now),
        };
        let wait = line.wait(rules.concurrency);
        let Some(rate) = rules.rate else { return wait };
        let turn = rate.turn(self.starts.make_contiguous(), rank, now);
        wait.max((turn - now).min(milliseconds(LONGEST)))
    }
}

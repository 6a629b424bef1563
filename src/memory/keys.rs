//! The keys of a coordination store in memory, and how they expire.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::deaths::Note;
use super::limits::Limits;
use crate::error::{Code, Error, Result};
use crate::ports::announcement::Announced;
use crate::ports::coordination::{Acquired, DEATHS_STAY, GIVEN_UP_STAYS, Lease, Start};
use crate::ports::keys::{NODE_LOCK, RECONCILER_MARK, REPAIR, WORKERS, started};
use crate::ports::limits::{LimitReason, LimitRequest, LimitStep, LimitUse, SHORTEST, Turn};

pub(super) const OPERATION: &str = "Talking to the coordination store";
/// How the keys begin that a worker renews for as long as it lives.
const HELD: [&str; 3] = [NODE_LOCK, REPAIR, WORKERS];

/// The keys of one server.
#[derive(Debug, Default)]
pub(super) struct Keys(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, StoredKey>,
    /// The workers that died: what is still on its way from one of them takes nothing.
    dead: BTreeSet<String>,
    limits: Limits,
}

#[derive(Debug)]
pub(super) struct StoredKey {
    value: String,
    /// What is noted of an execution, if that is what it is.
    note: Option<Note>,
    /// When it was set, by the server's clock.
    set: u64,
    /// When it is gone.
    expires: u64,
}

/// The keys at a moment, without the expired ones.
pub(super) struct Now<'a> {
    keys: &'a mut BTreeMap<String, StoredKey>,
    dead: &'a BTreeSet<String>,
    limits: &'a mut Limits,
    moment: u64,
}

impl Keys {
    pub fn clear(&self) {
        let mut state = self.lock();
        state.entries.clear();
        state.limits.clear();
    }

    /// Removes every key but this one.
    pub fn clear_but(&self, kept: &str) {
        let mut state = self.lock();
        state.entries.retain(|key, _| key == kept);
        state.limits.clear();
    }

    /// Has every lease, lead and announcement live for so many milliseconds more, as if its holder had renewed it meanwhile.
    pub fn renew_all(&self, by: u64) {
        let is_renewed = |key: &str, entry: &StoredKey| is_held(key) && entry.value != RECONCILER_MARK;
        let mut state = self.lock();
        state.limits.keep_all(by);
        for (_, entry) in state.entries.iter_mut().filter(|(key, entry)| is_renewed(key, entry)) {
            entry.expires = entry.expires.saturating_add(by);
        }
    }

    /// A worker died: what it would have renewed is gone, as if it had run out. What is noted beside its leases stays.
    pub fn run_out(&self, worker: &str) {
        let mut state = self.lock();
        state.entries.remove(&worker_key(worker));
        state.entries.retain(|key, entry| !is_held(key) || worker_of(&entry.value) != worker);
        state.limits.run_out(worker);
        state.dead.insert(worker.to_owned());
    }

    pub fn at<T>(&self, moment: u64, act: impl FnOnce(Now<'_>) -> T) -> T {
        let State { entries: keys, dead, limits } = &mut *self.lock();
        act(Now { keys, dead, limits, moment })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Now<'_> {
    pub fn get(&mut self, key: &str) -> Option<&mut StoredKey> {
        if self.keys.get(key).is_some_and(|entry| entry.expires <= self.moment) {
            self.keys.remove(key);
        }
        self.keys.get_mut(key)
    }

    pub fn remove(&mut self, key: &str) {
        self.keys.remove(key);
    }

    pub fn value(&mut self, key: &str) -> Option<&str> {
        self.get(key).map(|entry| entry.value.as_str())
    }

    /// Refuses a time to live of zero, as Redis does.
    pub fn set(&mut self, key: &str, value: &str, ttl: u64) -> Result<()> {
        if ttl == 0 {
            return Err(Error::new(Code::RedisUnreachable, OPERATION, "a key cannot live for 0 seconds"));
        }
        let expires = self.after(ttl);
        self.keys.insert(
            key.to_owned(),
            StoredKey { value: value.to_owned(), note: None, set: self.moment, expires },
        );
        Ok(())
    }

    /// Answers whether the key exists. A time to live of zero removes it.
    pub fn extend(&mut self, key: &str, ttl: u64) -> bool {
        let expires = self.after(ttl);
        self.get(key).map(|entry| entry.expires = expires).is_some()
    }

    pub fn increment(&mut self, key: &str, ttl: u64) -> Result<i64> {
        let count = match self.value(key) {
            None => 0,
            Some(value) => value.parse::<i64>().map_err(|_| {
                Error::new(Code::RedisUnreachable, OPERATION, format!("the key '{key}' is not a number"))
            })?,
        };
        let count = count.saturating_add(1);
        let expires = self.after(ttl);
        self.keys.insert(
            key.to_owned(),
            StoredKey { value: count.to_string(), note: None, set: self.moment, expires },
        );
        Ok(count)
    }

    pub fn acquire(&mut self, lease: &Lease) -> Result<Acquired> {
        if self.dead.contains(worker_of(&lease.owner)) {
            return Ok(Acquired::No);
        }
        let acquired = match self.value(&lease.key) {
            Some(held) if held != lease.owner && held != RECONCILER_MARK => return Ok(Acquired::No),
            Some(_) => Acquired::Yes,
            None => Acquired::Fresh,
        };
        self.set(&lease.key, &lease.owner, lease.ttl)?;
        let Some(start) = lease.start else { return Ok(acquired) };
        let mut note = self.note(&lease.key);
        let deaths = note.taken(&lease.owner, start);
        self.keep(&lease.key, note);
        Ok(if deaths == 0 { acquired } else { Acquired::Suspect(deaths) })
    }

    pub fn release(&mut self, lease: &Lease) -> Result<()> {
        let had_it = self.value(&lease.key) == Some(&lease.owner);
        if had_it {
            self.set(&lease.key, RECONCILER_MARK, GIVEN_UP_STAYS)?;
        }
        if let Some(Start { stage, .. }) = lease.start {
            let mut note = self.note(&lease.key);
            note.released(&lease.owner, stage, had_it);
            self.keep(&lease.key, note);
        }
        Ok(())
    }

    /// Counts under a key. What is still on its way from a worker that died starts nothing.
    pub fn limit(&mut self, request: &LimitRequest<'_>) -> Turn {
        match request.what {
            LimitStep::Start(entrant) if self.dead.contains(worker_of(entrant.holder)) => {
                Turn::After { wait: SHORTEST, why: LimitReason::Concurrency }
            }
            LimitStep::Keep { holder, .. } if self.dead.contains(worker_of(holder)) => Turn::Now,
            _ => self.limits.step(request, self.moment),
        }
    }

    /// How the keys of limits stand.
    pub fn limits(&self, most: usize) -> Vec<LimitUse> {
        self.limits.uses(most, self.moment)
    }

    fn note(&mut self, lease: &str) -> Note {
        self.get(&started(lease)).and_then(|entry| entry.note.take()).unwrap_or_default()
    }

    fn keep(&mut self, lease: &str, note: Note) {
        let key = started(lease);
        if note.is_empty() {
            return self.remove(&key);
        }
        let expires = self.after(DEATHS_STAY);
        let entry = StoredKey { value: String::new(), note: Some(note), set: self.moment, expires };
        self.keys.insert(key, entry);
    }

    /// A worker says that it lives.
    pub fn announce(&mut self, worker: &str, card: &str, ttl: u64) -> Result<()> {
        self.set(&worker_key(worker), card, ttl)
    }

    pub fn withdraw(&mut self, worker: &str) {
        self.remove(&worker_key(worker));
    }

    /// The workers that are alive.
    pub fn workers(&self) -> Vec<Announced> {
        let first = worker_key("");
        let all = self.keys.range(first.clone()..).take_while(|(key, _)| key.starts_with(&first));
        let alive = all.filter(|(_, entry)| entry.expires > self.moment);
        let announced = |entry: &StoredKey| Announced {
            card: entry.value.clone(),
            age: self.moment.saturating_sub(entry.set),
        };
        alive.map(|(_, entry)| announced(entry)).collect()
    }

    fn after(&self, ttl: u64) -> u64 {
        self.moment.saturating_add(ttl.saturating_mul(1000))
    }
}

/// The worker that a lease or a lead is of.
fn worker_of(token: &str) -> &str {
    token.split_once('#').map_or(token, |(worker, _)| worker)
}

fn is_held(key: &str) -> bool {
    HELD.iter().any(|first| key.starts_with(first))
}

/// What a worker says of itself has a key of its own here.
fn worker_key(worker: &str) -> String {
    format!("{WORKERS}:{worker}")
}

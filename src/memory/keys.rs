//! The keys of a coordination store in memory, and how they expire.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::error::{Code, Error, Result};
use crate::ports::announcement::Announced;
use crate::ports::coordination::{Acquired, GIVEN_UP_STAYS, Lease};
use crate::ports::keys::{RECONCILER_MARK, WORKERS};

pub(super) const OPERATION: &str = "Talking to the coordination store";

/// The keys of one server.
#[derive(Debug, Default)]
pub(super) struct Keys(Mutex<BTreeMap<String, Entry>>);

#[derive(Debug)]
pub(super) struct Entry {
    value: String,
    /// When it was set, by the server's clock.
    set: u64,
    /// When it is gone.
    expires: u64,
}

/// The keys at a moment, without the expired ones.
pub(super) struct Now<'a> {
    keys: &'a mut BTreeMap<String, Entry>,
    moment: u64,
}

impl Keys {
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Removes every key but this one.
    pub fn clear_but(&self, kept: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| key == kept);
    }

    pub fn at<T>(&self, moment: u64, act: impl FnOnce(Now<'_>) -> T) -> T {
        act(Now { keys: &mut self.0.lock().unwrap_or_else(PoisonError::into_inner), moment })
    }
}

impl Now<'_> {
    pub fn get(&mut self, key: &str) -> Option<&mut Entry> {
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
        self.keys.insert(key.to_owned(), Entry { value: value.to_owned(), set: self.moment, expires });
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
        self.keys.insert(key.to_owned(), Entry { value: count.to_string(), set: self.moment, expires });
        Ok(count)
    }

    pub fn acquire(&mut self, lease: &Lease) -> Result<Acquired> {
        let acquired = match self.value(&lease.key) {
            Some(held) if held != lease.owner && held != RECONCILER_MARK => return Ok(Acquired::No),
            Some(_) => Acquired::Yes,
            None => Acquired::Fresh,
        };
        self.set(&lease.key, &lease.owner, lease.ttl).map(|()| acquired)
    }

    pub fn release(&mut self, lease: &Lease) -> Result<()> {
        match self.value(&lease.key) == Some(&lease.owner) {
            true => self.set(&lease.key, RECONCILER_MARK, GIVEN_UP_STAYS),
            false => Ok(()),
        }
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
        let announced = |entry: &Entry| Announced {
            card: entry.value.clone(),
            age: self.moment.saturating_sub(entry.set),
        };
        alive.map(|(_, entry)| announced(entry)).collect()
    }

    fn after(&self, ttl: u64) -> u64 {
        self.moment.saturating_add(ttl.saturating_mul(1000))
    }
}

/// What a worker says of itself has a key of its own here.
fn worker_key(worker: &str) -> String {
    format!("{WORKERS}:{worker}")
}

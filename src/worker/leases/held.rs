//! The leases one worker holds.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::reach::Reach;
use crate::error::{Error, Result};
use crate::ids::NodeId;
use crate::mutants::{Mutant, makes};
use crate::ports::coordination::{Acquired, CoordinationStore, Lease, Stage, Start};
use crate::ports::keys;

/// How many requests without an answer are remembered.
const UNANSWERED_KEPT: usize = 10_000;

/// The leases one worker holds, renewed by time for as long as it holds them. They are advice: the commit decides.
pub struct HeldLeases {
    store: Arc<dyn CoordinationStore>,
    owner: String,
    /// Seconds a lease outlives its last renewal; renewed at a third of it.
    ttl: u64,
    held: Mutex<BTreeMap<String, Held>>,
    taken: AtomicU64,
    reach: Mutex<Reach>,
    /// Leases that the store may have for this worker although it holds none: an answer was lost, or nothing could be
    /// given up.
    unanswered: Mutex<BTreeMap<String, Lease>>,
    /// User code is gone, although nobody stopped this worker.
    is_deserted: AtomicBool,
    /// Told when renewals were answered.
    renewed: Notify,
}

/// A lease that is held, under its key.
#[derive(Debug, Clone)]
struct Held {
    /// What stands in the key: no two takings of a lease are the same.
    token: String,
    /// When it was last asked for with success; while nobody else can see it, when it was taken.
    renewed: Instant,
    /// It ran out before it was renewed: another worker may have had it in between. It stays so: a renewal does not undo
    /// what the other one did.
    lapsed: bool,
    /// The store took it: others can see it.
    seen: bool,
    /// What the store notes with it.
    start: Option<Start>,
    /// The execution it is held for, once there is one.
    execution: Option<LeasedExecution>,
    /// The execution is claimed in the record too: others may not see the lease. The claim lives as long as the lease.
    is_claimed: bool,
    /// A renewal is on its way.
    is_being_renewed: bool,
}

/// An execution of a node: what a claim in the record is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedExecution {
    /// The run.
    pub run: String,
    /// The node.
    pub node: NodeId,
    /// Its round.
    pub round: u32,
}

impl Held {
    /// Whether it has not run out, given how many seconds it lives.
    fn lasts(&self, ttl: u64) -> bool {
        !self.lapsed && self.renewed.elapsed() < Duration::from_secs(ttl)
    }
}

impl HeldLeases {
    /// No lease is held yet. `owner` is this worker's name, unique in the fleet.
    pub fn new(store: Arc<dyn CoordinationStore>, owner: String, ttl: u64) -> Self {
        Self {
            store,
            owner,
            ttl,
            held: Mutex::default(),
            taken: AtomicU64::new(0),
            reach: Mutex::default(),
            unanswered: Mutex::default(),
            is_deserted: AtomicBool::new(false),
            renewed: Notify::new(),
        }
    }

    /// Takes the lease of a node. With what is noted of an execution, deaths under it are counted.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn take(&self, run: &str, node: &str, start: Option<Start>) -> Result<Acquired> {
        let key = keys::node_lock(run, node);
        // One worker may get the same job twice: its own lease does not let it run both.
        let token = self.token_for(&key);
        if !self.hold(&key, &token, start) {
            return Ok(Acquired::No);
        }
        let lease = Lease::new(&key, &token, self.ttl).of(start);
        let asked = Instant::now();
        let (acquired, is_asked) = match self.known_failure() {
            Some(error) => (Err(error), false),
            None => (self.ask(&lease).await, true),
        };
        match acquired {
            Ok(acquired) if acquired.is_taken() => {
                self.note_renewal(&key, &token, asked);
                if matches!(acquired, Acquired::Suspect(_)) {
                    self.set_stage(&key, Stage::Waits);
                }
            }
            _ => drop(self.with_held(|held| held.remove(&key))),
        }
        if acquired.is_err() && is_asked {
            self.remember(lease);
        }
        acquired
    }

    /// Takes a lease that nobody else can see, while the store is out of reach; whether this worker had it already.
    /// It becomes a real one with the next renewal.
    pub fn take_unseen(&self, run: &str, node: &str, start: Option<Start>) -> bool {
        let key = keys::node_lock(run, node);
        let start = start.map(|start| Start { stage: Stage::Started, ..start });
        self.hold(&key, &self.token_for(&key), start)
    }

    /// Tells the store how far the execution is that a lease is held for; whether this worker still has the lease, as far
    /// as anybody knows.
    pub async fn tell_stage(&self, run: &str, node: &str, stage: Stage) -> bool {
        let key = keys::node_lock(run, node);
        self.set_stage(&key, stage);
        self.after_renewal(&key).await;
        let Some(lease) = self.lease(&key) else { return false };
        let asked = Instant::now();
        match self.acquire(&lease).await {
            Ok(Acquired::No) => false,
            Ok(_) => {
                self.note_renewal(&key, &lease.owner, asked);
                true
            }
            Err(_) => true,
        }
    }

    /// Waits for a renewal that is on its way. It says an earlier stage, and must not arrive after the present one.
    async fn after_renewal(&self, key: &str) {
        while !makes(Mutant::TellsStagesInDisorder) {
            let mut answered = std::pin::pin!(self.renewed.notified());
            answered.as_mut().enable();
            if !self.with_held(|held| held.get(key).is_some_and(|held| held.is_being_renewed)) {
                return;
            }
            answered.await;
        }
    }

    /// The execution that a lease is held for is answered: nobody died of it.
    pub fn note_answered(&self, run: &str, node: &str) {
        self.set_stage(&keys::node_lock(run, node), Stage::Answered);
    }

    /// User code is gone, although nobody stopped this worker: what was being executed may be why.
    pub fn desert(&self) {
        self.is_deserted.store(true, Ordering::Relaxed);
    }

    fn set_stage(&self, key: &str, stage: Stage) {
        self.with_held(|held| {
            if let Some(start) = held.get_mut(key).and_then(|held| held.start.as_mut()) {
                start.stage = stage;
            }
        });
    }

    fn lease(&self, key: &str) -> Option<Lease> {
        let held = self.with_held(|held| held.get(key).cloned())?;
        Some(Lease::new(key, &held.token, self.ttl).of(held.start))
    }

    /// A token for a lease: that of a request whose answer was lost, since it may have taken the lease.
    fn token_for(&self, key: &str) -> String {
        let unanswered = self.with_unanswered(|unanswered| unanswered.remove(key));
        unanswered.map_or_else(|| self.token(), |lease| lease.owner)
    }

    /// Remembers a lease that the store may have for this worker although it holds none.
    fn remember(&self, lease: Lease) {
        self.with_unanswered(|unanswered| {
            if unanswered.len() < UNANSWERED_KEPT {
                unanswered.insert(lease.key.clone(), lease);
            }
        });
    }

    /// Gives up what the store may have for this worker although it holds none: nobody died.
    async fn give_up_unanswered(&self) {
        let unanswered = self.with_unanswered(|unanswered| unanswered.values().cloned().collect::<Vec<_>>());
        for lease in unanswered {
            if !self.is_reachable() {
                return;
            }
            // Taken again meanwhile, it is held under the same token.
            if self.with_unanswered(|unanswered| unanswered.remove(&lease.key)).is_some() {
                self.release(&lease).await;
            }
        }
    }

    /// Whether a lease that was taken has not run out since, as far as this worker can tell.
    pub fn is_current(&self, run: &str, node: &str) -> bool {
        self.with_held(|held| held.get(&keys::node_lock(run, node)).is_some_and(|held| held.lasts(self.ttl)))
    }

    /// Whether others can see a lease that is held: the store answers, and took it.
    pub fn is_seen(&self, run: &str, node: &str) -> bool {
        let is_seen = |held: &Held| held.seen && held.lasts(self.ttl);
        self.is_reachable()
            && self.with_held(|held| held.get(&keys::node_lock(run, node)).is_some_and(is_seen))
    }

    /// Asks for a lease that nobody else can see, however recently the store failed; whether another worker has it.
    pub async fn is_others(&self, run: &str, node: &str) -> bool {
        let key = keys::node_lock(run, node);
        let Some(lease) = self.lease(&key) else {
            return false;
        };
        let asked = Instant::now();
        match self.ask(&lease).await {
            Ok(Acquired::No) => true,
            Ok(_) => {
                self.note_renewal(&key, &lease.owner, asked);
                false
            }
            Err(_) => false,
        }
    }

    /// Notes what a lease is held for, and whether that is claimed in the record. Where the lease cannot be renewed it will be.
    pub fn note_execution(&self, execution: LeasedExecution, is_claimed: bool) {
        let key = keys::node_lock(&execution.run, &execution.node);
        self.with_held(|held| {
            if let Some(held) = held.get_mut(&key) {
                (held.execution, held.is_claimed) = (Some(execution), is_claimed);
            }
        });
    }

    /// Notes that executions are claimed in the record, for as long as their leases are held.
    pub fn note_claimed(&self, executions: &[LeasedExecution]) {
        self.with_held(|all| {
            for execution in executions {
                let held = all.get_mut(&keys::node_lock(&execution.run, &execution.node));
                if let Some(held) = held.filter(|held| held.execution.as_ref() == Some(execution)) {
                    held.is_claimed = true;
                }
            }
        });
    }

    /// The executions under leases that are not claimed in the record.
    pub fn unclaimed(&self) -> Vec<LeasedExecution> {
        self.with_held(|held| {
            held.values().filter(|held| !held.is_claimed).filter_map(|held| held.execution.clone()).collect()
        })
    }

    /// For how much longer a lease may live that another worker took before the store was lost; none once all have run out.
    pub fn silence_left(&self) -> Option<Duration> {
        // A store that answers again is asked for the lease instead: nothing is left then.
        let silent = self.with_reach(|reach| reach.lost).map_or(Duration::ZERO, |lost| lost.elapsed());
        Duration::from_secs(self.ttl).checked_sub(silent).filter(|left| !left.is_zero())
    }

    /// Whether the store may have forgotten leases a moment ago: it was flushed, or another one took its place. Their
    /// holders take them again with their next renewals.
    pub async fn may_be_forgotten(&self) -> bool {
        // A store that does not answer now may have been flushed since it last did.
        self.look_at_epoch().await.unwrap_or(true)
    }

    async fn look_at_epoch(&self) -> Result<bool> {
        let (stored, young) = join(self.store.get(keys::EPOCH), self.store.get(keys::YOUNG)).await;
        let (stored, is_young) = (stored?, young?.is_some());
        let known = self.with_reach(|reach| reach.epoch.clone());
        let is_another = known.is_some() && known != stored;
        if is_another {
            self.store.set_if_not_exist(keys::YOUNG, &self.owner, self.ttl).await?;
        }
        let epoch = match stored {
            Some(epoch) => Some(epoch),
            None => {
                self.store.set_if_not_exist(keys::EPOCH, &self.token(), keys::EPOCH_TTL).await?;
                self.store.get(keys::EPOCH).await?
            }
        };
        self.with_reach(|reach| reach.epoch = epoch);
        Ok(is_another || is_young)
    }

    fn note_renewal(&self, key: &str, token: &str, asked: Instant) {
        self.with_held(|held| {
            if let Some(held) = held.get_mut(key).filter(|held| held.token == token) {
                // The renewal was answered after the lease had run out: another worker may have held it in between.
                held.lapsed = !held.lasts(self.ttl) && !makes(Mutant::RevivesLease);
                held.renewed = asked;
                held.seen = true;
            }
        });
    }

    /// Notes a lease as held; whether it was not.
    fn hold(&self, key: &str, token: &str, start: Option<Start>) -> bool {
        self.with_held(|held| match held.entry(key.to_owned()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(Held {
                    token: token.to_owned(),
                    renewed: Instant::now(),
                    lapsed: false,
                    seen: false,
                    start,
                    execution: None,
                    is_claimed: false,
                    is_being_renewed: false,
                });
                true
            }
        })
    }

    fn token(&self) -> String {
        format!("{}#{}", self.owner, self.taken.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether a lease can be known to be fresh: the store answers, and remembers what was given up.
    pub fn can_be_fresh(&self) -> bool {
        self.store.remembers_releases() && self.is_reachable()
    }

    /// Whether the store answered when it was last asked.
    pub fn is_reachable(&self) -> bool {
        self.with_reach(|reach| reach.failed.is_none())
    }

    /// Gives the lead up.
    pub async fn resign(&self, key: &str) {
        self.release(&Lease::new(key, &self.owner, 0)).await;
    }

    /// Whether the store is out of reach, and nobody said so yet.
    pub fn is_newly_lost(&self) -> bool {
        self.with_reach(|reach| reach.failed.is_some() && !std::mem::replace(&mut reach.said, true))
    }

    /// Whether the store answers again after it was said to be out of reach.
    pub fn is_back(&self) -> bool {
        self.with_reach(|reach| reach.failed.is_none() && std::mem::take(&mut reach.said))
    }

    /// Takes, or keeps, a lead of `ttl` seconds among the workers; whether this worker has it.
    ///
    /// # Errors
    /// The store is out of reach.
    pub async fn lead(&self, key: &str, ttl: u64) -> Result<bool> {
        self.acquire(&Lease::new(key, &self.owner, ttl)).await.map(Acquired::is_taken)
    }

    /// Asks the store, unless it failed to answer a moment ago.
    async fn acquire(&self, lease: &Lease) -> Result<Acquired> {
        match self.known_failure() {
            Some(error) => Err(error),
            None => self.ask(lease).await,
        }
    }

    fn known_failure(&self) -> Option<Error> {
        self.with_reach(|reach| reach.known_failure(Instant::now()))
    }

    async fn ask(&self, lease: &Lease) -> Result<Acquired> {
        let answer = self.store.acquire_lease(lease).await;
        self.with_reach(|reach| match &answer {
            Ok(_) => (reach.failed, reach.lost) = (None, None),
            Err(error) => {
                let now = Instant::now();
                reach.failed = Some((now, error.clone()));
                reach.lost.get_or_insert(now);
            }
        });
        answer
    }

    /// Gives a lease back; done when that is on its way. Where the store is out of reach it runs out by itself.
    pub async fn give_back(&self, run: &str, node: &str) {
        let key = keys::node_lock(run, node);
        // First, so that the renewal does not take it again.
        let Some(held) = self.with_held(|held| held.remove(&key)) else { return };
        let is_deserted = self.is_deserted.load(Ordering::Relaxed);
        let start = held.start.filter(|_| !makes(Mutant::KeepsStarts)).map(|start| match start.stage {
            Stage::Starts | Stage::Started if is_deserted => Start { stage: Stage::Died, ..start },
            _ => start,
        });
        let lease = Lease::new(&key, &held.token, self.ttl).of(start);
        match self.is_reachable() {
            true => self.release(&lease).await,
            false => self.remember(lease),
        }
    }

    async fn release(&self, lease: &Lease) {
        if self.is_reachable()
            && let Err(error) = self.store.release_lease(lease).await
        {
            let key = &lease.key;
            debug!(%error, key, "the lease was not given back; it runs out by itself");
        }
    }

    /// Renews every lease held while the worker is `alive`, until `stop`; takes it again if Redis has forgotten it. What
    /// cannot be renewed is claimed, and what was claimed is claimed again: somebody may still not see the lease.
    pub async fn keep(
        &self,
        alive: impl Fn() -> bool,
        claim: impl Fn(Vec<LeasedExecution>),
        stop: CancellationToken,
    ) {
        let mut beat = tokio::time::interval(Duration::from_millis(self.ttl * 1000 / 3));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = beat.tick() => {}
            }
            if !alive() {
                warn!("the event loop of JavaScript does not respond: the worker lets its leases run out");
                continue;
            }
            self.give_up_unanswered().await;
            let held = self.begin_renewal();
            // All at once: they leave together.
            let renewed = join_all(held.iter().map(|lease| self.renew(lease)));
            let (renewed, _) = join(renewed, self.may_be_forgotten()).await;
            self.end_renewal();
            let renewed = held.iter().zip(renewed);
            let claimed: Vec<LeasedExecution> =
                renewed.filter_map(|(lease, is_renewed)| self.to_claim(lease, is_renewed)).collect();
            if !claimed.is_empty() {
                claim(claimed);
            }
        }
    }

    /// The leases as they are renewed now.
    fn begin_renewal(&self) -> Vec<Lease> {
        self.with_held(|held| {
            let lease = |(key, held): (&String, &mut Held)| {
                held.is_being_renewed = true;
                Lease::new(key, &held.token, self.ttl).of(held.start)
            };
            held.iter_mut().map(lease).collect()
        })
    }

    fn end_renewal(&self) {
        self.with_held(|held| held.values_mut().for_each(|held| held.is_being_renewed = false));
        self.renewed.notify_waiters();
    }

    /// The execution that a lease is held for, if it is to be claimed in the record from now on.
    fn to_claim(&self, lease: &Lease, is_renewed: bool) -> Option<LeasedExecution> {
        self.with_held(|held| {
            let held = held.get_mut(&lease.key).filter(|held| held.token == lease.owner)?;
            held.is_claimed |= !is_renewed;
            let is_to_claim = held.is_claimed && !(is_renewed && makes(Mutant::ForgetsClaims));
            held.execution.clone().filter(|_| is_to_claim)
        })
    }

    /// Renews a lease; whether this worker has it.
    async fn renew(&self, lease: &Lease) -> bool {
        let Lease { key, owner, .. } = lease;
        let asked = Instant::now();
        match self.acquire(lease).await {
            Ok(Acquired::No) => {
                debug!(key, "another worker took the lease; the commit decides which result counts");
                return false;
            }
            // Given back while it was being renewed.
            Ok(_) if self.with_held(|held| held.get(key).is_none_or(|own| own.token != *owner)) => {
                self.release(lease).await;
            }
            Ok(_) => self.note_renewal(key, owner, asked),
            Err(error) => {
                warn!(%error, key, "the lease was not renewed");
                return false;
            }
        }
        true
    }

    fn with_reach<T>(&self, act: impl FnOnce(&mut Reach) -> T) -> T {
        act(&mut self.reach.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_unanswered<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Lease>) -> T) -> T {
        act(&mut self.unanswered.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_held<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Held>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Event, Fault, Faults, MemoryServer, Operation};
    use crate::mutants::making;

    /// Delays every `nth` request for a lease.
    #[derive(Debug)]
    struct Slow(AtomicU64, u64);

    impl Faults for Slow {
        fn strike(&self, event: &Event<'_>) -> Option<Fault> {
            let Event::Coordinate { operation: Operation::Acquire, .. } = event else { return None };
            let is_it = self.0.fetch_add(1, Ordering::Relaxed) + 1 == self.1;
            is_it.then_some(Fault::Delay(Duration::from_secs(1)))
        }
    }

    fn execution() -> LeasedExecution {
        LeasedExecution { run: "r".into(), node: "n".into(), round: 1 }
    }

    /// How many deaths the next owner hears of, if a worker dies of a suspect that started while its lease was being renewed.
    async fn deaths_after_a_late_renewal() -> Acquired {
        let server = MemoryServer::starting_at(1_000);
        let start = Some(Start { round: Some(1), stage: Stage::Starts });
        let worker = |name: &str| HeldLeases::new(Arc::new(server.coordination(name)), name.into(), 15);
        let (died, suspicious, next) = (worker("w0"), worker("w1"), worker("w2"));
        died.take("r", "n", start).await.unwrap();
        tokio::time::sleep(Duration::from_secs(16)).await;
        assert_eq!(suspicious.take("r", "n", start).await.unwrap(), Acquired::Suspect(1));
        server.set_faults(Some(Arc::new(Slow(AtomicU64::new(0), 1))));
        let keep = suspicious.keep(|| true, |_| {}, CancellationToken::new());
        let tell = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            assert!(suspicious.tell_stage("r", "n", Stage::Started).await);
            // The late renewal has arrived by then; the worker dies after that.
            tokio::time::sleep(Duration::from_secs(2)).await;
        };
        tokio::select! {
            () = keep => {}
            () = tell => {}
        }
        tokio::time::sleep(Duration::from_secs(16)).await;
        next.take("r", "n", start).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_is_late_does_not_undo_what_was_said_after_it() {
        assert_eq!(deaths_after_a_late_renewal().await, Acquired::Suspect(2));
    }

    #[test]
    fn a_renewal_that_is_not_waited_for_hides_a_death() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let heard = making(Some(Mutant::TellsStagesInDisorder), || {
            runtime.unwrap().block_on(deaths_after_a_late_renewal())
        });
        assert_eq!(heard, Acquired::Suspect(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_claimed_is_claimed_again_for_as_long_as_its_lease_is_held() {
        let store = Arc::new(MemoryServer::starting_at(1_000).coordination("w1"));
        let leases = HeldLeases::new(store, "w1".into(), 15);
        let claimed = AtomicU64::new(0);
        let count = |executions: Vec<LeasedExecution>| {
            assert_eq!(executions, [execution()]);
            claimed.fetch_add(1, Ordering::Relaxed);
        };
        leases.take("r", "n", None).await.unwrap();
        let keep = leases.keep(|| true, count, CancellationToken::new());
        let story = async {
            let beats = |number: u64| tokio::time::sleep(Duration::from_secs(5 * number));
            leases.note_execution(execution(), false);
            tokio::time::sleep(Duration::from_secs(1)).await;
            beats(2).await;
            assert_eq!((claimed.load(Ordering::Relaxed), leases.unclaimed()), (0, vec![execution()]));
            leases.note_claimed(&[execution()]);
            beats(3).await;
            assert_eq!((claimed.load(Ordering::Relaxed), leases.unclaimed()), (3, vec![]));
            leases.give_back("r", "n").await;
            beats(2).await;
            assert_eq!(claimed.load(Ordering::Relaxed), 3);
        };
        tokio::select! {
            () = keep => {}
            () = story => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_ran_out_stays_lost_although_it_is_renewed() {
        let store = Arc::new(MemoryServer::starting_at(1_000).coordination("w1"));
        let leases = HeldLeases::new(store, "w1".into(), 15);
        assert!(leases.take("r", "n", None).await.unwrap().is_taken() && leases.is_current("r", "n"));
        let lease = leases.lease(&keys::node_lock("r", "n")).unwrap();
        for (passes, is_current) in [(10, true), (14, true), (16, false), (1, false)] {
            tokio::time::advance(Duration::from_secs(passes)).await;
            assert!(leases.renew(&lease).await);
            assert_eq!(leases.is_current("r", "n"), is_current, "after {passes} more seconds");
        }
    }
}

use tokio_util::sync::CancellationToken;

use super::*;
use crate::memory::{Fault, Faults, MemoryServer, Operation, ServerEvent};
use crate::mutants::making;
use crate::ports::platform::Platform;
use crate::worker::leases::epoch::Forgotten;

/// Delays every `nth` request for a lease.
#[derive(Debug)]
struct Slow(AtomicU64, u64);

impl Faults for Slow {
    fn strike(&self, event: &ServerEvent<'_>) -> Option<Fault> {
        let ServerEvent::Coordinate { operation: Operation::Acquire, .. } = event else { return None };
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
    let worker = |name: &str| {
        HeldLeases::new(Arc::new(server.coordination(name)), name.into(), 15, Platform::default())
    };
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
    let leases = HeldLeases::new(store, "w1".into(), 15, Platform::default());
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
    let leases = HeldLeases::new(store, "w1".into(), 15, Platform::default());
    assert!(leases.take("r", "n", None).await.unwrap().is_taken() && leases.is_current("r", "n"));
    let lease = leases.lease(&keys::node_lock("r", "n")).unwrap();
    for (passes, is_current) in [(10, true), (14, true), (16, false), (1, false)] {
        tokio::time::advance(Duration::from_secs(passes)).await;
        assert!(leases.renew(&lease).await);
        assert_eq!(leases.is_current("r", "n"), is_current, "after {passes} more seconds");
    }
}

#[tokio::test]
async fn a_store_that_was_found_empty_is_doubted_until_all_have_renewed_also_where_it_keeps_keys_for_ever() {
    let platform = Platform::default();
    let (now, too_long) = (platform.now(), 8_000);
    for (since, doubted) in [(now, true), (now - too_long, false)] {
        let store = Arc::new(MemoryServer::starting_at(1_000).coordination("w1"));
        store.set_if_not_exist(keys::EPOCH, "e", 1_000).await.unwrap();
        store.set_if_not_exist(keys::YOUNG, &format!("begun {since}"), 1_000).await.unwrap();
        let leases = HeldLeases::new(store, "w1".into(), 15, platform.clone());
        let expected = if doubted { Forgotten::Perhaps { since } } else { Forgotten::No };
        assert_eq!(leases.has_forgotten().await, expected);
    }
}

use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::*;

struct Ask(&'static str, oneshot::Sender<usize>);

impl Request for Ask {
    fn exclusive(&self) -> Option<&str> {
        Some(self.0)
    }
}

/// Answers each request with the size of its batch, after a while.
fn ask(
    batches: &Arc<Batches<Ask>>,
    key: &'static str,
    seen: &mpsc::UnboundedSender<Vec<&'static str>>,
) -> oneshot::Receiver<usize> {
    let (answer, answered) = oneshot::channel();
    let (batches, seen) = (batches.clone(), seen.clone());
    let send = move |batch: Vec<Ask>| {
        let seen = seen.clone();
        async move {
            seen.send(batch.iter().map(|ask| ask.0).collect()).unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
            let size = batch.len();
            batch.into_iter().for_each(|ask| ask.1.send(size).unwrap());
        }
    };
    tokio::spawn(async move { batches.submit(Ask(key, answer), send).await });
    answered
}

#[tokio::test(start_paused = true)]
async fn the_first_request_leaves_alone_and_those_that_wait_leave_together() {
    let (seen, _batches_seen) = mpsc::unbounded_channel();
    let batches = Arc::new(Batches::new(Platform::default()));
    let first = ask(&batches, "a", &seen);
    tokio::time::sleep(Duration::from_millis(2)).await;
    let later: Vec<_> = ["b", "c", "d"].map(|key| ask(&batches, key, &seen)).into_iter().collect();
    assert_eq!(first.await.unwrap(), 1);
    for answer in later {
        assert_eq!(answer.await.unwrap(), 3);
    }
    // The slot is free again.
    assert_eq!(ask(&batches, "e", &seen).await.unwrap(), 1);
}

/// Answers each request with the size of its batch, once the gate of its key is open.
fn ask_behind(
    batches: &Arc<Batches<Ask>>,
    key: &'static str,
    gate: &Arc<Semaphore>,
) -> oneshot::Receiver<usize> {
    let (answer, answered) = oneshot::channel();
    let (batches, gate) = (batches.clone(), gate.clone());
    let send = move |batch: Vec<Ask>| {
        let gate = gate.clone();
        async move {
            if batch.iter().any(|ask| ask.0.starts_with("locked")) {
                let _ = gate.acquire().await;
            }
            let size = batch.len();
            batch.into_iter().for_each(|ask| ask.1.send(size).unwrap());
        }
    };
    tokio::spawn(async move { batches.submit(Ask(key, answer), send).await });
    answered
}

#[tokio::test]
async fn a_batch_that_is_held_up_holds_up_nobody_else_but_its_own_run() {
    let (gate, batches) = (Arc::new(Semaphore::new(0)), Arc::new(Batches::new(Platform::default())));
    let mut held = ask_behind(&batches, "locked", &gate);
    tokio::time::sleep(Duration::from_millis(2)).await;
    let gathered: Vec<_> = ["a", "b"].map(|key| ask_behind(&batches, key, &gate)).into_iter().collect();
    let mut same_run = ask_behind(&batches, "locked", &gate);
    for answer in gathered {
        assert_eq!(answer.await.unwrap(), 2);
    }
    assert_eq!(ask_behind(&batches, "c", &gate).await.unwrap(), 1);
    assert!(held.try_recv().is_err() && same_run.try_recv().is_err());
    gate.add_permits(1);
    assert_eq!((held.await.unwrap(), same_run.await.unwrap()), (1, 1));
    assert_eq!(ask_behind(&batches, "d", &gate).await.unwrap(), 1);
}

#[tokio::test]
async fn no_more_batches_are_held_up_than_there_are_lanes_and_all_of_them_end() {
    let (gate, batches) = (Arc::new(Semaphore::new(0)), Arc::new(Batches::new(Platform::default())));
    let mut held = Vec::new();
    for key in ["locked 1", "locked 2", "locked 3", "locked 4"] {
        held.push(ask_behind(&batches, key, &gate));
        tokio::time::sleep(2 * SLOW_AFTER).await;
    }
    assert_eq!((held.len(), batches.with(|state| state.slots)), (SLOTS + 1, SLOTS));
    gate.add_permits(held.len());
    for answer in held {
        answer.await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(batches.with(|state| state.slots == 0 && !state.blocks && state.busy.is_empty()));
}

#[tokio::test]
async fn two_batches_never_touch_one_run_at_a_time() {
    let (batches, touched) =
        (Arc::new(Batches::new(Platform::default())), Arc::new(Mutex::new(HashSet::new())));
    let mut answers = Vec::new();
    for round in 0..20 {
        for key in ["a", "b", "c"] {
            let (answer, answered) = oneshot::channel();
            let (batches, touched) = (Arc::<Batches<Ask>>::clone(&batches), Arc::clone(&touched));
            let send = move |batch: Vec<Ask>| {
                let touched = touched.clone();
                async move {
                    let own: HashSet<&str> = batch.iter().map(|ask| ask.0).collect();
                    own.iter().for_each(|key| assert!(touched.lock().unwrap().insert(*key), "{key}"));
                    tokio::time::sleep(SLOW_AFTER * (1 + round % 3)).await;
                    touched.lock().unwrap().retain(|key| !own.contains(key));
                    batch.into_iter().for_each(|ask| ask.1.send(0).unwrap());
                }
            };
            tokio::spawn(async move { batches.submit(Ask(key, answer), send).await });
            answers.push(answered);
        }
        tokio::time::sleep(SLOW_AFTER / 4).await;
    }
    for answer in answers {
        // Lost if its batch met another.
        answer.await.unwrap();
    }
}

#[tokio::test]
async fn a_batch_that_panics_takes_nothing_else_down() {
    let batches = Arc::new(Batches::new(Platform::default()));
    let (answer, lost) = oneshot::channel();
    Batches::submit(&batches, Ask("a", answer), |_| async { std::panic::panic_any("planned") }).await;
    assert!(lost.await.is_err());
    let (seen, _batches_seen) = mpsc::unbounded_channel();
    assert_eq!(ask(&batches, "a", &seen).await.unwrap(), 1);
}

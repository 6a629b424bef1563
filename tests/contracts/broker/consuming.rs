//! What a consumer gets, and what becomes of what it does with it.

use std::sync::Arc;

use flowcraft_rabbitmq_adapter::ports::broker::Subscriber;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::world::{Client, World, again, body, new};

super::promises! {
    no_more_is_delivered_than_was_asked_for,
    consumers_take_turns,
    what_a_consumer_holds_does_not_wait,
    what_is_put_back_comes_again_with_a_mark,
    what_is_put_back_comes_before_what_was_never_delivered,
    what_is_put_back_goes_where_it_was,
    acknowledgements_in_any_order_settle_only_theirs,
    a_consumer_that_stops_settles_what_it_holds,
    a_consumer_that_stops_leaves_what_it_did_not_settle,
    consumers_are_counted_whoever_they_are,
    a_subscriber_hears_once_the_broker_has_its_consumer,
}

async fn no_more_is_delivered_than_was_asked_for(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b", "c", "d"]).await;
    let mut consumer = client.consume(&queue, 2);
    let (seen, mut taken) = consumer.take(2).await;
    assert_eq!(seen, new(["a", "b"]));
    consumer.rests().await;
    taken.remove(1).receipt.ack().await;
    assert_eq!(body(&consumer.next().await), "c");
    consumer.rests().await;
}

async fn consumers_take_turns(world: &World) {
    let (one, other, queue) = (world.client().await, world.client().await, world.queue("jobs"));
    let (mut first, mut second) = (one.consume(&queue, 10), other.consume(&queue, 10));
    // Both are there when each has had its first.
    one.publish(&queue, ["warm"]).await;
    let (warm, first_was_first) = tokio::select! {
        delivery = first.next() => (delivery, true),
        delivery = second.next() => (delivery, false),
    };
    warm.receipt.ack().await;
    loop {
        one.publish(&queue, ["warm"]).await;
        let (delivery, was_first) = tokio::select! {
            delivery = first.next() => (delivery, true),
            delivery = second.next() => (delivery, false),
        };
        delivery.receipt.ack().await;
        if was_first != first_was_first {
            break;
        }
    }
    one.publish(&queue, ["a", "b", "c", "d", "e", "f"]).await;
    let (by_first, _held) = first.take(3).await;
    let (by_second, _held_too) = second.take(3).await;
    let (ace, bdf) = (new(["a", "c", "e"]), new(["b", "d", "f"]));
    assert!(
        (by_first == ace && by_second == bdf) || (by_first == bdf && by_second == ace),
        "{by_first:?} and {by_second:?}"
    );
}

async fn what_a_consumer_holds_does_not_wait(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b", "c", "d", "e"]).await;
    world.until_waiting(&client, &queue, 5).await;
    let mut consumer = client.consume(&queue, 2);
    let (_, mut taken) = consumer.take(2).await;
    world.until_waiting(&client, &queue, 3).await;
    taken.remove(0).receipt.ack().await;
    consumer.next().await;
    world.until_waiting(&client, &queue, 2).await;
}

async fn what_is_put_back_comes_again_with_a_mark(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a"]).await;
    let mut consumer = client.consume(&queue, 1);
    let first = consumer.next().await;
    assert!(!first.redelivered);
    first.receipt.requeue().await;
    for _ in 0..3 {
        let delivery = consumer.next().await;
        assert_eq!((body(&delivery).as_str(), delivery.redelivered), ("a", true));
        delivery.receipt.requeue().await;
    }
    consumer.next().await.receipt.ack().await;
    consumer.rests().await;
    world.until_waiting(&client, &queue, 0).await;
}

async fn what_is_put_back_comes_before_what_was_never_delivered(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b", "c", "d", "e"]).await;
    let mut consumer = client.consume(&queue, 3);
    let (_, mut taken) = consumer.take(3).await;
    taken.remove(1).receipt.requeue().await;
    let (seen, _held) = consumer.take(1).await;
    assert_eq!(seen, again(["b"]));
    taken.remove(0).receipt.ack().await;
    let (seen, _held_too) = consumer.take(1).await;
    assert_eq!(seen, new(["d"]));
}

async fn what_is_put_back_goes_where_it_was(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b", "c", "d"]).await;
    let mut reading = client.broker.read(&queue).await.unwrap().unwrap();
    let mut read = Vec::new();
    for _ in 0..3 {
        read.push(reading.next().await.unwrap().unwrap());
    }
    // The last first.
    read.remove(2).receipt.requeue().await;
    read.remove(0).receipt.requeue().await;
    let mut seen = Vec::new();
    while let Some(delivery) = reading.next().await.unwrap() {
        seen.push((body(&delivery), delivery.redelivered));
    }
    let order = if world.is_quorum() { ["c", "a"] } else { ["a", "c"] };
    assert_eq!(seen, [again(order), new(["d"])].concat());
    reading.close().await;
}

async fn acknowledgements_in_any_order_settle_only_theirs(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b", "c", "d", "e", "f"]).await;
    let mut consumer = client.consume(&queue, 10);
    let (_, taken) = consumer.take(6).await;
    let mut taken: Vec<Option<_>> = taken.into_iter().map(Some).collect();
    for place in [4, 0, 1, 5] {
        taken[place].take().unwrap().receipt.ack().await;
    }
    taken[3].take().unwrap().receipt.requeue().await;
    let (seen, held) = consumer.take(1).await;
    assert_eq!(seen, again(["d"]));
    drop((held, taken));
    consumer.stop.cancel();
    consumer.end().await.unwrap();
    world.until_waiting(&client, &queue, 2).await;
    assert_eq!(client.look(&queue).await, again(["c", "d"]));
}

async fn a_consumer_that_stops_settles_what_it_holds(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b", "c"]).await;
    let mut consumer = client.consume(&queue, 2);
    let (_, taken) = consumer.take(2).await;
    consumer.stop.cancel();
    consumer.rests().await;
    assert!(!consumer.ended.is_finished(), "it waits for its receipts");
    for delivery in taken {
        delivery.receipt.ack().await;
    }
    consumer.end().await.unwrap();
    world.until_waiting(&client, &queue, 1).await;
    assert_eq!(client.look(&queue).await, new(["c"]));
}

async fn a_consumer_that_stops_leaves_what_it_did_not_settle(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b", "c", "d"]).await;
    let mut consumer = client.consume(&queue, 3);
    let (_, mut taken) = consumer.take(2).await;
    taken.remove(0).receipt.ack().await;
    world.until_waiting(&client, &queue, 0).await;
    drop(taken);
    consumer.stop.cancel();
    consumer.end().await.unwrap();
    world.until_waiting(&client, &queue, 3).await;
    // Two of them were on their way.
    assert_eq!(client.look(&queue).await, again(["b", "c", "d"]));
}

async fn consumers_are_counted_whoever_they_are(world: &World) {
    let (one, other, queue) = (world.client().await, world.client().await, world.queue("jobs"));
    assert_eq!(one.broker.consumers(&queue).await.unwrap(), None);
    one.publish(&queue, ["a"]).await;
    assert_eq!(one.broker.consumers(&queue).await.unwrap(), Some(0));
    let (first, second) = (one.consume(&queue, 1), other.consume(&queue, 1));
    until_consumers(world, &one, &queue, 2).await;
    first.stop.cancel();
    first.end().await.unwrap();
    until_consumers(world, &one, &queue, 1).await;
    drop(second);
    other.cut();
    until_consumers(world, &one, &queue, 0).await;
}

async fn a_subscriber_hears_once_the_broker_has_its_consumer(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    let (deliveries, _received) = mpsc::channel(1);
    let heard = Arc::new(Notify::new());
    let tell = heard.clone();
    let subscriber = Subscriber { opened: Arc::new(move || tell.notify_one()), ..deliveries.into() };
    let (broker, name) = (client.broker.clone(), queue.clone());
    tokio::spawn(async move { broker.consume(&name, 1, subscriber, CancellationToken::new()).await });
    heard.notified().await;
    until_consumers(world, &client, &queue, 1).await;
}

/// A broker takes note of a consumer a moment later.
async fn until_consumers(world: &World, client: &Client, queue: &str, wanted: u32) {
    let mut seen = None;
    for _ in 0..200 {
        seen = client.broker.consumers(queue).await.unwrap();
        if seen == Some(wanted) {
            return;
        }
        world.pass(std::time::Duration::from_millis(50)).await;
    }
    panic!("{queue} has {seen:?} consumers, not {wanted}");
}

//! Looking at the messages of a queue, such as a queue of dead letters.

use super::world::{World, again, body, message, new};

super::promises! {
    a_queue_is_read_from_the_oldest_and_put_back,
    what_is_settled_while_reading_is_gone,
    what_is_put_back_while_reading_is_next,
    what_others_hold_is_not_read,
    a_lost_reading_puts_back,
    there_is_nothing_to_read_of_an_unknown_queue,
}

async fn a_queue_is_read_from_the_oldest_and_put_back(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs.dead"));
    client.publish(&queue, ["a", "b", "c"]).await;
    assert_eq!(client.look(&queue).await, new(["a", "b", "c"]));
    client.publish(&queue, ["d"]).await;
    world.until_waiting(&client, &queue, 4).await;
    assert_eq!(client.look(&queue).await, [again(["a", "b", "c"]), new(["d"])].concat());
}

async fn what_is_settled_while_reading_is_gone(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs.dead"));
    client.publish(&queue, ["a", "b", "c"]).await;
    let mut reading = client.broker.read(&queue).await.unwrap().unwrap();
    let first = reading.next().await.unwrap().unwrap();
    let second = reading.next().await.unwrap().unwrap();
    second.receipt.ack().await;
    world.until_waiting(&client, &queue, 1).await;
    reading.close().await;
    drop(first);
    world.until_waiting(&client, &queue, 2).await;
    assert_eq!(client.look(&queue).await, [again(["a"]), new(["c"])].concat());
}

async fn what_is_put_back_while_reading_is_next(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs.dead"));
    client.publish(&queue, ["a", "b"]).await;
    let mut reading = client.broker.read(&queue).await.unwrap().unwrap();
    reading.next().await.unwrap().unwrap().receipt.requeue().await;
    let next = reading.next().await.unwrap().unwrap();
    assert_eq!((body(&next).as_str(), next.redelivered), ("a", true));
    assert_eq!(body(&reading.next().await.unwrap().unwrap()), "b");
    assert!(reading.next().await.unwrap().is_none());
    // What comes meanwhile is read as well.
    client.broker.publish(vec![message(&queue, "c")]).await.unwrap();
    assert_eq!(body(&reading.next().await.unwrap().unwrap()), "c");
    reading.close().await;
}

async fn what_others_hold_is_not_read(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b"]).await;
    let mut consumer = client.consume(&queue, 1);
    let (_, mut taken) = consumer.take(1).await;
    assert_eq!(client.look(&queue).await, new(["b"]));
    world.until_waiting(&client, &queue, 1).await;
    taken.remove(0).receipt.ack().await;
    let (seen, _held) = consumer.take(1).await;
    assert_eq!(seen, again(["b"]));
}

async fn a_lost_reading_puts_back(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs.dead"));
    client.publish(&queue, ["a", "b"]).await;
    let mut reading = client.broker.read(&queue).await.unwrap().unwrap();
    let read = reading.next().await.unwrap().unwrap();
    client.cut();
    let mut lost = Ok(None);
    for _ in 0..100 {
        lost = reading.next().await;
        if lost.is_err() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(lost.err().is_some_and(|error| error.is_transient()));
    read.receipt.ack().await;
    reading.close().await;
    let other = world.client().await;
    world.until_waiting(&other, &queue, 2).await;
    assert_eq!(other.look(&queue).await, [again(["a"]), new(["b"])].concat());
}

async fn there_is_nothing_to_read_of_an_unknown_queue(world: &World) {
    let (client, queue) = (world.client().await, world.queue("unknown"));
    assert!(client.broker.read(&queue).await.unwrap().is_none());
    assert_eq!(client.broker.waiting(&queue).await.unwrap(), None);
    // Looking does not make it.
    assert_eq!(client.broker.waiting(&queue).await.unwrap(), None);
}

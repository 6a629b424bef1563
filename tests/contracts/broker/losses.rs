//! What is lost with a connection or a queue, and what is not.

use super::world::{World, again, message, new};

super::promises! {
    a_lost_connection_puts_back_what_it_held,
    receipts_of_a_lost_connection_do_nothing,
    a_client_connects_again,
    a_deleted_queue_ends_its_consumers,
}

async fn a_lost_connection_puts_back_what_it_held(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b", "c", "d"]).await;
    let mut consumer = client.consume(&queue, 3);
    let (seen, _taken) = consumer.take(3).await;
    assert_eq!(seen, new(["a", "b", "c"]));
    client.cut();
    let lost = consumer.end().await.unwrap_err();
    assert!(lost.is_transient(), "{lost}");
    let mut reopened = client.consume(&queue, 10);
    let (seen, _taken_again) = reopened.take(4).await;
    assert_eq!(seen, [again(["a", "b", "c"]), new(["d"])].concat());
}

async fn receipts_of_a_lost_connection_do_nothing(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b"]).await;
    let mut consumer = client.consume(&queue, 2);
    let (_, mut taken) = consumer.take(2).await;
    client.cut();
    consumer.end().await.unwrap_err();
    taken.remove(0).receipt.ack().await;
    taken.remove(0).receipt.requeue().await;
    let mut reopened = client.consume(&queue, 10);
    let (seen, held) = reopened.take(2).await;
    assert_eq!(seen, again(["a", "b"]));
    reopened.rests().await;
    for delivery in held {
        delivery.receipt.ack().await;
    }
    reopened.stop.cancel();
    reopened.end().await.unwrap();
    world.until_waiting(&client, &queue, 0).await;
}

async fn a_client_connects_again(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a"]).await;
    client.cut();
    // The client may find out by trying: then the message is not taken, which is said.
    if let Err(lost) = client.broker.publish(vec![message(&queue, "b")]).await {
        assert!(lost.is_transient(), "{lost}");
        client.publish(&queue, ["b"]).await;
    }
    assert_eq!(client.look(&queue).await, new(["a", "b"]));
}

async fn a_deleted_queue_ends_its_consumers(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a", "b"]).await;
    let mut consumer = client.consume(&queue, 1);
    let (_, taken) = consumer.take(1).await;
    world.delete_queue(&queue).await;
    let lost = consumer.end().await.unwrap_err();
    assert!(lost.is_transient(), "{lost}");
    let mut reopened = client.consume(&queue, 10);
    world.until_waiting(&client, &queue, 0).await;
    // What was delivered from the queue that is gone is no message of the new one.
    drop(taken);
    reopened.rests().await;
    // The publisher finds out as well.
    let _ = client.broker.publish(vec![message(&queue, "c")]).await;
    let (seen, _held) = reopened.take(1).await;
    assert_eq!(seen, new(["c"]));
}

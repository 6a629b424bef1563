//! What becomes of a message that is published.

use flowcraft_rabbitmq_adapter::ports::arguments::{QueueStyle, QueueType};
use flowcraft_rabbitmq_adapter::ports::broker::Outgoing;
use futures_util::future::join_all;

use super::world::{World, body, message, new};

super::promises! {
    messages_keep_their_order,
    the_greater_priority_comes_first_where_a_queue_is_declared_for_it,
    what_is_confirmed_is_in_the_queue,
    bodies_arrive_as_they_were,
    headers_arrive_as_they_were,
    unknown_queues_are_declared,
    a_queue_is_declared_once_and_taken_as_it_is,
    those_who_declare_a_queue_at_once_all_have_it,
    a_queue_that_is_gone_is_declared_again,
    a_closed_client_opens_again,
    nothing_is_nothing,
}

async fn messages_keep_their_order(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    let bodies: Vec<String> = (0..60).map(|number| number.to_string()).collect();
    let together = bodies[..40].iter().map(|body| message(&queue, body)).collect();
    client.broker.publish(together).await.unwrap();
    for body in &bodies[40..] {
        client.broker.publish(vec![message(&queue, body)]).await.unwrap();
    }
    let mut consumer = client.consume(&queue, 100);
    let (seen, _taken) = consumer.take(60).await;
    assert_eq!(seen.into_iter().map(|(body, _)| body).collect::<Vec<_>>(), bodies);
}

async fn the_greater_priority_comes_first_where_a_queue_is_declared_for_it(world: &World) {
    let style = QueueStyle { queue_type: Some(QueueType::Classic), max_priority: Some(5) };
    let (client, queue) = (world.client_of(style).await, world.queue("urgent"));
    for (body, priority) in
        [("a", None), ("b", Some(2)), ("c", Some(0)), ("d", Some(9)), ("e", Some(5)), ("f", Some(2))]
    {
        client.broker.publish(vec![Outgoing { priority, ..message(&queue, body) }]).await.unwrap();
    }
    let mut consumer = client.consume(&queue, 1);
    let mut order = Vec::new();
    for _ in 0..6 {
        let delivery = consumer.next().await;
        order.push(body(&delivery));
        delivery.receipt.ack().await;
    }
    assert_eq!(order, ["d", "e", "b", "f", "a", "c"]);
}

async fn a_queue_is_declared_once_and_taken_as_it_is(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    assert_eq!(client.broker.waiting(&queue).await.unwrap(), None);
    client.broker.declare(&queue).await.unwrap();
    assert_eq!(client.broker.waiting(&queue).await.unwrap(), Some(0));
    client.publish(&queue, ["a"]).await;
    client.broker.declare(&queue).await.unwrap();
    assert_eq!(client.look(&queue).await, new(["a"]));
}

async fn those_who_declare_a_queue_at_once_all_have_it(world: &World) {
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(world.client().await);
    }
    for round in 0..5 {
        let queue = world.queue(&format!("jobs-{round}"));
        let publishing = clients.iter().map(|client| client.broker.publish(vec![message(&queue, "a")]));
        for published in join_all(publishing).await {
            published.unwrap();
        }
        world.until_waiting(&clients[0], &queue, 4).await;
    }
}

async fn what_is_confirmed_is_in_the_queue(world: &World) {
    let (client, queue, other) = (world.client().await, world.queue("jobs"), world.queue("events"));
    let messages = vec![message(&queue, "a"), message(&other, "b"), message(&queue, "c")];
    client.broker.publish(messages).await.unwrap();
    assert_eq!(client.look(&queue).await, new(["a", "c"]));
    assert_eq!(client.look(&other).await, new(["b"]));
}

async fn bodies_arrive_as_they_were(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    let every_byte: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..3_000_000_u32).map(|place| (place % 251) as u8).collect();
    let bodies = [Vec::new(), every_byte, large, b"small".to_vec()];
    for body in bodies.clone() {
        let message =
            Outgoing { queue: queue.clone(), delay: None, body, headers: Vec::new(), priority: None };
        client.broker.publish(vec![message]).await.unwrap();
    }
    let mut consumer = client.consume(&queue, 10);
    for sent in bodies {
        let delivery = consumer.next().await;
        assert!(delivery.body == sent, "{} bytes, not {}", delivery.body.len(), sent.len());
        assert_eq!(&*delivery.queue, queue);
        delivery.receipt.ack().await;
    }
}

async fn headers_arrive_as_they_were(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![pair("z-last", "1"), pair("a-first", "Grüße, 世界 \"'{}\n"), pair("empty", "")];
    let sent =
        Outgoing { queue: queue.clone(), delay: None, body: b"{}".to_vec(), headers, priority: Some(3) };
    client.broker.publish(vec![sent]).await.unwrap();
    let mut consumer = client.consume(&queue, 1);
    let delivery = consumer.next().await;
    let sorted = [pair("a-first", "Grüße, 世界 \"'{}\n"), pair("empty", ""), pair("z-last", "1")];
    assert_eq!(delivery.headers, sorted);
    assert_eq!(delivery.priority, Some(3));
}

async fn unknown_queues_are_declared(world: &World) {
    let (client, queue, other) = (world.client().await, world.queue("unknown"), world.queue("other"));
    assert_eq!(client.broker.waiting(&queue).await.unwrap(), None);
    client.publish(&queue, ["a"]).await;
    world.until_waiting(&client, &queue, 1).await;
    assert_eq!(client.broker.waiting(&other).await.unwrap(), None);
    let mut consumer = client.consume(&other, 1);
    world.until_waiting(&client, &other, 0).await;
    client.publish(&other, ["b"]).await;
    assert_eq!(body(&consumer.next().await), "b");
}

async fn a_queue_that_is_gone_is_declared_again(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a"]).await;
    world.delete_queue(&queue).await;
    // It was declared once for this connection: what comes for it now is returned.
    let lost = client.broker.publish(vec![message(&queue, "b")]).await.unwrap_err();
    assert!(lost.is_transient(), "{lost}");
    client.publish(&queue, ["c"]).await;
    assert_eq!(client.look(&queue).await, new(["c"]));
}

async fn a_closed_client_opens_again(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.publish(&queue, ["a"]).await;
    client.broker.close().await;
    client.publish(&queue, ["b"]).await;
    client.broker.close().await;
    world.until_waiting(&client, &queue, 2).await;
}

async fn nothing_is_nothing(world: &World) {
    world.client().await.broker.publish(Vec::new()).await.unwrap();
}

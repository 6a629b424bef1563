//! Messages for later.

use std::time::Duration;

use flowcraft_rabbitmq_adapter::ports::broker::Outgoing;
use flowcraft_rabbitmq_adapter::ports::delay;

use super::world::{World, message, new};

super::promises! {
    a_delayed_message_arrives_when_its_time_is_up,
    the_shorter_delay_is_over_first,
    a_delay_goes_on_without_consumers,
    a_consumer_waits_for_what_is_delayed_later,
    a_delayed_message_says_where_it_was,
    a_message_whose_target_is_gone_waits_or_is_lost,
}

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_millis(1600);

fn later(queue: &str, body: &str, delay: Duration) -> Outgoing {
    Outgoing { delay: Some(delay), ..message(queue, body) }
}

async fn a_delayed_message_arrives_when_its_time_is_up(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    let delayed = ["a", "b", "c"].map(|body| later(&queue, body, LONG));
    client.broker.publish(delayed.to_vec()).await.unwrap();
    client.publish(&queue, ["now"]).await;
    world.until_waiting(&client, &delay::queue_name(&queue, LONG), 3).await;
    let mut consumer = client.consume(&queue, 10);
    let (seen, _held) = consumer.take(1).await;
    assert_eq!(seen, new(["now"]));
    consumer.rests().await;
    world.pass(LONG).await;
    let (seen, _held_too) = consumer.take(3).await;
    assert_eq!(seen, new(["a", "b", "c"]));
    assert_eq!(client.broker.waiting(&delay::queue_name(&queue, LONG)).await.unwrap(), Some(0));
}

async fn the_shorter_delay_is_over_first(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.broker.publish(vec![later(&queue, "long", LONG), later(&queue, "short", SHORT)]).await.unwrap();
    let mut consumer = client.consume(&queue, 10);
    // By one leap, where the clock can leap.
    world.pass(LONG).await;
    let (seen, _held) = consumer.take(2).await;
    assert_eq!(seen, new(["short", "long"]));
}

async fn a_delay_goes_on_without_consumers(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.broker.publish(vec![later(&queue, "a", SHORT)]).await.unwrap();
    assert_eq!(client.broker.waiting(&queue).await.unwrap(), Some(0));
    world.pass(SHORT).await;
    world.until_waiting(&client, &queue, 1).await;
    assert_eq!(client.look(&queue).await, new(["a"]));
}

async fn a_consumer_waits_for_what_is_delayed_later(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    let mut consumer = client.consume(&queue, 10);
    consumer.rests().await;
    client.broker.publish(vec![later(&queue, "long", LONG)]).await.unwrap();
    client.broker.publish(vec![later(&queue, "short", SHORT)]).await.unwrap();
    // Nobody moves a clock: time goes by.
    let (seen, _held) = consumer.take(2).await;
    assert_eq!(seen, new(["short", "long"]));
}

async fn a_delayed_message_says_where_it_was(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    let own = ("own".to_owned(), "header".to_owned());
    let sent = Outgoing { headers: vec![own.clone()], ..later(&queue, "a", SHORT) };
    client.broker.publish(vec![sent]).await.unwrap();
    let mut consumer = client.consume(&queue, 10);
    world.pass(SHORT).await;
    let (_, mut taken) = consumer.take(1).await;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let from = delay::queue_name(&queue, SHORT);
    let mut wanted = vec![own];
    for which in ["first", "last"] {
        wanted.push(pair(&format!("x-{which}-death-exchange"), ""));
        wanted.push(pair(&format!("x-{which}-death-queue"), &from));
        wanted.push(pair(&format!("x-{which}-death-reason"), "expired"));
    }
    let headers = taken.remove(0).headers;
    // Older brokers do not say which death was the last.
    wanted.retain(|(name, _)| headers.iter().any(|(other, _)| other == name) || !name.starts_with("x-last"));
    assert_eq!(headers, wanted);
}

async fn a_message_whose_target_is_gone_waits_or_is_lost(world: &World) {
    let (client, queue) = (world.client().await, world.queue("jobs"));
    client.broker.publish(vec![later(&queue, "a", SHORT)]).await.unwrap();
    world.delete_queue(&queue).await;
    world.pass(SHORT * 2).await;
    let delayed = delay::queue_name(&queue, SHORT);
    world.until_waiting(&client, &delayed, 0).await;
    let mut consumer = client.consume(&queue, 10);
    consumer.rests().await;
    // A quorum queue keeps it, and tries again in three minutes, for which no test waits.
    if world.is_quorum() && world.is_memory() {
        world.pass(Duration::from_secs(180)).await;
        let (seen, _held) = consumer.take(1).await;
        assert_eq!(seen, new(["a"]));
    }
}

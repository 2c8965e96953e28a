//! A panic in the middle of a message loses that message and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{LocalBoxFuture, join_all};
use identite_actors::instrumentation::Instruments;
use identite_actors::supervision::{ActorError, Answer, Answers, Behaviour, Handle, Request, start};
use tokio::sync::Semaphore;

use crate::support::{clock, eventually_is, instruments};

struct Adder {
    sum: u32,
    ticks: Arc<AtomicUsize>,
    panicking_ticks: bool,
}

impl Behaviour for Adder {
    const MESSAGES: &'static [&'static str] = &["add", "add_later"];

    fn tick_every(&self) -> Option<Duration> {
        Some(Duration::from_millis(10))
    }

    fn tick(&mut self) -> Option<LocalBoxFuture<'static, ()>> {
        let ticks = self.ticks.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panicking_ticks || ticks != 1, "second tick");
        let panicking = self.panicking_ticks;
        Some(Box::pin(async move {
            assert!(!panicking || ticks != 3, "fourth tick");
        }))
    }
}

/// Adds; panics on 13.
struct Add(u32);

impl Request for Add {
    type Response = u32;
    const NAME: &'static str = "add";
}

impl Answers<Add> for Adder {
    fn answer(&mut self, Add(number): Add) -> Answer<u32> {
        assert_ne!(number, 13);
        self.sum += number;
        Answer::Now(self.sum)
    }
}

/// Waits for a permit, then gives its number; panics on 13.
struct AddLater(u32, Arc<Semaphore>);

impl Request for AddLater {
    type Response = u32;
    const NAME: &'static str = "add_later";
}

impl Answers<AddLater> for Adder {
    fn answer(&mut self, AddLater(number, gate): AddLater) -> Answer<u32> {
        Answer::Later(Box::pin(async move {
            let _permit = gate.acquire().await.unwrap();
            assert_ne!(number, 13);
            number
        }))
    }
}

fn adder(instruments: &Instruments, capacity: usize) -> Handle<Adder> {
    start(instruments, "adder", capacity, || Adder {
        sum: 0,
        ticks: Arc::default(),
        panicking_ticks: false,
    })
}

#[actix::test]
async fn a_panic_loses_its_message_and_no_sender() {
    let instruments = instruments(&clock().1);
    let adder = adder(&instruments, 100);
    assert_eq!(adder.ask(Add(5)).await, Ok(5));
    let answers = join_all([1, 2, 13, 4, 13, 6].map(|number| adder.ask(Add(number)))).await;
    let failed = Err(ActorError::Failed);
    // Each restart begins with a fresh state.
    assert_eq!(answers, [Ok(6), Ok(8), failed, Ok(4), failed, Ok(6)]);

    let observation = &instruments.observations()[0];
    assert_eq!(
        (observation.restarts, observation.handled, observation.failed),
        (2, 5, 2)
    );
    assert!(observation.last_restart_at.is_some());
    assert_eq!(
        (
            observation.name.as_str(),
            observation.state,
            observation.mailbox_depth
        ),
        ("adder", "running", 0)
    );
}

#[actix::test]
async fn a_panic_after_an_await_leaves_the_others_in_progress() {
    let instruments = instruments(&clock().1);
    let adder = adder(&instruments, 100);
    let gate = Arc::new(Semaphore::new(0));
    let opened = async {
        eventually_is("all are in progress", || adder.meter().depth() == 3).await;
        gate.add_permits(1);
    };
    let questions = join_all([1, 13, 3].map(|number| adder.ask(AddLater(number, gate.clone()))));
    let (answers, ()) = futures::join!(questions, opened);
    assert_eq!(answers, [Ok(1), Err(ActorError::Failed), Ok(3)]);
    assert_eq!(adder.ask(Add(1)).await, Ok(1));
    assert_eq!(instruments.observations()[0].restarts, 1);
}

#[actix::test]
async fn a_full_mailbox_refuses_at_once() {
    let instruments = instruments(&clock().1);
    let adder = adder(&instruments, 2);
    let gate = Arc::new(Semaphore::new(0));
    adder.tell(AddLater(1, gate.clone())).unwrap();
    adder.tell(AddLater(2, gate.clone())).unwrap();
    assert_eq!(adder.ask(Add(1)).await, Err(ActorError::Overloaded));
    gate.add_permits(1);
    eventually_is("there is room again", || adder.meter().depth() == 0).await;
    assert_eq!(adder.ask(Add(1)).await, Ok(1));
    assert_eq!(instruments.observations()[0].refused, 1);
}

#[actix::test]
async fn a_panicking_tick_restarts_the_actor_and_ticks_go_on() {
    let instruments = instruments(&clock().1);
    let ticks = Arc::new(AtomicUsize::new(0));
    let seen = ticks.clone();
    let adder = start(&instruments, "ticker", 10, move || Adder {
        sum: 0,
        ticks: ticks.clone(),
        panicking_ticks: true,
    });
    eventually_is("ticks go on", || seen.load(Ordering::SeqCst) > 6).await;
    assert_eq!(instruments.observations()[0].restarts, 2);
    assert_eq!(adder.ask(Add(1)).await, Ok(1));
}

#[actix::test]
async fn an_actor_stops_with_its_last_handle() {
    let instruments = instruments(&clock().1);
    let adder = adder(&instruments, 10);
    let other = adder.clone();
    drop(adder);
    assert_eq!(other.ask(Add(1)).await, Ok(1));
    drop(other);
    eventually_is("it has stopped", || {
        instruments.observations()[0].state == "stopped"
    })
    .await;
}

#[actix::test]
async fn a_handle_is_used_from_any_runtime() {
    let instruments = instruments(&clock().1);
    let adder = adder(&instruments, 10);
    let answer = crate::support::io()
        .spawn(async move { adder.ask(Add(7)).await })
        .await
        .unwrap();
    assert_eq!(answer, Ok(7));
}

#[actix::test]
async fn every_message_is_measured() {
    let instruments = instruments(&clock().1);
    let adder = adder(&instruments, 10);
    adder.ask(Add(1)).await.unwrap();
    let text = prometheus::TextEncoder::new()
        .encode_to_string(&instruments.registry().gather())
        .unwrap();
    for line in [
        r#"identite_actor_messages_handled_total{actor="adder",message="add"} 1"#,
        r#"identite_actor_message_duration_seconds_count{actor="adder",message="add"} 1"#,
        r#"identite_actor_mailbox_depth{actor="adder"} 0"#,
        r#"identite_actor_mailbox_capacity{actor="adder"} 10"#,
        r#"identite_actor_restarts_total{actor="adder"} 0"#,
    ] {
        assert!(text.contains(line), "{line} is not in:\n{text}");
    }
    let observations = serde_json::to_value(instruments.observations()).unwrap();
    assert_eq!(observations[0]["handled"], 1);
}

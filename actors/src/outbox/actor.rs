//! The actor: decides when to claim.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::LocalBoxFuture;

use super::Item;
use super::delivery::Floor;
use crate::supervision::{Answer, Answers, Behaviour, Request};

pub struct OutboxActor {
    floor: Arc<Floor>,
    hand: Rc<Hand>,
    counted_at: Option<Instant>,
}

/// Who claims, if anybody: one claim runs at a time.
#[derive(Default)]
struct Hand {
    claiming: Cell<bool>,
    /// Something came in since the last claim began.
    poked: Cell<bool>,
    /// More may be due than there were places for.
    more: Cell<bool>,
    draining: Cell<bool>,
}

impl OutboxActor {
    pub(super) fn new(floor: Arc<Floor>) -> Self {
        Self {
            floor,
            hand: Rc::default(),
            counted_at: None,
        }
    }

    fn claim(&self) -> LocalBoxFuture<'static, ()> {
        Box::pin(claim_what_is_due(self.floor.clone(), self.hand.clone()))
    }
}

/// Claims as long as there is something due and a place for it.
async fn claim_what_is_due(floor: Arc<Floor>, hand: Rc<Hand>) {
    hand.poked.set(true);
    if hand.claiming.replace(true) {
        return;
    }
    let _claiming = Claiming(hand.clone());
    while hand.poked.replace(false) && !hand.draining.get() {
        let places = floor.free_places();
        if places == 0 {
            hand.more.set(true);
            return;
        }
        match floor.claim(places).await {
            Ok(items) => {
                hand.more.set(items.len() >= places);
                for item in items {
                    actix::spawn(deliver_and_look_for_more(floor.clone(), hand.clone(), item));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the outbox cannot be read, it is tried again at the next poll");
            }
        }
    }
}

fn deliver_and_look_for_more(floor: Arc<Floor>, hand: Rc<Hand>, item: Item) -> LocalBoxFuture<'static, ()> {
    let delivery = floor.clone().begin(item);
    Box::pin(async move {
        // It fails only when the runtime ends, and this process with it.
        let _ = delivery.await;
        if hand.more.get() {
            claim_what_is_due(floor, hand).await;
        }
    })
}

struct Claiming(Rc<Hand>);

impl Drop for Claiming {
    fn drop(&mut self) {
        self.0.claiming.set(false);
    }
}

impl Behaviour for OutboxActor {
    const MESSAGES: &'static [&'static str] = &["poke", "drain"];

    fn tick_every(&self) -> Option<Duration> {
        Some(self.floor.settings.poll_every)
    }

    fn tick(&mut self) -> Option<LocalBoxFuture<'static, ()>> {
        let claim = self.claim();
        let is_due = self
            .counted_at
            .is_none_or(|at| at.elapsed() >= self.floor.settings.count_every);
        if !is_due {
            return Some(claim);
        }
        self.counted_at = Some(Instant::now());
        let floor = self.floor.clone();
        Some(Box::pin(async move {
            claim.await;
            count_backlog(&floor).await;
        }))
    }
}

async fn count_backlog(floor: &Floor) {
    match floor.store.backlog().await {
        Ok(backlog) => {
            let metrics = &floor.metrics;
            metrics
                .waiting
                .set(i64::try_from(backlog.waiting).unwrap_or(i64::MAX));
            metrics.dead.set(i64::try_from(backlog.dead).unwrap_or(i64::MAX));
            let age = backlog
                .oldest_waiting_since
                .map(|since| floor.clock.now() - since);
            metrics
                .oldest_waiting
                .set(age.map_or(0.0, |age| age.as_seconds_f64().max(0.0)));
        }
        Err(error) => tracing::warn!(%error, "the outbox cannot be counted"),
    }
}

pub(super) struct Poke;

impl Request for Poke {
    type Response = ();
    const NAME: &'static str = "poke";
}

impl Answers<Poke> for OutboxActor {
    fn answer(&mut self, _: Poke) -> Answer<()> {
        Answer::Later(self.claim())
    }
}

pub(super) struct Drain {
    pub(super) deadline: Duration,
}

impl Request for Drain {
    type Response = usize;
    const NAME: &'static str = "drain";
}

impl Answers<Drain> for OutboxActor {
    fn answer(&mut self, Drain { deadline }: Drain) -> Answer<usize> {
        self.hand.draining.set(true);
        let (floor, hand) = (self.floor.clone(), self.hand.clone());
        Answer::Later(Box::pin(async move {
            let all_done = async {
                loop {
                    // Listens before it looks, so that no end is missed.
                    let place_free = floor.place_free.notified();
                    if floor.in_delivery() == 0 && !hand.claiming.get() {
                        return;
                    }
                    let _ = tokio::time::timeout(Duration::from_millis(20), place_free).await;
                }
            };
            let _ = tokio::time::timeout(deadline, all_done).await;
            floor.in_delivery()
        }))
    }
}

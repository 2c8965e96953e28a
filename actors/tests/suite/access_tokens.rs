use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures::future::join_all;
use identite_actors::access_tokens::{AccessTokens, Granted, Login, NoToken};
use identite_actors::clock::ShiftedClock;
use identite_actors::supervision::ActorError;
use tokio::sync::Semaphore;

use crate::support::{clock, eventually_is, instruments};

/// A system whose tokens are the numbers of its logins.
struct System {
    logins: AtomicUsize,
    /// Logins pass only with a permit.
    gate: Semaphore,
    is_away: AtomicBool,
    is_broken: AtomicBool,
    life: Mutex<TimeDelta>,
}

impl System {
    fn logins(&self) -> usize {
        self.logins.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Login<usize, &'static str> for System {
    async fn log_in(&self) -> Result<Granted<usize>, &'static str> {
        let token = self.logins.fetch_add(1, Ordering::SeqCst) + 1;
        self.gate.acquire().await.unwrap().forget();
        assert!(!self.is_broken.load(Ordering::SeqCst), "the login broke us");
        if self.is_away.load(Ordering::SeqCst) {
            return Err("away");
        }
        let life = *self.life.lock().unwrap();
        Ok(Granted { token, life })
    }
}

struct Stand {
    tokens: AccessTokens<usize, &'static str>,
    system: Arc<System>,
    clock: Arc<ShiftedClock>,
}

/// Tokens that live for ten minutes, and as many logins as there are `permits`.
fn stand(permits: usize) -> Stand {
    let (shifted, clock) = clock();
    let instruments = instruments(&clock);
    let system = Arc::new(System {
        logins: AtomicUsize::default(),
        gate: Semaphore::new(permits),
        is_away: AtomicBool::default(),
        is_broken: AtomicBool::default(),
        life: Mutex::new(TimeDelta::minutes(10)),
    });
    Stand {
        tokens: AccessTokens::start("register_token", system.clone(), clock, &instruments),
        system,
        clock: shifted,
    }
}

impl Stand {
    async fn token(&self) -> Result<usize, NoToken<&'static str>> {
        self.tokens.token(None).await.map(|token| *token)
    }
}

#[actix::test]
async fn one_login_serves_all_who_wait_and_those_who_come_later() {
    let stand = stand(0);
    let opening = async {
        eventually_is("somebody logs in", || stand.system.logins() == 1).await;
        stand.system.gate.add_permits(100);
    };
    let (all, ()) = futures::join!(join_all((0..100).map(|_| stand.token())), opening);
    assert!(all.iter().all(|token| *token == Ok(1)));
    assert_eq!(stand.token().await, Ok(1));
    assert_eq!(stand.system.logins(), 1);
}

#[actix::test]
async fn a_token_that_is_used_is_replaced_before_it_ends_and_nobody_waits() {
    let stand = stand(1);
    assert_eq!(stand.token().await, Ok(1));
    stand.clock.advance(TimeDelta::seconds(8 * 60 - 1));
    assert_eq!(stand.token().await, Ok(1));
    assert_eq!(stand.system.logins(), 1, "it is young");

    stand.clock.advance(TimeDelta::seconds(1));
    assert_eq!(
        stand.token().await,
        Ok(1),
        "the old one while the next is on its way"
    );
    eventually_is("the next login", || stand.system.logins() == 2).await;
    assert_eq!(stand.token().await, Ok(1));
    stand.system.gate.add_permits(1);
    let mut latest = 1;
    for _ in 0..1000 {
        latest = stand.token().await.unwrap();
        if latest == 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!((latest, stand.system.logins()), (2, 2));
}

#[actix::test]
async fn a_token_that_ended_is_not_handed_out() {
    let stand = stand(2);
    assert_eq!(stand.token().await, Ok(1));
    stand
        .clock
        .advance(TimeDelta::minutes(10) - TimeDelta::seconds(10));
    assert_eq!(stand.token().await, Ok(2), "it would end on its way");
}

#[actix::test]
async fn a_refused_token_is_replaced_once_however_many_report_it() {
    let stand = stand(10);
    let refused = stand.tokens.token(None).await.unwrap();
    let reports = join_all((0..20).map(|_| stand.tokens.token(Some(&refused)))).await;
    assert!(
        reports
            .iter()
            .all(|token| token.as_ref().is_ok_and(|token| **token == 2))
    );
    let late = stand.tokens.token(Some(&refused)).await.unwrap();
    assert_eq!(
        (*late, stand.system.logins()),
        (2, 2),
        "another one is there already"
    );
}

#[actix::test]
async fn a_failed_login_is_told_to_all_who_waited_and_tried_again_by_the_next() {
    let stand = stand(0);
    stand.system.is_away.store(true, Ordering::SeqCst);
    let opening = async {
        eventually_is("somebody logs in", || stand.system.logins() == 1).await;
        stand.system.gate.add_permits(100);
    };
    let (all, ()) = futures::join!(join_all((0..20).map(|_| stand.token())), opening);
    assert!(all.iter().all(|token| *token == Err(NoToken::Login("away"))));
    let logins = stand.system.logins();
    stand.system.is_away.store(false, Ordering::SeqCst);
    assert_eq!(stand.token().await, Ok(logins + 1));
}

#[actix::test]
async fn a_login_that_panics_leaves_the_actor_alive() {
    let stand = stand(10);
    stand.system.is_broken.store(true, Ordering::SeqCst);
    assert_eq!(stand.token().await, Err(NoToken::Actor(ActorError::Failed)));
    stand.system.is_broken.store(false, Ordering::SeqCst);
    assert_eq!(stand.token().await, Ok(2));
}

#[actix::test]
async fn tokens_that_live_for_a_moment_are_fetched_for_each_call() {
    let stand = stand(10);
    *stand.system.life.lock().unwrap() = TimeDelta::zero();
    assert_eq!(stand.token().await, Ok(1));
    assert_eq!(stand.token().await, Ok(2));
}

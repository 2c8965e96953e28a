use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use futures::future::join_all;
use identite_actors::rate_limiter::{Attempt, Budget, Charge, RateLimiter, RateLimiterSettings};
use identite_actors::state::StateStore;

use crate::support::{FallibleStore, Mode, RedisServer, clock, instruments};

const BUDGET: Budget = Budget {
    points: 3,
    window: Duration::from_mins(5),
};

#[actix::test]
async fn the_hit_after_the_last_point_is_refused_until_the_window_ends() {
    let (shifted, clock) = clock();
    let store = FallibleStore::new(&clock);
    let limiter = RateLimiter::start(
        store.clone(),
        clock.clone(),
        &instruments(&clock),
        RateLimiterSettings::default(),
    );
    for number in 1..=BUDGET.points {
        let verdict = limiter.hit("rate-limiter-password", "a@b.fr", BUDGET).await;
        assert!(verdict.allowed, "{number}");
    }
    let refused = limiter.hit("rate-limiter-password", "a@b.fr", BUDGET).await;
    assert!(!refused.allowed);
    assert!(refused.retry_after <= BUDGET.window && refused.retry_after > Duration::from_secs(290));
    assert!(
        limiter
            .hit("rate-limiter-password", "c@d.fr", BUDGET)
            .await
            .allowed,
        "another subject"
    );
    assert!(
        limiter.hit("rate-limiter-totp", "a@b.fr", BUDGET).await.allowed,
        "another limiter"
    );
    assert_eq!(
        store
            .get("rate-limiter-password:a@b.fr")
            .await
            .unwrap()
            .as_deref(),
        Some(b"4".as_slice())
    );
    shifted.advance(TimeDelta::seconds(301));
    assert!(
        limiter
            .hit("rate-limiter-password", "a@b.fr", BUDGET)
            .await
            .allowed
    );
}

#[actix::test]
async fn the_budget_is_the_same_over_all_nodes() {
    let server = RedisServer::start();
    let (_, clock) = clock();
    let instruments = instruments(&clock);
    let mut allowed = 0;
    let nodes: Vec<RateLimiter> = {
        let mut nodes = Vec::new();
        for _ in 0..2 {
            let store = Arc::new(server.store().await);
            nodes.push(RateLimiter::start(
                store,
                clock.clone(),
                &instruments,
                RateLimiterSettings::default(),
            ));
        }
        nodes
    };
    for _ in 0..5 {
        for node in &nodes {
            allowed += u32::from(node.hit("rate-limiter", "203.0.113.7", BUDGET).await.allowed);
        }
    }
    assert_eq!(allowed, BUDGET.points);
}

#[actix::test]
async fn when_the_store_is_away_it_limits_locally() {
    let (shifted, clock) = clock();
    for mode in [Mode::Down, Mode::Hanging] {
        let store = FallibleStore::new(&clock);
        let limiter = RateLimiter::start(
            store.clone(),
            clock.clone(),
            &instruments(&clock),
            RateLimiterSettings::default(),
        );
        store.set(mode);
        let mut allowed = Vec::new();
        for _ in 0..4 {
            let asked = Instant::now();
            allowed.push(limiter.hit("l", "subject", BUDGET).await.allowed);
            assert!(asked.elapsed() < Duration::from_secs(1));
        }
        assert_eq!(allowed, [true, true, true, false]);
        shifted.advance(TimeDelta::seconds(301));
        assert!(
            limiter.hit("l", "subject", BUDGET).await.allowed,
            "windows end locally too"
        );
        store.set(Mode::Up);
        assert!(limiter.hit("l", "subject", BUDGET).await.allowed);
        assert_eq!(
            store.get("l:subject").await.unwrap().as_deref(),
            Some(b"1".as_slice())
        );
    }
}

/// For [`BUDGET`], and for one attempt only.
const CHARGES: [Charge<'static>; 2] = [
    Charge {
        limiter: "l",
        subject: "subject",
        budget: BUDGET,
    },
    Charge {
        limiter: "first",
        subject: "subject",
        budget: Budget {
            points: 1,
            window: BUDGET.window,
        },
    },
];

fn told(attempt: &Attempt<2>) -> [(bool, u64); 2] {
    attempt.verdicts.map(|verdict| (verdict.allowed, verdict.count))
}

#[actix::test]
async fn an_attempt_counts_against_all_its_budgets_until_it_is_given_back() {
    let (_, clock) = clock();
    let store = FallibleStore::new(&clock);
    let settings = RateLimiterSettings::default();
    let limiter = RateLimiter::start(store.clone(), clock.clone(), &instruments(&clock), settings);
    for mode in [Mode::Up, Mode::Down, Mode::Hanging] {
        store.set(mode);
        let first = limiter.attempt(CHARGES).await;
        assert_eq!(told(&first), [(true, 1), (true, 1)], "{mode:?}");
        let second = limiter.attempt(CHARGES).await;
        assert_eq!(told(&second), [(true, 2), (false, 2)], "{mode:?}");
        limiter.give_back(first).await;
        let third = limiter.attempt(CHARGES).await;
        assert_eq!(told(&third), [(true, 2), (false, 2)], "{mode:?}");
        limiter.give_back(second).await;
        limiter.give_back(third).await;
        let fourth = limiter.attempt(CHARGES).await;
        assert_eq!(told(&fourth), [(true, 1), (true, 1)], "{mode:?}");
        limiter.give_back(fourth).await;
    }
    store.set(Mode::Up);
    assert!(store.inner.is_empty(), "nothing is left of what was given back");
}

#[actix::test]
async fn of_attempts_at_once_no_more_are_allowed_than_one_after_the_other() {
    let (_, clock) = clock();
    let store = FallibleStore::new(&clock);
    let settings = RateLimiterSettings::default();
    let limiter = RateLimiter::start(store.clone(), clock.clone(), &instruments(&clock), settings);
    for mode in [Mode::Up, Mode::Down] {
        store.set(mode);
        let attempts = join_all((0..60).map(|_| limiter.attempt(CHARGES))).await;
        for (index, allowed) in [(0, 3), (1, 1)] {
            let verdicts = attempts.iter().map(|attempt| attempt.verdicts[index]);
            let counted = verdicts.filter(|verdict| verdict.allowed).count();
            assert_eq!(counted, allowed, "{mode:?}");
        }
    }
}

#[actix::test]
async fn an_attempt_is_given_back_where_it_was_counted() {
    let (_, clock) = clock();
    let store = FallibleStore::new(&clock);
    let settings = RateLimiterSettings::default();
    let limiter = RateLimiter::start(store.clone(), clock.clone(), &instruments(&clock), settings);
    store.set(Mode::Down);
    let counted_here = limiter.attempt(CHARGES).await;
    store.set(Mode::Up);
    let counted_there = limiter.attempt(CHARGES).await;
    limiter.give_back(counted_here).await;
    let there = store.get("l:subject").await.unwrap();
    assert_eq!(there.as_deref(), Some(b"1".as_slice()));
    store.set(Mode::Down);
    limiter.give_back(counted_there).await;
    let again = limiter.attempt(CHARGES).await;
    assert_eq!(told(&again), [(true, 1), (true, 1)], "nothing is left here");
    store.set(Mode::Up);
    let there = store.get("l:subject").await.unwrap();
    assert_eq!(
        there.as_deref(),
        Some(b"1".as_slice()),
        "what cannot be given back stays"
    );
}

#[actix::test]
async fn what_is_given_back_late_takes_nothing_from_the_next_window() {
    let (shifted, clock) = clock();
    let store = FallibleStore::new(&clock);
    let settings = RateLimiterSettings::default();
    let limiter = RateLimiter::start(store.clone(), clock.clone(), &instruments(&clock), settings);
    for mode in [Mode::Up, Mode::Down] {
        store.set(mode);
        limiter.attempt(CHARGES).await;
        shifted.advance(TimeDelta::seconds(10));
        let late = limiter.attempt(CHARGES).await;
        assert_eq!(told(&late), [(true, 2), (false, 2)], "{mode:?}");
        shifted.advance(TimeDelta::seconds(291));
        let next = limiter.attempt(CHARGES).await;
        assert_eq!(told(&next), [(true, 1), (true, 1)], "{mode:?}");
        limiter.give_back(late).await;
        let last = limiter.attempt(CHARGES).await;
        assert_eq!(told(&last), [(true, 2), (false, 2)], "{mode:?}");
    }
}

#[actix::test]
async fn local_counters_are_bounded_and_never_open() {
    let (_, clock) = clock();
    let store = FallibleStore::new(&clock);
    let instruments = instruments(&clock);
    let settings = RateLimiterSettings { local_subjects: 10 };
    let limiter = RateLimiter::start(store.clone(), clock.clone(), &instruments, settings);
    store.set(Mode::Down);
    for number in 0..20_000 {
        limiter.hit("l", &number.to_string(), BUDGET).await;
    }
    let subjects = instruments.observations()[1].detail["subjects"].as_u64().unwrap();
    assert!(subjects <= 10 + 1_024, "{subjects}");
    assert!(
        !limiter.hit("l", "one more", BUDGET).await.allowed,
        "shared counters are used up"
    );
}

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use identite_actors::rate_limiter::{Budget, RateLimiter, RateLimiterSettings};
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

//! What the actors promise, each as a test.

mod access_tokens;
mod housekeeping;
mod keys;
mod outbox;
mod password_hasher;
#[path = "../../../tests/support/ports.rs"]
mod ports;
mod rate_limiter;
mod redis_away;
mod redis_failover;
mod redis_servers;
mod sessions;
mod sirene_cache;
mod state;
mod supervision;
mod support;

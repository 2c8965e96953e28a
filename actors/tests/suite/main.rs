//! What the actors promise, each as a test.

mod housekeeping;
mod keys;
mod outbox;
mod password_hasher;
mod rate_limiter;
mod redis_away;
mod sessions;
mod sirene_cache;
mod state;
mod supervision;
mod support;

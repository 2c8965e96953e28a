//! The long-lived owners of state. Generic on purpose: nothing here knows HTTP, HTML, SQL or `OpenID Connect`.
//! What an actor needs from the outside world is a port (a trait) that the composition root fills.
//!
//! Every actor is built on [`supervision`] (bounded mailbox, restart after a panic) and seen through
//! [`instrumentation`] (metrics and observations). Handles are cheap to clone and may be used from any runtime;
//! actors must be *started* on a thread where an actix `System` runs.

pub mod access_tokens;
pub mod clock;
pub mod housekeeping;
pub mod instrumentation;
pub mod keys;
pub mod outbox;
pub mod password_hasher;
pub mod rate_limiter;
pub mod sessions;
pub mod sirene_cache;
pub mod state;
pub mod supervision;

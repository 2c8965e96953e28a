//! The long-lived owners of state. Generic on purpose: nothing here knows HTTP, HTML, SQL or `OpenID Connect`.
//! What an actor needs from the outside world is a port (a trait) that the composition root fills.

pub mod clock;
pub mod state;

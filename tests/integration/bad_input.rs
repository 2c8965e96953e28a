//! What no well-meaning page or service sends: each gets its documented status and a page or a protocol error, nothing
//! panics, nothing leaks into a log.

#[path = "bad_input/cookies.rs"]
mod cookies;
#[path = "bad_input/forms.rs"]
mod forms;
#[path = "bad_input/protocol.rs"]
mod protocol;
#[path = "bad_input/requests.rs"]
mod requests;
#[path = "bad_input/slow_clients.rs"]
mod slow_clients;

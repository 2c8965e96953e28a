//! E-mails: rendered from typed structs, leaving only through the outbox.

mod carrier;
mod envelope;
pub mod messages;
mod renderer;
mod samples;
mod smtp;

#[cfg(test)]
mod tests;

pub use carrier::{ConsoleCarrier, MailCarrier, carrier_for};
pub use envelope::{Envelope, SenderRules};
pub use renderer::{MailError, Mails};
pub use samples::samples;
pub use smtp::SmtpCarrier;

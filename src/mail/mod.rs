//! E-mails: rendered from typed structs, leaving only through the outbox.

mod carrier;
mod envelope;

pub use carrier::{ConsoleCarrier, MailCarrier, SmtpCarrier, carrier_for};
pub use envelope::{Envelope, SenderRules};

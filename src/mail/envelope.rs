//! What waits in the outbox for an e-mail: everything that its delivery needs, and nothing to look up.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An e-mail ready to leave: the payload of an outbox row of the kind [`Envelope::KIND`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Exactly one address.
    pub to: String,
    pub subject: String,
    pub html: String,
    pub text: String,
    /// Statistics tag of the mail provider (`X-Mailin-Tag`).
    pub tag: String,
}

impl Envelope {
    /// `identite_outbox.kind`
    pub const KIND: &'static str = "mail";

    /// `identite_outbox.payload`
    #[must_use]
    pub fn payload(&self) -> Value {
        json!(self)
    }
}

/// Debug output reaches logs: the tag only.
impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope")
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}

/// Which of our two addresses a mail comes from (spec/connectors-and-operations.md §2.12): deterministic, so that support can tell.
#[derive(Debug, Clone)]
pub struct SenderRules {
    pub from: String,
    pub from_alt: String,
    /// Share of mails from the alternative address, 0 to 100; counts in steps of ten.
    pub alt_ratio_percent: f64,
    /// Recipient domains always served from the alternative address.
    pub alt_domains: Vec<String>,
    /// Put before every subject: `Test - ` on a sandbox.
    pub subject_prefix: String,
}

impl SenderRules {
    /// The sender's address for a mail to `recipient`.
    #[must_use]
    pub fn sender_for(&self, recipient: &str) -> &str {
        let domain = recipient.rsplit_once('@').map_or("", |(_, domain)| domain);
        let is_listed = self.alt_domains.iter().any(|listed| listed == domain);
        let last_digit = u8::try_from(recipient.encode_utf16().count() % 10).unwrap_or_default();
        if is_listed || f64::from(last_digit) < self.alt_ratio_percent / 10.0 {
            &self.from_alt
        } else {
            &self.from
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(alt_ratio_percent: f64) -> SenderRules {
        SenderRules {
            from: "from@example.org".to_owned(),
            from_alt: "alt@example.org".to_owned(),
            alt_ratio_percent,
            alt_domains: vec!["example.edu".to_owned()],
            subject_prefix: String::new(),
        }
    }

    #[test]
    fn the_sender_depends_on_the_domain_or_the_length() {
        for (recipient, ratio, expected) in [
            ("12345678@example.org", 10.0, "alt@example.org"),
            ("1234567@example.org", 10.0, "from@example.org"),
            ("12345678@example.org", 0.0, "from@example.org"),
            ("12345678a@example.org", 11.0, "alt@example.org"),
            ("1234567@example.org", 100.0, "alt@example.org"),
            ("a@example.edu", 0.0, "alt@example.org"),
        ] {
            assert_eq!(
                rules(ratio).sender_for(recipient),
                expected,
                "{recipient} at {ratio} %"
            );
        }
    }
}

//! Carriers: what takes an e-mail from the outbox to the outside.

use async_trait::async_trait;
use identite_actors::outbox::{Carrier, DeliveryError, Item};
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp;
use tokio::runtime::Handle;

use super::renderer::SUPPORT_EMAIL;
use super::smtp::SmtpCarrier;
use super::{Envelope, SenderRules};
use crate::config::SmtpTarget;

const SENDER_NAME: &str = "ProConnect";

/// Carries outbox items that are e-mails.
pub struct MailCarrier<T> {
    transport: T,
    rules: SenderRules,
}

/// Prints e-mails, for development without a mail server.
pub struct ConsoleCarrier;

/// How a composed message leaves.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Hands the message over; returns once it was accepted.
    async fn send(&self, message: Message, envelope: &Envelope) -> Result<(), DeliveryError>;
}

/// The carrier to `target`. `verify_certificates`: `false` accepts any certificate, whatever the target says.
///
/// # Errors
/// When TLS cannot be set up.
pub fn carrier_for(
    target: &SmtpTarget,
    verify_certificates: bool,
    rules: SenderRules,
    io: &Handle,
) -> Result<Box<dyn Carrier>, smtp::Error> {
    let SmtpTarget::Server(server) = target else {
        let transport = ConsoleCarrier;
        return Ok(Box::new(MailCarrier { transport, rules }));
    };
    let transport = SmtpCarrier::new(server, verify_certificates, io)?;
    Ok(Box::new(MailCarrier { transport, rules }))
}

#[async_trait]
impl<T: Transport + 'static> Carrier for MailCarrier<T> {
    async fn deliver(&self, item: &Item) -> Result<(), DeliveryError> {
        if item.kind != Envelope::KIND {
            return Err(DeliveryError::Permanent(format!(
                "nobody carries items of the kind {:?}",
                item.kind
            )));
        }
        let envelope: Envelope = serde_json::from_value(item.payload.clone())
            .map_err(|error| DeliveryError::Permanent(format!("the payload is not an e-mail: {error}")))?;
        let message = self.compose(item, &envelope)?;
        self.transport.send(message, &envelope).await
    }
}

impl<T> MailCarrier<T> {
    /// The name of a mail (RFC 5322 §3.6.4), the same at every attempt and on every node, so that receivers and mail programs
    /// can tell a second copy. It is made of what the row is born with: its number, and the instant, for numbers begin anew in
    /// a database that was emptied or restored.
    fn message_id(&self, item: &Item) -> String {
        let domain = self
            .rules
            .from
            .rsplit_once('@')
            .map_or("localhost", |(_, domain)| domain);
        format!("<{}.{}@{domain}>", item.id, item.created_at.timestamp_micros())
    }

    /// The message as it travels.
    fn compose(&self, item: &Item, envelope: &Envelope) -> Result<Message, DeliveryError> {
        let permanent = |error: String| DeliveryError::Permanent(error);
        let sender = self.rules.sender_for(&envelope.to);
        let sender_address = sender
            .parse()
            .map_err(|error| permanent(format!("sender address: {error}")))?;
        let recipient = envelope
            .to
            .parse()
            .map_err(|error| permanent(format!("recipient address: {error}")))?;
        let support = SUPPORT_EMAIL
            .parse()
            .map_err(|error| permanent(format!("support address: {error}")))?;
        let subject = format!("{}{}", self.rules.subject_prefix, envelope.subject);
        let tag = HeaderValue::new(
            HeaderName::new_from_ascii_str("X-Mailin-Tag"),
            envelope.tag.clone(),
        );
        // RFC 3834: no mailbox answers a mail of a program with « I am on holiday ».
        let auto_submitted = HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        );
        Message::builder()
            .from(Mailbox::new(Some(SENDER_NAME.to_owned()), sender_address))
            .to(Mailbox::new(None, recipient))
            // The sender's mailbox is read by nobody: who answers reaches the support desk.
            .reply_to(Mailbox::new(None, support))
            .subject(subject)
            .message_id(Some(self.message_id(item)))
            .raw_header(tag)
            .raw_header(auto_submitted)
            .multipart(MultiPart::alternative_plain_html(
                envelope.text.clone(),
                envelope.html.clone(),
            ))
            .map_err(|error| permanent(format!("the message cannot be composed: {error}")))
    }
}

#[async_trait]
impl Transport for ConsoleCarrier {
    #[expect(clippy::print_stdout, reason = "printing is what this carrier is for")]
    async fn send(&self, _: Message, envelope: &Envelope) -> Result<(), DeliveryError> {
        println!(
            "\n──── e-mail ─ {} ────\nÀ : {}\nObjet : {}\n\n{}\n────────────────────",
            envelope.tag,
            envelope.to,
            envelope.subject,
            envelope.text.trim_end(),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SmtpEncryption, SmtpServer};

    fn rules() -> SenderRules {
        SenderRules {
            from: "a@exemple.fr".to_owned(),
            from_alt: "b@autre.fr".to_owned(),
            alt_ratio_percent: 0.0,
            alt_domains: Vec::new(),
            subject_prefix: String::new(),
        }
    }

    fn name_of(item: &Item, rules: SenderRules) -> String {
        let carrier = MailCarrier {
            transport: ConsoleCarrier,
            rules,
        };
        let envelope = serde_json::from_value(item.payload.clone()).expect("an envelope");
        let message = carrier.compose(item, &envelope).expect("a message").formatted();
        let text = String::from_utf8(message).expect("text");
        let line = text.lines().find(|line| line.starts_with("Message-ID: "));
        line.expect("a name").to_owned()
    }

    #[test]
    fn a_mail_has_one_name_whatever_the_attempt_and_no_other_mail_has_it() {
        let item = Item {
            id: 7,
            kind: Envelope::KIND.to_owned(),
            payload: serde_json::json!({
                "to": "agent@exemple.fr", "subject": "Objet", "html": "<p>…</p>", "text": "…", "tag": "essai",
            }),
            attempts: 1,
            created_at: chrono::DateTime::from_timestamp(1_800_000_000, 1_000).expect("an instant"),
        };
        let name = name_of(&item, rules());
        assert_eq!(name, "Message-ID: <7.1800000000000001@exemple.fr>");

        let mut again = item.clone();
        again.attempts = 2;
        assert_eq!(name_of(&again, rules()), name);
        let mut other_sender = rules();
        other_sender.alt_ratio_percent = 100.0;
        assert_eq!(
            name_of(&item, other_sender),
            name,
            "whichever address it comes from"
        );

        // Numbers begin anew in a database that was restored.
        let mut same_number = item.clone();
        same_number.created_at += chrono::TimeDelta::microseconds(1);
        assert_ne!(name_of(&same_number, rules()), name);
        let mut same_instant = item.clone();
        same_instant.id = 8;
        assert_ne!(name_of(&same_instant, rules()), name);
    }

    fn nobody(encryption: SmtpEncryption) -> SmtpTarget {
        SmtpTarget::Server(SmtpServer {
            host: "127.0.0.1".to_owned(),
            port: 1,
            encryption,
            verify_certificate: true,
            credentials: None,
            hello_name: None,
        })
    }

    #[test]
    fn a_carrier_may_be_dropped_where_no_runtime_is() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        for encryption in [
            SmtpEncryption::Implicit,
            SmtpEncryption::Required,
            SmtpEncryption::Opportunistic,
            SmtpEncryption::Never,
        ] {
            for verifies in [true, false] {
                let carrier = carrier_for(&nobody(encryption), verifies, rules(), runtime.handle());
                drop(carrier.expect("a carrier"));
            }
        }
    }
}

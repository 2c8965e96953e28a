//! The ticket at the support desk about a request to join: one a request, carried by the outbox after the request is on record, so that
//! a desk that is away hinders nobody.

use std::time::Duration;

use async_trait::async_trait;
use identite_actors::clock::SharedClock;
use identite_actors::outbox::{Carrier, DeliveryError, Item};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::connectors::{CallError, Crisp};
use crate::db;
use crate::domain::ModerationId;

/// What the ticket tells: the payload of an outbox row of the kind [`ModerationTicket::KIND`].
#[derive(Clone, Serialize, Deserialize)]
pub struct ModerationTicket {
    pub moderation: ModerationId,
    /// Whoever asks to join.
    pub email: String,
    /// How people know the organization, when a register does.
    pub libelle: Option<String>,
    pub siret: String,
}

impl ModerationTicket {
    /// `identite_outbox.kind`
    pub const KIND: &'static str = "moderation_ticket";

    /// `identite_outbox.payload`
    #[must_use]
    pub fn payload(&self) -> Value {
        json!(self)
    }

    /// `identite_outbox.deduplication_key`: one ticket a request, however often it is asked for.
    #[must_use]
    pub fn deduplication_key(&self) -> String {
        format!("{}:{}", Self::KIND, self.moderation)
    }

    fn subject(&self) -> String {
        let name = self.libelle.as_deref().unwrap_or(&self.siret);
        format!("[ProConnect] Demande pour rejoindre {name}")
    }

    /// Markdown, under the logo at `logo_url`.
    fn message(&self, logo_url: &str) -> String {
        let organization = match &self.libelle {
            Some(libelle) => format!("{libelle} ({})", self.siret),
            None => format!("({})", self.siret),
        };
        format!(
            "![ProConnect]({logo_url})\n\nBonjour,\n\n\
             Votre demande pour rejoindre l’organisation **{organization}** nous est bien parvenue. Nous l’étudions et vous \
             répondons dans cette conversation, en moyenne sous un jour ouvré.\n\n\
             L’équipe ProConnect"
        )
    }
}

/// Debug output reaches logs: the request only.
impl std::fmt::Debug for ModerationTicket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModerationTicket")
            .field("moderation", &self.moderation)
            .finish_non_exhaustive()
    }
}

/// Carries tickets to the support desk.
pub struct TicketCarrier {
    pub pool: db::Pool,
    pub clock: SharedClock,
    /// `None`: this deployment has no support desk (any more).
    pub crisp: Option<Crisp>,
    /// The logo above the message, where whoever reads it can fetch it.
    pub logo_url: String,
    /// `CRISP_RESOLVE_DELAY`: the desk needs a moment between a message and the end of a conversation.
    pub resolve_delay: Duration,
}

#[async_trait]
impl Carrier for TicketCarrier {
    /// Every step that has been done is on record, so that one that fails later is taken up there. A request that was withdrawn
    /// meanwhile needs no ticket.
    async fn deliver(&self, item: &Item) -> Result<(), DeliveryError> {
        let ticket: ModerationTicket = serde_json::from_value(item.payload.clone())
            .map_err(|error| DeliveryError::Permanent(format!("the payload is not a ticket: {error}")))?;
        let Some(crisp) = &self.crisp else {
            return Err(DeliveryError::Permanent("there is no support desk".to_owned()));
        };
        let client = self.pool.get().await.map_err(|error| transient(&error))?;
        let known = db::tickets::find(&client, ticket.moderation)
            .await
            .map_err(|error| transient(&error))?;
        drop(client);
        let Some(progress) = known else {
            return Ok(());
        };
        let (conversation, is_message_sent) = if let Some(progress) = progress {
            (progress.ticket_id, progress.is_message_sent)
        } else {
            let conversation = crisp
                .open_conversation()
                .await
                .map_err(|error| undelivered(&error))?;
            self.opened(ticket.moderation, &conversation)
                .await
                .map_err(|error| transient(&error))?;
            (conversation, false)
        };
        crisp
            .describe(&conversation, &ticket.email, &ticket.subject())
            .await
            .map_err(|error| undelivered(&error))?;
        if !is_message_sent {
            crisp
                .send_message(&conversation, &ticket.message(&self.logo_url))
                .await
                .map_err(|error| undelivered(&error))?;
            self.message_sent(ticket.moderation)
                .await
                .map_err(|error| transient(&error))?;
        }
        tokio::time::sleep(self.resolve_delay).await;
        crisp
            .resolve(&conversation)
            .await
            .map_err(|error| undelivered(&error))
    }
}

/// What is noted takes a connection each time: there are few, and none is kept from others while the desk is asked.
impl TicketCarrier {
    async fn opened(&self, moderation: ModerationId, conversation: &str) -> Result<(), db::Error> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        db::tickets::opened(&transaction, moderation, conversation).await?;
        Ok(transaction.commit().await?)
    }

    async fn message_sent(&self, moderation: ModerationId) -> Result<(), db::Error> {
        let client = self.pool.get().await?;
        db::tickets::message_sent(&client, moderation, self.clock.now()).await
    }
}

fn transient(error: &impl std::fmt::Display) -> DeliveryError {
    DeliveryError::Transient(error.to_string())
}

/// What the desk does not understand it will not understand later. Wrong credentials can be set right.
fn undelivered(error: &CallError) -> DeliveryError {
    match error {
        CallError::Status(400 | 404 | 405 | 410 | 413 | 422) | CallError::Unsendable(_) => {
            DeliveryError::Permanent(error.to_string())
        }
        other => DeliveryError::Transient(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_shows_the_logo_of_the_deployment_and_names_the_organization() {
        let mut ticket = ModerationTicket {
            moderation: ModerationId(1),
            email: "agent@exemple.fr".to_owned(),
            libelle: Some("Bnp paribas".to_owned()),
            siret: "66204244933106".to_owned(),
        };
        let logo_url = "https://identite.exemple.fr/dist/mail-proconnect.png";
        let message = ticket.message(logo_url);
        let beginning = "![ProConnect](https://identite.exemple.fr/dist/mail-proconnect.png)\n\nBonjour,";
        assert!(message.starts_with(beginning), "{message}");
        assert!(message.contains("**Bnp paribas (66204244933106)**"), "{message}");
        ticket.libelle = None;
        assert!(ticket.message(logo_url).contains("**(66204244933106)**"));
    }
}

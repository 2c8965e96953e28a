//! `identite_tickets`: how far the ticket of a request has come at the support desk.

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};

use super::Error;
use crate::domain::ModerationId;

/// A ticket that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Conversation at the support desk.
    pub ticket_id: String,
    pub is_message_sent: bool,
}

/// Whether the request `id` still exists, and its ticket if one was opened.
///
/// # Errors
/// When the database does not answer.
pub async fn find(client: &impl GenericClient, id: ModerationId) -> Result<Option<Option<Ticket>>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               ticket.ticket_id,
               ticket.message_sent_at IS NOT NULL
             FROM moderations AS moderation
             LEFT JOIN identite_tickets AS ticket ON ticket.moderation_id = moderation.id
             WHERE moderation.id = $1",
        )
        .await?;
    let Some(row) = client.query_opt(&statement, &[&id.0]).await? else {
        return Ok(None);
    };
    let ticket_id: Option<String> = row.try_get(0)?;
    let is_message_sent = row.try_get(1)?;
    Ok(Some(ticket_id.map(|ticket_id| Ticket {
        ticket_id,
        is_message_sent,
    })))
}

/// Notes the ticket of the request `id`, on the request too, where moderators look. A request that was withdrawn meanwhile has none.
///
/// # Errors
/// When the database does not answer.
pub async fn opened(transaction: &Transaction<'_>, id: ModerationId, ticket_id: &str) -> Result<(), Error> {
    let statement = transaction
        .prepare_cached("UPDATE moderations SET ticket_id = $2 WHERE id = $1")
        .await?;
    if transaction.execute(&statement, &[&id.0, &ticket_id]).await? == 0 {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "INSERT INTO identite_tickets (moderation_id, ticket_id)
             VALUES ($1, $2)
             ON CONFLICT (moderation_id) DO NOTHING",
        )
        .await?;
    transaction.execute(&statement, &[&id.0, &ticket_id]).await?;
    Ok(())
}

/// Notes that the message of the ticket was sent.
///
/// # Errors
/// When the database does not answer.
pub async fn message_sent(
    client: &impl GenericClient,
    id: ModerationId,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE identite_tickets SET message_sent_at = $2 WHERE moderation_id = $1")
        .await?;
    client.execute(&statement, &[&id.0, &at]).await?;
    Ok(())
}

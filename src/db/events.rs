//! `identite_events`: the history of accounts. Rows are only ever added, and purged when their time is over.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;
use super::purge::Outdated;
use crate::domain::{Amr, Device, SecurityEvent, UserId};

/// What is kept of a browser's description of itself, in characters.
const USER_AGENT_LIMIT: usize = 512;

/// Something that happened to an account just now.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent<'a> {
    pub user: UserId,
    pub event: SecurityEvent,
    pub session_uid: Option<&'a str>,
    /// Cut to 512 characters.
    pub user_agent: Option<&'a str>,
    pub ip_address: Option<IpAddr>,
    /// Of a sign-in.
    pub method: Option<Amr>,
}

impl Device {
    /// Something that happened to `user` from this browser.
    #[must_use]
    pub fn event(&self, user: UserId, event: SecurityEvent) -> NewEvent<'_> {
        NewEvent {
            user,
            event,
            session_uid: None,
            user_agent: self.user_agent.as_deref(),
            ip_address: self.ip_address,
            method: None,
        }
    }
}

/// Something that happened to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    pub id: i64,
    /// As stored: a later version of us may know kinds that this one does not.
    pub kind: String,
    pub occurred_at: DateTime<Utc>,
    pub user_agent: Option<String>,
    pub ip_address: Option<String>,
    pub method: Option<String>,
}

/// Adds to the history, in the transaction of what happened.
///
/// # Errors
/// When the database does not answer.
pub async fn record(
    client: &impl GenericClient,
    event: &NewEvent<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO identite_events (
               user_id,
               kind,
               occurred_at,
               session_uid,
               user_agent,
               ip_address,
               method
             ) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .await?;
    let user_agent: Option<String> = event
        .user_agent
        .map(|text| text.chars().take(USER_AGENT_LIMIT).collect());
    client
        .execute(
            &statement,
            &[
                &event.user.0,
                &event.event.as_str(),
                &now,
                &event.session_uid,
                &user_agent,
                &event.ip_address.map(|address| address.to_string()),
                &event.method.map(Amr::as_str),
            ],
        )
        .await?;
    Ok(())
}

/// The latest `limit` events of `user` before the event `before`, the latest first.
///
/// # Errors
/// When the database does not answer.
pub async fn of_user(
    client: &impl GenericClient,
    user: UserId,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<EventRow>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, kind, occurred_at, user_agent, ip_address, method
             FROM identite_events
             WHERE user_id = $1 AND id < coalesce($2, 9223372036854775807)
             ORDER BY id DESC
             LIMIT $3",
        )
        .await?;
    let rows = client.query(&statement, &[&user.0, &before, &limit]).await?;
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        events.push(EventRow {
            id: row.try_get(0)?,
            kind: row.try_get(1)?,
            occurred_at: row.try_get(2)?,
            user_agent: row.try_get(3)?,
            ip_address: row.try_get(4)?,
            method: row.try_get(5)?,
        });
    }
    Ok(events)
}

/// Deletes at most `limit` events that occurred before `before`. Gives how many.
///
/// # Errors
/// When the database does not answer.
pub async fn purge(client: &impl GenericClient, before: DateTime<Utc>, limit: i64) -> Result<u64, Error> {
    let events = Outdated {
        table: "identite_events",
        key: "id",
        since: "occurred_at",
    };
    events.delete(client, before, limit).await
}

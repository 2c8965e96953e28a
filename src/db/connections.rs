//! `users_oidc_clients`: the journal of connections, one row per issued authorization code.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;

/// One connection of a person to a relying party.
#[derive(Debug, Clone)]
pub struct NewConnection {
    pub user_id: i32,
    /// `oidc_clients.id`
    pub oidc_client_id: i32,
    pub organization_id: Option<i32>,
    /// The service behind a federation.
    pub sp_name: Option<String>,
    /// The client address as the trusted proxy gave it.
    pub user_ip_address: Option<String>,
    pub now: DateTime<Utc>,
}

/// Writes connections down, all or none, in one statement.
///
/// # Errors
/// When the database does not answer, or the person, the client or the organization of one of them is gone.
pub async fn insert(database: &impl GenericClient, connections: &[NewConnection]) -> Result<(), Error> {
    let statement = database
        .prepare_cached(
            "INSERT INTO users_oidc_clients (
               user_id,
               oidc_client_id,
               organization_id,
               sp_name,
               user_ip_address,
               created_at,
               updated_at
             )
             SELECT
               new.user_id,
               new.oidc_client_id,
               new.organization_id,
               new.sp_name,
               new.user_ip_address,
               new.now,
               new.now
             FROM unnest($1::integer[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::timestamptz[])
               AS new (user_id, oidc_client_id, organization_id, sp_name, user_ip_address, now)",
        )
        .await?;
    database
        .execute(
            &statement,
            &[
                &column(connections, |connection| connection.user_id),
                &column(connections, |connection| connection.oidc_client_id),
                &column(connections, |connection| connection.organization_id),
                &column(connections, |connection| connection.sp_name.as_deref()),
                &column(connections, |connection| connection.user_ip_address.as_deref()),
                &column(connections, |connection| connection.now),
            ],
        )
        .await?;
    Ok(())
}

fn column<'a, T>(connections: &'a [NewConnection], of: impl Fn(&'a NewConnection) -> T) -> Vec<T> {
    connections.iter().map(of).collect()
}

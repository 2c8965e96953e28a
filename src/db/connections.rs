//! `users_oidc_clients`: the journal of connections, one row per issued authorization code.

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;

use super::Error;

/// One connection of a person to a relying party.
#[derive(Debug, Clone, Copy)]
pub struct NewConnection<'a> {
    pub user_id: i32,
    /// `oidc_clients.id`
    pub oidc_client_id: i32,
    pub organization_id: Option<i32>,
    /// The service behind a federation.
    pub sp_name: Option<&'a str>,
    /// The client address as the trusted proxy gave it.
    pub user_ip_address: Option<&'a str>,
    pub now: DateTime<Utc>,
}

/// Writes a connection down.
///
/// # Errors
/// When the database does not answer, or the person, the client or the organization is gone.
pub async fn insert(database: &impl GenericClient, connection: &NewConnection<'_>) -> Result<(), Error> {
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
             ) VALUES ($1, $2, $3, $4, $5, $6, $6)",
        )
        .await?;
    database
        .execute(
            &statement,
            &[
                &connection.user_id,
                &connection.oidc_client_id,
                &connection.organization_id,
                &connection.sp_name,
                &connection.user_ip_address,
                &connection.now,
            ],
        )
        .await?;
    Ok(())
}

//! `users_organizations`: how a person comes to act for an organization, and stops.

use deadpool_postgres::{GenericClient, Transaction};

use super::Error;
use crate::domain::{OrganizationId, UserId};

/// Ends the membership of `user` in `organization`; their sessions that acted for it act for none then. Gives whether there was one.
///
/// # Errors
/// When the database does not answer.
pub async fn end(
    transaction: &Transaction<'_>,
    user: UserId,
    organization: OrganizationId,
) -> Result<bool, Error> {
    let statement = transaction
        .prepare_cached("DELETE FROM users_organizations WHERE user_id = $1 AND organization_id = $2")
        .await?;
    if transaction
        .execute(&statement, &[&user.0, &organization.0])
        .await?
        == 0
    {
        return Ok(false);
    }
    let statement = transaction
        .prepare_cached(
            "UPDATE identite_sessions
             SET selected_organization_id = NULL
             WHERE user_id = $1 AND selected_organization_id = $2",
        )
        .await?;
    transaction
        .execute(&statement, &[&user.0, &organization.0])
        .await?;
    Ok(true)
}

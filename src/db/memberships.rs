//! `users_organizations`: how a person comes to act for an organization, and stops.

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};

use super::Error;
use crate::domain::{LinkVerificationType, ModerationId, OrganizationId, UserId};

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

/// How somebody comes to act for an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewMembership {
    pub verification_type: LinkVerificationType,
    /// They work for it without being employed there.
    pub is_external: bool,
    /// They still have to bring the code that its official contact is sent.
    pub needs_contact_code: bool,
}

/// Makes `user` a member of `organization`. Gives `false`, and changes nothing, when they are one already: of requests that race, one
/// makes them a member.
///
/// # Errors
/// When the database does not answer, or there is no such person or organization.
pub async fn begin(
    client: &impl GenericClient,
    user: UserId,
    organization: OrganizationId,
    membership: NewMembership,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO users_organizations (
               user_id,
               organization_id,
               verification_type,
               is_external,
               needs_official_contact_email_verification,
               has_been_greeted,
               verified_at,
               created_at,
               updated_at
             ) VALUES ($1, $2, $3, $4, $5, false, $6, $6, $6)
             ON CONFLICT (user_id, organization_id) DO NOTHING",
        )
        .await?;
    let added = client
        .execute(
            &statement,
            &[
                &user.0,
                &organization.0,
                &membership.verification_type.as_str(),
                &membership.is_external,
                &membership.needs_contact_code,
                &now,
            ],
        )
        .await?;
    Ok(added == 1)
}

/// What the tables know of a person, an organization and a domain before the person joins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JoiningFacts {
    pub is_member: bool,
    /// A request to join that nobody has decided on.
    pub pending_request: Option<ModerationId>,
    /// A request to join that was refused.
    pub rejected_request: Option<ModerationId>,
    /// `email_domains.verification_type` of the rows of the domain, in their order.
    pub domain_types: Vec<String>,
}

/// What stands between `user` and `organization`, and what is known there of addresses under `domain`. One statement.
///
/// # Errors
/// When the database does not answer.
pub async fn joining_facts(
    client: &impl GenericClient,
    user: UserId,
    organization: OrganizationId,
    domain: &str,
) -> Result<JoiningFacts, Error> {
    let statement = client
        .prepare_cached(
            "WITH request AS (
               SELECT
                 min(id) FILTER (WHERE moderated_at IS NULL) AS pending,
                 max(id) FILTER (WHERE moderated_at IS NOT NULL AND status = 'rejected') AS rejected
               FROM moderations
               WHERE user_id = $1 AND organization_id = $2 AND type = 'organization_join_block'
             )
             SELECT
               EXISTS (SELECT FROM users_organizations WHERE user_id = $1 AND organization_id = $2),
               request.pending,
               request.rejected,
               ARRAY(
                 SELECT verification_type::text
                 FROM email_domains
                 WHERE organization_id = $2 AND domain = $3
                 ORDER BY id
               )
             FROM request",
        )
        .await?;
    let row = client
        .query_one(&statement, &[&user.0, &organization.0, &domain])
        .await?;
    Ok(JoiningFacts {
        is_member: row.try_get(0)?,
        pending_request: row.try_get::<_, Option<i32>>(1)?.map(ModerationId),
        rejected_request: row.try_get::<_, Option<i32>>(2)?.map(ModerationId),
        domain_types: row.try_get(3)?,
    })
}

/// Whether `user` is a member of `organization`.
///
/// # Errors
/// When the database does not answer.
pub async fn is_member(
    client: &impl GenericClient,
    user: UserId,
    organization: OrganizationId,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached("SELECT FROM users_organizations WHERE user_id = $1 AND organization_id = $2")
        .await?;
    let row = client.query_opt(&statement, &[&user.0, &organization.0]).await?;
    Ok(row.is_some())
}

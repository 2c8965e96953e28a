//! `email_domains`: what the domain of an address is worth for an organization.

use chrono::{DateTime, Utc};
use deadpool_postgres::Transaction;

use super::Error;
use crate::domain::{EmailDomainType, LinkVerificationType, OrganizationId};

/// The approved types, as the column holds them.
const APPROVED: [&str; 4] = [
    EmailDomainType::Verified.as_str(),
    EmailDomainType::External.as_str(),
    EmailDomainType::TrackdechetsPostalMail.as_str(),
    EmailDomainType::OfficialContact.as_str(),
];

/// Approves each of `domains` for `organization`, as those of its official contacts. Members with an address there whose membership was
/// not verified are verified by it. Where a domain is approved already, for whatever reason, nothing changes.
///
/// # Errors
/// When the database does not answer.
pub async fn approve_official_contacts(
    transaction: &Transaction<'_>,
    organization: OrganizationId,
    domains: &[String],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if domains.is_empty() {
        return Ok(());
    }
    // Whoever approves at the same time waits here.
    let lock = transaction
        .prepare_cached("SELECT FROM organizations WHERE id = $1 FOR NO KEY UPDATE")
        .await?;
    transaction.query_opt(&lock, &[&organization.0]).await?;
    let unapproved = transaction
        .prepare_cached(
            "SELECT DISTINCT contact.domain
             FROM unnest($2::text[]) AS contact (domain)
             WHERE NOT EXISTS (
               SELECT FROM email_domains AS known
               WHERE known.organization_id = $1
                 AND known.domain = contact.domain
                 AND known.verification_type = ANY ($3)
             )",
        )
        .await?;
    let approved: &[&str] = &APPROVED;
    let rows = transaction
        .query(&unapproved, &[&organization.0, &domains, &approved])
        .await?;
    let fresh: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    if fresh.is_empty() {
        return Ok(());
    }
    verify_members(transaction, organization, &fresh, now).await?;
    let statement = transaction
        .prepare_cached(
            "DELETE FROM email_domains
             WHERE organization_id = $1 AND domain = ANY ($2) AND verification_type = 'not_verified_yet'",
        )
        .await?;
    transaction
        .execute(&statement, &[&organization.0, &fresh])
        .await?;
    let statement = transaction
        .prepare_cached(
            "INSERT INTO email_domains (
               organization_id,
               domain,
               verification_type,
               verified_at,
               created_at,
               updated_at
             )
             SELECT $1, contact.domain, 'official_contact', $3, $3, $3
             FROM unnest($2::text[]) AS contact (domain)
             ON CONFLICT (organization_id, domain, verification_type) DO NOTHING",
        )
        .await?;
    transaction
        .execute(&statement, &[&organization.0, &fresh, &now])
        .await?;
    Ok(())
}

/// Members with an address under one of `domains` whose membership nothing has verified are verified by the domain.
async fn verify_members(
    transaction: &Transaction<'_>,
    organization: OrganizationId,
    domains: &[String],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = transaction
        .prepare_cached(
            "UPDATE users_organizations AS link
             SET
               verification_type = 'domain',
               verified_at = $4,
               updated_at = $4
             FROM users AS person
             WHERE link.organization_id = $1
               AND person.id = link.user_id
               AND split_part(person.email, '@', 2) = ANY ($2)
               AND link.verification_type = ANY ($3)",
        )
        .await?;
    let unverified: Vec<&str> = LinkVerificationType::ALL
        .iter()
        .filter(|kind| kind.is_upgraded_by_domain())
        .map(|kind| kind.as_str())
        .collect();
    transaction
        .execute(&statement, &[&organization.0, &domains, &unverified, &now])
        .await?;
    Ok(())
}

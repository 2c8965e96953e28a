//! The code that the official contact of an organization hands on to a person: `users_organizations.official_contact_…`, and in
//! `identite_official_contacts` the address that it was sent to. One lives at a time; whatever happens to it is one statement.

use chrono::{DateTime, Utc};
use deadpool_postgres::{GenericClient, Transaction};

use super::Error;
use crate::domain::{OrganizationId, OrganizationProfile, UserId};

/// How far the check of a membership by the official contact has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactCheck {
    /// A code is still expected.
    pub is_needed: bool,
    /// When the last code was sent; it may have died of wrong guesses since.
    pub sent_at: Option<DateTime<Utc>>,
    /// Where to; unknown for codes that another application sent.
    pub sent_to: Option<String>,
    pub organization: CheckedOrganization,
}

/// What the check needs to know of the organization: its columns, without their prefix `cached_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedOrganization {
    pub siret: String,
    pub libelle: Option<String>,
    code_officiel_geographique: Option<String>,
    categorie_juridique: Option<String>,
    libelle_categorie_juridique: Option<String>,
    activite_principale: Option<String>,
    libelle_activite_principale: Option<String>,
    tranche_effectifs_unite_legale: Option<String>,
    etat_administratif: Option<String>,
}

impl CheckedOrganization {
    /// The INSEE code of its commune; empty when it is not known.
    #[must_use]
    pub fn commune(&self) -> &str {
        self.code_officiel_geographique.as_deref().unwrap_or_default()
    }

    /// What the rules look at.
    #[must_use]
    pub fn profile(&self) -> OrganizationProfile<'_> {
        OrganizationProfile {
            siret: Some(&self.siret),
            categorie_juridique: self.categorie_juridique.as_deref(),
            libelle_categorie_juridique: self.libelle_categorie_juridique.as_deref(),
            activite_principale: self.activite_principale.as_deref(),
            libelle_activite_principale: self.libelle_activite_principale.as_deref(),
            tranche_effectifs_unite_legale: self.tranche_effectifs_unite_legale.as_deref(),
            etat_administratif: self.etat_administratif.as_deref(),
        }
    }
}

/// The check of the membership of `user` in `organization`; `None` when there is no membership.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    client: &impl GenericClient,
    user: UserId,
    organization: OrganizationId,
) -> Result<Option<ContactCheck>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT
               link.needs_official_contact_email_verification,
               link.official_contact_email_verification_sent_at,
               contact.email,
               organization.siret,
               organization.cached_libelle,
               organization.cached_code_officiel_geographique,
               organization.cached_categorie_juridique,
               organization.cached_libelle_categorie_juridique,
               organization.cached_activite_principale,
               organization.cached_libelle_activite_principale,
               organization.cached_tranche_effectifs_unite_legale,
               organization.cached_etat_administratif
             FROM users_organizations AS link
             JOIN organizations AS organization ON organization.id = link.organization_id
             LEFT JOIN identite_official_contacts AS contact
               ON contact.user_id = link.user_id AND contact.organization_id = link.organization_id
             WHERE link.user_id = $1 AND link.organization_id = $2",
        )
        .await?;
    let Some(row) = client.query_opt(&statement, &[&user.0, &organization.0]).await? else {
        return Ok(None);
    };
    Ok(Some(ContactCheck {
        is_needed: row.try_get(0)?,
        sent_at: row.try_get(1)?,
        sent_to: row.try_get(2)?,
        organization: CheckedOrganization {
            siret: row.try_get(3)?,
            libelle: row.try_get(4)?,
            code_officiel_geographique: row.try_get(5)?,
            categorie_juridique: row.try_get(6)?,
            libelle_categorie_juridique: row.try_get(7)?,
            activite_principale: row.try_get(8)?,
            libelle_activite_principale: row.try_get(9)?,
            tranche_effectifs_unite_legale: row.try_get(10)?,
            etat_administratif: row.try_get(11)?,
        },
    }))
}

/// A code about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct NewCode<'a> {
    pub user: UserId,
    pub organization: OrganizationId,
    /// What is kept of it.
    pub digest: &'a str,
    pub email: &'a str,
    /// When the code was sent whose place this one takes, however young that is.
    pub replaces: Option<DateTime<Utc>>,
}

/// Stores a fresh code, unless none is expected, or one that is not replaced was sent at or after `unless_sent_since`. The former one
/// dies. Gives whether it was stored: of callers that race, one.
///
/// # Errors
/// When the database does not answer.
pub async fn issue(
    transaction: &Transaction<'_>,
    code: NewCode<'_>,
    unless_sent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = transaction
        .prepare_cached(
            "UPDATE users_organizations
             SET
               official_contact_email_verification_token = $3,
               official_contact_email_verification_sent_at = $5,
               updated_at = $5
             WHERE user_id = $1
               AND organization_id = $2
               AND needs_official_contact_email_verification
               AND (official_contact_email_verification_sent_at IS NULL
                 OR official_contact_email_verification_sent_at < $4
                 OR official_contact_email_verification_sent_at = $6)",
        )
        .await?;
    let (user, organization) = (code.user.0, code.organization.0);
    let stored = transaction
        .execute(
            &statement,
            &[
                &user,
                &organization,
                &code.digest,
                &unless_sent_since,
                &now,
                &code.replaces,
            ],
        )
        .await?;
    if stored == 0 {
        return Ok(false);
    }
    let statement = transaction
        .prepare_cached(
            "INSERT INTO identite_official_contacts (user_id, organization_id, email)
             VALUES ($1, $2, $3)
             ON CONFLICT (user_id, organization_id) DO UPDATE SET
               email = EXCLUDED.email,
               failures = 0",
        )
        .await?;
    transaction
        .execute(&statement, &[&user, &organization, &code.email])
        .await?;
    Ok(true)
}

/// Uses up the code of which one of `stored_forms` is kept, if it was sent at or after `sent_since`: the membership needs no further
/// check. Gives whether there was one: of callers that race, one.
///
/// # Errors
/// When the database does not answer.
pub async fn consume(
    client: &impl GenericClient,
    user: UserId,
    organization: OrganizationId,
    stored_forms: &[String],
    sent_since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "WITH proven AS (
               UPDATE users_organizations
               SET
                 needs_official_contact_email_verification = false,
                 official_contact_email_verification_token = NULL,
                 official_contact_email_verification_sent_at = NULL,
                 updated_at = $5
               WHERE user_id = $1
                 AND organization_id = $2
                 AND needs_official_contact_email_verification
                 AND official_contact_email_verification_token = ANY ($3)
                 AND official_contact_email_verification_sent_at >= $4
               RETURNING user_id, organization_id
             ), forgotten AS (
               DELETE FROM identite_official_contacts AS contact
               USING proven
               WHERE contact.user_id = proven.user_id AND contact.organization_id = proven.organization_id
             )
             SELECT count(*) FROM proven",
        )
        .await?;
    let row = client
        .query_one(
            &statement,
            &[&user.0, &organization.0, &stored_forms, &sent_since, &now],
        )
        .await?;
    Ok(row.try_get::<_, i64>(0)? == 1)
}

/// Counts a wrong code. The code that lives dies at the `limit`-th one. No other one is sent before its time: guessing is no way to
/// flood a mailbox.
///
/// # Errors
/// When the database does not answer.
pub async fn count_failure(
    client: &impl GenericClient,
    user: UserId,
    organization: OrganizationId,
    limit: i32,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "WITH counted AS (
               UPDATE identite_official_contacts
               SET failures = failures + 1
               WHERE user_id = $1 AND organization_id = $2
               RETURNING failures
             )
             UPDATE users_organizations
             SET official_contact_email_verification_token = NULL
             FROM counted
             WHERE user_id = $1 AND organization_id = $2 AND counted.failures >= $3",
        )
        .await?;
    client
        .execute(&statement, &[&user.0, &organization.0, &limit])
        .await?;
    Ok(())
}

//! What a code or a token gives access to: the client, the session that carries it, the person and the organization.

use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use deadpool_postgres::GenericClient;
use tokio_postgres::Row;

use super::Error;
use super::clients::{CLIENT_COLUMN_COUNT, CLIENT_COLUMNS, ClientRow};

/// Which person, through which session, for which organization.
#[derive(Debug, Clone, Copy)]
pub struct SubjectKey<'a> {
    pub session_uid: &'a str,
    pub user_id: i32,
    /// The organization that was selected when the code was issued.
    pub organization_id: i32,
    /// The values of `users_organizations.verification_type` with which the organization that the session has selected since stands in for
    /// that one.
    pub successors: &'a [&'static str],
}

/// A person whose session is alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectRow {
    pub user_id: i32,
    pub email: String,
    pub email_verified: bool,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub phone_number: Option<String>,
    pub job: Option<String>,
    pub updated_at: DateTime<Utc>,
    /// The session's selected organization where it may stand in, else the one of the key; only if the person is a member of it.
    pub organization: Option<OrganizationRow>,
}

/// The organization that a person acts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRow {
    pub id: i32,
    pub siret: String,
    pub cached_libelle: Option<String>,
    pub cached_categorie_juridique: Option<String>,
    pub cached_libelle_categorie_juridique: Option<String>,
    pub cached_etat_administratif: Option<String>,
    /// Of the link between the person and the organization.
    pub is_external: bool,
}

/// A client, and the subject of what it presents.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientAndSubject {
    pub client: ClientRow,
    /// `None` when the session has ended or expired, belongs to somebody else, or the account is gone.
    pub subject: Option<SubjectRow>,
}

static FIND_CLIENT_AND_SUBJECT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {CLIENT_COLUMNS},
           person.id,
           person.email,
           person.email_verified,
           person.given_name,
           person.family_name,
           person.phone_number,
           person.job,
           person.updated_at,
           organization.id,
           organization.siret,
           organization.cached_libelle,
           organization.cached_categorie_juridique,
           organization.cached_libelle_categorie_juridique,
           organization.cached_etat_administratif,
           organization.is_external
         FROM oidc_clients AS client
         LEFT JOIN identite_sessions AS session
           ON session.uid = $2
           AND session.user_id = $3
           AND session.ended_at IS NULL
           AND session.expires_at > $5
           AND session.absolute_expires_at > $5
         LEFT JOIN users AS person
           ON person.id = session.user_id
         LEFT JOIN LATERAL (
           SELECT
             candidate.id,
             candidate.siret,
             candidate.cached_libelle,
             candidate.cached_categorie_juridique,
             candidate.cached_libelle_categorie_juridique,
             candidate.cached_etat_administratif,
             link.is_external
           FROM users_organizations AS link
           JOIN organizations AS candidate ON candidate.id = link.organization_id
           WHERE link.user_id = session.user_id
             AND (
               link.organization_id = $4
               OR (link.organization_id = session.selected_organization_id AND link.verification_type = ANY ($6))
             )
             AND NOT link.needs_official_contact_email_verification
           ORDER BY link.organization_id = session.selected_organization_id DESC NULLS LAST
           LIMIT 1
         ) AS organization ON true
         WHERE client.client_id = $1
         ORDER BY client.id
         LIMIT 1"
    )
});

/// Everything that the token, userinfo and introspection endpoints need to know, in one statement.
///
/// Gives `None` when there is no such client.
///
/// # Errors
/// When the database does not answer.
pub async fn find_client_and_subject(
    database: &impl GenericClient,
    client_id: &str,
    key: SubjectKey<'_>,
    now: DateTime<Utc>,
) -> Result<Option<ClientAndSubject>, Error> {
    let statement = database.prepare_cached(&FIND_CLIENT_AND_SUBJECT).await?;
    let row = database
        .query_opt(
            &statement,
            &[
                &client_id,
                &key.session_uid,
                &key.user_id,
                &key.organization_id,
                &now,
                &key.successors,
            ],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(ClientAndSubject {
        client: ClientRow::at(&row, 0)?,
        subject: read_subject(&row)?,
    }))
}

fn read_subject(row: &Row) -> Result<Option<SubjectRow>, tokio_postgres::Error> {
    let start = CLIENT_COLUMN_COUNT;
    let Some(user_id) = row.try_get(start)? else {
        return Ok(None);
    };
    Ok(Some(SubjectRow {
        user_id,
        email: row.try_get(start + 1)?,
        email_verified: row.try_get(start + 2)?,
        given_name: row.try_get(start + 3)?,
        family_name: row.try_get(start + 4)?,
        phone_number: row.try_get(start + 5)?,
        job: row.try_get(start + 6)?,
        updated_at: row.try_get(start + 7)?,
        organization: read_organization(row, start + 8)?,
    }))
}

fn read_organization(row: &Row, start: usize) -> Result<Option<OrganizationRow>, tokio_postgres::Error> {
    let Some(id) = row.try_get(start)? else {
        return Ok(None);
    };
    Ok(Some(OrganizationRow {
        id,
        siret: row.try_get(start + 1)?,
        cached_libelle: row.try_get(start + 2)?,
        cached_categorie_juridique: row.try_get(start + 3)?,
        cached_libelle_categorie_juridique: row.try_get(start + 4)?,
        cached_etat_administratif: row.try_get(start + 5)?,
        is_external: row.try_get(start + 6)?,
    }))
}

//! Loading a journey, and what is done on the way without asking.

use chrono::{DateTime, Utc};
use identite_actors::clock::SharedClock;

use super::{Journey, Link, Person, Rules, Visit};
use crate::db::clients::{self, ClientRow};
use crate::db::organizations::OrganizationLink;
use crate::db::sessions::SessionDigest;
use crate::db::{self, Pool, SnapshotRow};
use crate::domain::{LinkVerificationType, OrganizationId, TrustedBrowser};

/// Journeys of this deployment.
#[derive(Clone)]
pub struct Journeys {
    pool: Pool,
    clock: SharedClock,
    rules: Rules,
}

impl Journeys {
    /// Journeys over this database, by these rules.
    #[must_use]
    pub fn new(pool: Pool, clock: SharedClock, rules: Rules) -> Self {
        Self { pool, clock, rules }
    }

    /// The same journeys over another pool.
    #[must_use]
    pub fn with_pool(&self, pool: Pool) -> Self {
        Self { pool, ..self.clone() }
    }

    /// The journey of a browser whose session `session` names, without what the browser is doing. One statement; none without a session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load(
        &self,
        session: Option<&SessionDigest>,
        trusted_browser: Option<TrustedBrowser>,
    ) -> Result<Journey, db::Error> {
        let now = self.clock.now();
        let snapshot = match session {
            Some(session) => {
                let look_up =
                    async |database: &db::Client| db::journey_snapshot(database, session, now).await;
                self.pool.read(look_up).await?
            }
            None => None,
        };
        Ok(self.journey(now, snapshot, trusted_browser))
    }

    /// The journey of a person whose browser a relying party has sent, without what the browser is doing; and that relying party
    /// as it is registered under `client_id`. One statement.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn load_with_client(
        &self,
        session: Option<&SessionDigest>,
        client_id: &str,
        trusted_browser: Option<TrustedBrowser>,
    ) -> Result<(Journey, Option<ClientRow>), db::Error> {
        let now = self.clock.now();
        let look_up = async |database: &db::Client| match session {
            Some(session) => db::journey_and_client(database, session, now, client_id).await,
            None => Ok((None, clients::find(database, client_id).await?)),
        };
        let (snapshot, client) = self.pool.read(look_up).await?;
        let journey = self.journey(now, snapshot, trusted_browser);
        Ok((journey, client))
    }

    fn journey(
        &self,
        now: DateTime<Utc>,
        snapshot: Option<SnapshotRow>,
        trusted_browser: Option<TrustedBrowser>,
    ) -> Journey {
        Journey {
            now,
            rules: self.rules,
            visit: Visit::default(),
            person: snapshot.map(person),
            trusted_browser,
        }
    }

    /// Makes `organization` the one that a signed-in session acts for. An organization that the person has left meanwhile, or a session that
    /// has ended, changes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn select_organization(
        &self,
        session_uid: &str,
        organization: OrganizationId,
    ) -> Result<bool, db::Error> {
        let client = self.pool.get().await?;
        db::sessions::select_organization(&client, session_uid, organization).await
    }
}

fn person(row: SnapshotRow) -> Person {
    let SnapshotRow {
        session,
        person,
        links,
    } = row;
    Person {
        session_uid: session.uid,
        signed_in_at: session.signed_in_at,
        amr: session.amr,
        user_id: session.user_id,
        email: person.email,
        given_name: person.given_name,
        family_name: person.family_name,
        email_verified: person.email_verified,
        email_verified_at: person.email_verified_at,
        force_2fa: person.force_2fa,
        has_totp: person.has_totp,
        has_passkey: person.passkey_count > 0,
        needs_inclusionconnect_onboarding_help: person.needs_inclusionconnect_onboarding_help,
        has_pending_password: person.has_pending_password,
        credentials_changed_at: person.credentials_changed_at,
        franceconnect_updated_at: person.franceconnect_updated_at,
        links: links.into_iter().map(link).collect(),
        selected_organization: session.selected_organization_id,
    }
}

/// A link of a type that nobody documented is worth nothing, and is told to the operator.
fn link(row: OrganizationLink) -> Link {
    let verification_type = row.verification_type.parse().unwrap_or_else(|_| {
        tracing::warn!(
            organization = row.id.0,
            "a link between a person and an organization has an unknown type"
        );
        LinkVerificationType::NoValidationMeansAvailable
    });
    Link {
        organization: row.id,
        siret: row.siret,
        libelle: row.cached_libelle,
        adresse: row.cached_adresse,
        libelle_activite_principale: row.cached_libelle_activite_principale,
        is_siege_social: row.cached_siege_social,
        verification_type,
        verified_at: row.verified_at,
        has_been_greeted: row.has_been_greeted,
        needs_official_contact_email_verification: row.needs_official_contact_email_verification,
    }
}

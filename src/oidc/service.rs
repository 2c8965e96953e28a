//! The service of this room, and what its use cases share.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::clock::SharedClock;
use identite_actors::state::StateStore;

use super::artefacts::{
    AccessToken, AuthorizationCode, Grant, RefreshToken, code_key, looks_like_a_secret, refresh_key,
    revocation_of, token_key,
};
use super::client::{Client, ClientMemo, is_printable_ascii};
use super::client_keys::PublishedKeys;
use super::connection_journal::ConnectionJournal;
use super::dpop::Nonces;
use super::error::{Fault, ProtocolError};
use super::metrics::{Meter, ProviderMetrics};
use super::signer::Signer;
use crate::db::clients::ClientRow;
use crate::db::{self, Pool, clients, grants};
use crate::domain::{LinkVerificationType, OrganizationLevel};

/// A revocation looks again for what was added while it worked, at most this often.
const REVOCATION_ROUNDS: usize = 4;

/// For which organization the person of a grant acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ActingFor {
    /// The one that was granted: what is stated of a sign-in, its acr above all, holds for no other.
    AsGranted,
    /// The one that the session has selected since, if the link to it is worth as much; else the one that was granted.
    Now,
}

/// The deadlines, names and switches of the provider.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[derive(Debug, Clone)]
pub struct OidcSettings {
    /// `HOST`, character for character: the issuer and the base of every URL.
    pub issuer: String,
    pub code_ttl: Duration,
    pub access_token_ttl: Duration,
    pub id_token_ttl: Duration,
    pub interaction_ttl: Duration,
    /// The `claims` parameter gives no more than the client's scopes allow (Q34).
    pub limit_claims_to_client_scopes: bool,
    /// A client learns about its own tokens only (Q39).
    pub limit_introspection_to_own_tokens: bool,
    /// A logout without a valid hint at the person signed in asks that person first (Q40, Q42).
    pub confirm_unhinted_logout: bool,
    /// Of DPoP proofs; the same on every node.
    pub dpop_nonces: Nonces,
    /// Who terminates TLS passes client certificates on: RFC 8705 is offered.
    pub offers_mutual_tls: bool,
    /// … and says which of them it has verified: their names prove a client.
    pub offers_tls_client_auth: bool,
}

impl OidcSettings {
    /// The settings of the reference for `issuer`, every switch off.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            code_ttl: Duration::from_mins(10),
            access_token_ttl: Duration::from_hours(1),
            id_token_ttl: Duration::from_hours(1),
            interaction_ttl: Duration::from_hours(1),
            limit_claims_to_client_scopes: false,
            limit_introspection_to_own_tokens: false,
            confirm_unhinted_logout: false,
            dpop_nonces: Nonces::derived_from(rand::random::<[u8; 32]>().into()),
            offers_mutual_tls: false,
            offers_tls_client_auth: false,
        }
    }

    /// The absolute URL of `path`, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }
}

/// Where a request came from, as far as the connection journal is concerned.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    /// The client address as the trusted proxy gave it, or `None`.
    pub address: Option<String>,
}

/// The `OpenID` provider: one method a use case.
pub struct Oidc {
    pub(super) state: Arc<dyn StateStore>,
    pub(super) signer: Arc<dyn Signer>,
    pub(super) pool: Pool,
    pub(super) clock: SharedClock,
    pub(super) settings: OidcSettings,
    pub(super) journal: ConnectionJournal,
    clients: ClientMemo,
    pub(super) published_keys: Option<PublishedKeys>,
    metrics: Option<ProviderMetrics>,
}

/// What stands in the registry under a `client_id`.
pub(super) enum Registered {
    Unknown,
    Broken(ProtocolError),
    Known(Arc<Client>),
}

impl Oidc {
    /// A provider on these stores and keys.
    #[must_use]
    pub fn new(
        state: Arc<dyn StateStore>,
        signer: Arc<dyn Signer>,
        pool: Pool,
        clock: SharedClock,
        settings: OidcSettings,
    ) -> Self {
        Self {
            state,
            signer,
            journal: ConnectionJournal::new(pool.clone()),
            pool,
            clock,
            settings,
            clients: ClientMemo::default(),
            published_keys: None,
            metrics: None,
        }
    }

    /// This provider, able to fetch the keys that clients publish.
    #[must_use]
    pub fn with_published_keys(mut self, keys: PublishedKeys) -> Self {
        self.published_keys = Some(keys);
        self
    }

    /// This provider, counting what it answers.
    #[must_use]
    pub fn with_metrics(mut self, metrics: ProviderMetrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    pub(super) fn meter(&self, endpoint: &'static str) -> Meter<'_> {
        Meter::start(self.metrics.as_ref(), endpoint)
    }

    /// What a client has to put into its next DPoP proof (the header `DPoP-Nonce`).
    #[must_use]
    pub fn dpop_nonce(&self) -> String {
        self.settings.dpop_nonces.current(self.now())
    }

    /// The deadlines, names and switches in force.
    #[must_use]
    pub const fn settings(&self) -> &OidcSettings {
        &self.settings
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    pub(super) async fn database(&self) -> Result<db::Client, Fault> {
        Ok(self.pool.get().await?)
    }

    /// The row of a client; no look-up is made for what cannot be a `client_id`.
    pub(super) async fn client_row(&self, client_id: &str) -> Result<Option<ClientRow>, Fault> {
        if !is_printable_ascii(client_id) {
            return Ok(None);
        }
        let look_up = async |database: &db::Client| clients::find(database, client_id).await;
        Ok(self.pool.read(look_up).await?)
    }

    pub(super) fn registered(&self, row: Option<ClientRow>) -> Registered {
        let Some(row) = row else {
            return Registered::Unknown;
        };
        match self.clients.client_of(row, &self.signer.algorithms()) {
            Ok(client) => Registered::Known(client),
            Err(error) => Registered::Broken(error),
        }
    }

    /// The client, and the person of `grant` as long as their session lives.
    pub(super) async fn client_and_subject(
        &self,
        client_id: &str,
        grant: &Grant,
        acting_for: ActingFor,
    ) -> Result<Option<grants::ClientAndSubject>, Fault> {
        if !is_printable_ascii(client_id) {
            return Ok(None);
        }
        let key = grants::SubjectKey {
            session_uid: &grant.session_uid,
            user_id: grant.user_id.0,
            organization_id: grant.organization_id.0,
            successors: match (acting_for, grant.organization_level) {
                (
                    ActingFor::Now,
                    Some(level @ (OrganizationLevel::Unverified | OrganizationLevel::Verified)),
                ) => LinkVerificationType::names_worth(level),
                // How old another certification is, and whose identity it was made for, is not known here.
                (ActingFor::Now, Some(OrganizationLevel::Certified) | None) | (ActingFor::AsGranted, _) => {
                    &[]
                }
            },
        };
        let now = self.now();
        let look_up = async |database: &db::Client| {
            grants::find_client_and_subject(database, client_id, key, now).await
        };
        Ok(self.pool.read(look_up).await?)
    }

    /// The record of an authorization code that has not expired. It may have been used.
    pub(super) async fn stored_code(&self, code: &str) -> Result<Option<AuthorizationCode>, Fault> {
        if !looks_like_a_secret(code) {
            return Ok(None);
        }
        let Some(bytes) = self.state.get(&code_key(code)).await? else {
            return Ok(None);
        };
        let code: AuthorizationCode = serde_json::from_slice(&bytes)?;
        Ok((code.expires_at > self.now()).then_some(code))
    }

    /// The record of an access token that has neither expired nor been revoked. Its session may have ended.
    pub(super) async fn stored_token(&self, token: &str) -> Result<Option<AccessToken>, Fault> {
        if !looks_like_a_secret(token) {
            return Ok(None);
        }
        let Some(bytes) = self.state.get(&token_key(token)).await? else {
            return Ok(None);
        };
        let token: AccessToken = serde_json::from_slice(&bytes)?;
        Ok((token.expires_at > self.now()).then_some(token))
    }

    /// The record of a refresh token that has neither expired nor been revoked. It may have been used.
    pub(super) async fn stored_refresh_token(&self, token: &str) -> Result<Option<RefreshToken>, Fault> {
        if !looks_like_a_secret(token) {
            return Ok(None);
        }
        let Some(bytes) = self.state.get(&refresh_key(token)).await? else {
            return Ok(None);
        };
        let token: RefreshToken = serde_json::from_slice(&bytes)?;
        Ok((token.expires_at > self.now()).then_some(token))
    }

    /// Makes every code and token in `set` unusable, including those added meanwhile by a redemption in flight.
    pub(super) async fn revoke(&self, set: &str) -> Result<(), Fault> {
        for _ in 0..REVOCATION_ROUNDS {
            let members = self.state.members(set).await?;
            if members.is_empty() {
                break;
            }
            self.state
                .write(&[], revocation_of(set, &members, self.settings.code_ttl))
                .await?;
        }
        Ok(())
    }
}

/// How long until `end`, at least a millisecond: no record is stored for ever because it is late.
pub(super) fn time_until(end: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (end - now)
        .to_std()
        .unwrap_or_default()
        .max(Duration::from_millis(1))
}

/// `now` plus a configured lifetime.
pub(super) fn after(now: DateTime<Utc>, ttl: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(ttl)
        .ok()
        .and_then(|ttl| now.checked_add_signed(ttl))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

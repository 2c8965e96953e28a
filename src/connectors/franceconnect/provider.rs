//! What `FranceConnect` says of itself: its discovery document and its keys, fetched when needed and kept.

use std::sync::Arc;
use std::time::Instant;

use chrono::TimeDelta;
use josekit::jwk::JwkSet;
use serde::Deserialize;
use url::Url;

use crate::connectors::call::{CallError, Request};
use crate::connectors::http::{HttpClient, Line};
use crate::connectors::kept::{Fetched, Kept};

const WELL_KNOWN: [&str; 2] = [".well-known", "openid-configuration"];
/// How long both documents are believed without another look.
const FRESH_FOR: TimeDelta = TimeDelta::hours(1);
/// And how long more while none can be had.
const STALE_FOR: TimeDelta = TimeDelta::hours(24);
/// An unknown key makes us look again, but not more often than this.
const KEYS_SPACING: TimeDelta = TimeDelta::seconds(30);

/// The parts of the discovery document (OpenID Connect Discovery 1.0) that a client of the code flow needs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    pub(super) userinfo_endpoint: Url,
    jwks_uri: Url,
    #[serde(default)]
    pub(super) end_session_endpoint: Option<Url>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    /// RFC 9207: answers without `iss` are forged.
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Whether a code can be bound to a verifier (RFC 7636).
    pub(super) fn offers_pkce(&self) -> bool {
        self.code_challenge_methods_supported
            .iter()
            .any(|method| method == "S256")
    }

    /// Whether the secret goes into the form instead of the header `Authorization`: only where the header is not offered.
    pub(super) fn wants_secret_in_form(&self) -> bool {
        let Some(methods) = &self.token_endpoint_auth_methods_supported else {
            return false;
        };
        let offers = |method: &str| methods.iter().any(|offered| offered == method);
        !offers("client_secret_basic") && offers("client_secret_post")
    }

    fn endpoints(&self) -> impl Iterator<Item = &Url> {
        [
            &self.authorization_endpoint,
            &self.token_endpoint,
            &self.userinfo_endpoint,
            &self.jwks_uri,
        ]
        .into_iter()
        .chain(&self.end_session_endpoint)
    }
}

/// `FranceConnect`, as it describes itself.
pub(super) struct Provider {
    line: Line,
    issuer: String,
    allows_plain_http: bool,
    metadata: Kept<Metadata>,
    keys: Kept<JwkSet>,
}

impl Provider {
    pub(super) fn new(http: &HttpClient, line: Line, issuer: String, allows_plain_http: bool) -> Self {
        Self {
            line,
            issuer,
            allows_plain_http,
            metadata: Kept::new(http.clock().clone(), STALE_FOR),
            keys: Kept::new(http.clock().clone(), STALE_FOR),
        }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The discovery document, waited for until `until`.
    ///
    /// # Errors
    /// When none can be had, or it is that of another issuer, or leads over unprotected lines.
    pub(super) async fn metadata(&self, until: Instant) -> Result<Arc<Metadata>, CallError> {
        self.metadata.get(async || self.fetch_metadata(until).await).await
    }

    /// Forgets the document: something that it says was not so.
    pub(super) async fn doubt(&self, metadata: &Arc<Metadata>) {
        self.metadata.discard(metadata).await;
    }

    /// The keys that signatures are checked with, waited for until `until`.
    ///
    /// # Errors
    /// When none can be had.
    pub(super) async fn keys(&self, metadata: &Metadata, until: Instant) -> Result<Arc<JwkSet>, CallError> {
        self.keys
            .get(async || self.fetch_keys(metadata, until).await)
            .await
    }

    /// Newer keys than `keys`, in which one was looked for in vain; waited for until `until`.
    ///
    /// # Errors
    /// When none can be had.
    pub(super) async fn newer_keys(
        &self,
        metadata: &Metadata,
        keys: &Arc<JwkSet>,
        until: Instant,
    ) -> Result<Arc<JwkSet>, CallError> {
        self.keys
            .replace(keys, KEYS_SPACING, async || {
                self.fetch_keys(metadata, until).await
            })
            .await
    }

    async fn fetch_metadata(&self, until: Instant) -> Result<Fetched<Metadata>, CallError> {
        let mut url: Url = self
            .issuer
            .parse()
            .map_err(|_| CallError::Unsendable("the issuer is no URL".to_owned()))?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(WELL_KNOWN);
        }
        let request = Request::get(url).accept("application/json").by(until);
        let read = |metadata: Metadata| self.check(metadata);
        let value = self.line.call(request, |answer| read(answer.json()?)).await?;
        Ok(Fetched {
            value,
            fresh_for: FRESH_FOR,
        })
    }

    fn check(&self, metadata: Metadata) -> Result<Metadata, CallError> {
        if metadata.issuer != self.issuer {
            return Err(CallError::Unreadable(
                "it is the document of another issuer".to_owned(),
            ));
        }
        let is_protected = |url: &Url| url.scheme() == "https" || self.allows_plain_http;
        if !metadata.endpoints().all(is_protected) {
            return Err(CallError::Unreadable(
                "it names an address without TLS".to_owned(),
            ));
        }
        Ok(metadata)
    }

    async fn fetch_keys(&self, metadata: &Metadata, until: Instant) -> Result<Fetched<JwkSet>, CallError> {
        let request = Request::get(metadata.jwks_uri.clone())
            .accept("application/json")
            .by(until);
        let read = |document: &str| {
            JwkSet::from_bytes(document).map_err(|_| CallError::Unreadable("not a set of keys".to_owned()))
        };
        let value = self.line.call(request, |answer| read(answer.document()?)).await?;
        Ok(Fetched {
            value,
            fresh_for: FRESH_FOR,
        })
    }
}

//! Relying parties: rows of `oidc_clients`, validated when they are used (spec/oidc.md §3).

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use lru::LruCache;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::client_settings::ClientSettings;
use super::error::{ErrorCode, ProtocolError};
use super::redirect_uri::{RegisteredUri, find_registered};
use super::signer::SigningAlgorithm;
use crate::db::clients::ClientRow;
use crate::domain::ScopeSet;

/// Validated clients kept at a time; the least recently used goes first.
const MEMOISED_CLIENTS: NonZeroUsize = NonZeroUsize::new(500).expect("500 is not zero");

/// What is used when the row names no algorithm for ID tokens (`OpenID Connect` Registration §2).
const DEFAULT_ID_TOKEN_ALGORITHM: SigningAlgorithm = SigningAlgorithm::RS256;

/// A relying party whose registration is sound.
#[derive(Debug)]
pub struct Client {
    /// `oidc_clients.id`
    pub row_id: i32,
    pub client_id: String,
    pub name: String,
    pub secret: SecretString,
    /// At least one.
    pub redirect_uris: Vec<RegisteredUri>,
    pub post_logout_redirect_uris: Vec<RegisteredUri>,
    /// The scopes that it may ask for.
    pub allowed_scopes: ScopeSet,
    pub id_token_algorithm: SigningAlgorithm,
    /// `None`: userinfo is plain JSON.
    pub userinfo_algorithm: Option<SigningAlgorithm>,
    /// Of introspection answers, when a signed one is asked for.
    pub introspection_algorithm: SigningAlgorithm,
    /// It is the hub of the federation, which changes some pages.
    pub is_proconnect_federation: bool,
    /// What it has set beyond all that.
    pub settings: ClientSettings,
}

impl Client {
    /// Validates a row.
    ///
    /// # Errors
    /// `invalid_redirect_uri` or `invalid_client_metadata`, saying which column is wrong.
    pub fn validate(row: &ClientRow, supported: &[SigningAlgorithm]) -> Result<Self, ProtocolError> {
        if !is_printable_ascii(&row.client_id) {
            return Err(invalid_metadata("client_id must be printable ASCII"));
        }
        if row.client_id.trim().is_empty() {
            return Err(invalid_metadata("client_id must not be empty nor blank"));
        }
        if row.client_secret.is_empty() || !is_printable_ascii(&row.client_secret) {
            return Err(invalid_metadata(
                "client_secret must be non-empty printable ASCII",
            ));
        }
        if row.client_name.is_empty() {
            return Err(invalid_metadata("client_name must not be empty"));
        }
        let redirect_uris = read_uris(&row.redirect_uris).ok_or_else(|| {
            ProtocolError::new(
                ErrorCode::InvalidRedirectUri,
                "redirect_uris must only contain web uris",
            )
        })?;
        if redirect_uris.is_empty() {
            let description = "redirect_uris must contain members";
            return Err(ProtocolError::new(ErrorCode::InvalidRedirectUri, description));
        }
        let post_logout_redirect_uris = read_uris(&row.post_logout_redirect_uris)
            .ok_or_else(|| invalid_metadata("post_logout_redirect_uris must only contain web uris"))?;
        let allowed_scopes = ScopeSet::parse_strict(&row.scope)
            .ok()
            .filter(|scopes| !scopes.is_empty())
            .ok_or_else(|| invalid_metadata("scope must only contain supported values"))?;
        if row.client_uri.as_deref().is_some_and(|uri| !is_web_url(uri)) {
            return Err(invalid_metadata("client_uri must be a web uri"));
        }
        let algorithm = |name: Option<&str>, column: &'static str| match name {
            None => Ok(None),
            Some(name) => name
                .parse()
                .ok()
                .filter(|algorithm| supported.contains(algorithm))
                .map(Some)
                .ok_or_else(|| invalid_metadata(column)),
        };
        let default_algorithm =
            Some(DEFAULT_ID_TOKEN_ALGORITHM).filter(|algorithm| supported.contains(algorithm));
        let id_token_algorithm = algorithm(
            row.id_token_signed_response_alg.as_deref(),
            "id_token_signed_response_alg must be a supported value",
        )?
        .or(default_algorithm)
        .ok_or_else(|| {
            invalid_metadata("id_token_signed_response_alg must be set, no key signs with RS256")
        })?;
        Ok(Self {
            row_id: row.id,
            client_id: row.client_id.clone(),
            name: row.client_name.clone(),
            secret: SecretString::from(row.client_secret.as_str()),
            redirect_uris,
            post_logout_redirect_uris,
            allowed_scopes,
            id_token_algorithm,
            userinfo_algorithm: algorithm(
                row.userinfo_signed_response_alg.as_deref(),
                "userinfo_signed_response_alg must be a supported value",
            )?,
            // The reference ignores this column: whatever stands there must not break the client.
            introspection_algorithm: algorithm(row.introspection_signed_response_alg.as_deref(), "")
                .ok()
                .flatten()
                .or(default_algorithm)
                .unwrap_or(id_token_algorithm),
            settings: row
                .settings
                .as_ref()
                .map(|settings| ClientSettings::validate(settings, supported))
                .transpose()
                .map_err(invalid_metadata)?
                .unwrap_or_default(),
            is_proconnect_federation: row.is_proconnect_federation,
        })
    }

    /// Whether `secret` is one of this client's at `now`, in a time that does not depend on where they differ.
    #[must_use]
    pub fn has_secret(&self, secret: &str, now: DateTime<Utc>) -> bool {
        // A client with a hashed secret has a value in the column that nobody was ever told.
        let is_in_column = self.settings.secret_hash.is_none()
            && bool::from(self.secret.expose_secret().as_bytes().ct_eq(secret.as_bytes()));
        is_in_column || self.settings.has_hashed_secret(secret, now)
    }

    /// The only registered redirection URI, when there is only one.
    #[must_use]
    pub fn single_redirect_uri(&self) -> Option<&RegisteredUri> {
        match self.redirect_uris.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The registered redirection URI that `sent` means.
    #[must_use]
    pub fn redirect_uri(&self, sent: &str) -> Option<&RegisteredUri> {
        self.meant_by(sent, &self.redirect_uris)
    }

    /// The registered post-logout URI that `sent` means.
    #[must_use]
    pub fn post_logout_redirect_uri(&self, sent: &str) -> Option<&RegisteredUri> {
        self.meant_by(sent, &self.post_logout_redirect_uris)
    }

    /// What is sent is compared after normalisation, or as text where the client is set so (Q13).
    fn meant_by<'a>(&self, sent: &str, registered: &'a [RegisteredUri]) -> Option<&'a RegisteredUri> {
        if self.settings.exact_redirect_uris {
            return registered.iter().find(|uri| uri.registered == sent);
        }
        find_registered(registered, sent)
    }

    /// Whether one of the redirection URIs lies on `origin`.
    #[must_use]
    pub fn has_origin(&self, origin: &str) -> bool {
        self.redirect_uris.iter().any(|uri| uri.has_origin(origin))
    }
}

/// Whether a `client_id` could be one at all: anything else is not worth a look-up.
#[must_use]
pub fn is_printable_ascii(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

fn is_web_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn read_uris(uris: &[Option<String>]) -> Option<Vec<RegisteredUri>> {
    uris.iter()
        .map(|uri| RegisteredUri::parse(uri.as_deref()?))
        .collect()
}

fn invalid_metadata(description: &'static str) -> ProtocolError {
    ProtocolError::new(ErrorCode::InvalidClientMetadata, description)
}

/// Remembers validated clients for as long as their row does not change.
///
/// The row itself is read on every request; what is saved is its validation. A remembered client is used only when its
/// row is equal, column by column, to the one just read: a change is effective on the next request, on every node.
pub struct ClientMemo {
    clients: Mutex<LruCache<i32, Memoised>>,
}

struct Memoised {
    row: ClientRow,
    supported: Vec<SigningAlgorithm>,
    client: Arc<Client>,
}

impl Default for ClientMemo {
    fn default() -> Self {
        Self {
            clients: Mutex::new(LruCache::new(MEMOISED_CLIENTS)),
        }
    }
}

impl ClientMemo {
    /// The client of `row`.
    ///
    /// # Errors
    /// As [`Client::validate`].
    pub fn client_of(
        &self,
        row: ClientRow,
        supported: &[SigningAlgorithm],
    ) -> Result<Arc<Client>, ProtocolError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = clients.get(&row.id)
            && known.row == row
            && known.supported == supported
        {
            return Ok(Arc::clone(&known.client));
        }
        let client = Arc::new(Client::validate(&row, supported)?);
        let memoised = Memoised {
            row,
            supported: supported.to_vec(),
            client: Arc::clone(&client),
        };
        clients.put(client.row_id, memoised);
        Ok(client)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) const ALL_ALGORITHMS: [SigningAlgorithm; 5] = [
        SigningAlgorithm::PS256,
        SigningAlgorithm::RS256,
        SigningAlgorithm::ES256,
        SigningAlgorithm::EdDsa,
        SigningAlgorithm::Ed25519,
    ];

    pub(crate) fn standard_row() -> ClientRow {
        ClientRow {
            id: 1,
            client_id: "standard_client_id".into(),
            client_secret: "standard_client_secret".into(),
            client_name: "Oidc Test Client".into(),
            redirect_uris: vec![Some("http://localhost:4000/login-callback".into())],
            post_logout_redirect_uris: vec![Some("http://localhost:4000/".into())],
            scope: "openid email profile organization".into(),
            client_uri: Some("http://localhost:4000/".into()),
            userinfo_signed_response_alg: None,
            id_token_signed_response_alg: None,
            introspection_signed_response_alg: None,
            is_proconnect_federation: false,
            settings: None,
        }
    }

    pub(crate) fn standard_client() -> Client {
        Client::validate(&standard_row(), &ALL_ALGORITHMS).unwrap()
    }

    fn code_of(change: impl FnOnce(&mut ClientRow)) -> ErrorCode {
        let mut row = standard_row();
        change(&mut row);
        Client::validate(&row, &ALL_ALGORITHMS).unwrap_err().code
    }

    #[test]
    fn a_sound_row_is_a_client() {
        let client = standard_client();
        assert_eq!(client.id_token_algorithm, SigningAlgorithm::RS256);
        assert_eq!(client.userinfo_algorithm, None);
        let now = DateTime::UNIX_EPOCH;
        assert!(client.has_secret("standard_client_secret", now));
        assert!(!client.has_secret("standard_client_secre", now));
        assert!(client.has_origin("http://localhost:4000"));
        assert!(!client.has_origin("http://localhost:4001"));
        let after_logout = client.post_logout_redirect_uri("http://localhost:4000/");
        assert_eq!(
            after_logout.map(|uri| uri.registered.as_str()),
            Some("http://localhost:4000/")
        );
        assert!(
            client
                .post_logout_redirect_uri("http://localhost:4001/")
                .is_none()
        );
    }

    #[test]
    fn a_broken_row_says_which_rule_it_breaks() {
        let metadata = ErrorCode::InvalidClientMetadata;
        let redirect = ErrorCode::InvalidRedirectUri;
        assert_eq!(code_of(|row| row.client_id = "é".into()), metadata);
        for nothing in ["", " ", "  "] {
            assert_eq!(code_of(|row| row.client_id = nothing.into()), metadata);
        }
        assert_eq!(code_of(|row| row.client_secret = String::new()), metadata);
        assert_eq!(code_of(|row| row.client_name = String::new()), metadata);
        assert_eq!(code_of(|row| row.redirect_uris = vec![]), redirect);
        assert_eq!(
            code_of(|row| row.redirect_uris = vec![Some("0/login-callback".into())]),
            redirect
        );
        assert_eq!(code_of(|row| row.redirect_uris.push(None)), redirect);
        assert_eq!(
            code_of(|row| row.redirect_uris.push(Some("https://a/#f".into()))),
            redirect
        );
        assert_eq!(
            code_of(|row| row.post_logout_redirect_uris = vec![Some("x".into())]),
            metadata
        );
        assert_eq!(code_of(|row| row.scope = " ".into()), metadata);
        assert_eq!(
            code_of(|row| row.scope = "openid offline_access".into()),
            metadata
        );
        assert_eq!(code_of(|row| row.client_uri = Some(String::new())), metadata);
        for bad in ["", "HS256", "none", "RS512"] {
            assert_eq!(
                code_of(|row| row.id_token_signed_response_alg = Some(bad.into())),
                metadata
            );
            assert_eq!(
                code_of(|row| row.userinfo_signed_response_alg = Some(bad.into())),
                metadata
            );
        }
    }

    #[test]
    fn an_algorithm_without_a_key_breaks_the_row() {
        let mut row = standard_row();
        row.id_token_signed_response_alg = Some("ES256".into());
        assert!(Client::validate(&row, &[SigningAlgorithm::RS256]).is_err());
        let client = Client::validate(&row, &[SigningAlgorithm::ES256]).unwrap();
        assert_eq!(client.introspection_algorithm, SigningAlgorithm::ES256);
        // The algorithm that nobody named needs a key, too.
        row.id_token_signed_response_alg = None;
        let error = Client::validate(&row, &[SigningAlgorithm::ES256]).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidClientMetadata);
    }

    #[test]
    fn what_the_reference_ignores_breaks_nothing() {
        let mut row = standard_row();
        row.introspection_signed_response_alg = Some("none".into());
        let client = Client::validate(&row, &ALL_ALGORITHMS).unwrap();
        assert_eq!(client.introspection_algorithm, SigningAlgorithm::RS256);
    }

    #[test]
    fn settings_are_part_of_the_client() {
        use super::super::client_settings::tests::row as settings;
        let with = |changes: serde_json::Value| {
            let mut row = standard_row();
            row.settings = Some(settings(&changes));
            Client::validate(&row, &ALL_ALGORITHMS)
        };
        let hashed = super::super::client_settings::hash_secret("new");
        let client = with(serde_json::json!({"secret_hash": hashed})).unwrap();
        let now = DateTime::UNIX_EPOCH;
        assert!(client.has_secret("new", now));
        assert!(
            !client.has_secret("standard_client_secret", now),
            "the column counts no more"
        );
        let exact = with(serde_json::json!({"exact_redirect_uris": true})).unwrap();
        assert!(
            exact
                .redirect_uri("http://localhost:4000/login-callback")
                .is_some()
        );
        assert!(
            exact
                .redirect_uri("HTTP://localhost:4000/login-callback")
                .is_none()
        );
        assert!(exact.post_logout_redirect_uri("http://localhost:4000/").is_some());
        assert!(exact.post_logout_redirect_uri("HTTP://localhost:4000").is_none());
        assert!(
            standard_client()
                .post_logout_redirect_uri("HTTP://localhost:4000")
                .is_some()
        );
        let error = with(serde_json::json!({"token_endpoint_auth_method": "none"})).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidClientMetadata);
    }

    #[test]
    fn a_changed_row_is_effective_at_once() {
        let memo = ClientMemo::default();
        let first = memo.client_of(standard_row(), &ALL_ALGORITHMS).unwrap();
        let again = memo.client_of(standard_row(), &ALL_ALGORITHMS).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let mut changed = standard_row();
        changed.client_secret = "other".into();
        assert!(
            memo.client_of(changed, &ALL_ALGORITHMS)
                .unwrap()
                .has_secret("other", DateTime::UNIX_EPOCH)
        );
        let mut broken = standard_row();
        broken.redirect_uris.clear();
        assert!(memo.client_of(broken, &ALL_ALGORITHMS).is_err());
    }
}

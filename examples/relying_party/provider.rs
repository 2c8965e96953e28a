//! The provider as this relying party sees it: its metadata, its endpoints, and every check on what they answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod,
    CoreGrantType, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType, CoreTokenResponse,
};
use openidconnect::{
    AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthorizationCode, ClaimsVerificationError,
    ClientId, ClientSecret, CsrfToken, EndSessionUrl, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    HttpRequest, HttpResponse, IssuerUrl, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PostLogoutRedirectUrl, ProviderMetadata, RedirectUrl, TokenResponse, http,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::info;
use url::Url;

use crate::failure::{Failure, with_causes};
use crate::sessions::{PendingLogin, SignedIn};
use crate::userinfo;

/// Deadline of one call to the provider.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer that is read from the provider, in bytes.
const MAX_ANSWER_LENGTH: usize = 1024 * 1024;

/// Waits between two attempts at discovery: the provider may still be starting.
const DISCOVERY_PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(600),
    Duration::from_secs(1),
];

/// Members of the metadata beyond OpenID Connect Discovery 1.0 §3.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct ExtraMetadata {
    /// RP-Initiated Logout 1.0 §2.1.
    end_session_endpoint: Option<EndSessionUrl>,
    /// RFC 9207 §3.
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for ExtraMetadata {}

type Metadata = ProviderMetadata<
    ExtraMetadata,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// How the client proves its identity at the token endpoint (OpenID Connect Core §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ClientAuthentication {
    /// `client_secret_post`
    Post,
    /// `client_secret_basic`
    Basic,
}

/// What this relying party and the provider agreed on.
#[derive(Debug)]
pub struct Registration {
    pub issuer: IssuerUrl,
    pub client_id: ClientId,
    pub client_secret: ClientSecret,
    pub client_authentication: ClientAuthentication,
    pub redirect_uri: Url,
    pub post_logout_redirect_uri: Url,
    pub id_token_algorithm: CoreJwsSigningAlgorithm,
    /// Userinfo is plain JSON when absent.
    pub userinfo_algorithm: Option<CoreJwsSigningAlgorithm>,
}

/// A call to the provider that gave no answer, or too long a one.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("the call failed")]
    Call(#[from] reqwest::Error),
    #[error("the answer is longer than {MAX_ANSWER_LENGTH} bytes")]
    TooLong,
    #[error("the answer cannot be represented")]
    Answer(#[from] http::Error),
}

/// The provider, discovered at first use.
#[derive(Debug)]
pub struct Provider {
    registration: Registration,
    http: reqwest::Client,
    metadata: Mutex<Option<Arc<Metadata>>>,
}

impl Provider {
    /// No call is made yet.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(registration: Registration) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            // A redirect of a back-channel call would carry the code or the secret to another place.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            registration,
            http,
            metadata: Mutex::new(None),
        })
    }

    /// The issuer identifier that answers must carry.
    pub fn issuer(&self) -> &str {
        self.registration.issuer.as_str()
    }

    /// Where to send the browser to sign in, and what its answer must match.
    ///
    /// `query` holds the parameters beside those of the protocol run (client, state, nonce, PKCE …).
    ///
    /// # Errors
    /// [`Failure::Discovery`]
    pub async fn authorization_request(
        &self,
        query: Vec<(String, String)>,
    ) -> Result<(Url, PendingLogin), Failure> {
        let metadata = self.metadata().await?;
        // The scope comes with the other parameters, exactly as asked.
        let client = self.client(&metadata).disable_openid_scope();
        let (pkce_challenge, pkce_verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new_random_len(32),
                || Nonce::new_random_len(32),
            )
            .set_pkce_challenge(pkce_challenge);
        for (name, value) in query {
            request = request.add_extra_param(name, value);
        }
        let (url, state, nonce) = request.url();
        Ok((
            url,
            PendingLogin {
                state,
                nonce,
                pkce_verifier,
            },
        ))
    }

    /// Checks the `iss` parameter of an authorization response (RFC 9207 §2.4).
    ///
    /// # Errors
    /// [`Failure::WrongIssuer`] when it names someone else, or is absent although the provider announces it;
    /// [`Failure::Discovery`]
    pub async fn check_response_issuer(&self, iss: Option<&str>) -> Result<(), Failure> {
        match iss {
            Some(iss) if iss == self.issuer() => Ok(()),
            Some(iss) => Err(Failure::WrongIssuer(iss.to_owned())),
            None => {
                let metadata = self.metadata().await?;
                if metadata
                    .additional_metadata()
                    .authorization_response_iss_parameter_supported
                {
                    return Err(Failure::WrongIssuer("no iss parameter".into()));
                }
                Ok(())
            }
        }
    }

    /// Exchanges the code for tokens, verifies them, and asks who the person is.
    ///
    /// # Errors
    /// [`Failure::Discovery`], [`Failure::TokenRequest`], [`Failure::IdToken`], [`Failure::Userinfo`]
    pub async fn finish_login(&self, login: PendingLogin, code: String) -> Result<SignedIn, Failure> {
        let metadata = self.metadata().await?;
        let call = |request| self.call(request);
        let response: CoreTokenResponse = self
            .client(&metadata)
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| Failure::Discovery(with_causes(&error)))?
            .set_pkce_verifier(login.pkce_verifier)
            .request_async(&call)
            .await
            .map_err(|error| Failure::TokenRequest(with_causes(&error)))?;
        let id_token = response
            .id_token()
            .ok_or_else(|| Failure::IdToken("the answer has no ID token".into()))?;

        let (metadata, claims) = self.verified_claims(metadata, id_token, &login.nonce).await?;
        self.check_access_token_hash(&metadata, id_token, &claims, &response)?;

        let endpoint = metadata
            .userinfo_endpoint()
            .ok_or_else(|| Failure::Userinfo("the provider announces no userinfo endpoint".into()))?;
        let answer = self
            .call(userinfo::request(endpoint, response.access_token())?)
            .await
            .map_err(|error| Failure::Userinfo(with_causes(&error)))?;
        let userinfo = userinfo::verify(
            &answer,
            &userinfo::Expected {
                issuer: self.issuer(),
                client_id: &self.registration.client_id,
                subject: claims.subject(),
                algorithm: self.registration.userinfo_algorithm.as_ref(),
                keys: metadata.jwks().keys(),
            },
        )
        .map_err(Failure::Userinfo)?;

        Ok(SignedIn {
            userinfo,
            id_token_claims: id_token_payload(id_token)?,
            token_response: serde_json::to_value(&response)
                .map_err(|error| Failure::TokenRequest(error.to_string()))?,
            id_token: id_token.clone(),
        })
    }

    /// Where to send the browser to sign out (RP-Initiated Logout 1.0 §2); nothing when the provider has no such place.
    ///
    /// # Errors
    /// [`Failure::Discovery`]
    pub async fn logout_request(&self, id_token_hint: Option<&CoreIdToken>) -> Result<Option<Url>, Failure> {
        let metadata = self.metadata().await?;
        let Some(endpoint) = metadata.additional_metadata().end_session_endpoint.clone() else {
            return Ok(None);
        };
        let mut request = LogoutRequest::from(endpoint)
            .set_client_id(self.registration.client_id.clone())
            .set_post_logout_redirect_uri(PostLogoutRedirectUrl::from_url(
                self.registration.post_logout_redirect_uri.clone(),
            ));
        if let Some(id_token) = id_token_hint {
            request = request.set_id_token_hint(id_token);
        }
        Ok(Some(request.http_get_url()))
    }

    /// Verifies the ID token; when its signature fits no known key, the keys may have been rotated since discovery:
    /// they are read again, once. Gives the metadata whose keys fitted.
    async fn verified_claims(
        &self,
        metadata: Arc<Metadata>,
        id_token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<(Arc<Metadata>, CoreIdTokenClaims), Failure> {
        match self.claims(&metadata, id_token, nonce) {
            Ok(claims) => Ok((metadata, claims)),
            Err(ClaimsVerificationError::SignatureVerification(_)) => {
                let metadata = self.discover().await?;
                let claims = self
                    .claims(&metadata, id_token, nonce)
                    .map_err(|error| Failure::IdToken(with_causes(&error)))?;
                Ok((metadata, claims))
            }
            Err(error) => Err(Failure::IdToken(with_causes(&error))),
        }
    }

    fn claims(
        &self,
        metadata: &Metadata,
        id_token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
        let client = self.client(metadata);
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs([self.registration.id_token_algorithm.clone()]);
        id_token.claims(&verifier, nonce).cloned()
    }

    /// `at_hash` ties the access token to the ID token (OpenID Connect Core §3.1.3.8); it is optional.
    fn check_access_token_hash(
        &self,
        metadata: &Metadata,
        id_token: &CoreIdToken,
        claims: &CoreIdTokenClaims,
        response: &CoreTokenResponse,
    ) -> Result<(), Failure> {
        let Some(expected) = claims.access_token_hash() else {
            return Ok(());
        };
        let client = self.client(metadata);
        let algorithm = id_token
            .signing_alg()
            .map_err(|error| Failure::IdToken(with_causes(&error)))?;
        let verifier = client.id_token_verifier();
        let key = id_token
            .signing_key(&verifier)
            .map_err(|error| Failure::IdToken(with_causes(&error)))?;
        let actual = AccessTokenHash::from_token(response.access_token(), algorithm, key)
            .map_err(|error| Failure::IdToken(with_causes(&error)))?;
        if actual != *expected {
            return Err(Failure::IdToken("at_hash does not match the access token".into()));
        }
        Ok(())
    }

    fn client(&self, metadata: &Metadata) -> Client {
        let registration = &self.registration;
        CoreClient::from_provider_metadata(
            metadata.clone(),
            registration.client_id.clone(),
            Some(registration.client_secret.clone()),
        )
        .set_auth_type(match registration.client_authentication {
            ClientAuthentication::Post => AuthType::RequestBody,
            ClientAuthentication::Basic => AuthType::BasicAuth,
        })
        .set_redirect_uri(RedirectUrl::from_url(registration.redirect_uri.clone()))
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, Failure> {
        let known = self
            .metadata
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match known {
            Some(metadata) => Ok(metadata),
            None => self.discover().await,
        }
    }

    /// Reads the metadata and the keys; tries again for a while when the provider does not answer.
    async fn discover(&self) -> Result<Arc<Metadata>, Failure> {
        let call = |request| self.call(request);
        let mut pauses = DISCOVERY_PAUSES.into_iter();
        loop {
            match Metadata::discover_async(self.registration.issuer.clone(), &call).await {
                Ok(metadata) => {
                    info!(issuer = self.issuer(), "provider discovered");
                    let metadata = Arc::new(metadata);
                    *self.metadata.lock().unwrap_or_else(PoisonError::into_inner) = Some(metadata.clone());
                    return Ok(metadata);
                }
                Err(error) => match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(Failure::Discovery(with_causes(&error))),
                },
            }
        }
    }

    /// One call to the provider, bounded in time and size. The form that `openidconnect` wants its HTTP client in.
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, CallError> {
        let mut answer = self.http.execute(request.try_into()?).await?;
        let mut response = http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > MAX_ANSWER_LENGTH {
                return Err(CallError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(response.body(body)?)
    }
}

/// The claims of a verified ID token, as they were received.
fn id_token_payload(id_token: &CoreIdToken) -> Result<Value, Failure> {
    userinfo::payload(&id_token.to_string()).map_err(Failure::IdToken)
}

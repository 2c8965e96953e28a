//! An `OpenID` provider on a database of its own, with volatile state in memory and a clock that moves.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use identite::connectors::ClientKeyDocuments;
use identite::db::clients;
use identite::domain::{Amr, IdentityLevel, OrganizationId, OrganizationLevel, UserId};
use identite::oidc::{
    Authentication, AuthorizationAnswer, Body, ClientRequest, Finish, Oidc, OidcSettings, PublishedKeys,
    SelectedOrganization, Signer, SigningAlgorithm, SigningError, TokenResponse, VerifiedJwt, Visitor,
};
use identite_actors::clock::{Clock, ShiftedClock};
use identite_actors::state::MemoryStore;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{ES256, JwsHeader, JwsSigner, JwsVerifier, RS256};
use serde_json::{Map, Value, json};

use crate::support::TestDatabase;

pub const ISSUER: &str = "http://localhost:3000";
pub const CALLBACK: &str = "http://localhost:4000/login-callback";
/// Of the development data: member of the organizations 1, 49 and 52.
pub const USER: UserId = UserId(1);

/// A key of each of the two kinds that clients of the development data use.
struct TestKeys {
    rsa: Jwk,
    ec: Jwk,
}

impl TestKeys {
    fn new() -> Self {
        Self {
            rsa: Jwk::generate_rsa_key(2048).unwrap(),
            ec: Jwk::generate_ec_key(EcCurve::P256).unwrap(),
        }
    }

    fn signer(&self, algorithm: SigningAlgorithm) -> Box<dyn JwsSigner> {
        match algorithm {
            SigningAlgorithm::RS256 => Box::new(RS256.signer_from_jwk(&self.rsa).unwrap()),
            SigningAlgorithm::ES256 => Box::new(ES256.signer_from_jwk(&self.ec).unwrap()),
            other => panic!("no key for {other}"),
        }
    }

    fn verifier(&self, algorithm: SigningAlgorithm) -> Box<dyn JwsVerifier> {
        match algorithm {
            SigningAlgorithm::RS256 => Box::new(
                RS256
                    .verifier_from_jwk(&self.rsa.to_public_key().unwrap())
                    .unwrap(),
            ),
            SigningAlgorithm::ES256 => Box::new(
                ES256
                    .verifier_from_jwk(&self.ec.to_public_key().unwrap())
                    .unwrap(),
            ),
            other => panic!("no key for {other}"),
        }
    }
}

impl Signer for TestKeys {
    fn sign(&self, algorithm: SigningAlgorithm, claims: &Map<String, Value>) -> Result<String, SigningError> {
        let payload = serde_json::to_vec(claims).unwrap();
        josekit::jws::serialize_compact(&payload, &JwsHeader::new(), &*self.signer(algorithm))
            .map_err(|error| SigningError(error.to_string()))
    }

    fn sign_as(
        &self,
        algorithm: SigningAlgorithm,
        token_type: &str,
        claims: &Map<String, Value>,
    ) -> Result<String, SigningError> {
        let mut header = JwsHeader::new();
        header.set_token_type(token_type);
        let payload = serde_json::to_vec(claims).unwrap();
        josekit::jws::serialize_compact(&payload, &header, &*self.signer(algorithm))
            .map_err(|error| SigningError(error.to_string()))
    }

    fn verify(&self, jwt: &str) -> Option<VerifiedJwt> {
        let header = josekit::jwt::decode_header(jwt).ok()?;
        let algorithm: SigningAlgorithm = header.claim("alg")?.as_str()?.parse().ok()?;
        let (payload, _) = josekit::jws::deserialize_compact(jwt, &*self.verifier(algorithm)).ok()?;
        Some(VerifiedJwt {
            algorithm,
            claims: serde_json::from_slice(&payload).ok()?,
        })
    }

    fn algorithms(&self) -> Vec<SigningAlgorithm> {
        vec![SigningAlgorithm::RS256, SigningAlgorithm::ES256]
    }

    fn public_jwks(&self) -> Value {
        json!({"keys": []})
    }
}

/// The provider under test.
pub struct Provider {
    pub database: TestDatabase,
    pub clock: Arc<ShiftedClock>,
    pub oidc: Oidc,
    keys: Arc<TestKeys>,
}

impl Provider {
    /// A provider over the development data.
    pub async fn start() -> Self {
        Self::start_with(|_| ()).await
    }

    /// The same, with settings changed by `change`.
    pub async fn start_with(change: impl FnOnce(&mut OidcSettings)) -> Self {
        let database = TestDatabase::create().await;
        let clock = Arc::new(ShiftedClock::default());
        let keys = Arc::new(TestKeys::new());
        let mut settings = OidcSettings::new(ISSUER);
        change(&mut settings);
        let state = Arc::new(MemoryStore::new(clock.clone()));
        let oidc = Oidc::new(
            state,
            keys.clone(),
            database.pool().clone(),
            clock.clone(),
            settings,
        );
        Self {
            database,
            clock,
            oidc,
            keys,
        }
    }

    /// This provider, able to fetch the keys that clients publish.
    pub fn fetching_keys(self) -> Self {
        let http = crate::connectors::client(Duration::from_secs(3));
        let keys = PublishedKeys::new(ClientKeyDocuments::new(&http));
        Self {
            oidc: self.oidc.with_published_keys(keys),
            ..self
        }
    }

    /// Opens a session of [`USER`] for organization 1, signed in now with a password.
    pub async fn sign_in(&self) -> Authentication {
        self.sign_in_as(USER, 1).await
    }

    /// Opens a session of `user_id` for an organization.
    pub async fn sign_in_as(&self, user_id: UserId, organization: i32) -> Authentication {
        let now = self.clock.now();
        let session_uid = format!("session-{user_id}-{}", now.timestamp_micros());
        let database = self.database.pool().get().await.unwrap();
        let row = database
            .query_one(
                "INSERT INTO identite_sessions (id, uid, user_id, amr, signed_in_at, last_seen_at, expires_at,
                   absolute_expires_at, selected_organization_id)
                 VALUES (sha256($1::text::bytea), $1, $2, '{pwd}', $3, $3, $4, $4, $5)
                 RETURNING (SELECT email FROM users WHERE id = $2), (SELECT siret FROM organizations WHERE id = $5)",
                &[&session_uid, &user_id.0, &now, &(now + TimeDelta::days(1)), &organization],
            )
            .await
            .unwrap();
        Authentication {
            session_uid,
            user_id,
            email: row.get(0),
            auth_time: now,
            amr: vec![Amr::Pwd],
            identity_level: IdentityLevel::Declared,
            selected_organization: Some(SelectedOrganization {
                id: OrganizationId(organization),
                siret: row.get(1),
                level: OrganizationLevel::Verified,
            }),
            journey_complete: true,
        }
    }

    /// Selects another organization in a session, as its page does.
    pub async fn select(&self, authentication: &Authentication, organization: &str) {
        let uid = &authentication.session_uid;
        self.database
            .execute(&format!(
                "UPDATE identite_sessions SET selected_organization_id = {organization} WHERE uid = '{uid}'"
            ))
            .await;
    }

    /// Ends a session as a sign-out on any node does.
    pub async fn sign_out(&self, authentication: &Authentication) {
        let uid = &authentication.session_uid;
        self.database
            .execute(&format!(
                "UPDATE identite_sessions SET ended_at = now() WHERE uid = '{uid}'"
            ))
            .await;
    }

    /// An authorization request of the standard client, with parameters changed or added.
    pub async fn authorize(
        &self,
        changes: &[(&str, &str)],
        authentication: Option<&Authentication>,
    ) -> AuthorizationAnswer {
        let visitor = Visitor {
            address: Some("203.0.113.7".into()),
        };
        let raw = request(changes);
        let row = match identite::oidc::Oidc::wanted_client_id(&raw) {
            Some(client_id) => {
                let database = self.database.pool().get().await.unwrap();
                clients::find(&database, client_id).await.unwrap()
            }
            None => None,
        };
        self.oidc.authorize(raw, row, authentication, &visitor).await
    }

    /// Goes through the interaction of `answer` as `authentication`, to the next answer.
    pub async fn interact(
        &self,
        answer: AuthorizationAnswer,
        authentication: &Authentication,
    ) -> AuthorizationAnswer {
        let AuthorizationAnswer::Interaction { uid, .. } = answer else {
            panic!("{answer:?}")
        };
        let finish = self.oidc.finish_interaction(&uid, authentication).await.unwrap();
        assert_eq!(finish, Finish::Resume);
        self.oidc
            .resume(&uid, Some(authentication), &Visitor::default())
            .await
    }

    /// A code for the standard client by direct answer.
    pub async fn code(&self, changes: &[(&str, &str)], authentication: &Authentication) -> String {
        parameter(&self.authorize(changes, Some(authentication)).await, "code").unwrap()
    }

    /// Redeems a code as the standard client, with parameters changed or added.
    pub async fn redeem(
        &self,
        code: &str,
        changes: &[(&str, &str)],
    ) -> Result<TokenResponse, identite::oidc::EndpointError> {
        let defaults = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("client_id", "standard_client_id"),
            ("client_secret", "standard_client_secret"),
        ];
        let body = Body::Form(merged(&defaults, changes));
        self.oidc
            .token(ClientRequest {
                body,
                ..ClientRequest::default()
            })
            .await
    }

    /// Writes settings of the standard client: the members of `settings` are columns.
    pub async fn set(&self, settings: Value) {
        self.database.set_for("standard_client_id", &settings).await;
    }

    /// The claims of a JWT that our keys signed.
    pub fn claims(&self, jwt: &str) -> Map<String, Value> {
        self.keys.verify(jwt).expect("our signature").claims
    }

    /// The instant on the provider's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// The parameters of an authorization request of the standard client.
pub fn request(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let defaults = [
        ("client_id", "standard_client_id"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid email profile organization"),
        ("state", "s"),
        ("nonce", "n"),
    ];
    merged(&defaults, changes)
}

fn merged(defaults: &[(&str, &str)], changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let is_changed = |name: &str| changes.iter().any(|(changed, _)| *changed == name);
    defaults
        .iter()
        .filter(|(name, _)| !is_changed(name))
        .chain(changes)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A form of the standard client with its secret; `changes` replace or add parameters, an empty value removes one.
pub fn client_form(changes: &[(&str, &str)]) -> ClientRequest {
    let defaults = [
        ("client_id", "standard_client_id"),
        ("client_secret", "standard_client_secret"),
    ];
    let mut fields = merged(&defaults, changes);
    fields.retain(|(_, value)| !value.is_empty());
    ClientRequest {
        body: Body::Form(fields),
        ..ClientRequest::default()
    }
}

/// What a code is redeemed with.
pub fn redemption(code: &str, changes: &[(&str, &str)]) -> ClientRequest {
    let defaults = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
    ];
    let mut all = defaults.to_vec();
    all.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    all.extend(changes);
    client_form(&all)
}

/// A parameter of an answer that is sent in the query.
pub fn parameter(answer: &AuthorizationAnswer, name: &str) -> Option<String> {
    let AuthorizationAnswer::Redirect { url } = answer else {
        panic!("{answer:?}")
    };
    let url = url::Url::parse(url).unwrap();
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

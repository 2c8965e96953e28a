//! The table tests of reading and deciding (spec/oidc.md §4.2, §5.2, §15.4).

mod deciding;
mod reading;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::authentication::{Authentication, SelectedOrganization};
use super::authorization_request::*;
use super::claims_request::SignInClaim;
use super::client::tests::standard_client;
use super::decision::*;
use super::error::{ErrorCode, ProtocolError};
use super::parameters::{Parameters, pairs};
use super::request_object::Provenance;
use super::signer::{Signer, SigningAlgorithm, SigningError, VerifiedJwt};
use crate::domain::{Acr, Amr, IdentityLevel, OrganizationId, OrganizationLevel, UserId};

const CALLBACK: &str = "http://localhost:4000/login-callback";
const ISSUER: &str = "http://localhost:3000";

/// Believes every hint of the form `<sub>@<client_id>`.
struct HintReader;

impl Signer for HintReader {
    fn sign(&self, _: SigningAlgorithm, _: &Map<String, Value>) -> Result<String, SigningError> {
        Err(SigningError("not in these tests".into()))
    }

    fn sign_as(&self, _: SigningAlgorithm, _: &str, _: &Map<String, Value>) -> Result<String, SigningError> {
        Err(SigningError("this test signs nothing".into()))
    }

    fn verify(&self, jwt: &str) -> Option<VerifiedJwt> {
        let (sub, aud) = jwt.split_once('@')?;
        let Value::Object(claims) = json!({"iss": ISSUER, "sub": sub, "aud": aud}) else {
            return None;
        };
        Some(VerifiedJwt {
            algorithm: SigningAlgorithm::RS256,
            claims,
        })
    }

    fn algorithms(&self) -> Vec<SigningAlgorithm> {
        vec![SigningAlgorithm::RS256]
    }

    fn public_jwks(&self) -> Value {
        json!({"keys": []})
    }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_360_000, 0).unwrap()
}

fn read_raw(raw: &[(&str, &str)], lookup: ClientLookup<'_>) -> Result<AuthorizationRequest, Rejection> {
    let parameters = Parameters::read(pairs(raw), AUTHORIZATION_PARAMETERS);
    let context = ReadContext {
        issuer: ISSUER,
        signer: &HintReader,
        limit_claims_to_client_scopes: false,
        provenance: Provenance::default(),
        now: now(),
    };
    read_authorization_request(&parameters, lookup, &context)
}

/// A sound request with some parameters replaced (an empty value removes one) or added.
fn read(changes: &[(&str, &str)]) -> Result<AuthorizationRequest, Rejection> {
    let mut raw = vec![
        ("client_id", "standard_client_id"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("state", "s"),
    ];
    raw.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    raw.extend_from_slice(changes);
    read_raw(&raw, ClientLookup::Known(&standard_client()))
}

/// A sound request of the standard client with some parameters replaced or added.
pub(crate) fn request(changes: &[(&str, &str)]) -> AuthorizationRequest {
    read(changes).unwrap()
}

fn signed_in(seconds_ago: i64) -> Authentication {
    Authentication {
        session_uid: "session".into(),
        user_id: UserId(1),
        email: "user@yopmail.com".into(),
        auth_time: now() - TimeDelta::seconds(seconds_ago),
        amr: vec![Amr::Pwd],
        identity_level: IdentityLevel::Declared,
        selected_organization: Some(SelectedOrganization {
            id: OrganizationId(1),
            siret: "21340126800130".into(),
            level: OrganizationLevel::Verified,
        }),
        journey_complete: true,
    }
}

/// Changes written as a query.
fn read_query(changes: &str) -> Result<AuthorizationRequest, Rejection> {
    let changes: Vec<(String, String)> = url::form_urlencoded::parse(changes.as_bytes())
        .into_owned()
        .collect();
    let changes: Vec<(&str, &str)> = changes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    read(&changes)
}

//! *Act*: the userinfo endpoint (spec/oidc.md §7).

use serde_json::{Map, Value};

use super::artefacts::AccessToken;
use super::certificate::ClientCertificate;
use super::client::Client;
use super::dpop::{PROOF_LIFE, ProofContext, read_proof};
use super::endpoint_error::{EndpointError, challenge, dpop_challenge};
use super::error::{ErrorCode, Fault, ProtocolError};
use super::metrics::Meter;
use super::parameters::{Body, Parameters};
use super::service::{ActingFor, Oidc, Registered};
use super::user_claim::UserClaim;
use super::user_info_claims::ClaimSource;
use crate::domain::{Scope, ScopeSet};

/// The path of this endpoint, which proofs of possession name.
const USERINFO_PATH: &str = "/oauth/userinfo";
const USERINFO_PARAMETERS: &[&str] = &["access_token", "scope"];

/// A request as the web floor took it from the wire.
#[derive(Debug, Clone, Default)]
pub struct UserinfoRequest {
    /// GET, HEAD or POST.
    pub method: String,
    /// The header `Authorization`.
    pub authorization: Option<String>,
    pub query: Vec<(String, String)>,
    /// [`Body::Absent`] for GET.
    pub body: Body,
    /// The header `Origin`.
    pub origin: Option<String>,
    /// The header `DPoP`.
    pub dpop: Option<String>,
    /// The certificate shown where TLS is terminated, if this deployment looks at it.
    pub certificate: Option<ClientCertificate>,
}

/// The answer, in the form that the client registered.
#[derive(Debug, Clone, PartialEq)]
pub enum UserinfoAnswer {
    /// `application/json`
    Json(Map<String, Value>),
    /// `application/jwt`
    Jwt(String),
}

impl Oidc {
    /// The userinfo endpoint: what an access token may know about its person, now.
    ///
    /// # Errors
    /// With the statuses and challenges of spec/oidc.md §7.1.
    pub async fn userinfo(&self, request: UserinfoRequest) -> Result<UserinfoAnswer, EndpointError> {
        let meter = self.meter("userinfo");
        let answer = self.userinfo_for(request, &meter).await;
        meter.counted(answer)
    }

    async fn userinfo_for(
        &self,
        request: UserinfoRequest,
        meter: &Meter<'_>,
    ) -> Result<UserinfoAnswer, EndpointError> {
        let realm = self.settings.issuer.as_str();
        let presented = Presented::read(request.authorization.as_deref(), request.query, request.body)
            .map_err(|error| error.with_bearer_challenge(realm))?;
        let Some(token) = &presented.token else {
            let error = ProtocolError::new(ErrorCode::InvalidToken, "no access token provided");
            let ways = [challenge("Bearer", realm, None), dpop_challenge(realm)];
            return Err(EndpointError {
                challenge: Some(ways.join(", ")),
                ..EndpointError::new(401, error)
            });
        };
        let shown = ShownToken {
            token,
            is_dpop: presented.is_dpop,
            method: &request.method,
            proof: request.dpop.as_deref(),
            certificate: request.certificate.as_ref(),
        };
        if shown.is_dpop && shown.proof.is_none() {
            let error = ProtocolError::invalid_request("the header DPoP is missing");
            return Err(EndpointError::bad_request(error).with_dpop_challenge(realm));
        }
        self.userinfo_of(
            &shown,
            presented.narrowed_scope.as_deref(),
            request.origin.as_deref(),
            meter,
        )
        .await
        .map_err(|error| {
            if error.status >= 500 || error.origin_is_refused || error.challenge.is_some() {
                error
            } else if shown.is_dpop || is_about_proofs(&error) {
                error.with_dpop_challenge(realm)
            } else {
                error.with_bearer_challenge(realm)
            }
        })
    }

    async fn userinfo_of(
        &self,
        shown: &ShownToken<'_>,
        narrowed_scope: Option<&str>,
        origin: Option<&str>,
        meter: &Meter<'_>,
    ) -> Result<UserinfoAnswer, EndpointError> {
        let fault = |fault: Fault| EndpointError::fault(&fault);
        let token = self
            .stored_token(shown.token)
            .await
            .map_err(fault)?
            .ok_or_else(invalid_token)?;
        let found = self
            .client_and_subject(&token.grant.client_id, &token.grant, ActingFor::Now)
            .await
            .map_err(fault)?;
        let found = found.ok_or_else(invalid_token)?;
        let client = match self.registered(Some(found.client)) {
            Registered::Known(client) => client,
            Registered::Broken(error) => return Err(EndpointError::bad_request(error)),
            Registered::Unknown => return Err(invalid_token()),
        };
        meter.is_about(&client.client_id);
        let person = found.subject.ok_or_else(invalid_token)?;
        let organization = person.organization.as_ref().ok_or_else(invalid_token)?;
        self.check_possession(&token, &client, shown).await?;
        if origin.is_some_and(|origin| !client.has_origin(origin)) {
            return Err(EndpointError::refused_origin(&client.client_id));
        }
        let scope = answered_scope(&token, narrowed_scope)?;

        let mut named = token.grant.claims.userinfo.clone();
        named.push(UserClaim::Sub);
        let subject = token.grant.subject();
        let source = ClaimSource {
            person: &person,
            organization,
            subject: &subject,
            updated_at_as_text: client.settings.updated_at_as_text,
        };
        let claims = source.claims(&scope, &named);
        let jwt = match (client.userinfo_algorithm, client.settings.userinfo_encryption) {
            (None, None) => return Ok(UserinfoAnswer::Json(claims)),
            // What is not to be signed is not, and is then no JWT inside of another one (OpenID Connect Core §5.3.2).
            (None, Some(encryption)) => {
                let claims = self.claims_of_jwt(claims, &client, &token);
                self.sealed_claims_for(&client, encryption, &claims).await
            }
            (Some(algorithm), encryption) => {
                let claims = self.claims_of_jwt(claims, &client, &token);
                match self.signer.sign(algorithm, &claims) {
                    Ok(jwt) => self.sealed_for(&client, encryption, jwt).await,
                    Err(error) => Err(error.into()),
                }
            }
        };
        jwt.map(UserinfoAnswer::Jwt).map_err(fault)
    }

    /// `claims`, and what a JWT says about itself.
    fn claims_of_jwt(
        &self,
        mut claims: Map<String, Value>,
        client: &Client,
        token: &AccessToken,
    ) -> Map<String, Value> {
        claims.insert("iss".into(), self.settings.issuer.as_str().into());
        claims.insert("aud".into(), client.client_id.as_str().into());
        claims.insert("iat".into(), self.now().timestamp().into());
        claims.insert("exp".into(), token.expires_at.timestamp().into());
        claims
    }

    /// Whether whoever shows the token possesses what it is bound to.
    async fn check_possession(
        &self,
        token: &AccessToken,
        client: &Client,
        shown: &ShownToken<'_>,
    ) -> Result<(), EndpointError> {
        let bound = &token.confirmation;
        if bound.jkt.is_some() && !shown.is_dpop {
            // Told by the scheme that the token wants to be shown with.
            return Err(invalid_token().with_dpop_challenge(&self.settings.issuer));
        }
        if bound.jkt.is_none() && shown.is_dpop {
            return Err(invalid_token());
        }
        let certificate = shown.certificate.map(|certificate| &certificate.thumbprint);
        if bound.certificate.is_some() && bound.certificate.as_ref() != certificate {
            return Err(invalid_token());
        }
        let (Some(jkt), Some(header)) = (&bound.jkt, shown.proof) else {
            return Ok(());
        };
        let context = ProofContext {
            method: shown.method,
            url: &self.settings.url(USERINFO_PATH),
            access_token: Some(shown.token),
            nonces: &self.settings.dpop_nonces,
            nonce_is_required: client.settings.requires_dpop_nonce,
            now: self.now(),
        };
        let unsound = |error| EndpointError::new(401, error);
        let proof = read_proof(header, &context).map_err(unsound)?;
        if proof.thumbprint != *jkt {
            return Err(invalid_token());
        }
        let is_first = self
            .is_first_use(&format!("{}\0dpop", client.client_id), &proof.jti, PROOF_LIFE)
            .await
            .map_err(|fault| EndpointError::fault(&fault))?;
        if is_first {
            return Ok(());
        }
        let replayed = ProtocolError::new(ErrorCode::InvalidDpopProof, "the proof was used before");
        Err(unsound(replayed))
    }
}

/// A token, and what is shown beside it.
struct ShownToken<'a> {
    token: &'a str,
    /// `Authorization: DPoP`.
    is_dpop: bool,
    method: &'a str,
    proof: Option<&'a str>,
    certificate: Option<&'a ClientCertificate>,
}

fn is_about_proofs(error: &EndpointError) -> bool {
    matches!(
        error.error.code,
        ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce
    )
}

/// What the caller showed.
struct Presented {
    token: Option<String>,
    /// `Authorization: DPoP`.
    is_dpop: bool,
    /// The parameter `scope`: tell no more than this.
    narrowed_scope: Option<String>,
}

impl Presented {
    fn read(
        authorization: Option<&str>,
        query: Vec<(String, String)>,
        body: Body,
    ) -> Result<Self, EndpointError> {
        let malformed = |description: &'static str| {
            EndpointError::bad_request(ProtocolError::invalid_request(description))
        };
        let form = match body {
            Body::Absent => Parameters::default(),
            Body::Form(raw) => Parameters::read(raw, USERINFO_PARAMETERS),
            Body::Unreadable => return Err(malformed("the body must be application/x-www-form-urlencoded")),
        };
        let query = Parameters::read(query, USERINFO_PARAMETERS);
        if query.has("access_token") || query.duplicated().contains(&"access_token") {
            return Err(malformed("access tokens must not be provided in the query"));
        }
        if !form.duplicated().is_empty() || !query.duplicated().is_empty() {
            return Err(malformed("parameters must not be given twice"));
        }
        let header = authorization
            .map(|header| header_token(header).ok_or_else(|| malformed("invalid authorization header")))
            .transpose()?;
        let (is_dpop, in_header) = header.unzip();
        let in_form = form.get("access_token");
        if in_header.is_some() && in_form.is_some() {
            return Err(malformed(
                "access token must only be provided using one mechanism",
            ));
        }
        Ok(Self {
            token: in_header.or(in_form).map(str::to_owned),
            is_dpop: is_dpop.unwrap_or_default(),
            narrowed_scope: form.owned("scope").or_else(|| query.owned("scope")),
        })
    }
}

/// `Bearer <token>` or `DPoP <token>`: exactly two words. Gives whether it is the latter.
fn header_token(header: &str) -> Option<(bool, &str)> {
    let (scheme, token) = header.split_once(' ')?;
    if token.is_empty() || token.contains(' ') {
        return None;
    }
    match scheme {
        _ if scheme.eq_ignore_ascii_case("bearer") => Some((false, token)),
        _ if scheme.eq_ignore_ascii_case("dpop") => Some((true, token)),
        _ => None,
    }
}

/// The scopes that the answer covers.
fn answered_scope(token: &AccessToken, narrowed: Option<&str>) -> Result<ScopeSet, EndpointError> {
    let granted = &token.grant.scope;
    let insufficient = |scope: Option<&'static str>| {
        let error = ProtocolError::new(
            ErrorCode::InsufficientScope,
            "access token misses a requested scope",
        );
        EndpointError::new(403, ProtocolError { scope, ..error })
    };
    if !granted.contains(Scope::OpenId) {
        return Err(insufficient(Some(Scope::OpenId.as_str())));
    }
    let Some(narrowed) = narrowed else {
        return Ok(granted.clone());
    };
    let narrowed = ScopeSet::parse_strict(narrowed).map_err(|_| insufficient(None))?;
    match narrowed.first_outside(granted) {
        None => Ok(narrowed),
        Some(missing) => Err(insufficient(Some(missing.as_str()))),
    }
}

fn invalid_token() -> EndpointError {
    EndpointError::new(
        401,
        ProtocolError::new(ErrorCode::InvalidToken, "invalid token provided"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parameters::pairs;
    use super::*;

    #[test]
    fn an_answer_covers_what_was_granted_or_less_and_openid_is_needed() {
        let token = |scope| AccessToken {
            grant: super::super::artefacts::Grant {
                client_id: "c".into(),
                user_id: crate::domain::UserId(1),
                session_uid: "s".into(),
                scope: ScopeSet::parse_known(scope),
                claims: super::super::claims_request::ClaimsRequest::default(),
                organization_id: crate::domain::OrganizationId(1),
                organization_level: None,
                pairwise_subject: None,
            },
            issued_at: chrono::DateTime::UNIX_EPOCH,
            expires_at: chrono::DateTime::UNIX_EPOCH,
            confirmation: super::super::artefacts::Confirmation::default(),
        };
        let answered = |granted, narrowed| {
            let scope = answered_scope(&token(granted), narrowed);
            scope.map_err(|error| (error.status, error.error.scope))
        };
        let all = ScopeSet::parse_known("openid email");
        assert_eq!(answered("openid email", None), Ok(all.clone()));
        assert_eq!(
            answered("openid email", Some("openid")),
            Ok(ScopeSet::parse_known("openid"))
        );
        assert_eq!(
            answered("openid email", Some("openid phone")),
            Err((403, Some("phone")))
        );
        assert_eq!(answered("openid email", Some("unknown")), Err((403, None)));
        assert_eq!(answered("email", None), Err((403, Some("openid"))));
    }

    #[test]
    fn schemes_are_read_whatever_their_case() {
        assert_eq!(header_token("bEARER abc"), Some((false, "abc")));
        assert_eq!(header_token("DPoP abc"), Some((true, "abc")));
        assert_eq!(header_token("Basic abc"), None);
        let of = |code| is_about_proofs(&EndpointError::bad_request(ProtocolError::bare(code)));
        assert!(
            of(ErrorCode::InvalidDpopProof) && of(ErrorCode::UseDpopNonce) && !of(ErrorCode::InvalidToken)
        );
    }

    #[test]
    fn a_token_comes_in_the_header_or_in_the_form() {
        let by_header = Presented::read(Some("bEARER abc"), vec![], Body::Absent).unwrap();
        assert_eq!(by_header.token.as_deref(), Some("abc"));
        let by_form = Presented::read(None, vec![], Body::Form(pairs(&[("access_token", "abc")]))).unwrap();
        assert_eq!(by_form.token.as_deref(), Some("abc"));
        assert_eq!(Presented::read(None, vec![], Body::Absent).unwrap().token, None);
    }

    #[test]
    fn other_ways_are_malformed() {
        let form = || Body::Form(pairs(&[("access_token", "abc")]));
        let rows = [
            (None, pairs(&[("access_token", "abc")]), Body::Absent),
            (Some("Bearer abc"), vec![], form()),
            (Some("Basic abc"), vec![], Body::Absent),
            (Some("DPoP a b"), vec![], Body::Absent),
            (Some("Bearer"), vec![], Body::Absent),
            (Some("Bearer "), vec![], Body::Absent),
            (Some("Bearer a b"), vec![], Body::Absent),
            (None, vec![], Body::Unreadable),
            (None, pairs(&[("scope", "a"), ("scope", "b")]), form()),
        ];
        for (authorization, query, body) in rows {
            let outcome = Presented::read(authorization, query, body);
            assert_eq!(
                outcome.err().map(|error| error.status),
                Some(400),
                "{authorization:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header in ".*") {
            let _ = Presented::read(Some(&header), vec![], Body::Absent);
        }
    }
}

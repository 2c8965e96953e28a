//! *Act*: the token endpoint (spec/oidc.md §6), and the redemption of codes.

use chrono::{DateTime, Utc};
use identite_actors::state::Write;
use serde::Serialize;
use subtle::ConstantTimeEq;

use super::artefacts::{
    AuthorizationCode, Confirmation, RefreshToken, code_key, consumed_key, fingerprint, grant_set, new_secret,
};
use super::authorization_checks::is_pkce_text;
use super::client::Client;
use super::client_authentication::Credentials;
use super::client_request::ClientRequest;
use super::endpoint_error::EndpointError;
use super::error::{ErrorCode, Fault, ProtocolError};
use super::id_token::SignInFacts;
use super::issuing::Issued;
use super::metrics::Meter;
use super::parameters::{Body, Parameters};
use super::service::{ActingFor, Oidc, after};
use super::user_info_claims::ClaimSource;
use crate::db::clients::ClientRow;
use crate::db::grants::SubjectRow;
use crate::domain::ScopeSet;

/// The path of this endpoint, which proofs of possession and assertions name.
pub(super) const TOKEN_PATH: &str = "/oauth/token";

/// The parameters that this endpoint knows.
const TOKEN_PARAMETERS: &[&str] = &[
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "resource",
];

/// The answer to a redeemed code or refresh token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenResponse {
    pub access_token: String,
    /// Seconds.
    pub expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    pub scope: ScopeSet,
    pub token_type: &'static str,
}

impl Oidc {
    /// The token endpoint: a code or a refresh token, once, becomes an access token and an ID token.
    ///
    /// # Errors
    /// The first failing check of spec/oidc.md §6.2. What comes a second time also revokes every code and token of its
    /// session and client.
    pub async fn token(&self, request: ClientRequest) -> Result<TokenResponse, EndpointError> {
        let meter = self.meter("token");
        let answer = self.token_for(request, &meter).await;
        meter.counted(answer)
    }

    async fn token_for(
        &self,
        request: ClientRequest,
        meter: &Meter<'_>,
    ) -> Result<TokenResponse, EndpointError> {
        let form = read_form(request.body.clone(), TOKEN_PARAMETERS)?;
        let credentials = Credentials::read(request.authorization.as_deref(), &form)?;
        if form.get("grant_type") == Some("refresh_token") {
            return self.refresh(&request, &credentials, &form, meter).await;
        }
        let loaded = self
            .load_code(&credentials, &form)
            .await
            .map_err(|fault| EndpointError::fault(&fault))?;
        let client = self
            .authenticated(
                &credentials,
                loaded.client,
                request.certificate.as_ref(),
                TOKEN_PATH,
                meter,
            )
            .await?;
        if request.has_origin {
            return Err(EndpointError::refused_origin(&client.client_id));
        }
        let sent = read_redemption(&form, &client)?;
        let possession = self.possession(&request, &client, TOKEN_PATH)?;

        let code = loaded.code.ok_or_else(EndpointError::invalid_grant)?;
        check_code(&code, &client, &sent)?;
        if code.dpop_jkt.is_some() && code.dpop_jkt != possession.confirmation.jkt {
            return Err(EndpointError::invalid_grant());
        }
        let person = loaded.subject.ok_or_else(EndpointError::invalid_grant)?;
        let organization = person
            .organization
            .as_ref()
            .ok_or_else(EndpointError::invalid_grant)?;
        let subject = code.grant.subject();
        let source = ClaimSource {
            person: &person,
            organization,
            subject: &subject,
            updated_at_as_text: client.settings.updated_at_as_text,
        };
        self.use_proof(&client, &possession).await?;
        self.redeem(&client, &code, sent.code, possession.confirmation, &source)
            .await
    }

    /// Everything that the checks need, in one state round trip and one statement.
    async fn load_code(&self, credentials: &Credentials, form: &Parameters) -> Result<Loaded, Fault> {
        let code = match form.get("code") {
            Some(code) => self.stored_code(code).await?,
            None => None,
        };
        let Some(code) = code else {
            let client = self.client_row(&credentials.client_id).await?;
            return Ok(Loaded {
                client,
                code: None,
                subject: None,
            });
        };
        let found = self
            .client_and_subject(&credentials.client_id, &code.grant, ActingFor::AsGranted)
            .await?;
        let (client, subject) = found.map(|found| (found.client, found.subject)).unzip();
        Ok(Loaded {
            client,
            code: Some(code),
            subject: subject.flatten(),
        })
    }

    async fn redeem(
        &self,
        client: &Client,
        code: &AuthorizationCode,
        secret: &str,
        confirmation: Confirmation,
        source: &ClaimSource<'_>,
    ) -> Result<TokenResponse, EndpointError> {
        let fault = |fault: Fault| EndpointError::fault(&fault);
        let now = self.now();
        let access_token = new_secret();
        let facts = SignInFacts {
            acr: code.acr,
            amr: &code.amr,
            auth_time: code.auth_time,
            nonce: code.nonce.as_deref(),
        };
        let id_token = self
            .id_token(client, &code.grant, &facts, source, &access_token, now)
            .await
            .map_err(fault)?;
        let issued = Issued {
            access_token,
            refresh_token: client.settings.refresh_token_ttl.map(|_| new_secret()),
            scope: code.grant.scope.clone(),
            confirmation,
        };
        let writes = self.writes_of_redemption(client, code, secret, &issued, now);
        let (consumed, writes) = writes.map_err(fault)?;
        if !self
            .state
            .write(&[consumed], writes)
            .await
            .map_err(|error| fault(error.into()))?
        {
            let set = grant_set(&code.grant.session_uid, &code.grant.client_id);
            tracing::warn!(client_id = %client.client_id, "an authorization code came twice: its grant is revoked");
            self.revoke(&set).await.map_err(fault)?;
            return Err(EndpointError::invalid_grant());
        }
        Ok(self.response(issued, id_token))
    }

    /// The one atomic step that exchanges the code for tokens: the mark whose presence forbids it, and its writes.
    fn writes_of_redemption(
        &self,
        client: &Client,
        code: &AuthorizationCode,
        secret: &str,
        issued: &Issued,
        now: DateTime<Utc>,
    ) -> Result<(String, Vec<Write>), Fault> {
        let code_key = code_key(secret);
        let consumed = consumed_key(&code_key);
        let mut writes = vec![
            Write::Put {
                key: consumed.clone(),
                value: b"1".to_vec(),
                ttl: self.settings.code_ttl,
            },
            Write::RemoveMember {
                set: grant_set(&code.grant.session_uid, &code.grant.client_id),
                member: code_key,
            },
        ];
        self.write_access_token(&code.grant, issued, now, &mut writes)?;
        if let Some(ttl) = client.settings.refresh_token_ttl {
            let record = RefreshToken {
                grant: code.grant.clone(),
                acr: code.acr,
                amr: code.amr.clone(),
                auth_time: code.auth_time,
                issued_at: now,
                expires_at: after(now, ttl),
            };
            write_refresh_token(&record, issued, ttl, &mut writes)?;
        }
        Ok((consumed, writes))
    }
}

/// Stores a refresh token under the name that was issued for it.
pub(super) fn write_refresh_token(
    record: &RefreshToken,
    issued: &Issued,
    ttl: std::time::Duration,
    writes: &mut Vec<Write>,
) -> Result<(), Fault> {
    let Some(token) = &issued.refresh_token else {
        return Ok(());
    };
    let key = super::artefacts::refresh_key(token);
    writes.push(Write::Put {
        key: key.clone(),
        value: serde_json::to_vec(record)?,
        ttl,
    });
    writes.push(Write::AddMember {
        set: grant_set(&record.grant.session_uid, &record.grant.client_id),
        member: key,
        ttl,
    });
    Ok(())
}

struct Loaded {
    client: Option<ClientRow>,
    code: Option<AuthorizationCode>,
    /// `None` when the session of the code is over.
    subject: Option<SubjectRow>,
}

/// What the client sent to redeem a code.
struct Redemption<'a> {
    code: &'a str,
    redirect_uri: &'a str,
    code_verifier: Option<&'a str>,
}

/// The known parameters of a form; no body at all is an empty form.
pub(super) fn read_form(body: Body, known: &[&'static str]) -> Result<Parameters, EndpointError> {
    match body {
        Body::Absent => Ok(Parameters::default()),
        Body::Form(raw) => Ok(Parameters::read(raw, known)),
        Body::Unreadable => {
            let description = "the body must be application/x-www-form-urlencoded";
            Err(EndpointError::bad_request(ProtocolError::invalid_request(
                description,
            )))
        }
    }
}

/// Refuses what no endpoint of a client takes: repeated parameters, and `resource`.
pub(super) fn check_form(form: &Parameters) -> Result<(), EndpointError> {
    if !form.duplicated().is_empty() {
        let names = form.duplicated().join(", ");
        let error = ProtocolError::invalid_request(format!("parameters must not be given twice: {names}"));
        return Err(EndpointError::bad_request(error));
    }
    if form.has("resource") {
        let error = ProtocolError::new(ErrorCode::InvalidTarget, "resource indicators are not supported");
        return Err(EndpointError::bad_request(error));
    }
    Ok(())
}

/// The error for a parameter that is not there.
pub(super) fn missing(name: &str) -> EndpointError {
    EndpointError::bad_request(ProtocolError::invalid_request(format!(
        "missing required parameter: {name}"
    )))
}

fn read_redemption<'a>(form: &'a Parameters, client: &'a Client) -> Result<Redemption<'a>, EndpointError> {
    match form.get("grant_type") {
        Some("authorization_code") => {}
        Some(_) => return Err(EndpointError::unsupported_grant_type()),
        None if !form.duplicated().contains(&"grant_type") => return Err(missing("grant_type")),
        None => {}
    }
    check_form(form)?;
    let code_verifier = form.get("code_verifier");
    if code_verifier.is_some_and(|verifier| !is_pkce_text(verifier)) {
        return Err(EndpointError::bad_request(ProtocolError::invalid_request(
            "code_verifier is not well-formed",
        )));
    }
    Ok(Redemption {
        code: form.get("code").ok_or_else(|| missing("code"))?,
        redirect_uri: form
            .get("redirect_uri")
            .or_else(|| client.single_redirect_uri().map(|uri| uri.registered.as_str()))
            .ok_or_else(|| missing("redirect_uri"))?,
        code_verifier,
    })
}

/// The checks that leave the code usable.
fn check_code(code: &AuthorizationCode, client: &Client, sent: &Redemption<'_>) -> Result<(), EndpointError> {
    let verifier_matches = match (&code.code_challenge, sent.code_verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => fingerprint(verifier)
            .as_bytes()
            .ct_eq(challenge.as_bytes())
            .into(),
        (Some(_), None) | (None, Some(_)) => false,
    };
    let is_sound = code.grant.client_id == client.client_id
        && verifier_matches
        && code.redirect_uri == sent.redirect_uri;
    if is_sound {
        Ok(())
    } else {
        Err(EndpointError::invalid_grant())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::artefacts::Grant;
    use super::super::claims_request::ClaimsRequest;
    use super::super::client::tests::standard_client;
    use super::super::parameters::pairs;
    use super::*;
    use crate::domain::{OrganizationId, ScopeSet, UserId};

    const CALLBACK: &str = "http://localhost:4000/login-callback";
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn form(raw: &[(&str, &str)]) -> Parameters {
        Parameters::read(
            pairs(raw),
            &["grant_type", "code", "redirect_uri", "code_verifier", "resource"],
        )
    }

    fn code(code_challenge: Option<&str>) -> AuthorizationCode {
        AuthorizationCode {
            grant: Grant {
                client_id: "standard_client_id".into(),
                user_id: UserId(1),
                session_uid: "s".into(),
                scope: ScopeSet::parse_known("openid"),
                claims: ClaimsRequest::default(),
                organization_id: OrganizationId(1),
                organization_level: None,
                pairwise_subject: None,
            },
            redirect_uri: CALLBACK.to_owned(),
            nonce: None,
            acr: None,
            amr: Vec::new(),
            auth_time: DateTime::UNIX_EPOCH,
            code_challenge: code_challenge.map(str::to_owned),
            dpop_jkt: None,
            expires_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_code_is_for_one_client_one_uri_and_one_verifier() {
        let client = standard_client();
        let mut other = standard_client();
        other.client_id = "other".into();
        let challenge = fingerprint(VERIFIER);
        let (bound, free) = (code(Some(&challenge)), code(None));
        let rows = [
            (&free, &client, CALLBACK, None, true),
            (&bound, &client, CALLBACK, Some(VERIFIER), true),
            (&free, &other, CALLBACK, None, false),
            (
                &free,
                &client,
                "http://localhost:4001/login-callback",
                None,
                false,
            ),
            (&bound, &client, CALLBACK, None, false),
            (&free, &client, CALLBACK, Some(VERIFIER), false),
            (&bound, &client, CALLBACK, Some(challenge.as_str()), false),
        ];
        for (code, client, redirect_uri, code_verifier, expected) in rows {
            let sent = Redemption {
                code: "c",
                redirect_uri,
                code_verifier,
            };
            let is_sound = check_code(code, client, &sent).is_ok();
            assert_eq!(
                is_sound, expected,
                "{} {redirect_uri} {code_verifier:?}",
                client.client_id
            );
        }
    }

    #[test]
    fn what_is_sent_with_a_code_is_read_or_its_fault_is_told() {
        let client = standard_client();
        let usual = [("grant_type", "authorization_code"), ("code", "c")];
        let read = |more: &[(&str, &str)]| {
            let form = form(&[usual.as_slice(), more].concat());
            let redemption = read_redemption(&form, &client);
            redemption
                .map(|read| {
                    (
                        read.redirect_uri.to_owned(),
                        read.code_verifier.map(str::to_owned),
                    )
                })
                .map_err(|error| error.error.code)
        };
        assert_eq!(read(&[]), Ok((CALLBACK.to_owned(), None)));
        assert_eq!(read(&[("redirect_uri", "x")]), Ok(("x".to_owned(), None)));
        assert_eq!(
            read(&[("code_verifier", VERIFIER)]),
            Ok((CALLBACK.to_owned(), Some(VERIFIER.to_owned())))
        );
        let rows: [(&[(&str, &str)], ErrorCode); 4] = [
            (&[("code_verifier", "short")], ErrorCode::InvalidRequest),
            (&[("code", "c")], ErrorCode::InvalidRequest),
            (&[("grant_type", "authorization_code")], ErrorCode::InvalidRequest),
            (&[("resource", "https://a")], ErrorCode::InvalidTarget),
        ];
        for (more, expected) in rows {
            assert_eq!(read(more), Err(expected), "{more:?}");
        }
        let fault = |raw: &[(&str, &str)]| {
            let form = form(raw);
            let error = read_redemption(&form, &client).err().unwrap();
            (
                error.error.code,
                error.error.description.unwrap_or_default().into_owned(),
            )
        };
        let (code, description) = fault(&[("code", "c")]);
        assert_eq!(
            (code, description.contains("grant_type")),
            (ErrorCode::InvalidRequest, true)
        );
        assert_eq!(
            fault(&[("grant_type", "password")]).0,
            ErrorCode::UnsupportedGrantType
        );
    }

    #[test]
    fn a_body_is_a_form_or_absent() {
        let read = |body| read_form(body, &["code"]).map(|form| form.owned("code")).ok();
        assert_eq!(read(Body::Absent), Some(None));
        assert_eq!(
            read(Body::Form(pairs(&[("code", "c")]))),
            Some(Some("c".to_owned()))
        );
        assert_eq!(read(Body::Unreadable), None);
    }
}

//! *Read*: raw parameters and the client's registration become an [`AuthorizationRequest`], or a rejection that knows
//! to whom it is reported (spec/oidc.md §4.1–4.3). Pure.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::authorization_checks as checks;
use super::claims_request::{ClaimsRequest, SignInClaim};
use super::client::Client;
use super::error::{ErrorCode, ProtocolError};
use super::parameters::Parameters;
use super::request_object::Provenance;
use super::signer::{Signer, SigningAlgorithm};
use super::subject::SubjectType;
use crate::domain::{Acr, ScopeSet, Siret};

/// The parameters that this endpoint knows; all others are ignored.
pub const AUTHORIZATION_PARAMETERS: &[&str] = &[
    "client_id",
    "response_type",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "response_mode",
    "prompt",
    "max_age",
    "login_hint",
    "siret_hint",
    "sp_name",
    "acr_values",
    "claims",
    "id_token_hint",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "request_uri",
    "request",
    "registration",
    "resource",
    "display",
    "ui_locales",
    "claims_locales",
];

/// How the answer travels to the relying party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    #[default]
    Query,
    Fragment,
    FormPost,
}

impl ResponseMode {
    /// The mode named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "query" => Some(Self::Query),
            "fragment" => Some(Self::Fragment),
            "form_post" => Some(Self::FormPost),
            _ => None,
        }
    }

    /// The mode named `text` of a signed response (JARM §2.3); `jwt` alone is the usual mode for codes.
    #[must_use]
    pub fn parse_signed(text: &str) -> Option<Self> {
        match text {
            "jwt" => Some(Self::default()),
            _ => Self::parse(text.strip_suffix(".jwt")?),
        }
    }
}

/// A value of `prompt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// No page may be shown. Always alone.
    None,
    Login,
    Consent,
    SelectOrganization,
    UpdateUserinfo,
}

impl Prompt {
    /// Every value, in the order of the discovery document.
    pub const ALL: [Self; 5] = [
        Self::None,
        Self::Login,
        Self::Consent,
        Self::SelectOrganization,
        Self::UpdateUserinfo,
    ];

    /// The value as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectOrganization => "select_organization",
            Self::UpdateUserinfo => "update_userinfo",
        }
    }
}

/// Where the answer to a request goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseTarget {
    /// A registered URI, normalised.
    pub redirect_uri: String,
    #[serde(default)]
    pub mode: ResponseMode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The response is a JWT signed with this, for the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedResponse>,
}

/// How a response is signed (JARM).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedResponse {
    pub algorithm: SigningAlgorithm,
    /// The client's identifier.
    pub audience: String,
}

/// A sound request of a known client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    pub client_id: String,
    pub target: ResponseTarget,
    /// The redirection URI as sent (or the single registered one): the token endpoint wants the same text.
    pub sent_redirect_uri: String,
    /// The known scopes asked for. Empty when only unknown ones were.
    pub scope: ScopeSet,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompt: Vec<Prompt>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// As sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub siret_hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sp_name: Option<String>,
    /// `acr_values` is exactly `eidas1` and no supported level is insisted on: the answer says `eidas1`, whatever the
    /// real level, as relying parties of the first years expect.
    #[serde(default)]
    pub legacy_eidas1: bool,
    pub claims: ClaimsRequest,
    /// The subject of a valid `id_token_hint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hinted_subject: Option<String>,
    /// An S256 challenge (RFC 7636).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// The thumbprint of the key that must redeem the code (RFC 9449 §10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpop_jkt: Option<String>,
    /// Under which names the client knows people. It holds a secret, so it is not stored: whoever reads a stored request takes it
    /// from the client ([`Self::of_client`]).
    #[serde(skip)]
    pub subject_type: SubjectType,
    /// The key of the pushed request that this was: its code uses it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_request: Option<String>,
    /// When this request reached us: a sign-in "in this request" is not older.
    pub began_at: DateTime<Utc>,
}

/// The hint at an organization, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SiretHint {
    Absent,
    Valid(Siret),
    /// Not 14 digits; as sent.
    Invalid(String),
}

impl AuthorizationRequest {
    /// Whether the relying party asked for `prompt`.
    #[must_use]
    pub fn asks_for(&self, prompt: Prompt) -> bool {
        self.prompt.contains(&prompt)
    }

    /// This request, which was stored, as one of `client` again.
    #[must_use]
    pub fn of_client(self, client: &Client) -> Self {
        Self {
            subject_type: client.settings.subject_type.clone(),
            ..self
        }
    }

    /// This request, which was pushed and is kept under the key `pushed_request`, or was not.
    #[must_use]
    pub fn pushed_as(self, pushed_request: Option<String>) -> Self {
        Self {
            pushed_request,
            ..self
        }
    }

    /// Whether the relying party names the person that it wants.
    #[must_use]
    pub fn names_somebody(&self) -> bool {
        self.hinted_subject.is_some() || self.claims.subject.is_some()
    }

    /// `siret_hint`, without its blanks.
    #[must_use]
    pub fn siret_hint(&self) -> SiretHint {
        let Some(sent) = &self.siret_hint else {
            return SiretHint::Absent;
        };
        sent.parse()
            .map_or_else(|_| SiretHint::Invalid(sent.clone()), SiretHint::Valid)
    }
}

/// A request that is not sound, and who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    pub error: ProtocolError,
    /// Where to send the error, or `None` for our own error page: nothing that came can be trusted to be the client's.
    pub target: Option<Box<ResponseTarget>>,
}

impl Rejection {
    /// A rejection that only the person sees.
    #[must_use]
    pub const fn on_page(error: ProtocolError) -> Self {
        Self { error, target: None }
    }
}

/// The client of a request, as the registry answered.
#[derive(Debug, Clone, Copy)]
pub enum ClientLookup<'a> {
    Unknown,
    /// Its row breaks a rule.
    Broken(&'a ProtocolError),
    Known(&'a Client),
}

/// What reading needs to know besides the request.
pub struct ReadContext<'a> {
    pub issuer: &'a str,
    pub signer: &'a dyn Signer,
    /// Claims outside of the client's scopes are dropped (Q34).
    pub limit_claims_to_client_scopes: bool,
    /// How the parameters reached us.
    pub provenance: Provenance,
    pub now: DateTime<Utc>,
}

/// Reads a request.
///
/// # Errors
/// A [`Rejection`] with the first failing check of spec/oidc.md §4.2. A redirection URI that is not registered wins
/// over every other error, so that nobody is sent to a place the client does not own.
pub fn read_authorization_request(
    parameters: &Parameters,
    client: ClientLookup<'_>,
    context: &ReadContext<'_>,
) -> Result<AuthorizationRequest, Rejection> {
    check(parameters, client, context).map_err(|error| reject(error, parameters, client))
}

fn check(
    parameters: &Parameters,
    client: ClientLookup<'_>,
    context: &ReadContext<'_>,
) -> Result<AuthorizationRequest, ProtocolError> {
    checks::no_duplicates(parameters)?;
    checks::no_request_object(parameters)?;
    let client = checks::known_client(parameters, client)?;
    checks::no_request_uri(parameters)?;
    checks::provenance(client, context.provenance)?;
    checks::nothing_too_long(parameters)?;
    let (mode, signed) = checks::response_mode(parameters, client)?;
    checks::response_type_is_present(parameters)?;
    checks::no_registration(parameters)?;
    checks::response_type_is_code(parameters)?;
    let sent_redirect_uri = checks::redirect_uri_is_present(parameters, client)?;
    let prompt = checks::prompt(parameters)?;
    let scope = checks::scope(parameters, client)?;
    checks::openid_only_parameters(parameters, &scope)?;
    let redirect_uri = checks::redirect_uri_is_registered(client, sent_redirect_uri)?;
    let code_challenge = checks::code_challenge(parameters, client)?;
    let dpop_jkt = checks::dpop_jkt(parameters)?;
    let mut claims = ClaimsRequest::read(parameters.get("claims"), parameters.get("acr_values"))?;
    checks::no_resource(parameters)?;
    let max_age = checks::max_age(parameters)?;
    let hinted_subject = checks::id_token_hint(parameters, client, context)?;

    if context.limit_claims_to_client_scopes || client.settings.limits_claims_to_scopes {
        claims.limit_to(&client.allowed_scopes);
    }
    if max_age.is_some() || prompt.contains(&Prompt::Login) {
        claims.tell(SignInClaim::AuthTime);
    }
    let insists_on_a_level = claims
        .essential_acr
        .as_ref()
        .is_some_and(|request| request.names_any(&Acr::ALL));
    let legacy_eidas1 = parameters.get("acr_values") == Some(Acr::Eidas1.as_str()) && !insists_on_a_level;
    Ok(AuthorizationRequest {
        client_id: client.client_id.clone(),
        target: ResponseTarget {
            redirect_uri,
            mode,
            state: parameters.owned("state"),
            signed,
        },
        sent_redirect_uri: sent_redirect_uri.to_owned(),
        scope,
        nonce: parameters.owned("nonce"),
        prompt: checks::with_login_for_zero_max_age(prompt, max_age),
        max_age,
        login_hint: parameters.owned("login_hint"),
        siret_hint: parameters.owned("siret_hint"),
        sp_name: parameters.owned("sp_name"),
        legacy_eidas1,
        claims,
        hinted_subject,
        code_challenge,
        dpop_jkt,
        subject_type: client.settings.subject_type.clone(),
        pushed_request: None,
        began_at: context.now,
    })
}

/// Whom `error` is reported to.
pub(super) fn reject(error: ProtocolError, parameters: &Parameters, client: ClientLookup<'_>) -> Rejection {
    let ClientLookup::Known(client) = client else {
        return Rejection::on_page(error);
    };
    let Ok(sent) = checks::redirect_uri_is_present(parameters, client) else {
        return Rejection::on_page(error);
    };
    let redirect_uri = match checks::redirect_uri_is_registered(client, sent) {
        Ok(redirect_uri) => redirect_uri,
        Err(unregistered) => return Rejection::on_page(unregistered),
    };
    if error.code == ErrorCode::InvalidRedirectUri {
        return Rejection::on_page(error);
    }
    let (mode, signed) = checks::error_mode(parameters, client);
    let target = ResponseTarget {
        redirect_uri,
        mode,
        state: parameters.owned("state"),
        signed,
    };
    Rejection {
        error,
        target: Some(Box::new(target)),
    }
}

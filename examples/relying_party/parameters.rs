//! What is asked for at the authorization endpoint, as a JSON object that the page shows and lets anyone edit.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Authorization parameters by name. A value may be text, a number, a list (sent with spaces between its items) or an
/// object (sent as JSON text, like `claims`). What is null or empty is not sent.
pub type Parameters = Map<String, Value>;

/// Essential acr of the « two factors » button.
const TWO_FACTOR_ACRS: [&str; 4] = ["eidas0-mfa", "eidas1-mfa", "eidas2", "eidas3"];

/// Essential acr of the « certification dirigeant » button.
const EXECUTIVE_CERTIFICATION_ACR: &str = "https://proconnect.gouv.fr/assurance/certification-dirigeant";

/// Parameters that belong to the protocol run itself. The relying party sets them and checks the answer against them.
const RESERVED: [&str; 7] = [
    "client_id",
    "code_challenge",
    "code_challenge_method",
    "nonce",
    "redirect_uri",
    "response_type",
    "state",
];

/// Where the default parameters come from: the command line. Empty values are not sent.
pub struct Defaults<'a> {
    pub scopes: &'a str,
    pub login_hint: &'a str,
    pub acr_values: &'a str,
    pub siret_hint: &'a str,
    pub sp_name: &'a str,
}

/// The parameters of an ordinary sign-in; it always asks how the person authenticated.
pub fn defaults(defaults: &Defaults<'_>) -> Parameters {
    let mut parameters = Parameters::new();
    parameters.insert("scope".into(), json!(defaults.scopes));
    for (name, value) in [
        ("login_hint", defaults.login_hint),
        ("acr_values", defaults.acr_values),
        ("siret_hint", defaults.siret_hint),
        ("sp_name", defaults.sp_name),
    ] {
        if !value.is_empty() {
            parameters.insert(name.into(), json!(value));
        }
    }
    parameters.insert("claims".into(), json!({"id_token": {"amr": {"essential": true}}}));
    parameters
}

/// The ready-made variations of the default parameters that the page has a button for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variation {
    Ordinary,
    SelectOrganization,
    UpdateUserinfo,
    Reauthentication,
    TwoFactors,
    ExecutiveCertification,
}

impl Variation {
    /// The default parameters, changed for this variation.
    pub fn of(self, defaults: &Parameters) -> Parameters {
        let mut parameters = defaults.clone();
        let (name, value) = match self {
            Self::Ordinary => return parameters,
            Self::SelectOrganization => ("prompt", json!("select_organization")),
            Self::UpdateUserinfo => ("prompt", json!("update_userinfo")),
            Self::Reauthentication => ("prompt", json!("login")),
            Self::TwoFactors => (
                "claims",
                json!({"id_token": {"amr": {"essential": true}, "acr": {"essential": true, "values": TWO_FACTOR_ACRS}}}),
            ),
            Self::ExecutiveCertification => (
                "claims",
                json!({"id_token": {"amr": {"essential": true}, "acr": {"essential": true, "value": EXECUTIVE_CERTIFICATION_ACR}}}),
            ),
        };
        parameters.insert(name.into(), value);
        parameters
    }
}

/// The form with one field a parameter. An empty field is not sent.
#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
pub struct ParametersForm {
    pub scope: String,
    pub prompt: String,
    pub acr_values: String,
    /// Acr asked for as essential in `claims`, separated by spaces or commas.
    pub essential_acr: String,
    pub max_age: String,
    pub login_hint: String,
    pub siret_hint: String,
    pub sp_name: String,
    /// JSON of the `claims` parameter.
    pub claims: String,
}

impl ParametersForm {
    /// The parameters that the form asks for.
    ///
    /// # Errors
    /// [`Failure::InvalidParameters`] when `claims` is not a JSON object, or has no room for the essential acr.
    pub fn into_parameters(self) -> Result<Parameters, Failure> {
        let mut parameters = Parameters::new();
        let claims = claims_with_essential_acr(&self.claims, &self.essential_acr)?;
        for (name, value) in [
            ("scope", self.scope),
            ("prompt", self.prompt),
            ("acr_values", self.acr_values),
            ("max_age", self.max_age),
            ("login_hint", self.login_hint),
            ("siret_hint", self.siret_hint),
            ("sp_name", self.sp_name),
        ] {
            parameters.insert(name.into(), Value::String(value.trim().to_owned()));
        }
        parameters.insert("claims".into(), claims);
        Ok(parameters)
    }
}

fn claims_with_essential_acr(claims: &str, essential_acr: &str) -> Result<Value, Failure> {
    let mut claims = if claims.trim().is_empty() {
        json!({})
    } else {
        Value::Object(parse_object("claims", claims)?)
    };
    let acrs: Vec<&str> = essential_acr
        .split([' ', ',', '\t', '\r', '\n'])
        .filter(|acr| !acr.is_empty())
        .collect();
    if !acrs.is_empty() {
        let id_token = claims
            .as_object_mut()
            .map(|claims| claims.entry("id_token").or_insert(json!({})));
        let Some(Value::Object(id_token)) = id_token else {
            return Err(Failure::InvalidParameters(
                "claims.id_token must be an object".into(),
            ));
        };
        id_token.insert("acr".into(), json!({"essential": true, "values": acrs}));
    }
    Ok(claims)
}

/// Reads the JSON object of a text field.
///
/// # Errors
/// [`Failure::InvalidParameters`] when the text is not JSON or not an object.
pub fn parse_object(field: &str, text: &str) -> Result<Map<String, Value>, Failure> {
    match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Failure::InvalidParameters(format!(
            "{field} is not a JSON object"
        ))),
        Err(error) => Err(Failure::InvalidParameters(format!(
            "{field} is not JSON: {error}"
        ))),
    }
}

/// Names and values as they are sent, without what is empty.
///
/// # Errors
/// [`Failure::InvalidParameters`] when a parameter is one of those that the relying party sets itself.
pub fn to_query(parameters: &Parameters) -> Result<Vec<(String, String)>, Failure> {
    let mut query = Vec::with_capacity(parameters.len());
    for (name, value) in parameters {
        let value = match value {
            Value::Null | Value::Bool(false) => continue,
            Value::String(text) => text.clone(),
            Value::Array(items) => items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join(" "),
            Value::Object(object) if object.is_empty() => continue,
            other => other.to_string(),
        };
        if value.is_empty() {
            continue;
        }
        if RESERVED.contains(&name.as_str()) {
            return Err(Failure::InvalidParameters(format!(
                "{name} is set by the relying party itself"
            )));
        }
        query.push((name.clone(), value));
    }
    Ok(query)
}

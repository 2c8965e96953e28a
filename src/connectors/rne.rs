//! The national register of companies (RNE, INPI): who may act for a company (spec/connectors-and-operations.md §2.5).

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line, LineSettings};
use super::tokens::{TokenGrant, TokenKeeper, token_by};
use crate::config::ReloadableSecret;

/// SIREN → answer of the register, for companies that are played.
pub const COMPANIES: &str = include_str!("../../fixtures/api/rne-companies.json");
/// The register does not tell how long a token lives: it is replaced after this, or when it is refused.
const TOKEN_LIFE: TimeDelta = TimeDelta::minutes(30);
/// Large companies have long histories.
const ANSWER_LIMIT_IN_BYTES: usize = 16 * 1024 * 1024;

/// Where the register is, and how to be let in.
#[derive(Clone)]
pub struct RneSettings {
    /// `RNE_API_URL`: `/api/…` follows.
    pub base_url: Url,
    /// `RNE_API_USERNAME`
    pub username: String,
    /// `RNE_API_PASSWORD`
    pub password: ReloadableSecret,
    /// `RNE_API_HTTP_CLIENT_TIMEOUT`, of a login as of a look-up; what the client grants to other systems bounds both together.
    pub timeout: Duration,
    /// `FEATURE_PARTIALLY_MOCK_EXTERNAL_API`: records of the mock are answered without a call.
    pub plays: bool,
}

/// The line to the register. Cheap to clone.
#[derive(Clone)]
pub struct Rne(Arc<State>);

struct State {
    line: Line,
    settings: RneSettings,
    tokens: Arc<dyn TokenKeeper>,
    /// For an answer, with the logins on the way to it.
    patience: Duration,
}

/// The login of the register.
pub struct RneLogin {
    line: Line,
    settings: RneSettings,
}

/// A person who may act for a company, as the register describes them (`descriptionPersonne`).
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DescriptionPersonne {
    pub nom: Option<String>,
    pub prenoms: Option<Vec<String>>,
    /// `1` male, `2` female.
    pub genre: Option<String>,
    /// `YYYY-MM-DD`
    pub date_de_naissance: Option<String>,
    pub code_insee_geographique: Option<String>,
    pub code_postal_naissance: Option<String>,
    /// ISO 3166-1
    pub code_pays_naissance: Option<String>,
}

#[derive(Deserialize)]
struct Login {
    token: String,
}

/// The path to what is looked for. Companies without it name nobody.
#[derive(Deserialize)]
struct Company {
    formality: Formality,
}

#[derive(Deserialize)]
struct Formality {
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Content {
    personne_morale: Option<PersonneMorale>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PersonneMorale {
    composition: Option<Composition>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Composition {
    pouvoirs: Vec<Pouvoir>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pouvoir {
    type_de_personne: Option<String>,
    actif: Option<bool>,
    individu: Option<Individu>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Individu {
    #[serde(default)]
    description_personne: DescriptionPersonne,
}

impl RneLogin {
    #[must_use]
    pub fn new(http: &HttpClient, settings: RneSettings) -> Self {
        Self {
            line: http.line_with("rne_login", granted(http, &settings)),
            settings,
        }
    }

    /// Logs in.
    ///
    /// # Errors
    /// When the register lets nobody in, or gives no usable answer.
    pub async fn log_in(&self) -> Result<TokenGrant, CallError> {
        let settings = &self.settings;
        let credentials = json!({
            "username": settings.username,
            "password": settings.password.current().expose_secret(),
        });
        let url = url(settings, &["api", "sso", "login"]);
        let request = Request::post_json(url, &credentials)?.accept("application/json");
        let login = self.line.call(request, Answer::json::<Login>).await?;
        Ok(TokenGrant {
            token: SecretString::from(login.token),
            life: TOKEN_LIFE,
        })
    }
}

fn granted(http: &HttpClient, settings: &RneSettings) -> LineSettings {
    let usual = http.usual();
    LineSettings {
        deadline: usual.deadline.min(settings.timeout),
        answer_limit: ANSWER_LIMIT_IN_BYTES,
    }
}

fn url(settings: &RneSettings, path: &[&str]) -> Url {
    let mut url = settings.base_url.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

impl Rne {
    /// The line to the register that `settings` describe, let in by what `tokens` keeps.
    #[must_use]
    pub fn new(http: &HttpClient, settings: RneSettings, tokens: Arc<dyn TokenKeeper>) -> Self {
        Self(Arc::new(State {
            line: http.line_with("rne", granted(http, &settings)),
            settings,
            tokens,
            patience: http.usual().deadline,
        }))
    }

    /// The natural persons who may act for the company `siren` today.
    ///
    /// # Errors
    /// When there is no usable answer, also when the register does not know the company: nothing is known then.
    pub async fn executives(&self, siren: &str) -> Result<Vec<DescriptionPersonne>, CallError> {
        if let Some(record) = self.0.settings.plays.then(|| PLAYED.get(siren)).flatten() {
            return read(record.clone());
        }
        let until = Instant::now() + self.0.patience;
        let tokens = self.0.tokens.as_ref();
        let token = token_by(until, tokens, None).await?;
        match self.fetch(siren, &token, until).await {
            Err(CallError::Status(401 | 403)) => {
                // It ended early: another one, once.
                let token = token_by(until, tokens, Some(&token)).await?;
                self.fetch(siren, &token, until).await
            }
            outcome => outcome,
        }
    }

    async fn fetch(
        &self,
        siren: &str,
        token: &SecretString,
        until: Instant,
    ) -> Result<Vec<DescriptionPersonne>, CallError> {
        let request = Request::get(url(&self.0.settings, &["api", "companies", siren]))
            .accept("application/json")
            .bearer(token)?
            .by(until);
        self.0.line.call(request, |answer| read(answer.json()?)).await
    }
}

static PLAYED: LazyLock<HashMap<String, Value>> =
    LazyLock::new(|| serde_json::from_str(COMPANIES).unwrap_or_default());

fn read(document: Value) -> Result<Vec<DescriptionPersonne>, CallError> {
    let company: Company =
        serde_json::from_value(document).map_err(|_| CallError::Unreadable("not a company".to_owned()))?;
    let composition = company
        .formality
        .content
        .personne_morale
        .and_then(|company| company.composition)
        .unwrap_or_default();
    Ok(composition
        .pouvoirs
        .into_iter()
        .filter(|pouvoir| {
            pouvoir.type_de_personne.as_deref() == Some("INDIVIDU") && pouvoir.actif.unwrap_or(true)
        })
        .filter_map(|pouvoir| pouvoir.individu)
        .map(|individu| individu.description_personne)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn active_individuals_are_kept() {
        let pouvoir = |kind: &str, actif: Value, nom: &str| json!({"typeDePersonne": kind, "actif": actif, "individu": {"descriptionPersonne": {"nom": nom}}});
        let document = json!({"formality": {"content": {"personneMorale": {"composition": {"pouvoirs": [
            pouvoir("INDIVIDU", json!(true), "A"),
            pouvoir("INDIVIDU", Value::Null, "B"),
            pouvoir("INDIVIDU", json!(false), "C"),
            pouvoir("ENTREPRISE", json!(true), "D"),
            {"typeDePersonne": "INDIVIDU", "actif": true},
        ]}}}}});
        let names: Vec<Option<String>> = read(document)
            .unwrap()
            .into_iter()
            .map(|person| person.nom)
            .collect();
        assert_eq!(names, [Some("A".to_owned()), Some("B".to_owned())]);
        for nobody in [
            json!({"formality": {"content": {}}}),
            json!({"formality": {"content": {"personneMorale": {}}}}),
            json!({"formality": {"content": {"personneMorale": {"composition": {}}}}}),
        ] {
            assert_eq!(read(nobody).map(|executives| executives.len()), Ok(0));
        }
        assert!(read(json!({"error": "not found"})).is_err());
        assert_eq!(PLAYED.len(), 4);
        assert!(
            PLAYED
                .values()
                .all(|record| read(record.clone()).is_ok_and(|executives| !executives.is_empty()))
        );
    }
}

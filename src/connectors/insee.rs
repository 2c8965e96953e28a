//! INSEE's private Sirene API: who is behind a one-person business (spec/connectors-and-operations.md §2.4).

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line};
use super::played;
use super::retry::once_more;
use crate::domain::Siret;

/// A token is not used any more this long before it ends.
const MARGIN: TimeDelta = TimeDelta::seconds(30);
/// Life of a token whose issuer does not tell it.
const USUAL_LIFE_IN_SECONDS: i64 = 300;

/// Where the API is, and how to be let in.
#[derive(Debug, Clone)]
pub struct InseeSettings {
    /// `INSEE_API_URL`: `/siren/…` follows.
    pub base_url: Url,
    /// `INSEE_AUTH_URL`: the token endpoint.
    pub auth_url: Url,
    /// `INSEE_API_CLIENT_ID`
    pub client_id: String,
    /// `INSEE_API_CLIENT_SECRET`
    pub client_secret: SecretString,
    /// `INSEE_API_USERNAME`
    pub username: String,
    /// `INSEE_API_PASSWORD`
    pub password: SecretString,
    /// `FEATURE_PARTIALLY_MOCK_EXTERNAL_API`: records of the mock are answered without a call.
    pub plays: bool,
}

/// The lines to INSEE: data and tokens. Cheap to clone.
#[derive(Clone)]
pub struct Insee(Arc<State>);

struct State {
    http: HttpClient,
    data: Line,
    tokens: Line,
    settings: InseeSettings,
    /// Whoever renews it holds the lock: the others wait for that token.
    token: Mutex<Option<Token>>,
}

#[derive(Clone)]
struct Token {
    value: SecretString,
    ends_at: DateTime<Utc>,
}

/// A legal unit, as far as it tells who somebody is. Members are absent where the register does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UniteLegaleInsee {
    #[serde(rename = "prenom1UniteLegale")]
    pub prenom1: Option<String>,
    #[serde(rename = "prenom2UniteLegale")]
    pub prenom2: Option<String>,
    #[serde(rename = "prenom3UniteLegale")]
    pub prenom3: Option<String>,
    #[serde(rename = "prenom4UniteLegale")]
    pub prenom4: Option<String>,
    /// `M` or `F`.
    #[serde(rename = "sexeUniteLegale")]
    pub sexe: Option<String>,
    /// `YYYYMMDD`
    #[serde(rename = "dateNaissanceUniteLegale")]
    pub date_naissance: Option<String>,
    #[serde(rename = "codeCommuneNaissanceUniteLegale")]
    pub code_commune_naissance: Option<String>,
    #[serde(rename = "codePaysNaissanceUniteLegale")]
    pub code_pays_naissance: Option<String>,
    #[serde(rename = "periodesUniteLegale", default)]
    pub periodes: Vec<PeriodeUniteLegale>,
}

/// A time in the life of a legal unit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PeriodeUniteLegale {
    /// `None`: it goes on.
    #[serde(rename = "dateFin")]
    pub date_fin: Option<String>,
    #[serde(rename = "nomUniteLegale")]
    pub nom: Option<String>,
}

impl UniteLegaleInsee {
    /// The family name in the period that goes on; `None` when there is no such period or it names nobody.
    #[must_use]
    pub fn current_name(&self) -> Option<&str> {
        let current = self.periodes.iter().find(|period| period.date_fin.is_none())?;
        current.nom.as_deref().filter(|name| !name.is_empty())
    }

    /// The first names, in their order.
    #[must_use]
    pub fn first_names(&self) -> Vec<&str> {
        [&self.prenom1, &self.prenom2, &self.prenom3, &self.prenom4]
            .into_iter()
            .filter_map(|name| name.as_deref().filter(|name| !name.is_empty()))
            .collect()
    }
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "uniteLegale")]
    unite_legale: Option<UniteLegaleInsee>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: Option<i64>,
}

impl Insee {
    /// The lines to the API that `settings` describe.
    #[must_use]
    pub fn new(http: &HttpClient, settings: InseeSettings) -> Self {
        Self(Arc::new(State {
            http: http.clone(),
            data: http.line("insee_sirene"),
            tokens: http.line("insee_token"),
            settings,
            token: Mutex::default(),
        }))
    }

    /// The legal unit with the number `siren`; `None` when there is none.
    ///
    /// # Errors
    /// When there is no usable answer: nothing is known then.
    pub async fn legal_unit(&self, siren: &str) -> Result<Option<UniteLegaleInsee>, CallError> {
        if let Some(record) = self.0.settings.plays.then(|| played::legal_unit(siren)).flatten() {
            return Ok(Envelope::deserialize(record)
                .ok()
                .and_then(|envelope| envelope.unite_legale));
        }
        self.fetch(&["siren", siren], read_legal_unit).await
    }

    /// Whether the API knows the establishment `siret`: for whoever wants to see that the API answers.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub async fn knows_establishment(&self, siret: &Siret) -> Result<bool, CallError> {
        self.fetch(&["siret", siret.as_str()], |answer| match answer.status {
            404 => Ok(false),
            _ => answer
                .json::<serde_json::Value>()
                .map(|document| !document["etablissement"].is_null()),
        })
        .await
    }

    /// A token that ended early is replaced once.
    async fn fetch<T: Send>(
        &self,
        path: &[&str],
        read: impl Fn(&Answer) -> Result<T, CallError> + Send + Sync,
    ) -> Result<T, CallError> {
        let token = self.token(None).await?;
        match self.fetch_with(&token, path, &read).await {
            Err(CallError::Status(401)) => {
                let token = self.token(Some(token)).await?;
                self.fetch_with(&token, path, &read).await
            }
            outcome => outcome,
        }
    }

    async fn fetch_with<T: Send>(
        &self,
        token: &Token,
        path: &[&str],
        read: &(impl Fn(&Answer) -> Result<T, CallError> + Send + Sync),
    ) -> Result<T, CallError> {
        let mut url = self.0.settings.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        once_more(async || {
            let request = Request::get(url.clone())
                .accept("application/json")
                .bearer(&token.value)?;
            self.0.data.call(request, read).await
        })
        .await
    }

    /// The current token, unless it is `refused`; a new one otherwise.
    async fn token(&self, refused: Option<Token>) -> Result<Token, CallError> {
        let mut current = self.0.token.lock().await;
        let now = self.0.http.clock().now();
        let is_good = |token: &&Token| {
            let was_refused = refused
                .as_ref()
                .is_some_and(|refused| refused.value.expose_secret() == token.value.expose_secret());
            now < token.ends_at && !was_refused
        };
        if let Some(token) = current.as_ref().filter(is_good) {
            return Ok(token.clone());
        }
        let settings = &self.0.settings;
        let fields = [
            ("client_id", settings.client_id.as_str()),
            ("client_secret", settings.client_secret.expose_secret()),
            ("grant_type", "password"),
            ("username", settings.username.as_str()),
            ("password", settings.password.expose_secret()),
        ];
        let request = Request::post_form(settings.auth_url.clone(), &fields).accept("application/json");
        let answer: TokenAnswer = self.0.tokens.call(request, Answer::json).await?;
        let life = TimeDelta::seconds(
            answer
                .expires_in
                .unwrap_or(USUAL_LIFE_IN_SECONDS)
                .clamp(0, 86_400),
        );
        let token = Token {
            value: SecretString::from(answer.access_token),
            ends_at: now + life - MARGIN,
        };
        *current = Some(token.clone());
        Ok(token)
    }
}

fn read_legal_unit(answer: &Answer) -> Result<Option<UniteLegaleInsee>, CallError> {
    if answer.status == 404 {
        return Ok(None);
    }
    Ok(answer.json::<Envelope>()?.unite_legale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_that_of_the_period_that_goes_on() {
        let record = played::legal_unit("828696252").unwrap();
        let unit = Envelope::deserialize(record).unwrap().unite_legale.unwrap();
        assert_eq!(
            (unit.current_name(), unit.first_names()),
            (Some("DUTEIL"), vec!["DOUGLAS"])
        );
        assert_eq!(unit.periodes.len(), 3);
    }
}

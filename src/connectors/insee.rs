//! INSEE's private Sirene API: who is behind a one-person business (spec/connectors-and-operations.md §2.4).

use std::sync::Arc;
use std::time::Instant;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line};
use super::played;
use super::retry::once_more;
use super::tokens::{TokenGrant, TokenKeeper, token_by};
use crate::config::ReloadableSecret;
use crate::domain::Siret;

/// Life of a token whose issuer does not tell it.
const USUAL_LIFE_IN_SECONDS: i64 = 300;
/// What is said beyond this is not believed.
const LONGEST_LIFE_IN_SECONDS: i64 = 86_400;

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
    pub client_secret: ReloadableSecret,
    /// `INSEE_API_USERNAME`
    pub username: String,
    /// `INSEE_API_PASSWORD`
    pub password: ReloadableSecret,
    /// `FEATURE_PARTIALLY_MOCK_EXTERNAL_API`: records of the mock are answered without a call.
    pub plays: bool,
}

/// The line to INSEE's data. Cheap to clone.
#[derive(Clone)]
pub struct Insee(Arc<State>);

struct State {
    data: Line,
    settings: InseeSettings,
    tokens: Arc<dyn TokenKeeper>,
}

/// The login of INSEE.
pub struct InseeLogin {
    line: Line,
    settings: InseeSettings,
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

impl InseeLogin {
    #[must_use]
    pub fn new(http: &HttpClient, settings: InseeSettings) -> Self {
        Self {
            line: http.line("insee_token"),
            settings,
        }
    }

    /// Asks for a token (OAuth 2.0, password grant).
    ///
    /// # Errors
    /// When INSEE lets nobody in, or gives no usable answer.
    pub async fn log_in(&self) -> Result<TokenGrant, CallError> {
        let settings = &self.settings;
        let (client_secret, password) = (settings.client_secret.current(), settings.password.current());
        let fields = [
            ("client_id", settings.client_id.as_str()),
            ("client_secret", client_secret.expose_secret()),
            ("grant_type", "password"),
            ("username", settings.username.as_str()),
            ("password", password.expose_secret()),
        ];
        let request = Request::post_form(settings.auth_url.clone(), &fields).accept("application/json");
        let answer: TokenAnswer = self.line.call(request, Answer::json).await?;
        let seconds = answer.expires_in.unwrap_or(USUAL_LIFE_IN_SECONDS);
        Ok(TokenGrant {
            token: SecretString::from(answer.access_token),
            life: TimeDelta::seconds(seconds.clamp(0, LONGEST_LIFE_IN_SECONDS)),
        })
    }
}

impl Insee {
    /// The line to the API that `settings` describe, let in by what `tokens` keeps.
    #[must_use]
    pub fn new(http: &HttpClient, settings: InseeSettings, tokens: Arc<dyn TokenKeeper>) -> Self {
        Self(Arc::new(State {
            data: http.line("insee_sirene"),
            settings,
            tokens,
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

    /// A token that ended early is replaced once. Logins and tries share the time of one call.
    async fn fetch<T: Send>(
        &self,
        path: &[&str],
        read: impl Fn(&Answer) -> Result<T, CallError> + Send + Sync,
    ) -> Result<T, CallError> {
        let until = self.0.data.until();
        let tokens = self.0.tokens.as_ref();
        let token = token_by(until, tokens, None).await?;
        match self.fetch_with(&token, path, &read, until).await {
            Err(CallError::Status(401)) => {
                let token = token_by(until, tokens, Some(&token)).await?;
                self.fetch_with(&token, path, &read, until).await
            }
            outcome => outcome,
        }
    }

    async fn fetch_with<T: Send>(
        &self,
        token: &SecretString,
        path: &[&str],
        read: &(impl Fn(&Answer) -> Result<T, CallError> + Send + Sync),
        until: Instant,
    ) -> Result<T, CallError> {
        let mut url = self.0.settings.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        once_more(until, async || {
            let request = Request::get(url.clone())
                .accept("application/json")
                .bearer(token)?
                .by(until);
            self.0.data.call(request, read).await
        })
        .await
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

//! The registers of the commercial courts, through API Entreprise: who acts for a company (spec/connectors-and-operations.md §2.3).

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line};
use crate::config::ReloadableSecret;

/// SIREN → answer of the API, for companies that are played.
pub const MANDATAIRES: &str = include_str!("../../fixtures/api/infogreffe-mandataires.json");
/// What the API calls natural persons.
const NATURAL_PERSON: &str = "personne_physique";

/// Where the API is, and how to be let in.
#[derive(Clone)]
pub struct InfogreffeSettings {
    /// `ENTREPRISE_API_URL`: `/v3/…` follows.
    pub base_url: Url,
    /// `ENTREPRISE_API_TOKEN`
    pub token: ReloadableSecret,
    /// `ENTREPRISE_API_TRACKING_CONTEXT`
    pub context: String,
    /// `ENTREPRISE_API_TRACKING_RECIPIENT`
    pub recipient: String,
    /// `FEATURE_PARTIALLY_MOCK_EXTERNAL_API`: records of the mock are answered without a call.
    pub plays: bool,
}

/// The line to the registers. Cheap to clone.
#[derive(Clone)]
pub struct Infogreffe {
    line: Line,
    settings: std::sync::Arc<InfogreffeSettings>,
}

/// Somebody who acts for a company (`mandataire social`).
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Mandataire {
    /// `personne_physique` or `personne_morale`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub nom: Option<String>,
    pub prenom: Option<String>,
    /// `YYYY-MM-DD`
    pub date_naissance: Option<String>,
    /// In seconds, midnight in Paris; the played ones are in milliseconds.
    pub date_naissance_timestamp: Option<i64>,
    /// ISO 3166-1
    pub code_pays_naissance: Option<String>,
}

impl Mandataire {
    /// Whether this is somebody, and not another company.
    #[must_use]
    pub fn is_natural_person(&self) -> bool {
        self.kind.as_deref() == Some(NATURAL_PERSON)
    }
}

#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    data: Option<Mandataire>,
}

impl Infogreffe {
    #[must_use]
    pub fn new(http: &HttpClient, settings: InfogreffeSettings) -> Self {
        Self {
            line: http.line("infogreffe"),
            settings: settings.into(),
        }
    }

    /// The natural persons whom the registers name for the company `siren`, whatever their function (spec/organizations.md §5.4).
    ///
    /// # Errors
    /// When there is no usable answer, also when the registers do not know the company: nothing is known then.
    pub async fn executives(&self, siren: &str) -> Result<Vec<Mandataire>, CallError> {
        let settings = &self.settings;
        if let Some(record) = settings.plays.then(|| PLAYED.get(siren)).flatten() {
            return read(record.clone());
        }
        let mut url = settings.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            let path = [
                "v3",
                "infogreffe",
                "rcs",
                "unites_legales",
                siren,
                "mandataires_sociaux",
            ];
            segments.pop_if_empty().extend(path);
        }
        url.query_pairs_mut()
            .append_pair("context", &settings.context)
            .append_pair("object", "findMandatairesSociauxBySiren")
            .append_pair("recipient", &settings.recipient);
        let request = Request::get(url)
            .accept("application/json")
            .bearer(&settings.token.current())?;
        self.line
            .call(request, |answer: &Answer| read(answer.json()?))
            .await
    }
}

static PLAYED: LazyLock<HashMap<String, Value>> =
    LazyLock::new(|| serde_json::from_str(MANDATAIRES).unwrap_or_default());

fn read(document: Value) -> Result<Vec<Mandataire>, CallError> {
    let list: List = serde_json::from_value(document)
        .map_err(|_| CallError::Unreadable("not a list of mandataires".to_owned()))?;
    Ok(list
        .data
        .into_iter()
        .filter_map(|entry| entry.data)
        .filter(Mandataire::is_natural_person)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_persons_are_kept() {
        let executives = |siren: &str| read(PLAYED[siren].clone()).map(|executives| executives.len());
        for (siren, expected) in [
            ("392346003", 1),
            ("453340176", 0),
            ("500569405", 3),
            ("510252778", 1),
            ("521690917", 1),
            ("552032534", 1),
            ("792713778", 1),
        ] {
            assert_eq!(executives(siren), Ok(expected), "{siren}");
        }
        assert!(read(serde_json::json!({"errors": []})).is_err());
    }
}

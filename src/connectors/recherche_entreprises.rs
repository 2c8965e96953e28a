//! Recherche d'entreprises: establishments by name and town. Public: it shows nothing that somebody keeps back.
//!
//! `GET {base}/search?q=…`, one page. Source: the API's own documentation.

use serde::Deserialize;
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line};
use super::retry::once_more;
use crate::domain::Siret;

/// Legal units on a page, and establishments of each.
const LEGAL_UNITS: &str = "10";
const ESTABLISHMENTS_OF_EACH: &str = "5";
const OPEN: &str = "A";

/// The line to the search. Cheap to clone.
#[derive(Clone)]
pub struct RechercheEntreprises {
    line: Line,
    base_url: Url,
}

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchTerms<'a> {
    /// Words of a name, or a SIREN.
    pub text: &'a str,
    /// Five digits.
    pub code_postal: Option<&'a str>,
}

/// An open establishment that the search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundEstablishment {
    pub siret: Siret,
    /// Name of the legal unit, in the register's capitals.
    pub nom_complet: String,
    /// Shop sign.
    pub enseigne: Option<String>,
    /// On one line.
    pub adresse: String,
    pub est_siege: bool,
}

#[derive(Deserialize)]
struct Page {
    results: Vec<LegalUnit>,
}

#[derive(Deserialize)]
struct LegalUnit {
    nom_complet: Option<String>,
    siege: Option<Establishment>,
    #[serde(default)]
    matching_etablissements: Vec<Establishment>,
}

#[derive(Deserialize)]
struct Establishment {
    siret: Option<String>,
    adresse: Option<String>,
    est_siege: Option<bool>,
    etat_administratif: Option<String>,
    liste_enseignes: Option<Vec<String>>,
}

impl RechercheEntreprises {
    /// `base_url` (`RECHERCHE_ENTREPRISES_API_URL`) is followed by `/search`.
    #[must_use]
    pub fn new(http: &HttpClient, base_url: Url) -> Self {
        Self {
            line: http.line("recherche_entreprises"),
            base_url,
        }
    }

    /// Open establishments that match, best first, each once.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub async fn search(&self, terms: &SearchTerms<'_>) -> Result<Vec<FoundEstablishment>, CallError> {
        let mut url = self.base_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("search");
        }
        url.query_pairs_mut()
            .append_pair("q", terms.text)
            .append_pair("etat_administratif", OPEN)
            .append_pair("per_page", LEGAL_UNITS)
            .append_pair("limite_matching_etablissements", ESTABLISHMENTS_OF_EACH)
            .append_pair("minimal", "true")
            .append_pair("include", "siege,matching_etablissements");
        if let Some(code_postal) = terms.code_postal {
            url.query_pairs_mut().append_pair("code_postal", code_postal);
        }
        let until = self.line.until();
        let page: Page = once_more(until, || {
            let request = Request::get(url.clone()).accept("application/json").by(until);
            self.line.call(request, Answer::json)
        })
        .await?;
        Ok(establishments(page))
    }
}

fn establishments(page: Page) -> Vec<FoundEstablishment> {
    let mut found: Vec<FoundEstablishment> = Vec::new();
    for unit in page.results {
        let nom_complet = unit.nom_complet.unwrap_or_default();
        // The establishments that match come first; the head office stands for a unit of which none is listed.
        let head_office = unit.siege.filter(|_| unit.matching_etablissements.is_empty());
        let open = unit
            .matching_etablissements
            .into_iter()
            .chain(head_office)
            .filter(|establishment| establishment.etat_administratif.as_deref() == Some(OPEN));
        for establishment in open {
            let Some(siret) = establishment.siret.and_then(|siret| siret.parse().ok()) else {
                continue;
            };
            if found.iter().any(|known| known.siret == siret) {
                continue;
            }
            found.push(FoundEstablishment {
                siret,
                nom_complet: nom_complet.clone(),
                enseigne: establishment
                    .liste_enseignes
                    .and_then(|signs| signs.into_iter().next()),
                adresse: establishment.adresse.unwrap_or_default(),
                est_siege: establishment.est_siege.unwrap_or_default(),
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_establishments_are_listed_once() {
        let page = serde_json::json!({ "results": [
            { "nom_complet": "MAIRIE", "siege": { "siret": "21340126800130", "etat_administratif": "A", "est_siege": true },
              "matching_etablissements": [
                { "siret": "21340126800130", "adresse": "1 PLACE", "etat_administratif": "A", "est_siege": true },
                { "siret": "21340126800130", "etat_administratif": "A" },
                { "siret": "21340126800049", "etat_administratif": "F" },
                { "siret": "?", "etat_administratif": "A" } ] },
            { "nom_complet": "CLAMART", "matching_etablissements": [],
              "siege": { "siret": "45334017600024", "etat_administratif": "A", "liste_enseignes": ["CHEZ NOUS"] } },
            { "nom_complet": "VIDE" } ] });
        let found = establishments(serde_json::from_value(page).unwrap());
        let shown: Vec<(&str, Option<&str>)> = found
            .iter()
            .map(|found| (found.siret.as_str(), found.enseigne.as_deref()))
            .collect();
        assert_eq!(
            shown,
            [("21340126800130", None), ("45334017600024", Some("CHEZ NOUS"))]
        );
    }
}

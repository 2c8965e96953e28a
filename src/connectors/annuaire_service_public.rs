//! The directory of public services: how town halls are reached (spec/connectors-and-operations.md §2.6).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line};
use super::retry::once_more;

/// More town halls than any commune has.
const RECORDS: &str = "100";
/// What is encoded of a clause: all but the unreserved characters (RFC 3986 §2.3). A blank is `%20`, not the plus sign that stands for it
/// in forms.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The line to the directory. Cheap to clone.
#[derive(Clone)]
pub struct AnnuaireServicePublic {
    line: Line,
    base_url: Url,
}

#[derive(Deserialize)]
struct Document {
    results: Vec<Record>,
}

#[derive(Deserialize)]
struct Record {
    adresse_courriel: Option<String>,
}

impl AnnuaireServicePublic {
    /// `base_url` (`ANNUAIRE_SERVICE_PUBLIC_API_URL`) is followed by `/api/explore/…`.
    #[must_use]
    pub fn new(http: &HttpClient, base_url: Url) -> Self {
        Self {
            line: http.line("annuaire_service_public"),
            base_url,
        }
    }

    /// `adresse_courriel` of each town hall of the commune with the INSEE code `code_commune`, as the directory has it: several
    /// addresses may be separated by semicolons. Empty when there is none, or when that is no code of a commune.
    ///
    /// # Errors
    /// When there is no usable answer.
    pub async fn town_halls(&self, code_commune: &str) -> Result<Vec<Option<String>>, CallError> {
        // The code becomes part of a query language.
        if code_commune.is_empty() || !code_commune.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(Vec::new());
        }
        let url = records(&self.base_url, code_commune);
        let until = self.line.until();
        let document: Document = once_more(until, || {
            let request = Request::get(url.clone()).accept("application/json").by(until);
            self.line.call(request, Answer::json)
        })
        .await?;
        Ok(document
            .results
            .into_iter()
            .map(|record| record.adresse_courriel)
            .collect())
    }
}

/// Where the town halls of the commune `code_commune` are listed, in the directory at `base_url`.
fn records(base_url: &Url, code_commune: &str) -> Url {
    let mut url = base_url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        let dataset = [
            "api",
            "explore",
            "v2.1",
            "catalog",
            "datasets",
            "api-lannuaire-administration",
        ];
        path.pop_if_empty().extend(dataset).push("records");
    }
    let clause = format!("code_insee_commune LIKE \"{code_commune}\" and pivot LIKE \"mairie\"");
    let clause = utf8_percent_encode(&clause, RESERVED);
    url.set_query(Some(&format!("where={clause}&limit={RECORDS}")));
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_is_percent_encoded() {
        for base_url in ["https://annuaire.exemple.fr", "https://annuaire.exemple.fr/"] {
            let url = records(&base_url.parse().unwrap(), "2A004");
            assert_eq!(
                url.as_str(),
                "https://annuaire.exemple.fr/api/explore/v2.1/catalog/datasets/api-lannuaire-administration/records\
                 ?where=code_insee_commune%20LIKE%20%222A004%22%20and%20pivot%20LIKE%20%22mairie%22&limit=100"
            );
        }
    }
}

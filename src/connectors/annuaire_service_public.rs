//! The directory of public services: how town halls are reached (spec/connectors-and-operations.md §2.6).

use serde::Deserialize;
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line};
use super::retry::once_more;

/// More town halls than any commune has.
const RECORDS: &str = "100";

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
        let mut url = self.base_url.clone();
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
        url.query_pairs_mut()
            .append_pair("where", &clause)
            .append_pair("limit", RECORDS);
        let document: Document = once_more(|| {
            let request = Request::get(url.clone()).accept("application/json");
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

//! The directories of official contacts played: a few town halls and schools.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::web::{Query, ServiceConfig, get};
use serde::Deserialize;
use serde_json::{Value, json};

const TOWN_HALLS: &str =
    "/api-lannuaire.service-public.fr/api/explore/v2.1/catalog/datasets/api-lannuaire-administration/records";
const SCHOOLS: &str = "/data.education.gouv.fr/api/v2/catalog/datasets/fr-en-annuaire-education/records";

type Answers = LazyLock<HashMap<String, Value>>;

static TOWN_HALLS_BY_COMMUNE: Answers = LazyLock::new(|| {
    let document = include_str!("../../fixtures/api/annuaire-service-public-records.json");
    serde_json::from_str(document).unwrap_or_default()
});

static SCHOOLS_BY_SIRET: Answers = LazyLock::new(|| {
    let document = include_str!("../../fixtures/api/annuaire-education-nationale-records.json");
    serde_json::from_str(document).unwrap_or_default()
});

#[derive(Deserialize)]
struct Clause {
    #[serde(rename = "where")]
    condition: Option<String>,
}

pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .route(TOWN_HALLS, get().to(town_halls))
        .route(SCHOOLS, get().to(schools));
}

async fn town_halls(Query(clause): Query<Clause>) -> HttpResponse {
    let Some(condition) = clause.condition else {
        return HttpResponse::BadRequest()
            .json(json!({ "error_code": "ODSQLError", "message": "where is missing" }));
    };
    let code = condition
        .split_once("code_insee_commune LIKE \"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("", |(code, _)| code);
    let nothing = || json!({ "total_count": 0, "results": [] });
    HttpResponse::Ok().json(TOWN_HALLS_BY_COMMUNE.get(code).cloned().unwrap_or_else(nothing))
}

async fn schools(Query(clause): Query<Clause>) -> HttpResponse {
    let condition = clause.condition.unwrap_or_default();
    let siret = condition.strip_prefix("siren_siret=").unwrap_or_default();
    let nothing = || json!({ "total_count": 0, "records": [] });
    HttpResponse::Ok().json(SCHOOLS_BY_SIRET.get(siret).cloned().unwrap_or_else(nothing))
}

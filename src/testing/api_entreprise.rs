//! API Entreprise played: the establishments of `fixtures/api`.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::web::{Path, ServiceConfig, get};
use serde_json::{Value, json};

use crate::connectors::played::ESTABLISHMENTS;

const BASE: &str = "/entreprise.api.gouv.fr";

/// SIRET → answer.
pub(super) static ANSWERS: LazyLock<HashMap<String, Value>> =
    LazyLock::new(|| serde_json::from_str(ESTABLISHMENTS).unwrap_or_default());

pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .route(&format!("{BASE}/healthz"), get().to(super::healthz))
        .route(
            &format!("{BASE}/v3/insee/sirene/etablissements/{{siret}}"),
            get().to(establishment),
        )
        .route(
            &format!("{BASE}/v3/insee/sirene/unites_legales/{{siren}}/siege_social"),
            get().to(head_office),
        );
}

async fn establishment(siret: Path<String>) -> HttpResponse {
    match ANSWERS.get(siret.as_str()) {
        Some(answer) => HttpResponse::Ok().json(answer),
        None if siret.len() == 14 && siret.bytes().all(|byte| byte.is_ascii_digit()) => unknown(),
        None => unprocessable(),
    }
}

async fn head_office(siren: Path<String>) -> HttpResponse {
    let is_head_office = |(siret, answer): &(&String, &Value)| {
        siret.get(..9) == Some(siren.as_str()) && answer["data"]["siege_social"] == true
    };
    ANSWERS
        .iter()
        .find(is_head_office)
        .map_or_else(unknown, |(_, answer)| HttpResponse::Ok().json(answer))
}

fn unknown() -> HttpResponse {
    HttpResponse::NotFound().json(json!({ "errors": [{
        "code": "01003",
        "title": "Entité non trouvée",
        "detail": "Le siret ou siren indiqué n'existe pas ou n'est pas connu.",
        "meta": { "provider": "INSEE" },
    }] }))
}

fn unprocessable() -> HttpResponse {
    HttpResponse::UnprocessableEntity().json(json!({ "errors": [{
        "code": "00302",
        "title": "Entité non traitable",
        "detail": "Le numéro de siret n'est pas correctement formatté",
        "meta": {},
    }] }))
}

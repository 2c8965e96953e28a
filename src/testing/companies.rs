//! The registers of companies played: that of INPI, and those of the commercial courts through API Entreprise.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Json, Path, ServiceConfig, get, post};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::connectors::infogreffe::MANDATAIRES;
use crate::connectors::rne::COMPANIES;

const RNE: &str = "/registre-national-entreprises.inpi.fr";
const RCS: &str = "/entreprise.api.gouv.fr/v3/infogreffe/rcs/unites_legales/{siren}/mandataires_sociaux";
const TOKEN: &str = "mocked-rne-token";
/// A user name that is let in nowhere.
const REFUSED_USER: &str = "refused";

static REGISTERED: LazyLock<HashMap<String, Value>> =
    LazyLock::new(|| serde_json::from_str(COMPANIES).unwrap_or_default());
static OFFICERS: LazyLock<HashMap<String, Value>> =
    LazyLock::new(|| serde_json::from_str(MANDATAIRES).unwrap_or_default());

#[derive(Deserialize)]
struct Credentials {
    username: String,
}

pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .route(&format!("{RNE}/healthz"), get().to(super::healthz))
        .route(&format!("{RNE}/api/sso/login"), post().to(login))
        .route(&format!("{RNE}/api/companies/{{siren}}"), get().to(company))
        .route(RCS, get().to(officers));
}

async fn login(Json(credentials): Json<Credentials>) -> HttpResponse {
    if credentials.username == REFUSED_USER {
        return HttpResponse::Unauthorized()
            .json(json!({ "code": 401, "message": "Identifiants incorrects" }));
    }
    HttpResponse::Ok().json(json!({ "token": TOKEN }))
}

async fn company(http: HttpRequest, siren: Path<String>) -> HttpResponse {
    let header = http
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if header != Some(&format!("Bearer {TOKEN}")) {
        return HttpResponse::Unauthorized().json(json!({ "code": 401, "message": "Jeton refusé" }));
    }
    match REGISTERED.get(siren.as_str()) {
        Some(company) => HttpResponse::Ok().json(company),
        None => HttpResponse::NotFound().json(json!({ "code": 404, "message": "Entreprise inconnue" })),
    }
}

async fn officers(siren: Path<String>) -> HttpResponse {
    match OFFICERS.get(siren.as_str()) {
        Some(officers) => HttpResponse::Ok().json(officers),
        None => HttpResponse::UnprocessableEntity().json(json!({ "errors": [{
            "code": "02003",
            "title": "Entité non trouvée",
            "detail": "Le registre ne connaît pas ce numéro.",
            "meta": { "provider": "Infogreffe" },
        }] })),
    }
}

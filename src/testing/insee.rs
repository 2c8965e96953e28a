//! INSEE played: tokens, and the legal units of `fixtures/api`.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::web::{Form, Path, ServiceConfig, get, post};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::connectors::played::{COMPANIES, INDIVIDUALS};

const AUTH: &str = "/auth.insee.net/auth/realms/apim-gravitee/protocol/openid-connect/token";
const BASE: &str = "/api.insee.fr";
const DATA: &str = "/api.insee.fr/api-sirene/prive/3.11";
/// Establishments that are known by their SIRET, with the SIREN of a record; that of the State's digital department, which
/// probes ask for, has none.
const ESTABLISHMENTS: [(&str, Option<&str>); 2] =
    [("80761229600051", Some("838324820")), ("13002526500013", None)];
const TOKEN: &str = "mocked-insee-token";
/// A user name that is let in nowhere.
const REFUSED_USER: &str = "refused";

static LEGAL_UNITS: LazyLock<HashMap<String, Value>> = LazyLock::new(|| {
    let mut units: HashMap<String, Value> = serde_json::from_str(COMPANIES).unwrap_or_default();
    let individuals: HashMap<String, Value> = serde_json::from_str(INDIVIDUALS).unwrap_or_default();
    units.extend(individuals);
    units
});

#[derive(Deserialize)]
struct Credentials {
    grant_type: Option<String>,
    username: Option<String>,
}

pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .route(AUTH, post().to(token))
        .route(&format!("{BASE}/healthz"), get().to(super::healthz))
        .route(&format!("{DATA}/siren/{{siren}}"), get().to(legal_unit))
        .route(&format!("{DATA}/siret/{{siret}}"), get().to(establishment));
}

async fn token(Form(credentials): Form<Credentials>) -> HttpResponse {
    let is_let_in = credentials.grant_type.as_deref() == Some("password")
        && credentials.username.as_deref() != Some(REFUSED_USER);
    if is_let_in {
        HttpResponse::Ok().json(json!({
            "access_token": TOKEN,
            "expires_in": 300,
            "token_type": "Bearer",
            "scope": "profile",
        }))
    } else {
        HttpResponse::Unauthorized().json(json!({
            "error": "invalid_grant",
            "error_description": "Invalid user credentials",
        }))
    }
}

async fn legal_unit(request: HttpRequest, siren: Path<String>) -> HttpResponse {
    answer(&request, LEGAL_UNITS.get(siren.as_str()).cloned())
}

async fn establishment(request: HttpRequest, siret: Path<String>) -> HttpResponse {
    let record = ESTABLISHMENTS
        .iter()
        .find(|(known, _)| *known == siret.as_str())
        .map(|(_, siren)| {
            let unit = siren.and_then(|siren| LEGAL_UNITS.get(siren)).map(|unit| unit["uniteLegale"].clone());
            json!({
                "header": { "statut": 200, "message": "OK" },
                "etablissement": { "siret": siret.as_str(), "uniteLegale": unit.unwrap_or_else(|| json!({})) },
            })
        });
    answer(&request, record)
}

fn answer(request: &HttpRequest, record: Option<Value>) -> HttpResponse {
    let expected = format!("Bearer {TOKEN}");
    let has_token = request
        .headers()
        .get("authorization")
        .is_some_and(|value| value.as_bytes() == expected.as_bytes());
    if !has_token {
        return HttpResponse::Unauthorized()
            .json(json!({ "header": { "statut": 401, "message": "Jeton invalide" } }));
    }
    record.map_or_else(
        || {
            let message = "Aucun élément trouvé";
            HttpResponse::NotFound().json(json!({ "header": { "statut": 404, "message": message } }))
        },
        |record| HttpResponse::Ok().json(record),
    )
}

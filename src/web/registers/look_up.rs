//! One establishment by its SIRET, or several by name and town.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use super::{message, refused};
use crate::domain::Siret;
use crate::organizations::directory::{LookUpError, SearchQuery};
use crate::web::app::App;
use crate::web::budgets::REGISTER_CALLS;
use crate::web::form::Query;
use crate::web::notifications::Notification;

/// When to try again after an outage, in seconds.
const RETRY_AFTER_OUTAGE: HeaderValue = HeaderValue::from_static("30");
/// The notification without its advice: programs read it, too.
const INVALID_SIRET: &str = "Erreur : SIRET invalide.";
const INVALID_SEARCH: &str = "La recherche compte de 3 à 100 caractères.";

/// `GET /api/sirene/organization-info/{siret}`: 200, 400 for what is no SIRET, 404 for an unknown one, 504 for an outage, and also when
/// visitors have used up their share of the register's quota.
///
/// Whoever asks is a visitor, a person who is about to join included: the session's cookie tells that a browser has been here, and only the
/// database who is signed in.
pub(super) async fn organization_info(
    app: Data<App>,
    request: HttpRequest,
    siret: Path<String>,
) -> HttpResponse {
    let Ok(siret) = siret.parse::<Siret>() else {
        return invalid_siret();
    };
    let found = if let Some(found) = app.directory.remembered(&siret).await {
        found
    } else {
        if let Some(answer) = refused(REGISTER_CALLS, &request).await {
            return answer;
        }
        app.directory.look_up(&siret).await
    };
    match found {
        Ok(info) => HttpResponse::Ok().json(json!({ "organizationInfo": &*info })),
        Err(LookUpError::Unprocessable) => invalid_siret(),
        Err(LookUpError::NotFound) => message(StatusCode::NOT_FOUND, "Not Found"),
        Err(error @ (LookUpError::Unavailable | LookUpError::Database(_))) => {
            tracing::warn!(%error, "an establishment could not be looked up");
            outage()
        }
        // Counted by the cache. Visitors do not fill the log.
        Err(LookUpError::OverQuota) => outage(),
    }
}

/// `GET /api/sirene/search?q=…&commune=…`: 200, 400 for too little or too much, 504 for an outage.
pub(super) async fn search(app: Data<App>, request: HttpRequest, Query(query): Query) -> HttpResponse {
    let field = |name: &'static str| query.one(name).ok().flatten().unwrap_or_default();
    let Ok(query) = SearchQuery::parse(field("q"), field("commune")) else {
        return message(StatusCode::BAD_REQUEST, INVALID_SEARCH);
    };
    // The search that is a look-up has no budget of its own.
    if query.text().parse::<Siret>().is_ok()
        && let Some(answer) = refused(REGISTER_CALLS, &request).await
    {
        return answer;
    }
    match app.directory.search(&query).await {
        Ok(matches) => HttpResponse::Ok().json(json!({ "results": &*matches })),
        Err(_) => outage(),
    }
}

fn invalid_siret() -> HttpResponse {
    message(StatusCode::BAD_REQUEST, INVALID_SIRET)
}

fn outage() -> HttpResponse {
    let mut answer = message(StatusCode::GATEWAY_TIMEOUT, text_of("insee_unexpected_error"));
    answer.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_OUTAGE);
    answer
}

/// The text of a notification: scripts show what pages would.
fn text_of(code: &str) -> &'static str {
    Notification::from_code(code).map_or("", |notification| notification.text)
}

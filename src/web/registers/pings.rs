//! Does a register answer? Asked by monitors: 200 `{}` or 502. A verdict is kept for a while, so that nobody can use up our quota there.

use std::future::Future;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::sync::Mutex;

use super::message;
use crate::connectors::{
    AnnuaireEducationNationale, ApiEntreprise, CallError, EstablishmentAnswer, Insee, SchoolAnswer,
};
use crate::domain::Siret;
use crate::web::app::App;

const VERDICT_HOLDS: TimeDelta = TimeDelta::seconds(45);

/// The State's digital department.
const WELL_KNOWN_ESTABLISHMENT: &str = "13002526500013";
const WELL_KNOWN_SCHOOL: &str = "19470001900012";

/// The registers that are asked, and what they said last.
pub struct Pings {
    sirene: (ApiEntreprise, Verdict),
    insee: (Insee, Verdict),
    education_nationale: (AnnuaireEducationNationale, Verdict),
}

/// When it was asked, and whether it answered. Whoever asks holds the lock: the others wait for that answer.
type Verdict = Mutex<Option<(DateTime<Utc>, bool)>>;

impl Pings {
    /// Pings of these registers.
    #[must_use]
    pub fn new(sirene: ApiEntreprise, insee: Insee, education_nationale: AnnuaireEducationNationale) -> Self {
        Self {
            sirene: (sirene, Verdict::default()),
            insee: (insee, Verdict::default()),
            education_nationale: (education_nationale, Verdict::default()),
        }
    }
}

/// `GET /api/sirene/ping`
pub(super) async fn sirene(app: Data<App>) -> HttpResponse {
    let (register, verdict) = &app.pings.sirene;
    let ask = async |siret: Siret| {
        let answer = register.establishment(&siret).await?;
        Ok(matches!(answer, EstablishmentAnswer::Found(_)))
    };
    answer(&app, verdict, with(WELL_KNOWN_ESTABLISHMENT, ask)).await
}

/// `GET /api/insee/ping`
pub(super) async fn insee(app: Data<App>) -> HttpResponse {
    let (register, verdict) = &app.pings.insee;
    let ask = async |siret: Siret| register.knows_establishment(&siret).await;
    answer(&app, verdict, with(WELL_KNOWN_ESTABLISHMENT, ask)).await
}

/// `GET /api/annuaire-education-nationale/ping`
pub(super) async fn education_nationale(app: Data<App>) -> HttpResponse {
    let (register, verdict) = &app.pings.education_nationale;
    let ask = async |siret: Siret| {
        let answer = register.school(&siret).await?;
        Ok(matches!(answer, SchoolAnswer::Listed(_)))
    };
    answer(&app, verdict, with(WELL_KNOWN_SCHOOL, ask)).await
}

async fn with(siret: &str, ask: impl AsyncFn(Siret) -> Result<bool, CallError>) -> bool {
    let Ok(siret) = siret.parse() else {
        return false;
    };
    ask(siret).await.unwrap_or_default()
}

async fn answer(app: &App, verdict: &Verdict, ask: impl Future<Output = bool>) -> HttpResponse {
    let mut last = verdict.lock().await;
    let now = app.clock.now();
    let is_well = match *last {
        Some((asked_at, is_well)) if now - asked_at < VERDICT_HOLDS => is_well,
        _ => {
            let is_well = ask.await;
            *last = Some((now, is_well));
            is_well
        }
    };
    if is_well {
        HttpResponse::Ok().json(json!({}))
    } else {
        message(StatusCode::BAD_GATEWAY, "Bad Gateway")
    }
}

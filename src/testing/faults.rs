//! Trouble to order: remote systems that are slow, silent, overrun or confused, for tests and demonstrations.
//!
//! | request under `/___testing___` | effect |
//! |---|---|
//! | `PUT /faults/{system}` | the system, named by its first path segment (`entreprise.api.gouv.fr`), misbehaves from now on |
//! | `GET /faults` | the faults that are ordered |
//! | `DELETE /faults/{system}` | the system is well again |
//! | `DELETE /faults` | all systems are well again |
//!
//! The body of a `PUT` is one of
//! `{"fault":"status","status":429}`, `{"fault":"slow","milliseconds":2000}` (answers late),
//! `{"fault":"hang"}` (never answers), `{"fault":"malformed"}` (200 with JSON that is cut off), and optionally
//! `"times":2` (only for that many requests) and `"path":"/siret/"` (only for paths that contain this).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::{Data, Json, Path, ServiceConfig, resource};
use actix_web::{Error, HttpResponse, http::StatusCode, web};
use serde::{Deserialize, Serialize};

const PREFIX: &str = "/___testing___/";
/// "Never" for whoever waits.
const FOR_EVER: Duration = Duration::from_hours(1);

/// The faults that are ordered, of all workers of a process.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<BTreeMap<String, Order>>>);

/// What a system does instead of answering.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
enum Fault {
    Status { status: u16 },
    Slow { milliseconds: u64 },
    Hang,
    Malformed,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Order {
    #[serde(flatten)]
    fault: Fault,
    /// Requests that it is still for; all when absent.
    times: Option<u32>,
    /// What the path must contain.
    path: Option<String>,
}

impl Faults {
    /// What the next request of `path` meets, which counts.
    fn next(&self, path: &str) -> Option<Fault> {
        let system = path.split('/').next().unwrap_or_default();
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let order = orders.get_mut(system)?;
        if order
            .path
            .as_ref()
            .is_some_and(|part| !path.contains(part.as_str()))
        {
            return None;
        }
        if let Some(times) = &mut order.times {
            *times = times.checked_sub(1)?;
        }
        Some(order.fault.clone())
    }
}

pub(super) fn mount(config: &mut ServiceConfig) {
    config
        .service(
            resource("/faults")
                .route(web::get().to(list))
                .route(web::delete().to(clear)),
        )
        .service(
            resource("/faults/{system}")
                .route(web::put().to(order))
                .route(web::delete().to(mend)),
        );
}

async fn list(faults: Data<Faults>) -> HttpResponse {
    let orders = faults.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    HttpResponse::Ok().json(orders)
}

async fn order(faults: Data<Faults>, system: Path<String>, Json(order): Json<Order>) -> HttpResponse {
    let system = system.into_inner();
    faults
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(system, order);
    HttpResponse::NoContent().finish()
}

async fn mend(faults: Data<Faults>, system: Path<String>) -> HttpResponse {
    faults
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .remove(system.as_str());
    HttpResponse::NoContent().finish()
}

async fn clear(faults: Data<Faults>) -> HttpResponse {
    faults.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    HttpResponse::NoContent().finish()
}

/// Stands around the mocks and lets ordered faults happen.
pub(super) async fn interpose<B: MessageBody + 'static>(
    faults: Data<Faults>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let path = request.path().strip_prefix(PREFIX).unwrap_or_default();
    let answer = match faults.next(path) {
        None => return Ok(next.call(request).await?.map_into_boxed_body()),
        Some(Fault::Slow { milliseconds }) => {
            actix_web::rt::time::sleep(Duration::from_millis(milliseconds)).await;
            return Ok(next.call(request).await?.map_into_boxed_body());
        }
        Some(Fault::Hang) => {
            actix_web::rt::time::sleep(FOR_EVER).await;
            HttpResponse::GatewayTimeout().finish()
        }
        Some(Fault::Status { status }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            HttpResponse::build(status).json(serde_json::json!({ "errors": [] }))
        }
        Some(Fault::Malformed) => HttpResponse::Ok()
            .content_type("application/json")
            .body("{\"data\": {\"siret\": \"21340"),
    };
    Ok(request.into_response(answer))
}

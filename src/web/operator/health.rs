//! Health as orchestrators ask for it: alive, and ready to serve.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use async_trait::async_trait;
use serde::Serialize;

use super::Operator;

/// No probe may keep an orchestrator waiting for longer.
const PROBE_DEADLINE: Duration = Duration::from_secs(2);

/// Something that serving depends on.
#[async_trait]
pub trait Probe: Send + Sync {
    /// How the answer calls it.
    fn name(&self) -> &'static str;
    /// Whether serving without it makes no sense. What is not required is told, and does not take the node out.
    fn is_required(&self) -> bool;
    /// Looks now. The error is a sentence for the operator, without secrets.
    async fn look(&self) -> Result<(), String>;
}

/// Whether this node should get requests.
#[derive(Clone)]
pub struct Readiness {
    probes: Arc<[Box<dyn Probe>]>,
    is_stopping: Arc<AtomicBool>,
}

#[derive(Serialize)]
struct Report {
    ready: bool,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

impl Readiness {
    /// Readiness that depends on these probes.
    #[must_use]
    pub fn new(probes: Vec<Box<dyn Probe>>) -> Self {
        Self {
            probes: probes.into(),
            is_stopping: Arc::new(AtomicBool::new(false)),
        }
    }

    /// From now on this node wants no new requests.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
    }

    async fn report(&self) -> Report {
        let mut checks: Vec<Check> =
            futures::future::join_all(self.probes.iter().map(|probe| check(probe.as_ref()))).await;
        if self.is_stopping.load(Ordering::SeqCst) {
            let why = Some("the process is stopping".to_owned());
            checks.push(Check {
                name: "process",
                ok: false,
                required: true,
                why,
            });
        }
        let ready = checks.iter().all(|check| check.ok || !check.required);
        Report { ready, checks }
    }
}

async fn check(probe: &dyn Probe) -> Check {
    let why = match tokio::time::timeout(PROBE_DEADLINE, probe.look()).await {
        Ok(Ok(())) => None,
        Ok(Err(why)) => Some(why),
        Err(_) => Some(format!("no answer within {} s", PROBE_DEADLINE.as_secs())),
    };
    Check {
        name: probe.name(),
        ok: why.is_none(),
        required: probe.is_required(),
        why,
    }
}

/// `GET /healthz`: the process answers.
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "ok"}))
}

/// `GET /readyz`: 200 when requests can be served, else 503; says why.
pub async fn readyz(operator: Data<Operator>) -> HttpResponse {
    let report = operator.readiness.report().await;
    if report.ready {
        HttpResponse::Ok().json(report)
    } else {
        HttpResponse::ServiceUnavailable().json(report)
    }
}

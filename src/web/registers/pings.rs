//! Does a remote system answer? Asked by monitors: 200 `{}` or 502 (spec/connectors-and-operations.md §2.16). A verdict is kept for
//! a while, so that nobody can use up our quota there.

use std::collections::HashMap;
use std::future::Future;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::Mutex;

use super::message;
use crate::web::app::App;

const VERDICT_HOLDS: TimeDelta = TimeDelta::seconds(45);

/// The remote systems that can be asked, by the name that their address has.
#[derive(Default)]
pub struct Pings(HashMap<&'static str, Ping>);

struct Ping {
    ask: Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>,
    /// When it was asked, and whether it answered. Whoever asks holds the lock: the others wait for that answer.
    verdict: Mutex<Option<(DateTime<Utc>, bool)>>,
}

impl Pings {
    /// These, and `/api/<name>/ping`, for which `ask` tells whether `system` answers as it should.
    #[must_use]
    pub fn with<S, F>(
        mut self,
        name: &'static str,
        system: S,
        ask: impl Fn(S) -> F + Send + Sync + 'static,
    ) -> Self
    where
        S: Clone + Send + Sync + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        let ping = Ping {
            ask: Box::new(move || ask(system.clone()).boxed()),
            verdict: Mutex::default(),
        };
        self.0.insert(name, ping);
        self
    }
}

impl Ping {
    /// Whether `system`, whose ping this is, answers, as of at most [`VERDICT_HOLDS`] before `now`. The operator is told when it is
    /// asked in vain, and not again by a verdict that is kept.
    async fn is_well(&self, system: &str, now: DateTime<Utc>) -> bool {
        let mut last = self.verdict.lock().await;
        if let Some((_, is_well)) = last.filter(|(asked_at, _)| now - *asked_at < VERDICT_HOLDS) {
            return is_well;
        }
        let is_well = (self.ask)().await;
        if !is_well {
            tracing::error!(system, "a remote system does not answer its ping");
        }
        *last = Some((now, is_well));
        is_well
    }
}

/// `GET /api/{system}/ping`
pub(super) async fn ping(app: Data<App>, system: Path<String>) -> HttpResponse {
    let Some(ping) = app.pings.0.get(system.as_str()) else {
        return message(StatusCode::NOT_FOUND, "Not Found");
    };
    if ping.is_well(&system, app.clock.now()).await {
        HttpResponse::Ok().json(json!({}))
    } else {
        message(StatusCode::BAD_GATEWAY, "Bad Gateway")
    }
}

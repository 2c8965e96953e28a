//! What the live page shows besides the actors, and what may be done from it.

use std::sync::Arc;

use actix_web::http::header::HeaderName;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Operator;
use crate::config::LogLevel;

/// Whoever acts from the page says so with this header: no other site can make a browser send it.
const ACTION_HEADER: HeaderName = HeaderName::from_static("x-operator-action");

/// Figures of the database.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    pub at: DateTime<Utc>,
    /// Sessions alive, over all nodes.
    pub sessions: i64,
    /// Sign-ins of the last hour, by minute; minutes without one are left out.
    pub sign_ins: Vec<Minute>,
    pub outbox: OutboxFigures,
    /// The latest dead letters, at most fifty.
    pub dead_letters: Vec<DeadLetter>,
    /// The slowest statements on average; `None` without `pg_stat_statements`.
    pub slowest_statements: Option<Vec<Statement>>,
    /// Statements that run now.
    pub running_statements: Vec<Statement>,
}

/// Sign-ins of one minute.
#[derive(Debug, Clone, Serialize)]
pub struct Minute {
    pub minute: DateTime<Utc>,
    pub count: i64,
}

/// What waits to leave.
#[derive(Debug, Clone, Serialize)]
pub struct OutboxFigures {
    pub waiting: i64,
    pub in_delivery: i64,
    pub dead: i64,
    pub oldest_waiting_since: Option<DateTime<Utc>>,
}

/// Something that could not leave. Neither its recipient nor what it holds is shown.
#[derive(Debug, Clone, Serialize)]
pub struct DeadLetter {
    pub id: i64,
    pub kind: String,
    pub created_at: DateTime<Utc>,
    pub dead_at: DateTime<Utc>,
    pub attempts: i32,
    pub last_error: Option<String>,
}

/// A statement that takes its time; durations in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct Statement {
    pub statement: String,
    pub calls: Option<i64>,
    pub milliseconds: f64,
    pub longest_milliseconds: Option<f64>,
}

/// Which dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    One(i64),
    All,
}

/// What the page reads and does, over the database. Errors are sentences for the operator.
#[async_trait]
pub trait Insight: Send + Sync {
    /// The figures of now, or of a few seconds ago.
    async fn figures(&self) -> Result<Figures, String>;
    /// Lets dead letters be tried again, which is noted as the deed of `actor`. Gives how many.
    async fn retry(&self, letters: Letters, actor: &str) -> Result<u64, String>;
    /// Notes that `actor` changed the threshold of the log.
    async fn note_log_level(&self, level: LogLevel, actor: &str) -> Result<(), String>;
}

/// The port as the pages hold it.
pub type SharedInsight = Arc<dyn Insight>;

/// `GET /figures`
pub async fn figures(operator: Data<Operator>) -> HttpResponse {
    match operator.insight.figures().await {
        Ok(figures) => fresh().json(figures),
        Err(why) => unavailable(&why),
    }
}

/// `GET /problems`: the warnings and errors of late.
pub async fn problems(operator: Data<Operator>) -> HttpResponse {
    fresh().json(json!({
        "log_level": operator.telemetry.level().as_str(),
        "problems": operator.telemetry.problems().latest(),
    }))
}

/// `GET /gauges`: circuits, caches and answers, from the metrics of this node.
pub async fn gauges(operator: Data<Operator>) -> HttpResponse {
    let families = operator.instruments.registry().gather();
    fresh().json(json!({
        "circuits": circuits(&families),
        "caches": caches(&families),
        "answers": labelled(&families, "identite_http_answers_total", "class"),
    }))
}

/// `POST /outbox/retry`: all dead letters are tried again.
pub async fn retry_all(request: HttpRequest, operator: Data<Operator>) -> HttpResponse {
    retry(&request, &operator, Letters::All).await
}

/// `POST /outbox/{id}/retry`
pub async fn retry_one(request: HttpRequest, operator: Data<Operator>, id: Path<i64>) -> HttpResponse {
    retry(&request, &operator, Letters::One(*id)).await
}

async fn retry(request: &HttpRequest, operator: &Operator, letters: Letters) -> HttpResponse {
    if !is_action(request) {
        return not_an_action();
    }
    match operator.insight.retry(letters, &actor(request)).await {
        Ok(0) if letters != Letters::All => {
            HttpResponse::NotFound().json(json!({"message": "no such dead letter"}))
        }
        Ok(revived) => fresh().json(json!({ "revived": revived })),
        Err(why) => unavailable(&why),
    }
}

#[derive(Deserialize)]
pub struct NewLevel {
    level: String,
}

/// `POST /log-level`: the threshold of this node's log, until its next start or `SIGHUP`.
pub async fn set_log_level(
    request: HttpRequest,
    operator: Data<Operator>,
    asked: Json<NewLevel>,
) -> HttpResponse {
    if !is_action(&request) {
        return not_an_action();
    }
    let Some(level) = LogLevel::parse(&asked.level) else {
        return HttpResponse::BadRequest().json(json!({"message": "no such level"}));
    };
    if let Err(why) = operator.insight.note_log_level(level, &actor(&request)).await {
        return unavailable(&why);
    }
    operator.telemetry.set_level(level);
    tracing::info!(level = level.as_str(), "the threshold of the log was changed");
    fresh().json(json!({ "log_level": level.as_str() }))
}

fn fresh() -> actix_web::HttpResponseBuilder {
    let mut answer = HttpResponse::Ok();
    answer.insert_header(("cache-control", "no-store"));
    answer
}

fn unavailable(why: &str) -> HttpResponse {
    HttpResponse::ServiceUnavailable().json(json!({ "message": why }))
}

fn is_action(request: &HttpRequest) -> bool {
    request.headers().contains_key(&ACTION_HEADER)
}

fn not_an_action() -> HttpResponse {
    let message = format!("the header {ACTION_HEADER} is missing");
    HttpResponse::Forbidden().json(json!({ "message": message }))
}

/// How the trail calls whoever acts from the page: nobody signs in there.
fn actor(request: &HttpRequest) -> String {
    let address = request.peer_addr().map_or_else(
        || "an unknown address".to_owned(),
        |address| address.ip().to_canonical().to_string(),
    );
    format!("operator page from {address}")
}

/// Whether calls to each remote system are tried, and how many were answered or not.
fn circuits(families: &[MetricFamily]) -> Vec<Value> {
    let calls = |connector: &str, counts_as: fn(&str) -> bool| -> u64 {
        metrics(families, "identite_connector_call_duration_seconds")
            .filter(|metric| label(metric, "connector") == Some(connector))
            .filter(|metric| label(metric, "outcome").is_some_and(counts_as))
            .map(|metric| metric.get_histogram().get_sample_count())
            .sum()
    };
    metrics(families, "identite_connector_circuit_open")
        .filter_map(|metric| {
            let connector = label(metric, "connector")?;
            Some(json!({
                "connector": connector,
                "open": metric.get_gauge().get_value() > 0.0,
                "answered": calls(connector, |outcome| outcome == "ok"),
                "failed": calls(connector, |outcome| outcome != "ok"),
            }))
        })
        .collect()
}

/// Look-ups of every cache that were answered from memory, answered by something old, and passed on: the families whose names
/// end alike.
fn caches(families: &[MetricFamily]) -> Vec<Value> {
    let count = |suffix: &str, cache: &str| -> f64 {
        families
            .iter()
            .filter(|family| family.name().ends_with(suffix))
            .flat_map(MetricFamily::get_metric)
            .filter(|metric| label(metric, "cache") == Some(cache))
            .map(|metric| metric.get_counter().get_value())
            .sum()
    };
    families
        .iter()
        .filter(|family| family.name().ends_with("_cache_hits_total"))
        .flat_map(MetricFamily::get_metric)
        .filter_map(|metric| label(metric, "cache"))
        .map(|cache| {
            json!({
                "cache": cache,
                "hits": count("_cache_hits_total", cache),
                "stale": count("_cache_stale_served_total", cache),
                "misses": count("_cache_misses_total", cache),
            })
        })
        .collect()
}

fn labelled(families: &[MetricFamily], name: &str, by: &str) -> Value {
    metrics(families, name)
        .filter_map(|metric| {
            Some((
                label(metric, by)?.to_owned(),
                json!(metric.get_counter().get_value()),
            ))
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn metrics<'f>(
    families: &'f [MetricFamily],
    name: &'f str,
) -> impl Iterator<Item = &'f prometheus::proto::Metric> {
    families
        .iter()
        .filter(move |family| family.name() == name)
        .flat_map(MetricFamily::get_metric)
}

fn label<'m>(metric: &'m prometheus::proto::Metric, name: &str) -> Option<&'m str> {
    let mut labels = metric.get_label().iter();
    labels
        .find(|pair| pair.name() == name)
        .map(prometheus::proto::LabelPair::value)
}

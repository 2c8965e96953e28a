//! Prometheus metrics of the HTTP floor, and their exposition.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::Data;
use prometheus::{Encoder, Histogram, HistogramOpts, IntCounterVec, Opts, Registry, TextEncoder};

use super::Operator;

/// Counters of answers. `identite_http_answers_total{class}` and `identite_http_answer_seconds`.
#[derive(Clone)]
pub struct HttpMetrics {
    answers: IntCounterVec,
    seconds: Histogram,
}

impl HttpMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When the names are taken.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let answers = IntCounterVec::new(
            Opts::new(
                "identite_http_answers_total",
                "Answers to people and relying parties, by class of status",
            ),
            &["class"],
        )?;
        let seconds = Histogram::with_opts(
            HistogramOpts::new(
                "identite_http_answer_seconds",
                "Time from the request's head to the answer's head, in seconds",
            )
            .buckets(vec![
                0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
            ]),
        )?;
        registry.register(Box::new(answers.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { answers, seconds })
    }

    /// Counts one answer.
    pub fn observe(&self, status: StatusCode, elapsed: Duration) {
        let class = match status.as_u16() / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.answers.with_label_values(&[class]).inc();
        self.seconds.observe(elapsed.as_secs_f64());
    }
}

/// `GET /metrics`
pub async fn metrics(operator: Data<Operator>) -> HttpResponse {
    let encoder = TextEncoder::new();
    let mut body = Vec::new();
    match encoder.encode(&operator.instruments.registry().gather(), &mut body) {
        Ok(()) => HttpResponse::Ok().content_type(encoder.format_type()).body(body),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}

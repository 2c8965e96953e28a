//! What operators see of each relying party: how often people sign in to it, what fails, how long answers take.
//!
//! | metric | type, unit | labels |
//! |---|---|---|
//! | `identite_oidc_answers_total` | counter | `client`, `endpoint`, `outcome`: `ok`, `interaction`, `posted` (a form that goes on with a GET), or the protocol's error code |
//! | `identite_oidc_answer_seconds` | histogram, seconds | `client`, `endpoint` |
//! | `identite_oidc_leniencies_total` | counter | `client`, `leniency`: see [`Leniency`] |
//!
//! Only clients that exist have names here: nobody makes series by inventing some.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use serde::Serialize;

use super::endpoint_error::EndpointError;
use super::error::ProtocolError;

const DURATION_BUCKETS: [f64; 8] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.0];

/// The name of all clients that do not exist.
const UNKNOWN_CLIENT: &str = "unknown";

/// What stricter settings of a client would refuse: as long as one is needed, they would break it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leniency {
    /// A redirection URI, also the one after a logout, was sent otherwise than registered, and is the same after normalisation (Q13).
    NormalisedRedirectUri,
    /// The parameter `claims` asks for more than the client's scopes give (Q34).
    ClaimsBeyondScopes,
}

impl Leniency {
    /// Its label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NormalisedRedirectUri => "normalised_redirect_uri",
            Self::ClaimsBeyondScopes => "claims_beyond_scopes",
        }
    }
}

/// The counters. Cheap to clone.
#[derive(Clone)]
pub struct ProviderMetrics {
    answers: IntCounterVec,
    seconds: HistogramVec,
    leniencies: IntCounterVec,
}

/// What is told of one client.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ClientFigures {
    /// Codes that were handed out: sign-ins.
    pub sign_ins: u64,
    /// Answers by endpoint and outcome.
    pub answers: BTreeMap<String, BTreeMap<String, u64>>,
    /// Mean time of an answer by endpoint, in milliseconds.
    pub mean_milliseconds: BTreeMap<String, f64>,
}

impl ProviderMetrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When `registry` already holds metrics of these names.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            answers: IntCounterVec::new(
                Opts::new(
                    "identite_oidc_answers_total",
                    "Answers of the provider by relying party, endpoint and outcome",
                ),
                &["client", "endpoint", "outcome"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new(
                    "identite_oidc_answer_seconds",
                    "Seconds that an answer of the provider took, by relying party and endpoint",
                )
                .buckets(DURATION_BUCKETS.to_vec()),
                &["client", "endpoint"],
            )?,
            leniencies: IntCounterVec::new(
                Opts::new(
                    "identite_oidc_leniencies_total",
                    "Requests that stricter settings of the relying party would refuse, by what they would",
                ),
                &["client", "leniency"],
            )?,
        };
        registry.register(Box::new(metrics.leniencies.clone()))?;
        registry.register(Box::new(metrics.answers.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        Ok(metrics)
    }

    /// Counts an answer. `client`: `None` when it does not exist.
    pub fn record(&self, client: Option<&str>, endpoint: &'static str, outcome: &str, took: Duration) {
        let client = client.unwrap_or(UNKNOWN_CLIENT);
        self.answers.with_label_values(&[client, endpoint, outcome]).inc();
        self.seconds
            .with_label_values(&[client, endpoint])
            .observe(took.as_secs_f64());
    }

    /// What was counted since this process started, by client.
    #[must_use]
    pub fn by_client(&self) -> BTreeMap<String, ClientFigures> {
        let mut clients: BTreeMap<String, ClientFigures> = BTreeMap::new();
        for metric in self
            .answers
            .collect()
            .iter()
            .flat_map(prometheus::proto::MetricFamily::get_metric)
        {
            let label = |name: &str| {
                let found = metric.get_label().iter().find(|label| label.name() == name);
                found.map(|label| label.value().to_owned()).unwrap_or_default()
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a counter is a whole number that is not negative"
            )]
            let count = metric.get_counter().get_value() as u64;
            let figures = clients.entry(label("client")).or_default();
            let (endpoint, outcome) = (label("endpoint"), label("outcome"));
            if endpoint == "authorize" && outcome == "ok" {
                figures.sign_ins += count;
            }
            *figures
                .answers
                .entry(endpoint)
                .or_default()
                .entry(outcome)
                .or_default() += count;
        }
        for metric in self
            .seconds
            .collect()
            .iter()
            .flat_map(prometheus::proto::MetricFamily::get_metric)
        {
            let label = |name: &str| {
                let found = metric.get_label().iter().find(|label| label.name() == name);
                found.map(|label| label.value().to_owned()).unwrap_or_default()
            };
            let histogram = metric.get_histogram();
            #[expect(clippy::cast_precision_loss, reason = "a mean for people to read")]
            let mean = histogram.get_sample_sum() * 1000.0 / histogram.get_sample_count().max(1) as f64;
            let figures = clients.entry(label("client")).or_default();
            figures.mean_milliseconds.insert(label("endpoint"), mean);
        }
        clients
    }
}

/// The measurement of one answer.
pub(super) struct Meter<'a> {
    metrics: Option<&'a ProviderMetrics>,
    endpoint: &'static str,
    started: Instant,
    client: OnceLock<String>,
    outcome: OnceLock<&'static str>,
}

impl<'a> Meter<'a> {
    pub(super) fn start(metrics: Option<&'a ProviderMetrics>, endpoint: &'static str) -> Self {
        Self {
            metrics,
            endpoint,
            started: Instant::now(),
            client: OnceLock::new(),
            outcome: OnceLock::new(),
        }
    }

    /// The answer is for this client, which exists.
    pub(super) fn is_about(&self, client_id: &str) {
        if self.metrics.is_some() {
            // Said twice, it is the same client.
            let _ = self.client.set(client_id.to_owned());
        }
    }

    /// The answer, to a client that is known, would be another one without this leniency.
    pub(super) fn needed(&self, leniency: Leniency) {
        if let (Some(metrics), Some(client)) = (self.metrics, self.client.get()) {
            metrics
                .leniencies
                .with_label_values(&[client.as_str(), leniency.as_str()])
                .inc();
        }
    }

    /// The answer is this error.
    pub(super) fn failed_with(&self, error: &ProtocolError) {
        let _ = self.outcome.set(error.code.as_str());
    }

    /// Counts the answer; `usual` is the outcome unless it failed.
    pub(super) fn count(self, usual: &'static str) {
        if let Some(metrics) = self.metrics {
            let outcome = self.outcome.get().copied().unwrap_or(usual);
            let client = self.client.get().map(String::as_str);
            metrics.record(client, self.endpoint, outcome, self.started.elapsed());
        }
    }

    /// Counts an answer of an endpoint, and gives it back.
    pub(super) fn counted<T>(self, answer: Result<T, EndpointError>) -> Result<T, EndpointError> {
        if let Err(error) = &answer {
            self.failed_with(&error.error);
        }
        self.count("ok");
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_by_client() {
        let metrics = ProviderMetrics::register(&Registry::new()).unwrap();
        let took = Duration::from_millis(10);
        metrics.record(Some("rp"), "authorize", "ok", took);
        metrics.record(Some("rp"), "authorize", "login_required", took);
        metrics.record(None, "token", "invalid_client", took);
        let figures = metrics.by_client();
        assert_eq!(figures["rp"].sign_ins, 1);
        assert_eq!(figures["rp"].answers["authorize"]["login_required"], 1);
        assert!((figures["rp"].mean_milliseconds["authorize"] - 10.0).abs() < 0.1);
        assert_eq!(figures["unknown"].answers["token"]["invalid_client"], 1);
    }
}

//! The HTTP client that connectors share, and one call of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use identite_actors::clock::SharedClock;
use native_tls::{Protocol, TlsConnector};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::call::{Answer, CallError, Request};
use super::circuit::{Circuit, CircuitSettings};
use super::metrics::{ConnectorMeter, ConnectorMetrics};
use crate::config::TRACES;

/// People wait no longer than this for a remote system, whatever the configuration allows.
const LONGEST_WAIT_OF_PEOPLE: Duration = Duration::from_secs(8);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Calls of one system in progress at the same time.
const CONCURRENCY: usize = 32;
/// An answer larger than this is not read on, unless its connector knows better.
const ANSWER_LIMIT_IN_BYTES: usize = 1024 * 1024;
const REDIRECT_LIMIT: usize = 3;
/// Whoever does not answer within this share of the deadline of a line is slow, and not only asked late.
const WHOLE_SHARE: f64 = 0.9;

/// What the configuration says about outgoing calls.
#[derive(Debug, Clone, Copy)]
pub struct HttpSettings {
    /// `HTTP_CLIENT_TIMEOUT`: upper bound of a call.
    pub timeout: Duration,
    pub waiting: Waiting,
    /// `false` accepts any certificate.
    pub verify_tls_certificates: bool,
}

/// Who waits for the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// People in front of a page: for eight seconds at most.
    People,
    /// A command of an operator: for as long as the configuration says.
    Command,
}

impl HttpSettings {
    /// From a request to the last byte of its answer, where a connector knows nothing better.
    fn deadline(&self) -> Duration {
        match self.waiting {
            Waiting::People => self.timeout.min(LONGEST_WAIT_OF_PEOPLE),
            Waiting::Command => self.timeout,
        }
    }
}

/// The client could not be built: the system's TLS is unusable.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be built: {0}")]
pub struct HttpClientError(String);

/// The client and what every connector needs besides. Cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    client: Client,
    /// For requests that carry a secret, or fetch what is trusted.
    client_without_redirects: Client,
    io: Handle,
    clock: SharedClock,
    metrics: ConnectorMetrics,
    deadline: Duration,
}

impl HttpClient {
    /// A client whose connections are driven by `io`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        settings: HttpSettings,
        io: Handle,
        clock: SharedClock,
        metrics: ConnectorMetrics,
    ) -> Result<Self, HttpClientError> {
        // Made once: it takes the time to read all certificates of the system.
        let tls = TlsConnector::builder()
            .min_protocol_version(Some(Protocol::Tlsv12))
            .request_alpns(&["h2", "http/1.1"])
            .danger_accept_invalid_certs(!settings.verify_tls_certificates)
            .build()
            .map_err(|error| HttpClientError(error.to_string()))?;
        let client = |redirects: Policy| {
            Client::builder()
                .user_agent(concat!("identite/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .redirect(redirects)
                .tls_backend_preconfigured(tls.clone())
                .build()
                .map_err(|error| HttpClientError(error.to_string()))
        };
        Ok(Self {
            client: client(Policy::limited(REDIRECT_LIMIT))?,
            client_without_redirects: client(Policy::none())?,
            io,
            clock,
            metrics,
            deadline: settings.deadline(),
        })
    }

    /// The line to one remote system: its own circuit, its own share of calls.
    pub(super) fn line(&self, name: &'static str) -> Line {
        self.line_with(name, self.usual())
    }

    /// The same for a system that is granted something else than usual ([`HttpClient::usual`]).
    pub(super) fn line_with(&self, name: &'static str, settings: LineSettings) -> Line {
        let usual = CircuitSettings::default();
        let circuit = CircuitSettings {
            // The call that is let through to see how things are may take all the time that it is granted.
            probe_deadline: usual.probe_deadline.max(settings.deadline),
            ..usual
        };
        Line(Arc::new(LineState {
            http: self.clone(),
            name,
            settings,
            circuit: Circuit::new(self.clock.clone(), circuit),
            slots: Arc::new(Semaphore::new(CONCURRENCY)),
            meter: self.metrics.meter(name),
        }))
    }

    /// What a system is granted for an answer.
    pub(super) fn usual(&self) -> LineSettings {
        LineSettings {
            deadline: self.deadline,
            answer_limit: ANSWER_LIMIT_IN_BYTES,
        }
    }

    /// The clock of the house.
    pub(super) fn io(&self) -> &Handle {
        &self.io
    }

    /// The clock of the process.
    pub(super) fn clock(&self) -> &SharedClock {
        &self.clock
    }

    fn client_for(&self, request: &Request) -> Client {
        if request.follows_redirects {
            self.client.clone()
        } else {
            self.client_without_redirects.clone()
        }
    }
}

/// What a system is granted for an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineSettings {
    /// From the request to the last byte of the answer.
    pub(super) deadline: Duration,
    /// In bytes.
    pub(super) answer_limit: usize,
}

/// The line to one remote system. Cheap to clone.
#[derive(Clone)]
pub(super) struct Line(Arc<LineState>);

struct LineState {
    http: HttpClient,
    name: &'static str,
    settings: LineSettings,
    circuit: Circuit,
    slots: Arc<Semaphore>,
    meter: ConnectorMeter,
}

impl Line {
    /// The instant until which an answer that is asked for now is waited for, other tries and logins on the way to it included.
    pub(super) fn until(&self) -> Instant {
        Instant::now() + self.0.settings.deadline
    }

    /// Makes a call and lets `read` make sense of the answer, whatever its status. An answer that cannot be read counts as
    /// a failure of the remote system; one with a status below 500 that `read` refuses does not, nor does a timeout of a call that
    /// was left less time than the line grants.
    pub(super) async fn call<T>(
        &self,
        request: Request,
        read: impl FnOnce(&Answer) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let line = &self.0;
        let started = Instant::now();
        let trace = tracing::trace_span!(
            target: TRACES,
            "call",
            otel.name = line.name,
            otel.kind = "client",
            otel.status_code = Empty,
            outcome = Empty,
        );
        let cut_short_at = cut_short_at(request.until, started, line.settings.deadline);
        let outcome = match self.ask(request).instrument(trace.clone()).await {
            Ok(answer) => read(&answer),
            Err(error) => Err(error),
        };
        let verdict = match &outcome {
            Ok(_) => Some(true),
            // Other calls used the time up.
            Err(CallError::Timeout) if cut_short_at.is_some_and(|until| Instant::now() >= until) => None,
            Err(error) => error.speaks_for_the_system(),
        };
        match verdict {
            Some(true) => line.circuit.succeeded(),
            Some(false) => line.circuit.failed(),
            None => {}
        }
        let name = outcome.as_ref().err().map_or("ok", CallError::name);
        trace.record("outcome", name);
        if outcome.is_err() {
            trace.record("otel.status_code", "ERROR");
        }
        line.meter.record(name, started.elapsed(), line.circuit.is_open());
        if let Err(error) = &outcome {
            tracing::warn!(connector = line.name, %error, "a remote system gave no usable answer");
        }
        outcome
    }

    async fn ask(&self, request: Request) -> Result<Answer, CallError> {
        let line = &self.0;
        if !line.circuit.admits() {
            return Err(CallError::CircuitOpen);
        }
        let slot = line
            .slots
            .clone()
            .try_acquire_owned()
            .map_err(|_| CallError::Busy)?;
        let client = line.http.client_for(&request);
        let LineSettings {
            deadline,
            answer_limit,
        } = line.settings;
        let deadline = request.until.map_or(deadline, |until| {
            deadline.min(until.saturating_duration_since(Instant::now()))
        });
        let call = line.http.io.spawn(async move {
            let _slot = slot;
            tokio::time::timeout(deadline, exchange(&client, request, answer_limit))
                .await
                .unwrap_or(Err(CallError::Timeout))
        });
        call.await
            .unwrap_or_else(|failure| Err(CallError::Network(failure.to_string())))
    }
}

/// When a call that begins at `started` ends that is left noticeably less than `deadline`. The first of several has all but the instants
/// since `until` was made.
fn cut_short_at(until: Option<Instant>, started: Instant, deadline: Duration) -> Option<Instant> {
    until.filter(|until| until.saturating_duration_since(started) < deadline.mul_f64(WHOLE_SHARE))
}

async fn exchange(client: &Client, request: Request, answer_limit: usize) -> Result<Answer, CallError> {
    let mut builder = client
        .request(request.method, request.url)
        .headers(request.headers);
    if let Some(body) = request.body {
        builder = builder.body(body);
    }
    let mut response = builder.send().await.map_err(network_error)?;
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(network_error)? {
        if body.len() + chunk.len() > answer_limit {
            return Err(CallError::Unreadable("it is too large".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    let body = String::from_utf8(body.into())
        .map_err(|_| CallError::Unreadable("it is not UTF-8 text".to_owned()))?;
    Ok(Answer {
        status: response.status().as_u16(),
        media_type: media_type(response.headers()),
        body,
    })
}

fn media_type(headers: &HeaderMap) -> String {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

/// Addresses hold keys and what is asked about: they stay out of the message.
fn network_error(error: reqwest::Error) -> CallError {
    if error.is_timeout() {
        CallError::Timeout
    } else {
        CallError::Network(error.without_url().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_wait_for_eight_seconds_at_most_and_commands_for_as_long_as_they_are_told() {
        for (waiting, timeout, expected) in [
            (Waiting::People, 55_000, 8_000),
            (Waiting::People, 8_000, 8_000),
            (Waiting::People, 1_500, 1_500),
            (Waiting::Command, 55_000, 55_000),
            (Waiting::Command, 1_500, 1_500),
        ] {
            let settings = HttpSettings {
                timeout: Duration::from_millis(timeout),
                waiting,
                verify_tls_certificates: true,
            };
            let expected = Duration::from_millis(expected);
            assert_eq!(settings.deadline(), expected, "{waiting:?}, {timeout}");
        }
    }
    #[test]
    fn who_was_asked_late_is_not_held_slow() {
        let (started, deadline) = (Instant::now(), Duration::from_secs(8));
        let at = |milliseconds: u64| Some(started + Duration::from_millis(milliseconds));
        for (until, expected) in [
            (None, None),
            (at(8_000), None),
            (at(7_990), None),
            (at(7_000), at(7_000)),
            (at(0), at(0)),
        ] {
            assert_eq!(cut_short_at(until, started, deadline), expected);
        }
    }
}

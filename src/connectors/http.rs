//! The HTTP client that connectors share, and one call of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use identite_actors::clock::SharedClock;
use reqwest::header::{ACCEPT, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use url::Url;

use super::circuit::{Circuit, CircuitSettings};
use super::metrics::{ConnectorMeter, ConnectorMetrics};

/// People wait for these calls: no connector may take longer, whatever the configuration allows.
const LONGEST_DEADLINE: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Calls of one system in progress at the same time.
const CONCURRENCY: usize = 32;
/// An answer larger than this is not read on.
const ANSWER_LIMIT_IN_BYTES: usize = 1024 * 1024;
const REDIRECT_LIMIT: usize = 3;

/// What the configuration says about outgoing calls.
#[derive(Debug, Clone, Copy)]
pub struct HttpSettings {
    /// `HTTP_CLIENT_TIMEOUT`: upper bound of a call; three seconds at most are used.
    pub timeout: Duration,
    /// `false` accepts any certificate.
    pub verify_tls_certificates: bool,
}

/// The client could not be built: the system's TLS is unusable.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be built: {0}")]
pub struct HttpClientError(String);

/// The client and what every connector needs besides. Cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    client: Client,
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
        let client = Client::builder()
            .user_agent(concat!("identite/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::limited(REDIRECT_LIMIT))
            .tls_danger_accept_invalid_certs(!settings.verify_tls_certificates)
            .build()
            .map_err(|error| HttpClientError(error.to_string()))?;
        Ok(Self {
            client,
            io,
            clock,
            metrics,
            deadline: settings.timeout.min(LONGEST_DEADLINE),
        })
    }

    /// The line to one remote system: its own circuit, its own share of calls.
    pub(super) fn line(&self, name: &'static str) -> Line {
        Line(Arc::new(LineState {
            http: self.clone(),
            name,
            circuit: Circuit::new(self.clock.clone(), CircuitSettings::default()),
            slots: Arc::new(Semaphore::new(CONCURRENCY)),
            meter: self.metrics.meter(name),
        }))
    }
}

/// Why a remote system gave no usable answer. Holds no address and no content: it ends in a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It has failed too often lately and is left alone.
    #[error("the circuit is open")]
    CircuitOpen,
    /// Too many calls are in progress.
    #[error("too many calls are in progress")]
    Busy,
    #[error("no answer within the deadline")]
    Timeout,
    #[error("the network failed: {0}")]
    Network(String),
    #[error("the answer has the status {0}")]
    Status(u16),
    #[error("the answer makes no sense: {0}")]
    Unreadable(String),
}

impl CallError {
    /// Value of the label `outcome`.
    fn name(&self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit_open",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Network(_) => "network",
            Self::Status(_) => "status",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

/// The line to one remote system. Cheap to clone.
#[derive(Clone)]
pub(super) struct Line(Arc<LineState>);

struct LineState {
    http: HttpClient,
    name: &'static str,
    circuit: Circuit,
    slots: Arc<Semaphore>,
    meter: ConnectorMeter,
}

/// A GET request: no connector here has another.
pub(super) struct Get {
    pub url: Url,
    pub accept: &'static str,
    pub header: Option<(&'static str, &'static str)>,
}

impl Line {
    /// Fetches a document and lets `read` make sense of it. An answer that cannot be read counts as a failure of the
    /// remote system.
    pub(super) async fn get<T>(
        &self,
        request: Get,
        read: impl FnOnce(&str) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let line = &self.0;
        let started = Instant::now();
        let outcome = match self.fetch(request).await {
            Ok(document) => read(&document),
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(_) => line.circuit.succeeded(),
            Err(CallError::CircuitOpen | CallError::Busy) => {}
            Err(_) => line.circuit.failed(),
        }
        let name = outcome.as_ref().err().map_or("ok", CallError::name);
        line.meter.record(name, started.elapsed(), line.circuit.is_open());
        if let Err(error) = &outcome {
            tracing::warn!(connector = line.name, %error, "a remote system gave no usable answer");
        }
        outcome
    }

    async fn fetch(&self, request: Get) -> Result<String, CallError> {
        let line = &self.0;
        if !line.circuit.admits() {
            return Err(CallError::CircuitOpen);
        }
        let slot = line
            .slots
            .clone()
            .try_acquire_owned()
            .map_err(|_| CallError::Busy)?;
        let client = line.http.client.clone();
        let deadline = line.http.deadline;
        let call = line.http.io.spawn(async move {
            let _slot = slot;
            tokio::time::timeout(deadline, fetch(&client, request))
                .await
                .unwrap_or(Err(CallError::Timeout))
        });
        call.await
            .unwrap_or_else(|failure| Err(CallError::Network(failure.to_string())))
    }
}

async fn fetch(client: &Client, request: Get) -> Result<String, CallError> {
    let mut builder = client.get(request.url).header(ACCEPT, request.accept);
    if let Some((name, value)) = request.header {
        builder = builder.header(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let mut response = builder.send().await.map_err(network_error)?;
    if response.status() != StatusCode::OK {
        return Err(CallError::Status(response.status().as_u16()));
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(network_error)? {
        if body.len() + chunk.len() > ANSWER_LIMIT_IN_BYTES {
            return Err(CallError::Unreadable("it is too large".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    String::from_utf8(body.into()).map_err(|_| CallError::Unreadable("it is not UTF-8 text".to_owned()))
}

/// Addresses hold keys and what is asked about: they stay out of the message.
fn network_error(error: reqwest::Error) -> CallError {
    if error.is_timeout() {
        CallError::Timeout
    } else {
        CallError::Network(error.without_url().to_string())
    }
}

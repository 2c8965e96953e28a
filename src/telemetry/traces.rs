//! What a request took, as spans for a collector of OpenTelemetry, where a deployment asks for it
//! (`OTEL_EXPORTER_OTLP_ENDPOINT`).
//!
//! Spans of the target [`TRACES`] leave, and nothing else: neither the log nor what other crates measure. They name routes,
//! not addresses, and hold nothing about persons. Without a collector these spans are never enabled and cost nothing.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use secrecy::ExposeSecret as _;
use tokio::runtime::Handle;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::ExportError;
use crate::config::{OtlpConfig, TRACES};

/// Of one batch.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// What spans in flight get when the process ends.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// What sends the spans. Cheap to clone.
#[derive(Clone)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// Spans go to the collector from now on, in batches, in the background, as of the deployment `environment`. The runtime
    /// `io` drives the connections.
    ///
    /// # Errors
    /// When the address or the headers cannot be used.
    pub(super) fn to(
        collector: &OtlpConfig,
        environment: &'static str,
        accepts_any_certificate: bool,
        io: Handle,
    ) -> Result<Self, ExportError> {
        let refused = |problem: String| ExportError {
            variable: "OTEL_EXPORTER_OTLP_ENDPOINT",
            problem,
        };
        let client = reqwest::Client::builder()
            .timeout(EXPORT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tls_danger_accept_invalid_certs(accepts_any_certificate)
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let base = collector.endpoint.expose_secret().trim_end_matches('/');
        let headers = collector
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Courier { client, io })
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{base}/v1/traces"))
            .with_headers(headers)
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let resource = Resource::builder()
            .with_service_name(collector.service_name.clone())
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("deployment.environment.name", environment),
            ])
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::TraceIdRatioBased(collector.sampled_share))
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// What turns spans into those of the collector.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("identite"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|metadata| {
                metadata.is_span() && metadata.target() == TRACES
            }))
    }

    /// Waits a moment for spans that are under way; none leaves from then on.
    pub(super) fn end(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(LAST_MOMENT) {
            tracing::warn!(%error, "the last traces did not leave");
        }
    }
}

/// Gives a span of the target [`TRACES`] the name that is known at its end only.
pub fn name_trace(trace: &Span, name: String) {
    trace.context().span().update_name(name);
}

/// Everything but the spans that leave: what the log is made of.
pub(super) fn all_but_traces<S>() -> impl Filter<S> {
    filter_fn(|metadata| metadata.target() != TRACES)
}

/// Sends what the exporter, on a thread without a runtime, hands over.
#[derive(Debug)]
struct Courier {
    client: reqwest::Client,
    io: Handle,
}

#[async_trait]
impl HttpClient for Courier {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let exchange = self.io.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let mut response = Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                headers.clone_from(answer.headers());
            }
            Ok(response.body(answer.bytes().await?)?)
        });
        exchange.await?
    }
}

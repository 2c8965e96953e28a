//! What leaves the house about how it fares.

use secrecy::SecretString;

use super::reader::Reader;

/// The target of the spans that a collector gets. Whoever measures something worth a collector's attention makes a span of
/// the level `trace` with it; without a collector it is never enabled.
pub const TRACES: &str = "identite_traces";

/// Where errors and traces go, if anywhere. Metrics are fetched by Prometheus; see the operator pages.
#[derive(Debug, Clone)]
pub struct ExportsConfig {
    /// `SENTRY_DSN`: error reporting; `None` disables it.
    pub sentry_dsn: Option<SecretString>,
    /// A collector of OpenTelemetry; `None` disables traces.
    pub otlp: Option<OtlpConfig>,
}

/// A collector that speaks OTLP over HTTP.
#[derive(Debug, Clone)]
pub struct OtlpConfig {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: its base URL; traces go to `/v1/traces` under it.
    pub endpoint: SecretString,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: sent along, as `authorization`.
    pub headers: Vec<(String, SecretString)>,
    /// `OTEL_SERVICE_NAME`: whose traces these are.
    pub service_name: String,
    /// `OTEL_TRACES_SAMPLER_ARG`: the share of requests that are traced, from 0 to 1.
    pub sampled_share: f64,
}

impl ExportsConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
        const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
        let sentry_dsn = reader.optional_url("SENTRY_DSN");
        let endpoint = reader.optional_url(ENDPOINT);
        let is_http = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        if reader.raw_filled(ENDPOINT).is_some_and(|text| !is_http(&text)) {
            reader.reject(ENDPOINT, "expected an http or https URL");
        }
        let headers = headers(&reader.raw_filled(HEADERS).unwrap_or_default()).unwrap_or_else(|| {
            reader.reject(HEADERS, "expected name=value pairs between commas");
            Vec::new()
        });
        reader.optional_secret(HEADERS);
        let service_name = reader.text("OTEL_SERVICE_NAME", "identite");
        let sampled_share = reader.decimal("OTEL_TRACES_SAMPLER_ARG", 1.0, 0.0..=1.0);
        Self {
            sentry_dsn,
            otlp: endpoint.map(|endpoint| OtlpConfig {
                endpoint,
                headers,
                service_name,
                sampled_share,
            }),
        }
    }
}

/// Pairs between commas; `None` when one is none.
fn headers(text: &str) -> Option<Vec<(String, SecretString)>> {
    super::reader::items(text)
        .iter()
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            let name = name.trim();
            let is_header = !name.is_empty() && name.bytes().all(is_name);
            is_header.then(|| (name.to_owned(), SecretString::from(value.trim())))
        })
        .collect()
}

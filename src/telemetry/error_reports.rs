//! Errors reported to Sentry, where a deployment asks for it (`SENTRY_DSN`): what the log tells at the level of errors, the
//! name of the request, and no personal data.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sentry::protocol::{Event as Report, Level as Severity, Value};
use sentry::transports::DefaultTransportFactory;
use sentry::types::Dsn;
use sentry::{Client, ClientOptions};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::ExportError;
use super::problems::name_of_request;
use super::scrubbing::scrub;

/// What is kept of a text, in bytes.
const TEXT_LIMIT: usize = 1_000;
/// What reports in flight get when the process ends.
const LAST_MOMENT: Duration = Duration::from_secs(2);

/// What sends the reports. Cheap to clone.
#[derive(Clone)]
pub(super) struct ErrorReports(Arc<Client>);

impl ErrorReports {
    /// Reports go to `dsn` from now on, in the background, as of the deployment `environment`.
    ///
    /// # Errors
    /// When the DSN is none.
    pub(super) fn to(
        dsn: &SecretString,
        environment: &'static str,
        accepts_any_certificate: bool,
    ) -> Result<Self, ExportError> {
        let dsn = Dsn::from_str(dsn.expose_secret()).map_err(|error| ExportError {
            variable: "SENTRY_DSN",
            problem: error.to_string(),
        })?;
        let mut options = ClientOptions::new()
            .release(concat!("identite@", env!("CARGO_PKG_VERSION")))
            .environment(environment)
            .default_integrations(false)
            .send_default_pii(false)
            .accept_invalid_certs(accepts_any_certificate)
            .shutdown_timeout(LAST_MOMENT)
            .max_breadcrumbs(0)
            .transport(DefaultTransportFactory);
        options.dsn = Some(dsn);
        Ok(Self(Arc::new(Client::with_options(options))))
    }

    /// What turns errors of the log into reports.
    pub(super) fn layer(&self) -> ErrorReportLayer {
        ErrorReportLayer {
            reports: self.clone(),
        }
    }

    /// Waits a moment for reports that are under way; nothing is reported from then on.
    pub(super) fn end(&self) {
        self.0.close(Some(LAST_MOMENT));
    }
}

/// See [`ErrorReports::layer`].
pub(super) struct ErrorReportLayer {
    reports: ErrorReports,
}

impl<S> Layer<S> for ErrorReportLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if *event.metadata().level() != Level::ERROR {
            return;
        }
        let mut texts = Texts::default();
        event.record(&mut texts);
        let tags = name_of_request(event, &context).map(|name| ("request_id".to_owned(), name));
        let report = Report {
            level: Severity::Error,
            logger: Some(event.metadata().target().to_owned()),
            message: Some(texts.message),
            extra: texts.fields,
            tags: tags.into_iter().collect(),
            ..Report::default()
        };
        self.reports.0.capture_event(report, None);
    }
}

/// Message and fields of an event, scrubbed and bounded.
#[derive(Default)]
struct Texts {
    message: String,
    fields: BTreeMap<String, Value>,
}

impl Texts {
    fn take(&mut self, field: &Field, text: &str) {
        let mut text = scrub(text);
        if text.len() > TEXT_LIMIT {
            text.truncate(text.floor_char_boundary(TEXT_LIMIT));
            text.push('…');
        }
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.insert(field.name().to_owned(), text.into());
        }
    }
}

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, &format!("{value:?}"));
    }
}

//! The warnings and errors of late, with the name of the request that each belongs to: what operators look at first.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use identite_actors::clock::SharedClock;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Problems that are remembered.
const CAPACITY: usize = 200;
/// What is kept of a message with its fields, in bytes.
const MESSAGE_LIMIT: usize = 600;
/// The field of a span that names its request.
const REQUEST_ID: &str = "request_id";

/// A warning or an error that was logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    pub at: DateTime<Utc>,
    /// `warn` or `error`.
    pub level: &'static str,
    /// Message and fields, bounded.
    pub message: String,
    /// What the answer and the access log call the request.
    pub request_id: Option<String>,
}

/// See the module. Cheap to clone.
#[derive(Clone, Default)]
pub struct Problems(Arc<Mutex<VecDeque<Problem>>>);

impl Problems {
    /// What there was of late, the latest first.
    #[must_use]
    pub fn latest(&self) -> Vec<Problem> {
        let problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        problems.iter().rev().cloned().collect()
    }

    fn remember(&self, problem: Problem) {
        let mut problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.len() == CAPACITY {
            problems.pop_front();
        }
        problems.push_back(problem);
    }
}

/// What notes the problems.
pub(super) struct ProblemLayer {
    pub problems: Problems,
    pub clock: SharedClock,
}

/// The name of the request that a span is about.
struct RequestName(String);

impl<S> Layer<S> for ProblemLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut name = FieldText::of(REQUEST_ID);
        attributes.record(&mut name);
        if let (Some(text), Some(span)) = (name.text, context.span(id)) {
            span.extensions_mut().insert(RequestName(text));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            _ => return,
        };
        let mut message = Message::default();
        event.record(&mut message);
        let request_id = name_of_request(event, &context);
        self.problems.remember(Problem {
            at: self.clock.now(),
            level,
            message: message.whole(),
            request_id,
        });
    }
}

/// The name of the request that an event belongs to, as [`ProblemLayer`] noted it.
pub(super) fn name_of_request<S>(event: &Event<'_>, context: &Context<'_, S>) -> Option<String>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    context
        .event_scope(event)?
        .find_map(|span| span.extensions().get::<RequestName>().map(|name| name.0.clone()))
}

/// The text of one field.
struct FieldText {
    name: &'static str,
    text: Option<String>,
}

impl FieldText {
    fn of(name: &'static str) -> Self {
        Self { name, text: None }
    }
}

impl Visit for FieldText {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.name {
            self.text = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == self.name {
            self.text = Some(format!("{value:?}"));
        }
    }
}

/// The message of an event, then its fields.
#[derive(Default)]
struct Message {
    message: String,
    fields: String,
}

impl Message {
    fn whole(mut self) -> String {
        self.message.push_str(&self.fields);
        if self.message.len() > MESSAGE_LIMIT {
            let end = self.message.floor_char_boundary(MESSAGE_LIMIT);
            self.message.truncate(end);
            self.message.push('…');
        }
        self.message
    }
}

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a text cannot fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use identite_actors::clock::SystemClock;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn problems_are_remembered_with_their_request_and_the_oldest_go_first() {
        let problems = Problems::default();
        let layer = ProblemLayer {
            problems: problems.clone(),
            clock: Arc::new(SystemClock),
        };
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("all is well");
            tracing::error!("outside of any request");
            let span = tracing::error_span!("request", request_id = %"r1");
            span.in_scope(|| {
                let inner = tracing::info_span!("inner", step = 2);
                inner.in_scope(|| tracing::warn!(attempts = 2, "mail server is away"));
            });
        });
        let latest = problems.latest();
        let told: Vec<_> = latest
            .iter()
            .map(|problem| {
                (
                    problem.level,
                    problem.message.as_str(),
                    problem.request_id.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("warn", "mail server is away attempts=2", Some("r1")),
                ("error", "outside of any request", None),
            ]
        );

        for number in 0..CAPACITY {
            problems.remember(Problem {
                message: number.to_string(),
                ..latest[0].clone()
            });
        }
        let latest = problems.latest();
        assert_eq!(latest.len(), CAPACITY);
        assert_eq!(latest[0].message, (CAPACITY - 1).to_string());
        assert_eq!(latest[CAPACITY - 1].message, "0");
    }
}

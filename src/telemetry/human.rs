//! The application log for people: `[22/Nov/2026:15:15:01 +0000] in localhost development mode`.

use std::fmt;

use chrono::Local;
use identite_actors::clock::SharedClock;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// A line per event: local time, the level if it is worth attention, the message and its fields, then the fields of the
/// spans around it (as the request's id).
pub(super) struct HumanFormat {
    clock: SharedClock,
}

impl HumanFormat {
    pub fn new(clock: SharedClock) -> Self {
        Self { clock }
    }
}

impl<S, N> FormatEvent<S, N> for HumanFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = self.clock.now().with_timezone(&Local);
        write!(writer, "[{}] ", now.format("%d/%b/%Y:%H:%M:%S %z"))?;
        let level = *event.metadata().level();
        if level <= Level::WARN {
            write!(writer, "{level} ")?;
        }
        context.format_fields(writer.by_ref(), event)?;

        for span in context.event_scope().into_iter().flatten() {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>()
                && !fields.is_empty()
            {
                write!(writer, " {fields}")?;
            }
        }
        writeln!(writer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use identite_actors::clock::SystemClock;

    use super::HumanFormat;

    #[derive(Clone, Default)]
    struct Collected(Arc<Mutex<Vec<u8>>>);

    impl Write for Collected {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_date_the_message_and_the_request() {
        let collected = Collected::default();
        let writer = collected.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .event_format(HumanFormat::new(Arc::new(SystemClock)))
            .finish();

        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("application is listening on port 3000");
            let span = tracing::info_span!("request", request_id = "r1");
            span.in_scope(|| tracing::warn!(attempts = 2, "mail server is away"));
        });

        let bytes = collected.0.lock().expect("not poisoned").clone();
        let text = String::from_utf8(bytes).expect("text");
        let mut messages = text.lines().map(|line| {
            assert!(line.starts_with('['), "{line}");
            line.split_once("] ").expect("a date in brackets").1
        });
        assert_eq!(messages.next(), Some("application is listening on port 3000"));
        assert_eq!(
            messages.next(),
            Some("WARN mail server is away attempts=2 request_id=\"r1\"")
        );
    }
}

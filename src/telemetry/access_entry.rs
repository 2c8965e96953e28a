//! One line of the access log.

use std::borrow::Cow;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, Utc};
use serde_json::json;

use super::redaction::{redact_addresses, redact_query};
use crate::config::LogFormat;

/// The longest text of a request that is logged, in bytes.
const LONGEST_FIELD: usize = 2048;

/// The time of a line in Apache's combined format, taken apart once.
static TIMESTAMP: LazyLock<Vec<Item<'static>>> =
    LazyLock::new(|| StrftimeItems::new("%d/%b/%Y:%H:%M:%S +0000").collect());

/// What is logged about a request once it is answered.
#[derive(Debug, Clone)]
pub struct AccessEntry {
    /// The instant of the answer.
    pub at: DateTime<Utc>,
    pub client_ip: Option<IpAddr>,
    /// Name given by HTTP Basic authentication, that is a relying party's `client_id`.
    pub user: Option<String>,
    pub method: String,
    /// Path and query as received.
    pub target: String,
    /// For instance `1.1`.
    pub http_version: &'static str,
    pub status: u16,
    /// Size of the answer's body in bytes, if known.
    pub length: Option<u64>,
    pub referrer: Option<String>,
    pub user_agent: Option<String>,
    pub request_id: String,
    /// From the first byte of the request to the answer.
    pub duration: Duration,
}

impl AccessEntry {
    /// The line for this entry, without line end. Secrets and addresses in the URL, the referrer and the name of the browser are redacted,
    /// long texts cut.
    #[must_use]
    pub fn line(&self, format: LogFormat) -> String {
        match format {
            LogFormat::Human => self.combined(),
            LogFormat::Json => self.json(),
        }
    }

    /// Apache's combined format.
    fn combined(&self) -> String {
        let mut line = String::with_capacity(256);
        push_or_dash(&mut line, self.client_ip.map(|ip| ip.to_string()).as_deref());
        line.push_str(" - ");
        push_or_dash(
            &mut line,
            self.user.as_deref().map(|user| user.replace(' ', "+")).as_deref(),
        );
        let at = self.at.format_with_items(TIMESTAMP.iter());
        let _ = write!(line, " [{at}] \"");
        push_escaped(&mut line, &self.method);
        line.push(' ');
        push_escaped(&mut line, cut(&redacted(&self.target)));
        let _ = write!(line, " HTTP/{}\" {} ", self.http_version, self.status);
        push_or_dash(&mut line, self.length.map(|length| length.to_string()).as_deref());
        line.push_str(" \"");
        push_or_dash(
            &mut line,
            self.referrer.as_deref().map(redacted).as_deref().map(cut),
        );
        line.push_str("\" \"");
        push_or_dash(
            &mut line,
            self.user_agent
                .as_deref()
                .map(redact_addresses)
                .as_deref()
                .map(cut),
        );
        line.push('"');
        line
    }

    fn json(&self) -> String {
        let referrer = self.referrer.as_deref().map(redacted);
        let user_agent = self.user_agent.as_deref().map(redact_addresses);
        json!({
            "timestamp": self.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            "kind": "access",
            "client_ip": self.client_ip,
            "user": self.user,
            "method": self.method,
            "target": cut(&redacted(&self.target)),
            "http_version": self.http_version,
            "status": self.status,
            "length": self.length,
            "referrer": referrer.as_deref().map(cut),
            "user_agent": user_agent.as_deref().map(cut),
            "request_id": self.request_id,
            "duration_ms": self.duration.as_secs_f64() * 1000.0,
        })
        .to_string()
    }
}

/// A URL without secrets and without addresses.
fn redacted(url: &str) -> Cow<'_, str> {
    match redact_query(url) {
        Cow::Borrowed(url) => redact_addresses(url),
        Cow::Owned(url) => Cow::Owned(redact_addresses(&url).into_owned()),
    }
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_FIELD)]
}

fn push_or_dash(line: &mut String, text: Option<&str>) {
    match text {
        Some(text) if !text.is_empty() => push_escaped(line, text),
        _ => line.push('-'),
    }
}

/// Quotes, backslashes and what is not printable ASCII are escaped, as Apache does: a request cannot forge a line.
fn push_escaped(line: &mut String, text: &str) {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        line.push_str(text);
        return;
    }
    for byte in text.bytes() {
        match byte {
            b'"' => line.push_str("\\\""),
            b'\\' => line.push_str("\\\\"),
            byte if is_plain(byte) => line.push(char::from(byte)),
            _ => {
                let _ = write!(line, "\\x{byte:02x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn entry() -> AccessEntry {
        AccessEntry {
            at: Utc
                .with_ymd_and_hms(2026, 11, 22, 15, 15, 1)
                .single()
                .expect("a date"),
            client_ip: Some(IpAddr::from([192, 0, 2, 7])),
            user: None,
            method: "GET".to_owned(),
            target: "/users/start-sign-in?login_hint=a%40b.fr".to_owned(),
            http_version: "1.1",
            status: 200,
            length: Some(5120),
            referrer: Some("https://rp.example/?state=xyz".to_owned()),
            user_agent: Some("Mozilla/5.0 (X11)".to_owned()),
            request_id: "r1".to_owned(),
            duration: Duration::from_micros(1500),
        }
    }

    #[test]
    fn the_combined_format() {
        assert_eq!(
            entry().line(LogFormat::Human),
            "192.0.2.7 - - [22/Nov/2026:15:15:01 +0000] \"GET /users/start-sign-in?login_hint=*** HTTP/1.1\" 200 5120 \
             \"https://rp.example/?state=***\" \"Mozilla/5.0 (X11)\""
        );
    }

    #[test]
    fn what_is_unknown_is_a_dash() {
        let bare = AccessEntry {
            client_ip: None,
            user: Some("client id".to_owned()),
            length: None,
            referrer: None,
            user_agent: Some(String::new()),
            ..entry()
        };
        assert_eq!(
            bare.line(LogFormat::Human),
            "- - client+id [22/Nov/2026:15:15:01 +0000] \"GET /users/start-sign-in?login_hint=*** HTTP/1.1\" 200 - \"-\" \"-\""
        );
    }

    #[test]
    fn the_json_format() {
        let line = entry().line(LogFormat::Json);
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["target"], "/users/start-sign-in?login_hint=***");
        assert_eq!(value["timestamp"], "2026-11-22T15:15:01.000Z");
        assert_eq!(value["duration_ms"], 1.5);
        assert!(!line.contains("xyz"));
    }

    proptest! {
        #[test]
        fn a_request_cannot_forge_a_line(text in any::<String>()) {
            let forged = AccessEntry {
                method: text.clone(),
                target: text.clone(),
                referrer: Some(text.clone()),
                user: Some(text.clone()),
                user_agent: Some(text),
                ..entry()
            };
            for format in [LogFormat::Human, LogFormat::Json] {
                let line = forged.line(format);
                prop_assert!(!line.contains(['\n', '\r']));
            }
            let line = forged.line(LogFormat::Human);
            let quotes = line.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            prop_assert_eq!(quotes, 6);
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let long = AccessEntry {
            user_agent: Some("é".repeat(5000)),
            ..entry()
        };
        assert!(long.line(LogFormat::Human).len() < 4 * LONGEST_FIELD + 512);
    }
}

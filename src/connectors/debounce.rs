//! Debounce: can an address receive mail? (spec/connectors-and-operations.md §2.9)

use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::call::{CallError, Request};
use super::http::{HttpClient, Line};
use crate::config::ReloadableSecret;
use crate::domain::Email;

/// The line to Debounce. Cheap to clone.
#[derive(Clone)]
pub struct Debounce {
    line: Line,
    base_url: Url,
    key: ReloadableSecret,
}

/// What is known of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deliverability {
    /// Mail reaches somebody.
    Deliverable,
    /// It does not. Perhaps another address was meant.
    Undeliverable { did_you_mean: Option<String> },
}

#[derive(Deserialize)]
struct Answer {
    debounce: Option<Verdict>,
    success: Option<Value>,
}

#[derive(Deserialize)]
struct Verdict {
    send_transactional: Option<Value>,
    did_you_mean: Option<String>,
}

impl Debounce {
    /// `base_url` (`DEBOUNCE_API_URL`) is followed by `/v1/`; `key` is `DEBOUNCE_API_KEY`.
    #[must_use]
    pub fn new(http: &HttpClient, base_url: Url, key: ReloadableSecret) -> Self {
        Self {
            line: http.line("debounce"),
            base_url,
            key,
        }
    }

    /// Asks about `email`.
    ///
    /// # Errors
    /// When there is no answer, or one about our account there instead of the address: nothing is known then.
    pub async fn check(&self, email: &Email) -> Result<Deliverability, CallError> {
        let mut url = self.base_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["v1", ""]);
        }
        url.query_pairs_mut()
            .append_pair("email", email.as_str())
            .append_pair("api", self.key.current().expose_secret());
        self.line
            .call(Request::get(url).accept("application/json"), |answer| {
                read(answer.document()?)
            })
            .await
    }
}

fn read(document: &str) -> Result<Deliverability, CallError> {
    let unreadable = |what: &str| CallError::Unreadable(what.to_owned());
    let answer: Answer = serde_json::from_str(document).map_err(|_| unreadable("not the expected JSON"))?;
    let verdict = match (answer.debounce, answer.success) {
        (Some(verdict), Some(success)) if is_one(&success) => verdict,
        _ => return Err(unreadable("the service did not judge the address")),
    };
    let sendable = verdict
        .send_transactional
        .ok_or_else(|| unreadable("the verdict is missing"))?;
    if is_one(&sendable) {
        return Ok(Deliverability::Deliverable);
    }
    let did_you_mean = verdict
        .did_you_mean
        .filter(|suggestion| Email::parse(suggestion).is_ok());
    Ok(Deliverability::Undeliverable { did_you_mean })
}

/// `"1"`, or what a careless serializer makes of it.
fn is_one(value: &Value) -> bool {
    match value {
        Value::String(text) => text == "1",
        Value::Number(number) => number.as_i64() == Some(1),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_verdict_on_the_address_is_one() {
        let undeliverable = |suggestion: Option<&str>| {
            Ok(Deliverability::Undeliverable {
                did_you_mean: suggestion.map(str::to_owned),
            })
        };
        for (document, expected) in [
            (
                r#"{"debounce":{"send_transactional":"1","did_you_mean":""},"success":"1"}"#,
                Ok(Deliverability::Deliverable),
            ),
            (
                r#"{"debounce":{"send_transactional":1},"success":1}"#,
                Ok(Deliverability::Deliverable),
            ),
            (
                r#"{"debounce":{"send_transactional":"0","did_you_mean":""},"success":"1","balance":"12"}"#,
                undeliverable(None),
            ),
            (
                r#"{"debounce":{"send_transactional":"0","did_you_mean":"a@gmail.com"},"success":"1"}"#,
                undeliverable(Some("a@gmail.com")),
            ),
            (
                r#"{"debounce":{"send_transactional":"0","did_you_mean":"<b>"},"success":"1"}"#,
                undeliverable(None),
            ),
        ] {
            assert_eq!(read(document), expected, "{document}");
        }
        for document in [
            "",
            "null",
            "[]",
            r#"{"success":"1"}"#,
            r#"{"debounce":{"send_transactional":"1"}}"#,
            r#"{"debounce":{"error":"Wrong API"},"success":"0"}"#,
            r#"{"debounce":{"code":"5"},"success":"1"}"#,
        ] {
            assert!(
                matches!(read(document), Err(CallError::Unreadable(_))),
                "{document}"
            );
        }
    }
}

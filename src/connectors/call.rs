//! One call of a remote system: what is asked, what is answered, and why there may be no answer.

use std::time::Instant;

use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

/// What is asked of a remote system.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
    /// Whoever carries a secret goes nowhere else with it, and whoever fetches what is trusted takes it from nowhere else.
    pub(super) follows_redirects: bool,
    /// Nobody waits for the answer after this, whatever the line grants.
    pub(super) until: Option<Instant>,
}

impl Request {
    /// A document is fetched.
    pub(super) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            follows_redirects: true,
            until: None,
        }
    }

    /// A form is sent, `application/x-www-form-urlencoded`. Redirects are not followed.
    pub(super) fn post_form(url: Url, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        Self::post(url, "application/x-www-form-urlencoded", body.into_bytes())
    }

    /// A JSON document is sent. Redirects are not followed.
    ///
    /// # Errors
    /// When `document` cannot be written as JSON.
    pub(super) fn post_json(url: Url, document: &impl Serialize) -> Result<Self, CallError> {
        let body = serde_json::to_vec(document).map_err(|error| CallError::Unsendable(error.to_string()))?;
        Ok(Self::post(url, "application/json", body))
    }

    fn post(url: Url, content_type: &'static str, body: Vec<u8>) -> Self {
        let mut request = Self::get(url);
        request.method = Method::POST;
        request.body = Some(body);
        request.follows_redirects = false;
        request.header(CONTENT_TYPE, content_type)
    }

    /// When the answer must be there, for calls of which one of several is left the rest of the time.
    pub(super) fn by(mut self, until: Instant) -> Self {
        self.until = Some(until);
        self
    }

    /// What is not at the address itself is not taken from another.
    pub(super) fn without_redirects(mut self) -> Self {
        self.follows_redirects = false;
        self
    }

    /// The media types that can be read.
    pub(super) fn accept(self, media_types: &'static str) -> Self {
        self.header(ACCEPT, media_types)
    }

    /// One more header.
    pub(super) fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// The bearer token that lets us in. Redirects are not followed.
    ///
    /// # Errors
    /// When the token holds characters that no header can.
    pub(super) fn bearer(self, token: &SecretString) -> Result<Self, CallError> {
        self.authorization(&format!("Bearer {}", token.expose_secret()))
    }

    /// The value of the header `Authorization`. Redirects are not followed.
    ///
    /// # Errors
    /// When it holds characters that no header can.
    pub(super) fn authorization(mut self, credentials: &str) -> Result<Self, CallError> {
        let mut value = HeaderValue::from_str(credentials)
            .map_err(|_| CallError::Unsendable("the credentials fit into no header".to_owned()))?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        self.follows_redirects = false;
        Ok(self)
    }
}

/// What a remote system answered, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Media type without parameters, in small letters; empty when none was told.
    pub(super) media_type: String,
    pub(super) body: String,
}

impl Answer {
    /// The body of an answer with the status 200.
    ///
    /// # Errors
    /// [`CallError::Status`] for any other status.
    pub(super) fn document(&self) -> Result<&str, CallError> {
        if self.status == 200 {
            Ok(&self.body)
        } else {
            Err(CallError::Status(self.status))
        }
    }

    /// The JSON of an answer with the status 200.
    ///
    /// # Errors
    /// When the status is another one, or the document is not what `T` expects.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        // The text of the error could tell what is in the document: only its place is kept.
        serde_json::from_str(self.document()?).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            CallError::Unreadable(format!("not the expected JSON at {place}"))
        })
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
    /// The fault is on our side: nothing was sent.
    #[error("the request cannot be sent: {0}")]
    Unsendable(String),
}

impl CallError {
    /// Value of the label `outcome`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit_open",
            Self::Busy => "busy",
            Self::Timeout => "timeout",
            Self::Network(_) => "network",
            Self::Status(_) => "status",
            Self::Unreadable(_) => "unreadable",
            Self::Unsendable(_) => "unsendable",
        }
    }

    /// What the error says about the health of the remote system: `Some(false)` that it fails, `Some(true)` that it is
    /// well and only refuses this request, `None` nothing, since it was not asked.
    pub(super) fn speaks_for_the_system(&self) -> Option<bool> {
        match self {
            Self::CircuitOpen | Self::Busy | Self::Unsendable(_) => None,
            Self::Status(status) => Some(*status < 500 && *status != 429),
            Self::Timeout | Self::Network(_) | Self::Unreadable(_) => Some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_no_failure_of_the_system() {
        for (error, expected) in [
            (CallError::Status(404), Some(true)),
            (CallError::Status(400), Some(true)),
            (CallError::Status(429), Some(false)),
            (CallError::Status(502), Some(false)),
            (CallError::Timeout, Some(false)),
            (CallError::Unreadable(String::new()), Some(false)),
            (CallError::Busy, None),
            (CallError::CircuitOpen, None),
        ] {
            assert_eq!(error.speaks_for_the_system(), expected, "{error}");
        }
    }

    #[test]
    fn an_unreadable_document_is_not_quoted() {
        let answer = Answer {
            status: 200,
            media_type: "application/json".to_owned(),
            body: r#"{"secret": "hunter2""#.to_owned(),
        };
        let error = answer.json::<u32>().unwrap_err();
        assert!(matches!(&error, CallError::Unreadable(text) if !text.contains("hunter2")));
    }

    #[test]
    fn whoever_carries_a_secret_follows_no_redirect() {
        let url: Url = "https://exemple.fr/".parse().unwrap();
        assert!(Request::get(url.clone()).follows_redirects);
        assert!(!Request::post_form(url.clone(), &[("a", "b c")]).follows_redirects);
        assert!(!Request::get(url.clone()).without_redirects().follows_redirects);
        let with_token = Request::get(url).bearer(&SecretString::from("token")).unwrap();
        assert!(!with_token.follows_redirects);
        assert!(with_token.headers[AUTHORIZATION].is_sensitive());
    }
}

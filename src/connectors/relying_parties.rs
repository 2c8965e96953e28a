//! Relying parties that this server calls: their published keys, and where they want to be told of a logout.
//!
//! Each place has a line of its own: one that is away does not keep the others waiting.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line};

/// Lines by origin. Cheap to clone.
#[derive(Clone)]
struct Lines {
    http: HttpClient,
    name: &'static str,
    by_origin: Arc<Mutex<HashMap<String, Line>>>,
}

impl Lines {
    fn new(http: &HttpClient, name: &'static str) -> Self {
        Self {
            http: http.clone(),
            name,
            by_origin: Arc::default(),
        }
    }

    fn to(&self, url: &Url) -> Line {
        let mut lines = self.by_origin.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .entry(url.origin().ascii_serialization())
            .or_insert_with(|| self.http.line(self.name))
            .clone()
    }
}

/// The key sets that relying parties publish. Cheap to clone.
#[derive(Clone)]
pub struct ClientKeyDocuments {
    lines: Lines,
}

impl ClientKeyDocuments {
    /// Fetches through `http`.
    #[must_use]
    pub fn new(http: &HttpClient) -> Self {
        Self {
            lines: Lines::new(http, "client_jwks"),
        }
    }

    /// The document at a `jwks_uri`. Redirects are not followed: whoever registered the address vouched for it alone.
    ///
    /// # Errors
    /// When there is no answer, or one that is not JSON.
    pub async fn fetch(&self, uri: &Url) -> Result<Value, CallError> {
        let request = Request::get(uri.clone())
            .accept("application/jwk-set+json, application/json")
            .without_redirects();
        self.lines.to(uri).call(request, Answer::json).await
    }
}

/// Where relying parties are told of logouts. Cheap to clone.
#[derive(Clone)]
pub struct LogoutReceivers {
    lines: Lines,
}

impl LogoutReceivers {
    /// Calls through `http`.
    #[must_use]
    pub fn new(http: &HttpClient) -> Self {
        Self {
            lines: Lines::new(http, "backchannel_logout"),
        }
    }

    /// Hands a logout token over (`OpenID Connect` Back-Channel Logout 1.0 §2.5).
    ///
    /// # Errors
    /// When there is no answer, or one that is neither 200 nor 204.
    pub async fn notify(&self, uri: &Url, logout_token: &str) -> Result<(), CallError> {
        let request = Request::post_form(uri.clone(), &[("logout_token", logout_token)]);
        self.lines
            .to(uri)
            .call(request, |answer| match answer.status {
                200 | 204 => Ok(()),
                status => Err(CallError::Status(status)),
            })
            .await
    }
}

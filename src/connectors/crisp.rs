//! Crisp, the support desk: one conversation a request (spec/organizations.md §4.6).

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::HeaderName;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;

use super::call::{Answer, CallError, Request};
use super::http::{HttpClient, Line, LineSettings};
use crate::config::ReloadableSecret;

/// Nobody waits for these calls but the outbox.
const DEADLINE: Duration = Duration::from_secs(10);

/// How to be let in, and what conversations carry.
#[derive(Clone)]
pub struct CrispSettings {
    /// `CRISP_BASE_URL`
    pub base_url: Url,
    /// `CRISP_WEBSITE_ID`
    pub website_id: String,
    /// `CRISP_IDENTIFIER`
    pub identifier: ReloadableSecret,
    /// `CRISP_KEY`
    pub key: ReloadableSecret,
    /// `CRISP_USER_NICKNAME`
    pub nickname: String,
    /// `email`, `CRISP_MODERATION_TAG`, and the host name of this deployment.
    pub segments: Vec<String>,
}

/// The line to Crisp. Cheap to clone.
#[derive(Clone)]
pub struct Crisp {
    line: Line,
    settings: CrispSettings,
}

impl Crisp {
    /// The desk that `settings` names.
    #[must_use]
    pub fn new(http: &HttpClient, settings: CrispSettings) -> Self {
        let line = LineSettings {
            deadline: DEADLINE,
            ..http.usual()
        };
        Self {
            line: http.line_with("crisp", line),
            settings,
        }
    }

    /// Opens a conversation. Gives its name.
    ///
    /// # Errors
    /// When the desk does not answer or refuses.
    pub async fn open_conversation(&self) -> Result<String, CallError> {
        let request = Request::post_json(self.url(&["conversation"]), &json!({}))?;
        self.call(request, |document| {
            let session = document["data"]["session_id"].as_str();
            session
                .map(str::to_owned)
                .ok_or_else(|| CallError::Unreadable("the conversation has no name".to_owned()))
        })
        .await
    }

    /// Says whom a conversation is with, and about what. Done twice, it does nothing the second time.
    ///
    /// # Errors
    /// When the desk does not answer or refuses.
    pub async fn describe(&self, conversation: &str, email: &str, subject: &str) -> Result<(), CallError> {
        let meta = json!({ "email": email, "subject": subject, "segments": self.settings.segments });
        let url = self.url(&["conversation", conversation, "meta"]);
        self.call(patch(Request::post_json(url, &meta)?), |_| Ok(()))
            .await
    }

    /// Writes to whom the conversation is with. `content` is Markdown.
    ///
    /// # Errors
    /// When the desk does not answer or refuses.
    pub async fn send_message(&self, conversation: &str, content: &str) -> Result<(), CallError> {
        let message = json!({
            "type": "text",
            "from": "operator",
            "origin": format!("urn:{}", self.settings.website_id),
            "user": { "nickname": self.settings.nickname },
            "content": content,
        });
        let url = self.url(&["conversation", conversation, "message"]);
        self.call(Request::post_json(url, &message)?, |_| Ok(())).await
    }

    /// Ends a conversation, until the other side answers. Done twice, it does nothing the second time.
    ///
    /// # Errors
    /// When the desk does not answer or refuses.
    pub async fn resolve(&self, conversation: &str) -> Result<(), CallError> {
        let url = self.url(&["conversation", conversation, "state"]);
        let state = json!({ "state": "resolved" });
        self.call(patch(Request::post_json(url, &state)?), |_| Ok(()))
            .await
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.settings.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["v1", "website", &self.settings.website_id])
                .extend(path);
        }
        url
    }

    async fn call<T>(
        &self,
        request: Request,
        read: impl FnOnce(&Value) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let settings = &self.settings;
        let credentials = format!(
            "{}:{}",
            settings.identifier.current().expose_secret(),
            settings.key.current().expose_secret()
        );
        let request = request
            .header(HeaderName::from_static("x-crisp-tier"), "plugin")
            .accept("application/json")
            .authorization(&format!("Basic {}", STANDARD.encode(credentials)))?;
        self.line.call(request, |answer| read(&accepted(answer)?)).await
    }
}

fn patch(mut request: Request) -> Request {
    request.method = Method::PATCH;
    request
}

/// The document of an answer that grants what was asked.
fn accepted(answer: &Answer) -> Result<Value, CallError> {
    if !(200..300).contains(&answer.status) {
        return Err(CallError::Status(answer.status));
    }
    let document: Value = serde_json::from_str(&answer.body)
        .map_err(|_| CallError::Unreadable("not the expected JSON".to_owned()))?;
    if document["error"] == json!(true) {
        return Err(CallError::Unreadable("the desk reports an error".to_owned()));
    }
    Ok(document)
}

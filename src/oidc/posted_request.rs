//! *Act*: an authorization request that was posted without a session.
//!
//! Browsers withhold the session's cookie (`SameSite=Lax`) from a form that a page of another site sends, and give it to the GET that they
//! are led to. Whether somebody is signed in can be told there only.

use std::time::Duration;

use chrono::{DateTime, Utc};
use identite_actors::state::Write;
use serde::{Deserialize, Serialize};

use super::answer::AuthorizationAnswer;
use super::artefacts::{looks_like_a_secret, new_secret, posted_request_key};
use super::authentication::Authentication;
use super::authorization_request::AuthorizationRequest;
use super::authorize::{Asked, count, reported};
use super::decision::Progress;
use super::error::Fault;
use super::request_object::unknown_request_uri;
use super::service::{Oidc, Visitor, after};
use crate::db::clients::ClientRow;

/// How long a posted request waits for the browser to follow.
const POSTED_REQUEST_LIFE: Duration = Duration::from_mins(1);

/// What is kept of it: the request as it was read, with all that was checked about how it reached us.
#[derive(Debug, Serialize, Deserialize)]
pub struct PostedRequest {
    request: AuthorizationRequest,
    expires_at: DateTime<Utc>,
}

impl Oidc {
    /// The authorization endpoint for a form that came without a session: a sound request is kept, and goes on with a GET
    /// ([`Self::posted_request`]); an unsound one is answered.
    ///
    /// `raw` and `row` are those of [`Self::authorize`].
    pub async fn keep_posted(
        &self,
        raw: Vec<(String, String)>,
        row: Option<ClientRow>,
    ) -> AuthorizationAnswer {
        let meter = self.meter("authorize");
        let answer = match self.sound_request(raw, row, &meter).await {
            Err(answer) => answer,
            Ok((request, _)) => {
                let target = request.target.clone();
                match self.store_posted(request).await {
                    Ok(Some(name)) => AuthorizationAnswer::Posted { name },
                    Ok(None) => self.refused(&target, unknown_request_uri(), &meter),
                    Err(fault) => self.refused(&target, reported(&fault), &meter),
                }
            }
        };
        count(meter, answer)
    }

    /// The posted request of this name. `None`: none has it, or not any more. It stays until its minute is over, so that a page that is
    /// loaded again goes on as well.
    ///
    /// Whoever has the name may come with it, as with any other address that holds an authorization request.
    ///
    /// # Errors
    /// What is answered when it cannot be looked for.
    pub async fn posted_request(&self, name: &str) -> Result<Option<PostedRequest>, AuthorizationAnswer> {
        let meter = self.meter("authorize");
        self.find_posted(name)
            .await
            .map_err(|fault| count(meter, AuthorizationAnswer::page(reported(&fault))))
    }

    /// A posted request goes on.
    pub async fn answer_posted(
        &self,
        posted: PostedRequest,
        authentication: Option<&Authentication>,
        visitor: &Visitor,
    ) -> AuthorizationAnswer {
        let meter = self.meter("authorize");
        let asked = Asked {
            request: posted.request,
            progress: Progress::default(),
        };
        let answer = self.go_on(asked, None, authentication, visitor, &meter).await;
        count(meter, answer)
    }

    /// Keeps a request; gives its name, unless it was pushed and has become a code.
    async fn store_posted(&self, request: AuthorizationRequest) -> Result<Option<String>, Fault> {
        let name = new_secret();
        let posted = PostedRequest {
            request,
            expires_at: after(self.now(), POSTED_REQUEST_LIFE),
        };
        let write = Write::Put {
            key: posted_request_key(&name),
            value: serde_json::to_vec(&posted)?,
            ttl: POSTED_REQUEST_LIFE,
        };
        let pushed_request = posted.request.pushed_request.as_deref();
        let is_kept = self.write_unless_used(pushed_request, vec![write]).await?;
        Ok(is_kept.then_some(name))
    }

    async fn find_posted(&self, name: &str) -> Result<Option<PostedRequest>, Fault> {
        if !looks_like_a_secret(name) {
            return Ok(None);
        }
        let Some(bytes) = self.state.get(&posted_request_key(name)).await? else {
            return Ok(None);
        };
        let posted: PostedRequest = serde_json::from_slice(&bytes)?;
        Ok((posted.expires_at > self.now()).then_some(posted))
    }
}

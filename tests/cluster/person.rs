//! A person who does not give up: what fails is tried again, what is lost begins anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use url::Url;

use super::figures::Figures;
use crate::support::{ORGANIZATION, PASSWORD, Page, RelyingParty, Visitor, parameter};

/// Nobody insists for longer.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(100);

/// Of the played register.
const LARGE_COMPANY: &str = "66204244933106";

const START: &str = "/users/start-sign-in";
const SIGN_IN: &str = "/users/sign-in";
const SELECT: &str = "/users/select-organization";

/// See the module.
pub struct Person {
    pub visitor: Visitor,
    pub email: String,
    pub figures: Arc<Figures>,
}

impl Person {
    /// Opens a path, as often as it takes.
    pub async fn open(&self, path: &str) -> Page {
        let started = Instant::now();
        loop {
            if let Some(page) = self.ask(self.visitor.client().get(self.visitor.url(path))).await {
                self.figures.waited(started.elapsed());
                return page;
            }
            self.be_patient(started, path).await;
        }
    }

    /// Opens a page and sends its form to `action`, once: `None` when the page has no such form, or nobody answered.
    async fn send(&self, path: &str, action: &str, fields: &[(&str, &str)]) -> Option<Page> {
        let page = self.open(path).await;
        if !page.forms().iter().any(|form| form.action.path() == action) {
            return None;
        }
        self.submit(&page, action, fields).await
    }

    /// Sends the form of `page` to `action`, once.
    async fn submit(&self, page: &Page, action: &str, values: &[(&str, &str)]) -> Option<Page> {
        let form = page.form(action);
        let mut fields = form.fields;
        fields.retain(|(name, _)| values.iter().all(|(replaced, _)| name != replaced));
        fields.extend(
            values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let request = self.visitor.client().post(form.action).form(&fields);
        self.ask(request.header("referer", page.url.as_str())).await
    }

    /// Sends a request, once: `None` when nobody answered, when the answer broke off, or when it tells of a failure.
    async fn ask(&self, request: RequestBuilder) -> Option<Page> {
        self.figures.count(|figures| &figures.requests);
        let page = async {
            let answer = request.send().await.ok()?;
            Some(Page {
                url: answer.url().clone(),
                status: answer.status(),
                headers: answer.headers().clone(),
                body: answer.text().await.ok()?,
            })
        };
        let page = page.await.filter(|page| page.status.as_u16() < 500);
        if page.is_none() {
            self.figures.count(|figures| &figures.failures);
        }
        page
    }

    /// Goes to a relying party by `authorization`, and gives the code that comes back. Signs in if asked to.
    pub async fn obtain_code(&self, authorization: &str) -> String {
        let started = Instant::now();
        loop {
            if let Some(code) = self.try_to_obtain_code(authorization).await {
                return code;
            }
            self.figures.count(|figures| &figures.begun_anew);
            assert!(started.elapsed() < PATIENCE, "{} never got a code", self.email);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn try_to_obtain_code(&self, authorization: &str) -> Option<String> {
        let mut page = self.open(authorization).await;
        for _ in 0..8 {
            if let Some(code) = code_in(&page) {
                return Some(code);
            }
            page = match page.url.path() {
                START => self.send(START, START, &[("login", &self.email)]).await?,
                SIGN_IN => self.send(SIGN_IN, SIGN_IN, &[("password", PASSWORD)]).await?,
                SELECT => {
                    let organization = ORGANIZATION.to_string();
                    let choice = [("organization_id", organization.as_str())];
                    self.send(SELECT, SELECT, &choice).await?
                }
                _ => return None,
            };
        }
        None
    }

    /// Whether this person is signed in.
    pub async fn is_signed_in(&self) -> bool {
        let page = self.open("/personal-information").await;
        page.url.path() == "/personal-information"
    }

    /// Signs out, as often as it takes until an answer says so.
    pub async fn sign_out(&self) {
        let started = Instant::now();
        loop {
            let page = self.open("/oauth/logout").await;
            let confirm = "/oauth/logout/confirm";
            if !page.forms().iter().any(|form| form.action.path() == confirm) {
                return;
            }
            let answer = self.submit(&page, confirm, &[]).await;
            if answer.is_some_and(|page| page.status.as_u16() < 400) {
                return;
            }
            self.be_patient(started, confirm).await;
        }
    }

    /// Asks for a mail to choose another password. Gives whether the answer promised one.
    pub async fn ask_for_reset(&self) -> bool {
        const RESET: &str = "/users/reset-password";
        let answer = self.send(RESET, RESET, &[("login", &self.email)]).await;
        answer.is_some_and(|page| page.status.as_u16() < 400)
    }

    /// Asks to join an organization that knows nobody by their address, which a moderator decides on. Gives whether the answer says
    /// that the request is on record.
    pub async fn ask_to_join(&self) -> bool {
        const JOIN: &str = "/users/join-organization";
        let form = format!("{JOIN}?do_not_propose_suggestions=true");
        let answer = self.send(&form, JOIN, &[("siret", LARGE_COMPANY)]).await;
        answer.is_some_and(|page| page.url.path() == "/users/unable-to-auto-join-organization")
    }

    async fn be_patient(&self, started: Instant, path: &str) {
        assert!(
            started.elapsed() < PATIENCE,
            "{} still gets no answer at {path}",
            self.email
        );
        tokio::time::sleep(PAUSE).await;
    }
}

fn code_in(page: &Page) -> Option<String> {
    let location = page.headers.get("location")?.to_str().ok()?;
    let url = Url::parse(location).ok()?;
    parameter(&url, "code")
}

/// The relying party's part: the code becomes a token, the token claims. `None` when it has to send the person back.
pub async fn redeem(client: &RelyingParty, base_url: &Url, code: &str, figures: &Figures) -> Option<String> {
    let http = crate::support::http_client();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client.client_id.as_str()),
        ("client_secret", client.client_secret.as_str()),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code", code),
    ];
    let url = base_url.join("oauth/token").expect("a path");
    // What is refused was lost, or used by an attempt whose answer was lost.
    let answer = insist(&http.post(url).form(&form), figures).await?;
    let token = answer["access_token"].as_str().expect("a token");

    let url = base_url.join("oauth/userinfo").expect("a path");
    let claims = insist(&http.get(url).bearer_auth(token), figures).await?;
    Some(claims["sub"].as_str().expect("a subject").to_owned())
}

/// The JSON of a successful answer to `request`, or `None` when it is refused. Whoever gets no answer, a broken one or one
/// that tells of a failure tries again.
async fn insist(request: &RequestBuilder, figures: &Figures) -> Option<serde_json::Value> {
    let started = Instant::now();
    loop {
        figures.count(|figures| &figures.requests);
        let outcome = async {
            let request = request.try_clone().expect("a request without a stream");
            let answer = request.send().await?;
            let status = answer.status().as_u16();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        };
        let problem = match outcome.await {
            Ok((200, body)) => return Some(serde_json::from_slice(&body).expect("JSON")),
            Ok((400..500, _)) => return None,
            Ok((status, _)) => format!("answered {status}"),
            Err(error) => format!("{error:?}"),
        };
        figures.count(|figures| &figures.failures);
        assert!(
            started.elapsed() < PATIENCE,
            "the relying party still gets no answer: {problem}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

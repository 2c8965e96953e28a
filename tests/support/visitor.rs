//! A person with a browser without script: cookies, redirects and forms over plain HTTP.

use std::sync::Arc;
use std::time::Duration;

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::REFERER;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, RequestBuilder, Response};
use url::Url;

use super::http::http_client_builder;
use super::page::Page;

/// Redirects followed in a row: more is a loop.
const MAX_REDIRECTS: usize = 20;

/// Deadline of one request with its redirects.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A browser with its own cookies. Redirects are followed within the server; one to another site is given as it is.
#[derive(Clone)]
pub struct Visitor {
    base_url: Url,
    client: Client,
    cookies: Arc<Jar>,
}

impl Visitor {
    /// A browser without any cookie, for the server at `base_url`.
    pub fn new(base_url: &Url) -> Self {
        Self::with_cookies(base_url, Arc::new(Jar::default()))
    }

    /// The same browser at another node: cookies do not tell ports apart.
    #[must_use]
    pub fn at(&self, base_url: &Url) -> Self {
        Self::with_cookies(base_url, Arc::clone(&self.cookies))
    }

    fn with_cookies(base_url: &Url, cookies: Arc<Jar>) -> Self {
        let origin = base_url.origin();
        let client = http_client_builder()
            .cookie_provider(Arc::clone(&cookies))
            .timeout(TIMEOUT)
            // The server closes connections that idle for five seconds: they are not used again shortly before.
            .pool_idle_timeout(Duration::from_secs(2))
            .redirect(Policy::custom(move |attempt: Attempt<'_>| {
                if attempt.url().origin() != origin {
                    return attempt.stop();
                }
                if attempt.previous().len() > MAX_REDIRECTS {
                    return attempt.error("too many redirects");
                }
                attempt.follow()
            }))
            .build()
            .expect("an HTTP client");
        Self {
            base_url: base_url.clone(),
            client,
            cookies,
        }
    }

    /// The client underneath, for requests that no person sends. It shares the cookies.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The absolute address of a path of the server.
    pub fn url(&self, path: &str) -> Url {
        self.base_url.join(path).expect("a path")
    }

    /// The `Cookie` header that would be sent to `path`.
    pub fn cookies_for(&self, path: &str) -> String {
        let header = self.cookies.cookies(&self.url(path));
        header
            .and_then(|header| header.to_str().map(str::to_owned).ok())
            .unwrap_or_default()
    }

    /// The value of the cookie `name` that would be sent to `path`.
    pub fn cookie(&self, path: &str, name: &str) -> Option<String> {
        let cookies = self.cookies_for(path);
        let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
        pairs.find_map(|(found, value)| (found == name).then(|| value.to_owned()))
    }

    /// Puts a cookie into the browser, in the form of a `Set-Cookie` header.
    pub fn add_cookie(&self, cookie: &str) {
        self.cookies.add_cookie_str(cookie, &self.base_url);
    }

    /// Opens a path of the server, or an absolute address.
    pub async fn get(&self, path: &str) -> Page {
        page(self.client.get(self.url(path)).send().await.expect("an answer")).await
    }

    /// Sends a form that no page needs to show first.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        page(
            self.client
                .post(self.url(path))
                .form(fields)
                .send()
                .await
                .expect("an answer"),
        )
        .await
    }

    /// Fills in the form of `page` that is sent to `action` and submits it: `values` replace or extend its own fields.
    pub async fn submit(&self, from: &Page, action: &str, values: &[(&str, &str)]) -> Page {
        let request = self.fill_in(from, action, values);
        page(request.send().await.expect("an answer")).await
    }

    /// Fills in a form as [`Visitor::submit`] does, and does not send it yet.
    pub fn fill_in(&self, from: &Page, action: &str, values: &[(&str, &str)]) -> RequestBuilder {
        let form = from.form(action);
        let mut fields = form.fields;
        fields.retain(|(name, _)| values.iter().all(|(replaced, _)| name != replaced));
        fields.extend(
            values
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        if form.method == "GET" {
            let mut target = form.action;
            target.query_pairs_mut().clear().extend_pairs(&fields);
            self.client.get(target)
        } else {
            self.client
                .post(form.action)
                .form(&fields)
                .header(REFERER, from.url.as_str())
        }
    }

    /// Types an e-mail address on the first sign-in page.
    pub async fn start_sign_in(&self, email: &str) -> Page {
        let page = self.get("/users/start-sign-in").await;
        self.submit(&page, "/users/start-sign-in", &[("login", email)])
            .await
    }

    /// Types the password, after [`Visitor::start_sign_in`].
    pub async fn sign_in(&self, password: &str) -> Page {
        let page = self.get("/users/sign-in").await;
        self.submit(&page, "/users/sign-in", &[("password", password)])
            .await
    }

    /// Chooses an organization by its identifier.
    pub async fn select_organization(&self, id: i32) -> Page {
        let page = self.get("/users/select-organization").await;
        let id = id.to_string();
        self.submit(&page, "/users/select-organization", &[("organization_id", &id)])
            .await
    }

    /// Signs in from the site itself, with e-mail and password.
    pub async fn sign_in_as(&self, email: &str, password: &str) -> Page {
        self.start_sign_in(email).await;
        self.sign_in(password).await
    }

    /// Follows the site's own sign-out link, with the page that submits by itself when there is one.
    pub async fn sign_out(&self) -> Page {
        let page = self.get("/oauth/logout").await;
        if page
            .forms()
            .iter()
            .any(|form| form.action.path() == "/oauth/logout/confirm")
        {
            return self.submit(&page, "/oauth/logout/confirm", &[]).await;
        }
        page
    }
}

impl Visitor {
    /// An answer as a page.
    pub async fn page_of(response: Response) -> Page {
        page(response).await
    }
}

async fn page(response: Response) -> Page {
    Page {
        url: response.url().clone(),
        status: response.status(),
        headers: response.headers().clone(),
        body: response.text().await.expect("a readable answer"),
    }
}

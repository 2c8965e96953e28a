//! The journeys that are measured, step by step as browsers and relying parties make them.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::browser::{Browser, Landing, hidden_field};
use crate::dataset::{Account, Client, PASSWORD, SessionSigner};
use crate::error::LoadError;
use crate::feature::ClientKey;
use crate::relying_party::RelyingParty;

/// Path of the first page of a sign-in.
pub const START_SIGN_IN: &str = "/users/start-sign-in";

/// How an operation ended that did not fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It did what it is for.
    Done,
    /// It was refused for lack of capacity, in the documented way: 503 with `Retry-After`.
    Refused,
}

/// Time taken by the named parts of an operation.
#[derive(Default)]
pub struct Steps(pub Vec<(&'static str, Duration)>);

impl Steps {
    pub fn add(&mut self, name: &'static str, since: Instant) {
        self.0.push((name, since.elapsed()));
    }
}

/// Something that is done over and over and measured.
pub trait Operation {
    /// Does it once.
    ///
    /// # Errors
    /// Whatever is not the expected answer.
    fn run(&mut self, steps: &mut Steps) -> impl Future<Output = Result<Outcome, LoadError>>;
}

/// Where the server is, and the names it uses.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    /// Public origin without trailing slash: the issuer.
    pub origin: String,
    pub signer: Rc<SessionSigner>,
    /// What relying parties sign with.
    pub key: Rc<ClientKey>,
}

/// `GET` of one path, by somebody who has never been here.
pub struct PageVisit {
    browser: Browser,
    path: &'static str,
    contains: &'static str,
}

impl PageVisit {
    /// The discovery document.
    pub fn discovery(target: &Target) -> Self {
        Self::new(
            target,
            "/.well-known/openid-configuration",
            "authorization_endpoint",
        )
    }

    /// The first page of a sign-in.
    pub fn sign_in_page(target: &Target) -> Self {
        Self::new(target, START_SIGN_IN, "")
    }

    fn new(target: &Target, path: &'static str, contains: &'static str) -> Self {
        Self {
            browser: Browser::new(target.address, &target.origin),
            path,
            contains,
        }
    }
}

impl Operation for PageVisit {
    async fn run(&mut self, _: &mut Steps) -> Result<Outcome, LoadError> {
        self.browser.forget();
        let response = self.browser.get(self.path).await?;
        // Reading every compressed page would cost the generator more than the visit costs the server.
        let is_expected =
            response.status == 200 && (self.contains.is_empty() || response.text()?.contains(self.contains));
        if is_expected {
            return Ok(Outcome::Done);
        }
        Err(LoadError::Unexpected {
            step: self.path,
            expected: "200",
            got: response.describe(),
        })
    }
}

/// authorize → code → token → userinfo, by people whose session is alive.
pub struct SignedInJourney {
    browser: Browser,
    relying_party: RelyingParty,
    signer: Rc<SessionSigner>,
    /// The sessions that take turns on this browser.
    sessions: std::iter::Cycle<std::ops::Range<u32>>,
}

impl SignedInJourney {
    /// One browser on which these sessions of the data set take turns.
    pub fn new(target: &Target, client: Client, sessions: std::ops::Range<u32>) -> Self {
        Self {
            browser: Browser::new(target.address, &target.origin),
            relying_party: RelyingParty::new(target, client),
            signer: Rc::clone(&target.signer),
            sessions: sessions.cycle(),
        }
    }
}

impl SignedInJourney {
    /// Sends the next person to the service, as far as their code.
    ///
    /// # Errors
    /// The answer is not a code.
    pub async fn authorize(&mut self) -> Result<String, LoadError> {
        let session = self
            .sessions
            .next()
            .ok_or(LoadError::Setup("no session to use".to_owned()))?;
        self.browser.forget();
        self.browser.set_cookie("session", &self.signer.cookie(session));
        let path = self.relying_party.authorization_request().await?;
        let response = self.browser.get(&path).await?;
        let is_code = response.status == 303;
        let callback = response
            .header("location")
            .filter(|location| is_code && location.starts_with("http"));
        match callback {
            Some(callback) => self.relying_party.code_in(callback),
            None => Err(LoadError::Unexpected {
                step: "authorize",
                expected: "a code",
                got: response.describe(),
            }),
        }
    }

    /// The service that they go to.
    pub fn relying_party(&mut self) -> &mut RelyingParty {
        &mut self.relying_party
    }
}

impl Operation for SignedInJourney {
    async fn run(&mut self, steps: &mut Steps) -> Result<Outcome, LoadError> {
        let began = Instant::now();
        let code = self.authorize().await?;
        steps.add("authorize", began);
        self.relying_party.complete(&code, steps).await?;
        Ok(Outcome::Done)
    }
}

/// authorize → interaction → e-mail → password → code → token → userinfo, each time by somebody without a session.
pub struct PasswordJourney {
    browser: Browser,
    relying_party: RelyingParty,
    accounts: Box<dyn Iterator<Item = Account>>,
}

impl PasswordJourney {
    /// One browser on which these accounts take turns. When they run out, the operation fails.
    pub fn new(target: &Target, client: Client, accounts: impl Iterator<Item = Account> + 'static) -> Self {
        Self {
            browser: Browser::new(target.address, &target.origin),
            relying_party: RelyingParty::new(target, client),
            accounts: Box::new(accounts),
        }
    }
}

impl Operation for PasswordJourney {
    async fn run(&mut self, steps: &mut Steps) -> Result<Outcome, LoadError> {
        let account = self
            .accounts
            .next()
            .ok_or(LoadError::Setup("no account left".to_owned()))?;
        self.browser.forget();

        let began = Instant::now();
        let path = self.relying_party.authorization_request().await?;
        let response = self.browser.get(&path).await?;
        let landing = self.browser.follow("authorize", response, &path).await?;
        let (path, html) = page("authorize", landing, START_SIGN_IN)?;
        steps.add("to the sign-in page", began);

        let began = Instant::now();
        let (path, html) = enter_email(&mut self.browser, &path, &html, &account).await?;
        steps.add("e-mail", began);

        let began = Instant::now();
        let token = form_token(&html)?;
        let response = self
            .browser
            .post(&path, &[("_csrf", &token), ("password", PASSWORD)])
            .await?;
        steps.add("password", began);

        let began = Instant::now();
        match self.browser.follow("password", response, &path).await? {
            Landing::Away(callback) => {
                steps.add("back to the service", began);
                let code = self.relying_party.code_in(&callback)?;
                self.relying_party.complete(&code, steps).await?;
                Ok(Outcome::Done)
            }
            Landing::Busy { retry_after: true } => Ok(Outcome::Refused),
            landing => Err(unexpected_landing("password", &landing)),
        }
    }
}

/// Wrong passwords that one account is sent: with more, the server would slow whoever guesses down.
const ATTEMPTS_PER_ACCOUNT: u32 = 9;

/// The last step of a sign-in alone, again and again from the same page, with a password that is wrong: as much hashing as
/// a sign-in, and little to prepare before the next one.
pub struct PasswordAttempt {
    browser: Browser,
    /// Accounts that take turns: each for a few attempts.
    accounts: std::ops::Range<u32>,
    /// Path and form token of the password page, once it is open.
    page: Option<(String, String)>,
    /// Passwords that were checked since the page was opened.
    checked: u32,
}

impl PasswordAttempt {
    /// Attempts on these accounts, by their index.
    pub fn new(target: &Target, accounts: std::ops::Range<u32>) -> Self {
        Self {
            browser: Browser::new(target.address, &target.origin),
            accounts,
            page: None,
            checked: 0,
        }
    }

    /// Goes to the password page of the next account, if that has not been done.
    ///
    /// # Errors
    /// Those of the connection, another page than expected, or no account is left.
    pub async fn open(&mut self) -> Result<(String, String), LoadError> {
        if let Some(page) = &self.page {
            return Ok(page.clone());
        }
        let account = self
            .accounts
            .next()
            .map(Account::current)
            .ok_or(LoadError::Setup("no account left".to_owned()))?;
        let response = self.browser.get(START_SIGN_IN).await?;
        let html = response.text()?;
        let (path, html) = enter_email(&mut self.browser, START_SIGN_IN, &html, &account).await?;
        let page = (path, form_token(&html)?);
        self.page = Some(page.clone());
        self.checked = 0;
        Ok(page)
    }
}

impl Operation for PasswordAttempt {
    async fn run(&mut self, _: &mut Steps) -> Result<Outcome, LoadError> {
        let (path, token) = self.open().await?;
        let response = self
            .browser
            .post(&path, &[("_csrf", &token), ("password", "a wrong password")])
            .await?;
        match response.status {
            302 if response
                .header("location")
                .is_some_and(|to| to.contains("invalid_credentials")) =>
            {
                self.checked += 1;
                if self.checked == ATTEMPTS_PER_ACCOUNT {
                    self.page = None;
                }
                Ok(Outcome::Done)
            }
            503 if response.header("retry-after").is_some() => Ok(Outcome::Refused),
            _ => Err(LoadError::Unexpected {
                step: "password",
                expected: "invalid_credentials or 503 with Retry-After",
                got: response.describe(),
            }),
        }
    }
}

/// Types the e-mail address into the first page and gives the path and HTML of the password page.
async fn enter_email(
    browser: &mut Browser,
    path: &str,
    html: &str,
    account: &Account,
) -> Result<(String, String), LoadError> {
    let token = form_token(html)?;
    let form = [("_csrf", token.as_str()), ("login", account.email())];
    let response = browser.post(path, &form).await?;
    let landing = browser.follow("e-mail", response, path).await?;
    page("e-mail", landing, "/users/sign-in")
}

fn form_token(html: &str) -> Result<String, LoadError> {
    hidden_field(html, "_csrf").ok_or(LoadError::Malformed("page without form token"))
}

/// The path and HTML of a landing on the page at `expected`.
fn page(step: &'static str, landing: Landing, expected: &'static str) -> Result<(String, String), LoadError> {
    match landing {
        Landing::Page { path, html } if path.split('?').next() == Some(expected) => Ok((path, html)),
        landing => Err(LoadError::Unexpected {
            step,
            expected,
            got: unexpected_landing(step, &landing).to_string(),
        }),
    }
}

fn unexpected_landing(step: &'static str, landing: &Landing) -> LoadError {
    let got = match landing {
        Landing::Page { path, .. } => format!("the page {path}"),
        Landing::Away(url) => url.split('?').next().unwrap_or_default().to_owned(),
        Landing::Busy { retry_after: true } => "503".to_owned(),
        Landing::Busy { retry_after: false } => "503 without Retry-After".to_owned(),
    };
    LoadError::Unexpected {
        step,
        expected: "the next step",
        got,
    }
}

//! The browser session of a request: what its cookie says, loaded when somebody asks and at most once.

use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;

use actix_web::cookie::Cookie;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, SET_COOKIE};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use rand::RngExt as _;
use subtle::ConstantTimeEq;

use super::app::App;
use super::cookies::{BROWSER, BrowserName, SESSION, Sid, TRUSTED_BROWSER};
use super::error::PageError;
use crate::accounts::{Device, SessionNames};
use crate::db::clients::ClientRow;
use crate::db::sessions::EndReason;
use crate::domain::{Amr, OrganizationId, TrustedBrowser, UserId};
use crate::journey::{Effect, Journey, Place, Visit};

const CSRF_TOKEN_LENGTH_IN_BYTES: usize = 128;

/// The browser session of this request. Clones are the same session.
#[derive(Clone)]
pub struct Browser(Rc<Inner>);

struct Inner {
    app: Data<App>,
    sid: RefCell<Option<Sid>>,
    /// The volatile data, once loaded.
    visit: RefCell<Option<Visit>>,
    journey: RefCell<Option<Rc<Journey>>>,
    /// Whether the answer carries the cookie: the session is new, renamed or changed, or this use of it is the one that is noted.
    is_touched: Cell<bool>,
    device: RefCell<Device>,
    /// The name by which this browser is recognised; drawn for a browser that has none.
    name: BrowserName,
    /// Cookies that the answer carries beside the session's.
    cookies: RefCell<Vec<Cookie<'static>>>,
}

impl Browser {
    /// The session named by the request's cookie.
    #[must_use]
    pub fn of(request: &ServiceRequest, app: Data<App>) -> Self {
        let cookie = request.cookie(SESSION);
        let sid = cookie.and_then(|cookie| app.settings.cookies.session_of(cookie.value()));
        let user_agent = request
            .headers()
            .get("user-agent")
            .and_then(|value| value.to_str().ok());
        let cookie = |name: &str| request.cookie(name);
        let cookies = &app.settings.cookies;
        let name = cookie(BROWSER)
            .and_then(|cookie| cookies.browser_of(cookie.value()))
            .unwrap_or_else(BrowserName::draw);
        let device = Device {
            user_agent: user_agent.map(str::to_owned),
            ip_address: super::client_address::address_of(request.head()),
            browser: Some(name.digest()),
            trusted: cookie(TRUSTED_BROWSER).and_then(|cookie| cookies.trusted_browser_of(cookie.value())),
        };
        Self(Rc::new(Inner {
            app,
            sid: RefCell::new(sid),
            visit: RefCell::new(None),
            journey: RefCell::new(None),
            is_touched: Cell::new(false),
            device: RefCell::new(device),
            name,
            cookies: RefCell::default(),
        }))
    }

    /// The browser and its address, as recorded with a sign-in.
    #[must_use]
    pub fn device(&self) -> Device {
        self.0.device.borrow().clone()
    }

    /// Notes that this browser has proven to be the one of `user`, in a cookie. It forgets whose it was before.
    pub fn trust(&self, user: UserId) {
        let now = self.0.app.clock.now();
        let claim = TrustedBrowser::issued(user, now);
        let settings = &self.0.app.settings;
        let cookie = settings
            .cookies
            .trusted_browser(claim, now, settings.trusted_browser_max_age);
        self.0.cookies.borrow_mut().push(cookie);
        self.0.device.borrow_mut().trusted = Some(claim);
        self.recognise();
        self.look_again();
    }

    /// Sees to it that this browser is recognised next time.
    fn recognise(&self) {
        let cookie = self
            .0
            .app
            .settings
            .cookies
            .browser(&self.0.name, self.0.app.clock.now());
        let mut cookies = self.0.cookies.borrow_mut();
        cookies.retain(|pending| pending.name() != BROWSER);
        cookies.push(cookie);
    }

    /// Makes this browser forget whose it was, and its session.
    pub fn forget_person(&self) {
        let rules = &self.0.app.settings.cookies;
        let mut cookies = self.0.cookies.borrow_mut();
        cookies.extend([rules.removal(SESSION), rules.removal(TRUSTED_BROWSER)]);
    }

    /// The digest of the session's secret name, when the browser has one.
    #[must_use]
    pub fn session_digest(&self) -> Option<[u8; 32]> {
        self.0.sid.borrow().as_ref().map(Sid::digest)
    }

    /// What the session is doing; empty when there is no session.
    ///
    /// # Errors
    /// When the owner of sessions does not answer.
    pub async fn visit(&self) -> Result<Visit, PageError> {
        if let Some(visit) = self.0.visit.borrow().as_ref() {
            return Ok(visit.clone());
        }
        let key = self.0.sid.borrow().as_ref().map(Sid::key);
        let stored = match key {
            Some(key) => self.0.app.sessions.load(&key).await,
            None => None,
        };
        let visit = stored.unwrap_or_default();
        self.0.visit.replace(Some(visit.clone()));
        Ok(visit)
    }

    /// Changes what the session is doing. A browser without a session gets one. `change` may run several times, each time on fresh
    /// data, when another node changes the same session.
    ///
    /// # Errors
    /// When the owner of sessions does not answer.
    pub async fn update<R, F>(&self, mut change: F) -> Result<R, PageError>
    where
        R: Send + 'static,
        F: FnMut(&mut Visit) -> R + Send + 'static,
    {
        let known = self.is_known().await?;
        if !known {
            self.0.sid.replace(Some(Sid::draw()));
        }
        let key = self.0.sid.borrow().as_ref().map(Sid::key).unwrap_or_default();
        let (visit, result) = self
            .0
            .app
            .sessions
            .update(&key, move |visit: &mut Visit| {
                let result = change(visit);
                (visit.clone(), result)
            })
            .await?;
        if let Some(journey) = self.0.journey.borrow_mut().as_mut() {
            Rc::make_mut(journey).visit = visit.clone();
        }
        self.0.visit.replace(Some(visit));
        self.0.is_touched.set(true);
        Ok(result)
    }

    /// Whether the cookie names a session that exists: a stranger's choice of name is never adopted.
    async fn is_known(&self) -> Result<bool, PageError> {
        if self.0.sid.borrow().is_none() {
            return Ok(false);
        }
        if self.visit().await? != Visit::default() {
            return Ok(true);
        }
        Ok(self.journey().await?.person.is_some())
    }

    /// Everything that requirements look at, loaded once.
    ///
    /// # Errors
    /// When the database or the owner of sessions does not answer.
    pub async fn journey(&self) -> Result<Rc<Journey>, PageError> {
        if let Some(journey) = self.0.journey.borrow().as_ref() {
            return Ok(Rc::clone(journey));
        }
        // The stores are asked at once: neither answer depends on the other.
        let (visit, person) = futures::future::join(self.visit(), self.load()).await;
        let journey = Rc::new(Journey {
            visit: visit?,
            ..person?
        });
        self.0.journey.replace(Some(Rc::clone(&journey)));
        Ok(journey)
    }

    /// The journey without what the session is doing: what another request of this browser waits for says nothing about the
    /// person. Only that a lost second factor is still to be replaced stays. Spares the look at the volatile data when nobody has
    /// looked yet and no recovery code was used.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn journey_of_person(&self) -> Result<Journey, PageError> {
        let loaded = self.0.journey.borrow().as_ref().map(Rc::clone);
        let journey = match loaded {
            Some(journey) => Journey {
                visit: Visit::default(),
                ..Journey::clone(&journey)
            },
            None => self.load().await?,
        };
        self.with_lost_second_factor(journey).await
    }

    async fn with_lost_second_factor(&self, mut journey: Journey) -> Result<Journey, PageError> {
        let used_a_code = journey
            .person
            .as_ref()
            .is_some_and(|person| person.amr.contains(&Amr::RecoveryCode));
        if used_a_code {
            journey.visit.lost_second_factor = self.visit().await?.lost_second_factor;
        }
        Ok(journey)
    }

    /// As [`Self::journey_of_person`], with the relying party named `client_id` as it is registered, in the same statement.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn journey_of_person_and_client(
        &self,
        client_id: &str,
    ) -> Result<(Journey, Option<ClientRow>), PageError> {
        let digest = self.session_digest();
        let trusted = self.0.device.borrow().trusted;
        let journeys = &self.0.app.journeys;
        let (journey, client) = journeys
            .load_with_client(digest.as_ref(), client_id, trusted)
            .await?;
        self.note_use(&journey);
        Ok((self.with_lost_second_factor(journey).await?, client))
    }

    /// The journey without what the session is doing.
    async fn load(&self) -> Result<Journey, PageError> {
        let digest = self.session_digest();
        let trusted = self.0.device.borrow().trusted;
        let journey = self.0.app.journeys.load(digest.as_ref(), trusted).await?;
        self.note_use(&journey);
        Ok(journey)
    }

    /// A session that is alive is in use. Where that is noted, which is once in a while, its life is prolonged: on record, and in the
    /// browser by the cookie. Other answers carry it only when they change the session: one that comes late, from a slower tab, would put
    /// the name that the session had before back into the browser.
    fn note_use(&self, journey: &Journey) {
        let sid = self.0.sid.borrow();
        if let (Some(_), Some(sid)) = (&journey.person, sid.as_ref())
            && self.0.app.sessions.seen(&sid.key())
        {
            self.0.is_touched.set(true);
        }
    }

    /// Does what a requirement wants done, and sees to it that the journey knows. Gives the page that tells of it, if one does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn perform(&self, effect: Effect) -> Result<Option<Place>, PageError> {
        match effect {
            Effect::SelectOrganization(organization) => {
                self.select_organization(organization).await?;
                Ok(None)
            }
            Effect::RequestModeration(organization) => self.request_moderation(organization).await,
        }
    }

    /// Asks that somebody decide, once: then the session has nothing to ask any more.
    async fn request_moderation(&self, organization: OrganizationId) -> Result<Option<Place>, PageError> {
        let journey = self.journey().await?;
        let Some(person) = &journey.person else {
            return Ok(None);
        };
        let sp_name = journey
            .interaction()
            .and_then(|pending| pending.sp_name.as_deref());
        let moderation = self
            .0
            .app
            .organizations
            .request_moderation(person.user_id, organization, sp_name)
            .await?;
        self.update(|visit| visit.pending_moderation = None).await?;
        Ok(moderation.map(|moderation| Place::PendingModeration { moderation }))
    }

    /// Makes `organization` the one that this session acts for. Gives whether it is: not when the person has left it meanwhile, or the
    /// session has ended. The journey is looked at anew then, and decides what comes next.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn select_organization(&self, organization: OrganizationId) -> Result<bool, PageError> {
        let journey = self.journey().await?;
        let Some(person) = &journey.person else {
            return Ok(false);
        };
        let journeys = &self.0.app.journeys;
        if !journeys
            .select_organization(&person.session_uid, organization)
            .await?
        {
            self.look_again();
            return Ok(false);
        }
        let mut changed = Journey::clone(&journey);
        if let Some(person) = changed.person.as_mut() {
            person.selected_organization = Some(organization);
        }
        self.0.journey.replace(Some(Rc::new(changed)));
        Ok(true)
    }

    /// The token that forms of this session carry; made when the first form is shown.
    ///
    /// # Errors
    /// When the owner of sessions does not answer.
    pub async fn csrf_token(&self) -> Result<String, PageError> {
        if let Some(token) = self.visit().await?.csrf_token {
            return Ok(token);
        }
        let fresh = hex::encode(rand::rng().random::<[u8; CSRF_TOKEN_LENGTH_IN_BYTES]>());
        self.update(move |visit| visit.csrf_token.get_or_insert_with(|| fresh.clone()).clone())
            .await
    }

    /// Whether `token` is the one of this session, compared in constant time.
    ///
    /// # Errors
    /// When the owner of sessions does not answer.
    pub async fn accepts_csrf_token(&self, token: &str) -> Result<bool, PageError> {
        let expected = self.visit().await?.csrf_token;
        Ok(expected.is_some_and(|expected| bool::from(expected.as_bytes().ct_eq(token.as_bytes()))))
    }

    /// Continues as the session that a sign-in opened, or went on with, under the name `sid`: the way is kept, what was typed forgotten.
    ///
    /// # Errors
    /// When the owner of sessions does not answer.
    pub async fn become_signed_in(&self, sid: Sid) -> Result<(), PageError> {
        let (sessions, key) = (&self.0.app.sessions, sid.key());
        let former = self.0.sid.replace(Some(sid));
        let visit = match former {
            Some(former) => {
                sessions
                    .rotate(&former.key(), &key, Visit::carried_over_sign_in)
                    .await?
            }
            None => sessions.update(&key, |visit| visit.clone()).await?,
        };
        self.recognise();
        self.look_again();
        self.0.visit.replace(Some(visit));
        self.0.is_touched.set(true);
        Ok(())
    }

    /// Continues under another name after a second factor was shown: everything is kept but the form token, which whoever knew the
    /// former name may know too.
    ///
    /// # Errors
    /// When the owner of sessions does not answer.
    pub async fn continue_as(&self, sid: Sid) -> Result<(), PageError> {
        let key = sid.key();
        self.forget();
        if let Some(former) = self.0.sid.replace(Some(sid)) {
            let sessions = &self.0.app.sessions;
            let visit = sessions
                .rotate(&former.key(), &key, Visit::without_form_token)
                .await?;
            self.0.visit.replace(Some(visit));
        }
        self.0.is_touched.set(true);
        Ok(())
    }

    /// Ends the session, here and on every node.
    ///
    /// # Errors
    /// When the end cannot be recorded: the person is then still signed in.
    pub async fn sign_out(&self, reason: EndReason) -> Result<(), PageError> {
        let key = self.0.sid.take().as_ref().map(Sid::key);
        if let Some(key) = key {
            self.0.app.sessions.sign_out(&key, reason).await?;
        }
        self.forget();
        Ok(())
    }

    /// What the journey looks at has changed: it is loaded anew.
    pub fn look_again(&self) {
        self.0.journey.replace(None);
    }

    fn forget(&self) {
        self.0.visit.replace(None);
        self.0.journey.replace(None);
    }

    /// What a sign-in records of this browser when it continues as `sid`.
    #[must_use]
    pub fn names_for(&self, sid: &Sid) -> SessionNames {
        let former_digest = self.0.sid.borrow().as_ref().map(Sid::digest);
        SessionNames {
            digest: sid.digest(),
            former_digest,
        }
    }

    /// Adds to an answer the cookies that it is to carry, and the session's when it is to be set or prolonged.
    pub fn write_cookies(&self, headers: &mut HeaderMap) {
        for cookie in self.0.cookies.borrow().iter() {
            if let Ok(value) = cookie.to_string().parse() {
                headers.append(SET_COOKIE, value);
            }
        }
        let sid: Ref<'_, Option<Sid>> = self.0.sid.borrow();
        let Some(sid) = sid.as_ref().filter(|_| self.0.is_touched.get()) else {
            return;
        };
        let expires = self.0.app.clock.now() + self.0.app.settings.session_max_age;
        let cookie = self.0.app.settings.cookies.session(sid, expires);
        if let Ok(value) = cookie.to_string().parse() {
            headers.append(SET_COOKIE, value);
        }
    }
}

/// Handlers behind a gate take the browser as an argument.
impl FromRequest for Browser {
    type Error = PageError;
    type Future = std::future::Ready<Result<Self, PageError>>;

    fn from_request(request: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        let browser = request.extensions().get::<Self>().cloned();
        std::future::ready(browser.ok_or_else(|| PageError::fault("this route has no gate")))
    }
}

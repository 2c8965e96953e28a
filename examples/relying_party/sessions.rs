//! Browser sessions, in memory: what a browser was sent away with, and what came back.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};
use openidconnect::core::CoreIdToken;
use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};
use serde_json::Value;

/// A session that nobody used for this long is forgotten.
const SESSION_MAX_IDLE: Duration = Duration::from_hours(24);

/// Above this many sessions, the one unused for longest makes room.
const MAX_SESSIONS: usize = 1_000;

/// Sign-ins that one browser may have under way at once (tabs); the oldest makes room.
const MAX_PENDING_LOGINS: usize = 16;

/// A sign-in under way: what the answer is checked against.
#[derive(Debug)]
pub struct PendingLogin {
    pub state: CsrfToken,
    pub nonce: Nonce,
    pub pkce_verifier: PkceCodeVerifier,
}

/// Everything the provider said about the person, already verified.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub userinfo: Value,
    pub id_token_claims: Value,
    pub token_response: Value,
    /// Kept for the sign-out, as `id_token_hint`.
    pub id_token: CoreIdToken,
}

#[derive(Debug)]
struct Session {
    pending_logins: Vec<PendingLogin>,
    signed_in: Option<SignedIn>,
    last_used: Instant,
}

/// The sessions of one relying party.
///
/// Cookies ignore ports: on `localhost` this service shares its cookie jar with the provider and with other relying
/// parties. The port in the cookie's name keeps them apart.
#[derive(Debug)]
pub struct Sessions {
    cookie_name: String,
    by_id: Mutex<HashMap<String, Session>>,
}

impl Sessions {
    /// No session yet; `port` is the one the relying party listens on.
    pub fn new(port: u16) -> Self {
        Self {
            cookie_name: format!("relying_party_{port}"),
            by_id: Mutex::default(),
        }
    }

    /// Remembers a sign-in under way; gives the cookie to send along, new when the browser had no session.
    pub fn begin_login(&self, request: &HttpRequest, login: PendingLogin) -> Cookie<'static> {
        let mut sessions = self.lock();
        let id = match self.id_in(request) {
            Some(id) if sessions.contains_key(&id) => id,
            _ => {
                make_room(&mut sessions);
                new_id()
            }
        };
        let session = sessions.entry(id.clone()).or_insert_with(|| Session {
            pending_logins: Vec::new(),
            signed_in: None,
            last_used: Instant::now(),
        });
        if session.pending_logins.len() == MAX_PENDING_LOGINS {
            session.pending_logins.remove(0);
        }
        session.pending_logins.push(login);
        session.last_used = Instant::now();
        self.cookie(id)
    }

    /// Takes out the sign-in that this browser was sent away with under `state`; it can be finished once.
    pub fn take_login(&self, request: &HttpRequest, state: &str) -> Option<PendingLogin> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(&self.id_in(request)?)?;
        let index = session
            .pending_logins
            .iter()
            .position(|login| login.state.secret() == state)?;
        Some(session.pending_logins.remove(index))
    }

    /// Records who signed in, under a new session identifier; gives the cookie to send along.
    pub fn finish_login(&self, request: &HttpRequest, signed_in: SignedIn) -> Cookie<'static> {
        let mut sessions = self.lock();
        let former = self.id_in(request).and_then(|id| sessions.remove(&id));
        make_room(&mut sessions);
        let id = new_id();
        sessions.insert(
            id.clone(),
            Session {
                pending_logins: former.map(|session| session.pending_logins).unwrap_or_default(),
                signed_in: Some(signed_in),
                last_used: Instant::now(),
            },
        );
        self.cookie(id)
    }

    /// Who is signed in in this browser, if anyone is.
    pub fn signed_in(&self, request: &HttpRequest) -> Option<SignedIn> {
        let mut sessions = self.lock();
        let session = sessions.get_mut(&self.id_in(request)?)?;
        if session.last_used.elapsed() > SESSION_MAX_IDLE {
            return None;
        }
        session.last_used = Instant::now();
        session.signed_in.clone()
    }

    /// Ends the session of this browser; gives who was signed in.
    pub fn end(&self, request: &HttpRequest) -> Option<SignedIn> {
        let id = self.id_in(request)?;
        self.lock().remove(&id)?.signed_in
    }

    /// The cookie that makes the browser forget its session.
    pub fn removal_cookie(&self) -> Cookie<'static> {
        let mut cookie = self.cookie(String::new());
        cookie.make_removal();
        cookie
    }

    fn id_in(&self, request: &HttpRequest) -> Option<String> {
        Some(request.cookie(&self.cookie_name)?.value().to_owned())
    }

    fn cookie(&self, id: String) -> Cookie<'static> {
        Cookie::build(self.cookie_name.clone(), id)
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .finish()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        // No code panics while it holds this lock; a map is valid after every step in any case.
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// 256 random bits in base64url.
fn new_id() -> String {
    CsrfToken::new_random_len(32).into_secret()
}

fn make_room(sessions: &mut HashMap<String, Session>) {
    sessions.retain(|_, session| session.last_used.elapsed() <= SESSION_MAX_IDLE);
    if sessions.len() < MAX_SESSIONS {
        return;
    }
    let oldest = sessions
        .iter()
        .min_by_key(|(_, session)| session.last_used)
        .map(|(id, _)| id.clone());
    if let Some(oldest) = oldest {
        sessions.remove(&oldest);
    }
}

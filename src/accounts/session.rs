//! Opening a signed-in session, and recording the sign-in. A password that waits for the proof of the address opens one that counts as no
//! sign-in yet: it does when the code is entered (`email_code.rs`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt as _;

use super::{Accounts, AccountsError};
use crate::db;
use crate::db::events::NewEvent;
use crate::db::sessions::{EndReason, NewSession};
use crate::db::users::User;
use crate::domain::{Amr, Device, SecurityEvent, SessionNames, UserId, amr, calendar, user_agent};
use crate::mail::messages::NewBrowser;

/// How long a signed-in session lasts.
#[derive(Debug, Clone, Copy)]
pub struct SessionRules {
    /// Without a request for this long, it ends (`SESSION_MAX_AGE_IN_SECONDS`).
    pub idle: TimeDelta,
    /// However active, it ends after this long.
    pub absolute: TimeDelta,
}

/// A sign-in about to be recorded.
#[derive(Clone, Copy)]
pub(super) struct SignIn<'a> {
    pub user: UserId,
    pub method: Amr,
    pub names: &'a SessionNames,
    pub device: &'a Device,
}

/// What becomes of the session that the browser had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Former {
    /// That of the same person goes on under another secret name: relying parties keep their tokens. That of somebody else ends.
    GoesOn,
    /// It ends, whoever it was of.
    Ends,
}

impl Accounts {
    /// Records a sign-in: counts it on the account, opens the session or goes on with that of the same person, ends the one that this
    /// browser had of somebody else, adds to the history, and tells the owner of a browser that nobody knew. All of it or nothing: an acknowledged sign-in is on record whole. Gives the
    /// account, or `None` when it is gone.
    pub(super) async fn record_sign_in(
        &self,
        transaction: &db::Transaction<'_>,
        sign_in: SignIn<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<User>, AccountsError> {
        let Some(user) = db::users::record_sign_in(transaction, sign_in.user, now).await? else {
            return Ok(None);
        };
        let uid = self
            .open_session(transaction, sign_in, Former::GoesOn, now)
            .await?;
        let is_new_browser = self
            .note_browser(transaction, user.id, sign_in.device, now)
            .await?;
        let event = if is_new_browser {
            SecurityEvent::SignInFromNewBrowser
        } else {
            SecurityEvent::SignIn
        };
        let event = NewEvent {
            method: Some(sign_in.method),
            session_uid: Some(&uid),
            ..sign_in.device.event(user.id, event)
        };
        db::events::record(transaction, &event, now).await?;
        // Who came with a link from the mailbox needs no mail about it.
        let came_by_mail = sign_in.method == Amr::EmailLink;
        if is_new_browser && self.services.rules.announces_new_browsers && !came_by_mail {
            self.announce_browser(transaction, &user, sign_in.device, now)
                .await?;
        }
        Ok(Some(user))
    }

    /// Opens a session in the place of the one that this browser had. Counts nothing. Gives its public name.
    pub(super) async fn open_session(
        &self,
        transaction: &db::Transaction<'_>,
        sign_in: SignIn<'_>,
        former: Former,
        now: DateTime<Utc>,
    ) -> Result<String, AccountsError> {
        let session = self.new_session(sign_in, now);
        if let Some(digest) = &sign_in.names.former_digest {
            if former == Former::GoesOn
                && let Some(uid) = db::sessions::renew(transaction, digest, &session).await?
            {
                return Ok(uid);
            }
            db::sessions::end(transaction, digest, EndReason::Replaced, now).await?;
        }
        db::sessions::open(transaction, &session).await?;
        Ok(session.uid)
    }

    fn new_session(&self, sign_in: SignIn<'_>, now: DateTime<Utc>) -> NewSession {
        let mut methods = Vec::new();
        amr::add_method(&mut methods, sign_in.method);
        // A passkey opens a session only when it has verified the person.
        if sign_in.method == Amr::Pop {
            amr::add_method(&mut methods, Amr::Uv);
        }
        let rules = self.services.rules.sessions;
        NewSession {
            id: sign_in.names.digest,
            uid: URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>()),
            user_id: sign_in.user,
            amr: methods,
            signed_in_at: now,
            expires_at: now + rules.idle,
            absolute_expires_at: now + rules.absolute,
            user_agent: sign_in.device.user_agent.clone(),
            ip_address: sign_in.device.ip_address,
        }
    }

    /// Notes that `device` is a browser of `user`, which has just proven to be. Gives whether it is new to an account that knows others.
    pub(super) async fn note_browser(
        &self,
        transaction: &db::Transaction<'_>,
        user: UserId,
        device: &Device,
        now: DateTime<Utc>,
    ) -> Result<bool, AccountsError> {
        let Some(browser) = &device.browser else {
            return Ok(false);
        };
        let forget_before = now - db::browsers::MEMORY;
        Ok(db::browsers::record_sign_in(transaction, user, browser, forget_before, now).await?)
    }

    async fn announce_browser(
        &self,
        transaction: &db::Transaction<'_>,
        user: &User,
        device: &Device,
        now: DateTime<Utc>,
    ) -> Result<(), AccountsError> {
        let (given_name, family_name) = user.names();
        let message = NewBrowser {
            given_name,
            family_name,
            browser: user_agent::describe(device.user_agent.as_deref()),
            ip_address: device.ip_address.map(|address| address.to_string()),
            signed_in_at: calendar::absolute(now),
        };
        self.post(transaction, &user.email, &message).await
    }
}

//! Signing in with a link that was sent to the address (spec/accounts.md §5.6).
//!
//! For an account that exists, the link is kept with the account. For an address without one, address and link wait in the
//! shared state: the account is opened when the link is used, which proves the address.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::state::Write;
use serde::{Deserialize, Serialize};

use super::pace::{self, Link, SPACING};
use super::session::SignIn;
use super::{Accounts, AccountsError};
use crate::db;
use crate::db::magic_links::{Issue, Opened};
use crate::db::sessions::EndReason;
use crate::domain::calendar;
use crate::domain::one_time_secret::Purpose;
use crate::domain::{Amr, Device, Email, LinkToken, SecurityEvent, SessionNames, UserId};
use crate::mail::messages::MagicLink;

/// What became of the wish for a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MagicLinkRequest {
    /// It is on its way, or one is since a moment ago.
    Sent,
    /// The address has no account and opens none.
    Refused,
}

/// The end of a sign-in with a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MagicLinkOutcome {
    SignedIn(UserId),
    /// Wrong, too old or used: never told apart.
    Invalid,
}

/// A link for an address without account, as it waits in the shared state.
#[derive(Serialize, Deserialize)]
struct WaitingLink {
    email: String,
}

/// The link that waits for an address, to be replaced by the next one.
#[derive(Serialize, Deserialize)]
struct LatestLink {
    digest: String,
    sent_at: DateTime<Utc>,
}

impl Accounts {
    /// How long a link signs in.
    #[must_use]
    pub fn magic_link_lifetime(&self) -> TimeDelta {
        self.services.rules.magic_link_lifetime
    }

    /// Sends a link to `email`, which may or may not have an account: nobody can tell from the answer.
    ///
    /// # Errors
    /// When the database or the shared state does not answer.
    pub async fn request_magic_link(&self, email: &Email) -> Result<MagicLinkRequest, AccountsError> {
        let now = self.services.clock.now();
        let token = LinkToken::draw(&mut rand::rng());
        let digest = token.digest(&self.services.secrets, Purpose::MagicLink);
        let message = MagicLink {
            magic_link: self.services.mails.link(
                "/users/sign-in-with-magic-link",
                "magic_link_token",
                token.expose(),
            ),
            lifetime: calendar::lasting(self.magic_link_lifetime()),
        };

        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        match db::magic_links::issue(&transaction, email.as_str(), &digest, now - SPACING, now).await? {
            // What was stored is undone with the transaction: the last link stays good.
            Issue::Stored if !self.claims_link(Link::SignIn, email).await? => {
                return Ok(MagicLinkRequest::Sent);
            }
            Issue::Stored => {}
            Issue::TooSoon => return Ok(MagicLinkRequest::Sent),
            Issue::NoAccount if !email.is_well_formed() => return Ok(MagicLinkRequest::Refused),
            Issue::NoAccount => {
                if !self.keep_waiting(email, &digest, now).await? {
                    return Ok(MagicLinkRequest::Sent);
                }
            }
        }
        self.post(&transaction, email.as_str(), &message).await?;
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(MagicLinkRequest::Sent)
    }

    /// Keeps a link for an address without account; the former one dies. Gives `false`, and lets that one live, when it was sent a moment
    /// ago or too many were.
    async fn keep_waiting(
        &self,
        email: &Email,
        digest: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, AccountsError> {
        let latest_key = latest_key(email);
        let former = self.services.state.get(&latest_key).await?;
        let former = former.and_then(|value| serde_json::from_slice::<LatestLink>(&value).ok());
        if former
            .as_ref()
            .is_some_and(|former| former.sent_at > now - SPACING)
            || !self.claims_link(Link::SignIn, email).await?
        {
            return Ok(false);
        }
        let ttl = self
            .services
            .rules
            .magic_link_lifetime
            .to_std()
            .unwrap_or(Duration::from_secs(1));
        let waiting = WaitingLink {
            email: email.as_str().to_owned(),
        };
        let latest = LatestLink {
            digest: digest.to_owned(),
            sent_at: now,
        };
        let mut writes: Vec<Write> = former
            .iter()
            .map(|former| Write::Delete {
                key: link_key(&former.digest),
            })
            .collect();
        writes.push(Write::Put {
            key: link_key(digest),
            value: encode(&waiting)?,
            ttl,
        });
        writes.push(Write::Put {
            key: latest_key,
            value: encode(&latest)?,
            ttl,
        });
        self.services.state.write(&[], writes).await?;
        Ok(true)
    }

    /// Whose link `token` is, if it is good. Uses nothing up: mail scanners follow links.
    ///
    /// # Errors
    /// When the database or the shared state does not answer.
    pub async fn email_of_magic_link(&self, token: &LinkToken) -> Result<Option<Email>, AccountsError> {
        let stored_forms = token.stored_forms(&self.services.secrets, Purpose::MagicLink);
        let sent_since = self.services.clock.now() - self.services.rules.magic_link_lifetime;
        let kept = {
            let client = self.services.pool.get().await?;
            db::magic_links::find(&client, &stored_forms, sent_since).await?
        };
        if let Some(email) = kept {
            return Ok(Email::parse(&email).ok());
        }
        for digest in token.digests(&self.services.secrets, Purpose::MagicLink) {
            if let Some(waiting) = self.services.state.get(&link_key(&digest)).await? {
                return Ok(address_of(&waiting));
            }
        }
        Ok(None)
    }

    /// Signs in with a link, which is used up, and opens the session that `names` announces. The address counts as proven. A password
    /// that nobody had proven to be the owner's is dropped, and so is whoever came in with it.
    ///
    /// # Errors
    /// When the database or the shared state does not answer.
    pub async fn sign_in_with_magic_link(
        &self,
        token: &LinkToken,
        names: &SessionNames,
        device: &Device,
    ) -> Result<MagicLinkOutcome, AccountsError> {
        let stored_forms = token.stored_forms(&self.services.secrets, Purpose::MagicLink);
        let now = self.services.clock.now();
        let sent_since = now - self.services.rules.magic_link_lifetime;

        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let opened = match db::magic_links::consume(&transaction, &stored_forms, sent_since, now).await? {
            Some(opened) => opened,
            None => match self.open_waiting(&transaction, token, device, now).await? {
                Some(opened) => opened,
                None => return Ok(MagicLinkOutcome::Invalid),
            },
        };
        let user = opened.user;
        if opened.has_unproven_password {
            db::credentials::discard_password(&transaction, user, now).await?;
            db::sessions::end_all_of_user(&transaction, user, None, EndReason::PasswordChanged, now).await?;
            let event = device.event(user, SecurityEvent::UnprovenPasswordDiscarded);
            db::events::record(&transaction, &event, now).await?;
        }
        db::credentials::discard_pending(&transaction, user, now).await?;
        let sign_in = SignIn {
            user,
            method: Amr::EmailLink,
            names,
            device,
        };
        if self.record_sign_in(&transaction, sign_in, now).await?.is_none() {
            return Ok(MagicLinkOutcome::Invalid);
        }
        transaction.commit().await?;
        Ok(MagicLinkOutcome::SignedIn(user))
    }

    /// The account that a link which waits in the shared state opens: a new one, unless somebody opened it meanwhile. The link
    /// is used up, whatever happens next.
    async fn open_waiting(
        &self,
        transaction: &db::Transaction<'_>,
        token: &LinkToken,
        device: &Device,
        now: DateTime<Utc>,
    ) -> Result<Option<Opened>, AccountsError> {
        let mut waiting = None;
        for digest in token.digests(&self.services.secrets, Purpose::MagicLink) {
            waiting = self.services.state.take(&link_key(&digest)).await?;
            if waiting.is_some() {
                break;
            }
        }
        let Some(email) = waiting.and_then(|value| address_of(&value)) else {
            return Ok(None);
        };
        if let Some(user) = db::users::insert(transaction, email.as_str(), None, Some(now), now).await? {
            db::events::record(
                transaction,
                &device.event(user, SecurityEvent::AccountCreated),
                now,
            )
            .await?;
            return Ok(Some(Opened {
                user,
                has_unproven_password: false,
            }));
        }
        let Some(known) = db::users::find_by_email(transaction, email.as_str()).await? else {
            return Ok(None);
        };
        let has_unproven_password = db::users::prove_email(transaction, known.id, now).await?;
        Ok(Some(Opened {
            user: known.id,
            has_unproven_password,
        }))
    }
}

fn link_key(digest: &str) -> String {
    format!("magic-link:{digest}")
}

fn latest_key(email: &Email) -> String {
    pace::key("magic-link-of", email)
}

fn encode(value: &impl Serialize) -> Result<Vec<u8>, AccountsError> {
    serde_json::to_vec(value).map_err(|_| AccountsError::Fault("a link cannot be written as JSON"))
}

fn address_of(value: &[u8]) -> Option<Email> {
    let waiting: WaitingLink = serde_json::from_slice(value).ok()?;
    Email::parse(&waiting.email).ok()
}

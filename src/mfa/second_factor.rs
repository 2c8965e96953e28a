//! What showing a second factor changes, whichever it is; and what its removal does.

use chrono::{DateTime, Utc};

use super::{Actor, Mfa, MfaError};
use crate::db;
use crate::db::events::NewEvent;
use crate::db::second_factors::Holder;
use crate::db::sessions::{SessionDigest, Strengthening};
use crate::domain::amr::is_two_factor;
use crate::domain::{Amr, SecurityEvent, SessionNames};

/// How a second factor was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// It was asked for, and proves the browser as well: after the commit, the web floor trusts it (`Browser::trust`).
    Used,
    /// A recovery code stood in for it, which proves less: a list of codes can be copied.
    StoodIn,
    /// It was added just now. Whoever adds a factor holds it, which says nothing about the browser.
    Enrolled(SecurityEvent),
}

impl Mfa {
    /// Notes in the transaction of a factor's check that it was shown in the session of `actor`: its methods join those of the session, the
    /// session gets the next of `names`, the history grows. Gives the methods of the session afterwards, or `None` when it has ended
    /// meanwhile: the caller drops the transaction then, and nothing was used up.
    ///
    /// After the commit the web floor calls `Browser::continue_as` with the name announced in `names`, and for a factor that was
    /// [`Proof::Used`] also `Browser::trust`.
    pub(super) async fn record_factor(
        &self,
        transaction: &db::Transaction<'_>,
        actor: Actor<'_>,
        names: &SessionNames,
        methods: &[Amr],
        proof: Proof,
        now: DateTime<Utc>,
    ) -> Result<Option<Vec<Amr>>, MfaError> {
        let Some(former_id) = &names.former_digest else {
            return Ok(None);
        };
        let session = Strengthening {
            uid: actor.session_uid,
            user: actor.user,
            former_id,
            id: &names.digest,
            methods,
        };
        let Some(session_methods) = db::sessions::strengthen(transaction, session, now).await? else {
            return Ok(None);
        };
        let event = match proof {
            Proof::Used => SecurityEvent::SecondFactorUsed,
            Proof::StoodIn => SecurityEvent::RecoveryCodeUsed,
            Proof::Enrolled(event) => event,
        };
        let event = NewEvent {
            method: methods.first().copied(),
            ..actor.event(event)
        };
        db::events::record(transaction, &event, now).await?;
        if let (Proof::Used, Some(browser)) = (proof, &actor.device.browser) {
            let forget_before = now - db::browsers::MEMORY;
            db::browsers::record_sign_in(transaction, actor.user, browser, forget_before, now).await?;
        }
        Ok(Some(session_methods))
    }

    /// The account of `actor` under a lock, if a factor may be added to it from `session`: nobody adds one to an account that has one
    /// without having shown it. The requirements of every route say so too; here it holds whatever the route, and of sessions that
    /// race to add a first factor one wins.
    pub(super) async fn lock_for_enrolment(
        &self,
        transaction: &db::Transaction<'_>,
        actor: Actor<'_>,
        session: Option<&SessionDigest>,
        now: DateTime<Utc>,
    ) -> Result<Option<Holder>, MfaError> {
        let Some(holder) = db::second_factors::lock(transaction, actor.user).await? else {
            return Ok(None);
        };
        let Some(session) = session else {
            return Ok(None);
        };
        let session = db::sessions::find_alive(transaction, session, now).await?;
        let is_allowed = session.is_some_and(|session| {
            session.user_id == actor.user && (!holder.is_capable() || is_two_factor(&session.amr))
        });
        Ok(is_allowed.then_some(holder))
    }

    /// What the removal of the factor behind `method` brings with it, in its transaction: the other sessions that were opened with it end,
    /// and without any second factor left none is asked for, and no code stands in for one. The account was
    /// locked before the removal; `remains` says whether the account still has a second factor.
    pub(super) async fn after_removal(
        &self,
        transaction: &db::Transaction<'_>,
        actor: Actor<'_>,
        method: Amr,
        remains: bool,
        now: DateTime<Utc>,
    ) -> Result<(), MfaError> {
        db::sessions::end_those_that_used(transaction, actor.user, method, actor.session_uid, now).await?;
        if !remains {
            db::second_factors::set_force_2fa(transaction, actor.user, false, now).await?;
            db::recovery_codes::remove(transaction, actor.user).await?;
        }
        Ok(())
    }
}

impl Actor<'_> {
    /// Something that `self` did.
    pub(super) fn event(&self, event: SecurityEvent) -> NewEvent<'_> {
        NewEvent {
            session_uid: Some(self.session_uid),
            ..self.device.event(self.user, event)
        }
    }
}

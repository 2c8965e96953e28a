//! Where a person wants to be asked for two factors: everywhere, or only where a service insists (spec/accounts.md §5.10).

use super::{Actor, Mfa, MfaError};
use crate::db;
use crate::domain::SecurityEvent;
use crate::mail::messages::Delete2faProtection;

/// What became of the wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EverywhereOutcome {
    /// It holds from now on, if it did not before.
    Noted,
    /// Two factors everywhere, for an account that has no second one.
    NotCapable,
}

impl Mfa {
    /// Asks the person for two factors everywhere, or only where a service insists.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn set_everywhere(
        &self,
        actor: Actor<'_>,
        everywhere: bool,
    ) -> Result<EverywhereOutcome, MfaError> {
        let now = self.services.clock.now();
        let mut client = self.services.pool.get().await?;
        let transaction = client.transaction().await?;
        let Some(holder) = db::second_factors::lock(&transaction, actor.user).await? else {
            return Ok(EverywhereOutcome::NotCapable);
        };
        if everywhere && !holder.is_capable() {
            return Ok(EverywhereOutcome::NotCapable);
        }
        if !db::second_factors::set_force_2fa(&transaction, actor.user, everywhere, now).await? {
            return Ok(EverywhereOutcome::Noted);
        }
        let event = if everywhere {
            SecurityEvent::SecondFactorEverywhere
        } else {
            SecurityEvent::SecondFactorWhereRequired
        };
        db::events::record(&transaction, &actor.event(event), now).await?;
        if !everywhere {
            let (given_name, family_name) = holder.user.names();
            let message = Delete2faProtection {
                given_name,
                family_name,
            };
            self.post(&transaction, &holder.user.email, &message, now).await?;
        }
        transaction.commit().await?;
        self.services.outbox.poke();
        Ok(EverywhereOutcome::Noted)
    }
}

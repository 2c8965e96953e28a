//! The first step of a sign-in: what an address leads to (spec/accounts.md §5.1).

use super::{Accounts, AccountsError};
use crate::connectors::debounce;
use crate::db;
use crate::domain::{Email, did_you_mean};

/// What an address leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartOutcome {
    /// An account with this address.
    Known {
        has_password: bool,
        has_passkey: bool,
        needs_inclusionconnect_welcome_page: bool,
    },
    /// Nobody yet: the address may open an account. `is_checked`: whether it is known to receive mail.
    Unknown { is_checked: bool },
    /// Nobody, and such an address opens no account.
    Refused { did_you_mean: Option<String> },
}

/// Whether an address receives mail, as far as one knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deliverability {
    Deliverable,
    Undeliverable {
        did_you_mean: Option<String>,
    },
    /// Whoever could tell does not answer: to be asked again later.
    NotChecked,
}

impl Accounts {
    /// What `email` leads to. Who has an account is never asked whether their address is a good one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start_sign_in(&self, email: &Email) -> Result<StartOutcome, AccountsError> {
        let known = {
            let client = self.services.pool.get().await?;
            db::users::find_sign_in_facts(&client, email.as_str()).await?
        };
        if let Some(facts) = known {
            return Ok(StartOutcome::Known {
                has_password: facts.has_password,
                has_passkey: facts.has_passkey,
                needs_inclusionconnect_welcome_page: facts.needs_inclusionconnect_welcome_page,
            });
        }
        if !email.is_well_formed() {
            return Ok(StartOutcome::Refused { did_you_mean: None });
        }
        Ok(match self.check_deliverability(email).await? {
            Deliverability::Deliverable => StartOutcome::Unknown { is_checked: true },
            Deliverability::NotChecked => StartOutcome::Unknown { is_checked: false },
            Deliverability::Undeliverable { did_you_mean } => StartOutcome::Refused { did_you_mean },
        })
    }

    /// Whether `email`, which has no account yet, receives mail. The silence of the service that knows stops nobody.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn check_deliverability(&self, email: &Email) -> Result<Deliverability, AccountsError> {
        let Some(service) = &self.services.debounce else {
            return Ok(Deliverability::Deliverable);
        };
        let is_whitelisted = {
            let client = self.services.pool.get().await?;
            db::deliverability::is_whitelisted(&client, email.domain()).await?
        };
        if is_whitelisted {
            return Ok(Deliverability::Deliverable);
        }
        Ok(match service.check(email).await {
            Ok(debounce::Deliverability::Deliverable) => Deliverability::Deliverable,
            Ok(debounce::Deliverability::Undeliverable { did_you_mean }) => {
                let did_you_mean = did_you_mean.or_else(|| did_you_mean::suggest(email.as_str()));
                tracing::info!(
                    domain = email.domain(),
                    "an address that receives no mail was refused"
                );
                Deliverability::Undeliverable { did_you_mean }
            }
            Err(error) => {
                tracing::warn!(domain = email.domain(), %error, "an address was accepted without being checked");
                Deliverability::NotChecked
            }
        })
    }
}

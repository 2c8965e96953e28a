//! The room of second factors.

use std::sync::Arc;

use super::accounts::Foundations;
use crate::config::Config;
use crate::domain::{SecretHasher, TotpKeyCipher};
use crate::mfa::{Mfa, MfaServices};

/// The use cases around second factors.
pub(super) fn mfa(config: &Config, foundations: &Foundations<'_>) -> Mfa {
    let encryption_key = config.secrets.symmetric_encryption_key.expose();
    Mfa::new(MfaServices {
        pool: foundations.pool.clone(),
        clock: foundations.clock.clone(),
        outbox: foundations.outbox.clone(),
        mails: foundations.mails.clone(),
        secrets: SecretHasher::derived_from(encryption_key),
        totp_keys: Arc::new(TotpKeyCipher::new(*encryption_key)),
        issuer: config.pages.application_name.clone(),
    })
}

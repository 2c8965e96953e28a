//! The room of second factors.

use std::sync::Arc;

use super::ServeError;
use super::accounts::{Foundations, url};
use crate::config::Config;
use crate::connectors::PasskeyNames;
use crate::domain::{SecretHasher, TotpKeyCipher};
use crate::mfa::passkeys::{Decoys, PasskeyServices, RelyingParty};
use crate::mfa::{Mfa, MfaServices};

/// The use cases around second factors.
pub(super) fn mfa(
    config: &Config,
    foundations: &Foundations<'_>,
    names: &PasskeyNames,
) -> Result<Mfa, ServeError> {
    Ok(Mfa::new(MfaServices {
        pool: foundations.pool.clone(),
        clock: foundations.clock.clone(),
        outbox: foundations.outbox.clone(),
        mails: foundations.mails.clone(),
        secrets: SecretHasher::derived_from(foundations.master_keys.clone()),
        totp_keys: Arc::new(TotpKeyCipher::new(foundations.master_keys.clone())),
        issuer: config.pages.application_name.clone(),
        state: foundations.state.clone(),
        passkeys: Arc::new(passkeys(config, foundations, names)?),
    }))
}

fn passkeys(
    config: &Config,
    foundations: &Foundations<'_>,
    names: &PasskeyNames,
) -> Result<PasskeyServices, ServeError> {
    let origin = url("HOST", config.server.base_url())?;
    let relying_party =
        RelyingParty::new(origin, &config.pages.application_name).ok_or_else(|| ServeError::Setting {
            variable: "HOST",
            problem: "it has no host name, which passkeys are bound to".to_owned(),
        })?;
    Ok(PasskeyServices {
        relying_party,
        names: names.clone(),
        decoys: Decoys::derived_from(foundations.master_keys.clone()),
    })
}

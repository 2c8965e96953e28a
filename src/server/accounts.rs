//! The rooms around accounts: remote systems, e-mails, use cases.

use std::sync::Arc;

use chrono::TimeDelta;
use identite_actors::clock::SharedClock;
use identite_actors::instrumentation::Instruments;
use identite_actors::outbox::Outbox;
use identite_actors::password_hasher::PasswordHasher;
use identite_actors::rate_limiter::RateLimiter;
use identite_actors::state::StateStore;
use tokio::runtime::Handle;
use url::Url;

use super::ServeError;
use super::house::delta;
use super::remote::RemoteSystems;
use crate::accounts::{AccountRules, AccountServices, Accounts, SessionRules};
use crate::config::Config;
use crate::connectors::franceconnect::{FranceConnectSettings, UnsupportedSignatureAlgorithm};
use crate::connectors::{ConnectorMetrics, FranceConnect, HttpClient, HttpSettings, Waiting};
use crate::db::Pool;
use crate::domain::{MasterKeys, SecretHasher};
use crate::mail::Mails;

/// Where the logo of e-mails and tickets is found on every deployment, and the deployment that always shows it.
const LOGO_PATH: &str = "/dist/mail-proconnect.png";
const PUBLIC_SERVICE: &str = "https://identite.proconnect.gouv.fr";

/// What accounts stand on, that others stand on too.
pub(super) struct Foundations<'a> {
    pub pool: &'a Pool,
    pub state: &'a Arc<dyn StateStore>,
    pub clock: &'a SharedClock,
    pub outbox: &'a Outbox,
    pub mails: &'a Mails,
    pub http: &'a HttpClient,
    pub master_keys: &'a MasterKeys,
}

/// The use cases around an account.
pub(super) fn accounts(
    config: &Config,
    foundations: &Foundations<'_>,
    remote: &RemoteSystems,
    hasher: PasswordHasher,
    rate_limiter: &RateLimiter,
) -> Result<Accounts, ServeError> {
    let asks_debounce = config.accounts.check_email_deliverability;
    Ok(Accounts::new(AccountServices {
        pool: foundations.pool.clone(),
        hasher,
        clock: foundations.clock.clone(),
        state: foundations.state.clone(),
        rate_limiter: rate_limiter.clone(),
        outbox: foundations.outbox.clone(),
        mails: foundations.mails.clone(),
        secrets: SecretHasher::derived_from(foundations.master_keys.clone()),
        debounce: asks_debounce.then(|| remote.debounce.clone()),
        pwned_passwords: remote.pwned_passwords.clone(),
        franceconnect: franceconnect(config, foundations.http)?,
        rules: rules(config),
    }))
}

fn rules(config: &Config) -> AccountRules {
    AccountRules {
        sessions: SessionRules {
            idle: delta(config.sessions.max_age),
            absolute: delta(config.sessions.absolute_max_age),
        },
        email_code_lifetime: delta(config.accounts.verify_email_lifetime),
        email_code_spacing: delta(config.accounts.verification_code_resend_delay),
        magic_link_lifetime: delta(config.accounts.magic_link_lifetime),
        password_reset_lifetime: delta(config.accounts.reset_password_lifetime),
        trusted_browser_max_age: trusted_browser_max_age(config),
        upgrades_passwords: config.passwords.upgrade,
        announces_new_browsers: !config.accounts.authenticate_browser,
    }
}

/// `TRUSTED_BROWSER_COOKIE_MAX_AGE_IN_SECONDS`
pub(super) fn trusted_browser_max_age(config: &Config) -> TimeDelta {
    delta(config.sessions.trusted_browser_max_age)
}

/// The templates of e-mails, and what they show of this deployment.
pub(super) fn mails(config: &Config) -> Result<Mails, ServeError> {
    let base_url = config.server.base_url().trim_end_matches('/');
    Mails::new(base_url, logo_url(config)).map_err(|error| ServeError::Pages(error.to_string()))
}

/// The logo of what is read elsewhere, in mail programs and at the support desk: they fetch it, from us where they can reach us.
pub(super) fn logo_url(config: &Config) -> String {
    let is_reachable = config.server.is_served_over_tls() && !config.deploy_env.is_localhost();
    if is_reachable {
        let base_url = config.server.base_url().trim_end_matches('/');
        format!("{base_url}{LOGO_PATH}")
    } else {
        format!("{PUBLIC_SERVICE}{LOGO_PATH}")
    }
}

/// What makes the client that all connectors share. It takes a while: the certificates of the system are read.
pub(super) fn http_client(
    config: &Config,
    waiting: Waiting,
    io: &Handle,
    clock: &SharedClock,
    instruments: &Instruments,
) -> Result<impl FnOnce() -> Result<HttpClient, ServeError> + Send + use<>, ServeError> {
    let settings = HttpSettings {
        timeout: config.connectors.http_client_timeout,
        waiting,
        verify_tls_certificates: config.connectors.verify_tls_certificates,
    };
    let metrics = ConnectorMetrics::register(instruments.registry())?;
    let (io, clock) = (io.clone(), clock.clone());
    Ok(move || {
        HttpClient::new(settings, io, clock, metrics).map_err(|error| ServeError::Refused(error.to_string()))
    })
}

fn franceconnect(config: &Config, http: &HttpClient) -> Result<FranceConnect, ServeError> {
    let service = &config.connectors.franceconnect;
    let algorithm =
        service
            .id_token_signed_response_alg
            .parse()
            .map_err(|problem: UnsupportedSignatureAlgorithm| ServeError::Setting {
                variable: "FRANCECONNECT_ID_TOKEN_SIGNED_RESPONSE_ALG",
                problem: problem.to_string(),
            })?;
    let settings = FranceConnectSettings {
        issuer: service.issuer.clone(),
        client_id: service.client_id.clone(),
        client_secret: service.client_secret.clone(),
        algorithm,
        scopes: service.scopes.clone(),
        allows_plain_http: config.deploy_env.is_localhost(),
    };
    Ok(FranceConnect::new(http, settings))
}

/// The URL in the variable `variable`.
pub(super) fn url(variable: &'static str, text: &str) -> Result<Url, ServeError> {
    Url::parse(text).map_err(|error| ServeError::Setting {
        variable,
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::logo_url;
    use crate::config::Config;

    fn deployed(deploy_env: &str, host: &str) -> Config {
        let variables = [
            ("DEPLOY_ENV", deploy_env),
            ("HOST", host),
            ("DATABASE_URL", "postgres://app:hunter2@db.internal:5432/app"),
            ("SMTP_URL", "smtps://mailer:hunter2@mail.internal:465"),
            (
                "SYMMETRIC_ENCRYPTION_KEY",
                "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
            ),
            ("SESSION_COOKIE_SECRET", "k4Vx8mQ2pLr7Tz1Wn5Yc9Hd3Jf6Bg0Sa"),
            ("JWKS", r#"{"keys":[{"kty":"RSA"}]}"#),
            ("ENTREPRISE_API_URL", "https://entreprise.example"),
            ("FRANCECONNECT_ISSUER", "https://franceconnect.example"),
        ];
        let source = |name: &str| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Config::from_source(&source).unwrap()
    }

    #[test]
    fn the_logo_is_fetched_from_where_it_can_be_reached() {
        for (deploy_env, host, expected) in [
            (
                "production",
                "https://identite.example",
                "https://identite.example",
            ),
            ("sandbox", "https://sandbox.example", "https://sandbox.example"),
            (
                "localhost",
                "http://localhost:3000",
                "https://identite.proconnect.gouv.fr",
            ),
        ] {
            let config = deployed(deploy_env, host);
            assert_eq!(logo_url(&config), format!("{expected}/dist/mail-proconnect.png"));
        }
    }
}

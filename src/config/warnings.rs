//! Values that the server accepts, since existing deployments have them, but that an operator should know about.

use std::fmt;

use secrecy::ExposeSecret;
use serde_json::Value;

use super::Config;
use super::environment::NodeEnv;
use super::passwords::Argon2Config;
use super::people::SmtpTarget;
use super::profiles::MOCKS_PATH;
use super::server::StateBackend;

/// A cookie secret shorter than this can be guessed.
const SHORTEST_COOKIE_SECRET: usize = 32;

/// One remark on a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigWarning {
    pub variable: &'static str,
    pub message: String,
}

impl ConfigWarning {
    pub(super) fn new(variable: &'static str, message: impl Into<String>) -> Self {
        Self {
            variable,
            message: message.into(),
        }
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at \"{}\"", self.message, self.variable)
    }
}

/// Contradictions anywhere, and unsafe values where the server is in production use.
pub(super) fn find(config: &Config) -> Vec<ConfigWarning> {
    let mut warnings = Vec::new();
    let mut warn_if = |condition: bool, variable, message: &str| {
        if condition {
            warnings.push(ConfigWarning::new(variable, message));
        }
    };
    contradictions(config, &mut warn_if);

    if config.deploy_env.is_localhost() {
        away_from_home(config, &mut warn_if);
        return warnings;
    }
    if config.node_env != NodeEnv::Production {
        warn_if(
            true,
            "NODE_ENV",
            "not production, unsafe values are not looked for",
        );
        return warnings;
    }
    unsafe_toggles(config, &mut warn_if);
    unsafe_values(config, &mut warn_if);
    mocked_systems(config, &mut warn_if);
    warnings
}

type WarnIf<'w> = dyn FnMut(bool, &'static str, &str) + 'w;

fn contradictions(config: &Config, warn_if: &mut WarnIf) {
    let server = &config.server;
    warn_if(
        server.host.ends_with('/'),
        "HOST",
        "the trailing slash becomes part of the issuer",
    );
    warn_if(
        server.use_secure_cookies && !server.is_served_over_tls(),
        "FEATURE_USE_SECURE_COOKIES",
        "browsers do not send secure cookies to an http HOST, nobody can sign in",
    );
    let oidc = &config.oidc;
    warn_if(
        oidc.certificate_verified_header.is_some() && oidc.client_certificate_header.is_none(),
        "TLS_CLIENT_CERTIFICATE_VERIFIED_HEADER",
        "says nothing without TLS_CLIENT_CERTIFICATE_HEADER",
    );
    let organizations = &config.organizations;
    warn_if(
        organizations.consider_all_email_domains_as_free
            && organizations.consider_all_email_domains_as_non_free,
        "FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_FREE",
        "outweighs FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE",
    );
    warn_if(
        !signs_with_default_algorithm(config.secrets.jwks.expose_secret()),
        "JWKS",
        "none of its keys signs with RS256, the algorithm of relying parties that name none: they are refused unless \
         `identite keys list` shows one",
    );
    let sessions = &config.sessions;
    warn_if(
        sessions.max_age.is_zero(),
        "SESSION_MAX_AGE_IN_SECONDS",
        "sessions end at once, nobody can sign in",
    );
    warn_if(
        sessions.absolute_max_age < sessions.max_age,
        "SESSION_ABSOLUTE_MAX_AGE_IN_SECONDS",
        "shorter than SESSION_MAX_AGE_IN_SECONDS, which never counts",
    );
}

/// Whether one of these keys signs what nobody has named an algorithm for.
fn signs_with_default_algorithm(jwks: &str) -> bool {
    let set: Value = serde_json::from_str(jwks).unwrap_or_default();
    let keys = set.get("keys").and_then(Value::as_array);
    keys.into_iter().flatten().any(|key| {
        let says = |name: &str, value: &str| key.get(name).is_none_or(|found| found == value);
        key.get("kty").is_some_and(|kind| kind == "RSA") && says("use", "sig") && says("alg", "RS256")
    })
}

/// What is meant for a developer's machine, and can be reached by others. An `https` site is refused (see `Config`).
fn away_from_home(config: &Config, warn_if: &mut WarnIf) {
    if config.server.is_on_this_machine() {
        return;
    }
    warn_if(
        true,
        "HOST",
        "not this machine, while DEPLOY_ENV is localhost: whoever reaches it has the mocks and the development data",
    );
    warn_if(
        config.node_env == NodeEnv::Production,
        "NODE_ENV",
        "production, while DEPLOY_ENV is localhost: unsafe values are not looked for",
    );
}

fn unsafe_toggles(config: &Config, warn_if: &mut WarnIf) {
    let server = &config.server;
    warn_if(
        !server.use_secure_cookies,
        "FEATURE_USE_SECURE_COOKIES",
        "cookies are sent over plain HTTP",
    );
    warn_if(
        !server.use_security_response_headers,
        "FEATURE_USE_SECURITY_RESPONSE_HEADERS",
        "no security header is sent",
    );
    warn_if(
        !server.rate_limit_by_ip,
        "FEATURE_RATE_LIMIT_BY_IP",
        "requests of an address are not limited",
    );
    warn_if(
        !server.rate_limit_by_email,
        "FEATURE_RATE_LIMIT_BY_EMAIL",
        "attempts on an account are not limited",
    );
    warn_if(
        config.connectors.partially_mock_external_api,
        "FEATURE_PARTIALLY_MOCK_EXTERNAL_API",
        "some companies are answered from mock data",
    );
    let organizations = &config.organizations;
    warn_if(
        organizations.consider_all_email_domains_as_non_free,
        "FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE",
        "free mailboxes count as professional ones",
    );
    warn_if(
        !organizations.use_annuaire_emails,
        "FEATURE_USE_ANNUAIRE_EMAILS",
        "official contacts are replaced by TEST_CONTACT_EMAIL",
    );
    warn_if(
        organizations.bypass_moderation,
        "FEATURE_BYPASS_MODERATION",
        "nobody's link is moderated",
    );
}

fn unsafe_values(config: &Config, warn_if: &mut WarnIf) {
    let server = &config.server;
    warn_if(
        !server.is_served_over_tls(),
        "HOST",
        "people reach the server over plain HTTP",
    );
    warn_if(
        !server.operator_listen.ip().is_loopback() && server.operator_token.is_none(),
        "OPERATOR_LISTEN",
        "the operator pages are open to the network, set OPERATOR_TOKEN",
    );
    let has_short_secret = |shortest: usize| {
        config
            .secrets
            .cookie_secrets
            .iter()
            .any(|secret| secret.expose_secret().len() < shortest)
    };
    warn_if(
        has_short_secret(SHORTEST_COOKIE_SECRET),
        "SESSION_COOKIE_SECRET",
        "a secret is shorter than 32 characters",
    );
    warn_if(
        matches!(config.state, StateBackend::Memory),
        "REDIS_URL",
        "state is kept in memory: one node only, a restart interrupts sign-ins",
    );
    let cost = config.passwords.argon2;
    let recommended = Argon2Config::DEFAULT;
    warn_if(
        cost.memory_kib < recommended.memory_kib || cost.iterations < recommended.iterations,
        "ARGON2_MEMORY_KIB",
        "password hashes cost less than recommended",
    );
    warn_if(
        !config.connectors.verify_tls_certificates,
        "NODE_TLS_REJECT_UNAUTHORIZED",
        "certificates of remote systems are not checked",
    );
    let mail_server_shows_any_certificate =
        matches!(&config.mail.smtp, SmtpTarget::Server(server) if !server.verify_certificate);
    warn_if(
        mail_server_shows_any_certificate,
        "SMTP_URL",
        "the certificate of the mail server is not checked",
    );
}

fn mocked_systems(config: &Config, warn_if: &mut WarnIf) {
    const MOCKED: &str = "points at a mock";
    const NO_CREDENTIALS: &str = "is the placeholder for mocks";
    let connectors = &config.connectors;
    for (variable, url) in [
        ("ENTREPRISE_API_URL", &connectors.api_entreprise.url),
        ("FRANCECONNECT_ISSUER", &connectors.franceconnect.issuer),
        (
            "ANNUAIRE_SERVICE_PUBLIC_API_URL",
            &connectors.annuaires.service_public_url,
        ),
        ("INSEE_API_URL", &connectors.insee.url),
    ] {
        warn_if(url.contains(MOCKS_PATH), variable, MOCKED);
    }
    for (variable, credential) in [
        (
            "ENTREPRISE_API_TOKEN",
            connectors.api_entreprise.token.current().expose_secret(),
        ),
        (
            "FRANCECONNECT_CLIENT_ID",
            connectors.franceconnect.client_id.as_str(),
        ),
        (
            "FRANCECONNECT_CLIENT_SECRET",
            connectors.franceconnect.client_secret.current().expose_secret(),
        ),
        ("INSEE_API_CLIENT_ID", connectors.insee.client_id.as_str()),
        ("RNE_API_USERNAME", connectors.rne.username.as_str()),
    ] {
        warn_if(credential.starts_with('🎭'), variable, NO_CREDENTIALS);
    }
}

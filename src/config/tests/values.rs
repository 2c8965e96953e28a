//! Defaults, profiles and derived values.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::{PRODUCTION, read, read_in_production, warned};
use crate::config::masking::MASK;
use crate::config::{DeployEnv, LogLevel, NodeEnv, SmtpTarget, StateBackend};

/// The effective value of a variable, as shown.
fn shown(config: &crate::config::Config, variable: &str) -> String {
    let setting = config
        .describe()
        .iter()
        .find(|setting| setting.variable == variable);
    setting
        .unwrap_or_else(|| panic!("{variable} is not described"))
        .value
        .clone()
}

#[test]
fn a_developer_needs_no_variable() {
    let config = read(&[]).expect("valid");

    assert_eq!(
        (config.deploy_env, config.node_env),
        (DeployEnv::Localhost, NodeEnv::Development)
    );
    assert_eq!(config.server.host, "http://localhost:3000");
    assert_eq!(config.server.port, 3000);
    assert_eq!(config.logs.level, LogLevel::Debug);
    assert!(config.serves_mocks());
    assert!(matches!(config.state, StateBackend::Memory));
    assert_eq!(
        config.database.url.expose_secret(),
        "postgres://proconnect-identite:proconnect-identite@127.0.0.1:5432/proconnect-identite"
    );
    let SmtpTarget::Server(mail_server) = &config.mail.smtp else {
        panic!("mails are printed")
    };
    assert_eq!((mail_server.host.as_str(), mail_server.port), ("localhost", 1025));
    assert!(!config.connectors.verify_tls_certificates);
    assert_eq!(warned(&config), Vec::<&str>::new());
}

#[test]
fn a_deployment_meets_no_mocks_and_checks_certificates() {
    let config = read_in_production(&[]).expect("valid");

    assert_eq!(
        config.connectors.api_entreprise.token.current().expose_secret(),
        "🎭 Mocked Entreprise Api Token"
    );
    assert!(config.connectors.verify_tls_certificates);
    assert!(!config.serves_mocks());
}

#[test]
fn units_of_durations() {
    let config = read(&[
        ("SESSION_MAX_AGE_IN_SECONDS", "5"),
        ("MAGIC_LINK_TOKEN_EXPIRATION_DURATION_IN_MINUTES", "5"),
        ("HTTP_CLIENT_TIMEOUT", "5"),
    ])
    .expect("valid");

    assert_eq!(config.sessions.max_age, Duration::from_secs(5));
    assert_eq!(config.accounts.magic_link_lifetime, Duration::from_mins(5));
    assert_eq!(config.connectors.http_client_timeout, Duration::from_millis(5));
}

#[test]
fn mocks_follow_the_host_on_a_developers_machine() {
    let config = read(&[("HOST", "http://localhost:3999")]).expect("valid");

    let mocks = "http://localhost:3999/___testing___";
    let connectors = &config.connectors;
    assert_eq!(
        connectors.pwned_passwords_url,
        format!("{mocks}/api.pwnedpasswords.com")
    );
    assert_eq!(
        connectors.api_entreprise.url,
        format!("{mocks}/entreprise.api.gouv.fr")
    );
    assert_eq!(
        connectors.franceconnect.issuer,
        format!("{mocks}/oidc.franceconnect.gouv.fr/api/v2")
    );
    assert_eq!(
        connectors.annuaires.service_public_url,
        format!("{mocks}/api-lannuaire.service-public.fr")
    );
    assert_eq!(
        connectors.rne.url,
        format!("{mocks}/registre-national-entreprises.inpi.fr")
    );
}

#[test]
fn the_test_profile() {
    let config = read(&[("NODE_ENV", "test")]).expect("valid");

    assert!(config.accounts.check_email_deliverability);
    assert!(config.organizations.use_annuaire_emails);
    assert!(!config.organizations.consider_all_email_domains_as_non_free);
    assert_eq!(config.logs.level, LogLevel::Info);
}

#[test]
fn values_derived_from_others() {
    let config = read_in_production(&[("DEPLOY_ENV", "sandbox"), ("HOST", "https://identite.example/")])
        .expect("valid");

    assert_eq!(config.server.website_identifier(), "identite.example");
    assert_eq!(
        config.server.host, "https://identite.example/",
        "the issuer, as given"
    );
    assert_eq!(config.server.base_url(), "https://identite.example");
    assert_eq!(config.mail.subject_prefix, "Test - ");
    assert!(config.server.is_served_over_tls());
}

#[test]
fn where_the_state_lives() {
    for (variables, expected) in [
        (&[][..], None),
        (
            &[("REDIS_URL", "redis://cache:6379/2")][..],
            Some("redis://cache:6379/2"),
        ),
        (
            &[("REDIS_URL", "rediss://u:p@cache:6379")][..],
            Some("rediss://u:p@cache:6379"),
        ),
        (
            &[("REDIS_URL", "redis+sentinel://:p@one,two:26380/principal")][..],
            Some("redis+sentinel://:p@one,two:26380/principal"),
        ),
        (
            &[("REDIS_URL", "rediss+cluster://one:7000,two:7000")][..],
            Some("rediss+cluster://one:7000,two:7000"),
        ),
        (&[("REDIS_URL", "memory:")][..], None),
    ] {
        let config = read(variables).expect("valid");
        let url = match &config.state {
            StateBackend::Memory => None,
            StateBackend::Redis(url) => Some(url.expose_secret()),
        };
        assert_eq!(url, expected, "{variables:?}");
    }
    let elsewhere = read_in_production(&[]).expect("valid");
    assert!(
        matches!(&elsewhere.state, StateBackend::Redis(url) if url.expose_secret() == "redis://:@127.0.0.1:6379")
    );
    let asked_for = read_in_production(&[("REDIS_URL", "memory:")]).expect("valid");
    assert!(matches!(asked_for.state, StateBackend::Memory));
}

#[test]
fn where_traces_go() {
    assert!(read(&[]).expect("valid").exports.otlp.is_none());
    let config = read(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer abc, x-tenant = identite",
        ),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
    ])
    .expect("valid");
    let otlp = config.exports.otlp.as_ref().expect("a collector");
    let headers: Vec<_> = otlp
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect();
    assert_eq!(
        headers,
        [("authorization", "Bearer abc"), ("x-tenant", "identite")]
    );
    assert!((otlp.sampled_share - 0.25).abs() < f64::EPSILON);
    assert_eq!(otlp.service_name, "identite");
    assert!(
        config
            .describe()
            .iter()
            .all(|setting| !setting.value.contains("abc"))
    );
}

#[test]
fn blanks_and_empty_values() {
    let config = read(&[
        ("SESSION_COOKIE_SECRET", " new , old ,"),
        ("USE_SMTP_FROM_ALT_FOR_DOMAINS", "example.org, example.edu"),
        ("SESSION_MAX_AGE_IN_SECONDS", ""),
        ("ENTREPRISE_API_TOKEN", ""),
        ("ACCESS_LOG_PATH", ""),
        ("CRISP_MODERATION_TAG", ""),
    ])
    .expect("valid");

    let secrets: Vec<_> = config
        .secrets
        .cookie_secrets
        .iter()
        .map(ExposeSecret::expose_secret)
        .collect();
    assert_eq!(secrets, ["new", "old"]);
    assert_eq!(config.mail.from_alt_domains, ["example.org", "example.edu"]);
    assert_eq!(config.sessions.max_age, Duration::from_hours(24));
    assert_eq!(
        config.connectors.api_entreprise.token.current().expose_secret(),
        "🎭 Mocked Entreprise Api Token"
    );
    assert_eq!(config.logs.access_log_path, None);
    assert_eq!(config.connectors.crisp.moderation_tags, Vec::<String>::new());
}

#[test]
fn mails_on_the_console() {
    let config = read(&[("SMTP_URL", "console:")]).expect("valid");
    assert!(matches!(config.mail.smtp, SmtpTarget::Console));
}

#[test]
fn nothing_secret_is_described() {
    let config = read_in_production(&[
        ("SESSION_COOKIE_SECRET", "topsecret-a,topsecret-b"),
        ("REDIS_URL", "redis://:topsecret@cache:6379"),
        ("DATABASE_URL", "postgres://app:topsecret@db/app"),
        ("SMTP_URL", "smtp://app:topsecret@mail"),
        ("SENTRY_DSN", "https://key:topsecret@sentry.example/1"),
        ("ENTREPRISE_API_TOKEN", "topsecret"),
        ("OPERATOR_TOKEN", "topsecret"),
        ("CRISP_KEY", "topsecret"),
    ])
    .expect("valid");

    let described: Vec<String> = config.describe().iter().map(ToString::to_string).collect();
    assert!(described.contains(&"SESSION_COOKIE_SECRET=****,****".to_owned()));
    assert!(described.contains(&"REDIS_URL=redis://:****@cache:6379".to_owned()));
    assert!(described.contains(&"PORT=3000 (default)".to_owned()));
    assert!(!described.join("\n").contains("topsecret"));
    assert!(!format!("{config:?}").contains("topsecret"));
}

#[test]
fn every_variable_is_described_once() {
    let config = read(&[]).expect("valid");
    let mut variables: Vec<_> = config.describe().iter().map(|setting| setting.variable).collect();
    let count = variables.len();
    variables.sort_unstable();
    variables.dedup();
    assert_eq!(variables.len(), count);
}

/// The rows of the tables of variables: name and the text of the default's column.
fn documented() -> Vec<(&'static str, &'static str)> {
    let manual = include_str!("../../../docs/OPERATIONS.md");
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let rows = manual.lines().map(cells).filter(|cells| cells.len() == 6);
    rows.filter_map(|cells| Some((cells[1].strip_prefix('`')?.strip_suffix('`')?, cells[3])))
        .collect()
}

#[test]
fn the_manual_lists_every_variable() {
    let config = read(&[]).expect("valid");
    let mut read: Vec<_> = config.describe().iter().map(|setting| setting.variable).collect();
    let mut listed: Vec<_> = documented().into_iter().map(|(variable, _)| variable).collect();
    read.sort_unstable();
    listed.sort_unstable();
    assert_eq!(read, listed);
}

#[test]
fn the_manual_tells_the_defaults() {
    let (at_home, elsewhere) = (read(&[]).expect("valid"), read_in_production(&[]).expect("valid"));
    for (variable, cell) in documented() {
        if let Some((_, words)) = DEFAULTS_IN_WORDS.iter().find(|(name, _)| *name == variable) {
            assert_eq!(cell, *words, "{variable}");
            continue;
        }
        let is_given = PRODUCTION.iter().any(|(given, _)| *given == variable);
        let default = shown(if is_given { &at_home } else { &elsewhere }, variable);
        if default.is_empty() {
            assert_eq!(cell, "", "{variable}");
        } else if default == MASK {
            assert_eq!(cell, "placeholder", "{variable}");
        } else {
            assert!(cell.contains(&format!("`{default}`")), "{variable}: {cell}");
        }
    }
}

/// What stands in the default's column where a value alone would not tell it.
const DEFAULTS_IN_WORDS: &[(&str, &str)] = &[
    ("DATABASE_URL", "required"),
    ("JWKS", "required"),
    ("LISTEN_ADDRESS", "all, by IPv6 and IPv4"),
    ("PASSWORD_HASHER_THREADS", "one per core"),
    ("SESSION_COOKIE_SECRET", "required"),
    ("SMTP_URL", "required"),
    ("SYMMETRIC_ENCRYPTION_KEY", "required"),
    ("WORKERS", "one per core"),
];

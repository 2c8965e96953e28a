//! What is refused, and what is remarked upon.

use proptest::prelude::*;

use super::{PRODUCTION, problems, read, read_in_production, warned};
use crate::config::{Config, ConfigError};

#[test]
fn each_kind_of_violation_names_its_variable() {
    for (variable, value, problem) in VIOLATIONS {
        let found = problems(read(&[(variable, value)]));
        assert!(
            found.contains(&(*variable, (*problem).to_owned())),
            "{variable}={value}: {found:?}"
        );
    }
}

#[test]
fn numbers_as_operators_wrote_them_so_far() {
    for (written, number) in [
        ("8", 8),
        (" 8 ", 8),
        ("8.0", 8),
        ("8e2", 800),
        ("0x10", 16),
        ("0b11", 3),
        ("+8", 8),
        ("-0", 0),
    ] {
        let config = read(&[("MAX_SUGGESTED_ORGANIZATIONS", written)]).expect("valid");
        assert_eq!(config.organizations.max_suggested, number, "{written}");
    }
}

#[test]
fn all_violations_come_in_one_message() {
    let outcome = Config::from_source(&|name: &str| match name {
        "NODE_ENV" => Some("production".to_owned()),
        "DEPLOY_ENV" => Some("sandbox".to_owned()),
        "PORT" => Some("-5".to_owned()),
        _ => None,
    });

    let message = outcome.expect_err("invalid").to_string();
    assert_eq!(
        message,
        "Validation error: expected a whole number from 0 to 65535 at \"PORT\"; \
         a value is required at \"DATABASE_URL\"; \
         a value is required unless DEPLOY_ENV is localhost at \"SYMMETRIC_ENCRYPTION_KEY\"; \
         a value is required unless DEPLOY_ENV is localhost at \"SESSION_COOKIE_SECRET\"; \
         a value is required unless DEPLOY_ENV is localhost at \"JWKS\"; \
         a value is required at \"SMTP_URL\""
    );
}

#[test]
fn public_secrets_are_refused_outside_a_developers_machine() {
    let with_public_secrets = [
        (
            "SYMMETRIC_ENCRYPTION_KEY",
            "aTrueRandom32BytesLongBase64EncodedStringAA=",
        ),
        (
            "SESSION_COOKIE_SECRET",
            "k4Vx8mQ2pLr7Tz1Wn5Yc9Hd3Jf6Bg0Sa,verysecretcookie",
        ),
    ];
    for deploy_env in ["production", "sandbox", "preview"] {
        let mut variables = with_public_secrets.to_vec();
        variables.push(("DEPLOY_ENV", deploy_env));
        let variables_at_fault: Vec<_> = problems(read_in_production(&variables))
            .into_iter()
            .map(|(variable, _)| variable)
            .collect();
        assert_eq!(
            variables_at_fault,
            ["SYMMETRIC_ENCRYPTION_KEY", "SESSION_COOKIE_SECRET"],
            "{deploy_env}"
        );
    }
    read(&with_public_secrets).expect("fine on localhost");
}

#[test]
fn a_forgotten_node_env_brings_no_development_default() {
    let outcome = Config::from_source(&|name: &str| (name == "DEPLOY_ENV").then(|| "production".to_owned()));

    let missing: Vec<_> = problems(outcome)
        .into_iter()
        .map(|(variable, _)| variable)
        .collect();
    assert_eq!(
        missing,
        [
            "DATABASE_URL",
            "SYMMETRIC_ENCRYPTION_KEY",
            "SESSION_COOKIE_SECRET",
            "JWKS",
            "SMTP_URL",
            "ENTREPRISE_API_URL",
            "FRANCECONNECT_ISSUER"
        ]
    );
}

#[test]
fn mails_are_not_printed_in_production() {
    let found = problems(read_in_production(&[("SMTP_URL", "console:")]));
    assert_eq!(
        found,
        [(
            "SMTP_URL",
            "mails are printed only where DEPLOY_ENV is localhost".to_owned()
        )]
    );
}

#[test]
fn unsafe_defaults_are_remarked_upon_in_production() {
    let config = read_in_production(&[]).expect("valid");
    assert_eq!(
        warned(&config),
        [
            "FEATURE_USE_SECURE_COOKIES",
            "FEATURE_USE_SECURITY_RESPONSE_HEADERS",
            "FEATURE_RATE_LIMIT_BY_IP",
            "FEATURE_RATE_LIMIT_BY_EMAIL",
            "FEATURE_PARTIALLY_MOCK_EXTERNAL_API",
            "FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE",
            "FEATURE_USE_ANNUAIRE_EMAILS",
            "ENTREPRISE_API_TOKEN",
            "FRANCECONNECT_CLIENT_ID",
            "FRANCECONNECT_CLIENT_SECRET",
            "INSEE_API_CLIENT_ID",
            "RNE_API_USERNAME",
        ]
    );
}

#[test]
fn a_careful_production_has_no_remark() {
    let config = read_in_production(CAREFUL).expect("valid");
    assert_eq!(config.warnings, Vec::new());
}

#[test]
fn each_remark_of_production() {
    for (variable, value) in [
        ("HOST", "http://identite.example"),
        ("OPERATOR_LISTEN", "0.0.0.0:9464"),
        ("SESSION_COOKIE_SECRET", "short"),
        ("REDIS_URL", "memory:"),
        ("ARGON2_MEMORY_KIB", "1024"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ("SMTP_URL", "smtps://mail.internal?tls.rejectUnauthorized=false"),
        ("FEATURE_BYPASS_MODERATION", "True"),
        (
            "ENTREPRISE_API_URL",
            "https://identite.example/___testing___/entreprise.api.gouv.fr",
        ),
        ("SESSION_MAX_AGE_IN_SECONDS", "0"),
        ("SESSION_ABSOLUTE_MAX_AGE_IN_SECONDS", "60"),
        ("TLS_CLIENT_CERTIFICATE_VERIFIED_HEADER", "X-Client-Verified"),
        ("NODE_ENV", "development"),
    ] {
        let mut variables = CAREFUL.to_vec();
        variables.extend([
            ("FRANCECONNECT_ISSUER", "https://fc.example"),
            ("ENTREPRISE_API_URL", "https://ae.example"),
        ]);
        variables.push((variable, value));
        let config = read_in_production(&variables).expect("valid");
        assert!(
            warned(&config).contains(&variable),
            "{variable}={value}: {:?}",
            config.warnings
        );
    }
}

#[test]
fn a_site_is_no_developers_machine() {
    let refused = [(
        "DEPLOY_ENV",
        "localhost, but HOST is not this machine: say which deployment this is, production, sandbox or preview"
            .to_owned(),
    )];
    for host in [
        "https://identite.example.fr",
        "https://localhost.example.fr:8443",
        "https://notlocalhost",
        "https://192.0.2.1",
        "https://[2001:db8::1]",
    ] {
        assert_eq!(problems(read(&[("HOST", host)])), refused, "{host}");
        let given = [("HOST", host), ("DEPLOY_ENV", "localhost")];
        assert_eq!(problems(read(&given)), refused, "{host}");
    }
    for host in [
        "http://localhost:3000",
        "https://localhost",
        "https://Identite.localhost:3000",
        "https://127.0.0.2",
        "https://[::1]:3000",
        "http://[::ffff:127.0.0.1]",
    ] {
        let config = read(&[("HOST", host)]).expect(host);
        assert_eq!(warned(&config), Vec::<&str>::new(), "{host}");
    }
}

#[test]
fn a_developers_machine_that_others_reach_is_remarked_upon() {
    let in_production = [
        ("NODE_ENV", "production"),
        ("DATABASE_URL", "postgres://db/app"),
        ("SMTP_URL", "smtp://mail"),
    ];
    for host in ["http://192.168.1.20:3000", "http://identite:3000"] {
        assert_eq!(warned(&read(&[("HOST", host)]).expect(host)), ["HOST"], "{host}");
        let mut variables = in_production.to_vec();
        variables.push(("HOST", host));
        let config = read(&variables).expect(host);
        assert_eq!(warned(&config), ["HOST", "NODE_ENV"], "{host}");
    }
    let at_home = read(&in_production).expect("valid");
    assert_eq!(warned(&at_home), Vec::<&str>::new());
}

#[test]
fn an_operator_token_makes_an_open_listener_acceptable() {
    let mut variables = CAREFUL.to_vec();
    variables.extend([("OPERATOR_LISTEN", "0.0.0.0:9464"), ("OPERATOR_TOKEN", "a token")]);
    assert_eq!(
        read_in_production(&variables).expect("valid").warnings,
        Vec::new()
    );
}

#[test]
fn secure_cookies_over_plain_http_are_remarked_upon_anywhere() {
    let config = read(&[("FEATURE_USE_SECURE_COOKIES", "True")]).expect("valid");
    assert_eq!(warned(&config), ["FEATURE_USE_SECURE_COOKIES"]);
}

#[test]
fn keys_that_cannot_sign_for_ordinary_relying_parties_are_remarked_upon_anywhere() {
    for (keys, is_fine) in [
        (r#"{"kty":"EC"},{"kty":"RSA"}"#, true),
        (r#"{"kty":"RSA","use":"sig","alg":"RS256"}"#, true),
        (r#"{"kty":"EC"}"#, false),
        (r#"{"kty":"RSA","use":"enc"}"#, false),
        (r#"{"kty":"RSA","alg":"PS256"}"#, false),
        (r#"{"kty":"RSA","use":"enc"},{"kty":"RSA","alg":"PS256"}"#, false),
    ] {
        let jwks = format!(r#"{{"keys":[{keys}]}}"#);
        let config = read(&[("JWKS", &jwks)]).expect("valid");
        assert_eq!(warned(&config).is_empty(), is_fine, "{keys}");
        assert!(is_fine || warned(&config) == ["JWKS"], "{keys}");
        let mut messages = config.warnings.iter().map(|warning| &warning.message);
        assert!(
            messages.all(|message| message.contains("`identite keys list`")),
            "{keys}"
        );
    }
}

const VIOLATIONS: &[(&str, &str, &str)] = &[
    (
        "DEPLOY_ENV",
        "prod",
        "expected one of localhost, preview, production, sandbox",
    ),
    ("NODE_ENV", "", "expected one of production, development, test"),
    (
        "LOG_LEVEL",
        "INFO",
        "expected one of trace, debug, info, warn, error, fatal",
    ),
    ("LOG_FORMAT", "text", "expected one of human, json"),
    ("HOST", "not a url", "expected a URL"),
    ("HOST", "ftp://localhost", "expected an http or https origin"),
    (
        "HOST",
        "http://localhost/sub/path",
        "expected an origin, without path, query or credentials",
    ),
    (
        "HOST",
        "http://localhost?y",
        "expected an origin, without path, query or credentials",
    ),
    (
        "HOST",
        "http://user@localhost/",
        "expected an origin, without path, query or credentials",
    ),
    (
        "TLS_CLIENT_CERTIFICATE_HEADER",
        "a b",
        "expected the name of a header",
    ),
    (
        "TLS_CLIENT_CERTIFICATE_VERIFIED_HEADER",
        "X-Vérifié",
        "expected the name of a header",
    ),
    ("SMTP_FROM", "not an address", "expected an e-mail address"),
    (
        "SMTP_FROM",
        "Service <service@example.fr>",
        "expected an e-mail address",
    ),
    ("SMTP_FROM_ALT", "", "expected an e-mail address"),
    (
        "DATABASE_URL",
        "mysql://localhost/db",
        "expected a postgres or postgresql URL",
    ),
    ("ENTREPRISE_API_URL", "", "expected a URL"),
    (
        "REDIS_URL",
        "",
        "expected a redis, redis+sentinel or redis+cluster URL (rediss for TLS), redis+unix:///path of a socket, or memory:",
    ),
    (
        "REDIS_URL",
        "memcached://x",
        "expected a redis, redis+sentinel or redis+cluster URL (rediss for TLS), redis+unix:///path of a socket, or memory:",
    ),
    (
        "SMTP_URL",
        "http://x",
        "expected an smtp or smtps URL, or console:",
    ),
    ("SMTP_URL", "smtp:", "expected an smtp or smtps URL, or console:"),
    (
        "SMTP_URL",
        "smtp:///mail",
        "expected an smtp or smtps URL, or console:",
    ),
    (
        "SMTP_URL",
        "smtps://mail.internal?poll=true",
        "no such option: poll",
    ),
    ("FEATURE_RATE_LIMIT_BY_IP", "true", "expected True or False"),
    ("FEATURE_RATE_LIMIT_BY_IP", "", "expected True or False"),
    ("PORT", "-1", "expected a whole number from 0 to 65535"),
    ("PORT", "65536", "expected a whole number from 0 to 65535"),
    (
        "MAX_SUGGESTED_ORGANIZATIONS",
        "1.5",
        "expected a whole number of at least 0",
    ),
    (
        "MAX_SUGGESTED_ORGANIZATIONS",
        "inf",
        "expected a whole number of at least 0",
    ),
    (
        "MAX_SUGGESTED_ORGANIZATIONS",
        "three",
        "expected a whole number of at least 0",
    ),
    ("WORKERS", "0", "expected a whole number from 1 to 1024"),
    (
        "SESSION_MAX_AGE_IN_SECONDS",
        "99999999999",
        "expected a whole number from 0 to 3162240000",
    ),
    (
        "SMTP_FROM_ALT_RATIO_PERCENT",
        "101",
        "expected a number from 0 to 100",
    ),
    (
        "OPERATOR_LISTEN",
        "localhost",
        "expected an address and a port, as 127.0.0.1:9464",
    ),
    (
        "ARGON2_MEMORY_KIB",
        "7",
        "expected at least 8 times ARGON2_PARALLELISM",
    ),
    ("SYMMETRIC_ENCRYPTION_KEY", "not base64!", "expected base64 text"),
    (
        "SYMMETRIC_ENCRYPTION_KEY_PREVIOUS",
        "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=,c2hvcnQ=",
        "expected 32 bytes in base64",
    ),
    (
        "SYMMETRIC_ENCRYPTION_KEY",
        "c2hvcnQ=",
        "expected 32 bytes in base64",
    ),
    ("JWKS", "{", "expected JSON"),
    ("JWKS", "[]", "expected an object with an array \"keys\""),
    ("JWKS", r#"{"keys":[]}"#, "expected at least one key"),
    (
        "JWKS",
        r#"{"keys":[1]}"#,
        "expected every key to be an object with a \"kty\"",
    ),
    ("JWKS", " ", "a value is required unless DEPLOY_ENV is localhost"),
    (
        "SESSION_COOKIE_SECRET",
        " , ",
        "a value is required unless DEPLOY_ENV is localhost",
    ),
    ("SENTRY_DSN", "nowhere", "expected a URL"),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "grpc://collector:4317",
        "expected an http or https URL",
    ),
    (
        "OTEL_EXPORTER_OTLP_HEADERS",
        "Bearer abc",
        "expected name=value pairs between commas",
    ),
    ("OTEL_TRACES_SAMPLER_ARG", "2", "expected a number from 0 to 1"),
];

/// Variables that leave nothing to remark upon in production.
const CAREFUL: &[(&str, &str)] = &[
    ("FEATURE_USE_SECURE_COOKIES", "True"),
    ("FEATURE_USE_SECURITY_RESPONSE_HEADERS", "True"),
    ("FEATURE_RATE_LIMIT_BY_IP", "True"),
    ("FEATURE_RATE_LIMIT_BY_EMAIL", "True"),
    ("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False"),
    ("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE", "False"),
    ("FEATURE_USE_ANNUAIRE_EMAILS", "True"),
    ("ENTREPRISE_API_TOKEN", "token"),
    ("FRANCECONNECT_CLIENT_ID", "client"),
    ("FRANCECONNECT_CLIENT_SECRET", "secret"),
    ("INSEE_API_CLIENT_ID", "client"),
    ("RNE_API_USERNAME", "user"),
];

/// Every variable there is.
fn variables() -> Vec<&'static str> {
    let config = read(&[]).expect("valid");
    config.describe().iter().map(|setting| setting.variable).collect()
}

proptest! {
    #[test]
    fn no_value_of_any_variable_panics(choice in any::<prop::sample::Index>(), value in any::<String>()) {
        let all = variables();
        let variable = *choice.get(&all);
        for outcome in [read(&[(variable, &value)]), read_in_production(&[(variable, &value)])] {
            match outcome {
                Ok(config) => {
                    let shown = format!("{config:?}");
                    prop_assert!(!shown.is_empty());
                }
                Err(ConfigError::Invalid(issues)) => prop_assert!(!issues.is_empty()),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
    }

    #[test]
    fn numbers_are_read_without_panic(variable in prop::sample::select(vec!["PORT", "SESSION_MAX_AGE_IN_SECONDS",
        "HTTP_CLIENT_TIMEOUT", "SMTP_FROM_ALT_RATIO_PERCENT", "ARGON2_MEMORY_KIB"]), value in "[-+0-9a-fxobeE. ]{0,24}") {
        let _ = read(&[(variable, &value)]);
    }

    #[test]
    fn a_message_never_holds_a_value(value in "[A-Z]{16}") {
        for (variable, _) in PRODUCTION {
            if let Err(error) = read_in_production(&[(variable, &value)]) {
                prop_assert!(!error.to_string().contains(&value));
            }
        }
    }
}

//! The profiles of defaults that `NODE_ENV` chooses, compiled in so that an image without files works too. They stand at
//! the rank of the committed `.env.<NODE_ENV>`, which may replace single values.
//!
//! The development and test profiles count on a developer's machine only: elsewhere a forgotten `NODE_ENV` would bring a
//! local database and secrets that everyone knows.

use super::environment::{NodeEnv, Surroundings};
use super::secrets::{DEVELOPMENT_COOKIE_SECRET, DEVELOPMENT_ENCRYPTION_KEY};

const DEVELOPMENT_DATABASE_URL: &str =
    "postgres://proconnect-identite:proconnect-identite@127.0.0.1:5432/proconnect-identite";

/// Path under which the mocks of the remote systems are served, each under the name of the system it stands for.
pub const MOCKS_PATH: &str = "/___testing___";

/// The value that the profile gives to a variable.
pub(super) fn value(surroundings: &Surroundings, name: &str) -> Option<String> {
    match surroundings.node_env {
        NodeEnv::Production => production(name).map(str::to_owned),
        _ if !surroundings.deploy_env.is_localhost() => None,
        NodeEnv::Development => development(name)
            .map(str::to_owned)
            .or_else(|| local(name, &surroundings.base_url)),
        NodeEnv::Test => test(name)
            .map(str::to_owned)
            .or_else(|| local(name, &surroundings.base_url)),
    }
}

fn production(name: &str) -> Option<&'static str> {
    match name {
        "ENTREPRISE_API_URL" => Some("https://entreprise.api.gouv.fr"),
        "FRANCECONNECT_ISSUER" => Some("https://oidc.franceconnect.gouv.fr/api/v2"),
        "INSEE_API_URL" => Some("https://api.insee.fr/api-sirene/prive/3.11"),
        _ => None,
    }
}

fn development(name: &str) -> Option<&'static str> {
    match name {
        "SYMMETRIC_ENCRYPTION_KEY" => Some(DEVELOPMENT_ENCRYPTION_KEY),
        "SESSION_COOKIE_SECRET" => Some(DEVELOPMENT_COOKIE_SECRET),
        "LOG_LEVEL" => Some("debug"),
        // The mail catchers of development machines have self-signed certificates.
        "NODE_TLS_REJECT_UNAUTHORIZED" => Some("0"),
        _ => None,
    }
}

fn test(name: &str) -> Option<&'static str> {
    match name {
        "FEATURE_CHECK_EMAIL_DELIVERABILITY" | "FEATURE_USE_ANNUAIRE_EMAILS" => Some("True"),
        "FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE" => Some("False"),
        _ => None,
    }
}

/// What development and test share: local services, and the mocks that this very server serves.
fn local(name: &str, base_url: &str) -> Option<String> {
    let mocked = |path: &str| Some(format!("{base_url}{MOCKS_PATH}/{path}"));
    match name {
        "DATABASE_URL" => Some(DEVELOPMENT_DATABASE_URL.to_owned()),
        "SMTP_URL" => Some("smtp://localhost:1025".to_owned()),
        "ANNUAIRE_SERVICE_PUBLIC_API_URL" => mocked("api-lannuaire.service-public.fr"),
        "ENTREPRISE_API_URL" => mocked("entreprise.api.gouv.fr"),
        "FRANCECONNECT_ISSUER" => mocked("oidc.franceconnect.gouv.fr/api/v2"),
        "INSEE_API_URL" => mocked("api.insee.fr/api-sirene/prive/3.11"),
        _ => None,
    }
}

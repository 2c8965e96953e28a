//! Which source wins.

use std::collections::HashMap;
use std::path::Path;

use crate::config::{Config, ConfigError, StateBackend};

const JWKS: &str = r#"{"keys":[{"kty":"EC"}]}"#;

fn load(directory: &Path, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment: HashMap<&str, &str> = environment.iter().copied().collect();
    let lookup = |name: &str| environment.get(name).map(|value| (*value).to_owned());
    Config::load_from(directory, &lookup, || JWKS.to_owned())
}

fn directory_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("written");
    }
    directory
}

#[test]
fn the_environment_wins_then_the_most_specific_file() {
    let ranks = [
        (".env.defaults", "APPLICATION_NAME=defaults"),
        (".env", "APPLICATION_NAME=plain"),
        (".env.local", "APPLICATION_NAME=local"),
        (".env.development", "APPLICATION_NAME=profile"),
        (".env.development.local", "APPLICATION_NAME=profile-local"),
    ];
    for count in 1..=ranks.len() {
        let directory = directory_with(&ranks[..count]);
        let config = load(directory.path(), &[]).expect("valid");
        let expected = ranks[count - 1].1.trim_start_matches("APPLICATION_NAME=");
        assert_eq!(config.pages.application_name, expected);
    }
    let directory = directory_with(&ranks);
    let config = load(directory.path(), &[("APPLICATION_NAME", "real")]).expect("valid");
    assert_eq!(config.pages.application_name, "real");
}

#[test]
fn tests_ignore_the_local_file() {
    let directory = directory_with(&[
        (".env.local", "APPLICATION_NAME=local"),
        (".env.test", "PORT=4321"),
    ]);
    let config = load(directory.path(), &[("NODE_ENV", "test")]).expect("valid");
    assert_eq!(
        (config.pages.application_name.as_str(), config.server.port),
        ("ProConnect", 4321)
    );
}

#[test]
fn the_compiled_profile_stands_where_the_committed_file_stood() {
    let smtp = |config: &Config| {
        let setting = config
            .describe()
            .iter()
            .find(|setting| setting.variable == "SMTP_URL");
        setting.expect("described").value.clone()
    };
    let outranked = directory_with(&[(".env.local", "SMTP_URL=smtp://local")]);
    assert_eq!(
        smtp(&load(outranked.path(), &[]).expect("valid")),
        "smtp://localhost:1025"
    );
    let replacing = directory_with(&[(".env.development", "SMTP_URL=smtp://profile")]);
    assert_eq!(
        smtp(&load(replacing.path(), &[]).expect("valid")),
        "smtp://profile"
    );
}

#[test]
fn a_profile_follows_what_files_say_about_the_deployment() {
    let directory = directory_with(&[(".env.local", "HOST=http://localhost:3999")]);
    let config = load(directory.path(), &[]).expect("valid");
    assert!(
        config
            .connectors
            .api_entreprise
            .url
            .starts_with("http://localhost:3999/___testing___/")
    );

    let directory = directory_with(&[(".env.local", "DEPLOY_ENV=production")]);
    let message = load(directory.path(), &[]).expect_err("invalid").to_string();
    assert!(
        message.contains("a value is required at \"DATABASE_URL\""),
        "{message}"
    );
    assert!(
        !directory.path().join(".dev").exists(),
        "no secret is made outside localhost"
    );
}

#[test]
fn an_unreadable_file_voids_all_files_and_is_told() {
    let directory = directory_with(&[(".env.development", "PORT=4321")]);
    std::fs::create_dir(directory.path().join(".env.local")).expect("made");

    let config = load(directory.path(), &[]).expect("valid");

    assert_eq!(config.server.port, 3000);
    assert!(
        config
            .warnings
            .iter()
            .any(|warning| warning.message.contains(".env.local")),
        "{:?}",
        config.warnings
    );
}

#[test]
fn an_odd_node_env_is_reported_and_reads_no_file_elsewhere() {
    let directory = directory_with(&[]);
    let message = load(directory.path(), &[("NODE_ENV", "../x")])
        .expect_err("invalid")
        .to_string();
    assert!(message.contains("at \"NODE_ENV\""), "{message}");
}

#[test]
fn missing_secrets_are_made_once_on_localhost_whatever_the_profile() {
    let production = [
        ("NODE_ENV", "production"),
        ("DATABASE_URL", "postgres://localhost/x"),
        ("SMTP_URL", "smtp://localhost"),
    ];
    let directory = directory_with(&[]);

    let first = load(directory.path(), &production).expect("valid");
    let second = load(directory.path(), &production).expect("valid");

    assert_eq!(
        first.secrets.symmetric_encryption_key.expose(),
        second.secrets.symmetric_encryption_key.expose(),
        "a restart keeps the key"
    );
    assert!(
        directory
            .path()
            .join(".dev/secrets/SESSION_COOKIE_SECRET")
            .exists()
    );
    assert!(matches!(first.state, StateBackend::Memory));
}

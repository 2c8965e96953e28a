//! Which source wins.

use std::collections::HashMap;
use std::path::Path;

use super::problems;
use crate::config::{Config, ConfigError, DeployEnv, Mode, NodeEnv, StateBackend};

const JWKS: &str = r#"{"keys":[{"kty":"EC"}]}"#;

fn load(directory: &Path, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load_from(directory, &lookup(environment), || JWKS.to_owned())
}

/// As `SIGHUP` reads it.
fn load_again(directory: &Path, environment: &[(&str, &str)], running: Mode) -> Result<Config, ConfigError> {
    Config::load_again_from(directory, &lookup(environment), running, || JWKS.to_owned())
}

fn lookup(environment: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment: HashMap<String, String> = environment.iter().map(owned).collect();
    move |name: &str| environment.get(name).cloned()
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
fn a_file_that_cannot_be_read_is_an_error() {
    let kinds: [fn(&Path); 3] = [
        |path| std::fs::create_dir(path).expect("made"),
        |path| std::fs::write(path, b"APPLICATION_NAME=Identit\xe9").expect("written"),
        |path| std::os::unix::fs::symlink("nowhere", path).expect("linked"),
    ];
    for make in kinds {
        for name in [".env", ".env.development.local"] {
            let directory = directory_with(&[(".env.development", "PORT=4321")]);
            make(&directory.path().join(name));

            let message = load(directory.path(), &[]).expect_err("invalid").to_string();

            assert!(
                message.starts_with("Validation error: cannot be read (")
                    && message.ends_with(&format!(") at \"{name}\"")),
                "{message}"
            );
            assert!(!directory.path().join(".dev").exists());
        }
    }
}

#[test]
fn a_running_process_becomes_no_other_deployment() {
    let running = Mode {
        deploy_env: DeployEnv::Production,
        node_env: NodeEnv::Production,
    };
    let file = "DEPLOY_ENV=production\nNODE_ENV=production\nHOST=https://identite.example\n\
                SYMMETRIC_ENCRYPTION_KEY=q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=\n\
                SESSION_COOKIE_SECRET=k4Vx8mQ2pLr7Tz1Wn5Yc9Hd3Jf6Bg0Sa\nJWKS='{\"keys\":[{\"kty\":\"RSA\"}]}'\n\
                DATABASE_URL=postgres://db.internal/app\nSMTP_URL=smtps://mail.internal\n";
    let directory = directory_with(&[(".env", file)]);
    let config = load_again(directory.path(), &[], running).expect("the same deployment");
    assert_eq!(config.mode(), running);

    std::fs::remove_file(directory.path().join(".env")).expect("removed");
    for (environment, at_fault) in [
        (&[][..], &["DEPLOY_ENV", "NODE_ENV"][..]),
        (&[("NODE_ENV", "production")][..], &["DEPLOY_ENV"][..]),
        (&[("DEPLOY_ENV", "production")][..], &["NODE_ENV"][..]),
    ] {
        let found = problems(load_again(directory.path(), environment, running));
        let variables: Vec<_> = found.iter().map(|(variable, _)| *variable).collect();
        assert_eq!(variables, at_fault);
        assert_eq!(
            found[0].1,
            "expected production, as this process runs: another one takes a restart"
        );
    }
    assert!(
        !directory.path().join(".dev").exists(),
        "no secret of a development machine is made"
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

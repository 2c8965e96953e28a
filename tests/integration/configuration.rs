//! What the program does with its configuration, from outside.

use std::net::TcpStream;
use std::process::Output;

use crate::support::{EMAIL, Options, PASSWORD, TestDatabase, TestServer, identite};

/// Variables of a production deployment without anything unsafe.
fn production(database_url: &str) -> Vec<(&'static str, String)> {
    let jwks = run(&["keys", "generate"], &[]);
    let jwks = String::from_utf8(jwks.stdout).expect("JSON");
    let text = |text: &str| text.to_owned();
    vec![
        ("NODE_ENV", text("production")),
        ("DEPLOY_ENV", text("production")),
        ("HOST", text("https://identite.exemple.fr")),
        ("DATABASE_URL", text(database_url)),
        ("REDIS_URL", text("redis://:RedisPassword@127.0.0.1:1")),
        ("SMTP_URL", text("smtps://mailer:SmtpPassword@mail.exemple.fr")),
        (
            "SYMMETRIC_ENCRYPTION_KEY",
            text("bm90IHRoZSBwdWJsaWMga2V5LCBhbm90aGVyIG9uZSE="),
        ),
        (
            "SESSION_COOKIE_SECRET",
            text("CookieSecretCookieSecretCookieSecret1,CookieSecretCookieSecretCookieSecret2"),
        ),
        ("JWKS", jwks.trim().to_owned()),
        ("OPERATOR_TOKEN", text("OperatorToken")),
        ("ENTREPRISE_API_TOKEN", text("EntrepriseToken")),
        ("FRANCECONNECT_CLIENT_ID", text("franceconnect-client")),
        ("FRANCECONNECT_CLIENT_SECRET", text("FranceConnectSecret")),
        ("INSEE_API_CLIENT_ID", text("insee-client")),
        ("INSEE_API_CLIENT_SECRET", text("InseeSecret")),
        ("RNE_API_USERNAME", text("rne-user")),
        ("RNE_API_PASSWORD", text("RnePassword")),
        ("CRISP_KEY", text("CrispKey")),
        ("DEBOUNCE_API_KEY", text("DebounceKey")),
        ("FEATURE_USE_SECURE_COOKIES", text("True")),
        ("FEATURE_USE_SECURITY_RESPONSE_HEADERS", text("True")),
        ("FEATURE_RATE_LIMIT_BY_IP", text("True")),
        ("FEATURE_RATE_LIMIT_BY_EMAIL", text("True")),
        ("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", text("False")),
        ("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE", text("False")),
        ("FEATURE_USE_ANNUAIRE_EMAILS", text("True")),
    ]
}

/// Runs the program to its end in an empty directory.
fn run(arguments: &[&str], environment: &[(&str, String)]) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    let variables = environment.iter().map(|(name, value)| (name, value));
    let output = identite(arguments, directory.path()).envs(variables).output();
    output.expect("the program runs")
}

fn replaced(
    mut environment: Vec<(&'static str, String)>,
    changes: &[(&'static str, Option<&str>)],
) -> Vec<(&'static str, String)> {
    for (name, value) in changes {
        environment.retain(|(existing, _)| existing != name);
        if let Some(value) = value {
            environment.push((name, (*value).to_owned()));
        }
    }
    environment
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_check_shows_everything_but_secrets() {
    let environment = production("postgres://identite:DatabasePassword@db.exemple.fr/identite");
    let output = run(&["check"], &environment);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}{}", text(&output.stderr));
    assert!(shown.contains("https://identite.exemple.fr"), "{shown}");
    assert!(shown.contains("db.exemple.fr"), "{shown}");
    assert!(shown.contains("****"), "{shown}");
    // Values of secrets are written in camel case above, which no name is.
    for secret in [
        "Password",
        "Secret",
        "Token",
        "CrispKey",
        "DebounceKey",
        "bm90IHRoZSB",
        "\"kty\"",
    ] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    assert!(text(&output.stderr).is_empty(), "{}", text(&output.stderr));
}

#[test]
fn a_check_fails_on_unsafe_values() {
    let environment = production("postgres://db.exemple.fr/identite");
    let environment = replaced(
        environment,
        &[
            ("FEATURE_USE_SECURE_COOKIES", None),
            ("SESSION_COOKIE_SECRET", Some("short")),
        ],
    );
    let output = run(&["check"], &environment);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    let warnings: Vec<&str> = shown
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("FEATURE_USE_SECURE_COOKIES"))
    );
    assert!(
        warnings
            .iter()
            .any(|warning| warning.contains("SESSION_COOKIE_SECRET"))
    );
    assert!(!shown.contains("short\n"), "{shown}");
}

#[test]
fn a_check_refuses_what_the_server_could_not_work_with() {
    let environment = production("postgres://db.exemple.fr/identite");
    for (variable, value) in [
        ("DATABASE_URL", "postgres://db.exemple.fr/identite?sslmode=bogus"),
        (
            "DATABASE_URL",
            "postgres://db.exemple.fr/identite?sslmode=verify-full&sslrootcert=/nowhere",
        ),
        ("JWKS", r#"{"keys":[{"kty":"RSA"}]}"#),
        ("TLS_CLIENT_CERTIFICATE_HEADER", "a b"),
        ("SMTP_FROM", "not an address"),
        ("SMTP_FROM_ALT", "not an address"),
        ("HOST", "https://identite.exemple.fr/sub/path"),
        ("HOST", "https://identite.exemple.fr?y"),
    ] {
        let changed = replaced(environment.clone(), &[(variable, Some(value))]);
        let output = run(&["check"], &changed);
        assert_eq!(output.status.code(), Some(1), "{variable}={value}");
        let told = text(&output.stderr);
        assert!(
            told.starts_with("Validation error: ") && told.ends_with(&format!(" at \"{variable}\"\n")),
            "{told}"
        );
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_file_that_cannot_be_read_keeps_every_command_from_running() {
    let environment = production("postgres://db.exemple.fr/identite");
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join(".env"), b"APPLICATION_NAME=Identit\xe9").expect("written");
    for command in [&["check"][..], &["serve"], &["migrate"], &["keys", "list"]] {
        let variables = environment.iter().map(|(name, value)| (name, value));
        let output = identite(command, directory.path()).envs(variables).output();
        let output = output.expect("the program runs");
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let told = text(&output.stderr);
        assert!(
            told.starts_with("Validation error: cannot be read (") && told.ends_with("at \".env\"\n"),
            "{told}"
        );
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_site_that_forgets_to_say_which_deployment_it_is_does_not_start() {
    let changes = [("DEPLOY_ENV", None), ("JWKS", None)];
    let environment = replaced(production("postgres://db.exemple.fr/identite"), &changes);
    let directory = tempfile::tempdir().expect("a directory");
    for command in ["check", "serve"] {
        let variables = environment.iter().map(|(name, value)| (name, value));
        let output = identite(&[command], directory.path()).envs(variables).output();
        let output = output.expect("the program runs");
        assert_eq!(output.status.code(), Some(1), "{command}");
        let told = text(&output.stderr);
        assert!(
            told.starts_with("Validation error: ") && told.contains("at \"DEPLOY_ENV\""),
            "{told}"
        );
    }
    assert!(!directory.path().join(".dev").exists(), "no secret was made");
}

#[test]
fn a_check_sees_legal_pages_that_cannot_be_shown() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().display().to_string();
    let environment = replaced(
        production("postgres://db.exemple.fr/identite"),
        &[("LEGAL_TEXTS_DIRECTORY", Some(&path))],
    );
    let output = run(&["check"], &environment);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.starts_with("LEGAL_TEXTS_DIRECTORY: ") && told.contains("none of the legal pages"),
        "{told}"
    );
    let page = directory.path().join("accessibilite.html");
    std::fs::write(page, "<h1>Accessibilité</h1>").expect("written");
    assert!(run(&["check"], &environment).status.success());
}

#[test]
fn the_example_names_documented_variables_and_leaves_nothing_unsafe() {
    let manual = include_str!("../../docs/OPERATIONS.md");
    let lines = include_str!("../../.env.example").lines();
    let given = lines
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='));
    let usual = production("");
    let mut environment = Vec::new();
    for (name, value) in given {
        assert!(manual.contains(&format!("| `{name}` |")), "{name}");
        let filled_in = || {
            let known = usual.iter().find(|(known, _)| *known == name);
            known.map_or("a value of one's own", |(_, value)| value.as_str())
        };
        let value = if value.is_empty() { filled_in() } else { value };
        environment.push((name, value.to_owned()));
    }
    let output = run(&["check"], &environment);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}{}", text(&output.stderr));
    assert!(shown.contains("LOG_FORMAT=json\n"), "{shown}");
}

#[tokio::test]
async fn people_are_answered_at_the_given_address_only() {
    // Servers under test have `LISTEN_ADDRESS=127.0.0.1`.
    let server = TestServer::start().await;
    let port = server.base_url.port().expect("a port");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert!(TcpStream::connect(("127.0.0.2", port)).is_err());
}

#[test]
fn all_errors_are_told_at_once_by_name_and_without_values() {
    let environment = [
        ("HOST", "nonsense"),
        ("PORT", "99999"),
        ("DATABASE_URL", "mysql://SecretInUrl@host/db"),
        ("SMTP_URL", "nonsense"),
        ("FEATURE_RATE_LIMIT_BY_IP", "yes"),
        ("SESSION_MAX_AGE_IN_SECONDS", "-1"),
        ("SYMMETRIC_ENCRYPTION_KEY", "SecretKey"),
        ("JWKS", "SecretJwks"),
        ("LOG_FORMAT", "xml"),
        ("OPERATOR_LISTEN", "everywhere"),
    ];
    let variables = environment.map(|(name, value)| (name, value.to_owned()));
    for command in [&["check"][..], &["serve"], &["migrate"], &["fixtures", "load"]] {
        let output = run(command, &variables);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let told = text(&output.stderr);
        assert!(told.starts_with("Validation error: "), "{told}");
        for (name, value) in environment {
            assert!(told.contains(&format!("at \"{name}\"")), "{name}: {told}");
            assert!(
                !value.starts_with("Secret") || !told.contains(value),
                "{value}: {told}"
            );
        }
        assert!(
            !told.contains("SecretInUrl") && !told.contains("panicked"),
            "{told}"
        );
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_deployment_needs_secrets_of_its_own() {
    let environment = production("postgres://db.exemple.fr/identite");
    let public_key = "aTrueRandom32BytesLongBase64EncodedStringAA=";
    for (variable, value) in [
        ("SYMMETRIC_ENCRYPTION_KEY", None),
        ("SESSION_COOKIE_SECRET", None),
        ("JWKS", None),
        ("SYMMETRIC_ENCRYPTION_KEY", Some("")),
        ("SESSION_COOKIE_SECRET", Some(" , ")),
        ("SYMMETRIC_ENCRYPTION_KEY", Some(public_key)),
        ("SESSION_COOKIE_SECRET", Some("verysecretcookie")),
        (
            "SESSION_COOKIE_SECRET",
            Some("CookieSecretCookieSecretCookieSecret1,verysecretcookie"),
        ),
        ("SYMMETRIC_ENCRYPTION_KEY", Some("dG9vIHNob3J0")),
    ] {
        for deploy_env in ["production", "preview", "sandbox"] {
            let changes = [(variable, value), ("DEPLOY_ENV", Some(deploy_env))];
            let output = run(&["serve"], &replaced(environment.clone(), &changes));
            assert_eq!(
                output.status.code(),
                Some(1),
                "{variable}={value:?} on {deploy_env}"
            );
            let told = text(&output.stderr);
            assert!(told.contains(&format!("at \"{variable}\"")), "{told}");
            assert!(
                !told.contains(public_key) && !told.contains("verysecretcookie"),
                "{told}"
            );
        }
    }
}

#[tokio::test]
async fn a_deployment_refuses_the_clients_of_the_development_data() {
    let database = TestDatabase::create().await;
    let changes = [("PORT", Some("0")), ("OPERATOR_LISTEN", Some("127.0.0.1:0"))];
    let environment = replaced(production(&database.url), &changes);
    let running = tokio::task::spawn_blocking(move || {
        [&["serve"][..], &["migrate", "--check"]].map(|command| run(command, &environment))
    });
    let [output, check] = running.await.expect("they ran");
    let foretold = text(&check.stdout);
    assert_eq!(check.status.code(), Some(0), "{foretold}");
    assert!(
        foretold.contains("note: identite serve will not start") && foretold.contains("standard_client_id"),
        "{foretold}"
    );
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    assert!(
        told.contains("public secret of the development data set"),
        "{told}"
    );
    assert!(told.contains("standard_client_id"), "{told}");
    assert!(!told.contains("standard_client_secret"), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}

#[tokio::test]
async fn the_development_data_is_loaded_on_a_development_machine_only() {
    let database = TestDatabase::create().await;
    let environment = production(&database.url);
    let output = tokio::task::spawn_blocking(move || run(&["fixtures", "load"], &environment))
        .await
        .expect("it ran");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("DEPLOY_ENV=localhost only"));
}

/// Runs commands one after the other on a development machine, with what it takes for them. Gives what each told.
async fn run_at_home(
    database: &TestDatabase,
    commands: &'static [&'static [&'static str]],
    more: &[(&'static str, &str)],
) -> Vec<String> {
    let mut environment = vec![
        ("DEPLOY_ENV", "localhost".to_owned()),
        ("DATABASE_URL", database.url.clone()),
        ("SMTP_URL", "console:".to_owned()),
    ];
    environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let running = tokio::task::spawn_blocking(move || {
        let mut told = Vec::new();
        for command in commands {
            let output = run(command, &environment);
            assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
            told.push(text(&output.stdout));
        }
        told
    });
    running.await.expect("they ran")
}

#[tokio::test]
async fn migrations_bring_the_development_data_where_that_is_asked_for() {
    let database = TestDatabase::create_empty().await;
    let commands: &[&[&str]] = &[&["migrate", "--check"], &["migrate"], &["migrate"]];
    let told = run_at_home(&database, commands, &[("RUN_FIXTURES", "True")]).await;
    assert!(
        told[0].contains("would load the development data set"),
        "{}",
        told[0]
    );
    assert!(told[1].contains("applied V1__reference_schema"), "{}", told[1]);
    for told in &told[1..] {
        assert!(told.ends_with("development data set loaded\n"), "{told}");
    }
    assert_eq!(database.count("SELECT count(*) FROM users").await, 83);

    let database = TestDatabase::create_empty().await;
    run_at_home(&database, &[&["migrate"]], &[("RUN_FIXTURES", "true")]).await;
    assert_eq!(database.count("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn migrations_that_are_to_bring_development_data_elsewhere_do_nothing() {
    let database = TestDatabase::create_empty().await;
    let environment = replaced(production(&database.url), &[("RUN_FIXTURES", Some("True"))]);
    let outputs = tokio::task::spawn_blocking(move || {
        [&["migrate"][..], &["migrate", "--check"]].map(|command| run(command, &environment))
    });
    for output in outputs.await.expect("they ran") {
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("DEPLOY_ENV=localhost only"));
    }
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.count(tables).await, 0);
}

#[tokio::test]
async fn the_development_data_brings_the_migrations_that_it_needs() {
    let database = TestDatabase::create_empty().await;
    let commands: &[&[&str]] = &[&["fixtures", "load"], &["fixtures", "load"]];
    let told = run_at_home(&database, commands, &[]).await;
    assert!(told[0].contains("applied V1__reference_schema"), "{}", told[0]);
    assert_eq!(
        told[1],
        "the database is up to date\ndevelopment data set loaded\n"
    );
    assert_eq!(database.count("SELECT count(*) FROM users").await, 83);
}

#[tokio::test]
async fn a_restart_on_a_development_machine_signs_nobody_out() {
    // PostgreSQL is all it needs there.
    let mut server = TestServer::start_with(Options::default().without("REDIS_URL")).await;
    server.database().make_sign_in_cheap().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let jwks = server.base_url.join("oauth/jwks").expect("a path");
    let keys = crate::support::http_get(jwks.clone())
        .await
        .expect("keys")
        .text()
        .await
        .expect("JSON");
    server.stop().await;
    server.start_again().await;
    let page = visitor.get("/").await;
    assert_eq!(
        (page.status.as_u16(), page.url.path()),
        (200, "/"),
        "still signed in"
    );
    let page = visitor.get("/users/select-organization").await;
    let answer = visitor
        .submit(&page, "/users/select-organization", &[("organization_id", "1")])
        .await;
    assert_eq!(
        answer.status, 200,
        "with the volatile state in memory, a fresh page has a good form"
    );
    let again = crate::support::http_get(jwks)
        .await
        .expect("keys")
        .text()
        .await
        .expect("JSON");
    assert_eq!(keys, again);
    server.expect_discreet_log(&["\"d\":", EMAIL]).await;
}

#[tokio::test]
async fn an_empty_database_becomes_a_running_house_in_two_commands() {
    let database = TestDatabase::create_empty().await;
    let commands: &[&[&str]] = &[
        &["migrate"],
        &["fixtures", "load"],
        &["migrate"],
        &["fixtures", "load"],
    ];
    let told = run_at_home(&database, commands, &[]).await;
    assert!(told[0].contains("applied V1__reference_schema"), "{}", told[0]);
    assert_eq!(told[2], "the database is up to date\n");
    let server = TestServer::start_on(database, Options::default().without("REDIS_URL")).await;
    assert_eq!(server.visitor().sign_in_as(EMAIL, PASSWORD).await.url.path(), "/");
}

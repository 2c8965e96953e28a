//! Passkeys against the real program, with an authenticator in software.

mod account;
mod attacks;
mod names;
mod rows;
mod sign_in;

use reqwest::StatusCode;
use serde_json::Value;

use crate::accounts::{PASSWORD, insert_user};
use crate::support::{Authenticator, KeyKind, Page, TestDatabase, TestServer, Visitor};

const EMAIL: &str = "agent@exemple.fr";
/// A page with a form for everybody: each session has one token.
const ANY_FORM: &str = "/users/start-sign-in";
const REGISTRATION: &str = "/api/webauthn/generate-registration-options";
const FIRST_FACTOR: &str = "/api/webauthn/generate-authentication-options-for-first-factor";
const SECOND_FACTOR: &str = "/api/webauthn/generate-authentication-options-for-second-factor";
const DISCOVERABLE: &str = "/api/webauthn/generate-authentication-options-for-discoverable";
/// Subject of the mails about passkeys.
const ALERT: &str = "Alerte de sécurité";

/// The answer to a question of a script: status and JSON.
async fn ask(visitor: &Visitor, path: &str) -> (StatusCode, Value) {
    let page = visitor.get(path).await;
    assert_eq!(page.header("cache-control"), "no-store", "{path}");
    let json = serde_json::from_str(&page.body);
    (
        page.status,
        json.unwrap_or_else(|_| panic!("no JSON: {}", page.body)),
    )
}

/// The options of a ceremony.
async fn options(visitor: &Visitor, path: &str) -> Value {
    let (status, options) = ask(visitor, path).await;
    assert_eq!(status, 200, "{options}");
    options
}

/// Sends `answer` as the form at `path`, whose token is taken from the page `from`.
async fn send(visitor: &Visitor, from: &str, path: &str, field: &str, answer: &str) -> Page {
    let token = visitor.get(from).await.form_token();
    visitor.post(path, &[("_csrf", &token), (field, answer)]).await
}

async fn send_assertion(visitor: &Visitor, from: &str, path: &str, answer: &Value) -> Page {
    let field = "webauthn_authentication_response_string";
    send(visitor, from, path, field, &answer.to_string()).await
}

async fn send_registration(visitor: &Visitor, from: &str, path: &str, answer: &Value) -> Page {
    let field = "webauthn_registration_response_string";
    send(visitor, from, path, field, &answer.to_string()).await
}

/// An account, and a browser where it is signed in with its password.
async fn signed_in(server: &TestServer) -> (i32, Visitor) {
    let user = insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    (user, visitor)
}

/// Adds a passkey to the account that is signed in, on the account's page.
async fn add_passkey(server: &TestServer, visitor: &Visitor, kind: KeyKind) -> Authenticator {
    let mut authenticator = Authenticator::new(kind, server.issuer());
    let page = register(visitor, &mut authenticator).await;
    assert_eq!(
        crate::accounts::place(&page),
        "/connection-and-account?notification=passkey_successfully_created"
    );
    authenticator
}

async fn register(visitor: &Visitor, authenticator: &mut Authenticator) -> Page {
    let answer = authenticator.create(&options(visitor, REGISTRATION).await);
    send_registration(visitor, ANY_FORM, "/passkeys/verify-registration", &answer).await
}

/// Writes a row as the reference does after a registration.
async fn insert_row(
    database: &TestDatabase,
    user: i32,
    authenticator: &Authenticator,
    changes: &[(&str, &str)],
) {
    let usual = [
        ("credential_id", format!("'{}'", authenticator.id())),
        (
            "credential_public_key",
            format!(r"'\x{}'", hex(&authenticator.cose())),
        ),
        ("counter", authenticator.counter.to_string()),
        ("credential_device_type", "'singleDevice'".to_owned()),
        ("credential_backed_up", "false".to_owned()),
        ("transports", "'{internal,hybrid}'".to_owned()),
        ("user_id", user.to_string()),
        ("display_name", "NULL".to_owned()),
        ("created_at", "now()".to_owned()),
        ("last_used_at", "NULL".to_owned()),
        ("usage_count", "0".to_owned()),
        ("user_verified", "true".to_owned()),
    ];
    let value_of = |name: &str, usual: &str| {
        let replacement = changes.iter().find(|(column, _)| *column == name);
        replacement.map_or(usual.to_owned(), |(_, value)| (*value).to_owned())
    };
    let names: Vec<&str> = usual.iter().map(|(name, _)| *name).collect();
    let values: Vec<String> = usual.iter().map(|(name, value)| value_of(name, value)).collect();
    let statement = format!(
        "INSERT INTO authenticators ({}) VALUES ({})",
        names.join(", "),
        values.join(", ")
    );
    database.execute(&statement).await;
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text grows");
        text
    })
}

/// The methods of the only session of the account that is alive, or of the last one.
async fn amr(database: &TestDatabase, user: i32) -> String {
    let query = format!(
        "SELECT array_to_string(amr, ',') FROM identite_sessions
         WHERE user_id = {user} AND ended_at IS NULL ORDER BY signed_in_at DESC LIMIT 1"
    );
    crate::accounts::text(database, &query).await
}

//! Second factors, against the real program: showing, adding and removing them, and what attackers try.

mod enrolment;
mod everywhere;
mod helper;
mod limits;
mod recovery_codes;
mod removal;
mod rotation;
mod sign_in;

use crate::accounts::{PASSWORD, insert_user};
use crate::support::{Options, Page, TestDatabase, TestServer, TotpApplication, Visitor};

const EMAIL: &str = "agent@exemple.fr";
const HOME: &str = "Accueil - ProConnect";
const SECOND_FACTOR: &str = "Se connecter avec la double authentification - ProConnect";
const ASKED_FOR_ADMINISTRATION: &str = "/users/2fa-sign-in?notification=2fa_required";

/// Writes an account with the application of [`TotpApplication::KEY`].
async fn insert_capable_user(database: &TestDatabase, email: &str, changes: &[(&str, &str)]) -> i32 {
    let key = format!("'{}'", TotpApplication::STORED_KEY);
    let mut all = vec![
        ("encrypted_totp_key", key.as_str()),
        ("totp_key_verified_at", "now()"),
    ];
    all.extend_from_slice(changes);
    insert_user(database, email, &all).await
}

/// Signs in with the password, and lands wherever that leads.
async fn sign_in(server: &TestServer, email: &str) -> Visitor {
    let visitor = server.visitor();
    visitor.sign_in_as(email, PASSWORD).await;
    visitor
}

/// Gives a one-time code on the page that asks for it.
async fn give_code(visitor: &Visitor, code: &str) -> Page {
    let page = visitor.get("/users/2fa-sign-in").await;
    visitor
        .submit(&page, "/users/2fa-sign-in-with-totp", &[("totpToken", code)])
        .await
}

/// Signs in with the password and a one-time code.
async fn sign_in_with_code(server: &TestServer, email: &str, application: &mut TotpApplication) -> Visitor {
    let visitor = sign_in(server, email).await;
    let page = give_code(&visitor, &application.fresh_code().await).await;
    assert_eq!(page.title(), HOME, "{}", page.text());
    visitor
}

/// The application that is given the key of the page `path`.
async fn application_of(visitor: &Visitor, path: &str) -> (Page, TotpApplication) {
    let page = visitor.get(path).await;
    let keys = page.texts("#humanReadableTotpKey");
    assert_eq!(keys.len(), 1, "{}: {}", page.url, page.text());
    let application = TotpApplication::new(&keys[0]);
    (page, application)
}

/// Methods of the only session of `email` that is open.
async fn methods(database: &TestDatabase, email: &str) -> String {
    crate::accounts::text(
        database,
        &format!(
            "SELECT string_agg(array_to_string(s.amr, ','), ' ') FROM identite_sessions s
             JOIN users u ON u.id = s.user_id WHERE u.email = '{email}' AND s.ended_at IS NULL"
        ),
    )
    .await
}

/// How often the history of `email` tells of `kind`.
async fn events(database: &TestDatabase, email: &str, kind: &str) -> i64 {
    database
        .count(&format!(
            "SELECT count(*) FROM identite_events e JOIN users u ON u.id = e.user_id
             WHERE u.email = '{email}' AND e.kind = '{kind}'"
        ))
        .await
}

fn in_memory() -> Options {
    Options::default()
}

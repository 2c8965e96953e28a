//! What a person does with an account, against the real program: every page with its success and its failures.

mod audience;
mod certification;
mod certification_outages;
mod cookies;
mod deletion;
mod every_form;
mod every_route;
mod housekeeping;
mod identity;
mod identity_failures;
mod limits;
mod magic_link;
mod mail_latency;
mod manners;
mod old_rows;
mod once;
mod outages;
mod passwords;
mod personal_information;
mod sessions;
mod sign_up;
mod start;
mod tabs;
mod verify_email;
mod welcome;

use crate::support::{Options, Page, TestDatabase, TestServer, Visitor};

/// A hash of `password123`, as the reference made it.
const PASSWORD_HASH: &str = "$2a$10$kzY3LINL6..50Fy9shWCcuNlRfYq0ft5lS.KCcJ5PzrhlWfKK4NIO";
pub const PASSWORD: &str = "password123";
/// Passes the policy, and is in no list of leaks.
const GOOD_PASSWORD: &str = "agrafe correcte de la batterie du cheval";

const VERIFY_EMAIL: &str = "Vérification de votre adresse email";
const MAGIC_LINK: &str = "Lien de connexion à ProConnect";
const RESET_PASSWORD: &str = "Instructions pour la réinitialisation du mot de passe";
const PASSWORD_CHANGED: &str = "Votre mot de passe a été modifié";
const NEW_BROWSER: &str = "Nouvelle connexion à votre compte ProConnect";

/// Writes an account; `columns` and `values` replace or extend the usual ones: proven today, named Jean User, with a password.
pub async fn insert_user(database: &TestDatabase, email: &str, changes: &[(&str, &str)]) -> i32 {
    let password = format!("'{PASSWORD_HASH}'");
    let email_value = format!("'{email}'");
    let usual = [
        ("email", email_value.as_str()),
        ("encrypted_password", &password),
        ("email_verified", "true"),
        ("email_verified_at", "now()"),
        ("given_name", "'Jean'"),
        ("family_name", "'User'"),
        ("created_at", "now()"),
        ("updated_at", "now()"),
    ];
    let kept = usual
        .iter()
        .filter(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    let (columns, values): (Vec<&str>, Vec<&str>) = kept.chain(changes).copied().unzip();
    let statement = format!(
        "INSERT INTO users ({}) VALUES ({}) RETURNING id",
        columns.join(", "),
        values.join(", ")
    );
    database
        .pool()
        .get()
        .await
        .unwrap()
        .query_one(&statement, &[])
        .await
        .unwrap()
        .get(0)
}

/// The one text that `query` gives; empty for NULL.
pub async fn text(database: &TestDatabase, query: &str) -> String {
    let client = database.pool().get().await.unwrap();
    let row = client
        .query_opt(&format!("SELECT coalesce(({query})::text, '')"), &[])
        .await
        .unwrap();
    row.map(|row| row.get(0)).unwrap_or_default()
}

/// Path and query of where a visitor ended up.
pub fn place(page: &Page) -> String {
    match page.url.query() {
        Some(query) => format!("{}?{query}", page.url.path()),
        None => page.url.path().to_owned(),
    }
}

/// Enters the latest code that was mailed to `email` on the page that asks for it.
async fn enter_code(server: &TestServer, visitor: &Visitor, email: &str, rank: usize) -> Page {
    let mail = server.mailbox.wait_for_nth(email, VERIFY_EMAIL, rank).await;
    let code = mail.code(10).expect("a code of ten digits");
    let page = visitor.get("/users/verify-email").await;
    visitor
        .submit(&page, "/users/verify-email", &[("verify_email_token", &code)])
        .await
}

/// The path of the only link of a mail.
async fn mailed_link(server: &TestServer, email: &str, subject: &str, rank: usize) -> String {
    let mail = server.mailbox.wait_for_nth(email, subject, rank).await;
    let links = mail.links();
    assert_eq!(links.len(), 1, "{links:?}");
    assert!(
        mail.text().lines().any(|line| line.trim() == links[0]),
        "the text part holds the link alone on a line"
    );
    let url = url::Url::parse(&links[0]).unwrap();
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// The parameter `name` of a path.
fn parameter(path: &str, name: &str) -> String {
    let url = url::Url::parse("http://localhost").unwrap().join(path).unwrap();
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

pub fn count_mails(server: &TestServer, email: &str, subject: &str) -> usize {
    let mails = server.mailbox.mails();
    mails
        .iter()
        .filter(|mail| mail.subject() == subject && mail.recipients.iter().any(|to| to == email))
        .count()
}

fn authenticating_browsers() -> Options {
    Options::default().with("FEATURE_AUTHENTICATE_BROWSER", "True")
}

//! What a person does with an account in a real browser, with and without script, with the keyboard alone.

mod account;
mod audience;
mod links;
mod plain_pages;
mod sign_up;

use url::Url;

use crate::harness::Browser;
use crate::support::{TestServer, Visitor};

const START: &str = "S'inscrire ou se connecter - ProConnect";
const SIGN_IN: &str = "Accéder au compte - ProConnect";
const SIGN_UP: &str = "Choisir un mot de passe - ProConnect";
const VERIFY_EMAIL: &str = "Vérifier votre email - ProConnect";
const HOME: &str = "Accueil - ProConnect";

const CODE_MAIL: &str = "Vérification de votre adresse email";
const LINK_MAIL: &str = "Lien de connexion à ProConnect";
const RESET_MAIL: &str = "Instructions pour la réinitialisation du mot de passe";

/// Passes the policy, and is in no list of leaks.
const PASSPHRASE: &str = "agrafe correcte de la batterie du cheval";

/// An account with the password `password123`, named Jean User, whose address is proven.
async fn insert_account(server: &TestServer, email: &str) {
    let statement = format!(
        "INSERT INTO users (
           email, encrypted_password, email_verified, email_verified_at, given_name, family_name, created_at, updated_at
         ) VALUES (
           '{email}', '$2a$10$kzY3LINL6..50Fy9shWCcuNlRfYq0ft5lS.KCcJ5PzrhlWfKK4NIO', true, now(), 'Jean', 'User', now(), now()
         )"
    );
    server.database().execute(&statement).await;
}

/// Another session of the same account, somewhere else.
async fn sign_in_elsewhere(server: &TestServer, email: &str) -> Visitor {
    let visitor = server.visitor();
    visitor.sign_in_as(email, "password123").await;
    visitor
}

/// The link of the latest mail with this subject.
async fn mailed_link(server: &TestServer, email: &str, subject: &str, rank: usize) -> Url {
    let mail = server.mailbox.wait_for_nth(email, subject, rank).await;
    mail.links()[0].parse().expect("a link")
}

/// Opens a path of the server.
async fn open(browser: &Browser, server: &TestServer, path: &str) {
    let url = server.base_url.join(path).expect("a path");
    browser.open(&url).await;
}

/// Types an address on the first page and goes on.
async fn type_address(browser: &Browser, server: &TestServer, email: &str) {
    open(browser, server, "/users/start-sign-in").await;
    browser.retype("[name=login]", email).await;
    browser
        .click("[action='/users/start-sign-in'] [type=submit]")
        .await;
}

/// Signs in with the password `password123`.
async fn sign_in(browser: &Browser, server: &TestServer, email: &str) {
    open(browser, server, "/users/start-sign-in").await;
    browser.sign_in(email, "password123").await;
}

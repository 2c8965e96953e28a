//! Pages to read: legal documents, welcomes, errors.

use super::{CODE_MAIL, HOME, PASSPHRASE, SIGN_UP, VERIFY_EMAIL, insert_account, open, type_address};
use crate::harness::{Script, browse, browse_with};
use crate::support::{Options, TestServer};

const LEGAL: [(&str, &str, &str); 3] = [
    (
        "/conditions-generales-d-utilisation",
        "Conditions Générales d'Utilisation",
        "terms",
    ),
    (
        "/politique-de-confidentialite",
        "Politique de confidentialité",
        "privacy",
    ),
    ("/accessibilite", "Accessibilité", "accessibility"),
];

#[tokio::test]
async fn legal_documents_and_errors_can_be_read_by_everybody() {
    let options = Options::default().with("FEATURE_RATE_LIMIT_BY_IP", "True");
    let server = TestServer::start_with(options).await;
    browse(async |browser| {
        for (path, title, name) in LEGAL {
            open(&browser, &server, path).await;
            browser.expect_title(&format!("{title} - ProConnect")).await;
            browser.expect_accessible().await;
            browser.screenshots(name).await;
        }
        open(&browser, &server, "/users/change-password").await;
        browser.expect_title("Erreur 400 - ProConnect").await;
        browser.expect_accessible().await;
        browser.screenshots("bad-request").await;
        open(&browser, &server, "/users/nulle-part").await;
        browser.expect_title("Page introuvable - ProConnect").await;
        browser.expect_accessible().await;
        browser.screenshots("not-found").await;
        let visitor = server.visitor();
        while visitor.get("/users/start-sign-in").await.status != 429 {}
        open(&browser, &server, "/users/start-sign-in").await;
        browser
            .expect_title("Accès temporairement limité - ProConnect")
            .await;
        browser.expect_text("dans une quinzaine de minutes").await;
        browser.expect_accessible().await;
        browser.screenshots("too-many-requests").await;
    })
    .await;
}

/// An account as it was imported, with an organization that it may act for.
async fn import(server: &TestServer, email: &str) {
    insert_account(server, email).await;
    let statement = format!(
        "UPDATE users SET
           encrypted_password = NULL, email_verified = false, email_verified_at = NULL,
           needs_inclusionconnect_welcome_page = true, needs_inclusionconnect_onboarding_help = true
         WHERE email = '{email}';
         INSERT INTO users_organizations (user_id, organization_id, verification_type, has_been_greeted, created_at, updated_at)
         SELECT id, 1, 'domain', false, now(), now() FROM users WHERE email = '{email}'"
    );
    server.database().execute(&statement).await;
}

#[tokio::test]
async fn who_comes_from_inclusion_connect_is_led_to_the_account() {
    let server = TestServer::start().await;
    for (script, email) in [
        (Script::On, "importee@exemple.fr"),
        (Script::Off, "importe@exemple.fr"),
    ] {
        import(&server, email).await;
        browse_with(script, async |browser| {
            type_address(&browser, &server, email).await;
            browser.expect_title("Première connexion - ProConnect").await;
            if script == Script::On {
                browser.expect_accessible().await;
                browser.screenshots("inclusionconnect-welcome").await;
            }
            browser.click_caption("Continuer").await;
            browser.expect_title(SIGN_UP).await;
            browser.expect_text("définir un nouveau mot de passe").await;
            if script == Script::On {
                browser.screenshots("sign-up-new-password-needed").await;
            }
            browser.retype("#password-input", PASSPHRASE).await;
            browser.click("[action='/users/sign-up'] [type=submit]").await;
            browser.expect_title(VERIFY_EMAIL).await;
            browser
                .expect_text("nous utilisons un code de confirmation")
                .await;
            if script == Script::On {
                browser.expect_accessible().await;
                browser.screenshots("verify-email-help").await;
            }
            let code = server
                .mailbox
                .wait_for(email, CODE_MAIL)
                .await
                .code(10)
                .expect("a code");
            browser.retype("#verify_email_token", &code).await;
            browser.click("#verify-email [type=submit]").await;
            browser.expect_title("Compte créé - ProConnect").await;
            if script == Script::On {
                browser.expect_accessible().await;
                browser.screenshots("welcome").await;
            }
            browser.click_caption("Continuer").await;
            browser.expect_title(HOME).await;
        })
        .await;
    }
}

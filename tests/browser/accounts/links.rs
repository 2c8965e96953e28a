//! Links from the mailbox: to sign in, to choose another password.

use thirtyfour::Key;

use super::{
    HOME, LINK_MAIL, PASSPHRASE, RESET_MAIL, SIGN_IN, START, insert_account, mailed_link, open, type_address,
};
use crate::harness::{Browser, Script, browse, browse_with};
use crate::support::TestServer;

const EMAIL: &str = "agent@exemple.fr";
const LINK_SENT: &str = "Recevoir un lien d'identification - ProConnect";
const CONFIRM: &str = "Connexion avec un lien - ProConnect";
const RESET: &str = "Réinitialiser mon mot de passe - ProConnect";
const CHANGE: &str = "Changer votre mot de passe - ProConnect";

async fn server() -> TestServer {
    let server = TestServer::start().await;
    insert_account(&server, EMAIL).await;
    server
}

async fn ask_for_link(browser: &Browser, server: &TestServer, email: &str) {
    type_address(browser, server, email).await;
    browser.click_caption("Recevoir un lien de connexion").await;
    browser.expect_title(LINK_SENT).await;
}

#[tokio::test]
async fn a_link_signs_in_here_by_itself_and_elsewhere_with_a_click() {
    let server = server().await;
    browse(async |browser| {
        ask_for_link(&browser, &server, EMAIL).await;
        browser.expect_text("Votre lien vous attend à l’adresse...").await;
        browser.expect_accessible().await;
        browser.screenshots("magic-link-sent").await;
        let link = mailed_link(&server, EMAIL, LINK_MAIL, 1).await;
        browser.open(&link).await;
        browser.expect_title(HOME).await;
        // Back from the mailbox with a link that was used.
        browser.open(&link).await;
        browser.expect_title(CONFIRM).await;
        browser.click_caption("Se connecter").await;
        browser.expect_title(START).await;
        browser.screenshots("start-sign-in-used-link").await;

        browser.forget_everything().await;
        ask_for_link(&browser, &server, "nouvelle@exemple.fr").await;
        let link = mailed_link(&server, "nouvelle@exemple.fr", LINK_MAIL, 1).await;
        browser.forget_everything().await;
        browser.open(&link).await;
        browser.expect_title(CONFIRM).await;
        browser.expect_accessible().await;
        browser.screenshots("sign-in-with-magic-link").await;
        // With the keyboard alone.
        browser
            .tab_to("[action='/users/sign-in-with-magic-link'] [type=submit]")
            .await;
        browser.press(Key::Enter).await;
        browser.expect_title(HOME).await;
    })
    .await;
}

#[tokio::test]
async fn a_link_signs_in_without_script() {
    let server = server().await;
    browse_with(Script::Off, async |browser| {
        ask_for_link(&browser, &server, EMAIL).await;
        let link = mailed_link(&server, EMAIL, LINK_MAIL, 1).await;
        browser.open(&link).await;
        browser
            .expect_title("Connexion en cours, la page va se recharger automatiquement… - ProConnect")
            .await;
        browser.screenshots("auto-submit-without-script").await;
        browser.click_caption("Continuer").await;
        browser.expect_title(HOME).await;
    })
    .await;
}

/// Fills in both fields of the page with the link's form.
async fn choose(browser: &Browser, password: &str, confirmation: &str) {
    browser.retype("#password-input", password).await;
    browser.retype("#confirm_password", confirmation).await;
}

const SAVE: &str = "[action='/users/change-password'] [type=submit]";

#[tokio::test]
async fn a_forgotten_password_is_replaced() {
    let server = server().await;
    browse(async |browser| {
        type_address(&browser, &server, EMAIL).await;
        browser.expect_title(SIGN_IN).await;
        browser.click_caption("Mot de passe oublié ?").await;
        browser.expect_title(RESET).await;
        assert_eq!(browser.property("#login", "value").await, EMAIL);
        browser.expect_accessible().await;
        browser.screenshots("reset-password").await;
        browser
            .click("[action='/users/reset-password'] [type=submit]")
            .await;
        browser.expect_title(START).await;
        browser
            .expect_text("un lien de réinitialisation par e-mail")
            .await;
        browser.expect_accessible().await;
        browser.screenshots("start-sign-in-reset-sent").await;

        let link = mailed_link(&server, EMAIL, RESET_MAIL, 1).await;
        browser.open(&link).await;
        browser.expect_title(CHANGE).await;
        browser.expect_accessible().await;
        browser.screenshots("change-password").await;
        choose(&browser, PASSPHRASE, "tout autre chose").await;
        browser
            .expect_text("Les deux mots de passe sont différents.")
            .await;
        browser.expect_enabled(SAVE, false).await;
        browser.expect_accessible().await;
        browser.screenshots("change-password-different").await;
        choose(&browser, "P@ssw0rd1234", "P@ssw0rd1234").await;
        browser.click(SAVE).await;
        browser.expect_title(&format!("Erreur - {CHANGE}")).await;
        choose(&browser, PASSPHRASE, PASSPHRASE).await;
        browser.expect_enabled(SAVE, true).await;
        browser.click(SAVE).await;
        browser.expect_title(START).await;
        browser.expect_text("passe a été mis à jour").await;
        browser.screenshots("start-sign-in-password-changed").await;

        // The address is still in the field.
        browser.click_caption("Continuer").await;
        browser.expect_title(SIGN_IN).await;
        browser
            .type_into_label("Renseignez votre mot de passe", PASSPHRASE)
            .await;
        browser.click_caption("S’identifier").await;
        browser.expect_title(HOME).await;

        browser.open(&link).await;
        browser.expect_title(RESET).await;
        browser.expect_text("Attention").await;
        browser.screenshots("reset-password-used-link").await;
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_without_script() {
    let server = server().await;
    browse_with(Script::Off, async |browser| {
        open(&browser, &server, "/users/reset-password").await;
        browser.retype("#login", EMAIL).await;
        browser
            .click("[action='/users/reset-password'] [type=submit]")
            .await;
        browser.expect_title(START).await;
        let link = mailed_link(&server, EMAIL, RESET_MAIL, 1).await;
        browser.open(&link).await;
        browser.screenshots("change-password-without-script").await;
        choose(&browser, "toutenminuscules", "toutenminuscules").await;
        browser.click(SAVE).await;
        browser.expect_title(&format!("Erreur - {CHANGE}")).await;
        choose(&browser, PASSPHRASE, PASSPHRASE).await;
        browser.click(SAVE).await;
        browser.expect_title(START).await;
        browser.expect_text("passe a été mis à jour").await;
    })
    .await;
}

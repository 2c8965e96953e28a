//! The account: personal information, where it is open, what happened to it, its end.

use thirtyfour::Key;

use super::{HOME, RESET_MAIL, START, insert_account, open, sign_in, sign_in_elsewhere};
use crate::harness::{Script, browse, browse_with};
use crate::support::TestServer;

const EMAIL: &str = "agent@exemple.fr";
const PERSONAL: &str = "Informations personnelles - ProConnect";
const ACCOUNT: &str = "Compte et connexion - ProConnect";
const CONFIRM_DELETION: &str = "Supprimer votre compte - ProConnect";
const SESSIONS: &str = "Vos sessions - ProConnect";
const UPDATE: &str = "[action='/personal-information'] [type=submit]";

async fn server() -> TestServer {
    let server = TestServer::start().await;
    insert_account(&server, EMAIL).await;
    server
}

#[expect(
    clippy::too_many_lines,
    reason = "one journey, from its first page to its last"
)]
#[tokio::test]
async fn an_account_is_looked_after_and_deleted() {
    let server = server().await;
    browse(async |browser| {
        sign_in(&browser, &server, EMAIL).await;
        browser.expect_title(HOME).await;

        browser
            .click("a.fr-sidemenu__link[href='/personal-information']")
            .await;
        browser.expect_title(PERSONAL).await;
        browser.expect_accessible().await;
        browser.screenshots("personal-information").await;
        browser.retype("#given_name", "Zoé2").await;
        browser.expect_enabled(UPDATE, false).await;
        browser.press(Key::Tab).await;
        browser
            .expect_text("Un prénom ne contient ni chiffre ni caractère spécial")
            .await;
        browser.find("#given_name[aria-invalid=true]").await;
        browser.screenshots("personal-information-told").await;
        browser.retype("#phone_number", "06.12.34.56.78").await;
        browser.press(Key::Tab).await;
        browser.expect_text("sans point ni parenthèse").await;
        browser.retype("#phone_number", "06 12 34 56 78").await;
        browser.retype("#given_name", "\u{200b}").await;
        assert!(
            !browser.shows("#given_name-refused").await,
            "what is right is not told of"
        );
        browser.click(UPDATE).await;
        browser.expect_title(&format!("Erreur - {PERSONAL}")).await;
        browser.expect_accessible().await;
        browser.screenshots("personal-information-refused").await;
        browser
            .find("#given_name[aria-invalid=true][aria-describedby=given_name-error]")
            .await;
        browser.retype("#given_name", "Zoé2").await;
        assert!(
            !browser.shows("#given_name-error").await,
            "what was refused is there no more"
        );
        browser.press(Key::Tab).await;
        browser
            .find("#given_name[aria-invalid=true][aria-describedby=given_name-refused]")
            .await;
        browser.retype("#given_name", "Zoé").await;
        assert!(
            !browser
                .shows("#given_name[aria-invalid], #given_name-refused, .fr-input-group--error #given_name")
                .await
        );
        browser.retype("#phone_number", "+33 1 23 45 67 89").await;
        browser.retype("#job", "Chargée de mission").await;
        browser.click(UPDATE).await;
        browser.expect_text("informations ont été mises à jour").await;
        browser.screenshots("personal-information-saved").await;
        assert_eq!(browser.property("#given_name", "value").await, "Zoé");

        sign_in_elsewhere(&server, EMAIL).await;
        let other = sign_in_elsewhere(&server, EMAIL).await;
        browser
            .click("a.fr-sidemenu__link[href='/connection-and-account']")
            .await;
        browser.expect_title(ACCOUNT).await;
        browser.expect_accessible().await;
        browser.screenshots("connection-and-account").await;
        browser.submit_unconfirmed("form[action='/users/delete']").await;
        browser.expect_title(CONFIRM_DELETION).await;
        browser.expect_accessible().await;
        browser.screenshots("confirmation").await;
        browser.click_caption("Annuler").await;
        browser.expect_title(ACCOUNT).await;
        browser.click_caption("Voir mes sessions").await;
        browser.expect_title(SESSIONS).await;
        browser.expect_text("SESSION ACTUELLE").await;
        browser.expect_accessible().await;
        browser.screenshots("sessions").await;
        browser
            .click("[action='/mes-sessions/fermer'] [type=submit]")
            .await;
        browser.expect_text("session").await;
        browser.expect_title(SESSIONS).await;
        browser.click_caption("Fermer toutes les autres sessions").await;
        browser.disagree().await;
        browser.click_caption("Fermer toutes les autres sessions").await;
        browser.agree().await;
        browser.expect_text("SESSION ACTUELLE").await;
        browser.screenshots("sessions-closed").await;
        assert_eq!(other.get("/").await.url.path(), "/users/start-sign-in");
        browser.click_caption("Historique de sécurité du compte").await;
        browser.expect_text("Toutes les autres sessions fermées").await;
        browser.expect_accessible().await;
        browser.screenshots("history").await;

        open(&browser, &server, "/connection-and-account").await;
        let asked = browser.refuse_submission("form[action='/users/delete']").await;
        assert_eq!(asked.len(), 2, "what was refused is not on its way: {asked:?}");
        assert!(
            asked[0].contains("Inutile de supprimer votre compte"),
            "{asked:?}"
        );
        browser.click_caption("Supprimer mon compte").await;
        browser.disagree().await;
        browser.expect_title(ACCOUNT).await;
        browser.click_caption("Supprimer mon compte").await;
        browser.agree().await;
        browser.expect_title(START).await;
        browser.expect_text("Votre compte a bien été supprimé.").await;
        browser.expect_accessible().await;
        browser.screenshots("start-sign-in-account-deleted").await;
        server.mailbox.wait_for(EMAIL, "Suppression de compte").await;
    })
    .await;
}

#[tokio::test]
async fn an_account_is_looked_after_without_script() {
    let server = server().await;
    browse_with(Script::Off, async |browser| {
        sign_in(&browser, &server, EMAIL).await;
        open(&browser, &server, "/personal-information").await;
        browser.retype("#job", "Agent").await;
        browser.click(UPDATE).await;
        browser.expect_text("informations ont été mises à jour").await;
        sign_in_elsewhere(&server, EMAIL).await;
        open(&browser, &server, "/mes-sessions").await;
        browser.click_caption("Fermer toutes les autres sessions").await;
        browser
            .expect_title("Fermer toutes les autres sessions - ProConnect")
            .await;
        browser.click_caption("Confirmer").await;
        browser.expect_text("SESSION ACTUELLE").await;
        open(&browser, &server, "/connection-and-account").await;
        browser.screenshots("connection-and-account-without-script").await;
        browser.click_caption("Réinitialiser votre mot de passe").await;
        browser.expect_title(START).await;
        server.mailbox.wait_for(EMAIL, RESET_MAIL).await;
        open(&browser, &server, "/connection-and-account").await;
        browser.click_caption("Supprimer mon compte").await;
        browser.expect_title(CONFIRM_DELETION).await;
        browser.screenshots("confirmation-without-script").await;
        browser.click_caption("Annuler").await;
        browser.expect_title(ACCOUNT).await;
        browser.click_caption("Supprimer mon compte").await;
        browser.expect_title(CONFIRM_DELETION).await;
        browser.click_caption("Confirmer").await;
        browser.expect_text("Votre compte a bien été supprimé.").await;
    })
    .await;
}

#[tokio::test]
async fn an_account_is_looked_after_with_the_keyboard_alone() {
    let server = server().await;
    browse(async |browser| {
        sign_in(&browser, &server, EMAIL).await;
        browser.expect_title(HOME).await;
        browser
            .tab_to("a.fr-sidemenu__link[href='/personal-information']")
            .await;
        browser.press(Key::Enter).await;
        browser.expect_title(PERSONAL).await;
        browser.tab_to("#job").await;
        browser.type_text("Agent").await;
        browser.press(Key::Enter).await;
        browser.expect_text("informations ont été mises à jour").await;
        sign_in_elsewhere(&server, EMAIL).await;
        open(&browser, &server, "/mes-sessions").await;
        browser
            .tab_to("[action='/mes-sessions/fermer'] [type=submit]")
            .await;
        browser.press(Key::Enter).await;
        browser.expect_title(SESSIONS).await;
        open(&browser, &server, "/connection-and-account").await;
        browser.tab_to("[action='/users/delete'] [type=submit]").await;
        browser.press(Key::Space).await;
        browser.agree().await;
        browser.expect_title(START).await;
    })
    .await;
}

//! Second factors in a real browser: every page looked at, read by a checker of accessibility, with the mouse and with the keyboard.

use thirtyfour::Key;

use crate::harness::{Browser, Script, browse, browse_with};
use crate::support::{DemoRelyingParty, EMAIL, PASSWORD, RelyingParty, TestServer, TotpApplication};

const HOME: &str = "Accueil - ProConnect";
const ACCOUNT: &str = "Compte et connexion - ProConnect";
const SECOND_FACTOR: &str = "Se connecter avec la double authentification - ProConnect";

/// Opens `path` of the server and looks at it.
async fn look(browser: &Browser, server: &TestServer, path: &str, name: &str) {
    browser.open(&server.base_url.join(path).expect("a path")).await;
    browser.expect_accessible().await;
    browser.screenshots(name).await;
}

async fn sign_in(browser: &Browser, server: &TestServer) {
    browser
        .open(&server.base_url.join("/users/start-sign-in").expect("a path"))
        .await;
    browser.sign_in(EMAIL, PASSWORD).await;
}

/// The application that is given the key of the page.
async fn application(browser: &Browser) -> TotpApplication {
    browser.click("details.manual-set-up summary").await;
    let key = browser.find("#humanReadableTotpKey").await;
    TotpApplication::new(&key.text().await.expect("the key"))
}

#[expect(
    clippy::too_many_lines,
    reason = "one journey, from its first page to its last"
)]
#[tokio::test]
async fn an_application_is_added_used_and_removed() {
    let server = TestServer::start().await;
    browse(async |browser| {
        sign_in(&browser, &server).await;
        browser.expect_title(HOME).await;
        look(
            &browser,
            &server,
            "/connection-and-account",
            "factors-account-without",
        )
        .await;
        browser
            .click_caption("Configurer la double authentification")
            .await;
        browser.expect_title("Double authentification - ProConnect").await;
        browser.expect_accessible().await;
        browser.screenshots("factors-choice-account").await;
        browser.click("label[for=radio-totp]").await;
        browser.click("#webauthn-registration-button").await;
        browser
            .expect_title("Configurer un code à usage unique - ProConnect")
            .await;
        browser.expect_accessible().await;
        browser.screenshots("factors-tool-account").await;
        browser.click("label[for=totp-tool-type-smartphone]").await;
        browser.click("#continue-button").await;
        browser.expect_title("Configuration TOTP - ProConnect").await;
        browser.expect_accessible().await;
        browser.screenshots("factors-configuration-account").await;
        let mut phone = application(&browser).await;
        browser.expect_accessible().await;
        browser.screenshots("factors-configuration-by-hand").await;
        browser
            .type_into_label("Insérer ensuite le code généré par l’application", "123456")
            .await;
        browser.click_caption("Valider le code").await;
        browser
            .expect_title("Erreur - Configuration TOTP - ProConnect")
            .await;
        browser.expect_accessible().await;
        browser.screenshots("factors-configuration-error").await;
        let code = phone.fresh_code().await;
        browser
            .type_into_label("Insérer ensuite le code généré par l’application", &code)
            .await;
        browser.click_caption("Valider le code").await;
        browser.expect_title(ACCOUNT).await;
        browser
            .expect_text("L’application d’authentification a été configurée.")
            .await;
        browser.expect_accessible().await;
        browser.screenshots("factors-account-with").await;

        browser.click_caption("Créer mes codes de secours").await;
        browser.expect_title("Vos codes de secours - ProConnect").await;
        browser.expect_accessible().await;
        browser.screenshots("factors-recovery-codes").await;
        let first = browser.find("ol.recovery-codes code").await;
        let recovery_code = first.text().await.expect("a code");
        browser.click_caption("J’ai gardé mes codes").await;
        browser.expect_title(ACCOUNT).await;
        browser.click("label[for=radio-enable]").await;
        browser.click("[id='2fa-form'] [type=submit]").await;
        browser
            .expect_text("La double authentification a été activée sur tous les sites.")
            .await;

        browser
            .open(&server.base_url.join("/oauth/logout").expect("a path"))
            .await;
        sign_in(&browser, &server).await;
        browser.expect_title(SECOND_FACTOR).await;
        browser.expect_accessible().await;
        browser.screenshots("factors-sign-in").await;
        let label = "Obtenir un code à usage unique depuis votre application mobile.";
        browser.type_into_label(label, "123456").await;
        browser.click_caption("Valider").await;
        browser.expect_title(&format!("Erreur - {SECOND_FACTOR}")).await;
        browser.expect_accessible().await;
        browser.screenshots("factors-sign-in-error").await;
        browser.click_caption("Utiliser un code de secours").await;
        browser
            .expect_title("Utiliser un code de secours - ProConnect")
            .await;
        browser.expect_accessible().await;
        browser.screenshots("factors-recovery-code").await;
        browser.type_into_label("Code de secours", &recovery_code).await;
        browser
            .click("[action='/users/2fa-sign-in-with-recovery-code'] [type=submit]")
            .await;
        browser
            .expect_title("Choisir un mode de double authentification - ProConnect")
            .await;
        browser.expect_accessible().await;
        browser.screenshots("factors-choice-after-recovery").await;
        browser.click_caption("Plus tard").await;
        browser.expect_title(HOME).await;

        browser
            .open(&server.base_url.join("/connection-and-account").expect("a path"))
            .await;
        browser.expect_title(ACCOUNT).await;
        browser
            .submit_past_listeners("form[action='/delete-totp-configuration']")
            .await;
        browser
            .expect_text("L’application d’authentification a bien été supprimée.")
            .await;
        browser.expect_title(ACCOUNT).await;
    })
    .await;
}

#[tokio::test]
async fn the_questions_lead_to_a_factor_in_both_trees() {
    let server = TestServer::start().await;
    browse(async |browser| {
        sign_in(&browser, &server).await;
        browser.expect_title(HOME).await;
        for (prefix, name) in [("", "account"), ("/users", "sign-in")] {
            for (path, page) in [
                ("/mfa-decision-helper", "device"),
                ("/mfa-decision-helper/passkey", "passkey"),
                ("/mfa-decision-helper/can-install-software", "install"),
                ("/mfa-decision-helper/can-install-software/software", "software"),
                (
                    "/mfa-decision-helper/can-install-software/smartphone",
                    "smartphone",
                ),
                ("/mfa-decision-helper/can-install-software/smartphone/app", "app"),
                (
                    "/mfa-decision-helper/can-install-software/external-help-needed",
                    "external-help",
                ),
            ] {
                let name = format!("helper-{page}-{name}");
                look(&browser, &server, &format!("{prefix}{path}"), &name).await;
            }
        }
        look(
            &browser,
            &server,
            "/users/double-authentication-choice",
            "factors-choice-sign-in",
        )
        .await;
        browser.click("label[for=radio-dont-know]").await;
        browser.click("#webauthn-registration-button").await;
        browser
            .expect_title("Trouver la meilleure méthode de 2FA - ProConnect")
            .await;
        browser.click("label[for=device-type-other]").await;
        browser.click_caption("Continuer").await;
        browser.click("label[for=can-install-software-no]").await;
        browser.click_caption("Continuer").await;
        browser
            .click("label[for=can-install-app-on-smartphone-yes]")
            .await;
        browser.click_caption("Continuer").await;
        browser
            .expect_title("Codes à usage unique (TOTP) - ProConnect")
            .await;
        browser.click_caption("Revenir au début").await;
        browser
            .expect_title("Choisir un mode de double authentification - ProConnect")
            .await;
    })
    .await;
}

/// On the way to a service that insists, with the keyboard alone.
#[tokio::test]
async fn a_service_that_insists_gets_two_factors_by_keyboard() {
    let server = TestServer::start().await;
    let service = DemoRelyingParty::start(&server, RelyingParty::default(), "standard-client", &[]).await;
    browse(async |browser| {
        browser.open(&service.url).await;
        browser.tab_to("#force-2fa").await;
        browser.press(Key::Enter).await;
        browser
            .expect_title("S'inscrire ou se connecter - ProConnect")
            .await;
        browser.tab_to("[name=login]").await;
        browser.type_text(EMAIL).await;
        browser.press(Key::Enter).await;
        browser.expect_title("Accéder au compte - ProConnect").await;
        browser.tab_to("[name=password]").await;
        browser.type_text(PASSWORD).await;
        browser.press(Key::Enter).await;
        browser
            .expect_title("Choisir un mode de double authentification - ProConnect")
            .await;
        browser.tab_to("#radio-totp").await;
        browser.press(Key::Space).await;
        browser.tab_to("#webauthn-registration-button").await;
        browser.press(Key::Enter).await;
        browser
            .expect_title("Installer votre outil d'authentification - ProConnect")
            .await;
        browser.tab_to("#totp-tool-type-smartphone").await;
        browser.press(Key::Space).await;
        browser.tab_to("#continue-button").await;
        browser.press(Key::Enter).await;
        browser
            .expect_title("Configurer un code à usage unique - ProConnect")
            .await;
        browser.tab_to("details.manual-set-up summary").await;
        browser.press(Key::Enter).await;
        let key = browser.find("#humanReadableTotpKey").await.text().await;
        let code = TotpApplication::new(&key.expect("the key")).fresh_code().await;
        browser.expect_accessible().await;
        browser.screenshots("factors-configuration-sign-in").await;
        give_first_code(&browser, &code).await;
    })
    .await;
}

/// Gives the code that completes the enrolment, and goes on to the service.
async fn give_first_code(browser: &Browser, code: &str) {
    browser
        .type_into_label("Insérer ensuite le code généré par l’application", code)
        .await;
    browser.press(Key::Enter).await;
    browser
        .expect_title("Votre double authentification est bien configurée - ProConnect")
        .await;
    browser.screenshots("factors-configured").await;
    browser.click_caption("Continuer").await;
    browser
        .expect_title("Choisir une organisation - ProConnect")
        .await;
    browser.click("#submit-join-organization-default").await;
    browser.expect_text("Vous êtes connecté").await;
    let id_token = browser.find("#id-token").await.text().await.expect("ID token");
    assert!(id_token.contains("\"otp\",\n    \"mfa\""), "{id_token}");
}

#[tokio::test]
async fn an_application_is_added_without_script() {
    let server = TestServer::start().await;
    let service = DemoRelyingParty::start(&server, RelyingParty::default(), "standard-client", &[]).await;
    browse_with(Script::Off, async |browser| {
        browser.open(&service.url).await;
        browser.click("#force-2fa").await;
        browser.sign_in(EMAIL, PASSWORD).await;
        browser
            .expect_title("Choisir un mode de double authentification - ProConnect")
            .await;
        browser.screenshots("factors-choice-without-script").await;
        browser.click("label[for=radio-totp]").await;
        browser.click("#webauthn-registration-button").await;
        browser.click("label[for=totp-tool-type-computer]").await;
        browser.click("#continue-button").await;
        browser
            .expect_title("Configurer un code à usage unique - ProConnect")
            .await;
        let code = application(&browser).await.fresh_code().await;
        browser.screenshots("factors-configuration-without-script").await;
        give_first_code(&browser, &code).await;
    })
    .await;
}

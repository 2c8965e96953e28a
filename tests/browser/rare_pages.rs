//! Pages that few people ever meet: requests that have had their time, answers by form, services that break down.

use std::time::{Duration, Instant};

use crate::harness::{Script, browse, browse_with};
use crate::support::{EMAIL, Options, PASSWORD, RelyingParty, TestServer};

const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_PAUSE: Duration = Duration::from_millis(50);
const START: &str = "S'inscrire ou se connecter - ProConnect";
const SELECT: &str = "Choisir une organisation - ProConnect";
const HOME: &str = "Accueil - ProConnect";
const CONFIRM_LOGOUT: &str = "Se déconnecter - ProConnect";

#[tokio::test]
async fn a_request_that_has_had_its_time_is_explained() {
    let server = TestServer::start().await;
    browse(async |browser| {
        let gone = server.base_url.join("interaction/an-interaction-of-old");
        browser.open(&gone.expect("a path")).await;
        browser.expect_text("Votre demande de connexion a expiré").await;
        browser.expect_accessible().await;
        browser.screenshots("interaction-expired").await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_by_form_waits_for_a_click_where_scripts_do_not_run() {
    let server = TestServer::start().await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    browse_with(Script::Off, async |browser| {
        let request = service.authorization_url(&server, &[("response_mode", "form_post")]);
        browser.open(&request).await;
        browser.expect_title(START).await;
        browser.retype("[name=login]", EMAIL).await;
        browser
            .click("[action='/users/start-sign-in'] [type=submit]")
            .await;
        browser.retype("[name=password]", PASSWORD).await;
        browser.click_caption("S’identifier").await;
        browser.expect_title(SELECT).await;
        browser.click("#submit-join-organization-default").await;
        browser
            .expect_text("appuyez sur le bouton pour retourner sur le service")
            .await;
        browser.screenshots("form-post-without-script").await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_request_of_a_service_is_explained() {
    let server = TestServer::start().await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    browse(async |browser| {
        let elsewhere = [("redirect_uri", "https://ailleurs.example/retour")];
        browser
            .open(&service.authorization_url(&server, &elsewhere))
            .await;
        browser.expect_text("Une erreur est survenue.").await;
        browser.expect_accessible().await;
        browser.screenshots("request-refused").await;
    })
    .await;
}

/// Buttons are out of use while a form is on its way, and belong to it nevertheless.
#[tokio::test]
async fn what_the_pressed_button_says_is_sent() {
    let server = TestServer::start().await;
    browse(async |browser| {
        let start = server.base_url.join("users/start-sign-in");
        browser.open(&start.expect("a path")).await;
        browser.retype("[name=login]", EMAIL).await;
        // Nothing of ours has such a button today; an address shows what was sent.
        let named = "const button = document.querySelector('main form [type=submit]');
            button.name = 'pressed';
            button.value = 'yes';
            button.form.method = 'get';";
        let named = browser.driver.execute(named, Vec::new()).await;
        named.expect("the script runs");
        browser.click("main form [type=submit]").await;
        let deadline = Instant::now() + PATIENCE;
        while !browser.url().await.as_str().contains("pressed=yes") {
            assert!(Instant::now() < deadline, "{}", browser.url().await);
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_is_asked_before_signing_out_answers_with_a_button() {
    let options = Options::default().with("FEATURE_CONFIRM_LOGOUT", "True");
    let server = TestServer::start_with(options).await;
    for script in [Script::On, Script::Off] {
        browse_with(script, async |browser| {
            let start = server.base_url.join("users/start-sign-in");
            browser.open(&start.expect("a path")).await;
            browser.sign_in(EMAIL, PASSWORD).await;
            browser.expect_title(HOME).await;
            browser.click("a[href='/oauth/logout']").await;
            browser.expect_title(CONFIRM_LOGOUT).await;
            if script == Script::On {
                browser.expect_accessible().await;
                browser.screenshots("confirm-logout").await;
            }
            browser.click_caption("Rester connecté").await;
            browser.expect_title(HOME).await;
            browser.click("a[href='/oauth/logout']").await;
            browser.expect_title(CONFIRM_LOGOUT).await;
            browser.click_caption("Me déconnecter").await;
            browser.expect_title(START).await;
            browser.expect_text("vous êtes maintenant déconnecté").await;
            browser.open(&server.base_url).await;
            browser.expect_title(START).await;
        })
        .await;
    }
}

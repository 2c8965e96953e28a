//! Pages that few people ever meet: requests that have had their time, answers by form, services that break down.

use crate::harness::{Script, browse, browse_with};
use crate::support::{EMAIL, PASSWORD, RelyingParty, TestServer};

const START: &str = "S'inscrire ou se connecter - ProConnect";
const SELECT: &str = "Choisir une organisation - ProConnect";

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

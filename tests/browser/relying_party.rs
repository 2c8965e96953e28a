//! The demo relying party itself: everybody may look at its page.

use crate::harness::{Script, browse, browse_with};
use crate::support::{DemoRelyingParty, RelyingParty, TestServer};

#[tokio::test]
async fn the_demo_service_offers_every_request_accessibly() {
    let server = TestServer::start().await;
    let service = DemoRelyingParty::start(&server, RelyingParty::default(), "standard-client", &[]).await;
    browse(async |browser| {
        browser.open(&service.url).await;
        browser.expect_title("standard-client - ProConnect").await;
        browser.expect_accessible().await;
        browser.screenshots("relying-party-signed-out").await;
        for hook in [
            "button.proconnect-button",
            "button#force-2fa",
            "button#custom-connection",
            "[name=custom-params]",
        ] {
            browser.find(hook).await;
        }
        for caption in [
            "S’identifier avec ProConnect",
            "Forcer une connexion a deux facteurs",
            "Forcer une connexion par certification dirigeant",
            "Connexion personnalisée",
            "Changer d’organisation",
            "Mettre à jour mes informations",
            "Se déconnecter",
        ] {
            browser.find_caption(caption).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_refused_request_ends_on_an_error_page_of_the_service() {
    let server = TestServer::start().await;
    let service = DemoRelyingParty::start(&server, RelyingParty::default(), "standard-client", &[]).await;
    browse_with(Script::Off, async |browser| {
        browser.open(&service.url).await;
        let prompt = browser.find("#prompt").await;
        prompt.send_keys("none").await.expect("a choice");
        browser.click("#chosen-parameters").await;
        browser.expect_title("Error - standard-client - ProConnect").await;
        browser.expect_text("AuthorizationResponseError").await;
        browser.expect_text("login_required").await;
        assert!(
            browser
                .url()
                .await
                .query()
                .unwrap_or_default()
                .contains("error=login_required")
        );
    })
    .await;
}

//! A person proves who they are at the played FranceConnect: from the account, and because a service insists.

use crate::harness::{Browser, Script, browse, browse_with};
use crate::returns::back_at;
use crate::support::{EMAIL, Options, PASSWORD, RelyingParty, TestServer, free_port};

const PERSONAL_INFORMATION: &str = "Informations personnelles - ProConnect";
const IDENTITY_CHECK: &str = "Vérifier votre identité - ProConnect";
const CHOOSE: &str = "Connexion 🎭 FranceConnect 🎭";
const BUTTON: &str = ".fr-connect";

async fn open_personal_information(server: &TestServer, browser: &Browser) {
    let page = server.base_url.join("personal-information").expect("a path");
    browser.open(&page).await;
    browser.sign_in(EMAIL, PASSWORD).await;
    browser.expect_title(PERSONAL_INFORMATION).await;
}

#[tokio::test]
async fn the_account_gets_the_names_of_the_civil_register() {
    let server = TestServer::start().await;
    browse(async |browser| {
        open_personal_information(&server, &browser).await;
        browser.click(BUTTON).await;
        browser.expect_title(CHOOSE).await;
        browser.screenshots("franceconnect-played").await;
        browser.click_caption("Je suis Jean De La Rose").await;
        browser.expect_title("Déconnexion 🎭 FranceConnect 🎭").await;
        browser.expect_title(PERSONAL_INFORMATION).await;
        browser
            .expect_text("Nous avons récupéré vos données via FranceConnect.")
            .await;
        browser.find("[aria-label='Se déconnecter - Jean Dulac']").await;
        browser.expect_accessible().await;
        browser.screenshots("personal-information-verified").await;

        browser.click(BUTTON).await;
        browser.expect_title(CHOOSE).await;
        browser
            .click_caption("Revenir sur votre fournisseur de service")
            .await;
        browser
            .expect_title(&format!("Erreur - {PERSONAL_INFORMATION}"))
            .await;
        browser.expect_accessible().await;
    })
    .await;
}

/// Without script, since the played sign-out leads on by itself.
#[tokio::test]
async fn a_service_that_insists_gets_a_verified_person() {
    let server = TestServer::start().await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let insists = [(
        "claims",
        r#"{"id_token":{"acr":{"essential":true,"values":["eidas1"]}}}"#,
    )];
    let request = service.authorization_url(&server, &insists);
    browse_with(Script::Off, async |browser| {
        browser.open(&request).await;
        browser.sign_in(EMAIL, PASSWORD).await;
        browser.click("#submit-join-organization-default").await;
        browser.expect_title(IDENTITY_CHECK).await;
        browser.screenshots("franceconnect").await;
        browser.click(BUTTON).await;
        browser.expect_title(CHOOSE).await;
        browser
            .click_caption("Revenir sur votre fournisseur de service")
            .await;
        browser.expect_title(&format!("Erreur - {IDENTITY_CHECK}")).await;
        browser.screenshots("franceconnect-declined").await;
        browser.click(BUTTON).await;
        browser.click_caption("Je suis Elia Alvernhe").await;
        browser.expect_title("Déconnexion 🎭 FranceConnect 🎭").await;
        back_at(&browser, &service).await;
    })
    .await;
}

#[tokio::test]
async fn the_step_on_the_way_is_accessible() {
    let server = TestServer::start().await;
    browse(async |browser| {
        open_personal_information(&server, &browser).await;
        browser
            .open(&server.base_url.join("users/franceconnect").expect("a path"))
            .await;
        browser.expect_title(IDENTITY_CHECK).await;
        browser.expect_accessible().await;
        browser.tab_to(BUTTON).await;
        browser.press(thirtyfour::Key::Enter).await;
        browser.expect_title(CHOOSE).await;
    })
    .await;
}

#[tokio::test]
async fn an_outage_is_explained() {
    let nowhere = format!("http://localhost:{}", free_port());
    let options = Options::default().with("FRANCECONNECT_ISSUER", &nowhere);
    let server = TestServer::start_with(options).await;
    browse(async |browser| {
        open_personal_information(&server, &browser).await;
        browser.click(BUTTON).await;
        browser
            .expect_title("FranceConnect ne répond pas - ProConnect")
            .await;
        browser.expect_accessible().await;
        browser.screenshots("franceconnect-unavailable").await;
        browser.click_caption("Réessayer").await;
        browser
            .expect_title("FranceConnect ne répond pas - ProConnect")
            .await;
    })
    .await;
}

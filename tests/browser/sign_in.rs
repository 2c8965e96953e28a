//! A person signs in to a service with e-mail and password, chooses an organization, and signs out.

use thirtyfour::Key;

use crate::harness::{Browser, Script, browse, browse_with};
use crate::support::{DemoRelyingParty, EMAIL, PASSWORD, RelyingParty, TestServer};

const START_SIGN_IN: &str = "S'inscrire ou se connecter - ProConnect";
const SIGN_IN: &str = "Accéder au compte - ProConnect";
const SELECT_ORGANIZATION: &str = "Choisir une organisation - ProConnect";

/// Name and SIRET of an organization of the account, other than the first that is offered.
async fn second_organization(server: &TestServer) -> (String, String) {
    let connection = server.database().pool().get().await.expect("a connection");
    let row = connection
        .query_one(
            "SELECT o.cached_libelle, o.siret
             FROM organizations o
               JOIN users_organizations uo ON uo.organization_id = o.id
               JOIN users u ON u.id = uo.user_id
             WHERE u.email = $1
             ORDER BY o.id
             OFFSET 1 LIMIT 1",
            &[&EMAIL],
        )
        .await
        .expect("the account has several organizations");
    (row.get(0), row.get(1))
}

/// What the service shows about the person after a sign-in.
async fn expect_claims(browser: &Browser, name: &str) {
    browser.expect_title(&format!("{name} - ProConnect")).await;
    browser.expect_text("Vous êtes connecté").await;
    let userinfo = browser.find("#userinfo").await.text().await.expect("userinfo");
    assert!(
        userinfo.contains(&format!("\"email\": \"{EMAIL}\"")),
        "{userinfo}"
    );
    let id_token = browser.find("#id-token").await.text().await.expect("ID token");
    assert!(id_token.contains("\"amr\": [\n    \"pwd\"\n  ]"), "{id_token}");
}

/// Signs out at the service, and proves that the provider has forgotten the person too.
async fn sign_out(browser: &Browser, service: &DemoRelyingParty) {
    browser.click_caption("Se déconnecter").await;
    browser.expect_text("Vous n’êtes pas connecté").await;
    assert_eq!(browser.url().await, service.url);
    browser.click("button.proconnect-button").await;
    browser.expect_title(START_SIGN_IN).await;
}

#[tokio::test]
async fn a_professional_signs_in_to_a_service_and_out_again() {
    let server = TestServer::start().await;
    let service = DemoRelyingParty::start(&server, RelyingParty::default(), "standard-client", &[]).await;
    let (organization, siret) = second_organization(&server).await;
    browse(async |browser| {
        browser.open(&service.url).await;
        browser.click("button.proconnect-button").await;

        browser.expect_title(START_SIGN_IN).await;
        browser.expect_accessible().await;
        browser.screenshots("start-sign-in").await;
        browser.type_into_label("Email professionnel", EMAIL).await;
        browser
            .click("[action='/users/start-sign-in'] [type=submit]")
            .await;

        browser.expect_title(SIGN_IN).await;
        browser.expect_accessible().await;
        browser.screenshots("sign-in").await;
        browser
            .type_into_label("Renseignez votre mot de passe", PASSWORD)
            .await;
        browser.click_caption("S’identifier").await;

        browser.expect_title(SELECT_ORGANIZATION).await;
        browser.expect_accessible().await;
        browser.screenshots("select-organization").await;
        browser
            .click(&format!(
                "[aria-label=\"{organization} (choisir cette organisation)\"]"
            ))
            .await;

        expect_claims(&browser, "standard-client").await;
        browser.expect_text(&format!("\"siret\": \"{siret}\"")).await;
        browser
            .expect_text(&format!("\"label\": \"{organization}\""))
            .await;
        browser.expect_accessible().await;
        browser.screenshots("relying-party-signed-in").await;

        sign_out(&browser, &service).await;
    })
    .await;
}

#[tokio::test]
async fn a_federation_gets_everything_signed() {
    let server = TestServer::start().await;
    let service = DemoRelyingParty::start(
        &server,
        RelyingParty::federation(),
        "federation",
        &["--login-hint", EMAIL],
    )
    .await;
    browse(async |browser| {
        browser.open(&service.url).await;
        browser.click("button.proconnect-button").await;
        browser.expect_title(SIGN_IN).await;
        browser
            .type_into_label("Renseignez votre mot de passe", PASSWORD)
            .await;
        browser.click_caption("S’identifier").await;
        browser.expect_title(SELECT_ORGANIZATION).await;
        browser.click("#submit-join-organization-default").await;
        expect_claims(&browser, "federation").await;
        browser.expect_text("\"usual_name\"").await;
    })
    .await;
}

#[tokio::test]
async fn the_keyboard_is_enough() {
    let server = TestServer::start().await;
    let service = DemoRelyingParty::start(&server, RelyingParty::default(), "standard-client", &[]).await;
    browse(async |browser| {
        browser.open(&service.url).await;
        browser.tab_to("button.proconnect-button").await;
        browser.press(Key::Enter).await;

        browser.expect_title(START_SIGN_IN).await;
        browser.tab_to("[name=login]").await;
        browser.type_text(EMAIL).await;
        browser.press(Key::Enter).await;

        browser.expect_title(SIGN_IN).await;
        browser.tab_to("[name=password]").await;
        browser.type_text(PASSWORD).await;
        browser.press(Key::Enter).await;

        browser.expect_title(SELECT_ORGANIZATION).await;
        browser.tab_to("#submit-join-organization-default").await;
        browser.press(Key::Enter).await;

        expect_claims(&browser, "standard-client").await;
        browser.tab_to("#logout").await;
        browser.press(Key::Space).await;
        browser.expect_text("Vous n’êtes pas connecté").await;
    })
    .await;
}

#[tokio::test]
async fn everything_works_without_script() {
    let server = TestServer::start().await;
    let service = DemoRelyingParty::start(&server, RelyingParty::default(), "standard-client", &[]).await;
    browse_with(Script::Off, async |browser| {
        browser.open(&service.url).await;
        browser.click("button.proconnect-button").await;

        browser.expect_title(START_SIGN_IN).await;
        browser.type_into_label("Email professionnel", EMAIL).await;
        browser
            .click("[action='/users/start-sign-in'] [type=submit]")
            .await;

        browser.expect_title(SIGN_IN).await;
        browser.screenshots("sign-in-without-script").await;
        browser
            .type_into_label("Renseignez votre mot de passe", PASSWORD)
            .await;
        browser.click_caption("S’identifier").await;

        browser.expect_title(SELECT_ORGANIZATION).await;
        browser.screenshots("select-organization-without-script").await;
        browser.click("#submit-join-organization-default").await;

        expect_claims(&browser, "standard-client").await;
        browser.click_caption("Se déconnecter").await;
        // The sign-out is a page that submits itself; without script the person presses its button.
        browser.expect_title("Déconnexion en cours - ProConnect").await;
        browser.screenshots("sign-out-without-script").await;
        browser.click_caption("Continuer").await;
        browser.expect_text("Vous n’êtes pas connecté").await;
    })
    .await;
}

#[tokio::test]
async fn a_wrong_password_is_explained_and_can_be_corrected() {
    let server = TestServer::start().await;
    let service = DemoRelyingParty::start(&server, RelyingParty::default(), "standard-client", &[]).await;
    browse(async |browser| {
        browser.open(&service.url).await;
        browser.click("button.proconnect-button").await;
        browser.expect_title(START_SIGN_IN).await;
        browser.type_into_label("Email professionnel", EMAIL).await;
        browser.click_caption("Continuer").await;
        browser.expect_title(SIGN_IN).await;
        browser
            .type_into_label("Renseignez votre mot de passe", "wrong_password")
            .await;
        browser.click_caption("S’identifier").await;

        browser.expect_title(&format!("Erreur - {SIGN_IN}")).await;
        browser.expect_accessible().await;
        browser.screenshots("sign-in-wrong-password").await;
        browser
            .type_into_label("Renseignez votre mot de passe", PASSWORD)
            .await;
        browser.click_caption("S’identifier").await;
        browser.expect_title(SELECT_ORGANIZATION).await;
    })
    .await;
}

#[tokio::test]
async fn a_second_service_asks_nothing_again() {
    let server = TestServer::start().await;
    let first = DemoRelyingParty::start(&server, RelyingParty::default(), "first-service", &[]).await;
    let second = DemoRelyingParty::start(&server, RelyingParty::default(), "second-service", &[]).await;
    browse_with(Script::Off, async |browser| {
        browser.open(&first.url).await;
        browser.click("button.proconnect-button").await;
        browser.type_into_label("Email professionnel", EMAIL).await;
        browser.click_caption("Continuer").await;
        browser.expect_title(SIGN_IN).await;
        browser
            .type_into_label("Renseignez votre mot de passe", PASSWORD)
            .await;
        browser.click_caption("S’identifier").await;
        browser.expect_title(SELECT_ORGANIZATION).await;
        browser.click("#submit-join-organization-default").await;
        expect_claims(&browser, "first-service").await;

        browser.open(&second.url).await;
        browser.click("button.proconnect-button").await;
        expect_claims(&browser, "second-service").await;
    })
    .await;
}

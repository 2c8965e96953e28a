//! Levels of assurance in a real browser: for each outcome of the matrix of spec/oidc.md §12 one journey from the service to what it
//! learns. The whole matrix is a table in `web/oidc/acr_tests.rs`.

use serde_json::{Value, json};

use crate::certification::{DANONE, ULYSSE, house};
use crate::harness::{Browser, browse};
use crate::memberships::member_of_the_town;
use crate::returns::{answer, error};
use crate::support::{EMAIL, Options, PASSWORD, RelyingParty, TestServer, TotpApplication};

const IDENTITY: &str = "Vérifier votre identité - ProConnect";
const CHOICE: &str = "Choisir un mode de double authentification - ProConnect";
const SECOND_FACTOR: &str = "Se connecter avec la double authentification - ProConnect";
const DENIED: &str = "Erreur access_denied - ProConnect";
const CERTIFICATION: &str = "https://proconnect.gouv.fr/assurance/certification-dirigeant";
const EIDAS1: [&str; 4] = ["eidas1", "eidas1-mfa", "eidas2", "eidas3"];
const TWO_FACTORS: [&str; 4] = ["eidas0-mfa", "eidas1-mfa", "eidas2", "eidas3"];

/// Sends the browser to the service's request, which asks for one of `levels` and takes no other.
async fn insist(
    browser: &Browser,
    server: &TestServer,
    service: &RelyingParty,
    levels: &[&str],
    more: &[(&str, &str)],
) {
    ask(
        browser,
        server,
        service,
        &json!({"essential": true, "values": levels}),
        more,
    )
    .await;
}

/// Sends the browser to the service's request, with this wish for `acr`.
async fn ask(
    browser: &Browser,
    server: &TestServer,
    service: &RelyingParty,
    acr: &Value,
    more: &[(&str, &str)],
) {
    let claims = json!({"id_token": {"acr": acr, "amr": null}}).to_string();
    let parameters = [&[("claims", claims.as_str())], more].concat();
    browser
        .open(&service.authorization_url(server, &parameters))
        .await;
}

/// The level that the service learns.
async fn level(browser: &Browser, server: &TestServer, service: &RelyingParty) -> Value {
    answer(browser, server, service).await.id_token["acr"].clone()
}

/// Says at the played FranceConnect who they are, and comes back.
async fn prove_identity(browser: &Browser, person: &str) {
    browser.expect_title(IDENTITY).await;
    browser.expect_accessible().await;
    browser.click(".fr-connect").await;
    browser.click_caption(&format!("Je suis {person}")).await;
}

/// An account with the application of [`TotpApplication::KEY`].
async fn give_application(server: &TestServer, email: &str) -> TotpApplication {
    let statement = format!(
        "UPDATE users SET encrypted_totp_key = '{}', totp_key_verified_at = now() WHERE email = '{email}'",
        TotpApplication::STORED_KEY
    );
    server.database().execute(&statement).await;
    TotpApplication::new(TotpApplication::KEY)
}

async fn give_code(browser: &Browser, application: &mut TotpApplication) {
    browser.expect_title(SECOND_FACTOR).await;
    browser.expect_accessible().await;
    let label = "Obtenir un code à usage unique depuis votre application mobile.";
    browser
        .type_into_label(label, &application.fresh_code().await)
        .await;
    browser.click_caption("Valider").await;
}

async fn enrol(browser: &Browser) {
    browser.expect_title(CHOICE).await;
    browser.click("label[for=radio-totp]").await;
    browser.click("#webauthn-registration-button").await;
    browser.click("label[for=totp-tool-type-smartphone]").await;
    browser.click("#continue-button").await;
    browser.click("details.manual-set-up summary").await;
    let key = browser.find("#humanReadableTotpKey").await.text().await;
    let code = TotpApplication::new(&key.expect("the key")).fresh_code().await;
    browser
        .type_into_label("Insérer ensuite le code généré par l’application", &code)
        .await;
    browser.click_caption("Valider le code").await;
    browser
        .expect_title("Votre double authentification est bien configurée - ProConnect")
        .await;
    browser.click_caption("Continuer").await;
}

/// What is stated for the legacy value, eidas0, `login_required`; then an identity for eidas1, a factor for eidas1-mfa, and a refusal.
#[tokio::test]
async fn a_live_session_climbs_by_the_steps_that_it_lacks() {
    let (server, service, email) = member_of_the_town().await;
    browse(async |browser| {
        let legacy = [("acr_values", "eidas1")];
        ask(&browser, &server, &service, &Value::Null, &legacy).await;
        browser.sign_in(email, "password123").await;
        assert_eq!(level(&browser, &server, &service).await, "eidas1");

        ask(&browser, &server, &service, &Value::Null, &[]).await;
        assert_eq!(level(&browser, &server, &service).await, "eidas0");

        insist(&browser, &server, &service, &EIDAS1, &[("prompt", "none")]).await;
        assert_eq!(error(&browser, &service).await, "login_required");

        insist(&browser, &server, &service, &EIDAS1, &[]).await;
        prove_identity(&browser, "Elia Alvernhe").await;
        assert_eq!(level(&browser, &server, &service).await, "eidas1");

        insist(
            &browser,
            &server,
            &service,
            &["eidas1-mfa", "eidas2", "eidas3"],
            &[],
        )
        .await;
        enrol(&browser).await;
        assert_eq!(level(&browser, &server, &service).await, "eidas1-mfa");

        insist(&browser, &server, &service, &["eidas0"], &[]).await;
        browser.expect_title(DENIED).await;
        browser.expect_accessible().await;
        browser.click_caption("Continuer sur le service").await;
        assert_eq!(error(&browser, &service).await, "access_denied");
    })
    .await;
}

/// A factor that is there already is shown; a later sign-in without it states what was shown then.
#[tokio::test]
async fn a_factor_is_shown_where_a_service_insists_and_nowhere_else() {
    let (server, service, email) = member_of_the_town().await;
    let mut application = give_application(&server, email).await;
    browse(async |browser| {
        insist(&browser, &server, &service, &TWO_FACTORS, &[]).await;
        browser.sign_in(email, "password123").await;
        give_code(&browser, &mut application).await;
        let told = answer(&browser, &server, &service).await.id_token;
        assert_eq!(told["acr"], "eidas0-mfa");
        assert_eq!(told["amr"], json!(["pwd", "otp", "mfa"]));

        browser
            .open(&server.base_url.join("/oauth/logout").expect("a path"))
            .await;
        ask(&browser, &server, &service, &Value::Null, &[]).await;
        browser.sign_in(email, "password123").await;
        assert_eq!(level(&browser, &server, &service).await, "eidas0");

        // Signed in already: the factor is all that is missing.
        insist(&browser, &server, &service, &TWO_FACTORS, &[]).await;
        give_code(&browser, &mut application).await;
        assert_eq!(level(&browser, &server, &service).await, "eidas0-mfa");
    })
    .await;
}

/// A factor and an identity at one go, then a level below all of them that nothing leads to.
#[tokio::test]
async fn a_factor_and_an_identity_are_asked_for_one_after_the_other() {
    let (server, service, email) = member_of_the_town().await;
    browse(async |browser| {
        let levels = ["eidas1-mfa", "eidas2", "eidas3"];
        insist(&browser, &server, &service, &levels, &[]).await;
        browser.sign_in(email, "password123").await;
        enrol(&browser).await;
        prove_identity(&browser, "Elia Alvernhe").await;
        assert_eq!(level(&browser, &server, &service).await, "eidas1-mfa");
    })
    .await;
}

/// An executive is certified where that is all that is asked, without the factor; with levels of two factors beside it, the factor is
/// asked for and the certification not stated.
#[tokio::test]
async fn an_executive_is_certified_without_a_factor_and_shows_it_where_it_is_asked_for() {
    let (server, service) = house(DANONE, ULYSSE, Options::default()).await;
    let certified = format!(
        "UPDATE users_organizations SET verification_type = 'organization_dirigeant', verified_at = now()
         WHERE user_id = (SELECT id FROM users WHERE email = '{EMAIL}')"
    );
    server.database().execute(&certified).await;
    let mut application = give_application(&server, EMAIL).await;
    browse(async |browser| {
        let certification = json!({"essential": true, "value": CERTIFICATION});
        ask(&browser, &server, &service, &certification, &[]).await;
        browser.sign_in(EMAIL, PASSWORD).await;
        browser
            .expect_title("Choisir une organisation - ProConnect")
            .await;
        browser.expect_text("certifié").await;
        browser.click("#submit-join-organization-default").await;
        assert_eq!(level(&browser, &server, &service).await, CERTIFICATION);

        let levels = [&TWO_FACTORS[..], &[CERTIFICATION]].concat();
        insist(&browser, &server, &service, &levels, &[]).await;
        give_code(&browser, &mut application).await;
        assert_eq!(level(&browser, &server, &service).await, "eidas1-mfa");

        // And without any wish, what they are.
        ask(&browser, &server, &service, &Value::Null, &[]).await;
        assert_eq!(level(&browser, &server, &service).await, "eidas1-mfa");
    })
    .await;
}

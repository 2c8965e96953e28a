//! An executive is certified in a real browser, and every other outcome is told: each page looked at, read by a checker of
//! accessibility, with and without script.

use crate::harness::{Browser, Script, browse, browse_with};
use crate::returns::back_at;
use crate::support::{EMAIL, Options, PASSWORD, RelyingParty, TestServer, http_client};

const CERTIFICATION: &str = "https://proconnect.gouv.fr/assurance/certification-dirigeant";
const IMPOSSIBLE: &str = "Certification impossible - ProConnect";
/// The organization of the development data that the person of the tests is linked to gets one of these numbers and legal forms.
pub const DANONE: (&str, &str, &str) = ("55203253400646", "5599", "SA à conseil d'administration (s.a.i.)");
const HERISSON: (&str, &str, &str) = ("79271377800019", "6540", "Société civile immobilière");
const MINISTRY: (&str, &str, &str) = ("13002526500013", "7120", "Service central d'un ministère");

/// A server where the person of the tests, whom FranceConnect knows as Ulysse Tosi or as `identity`, belongs to one organization.
pub async fn house(
    organization: (&str, &str, &str),
    identity: &str,
    options: Options,
) -> (TestServer, RelyingParty) {
    let server = TestServer::start_with(options).await;
    let (siret, code, label) = organization;
    let label = label.replace('\'', "''");
    server
        .database()
        .execute(&format!(
            "INSERT INTO organizations
               (siret, cached_libelle, cached_est_active, cached_categorie_juridique, cached_libelle_categorie_juridique)
             VALUES ('{siret}', 'Maison de l’essai', true, '{code}', '{label}')
             ON CONFLICT (siret) DO UPDATE SET
               cached_libelle = EXCLUDED.cached_libelle,
               cached_categorie_juridique = EXCLUDED.cached_categorie_juridique,
               cached_libelle_categorie_juridique = EXCLUDED.cached_libelle_categorie_juridique;
             DELETE FROM users_organizations WHERE user_id = (SELECT id FROM users WHERE email = '{EMAIL}');
             INSERT INTO users_organizations (user_id, organization_id, verification_type, verified_at, has_been_greeted)
             SELECT users.id, organizations.id, 'domain', now(), true
             FROM users, organizations WHERE email = '{EMAIL}' AND siret = '{siret}';
             DELETE FROM franceconnect_userinfo WHERE user_id = (SELECT id FROM users WHERE email = '{EMAIL}');
             INSERT INTO franceconnect_userinfo
               (user_id, given_name, family_name, gender, birthdate, birthplace, birthcountry, updated_at)
             SELECT id, {identity}, now() - interval '1 hour' FROM users WHERE email = '{EMAIL}'"
        ))
        .await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    (server, service)
}

pub const ULYSSE: &str = "'Ulysse', 'Tosi', 'male', timestamptz '1992-09-07 00:00:00Z', 'Internet', '99100'";
const ADRIAN: &str = "'Adrian', 'Volckaert', 'male', timestamptz '1984-06-05 00:00:00Z', '75111', '99100'";

/// From the service to the page that tells the outcome.
async fn ask(browser: &Browser, server: &TestServer, service: &RelyingParty) {
    let claims = format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{CERTIFICATION}"}}}}}}"#);
    let request = service.authorization_url(server, &[("claims", &claims)]);
    browser.open(&request).await;
    browser.type_into_label("Email professionnel", EMAIL).await;
    browser
        .click("[action='/users/start-sign-in'] [type=submit]")
        .await;
    browser
        .type_into_label("Renseignez votre mot de passe", PASSWORD)
        .await;
    browser.click_caption("S’identifier").await;
    browser
        .expect_title("Choisir une organisation - ProConnect")
        .await;
    browser
        .click("[action='/users/select-organization'] [type=submit]")
        .await;
}

/// The button of the page leads back to the service.
async fn expect_return(browser: &Browser, service: &RelyingParty, error: &str) {
    let url = back_at(browser, service).await;
    assert!(url.as_str().contains(error), "{url}");
}

#[tokio::test]
async fn an_executive_is_certified_and_returns() {
    let (server, service) = house(DANONE, ULYSSE, Options::default()).await;
    browse(async |browser| {
        ask(&browser, &server, &service).await;
        browser.expect_title("Compte certifié - ProConnect").await;
        browser.expect_accessible().await;
        browser.screenshots("certification-certified").await;
        browser.tab_to("[action='/users/welcome'] [type=submit]").await;
        browser.press(thirtyfour::Key::Enter).await;
        expect_return(&browser, &service, "code=").await;
    })
    .await;
}

#[tokio::test]
async fn what_differs_is_shown_without_what_the_register_has() {
    let (server, service) = house(HERISSON, ADRIAN, Options::default()).await;
    browse_with(Script::Off, async |browser| {
        ask(&browser, &server, &service).await;
        browser.expect_title(IMPOSSIBLE).await;
        browser.find(".identity-item--differs").await;
        assert!(!browser.text().await.contains("MICHEL"));
        browser.click_caption("Continuer sur le service").await;
        expect_return(&browser, &service, "error=login_required").await;
    })
    .await;
}

#[tokio::test]
async fn every_refusal_is_told_and_leads_back() {
    for (organization, identity, heading, name) in [
        (
            HERISSON,
            ADRIAN,
            "Impossible de vous certifier",
            "certification-close-match",
        ),
        (DANONE, ADRIAN, "Identité non trouvée", "certification-no-match"),
        (
            MINISTRY,
            ULYSSE,
            "Structure non certifiable",
            "certification-not-covered",
        ),
    ] {
        let (server, service) = house(organization, identity, Options::default()).await;
        browse(async |browser| {
            ask(&browser, &server, &service).await;
            browser.expect_title(IMPOSSIBLE).await;
            browser.expect_text(heading).await;
            browser.expect_accessible().await;
            browser.screenshots(name).await;
            browser.click_caption("Continuer sur le service").await;
            expect_return(&browser, &service, "error=login_required").await;
        })
        .await;
    }
}

#[tokio::test]
async fn registers_that_are_away_can_be_asked_again() {
    let options = Options::default().with("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False");
    let (server, service) = house(DANONE, ULYSSE, options).await;
    let faults = server.base_url.join("___testing___/faults/").expect("a path");
    let client = http_client();
    for system in ["registre-national-entreprises.inpi.fr", "entreprise.api.gouv.fr"] {
        let url = faults.join(system).expect("a path");
        let fault = serde_json::json!({"fault": "status", "status": 503});
        client.put(url).json(&fault).send().await.expect("an answer");
    }
    browse(async |browser| {
        ask(&browser, &server, &service).await;
        browser
            .expect_title("Les registres ne répondent pas - ProConnect")
            .await;
        browser.expect_accessible().await;
        browser.screenshots("certification-unavailable").await;
        let all = server.base_url.join("___testing___/faults").expect("a path");
        client.delete(all).send().await.expect("an answer");
        browser.click_caption("Réessayer").await;
        browser.expect_title("Compte certifié - ProConnect").await;
    })
    .await;
}

#[tokio::test]
async fn a_level_out_of_reach_is_refused_at_once() {
    let (server, service) = house(DANONE, ULYSSE, Options::default()).await;
    let claims = r#"{"id_token":{"acr":{"essential":true,"values":["eidas2","eidas3"]}}}"#;
    let request = service.authorization_url(&server, &[("claims", claims)]);
    browse(async |browser| {
        browser.open(&request).await;
        browser.type_into_label("Email professionnel", EMAIL).await;
        browser
            .click("[action='/users/start-sign-in'] [type=submit]")
            .await;
        browser
            .type_into_label("Renseignez votre mot de passe", PASSWORD)
            .await;
        browser.click_caption("S’identifier").await;
        browser.expect_title("Erreur access_denied - ProConnect").await;
        browser.expect_accessible().await;
        browser.screenshots("access-denied").await;
        browser.click_caption("Continuer sur le service").await;
        expect_return(&browser, &service, "error=access_denied").await;
    })
    .await;
}

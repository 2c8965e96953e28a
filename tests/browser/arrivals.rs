//! People who come to a service for the first time, and the organizations that are suggested to them (spec/organizations.md §8.16, §8.17).

use serde_json::json;

use crate::harness::{Browser, browse};
use crate::memberships::{fill_in_names, link};
use crate::organizations::{
    BANK, HOME, JOIN, LABEL, PENDING, TOWN, WELCOME, insert_account, look_at, open, sign_in,
};
use crate::returns::{answer, back_at, error};
use crate::support::{Options, RelyingParty, TestServer};

const SUGGESTIONS: &str = "Votre organisation de rattachement - ProConnect";
const PRIVATE_SECTOR: &str = "Email non autorisé - ProConnect";
const CLAMART_TOWN_HALL: &str = "21920023500014";
const DINUM: &str = "13002526500013";
const PAPILLON: &str = "39234600300198";
const ONE_PERSON: &str = "82869625200018";
const ASSOCIATION: &str = "31723624800017";
const WELCOME_MAIL: &str = "Votre compte ProConnect a bien été créé";
const CERTIFICATION: &str = "https://proconnect.gouv.fr/assurance/certification-dirigeant";
/// Passes the policy, and is in no list of leaks.
const PASSPHRASE: &str = "agrafe correcte de la batterie du cheval";

/// Stores an organization, open, which knows people by `domain`, of whom `members` are members.
async fn known_by(server: &TestServer, siret: &str, libelle: &str, domain: &str, members: usize) {
    let statement = format!(
        "INSERT INTO organizations (siret, cached_libelle, cached_adresse, cached_est_active)
         VALUES ('{siret}', '{libelle}', '1 place de la mairie', true)
         ON CONFLICT (siret) DO UPDATE SET cached_libelle = EXCLUDED.cached_libelle, cached_est_active = true;
         INSERT INTO email_domains (organization_id, domain, verification_type)
         SELECT id, '{domain}', 'verified' FROM organizations WHERE siret = '{siret}';
         INSERT INTO users (email, email_verified, created_at, updated_at)
         SELECT 'member-' || n || '-{siret}@{domain}', true, now(), now()
         FROM generate_series(1, {members}) AS n;
         INSERT INTO users_organizations (user_id, organization_id, verification_type)
         SELECT person.id, organization.id, 'domain' FROM users AS person, organizations AS organization
         WHERE person.email LIKE 'member-%-{siret}@{domain}' AND organization.siret = '{siret}'"
    );
    server.database().execute(&statement).await;
}

fn tile(libelle: &str) -> String {
    format!("[aria-label^=\"Sélectionner l'organisation {libelle}\"]")
}

async fn service(server: &TestServer, service: RelyingParty) -> RelyingParty {
    service.register(server.database()).await;
    service
}

async fn type_address(browser: &Browser, email: &str) {
    browser.retype("[name=login]", email).await;
    browser
        .click("[action='/users/start-sign-in'] [type=submit]")
        .await;
}

/// Opens an account by a link, in the browser that asked for it.
async fn arrive_by_link(browser: &Browser, server: &TestServer, email: &str) {
    type_address(browser, email).await;
    browser.click_caption("Recevoir un lien de connexion").await;
    let mail = server
        .mailbox
        .wait_for(email, "Lien de connexion à ProConnect")
        .await;
    browser.open(&mail.links()[0].parse().expect("a link")).await;
}

/// Opens an account with a password and a code.
async fn arrive_with_password(browser: &Browser, server: &TestServer, email: &str) {
    type_address(browser, email).await;
    browser.expect_title("Choisir un mot de passe - ProConnect").await;
    browser.retype("#password-input", PASSPHRASE).await;
    browser.click("[action='/users/sign-up'] [type=submit]").await;
    browser.expect_title("Vérifier votre email - ProConnect").await;
    let mail = server
        .mailbox
        .wait_for(email, "Vérification de votre adresse email")
        .await;
    browser
        .retype("#verify_email_token", &mail.code(10).expect("a code"))
        .await;
    browser.click("#verify-email [type=submit]").await;
}

/// Scenarios 8.16.1 and 8.16.2: of many, only those that most people of the domain belong to; of few, all.
#[tokio::test]
async fn organizations_that_most_colleagues_belong_to_are_suggested() {
    let server = TestServer::start().await;
    let town = "Commune de clamart - Mairie";
    for (siret, libelle, members) in [
        (CLAMART_TOWN_HALL, town, 5),
        (TOWN, "Commune de lamalou-les-bains - Mairie", 1),
        (DINUM, "Dinum", 1),
        (BANK, "Bnp paribas", 1),
    ] {
        known_by(&server, siret, libelle, "example.com", members).await;
    }
    known_by(&server, CLAMART_TOWN_HALL, town, "example.org", 0).await;
    known_by(&server, DINUM, "Dinum", "example.org", 0).await;
    browse(async |browser| {
        sign_in(&browser, &server, "user@example.com").await;
        open(&browser, &server, "/users/join-organization").await;
        look_at(&browser, SUGGESTIONS, "suggestions-of-many").await;
        browser.find(&tile(town)).await;
        for other in ["Commune de lamalou", "Dinum", "Bnp"] {
            assert!(!browser.shows(&tile(other)).await, "{other}");
        }
        browser.click(&tile(town)).await;
        browser.expect_title(WELCOME).await;

        browser.forget_everything().await;
        sign_in(&browser, &server, "user@example.org").await;
        open(&browser, &server, "/users/join-organization").await;
        browser.find(&tile("Dinum")).await;
        browser.click(&tile(town)).await;
        browser.expect_title(WELCOME).await;
    })
    .await;
}

/// Scenarios 8.16.4, 8.16.5 and 8.16.8: a federation names an organization that a new person, then somebody with another one, is to join.
#[tokio::test]
async fn a_federation_names_the_organization_of_a_new_person() {
    let options = Options::default().with("TEST_CONTACT_EMAIL", "mairie@darkangels.world");
    let server = TestServer::start_with(options).await;
    let federation = service(&server, RelyingParty::federation()).await;
    let email = "lion.eljonson@darkangels.world";
    browse(async |browser| {
        let request = federation.authorization_url(&server, &[("siret_hint", TOWN)]);
        browser.open(&request).await;
        arrive_with_password(&browser, &server, email).await;
        browser.expect_title(JOIN).await;
        assert_eq!(browser.property("#siret-selector", "value").await, TOWN);
        browser.click_caption("Enregistrer").await;
        fill_in_names(&browser).await;
        look_at(&browser, WELCOME, "welcome-on-the-way").await;
        browser.click_caption("Continuer").await;
        let told = answer(&browser, &server, &federation).await;
        assert_eq!(told.userinfo["siret"], TOWN);
        assert_eq!(told.userinfo["usual_name"], "Curze");

        // Signed in for that one, a second service names another.
        let other = service(&server, RelyingParty::default()).await;
        browser
            .open(&other.authorization_url(&server, &[("siret_hint", BANK)]))
            .await;
        browser.expect_title(JOIN).await;
        assert_eq!(browser.property("#siret-selector", "value").await, BANK);
        browser
            .open(&other.authorization_url(&server, &[("siret_hint", TOWN)]))
            .await;
        let told = answer(&browser, &server, &other).await;
        assert_eq!(told.userinfo["siret"], TOWN);
    })
    .await;
}

/// Scenario 8.16.9: a new person is certified for the organization that the service names.
#[tokio::test]
async fn a_new_executive_is_certified_for_the_organization_that_a_service_names() {
    let server = TestServer::start().await;
    let service = service(&server, RelyingParty::default()).await;
    let claims = json!({"id_token": {"acr": {"essential": true, "value": CERTIFICATION}}}).to_string();
    let request = service.authorization_url(&server, &[("siret_hint", PAPILLON), ("claims", &claims)]);
    browse(async |browser| {
        browser.open(&request).await;
        arrive_with_password(&browser, &server, "ulysse@papillon.world").await;
        browser.expect_title(JOIN).await;
        assert_eq!(browser.property("#siret-selector", "value").await, PAPILLON);
        browser.click_caption("Enregistrer").await;
        look_at(
            &browser,
            "Certification dirigeant - ProConnect",
            "franceconnect-certification",
        )
        .await;
        browser.expect_text("Certifier votre statut").await;
        browser.click(".fr-connect").await;
        browser.click_caption("Je suis Ulysse Tosi").await;
        browser.expect_title("Compte certifié - ProConnect").await;
        browser.expect_text("Papillon").await;
        browser.expect_accessible().await;
        browser.click_caption("Continuer").await;
        let told = answer(&browser, &server, &service).await;
        assert_eq!(told.id_token["acr"], CERTIFICATION);
        assert_eq!(told.userinfo["siret"], PAPILLON);
        assert_eq!(told.userinfo["label"], "Papillon");
    })
    .await;
}

/// Scenarios 8.1.7, 8.11.1 and 8.17.1: an address of the State, by a link, from a service: a company is refused, and nothing is kept of
/// it; the service that is suggested is joined.
#[tokio::test]
async fn an_agent_of_the_state_arrives_by_a_link_and_takes_what_is_suggested() {
    let server = TestServer::start().await;
    let dinum = "Direction interministerielle du numerique (DINUM)";
    known_by(&server, DINUM, dinum, "vip.gouv.fr", 0).await;
    let service = service(&server, RelyingParty::default()).await;
    let email = "angela@vip.gouv.fr";
    browse(async |browser| {
        browser.open(&service.authorization_url(&server, &[])).await;
        arrive_by_link(&browser, &server, email).await;
        look_at(&browser, SUGGESTIONS, "suggestions-on-the-way").await;
        browser
            .click_caption("Je veux rejoindre une autre organisation")
            .await;
        browser.expect_title(JOIN).await;
        browser.type_into_label(LABEL, ASSOCIATION).await;
        browser.click_caption("Enregistrer").await;
        browser.expect_title(PRIVATE_SECTOR).await;

        browser.open(&service.authorization_url(&server, &[])).await;
        browser.expect_title(SUGGESTIONS).await;
        browser.click(&tile("Direction interministerielle")).await;
        fill_in_names(&browser).await;
        browser.expect_title(WELCOME).await;
        browser.click_caption("Continuer").await;
        let told = answer(&browser, &server, &service).await.userinfo;
        assert_eq!((&told["email"], &told["siret"]), (&json!(email), &json!(DINUM)));
        assert_eq!(told["family_name"], "Curze");
        server.mailbox.wait_for(email, WELCOME_MAIL).await;
    })
    .await;
}

/// Scenario 8.1.5: by a link from the account, without a name.
#[tokio::test]
async fn who_arrives_by_a_link_tells_their_name_before_somebody_decides() {
    let server = TestServer::start().await;
    browse(async |browser| {
        open(&browser, &server, "/users/start-sign-in").await;
        arrive_by_link(&browser, &server, "lion.eljonson@darkangels.world").await;
        browser.expect_title(HOME).await;
        open(&browser, &server, "/users/join-organization").await;
        browser.type_into_label(LABEL, BANK).await;
        browser.click_caption("Enregistrer").await;
        fill_in_names(&browser).await;
        browser.expect_title(PENDING).await;
    })
    .await;
}

/// Scenario 8.17.3: somebody in business on their own, whose link proves nothing: FranceConnect does, for eidas0 and no more.
#[tokio::test]
async fn who_is_in_business_on_their_own_proves_who_they_are() {
    let options = Options::default().with("FEATURE_AUTHENTICATE_BROWSER", "True");
    let server = TestServer::start_with(options).await;
    let service = service(&server, RelyingParty::default()).await;
    let email = "ulysse@example.world";
    let voluntary = r#"{"id_token":{"acr":null}}"#;
    let essential = r#"{"id_token":{"acr":{"essential":true,"values":["eidas1","eidas1-mfa"]}}}"#;
    browse(async |browser| {
        browser
            .open(&service.authorization_url(&server, &[("claims", voluntary)]))
            .await;
        arrive_with_password(&browser, &server, email).await;
        browser.expect_title(JOIN).await;
        browser.type_into_label(LABEL, ONE_PERSON).await;
        browser.click_caption("Enregistrer").await;
        look_at(
            &browser,
            "Vérifier votre identité - ProConnect",
            "franceconnect-on-the-way",
        )
        .await;
        browser.click(".fr-connect").await;
        browser.click_caption("Je suis Ulysse Tosi").await;
        browser.expect_title(WELCOME).await;
        server.mailbox.wait_for(email, WELCOME_MAIL).await;
        browser.click_caption("Continuer").await;
        let told = answer(&browser, &server, &service).await;
        assert_eq!(told.id_token["acr"], "eidas0");
        assert_eq!(told.userinfo["given_name"], "Ulysse");

        browser
            .open(&service.authorization_url(&server, &[("claims", essential)]))
            .await;
        browser.expect_title("Erreur access_denied - ProConnect").await;
        browser.click_caption("Continuer sur le service").await;
        assert_eq!(error(&browser, &service).await, "access_denied");
    })
    .await;
}

/// Scenario 8.15.1: one organization is taken unasked, and shown when the service wants it to be chosen. 8.15.4: the legacy scope.
#[tokio::test]
async fn an_only_organization_is_taken_unasked_and_shown_when_asked_for() {
    let server = TestServer::start().await;
    let legacy = RelyingParty {
        scope: "openid email profile phone organizations".to_owned(),
        ..RelyingParty::default()
    };
    let legacy = service(&server, legacy).await;
    let service = service(&server, RelyingParty::default()).await;
    let email = "lion@darkangels.world";
    let town = "Commune de lamalou-les-bains - Mairie";
    insert_account(&server, email).await;
    link(&server, email, TOWN, town).await;
    browse(async |browser| {
        browser.open(&service.authorization_url(&server, &[])).await;
        browser.sign_in(email, "password123").await;
        let told = answer(&browser, &server, &service).await;
        assert_eq!(told.userinfo["label"], town);
        browser
            .open(&service.authorization_url(&server, &[("prompt", "select_organization")]))
            .await;
        browser
            .click(&format!("[aria-label='{town} (choisir cette organisation)']"))
            .await;
        let told = answer(&browser, &server, &service).await;
        assert_eq!(told.userinfo["label"], town);

        browser.open(&legacy.authorization_url(&server, &[])).await;
        back_at(&browser, &legacy).await;
        let told = answer(&browser, &server, &legacy).await.userinfo;
        assert_eq!(told["organizations"], json!([]));
        assert_eq!(told["label"], json!(null));
    })
    .await;
}

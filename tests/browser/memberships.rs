//! Memberships on the way to services and back, requests that are corrected, codes of schools, registers that are away: the scenarios of
//! spec/organizations.md §8 that [`crate::organizations`] leaves.

use thirtyfour::Key;

use crate::harness::{Browser, browse};
use crate::organizations::{
    BANK, CONTACT_MAIL, HOME, JOIN, LABEL, MANAGE, PENDING, TOWN, WELCOME, by_the_lists, handed_on,
    insert_account, join, look_at, open, sign_in,
};
use crate::returns::back_at;
use crate::support::{Options, RelyingParty, TestServer, http_client, parameter};

const START: &str = "S'inscrire ou se connecter - ProConnect";
const SELECT: &str = "Choisir une organisation - ProConnect";
const CODE_PAGE: &str = "Vérifier votre email - ProConnect";
const SCHOOL: &str = "19750663700010";
const CLAMART: &str = "45334017600024";
const CODE: &str = "#official_contact_email_verification_token";

/// Makes the person with this address a member of the organization with this SIRET, who has been told so.
pub async fn link(server: &TestServer, email: &str, siret: &str, libelle: &str) {
    let statement = format!(
        "INSERT INTO organizations (siret, cached_libelle, cached_adresse, cached_est_active)
         VALUES ('{siret}', '{libelle}', '1 place de la mairie, 34240 Lamalou', true)
         ON CONFLICT (siret) DO UPDATE SET cached_libelle = EXCLUDED.cached_libelle;
         INSERT INTO users_organizations
           (user_id, organization_id, verification_type, has_been_greeted, created_at, updated_at, verified_at)
         SELECT person.id, organization.id, 'domain', true, now(), now(), now()
         FROM users AS person, organizations AS organization
         WHERE person.email = '{email}' AND organization.siret = '{siret}'"
    );
    server.database().execute(&statement).await;
}

/// A service, and somebody who is a member of the town hall.
pub async fn member_of_the_town() -> (TestServer, RelyingParty, &'static str) {
    let server = TestServer::start().await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let email = "lion@darkangels.world";
    insert_account(&server, email).await;
    link(&server, email, TOWN, "Commune de lamalou-les-bains - Mairie").await;
    (server, service, email)
}

/// Waits until the browser is back at the service, with a code.
async fn expect_return(browser: &Browser, service: &RelyingParty) {
    let url = back_at(browser, service).await;
    assert!(parameter(&url, "code").is_some(), "{url}");
}

/// Tells a name on the page that asks for it.
pub async fn fill_in_names(browser: &Browser) {
    browser.expect_text("Compléter votre profil").await;
    browser.retype("#given_name", "Konrad").await;
    browser.retype("#family_name", "Curze").await;
    browser.click_caption("Continuer").await;
}

/// Scenarios 8.1.3 to 8.1.6: from a service, without a name.
#[tokio::test]
async fn who_has_no_name_tells_it_before_somebody_decides() {
    let server = TestServer::start().await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let email = "konrad.curze@nightlords.world";
    insert_account(&server, email).await;
    let nameless = format!("UPDATE users SET given_name = NULL, family_name = NULL WHERE email = '{email}'");
    server.database().execute(&nameless).await;
    browse(async |browser| {
        browser.open(&service.authorization_url(&server, &[])).await;
        browser.sign_in(email, "password123").await;
        browser.expect_title(JOIN).await;
        browser.type_into_label(LABEL, BANK).await;
        browser.click_caption("Enregistrer").await;
        fill_in_names(&browser).await;
        look_at(&browser, PENDING, "moderation-pending-on-the-way").await;
        browser.expect_text("Konrad").await;

        browser.click("[aria-label='Corriger le nom']").await;
        browser.agree().await;
        fill_in_names(&browser).await;
        browser.expect_title(JOIN).await;
        browser.type_into_label(LABEL, BANK).await;
        browser.click_caption("Enregistrer").await;
        browser.expect_title(PENDING).await;
    })
    .await;
}

/// Scenario 8.8: another organization, another address, a domain that is refused.
#[tokio::test]
async fn a_request_is_given_up_for_another_and_a_refused_domain_is_explained() {
    let server = TestServer::start().await;
    server
        .database()
        .execute(
            "INSERT INTO organizations (siret) VALUES ('21920023500394') ON CONFLICT (siret) DO NOTHING;
             INSERT INTO email_domains (organization_id, domain, verification_type)
             SELECT id, 'alphalegion.world', 'refused' FROM organizations WHERE siret = '21920023500394'",
        )
        .await;
    browse(async |browser| {
        sign_in(&browser, &server, "rogal.dorn@imperialfists.world").await;
        join(&browser, &server, "13002526500013").await;
        browser.expect_title(PENDING).await;
        browser.click_caption("Changer d'organisation").await;
        browser.disagree().await;
        browser.expect_title(PENDING).await;
        browser.click_caption("Changer d'organisation").await;
        browser.agree().await;
        browser.expect_title(JOIN).await;
        browser.type_into_label(LABEL, CLAMART).await;
        browser.click_caption("Enregistrer").await;
        browser.expect_title(PENDING).await;
        browser.click("[aria-label=\"Corriger l'adresse email\"]").await;
        browser.agree().await;
        browser.expect_title(START).await;

        browser.forget_everything().await;
        sign_in(&browser, &server, "alpharius.omegon@alphalegion.world").await;
        join(&browser, &server, "21920023500394").await;
        browser.expect_text("Service assainissement").await;
        look_at(&browser, "Accès restreint - ProConnect", "domain-refused").await;
        browser.click_caption("Utiliser une autre adresse email").await;
        browser.expect_title(START).await;
    })
    .await;
}

/// Scenario 8.9, with the keyboard.
#[tokio::test]
async fn a_school_hands_on_a_code() {
    let contact = "rogal.dorn@imperialfists.world";
    let server = TestServer::start_with(Options::default().with("TEST_CONTACT_EMAIL", contact)).await;
    browse(async |browser| {
        sign_in(&browser, &server, "konrad.curze@nightlords.world").await;
        join(&browser, &server, SCHOOL).await;
        browser
            .expect_text(&format!(
                "email officielle de votre établissement scolaire : {contact}"
            ))
            .await;
        look_at(&browser, CODE_PAGE, "contact-code-school").await;
        browser.tab_to(CODE).await;
        browser.type_text("ours-roux").await;
        browser.press(Key::Enter).await;
        browser.expect_title(&format!("Erreur - {CODE_PAGE}")).await;
        browser.expect_accessible().await;
        let mail = server.mailbox.wait_for(contact, CONTACT_MAIL).await;
        assert!(mail.text().contains("Lycee general et technologique chaptal"));
        let code = handed_on(&server, contact).await;
        browser.tab_to(CODE).await;
        browser.type_text(&code.to_uppercase()).await;
        browser.press(Key::Enter).await;
        look_at(&browser, WELCOME, "welcome-school").await;
    })
    .await;
}

/// Scenarios 8.2.1 and 8.12: whoever reads the mail of the town hall.
#[tokio::test]
async fn the_owner_of_the_official_address_needs_no_code() {
    let contact = "magnus.the.red@prospero.world";
    let options = Options::default()
        .with("TEST_CONTACT_EMAIL", contact)
        .with("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_FREE", "True");
    let server = TestServer::start_with(options).await;
    browse(async |browser| {
        sign_in(&browser, &server, contact).await;
        join(&browser, &server, TOWN).await;
        look_at(
            &browser,
            "Confirmer le rattachement - ProConnect",
            "join-confirm-script",
        )
        .await;
        browser.click_caption("Continuer avec cet email").await;
        browser.expect_title(WELCOME).await;
        browser.click_caption("Continuer").await;
        browser.expect_title(HOME).await;
        join(&browser, &server, "21340126800049").await;
        browser.expect_title(WELCOME).await;
    })
    .await;
}

/// Scenario 8.14: whoever follows a link after the session has ended comes to the same page; what is sent then changes nothing.
#[tokio::test]
async fn who_quits_after_the_session_has_ended_is_still_a_member() {
    let server = TestServer::start().await;
    let email = "lion@darkangels.world";
    browse(async |browser| {
        sign_in(&browser, &server, email).await;
        link(&server, email, TOWN, "Commune de lamalou-les-bains - Mairie").await;
        let expire = "UPDATE identite_sessions SET ended_at = now(), end_reason = 'expired'";
        server.database().execute(expire).await;
        browser.click("a[href='/manage-organizations']").await;
        browser.sign_in(email, "password123").await;
        browser.expect_title(MANAGE).await;
        server.database().execute(expire).await;
        browser
            .click("[aria-label=\"Quitter l'organisation Commune de lamalou-les-bains - Mairie\"]")
            .await;
        browser.agree().await;
        browser.sign_in(email, "password123").await;
        browser.expect_title(MANAGE).await;
        browser.expect_text("Commune de lamalou-les-bains - Mairie").await;
    })
    .await;
}

/// Scenario 8.15: two organizations, one service; the choice is made with the keyboard, and anew when the service wants it.
#[tokio::test]
async fn one_of_two_organizations_is_chosen_for_a_service() {
    let (server, service, email) = member_of_the_town().await;
    link(&server, email, CLAMART, "Clamart").await;
    browse(async |browser| {
        browser.open(&service.authorization_url(&server, &[])).await;
        browser.sign_in(email, "password123").await;
        look_at(&browser, SELECT, "select-organization-two").await;
        browser
            .tab_to("[aria-label='Clamart (choisir cette organisation)']")
            .await;
        browser.press(Key::Enter).await;
        expect_return(&browser, &service).await;
        browser
            .open(&service.authorization_url(&server, &[("prompt", "select_organization")]))
            .await;
        browser.expect_title(SELECT).await;
        browser
            .click("[aria-label='Commune de lamalou-les-bains - Mairie (choisir cette organisation)']")
            .await;
        expect_return(&browser, &service).await;
        let chosen = "SELECT count(*) FROM users_oidc_clients AS connection
                      JOIN organizations AS organization ON organization.id = connection.organization_id
                      WHERE organization.siret IN ('45334017600024', '21340126800130')";
        assert_eq!(server.database().count(chosen).await, 2);
    })
    .await;
}

/// Scenarios 8.16.5 to 8.16.8: a service says for which organization.
#[tokio::test]
async fn a_service_names_the_organization() {
    let server = TestServer::start().await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let email = "lion@darkangels.world";
    insert_account(&server, email).await;
    link(&server, email, CLAMART, "Clamart").await;
    browse(async |browser| {
        browser
            .open(&service.authorization_url(&server, &[("siret_hint", BANK)]))
            .await;
        browser.sign_in(email, "password123").await;
        browser.expect_title(JOIN).await;
        assert_eq!(browser.property("#siret-selector", "value").await, BANK);
        browser
            .find("[aria-label^='Organisation correspondante au SIRET donné : Bnp paribas']")
            .await;
        browser
            .open(&service.authorization_url(&server, &[("siret_hint", CLAMART)]))
            .await;
        expect_return(&browser, &service).await;
    })
    .await;
}

/// §6, in the browser: the outage is told as one, and the form is sent again once it is over.
#[tokio::test]
async fn a_register_that_is_away_is_waited_for() {
    let options = by_the_lists().with("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False");
    let server = TestServer::start_with(options).await;
    let forget = "UPDATE organizations SET organization_info_fetched_at = NULL";
    server.database().execute(forget).await;
    let faults = server.base_url.join("___testing___/faults/").expect("a path");
    let register = faults.join("entreprise.api.gouv.fr").expect("a path");
    let client = http_client();
    let order = client
        .put(register.clone())
        .header("content-type", "application/json")
        .body(r#"{"fault":"status","status":500}"#);
    order.send().await.expect("an order");
    browse(async |browser| {
        sign_in(&browser, &server, "jean@exemple.world").await;
        join(&browser, &server, "82869625200018").await;
        browser.expect_text("Réessayez dans quelques minutes").await;
        look_at(&browser, &format!("Erreur - {JOIN}"), "join-outage").await;
        assert_eq!(
            browser.property("#siret-selector", "value").await,
            "82869625200018"
        );
        client.delete(register.clone()).send().await.expect("an order");
        browser.click_caption("Enregistrer").await;
        browser.expect_title(WELCOME).await;
    })
    .await;
}

/// Scenario 8.16.3: one organization for all of the armed forces.
#[tokio::test]
async fn the_armed_forces_are_suggested_and_somebody_decides() {
    let server = TestServer::start().await;
    server
        .database()
        .execute("INSERT INTO organizations (siret, cached_libelle) VALUES ('11009001600053', 'Ministere des armees') ON CONFLICT (siret) DO NOTHING")
        .await;
    browse(async |browser| {
        sign_in(&browser, &server, "user@intradef.gouv.fr").await;
        let nameless =
            "UPDATE users SET given_name = NULL, family_name = NULL WHERE email = 'user@intradef.gouv.fr'";
        server.database().execute(nameless).await;
        open(&browser, &server, "/users/join-organization").await;
        browser
            .tab_to("[aria-label^=\"Sélectionner l'organisation Ministere des armees\"]")
            .await;
        browser.press(Key::Enter).await;
        fill_in_names(&browser).await;
        browser.expect_title(PENDING).await;
    })
    .await;
}

/// Scenarios 8.2 and 8.4: whoever reads the mail of the town hall, its agents at both of its domains, a stranger, somebody with a mailbox
/// that anybody can have.
#[tokio::test]
async fn everybody_is_known_to_a_town_in_their_own_way() {
    let contact = "magnus.the.red@new.prospero.world";
    let server = TestServer::start_with(by_the_lists().with("TEST_CONTACT_EMAIL", contact)).await;
    let domain = format!(
        "INSERT INTO email_domains (organization_id, domain, verification_type)
         SELECT id, 'prospero.world', 'verified' FROM organizations WHERE siret = '{TOWN}'"
    );
    server.database().execute(&domain).await;
    browse(async |browser| {
        for (email, title) in [
            (contact, WELCOME),
            ("ahriman@new.prospero.world", WELCOME),
            ("god-emperor@mankind.world", PENDING),
        ] {
            sign_in(&browser, &server, email).await;
            join(&browser, &server, TOWN).await;
            browser.expect_title(title).await;
            browser.forget_everything().await;
        }
        sign_in(&browser, &server, "ahriman@prospero.world").await;
        open(&browser, &server, "/users/join-organization").await;
        browser
            .click("[aria-label^=\"Sélectionner l'organisation Commune de lamalou\"]")
            .await;
        browser.expect_title(WELCOME).await;
        browser.forget_everything().await;

        sign_in(&browser, &server, "servitor@gmail.com").await;
        join(&browser, &server, TOWN).await;
        browser.click_caption("Continuer avec cet email").await;
        browser.expect_title(CODE_PAGE).await;
        let code = handed_on(&server, contact).await;
        browser.type_into_label("Insérer le code à 2 mots", &code).await;
        browser.click_caption("Valider").await;
        browser.expect_title(WELCOME).await;
    })
    .await;
}

//! People join and leave organizations in a real browser: with a mouse, with the keyboard alone, without script.

use thirtyfour::Key;

use crate::harness::{Browser, Script, browse, browse_with};
use crate::support::{Options, TestServer};

pub const HOME: &str = "Accueil - ProConnect";
pub const JOIN: &str = "Rejoindre une organisation - ProConnect";
pub const PENDING: &str = "Rattachement en cours - ProConnect";
pub const WELCOME: &str = "Compte créé - ProConnect";
pub const MANAGE: &str = "Organisations - ProConnect";
pub const LABEL: &str = "SIRET de l’organisation que vous représentez";
pub const CONTACT_MAIL: &str = "[ProConnect] Authentifier un email sur ProConnect";

pub const BANK: &str = "66204244933106";
pub const TOWN: &str = "21340126800130";
const TOWN_OF_TWO: &str = "20006541500016";

/// An account with the password `password123`, named Jean User, whose address is proven.
pub async fn insert_account(server: &TestServer, email: &str) {
    let statement = format!(
        "INSERT INTO users (
           email, encrypted_password, email_verified, email_verified_at, given_name, family_name, created_at, updated_at
         ) VALUES (
           '{email}', '$2a$10$kzY3LINL6..50Fy9shWCcuNlRfYq0ft5lS.KCcJ5PzrhlWfKK4NIO', true, now(), 'Jean', 'User', now(), now()
         )"
    );
    server.database().execute(&statement).await;
}

pub async fn open(browser: &Browser, server: &TestServer, path: &str) {
    browser.open(&server.base_url.join(path).expect("a path")).await;
}

pub async fn sign_in(browser: &Browser, server: &TestServer, email: &str) {
    insert_account(server, email).await;
    open(browser, server, "/users/start-sign-in").await;
    browser.sign_in(email, "password123").await;
    browser.expect_title(HOME).await;
}

/// Opens the page on which an organization is joined, with these parameters.
async fn open_form(browser: &Browser, server: &TestServer, query: &str) {
    let path = format!("/users/join-organization?{query}");
    open(browser, server, &path).await;
}

pub async fn join(browser: &Browser, server: &TestServer, siret: &str) {
    open_form(browser, server, "do_not_propose_suggestions=true").await;
    browser.expect_title(JOIN).await;
    browser.type_into_label(LABEL, siret).await;
    browser.click_caption("Enregistrer").await;
}

/// Looks at the page: title, accessibility, pictures.
pub async fn look_at(browser: &Browser, title: &str, name: &str) {
    browser.expect_title(title).await;
    browser.expect_accessible().await;
    browser.screenshots(name).await;
}

pub fn by_the_lists() -> Options {
    Options::default().with("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE", "False")
}

/// The two words that an official contact hands on.
pub async fn handed_on(server: &TestServer, contact: &str) -> String {
    let mail = server.mailbox.wait_for(contact, CONTACT_MAIL).await;
    let is_word = |word: &&str| word.len() > 2 && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let text = mail.text();
    let mut lines = text.lines().map(str::trim);
    let code = lines.find(|line| {
        let words: Vec<&str> = line.split('-').collect();
        words.len() == 2 && words.iter().all(is_word)
    });
    code.expect("two words").to_owned()
}

/// Scenario 8.1: through the tile, then the request is withdrawn.
#[tokio::test]
async fn a_request_is_made_through_the_tile_and_withdrawn() {
    let server = TestServer::start().await;
    browse(async |browser| {
        sign_in(&browser, &server, "lion@darkangels.world").await;
        open(&browser, &server, "/manage-organizations").await;
        look_at(&browser, MANAGE, "organizations-none").await;
        browser.click_caption("Rejoindre une organisation").await;
        look_at(&browser, JOIN, "join").await;
        let save = "#form-join-organization [type=submit]";
        browser.note_place_at_input(save).await;
        browser.type_into_label(LABEL, "662 042 449 33106").await;
        let tile = "[aria-label^='Organisation correspondante au SIRET donné : Bnp paribas']";
        browser.find(tile).await;
        let moved = browser.moved_since_input(save).await;
        assert!(moved.abs() < 1.0, "{save} moved by {moved} px when the tile came");
        let said = browser.property("#aria-live-message", "textContent").await;
        assert!(said.starts_with("Organisation trouvée : Bnp paribas"), "{said:?}");
        look_at(&browser, JOIN, "join-found").await;
        browser.click(tile).await;
        look_at(&browser, PENDING, "moderation-pending").await;

        open(&browser, &server, "/manage-organizations").await;
        browser.expect_text("est en cours de traitement").await;
        look_at(&browser, MANAGE, "organizations-pending").await;
        browser.click_caption("Annuler ma demande de rattachement").await;
        browser.expect_text("rattachement a bien été annulée").await;
    })
    .await;
}

/// Safari before 16 lacks what sends a form as its button would.
#[tokio::test]
async fn the_tile_works_in_browsers_of_some_years_ago() {
    let server = TestServer::start().await;
    browse(async |browser| {
        sign_in(&browser, &server, "lion@darkangels.world").await;
        open_form(&browser, &server, "do_not_propose_suggestions=true").await;
        browser.expect_title(JOIN).await;
        let older = "delete HTMLFormElement.prototype.requestSubmit;";
        let aged = browser.driver.execute(older, Vec::new()).await;
        aged.expect("the script runs");
        browser.type_into_label(LABEL, BANK).await;
        browser.click("#organization-info-libelle").await;
        browser.expect_title(PENDING).await;
    })
    .await;
}

#[tokio::test]
async fn what_the_register_says_is_shown_as_one_types() {
    let server = TestServer::start().await;
    browse(async |browser| {
        sign_in(&browser, &server, "lion@darkangels.world").await;
        open_form(&browser, &server, "siret_hint=13002526500013").await;
        browser
            .find("[aria-label^='Organisation correspondante au SIRET donné : Direction interministerielle']")
            .await;
        browser.retype("#siret-selector", "99999999999999").await;
        browser
            .expect_text("Nous n'avons pas trouvé votre organisation.")
            .await;
        look_at(&browser, JOIN, "join-not-found").await;
        browser.retype("#siret-selector", BANK).await;
        browser.find("[aria-label^='Enregistrer l']").await;
    })
    .await;
}

/// Where it stands, and once: by the script before it is sent, by the server after.
#[tokio::test]
async fn what_is_no_siret_is_told_under_the_field() {
    const FIELD: &str = "#siret-selector";
    const SAVE: &str = "#form-join-organization [type=submit]";
    let server = TestServer::start().await;
    browse(async |browser| {
        sign_in(&browser, &server, "lion@darkangels.world").await;
        open_form(&browser, &server, "do_not_propose_suggestions=true").await;
        browser.retype(FIELD, "130025265").await;
        browser.press(Key::Tab).await;
        browser.expect_text("c’est peut-être un SIREN").await;
        browser
            .find("#siret-selector[aria-invalid=true][aria-describedby=organization-alert]")
            .await;
        look_at(&browser, JOIN, "join-siren").await;
        assert!(!browser.is_enabled(SAVE).await);
        // Signs between the groups are no matter.
        browser.retype(FIELD, "662.042-449.33106").await;
        browser.find("[aria-label^='Enregistrer l']").await;
        assert_eq!(browser.property(FIELD, "value").await, BANK);
        assert!(!browser.shows("#organization-alert").await);

        // Longer than the field may be.
        browser.retype(FIELD, " ").await;
        let paste = "
            const field = document.querySelector('#siret-selector');
            field.select();
            const clipboardData = new DataTransfer();
            clipboardData.setData('text', 'SIRET : 130 025 265 00013');
            field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));";
        let pasted = browser.driver.execute(paste, Vec::new()).await;
        pasted.expect("the script runs");
        browser
            .find("[aria-label^='Enregistrer l'][aria-label*='Direction']")
            .await;
        assert_eq!(browser.property(FIELD, "value").await, "13002526500013");

        browser.retype(FIELD, "99999999999999").await;
        browser.expect_text("pas trouvé votre organisation").await;
        browser.click(SAVE).await;
        browser.expect_title(&format!("Erreur - {JOIN}")).await;
        browser
            .expect_text("aucun établissement qui porte ce numéro")
            .await;
        let focused = "return document.activeElement.id";
        let focused = browser.driver.execute(focused, Vec::new()).await;
        let focused: String = focused.expect("the script runs").convert().expect("an id");
        assert_eq!(focused, "siret-selector");
        look_at(&browser, &format!("Erreur - {JOIN}"), "join-unknown").await;
        assert!(
            !browser.text().await.contains("pas trouvé votre organisation"),
            "told once"
        );
    })
    .await;
}

/// Beyond the field: by name, with the keyboard alone.
#[tokio::test]
async fn an_organization_is_found_by_name_with_the_keyboard() {
    let server = TestServer::start().await;
    browse(async |browser| {
        sign_in(&browser, &server, "lion@darkangels.world").await;
        open(&browser, &server, "/users/join-organization").await;
        browser.click("#organization-search-text").await;
        browser.type_text("clamart mairie").await;
        browser.find("#organization-search-results [role=option]").await;
        browser.press(Key::Down).await;
        browser
            .find("#organization-search-text[aria-activedescendant]")
            .await;
        browser.expect_accessible().await;
        browser.screenshot_as_it_is("join-search").await;
        browser.press(Key::Enter).await;
        browser
            .find("[aria-label='Organisation correspondante au SIRET donné : Commune de clamart - Mairie']")
            .await;
        assert_eq!(
            browser.property("#siret-selector", "value").await,
            "21920023500014"
        );
    })
    .await;
}

/// Scenarios 8.2 and 8.3, without script.
#[tokio::test]
async fn a_town_hall_hands_on_a_code_without_script() {
    let server = TestServer::start_with(by_the_lists().with("FEATURE_USE_ANNUAIRE_EMAILS", "True")).await;
    browse_with(Script::Off, async |browser| {
        sign_in(&browser, &server, "jean.libre@gmail.com").await;
        join(&browser, &server, TOWN_OF_TWO).await;
        browser
            .expect_title("Confirmer le rattachement - ProConnect")
            .await;
        browser.screenshots("join-confirm").await;
        browser.click_caption("Continuer avec cet email").await;
        browser.screenshots("contact-ask").await;
        browser.click_label("mairie-beaumont@lahague.com").await;
        browser.click_caption("Valider").await;
        browser
            .expect_text("email officielle de votre mairie : mairie-beaumont@lahague.com")
            .await;
        browser.screenshots("contact-code").await;
        let code = handed_on(&server, "mairie-beaumont@lahague.com").await;
        browser.type_into_label("Insérer le code à 2 mots", &code).await;
        browser.click_caption("Valider").await;
        browser.expect_title(WELCOME).await;
        browser.screenshots("welcome-organization").await;
        browser.click_caption("Continuer").await;
        browser.expect_title(HOME).await;
    })
    .await;
}

/// Scenarios 8.10 and 8.11: every refusal says why, and leads on.
#[tokio::test]
async fn refusals_say_why_and_lead_on() {
    let server = TestServer::start_with(by_the_lists()).await;
    browse(async |browser| {
        sign_in(&browser, &server, "jean.libre@gmail.com").await;
        join(&browser, &server, "13002526500013").await;
        look_at(&browser, "Email non autorisé - ProConnect", "public-sector-only").await;
        browser.click_caption("Choisir une autre organisation").await;
        browser.expect_title(JOIN).await;
        join(&browser, &server, "11000201100044").await;
        browser.expect_text("Seules les adresses finances.gouv.fr").await;
        look_at(&browser, "Accès restreint - ProConnect", "domain-not-allowed").await;
        // A small public establishment, a small association, a small company.
        join(&browser, &server, "20000713600019").await;
        browser.expect_title(PENDING).await;
        for siret in ["84226400400016", "41782415800014"] {
            join(&browser, &server, siret).await;
            browser.expect_title(WELCOME).await;
        }
        browser.forget_everything().await;
        sign_in(&browser, &server, "jean@vip.gouv.fr").await;
        join(&browser, &server, "82869625200018").await;
        look_at(&browser, "Email non autorisé - ProConnect", "private-sector").await;
        join(&browser, &server, "26090012100013").await;
        browser.expect_title(PENDING).await;
    })
    .await;
}

/// Scenarios 8.7, 8.8.1 and 8.13: suggested, joined, left.
#[tokio::test]
async fn a_suggested_organization_is_joined_and_left() {
    let server = TestServer::start().await;
    server
        .database()
        .execute(
            "INSERT INTO organizations (siret, cached_libelle, cached_adresse, cached_est_active, cached_siege_social)
             VALUES ('66204244933106', 'Bnp paribas', '16 boulevard des italiens, 75009 Paris', true, true)
             ON CONFLICT (siret) DO NOTHING;
             INSERT INTO email_domains (organization_id, domain, verification_type)
             SELECT id, 'darkangels.world', 'trackdechets_postal_mail' FROM organizations WHERE siret = '66204244933106'",
        )
        .await;
    browse(async |browser| {
        sign_in(&browser, &server, "lion@darkangels.world").await;
        open(&browser, &server, "/users/join-organization").await;
        look_at(
            &browser,
            "Votre organisation de rattachement - ProConnect",
            "suggestions",
        )
        .await;
        browser
            .click("[aria-label^=\"Sélectionner l'organisation Bnp\"]")
            .await;
        browser.expect_title(WELCOME).await;
        server
            .mailbox
            .wait_for("lion@darkangels.world", "Votre compte ProConnect a bien été créé")
            .await;
        browser.click_caption("Continuer").await;
        browser.expect_title(HOME).await;
        open(&browser, &server, "/manage-organizations").await;
        look_at(&browser, MANAGE, "organizations").await;
        browser
            .click("[aria-label^=\"Quitter l'organisation Bnp\"]")
            .await;
        browser.agree().await;
        browser.expect_text("plus partie de cette organisation").await;
        browser
            .expect_text("Vous n’êtes attaché à aucune organisation.")
            .await;
    })
    .await;
}

/// Scenario 8.6: what was refused as correctable is corrected.
#[tokio::test]
async fn a_refused_request_is_corrected() {
    let server = TestServer::start().await;
    browse(async |browser| {
        sign_in(&browser, &server, "rejete@exemple.world").await;
        join(&browser, &server, BANK).await;
        browser.expect_title(PENDING).await;
        let reject = |editable: bool| {
            format!(
                "UPDATE moderations SET status = 'rejected', moderated_at = now(), allow_editing = {editable},
                   end_user_reason = 'Inversion Nom et Prénom'"
            )
        };
        server.database().execute(&reject(false)).await;
        join(&browser, &server, BANK).await;
        look_at(&browser, "Demande refusée - ProConnect", "moderation-rejected").await;
        browser.expect_text("Motif : Inversion Nom et Prénom").await;
        server.database().execute(&reject(true)).await;
        join(&browser, &server, BANK).await;
        look_at(
            &browser,
            "Informations à corriger - ProConnect",
            "moderation-editable",
        )
        .await;
        browser.click("[aria-label='Corriger le nom']").await;
        browser.expect_text("Compléter votre profil").await;
        browser.click_caption("Continuer").await;
        browser.expect_title(HOME).await;
        join(&browser, &server, BANK).await;
        browser.expect_title(PENDING).await;
        open(&browser, &server, "/manage-organizations").await;
        browser.expect_text("est en cours de traitement").await;
    })
    .await;
}

/// Scenarios 8.6.1 and 8.6.3: what was refused for good leads to another organization, or another address.
#[tokio::test]
async fn a_final_refusal_leads_on() {
    let server = TestServer::start().await;
    browse(async |browser| {
        sign_in(&browser, &server, "rejete@exemple.world").await;
        join(&browser, &server, BANK).await;
        browser.expect_title(PENDING).await;
        let reject = "UPDATE moderations SET status = 'rejected', moderated_at = now()";
        server.database().execute(reject).await;
        join(&browser, &server, BANK).await;
        browser.expect_text("Raison transmise par mail").await;
        browser.click("[aria-label='Changer d’adresse email']").await;
        browser
            .expect_title("S'inscrire ou se connecter - ProConnect")
            .await;
        join(&browser, &server, BANK).await;
        browser.expect_title("Demande refusée - ProConnect").await;
        browser.click_caption("Changer d'organisation").await;
        browser.expect_title(JOIN).await;
    })
    .await;
}

/// Scenario 8.5: the address is confirmed.
#[tokio::test]
async fn an_address_is_corrected_before_a_request() {
    let server = TestServer::start_with(by_the_lists()).await;
    browse(async |browser| {
        sign_in(&browser, &server, "jean.libre@gmail.com").await;
        join(&browser, &server, TOWN).await;
        browser
            .expect_title("Confirmer le rattachement - ProConnect")
            .await;
        browser.click_caption("Corriger l’email").await;
        browser
            .expect_title("S'inscrire ou se connecter - ProConnect")
            .await;
        sign_in(&browser, &server, "jean.autre@gmail.com").await;
        join(&browser, &server, "54205118000066").await;
        browser.expect_text("Totalenergies se").await;
        browser.expect_text("jean.autre@gmail.com").await;
        browser.click_caption("Continuer avec cet email").await;
        browser.expect_title(PENDING).await;
    })
    .await;
}

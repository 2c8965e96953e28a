//! Passkeys in a real browser, with the virtual authenticators of Chromium.

use serde_json::{Value, json};
use thirtyfour::Key;

use crate::harness::{Browser, Script, browse, browse_with};
use crate::support::{EMAIL, PASSWORD, TestServer};

const START_SIGN_IN: &str = "S'inscrire ou se connecter - ProConnect";
const SIGN_IN: &str = "Accéder au compte - ProConnect";
const HOME: &str = "Accueil - ProConnect";
const ACCOUNT: &str = "Compte et connexion - ProConnect";
const CHOICE: &str = "Double authentification - ProConnect";
const SECOND_FACTOR: &str = "Se connecter avec la double authentification - ProConnect";
const FAILED: &str = "Une erreur est survenue.";

/// A virtual authenticator of the browser.
struct VirtualAuthenticator<'a> {
    browser: &'a Browser,
    id: String,
}

/// What an authenticator can do.
#[derive(Clone, Copy)]
struct Abilities {
    /// It keeps passkeys itself and finds them without being told which.
    resident: bool,
    /// It can verify the person, and does.
    verifies: bool,
}

const PLATFORM: Abilities = Abilities {
    resident: true,
    verifies: true,
};
const SECURITY_KEY: Abilities = Abilities {
    resident: false,
    verifies: false,
};

impl<'a> VirtualAuthenticator<'a> {
    async fn plug_in(browser: &'a Browser, abilities: Abilities) -> Self {
        command(browser, "enable", json!({ "enableUI": false })).await;
        let transport = if abilities.resident { "internal" } else { "usb" };
        let options = json!({
            "protocol": "ctap2",
            "transport": transport,
            "hasResidentKey": abilities.resident,
            "hasUserVerification": abilities.verifies,
            "isUserVerified": abilities.verifies,
            "automaticPresenceSimulation": true,
        });
        let added = command(browser, "addVirtualAuthenticator", json!({ "options": options })).await;
        let id = added["authenticatorId"]
            .as_str()
            .expect("an authenticator")
            .to_owned();
        Self { browser, id }
    }

    async fn ask(&self, name: &str, mut parameters: Value) -> Value {
        parameters["authenticatorId"] = json!(self.id);
        command(self.browser, name, parameters).await
    }

    /// Whether the person is verified from now on.
    async fn verify(&self, is_verified: bool) {
        self.ask("setUserVerified", json!({ "isUserVerified": is_verified }))
            .await;
    }

    /// Whether the person touches it when asked.
    async fn touch(&self, enabled: bool) {
        self.ask("setAutomaticPresenceSimulation", json!({ "enabled": enabled }))
            .await;
    }

    /// The only passkey in it.
    async fn passkey(&self) -> Value {
        let passkeys = self.ask("getCredentials", json!({})).await;
        let passkeys = passkeys["credentials"].as_array().expect("passkeys").clone();
        assert_eq!(passkeys.len(), 1, "{passkeys:?}");
        passkeys[0].clone()
    }

    /// Puts a copy of the passkey in its place that has counted `count` signatures.
    async fn replace_by_copy(&self, count: u64) {
        let mut passkey = self.passkey().await;
        self.ask("clearCredentials", json!({})).await;
        passkey["signCount"] = json!(count);
        self.ask("addCredential", json!({ "credential": passkey })).await;
    }
}

async fn command(browser: &Browser, name: &str, parameters: Value) -> Value {
    let answer = browser
        .driver
        .cdp()
        .send_raw(&format!("WebAuthn.{name}"), parameters)
        .await;
    answer.unwrap_or_else(|error| panic!("{name}: {error}"))
}

async fn open(browser: &Browser, server: &TestServer, path: &str) {
    browser.open(&server.base_url.join(path).expect("a path")).await;
}

/// Types the address; ends on the page that asks for the password.
async fn type_address(browser: &Browser, server: &TestServer) {
    open(browser, server, "/users/start-sign-in").await;
    browser.type_into_label("Email professionnel", EMAIL).await;
    browser.click_caption("Continuer").await;
}

async fn type_password(browser: &Browser) {
    browser
        .type_into_label("Renseignez votre mot de passe", PASSWORD)
        .await;
    browser.click_caption("S’identifier").await;
}

async fn sign_in_with_password(browser: &Browser, server: &TestServer) {
    type_address(browser, server).await;
    browser.expect_title(SIGN_IN).await;
    type_password(browser).await;
}

/// Makes a passkey on the pages of the account, starting from anywhere.
async fn make_passkey(browser: &Browser, server: &TestServer) {
    open(browser, server, "/double-authentication").await;
    browser.expect_title(CHOICE).await;
    browser.click("label[for=radio-passkey]").await;
    browser.click("#webauthn-registration-button").await;
}

async fn sign_out(browser: &Browser, server: &TestServer) {
    browser.driver.delete_all_cookies().await.expect("no cookies");
    open(browser, server, "/users/start-sign-in").await;
    browser.expect_title(START_SIGN_IN).await;
}

async fn counter(server: &TestServer) -> i64 {
    let query = "SELECT counter FROM authenticators";
    server.database().count(query).await
}

#[tokio::test]
async fn a_passkey_of_the_device_is_made_named_used_and_removed() {
    let server = TestServer::start().await;
    browse(async |browser| {
        let authenticator = VirtualAuthenticator::plug_in(&browser, PLATFORM).await;
        sign_in_with_password(&browser, &server).await;
        browser.expect_title(HOME).await;
        make_passkey(&browser, &server).await;
        browser.expect_title(ACCOUNT).await;
        browser.expect_text("Tout est en ordre !").await;
        browser.expect_accessible().await;
        browser.screenshots("passkey-made").await;
        assert_eq!(authenticator.passkey().await["isResidentCredential"], true);

        // Chromium says what it is not to make again.
        make_passkey(&browser, &server).await;
        browser
            .expect_text("Cet appareil a déjà une clé d’accès pour votre compte")
            .await;
        browser.expect_accessible().await;
        browser.screenshots("passkey-made-already").await;

        open(&browser, &server, "/connection-and-account").await;
        browser.click("details summary").await;
        browser
            .find("#passkey-name-0")
            .await
            .clear()
            .await
            .expect("an empty field");
        browser.click("#passkey-name-0").await;
        browser.type_text("Ordinateur du bureau").await;
        browser.expect_accessible().await;
        browser.screenshots("passkey-rename").await;
        browser.click("form[action='/passkeys/rename'] button").await;
        browser
            .expect_text("Le nouveau nom de la clé d’accès a été enregistré.")
            .await;
        browser.expect_text("Ordinateur du bureau").await;

        sign_out(&browser, &server).await;
        type_address(&browser, &server).await;
        // The ceremony starts by itself.
        browser.expect_title(HOME).await;
        assert!(counter(&server).await > 1);

        open(&browser, &server, "/connection-and-account").await;
        browser.click("form[action^='/delete-passkeys/'] button").await;
        browser.driver.accept_alert().await.expect("a question");
        browser.expect_text("La clé d’accès a bien été supprimée.").await;
        browser.expect_text("Configurer la double authentification").await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_only_asks_for_a_touch_completes_the_password() {
    let server = TestServer::start().await;
    browse(async |browser| {
        let authenticator = VirtualAuthenticator::plug_in(&browser, SECURITY_KEY).await;
        sign_in_with_password(&browser, &server).await;
        browser.expect_title(HOME).await;
        make_passkey(&browser, &server).await;
        browser.expect_title(ACCOUNT).await;
        browser.expect_text("SECOND FACTEUR UNIQUEMENT").await;
        assert_eq!(authenticator.passkey().await["isResidentCredential"], false);
        browser.click("label[for=radio-enable]").await;
        browser.click("[id='2fa-form'] button").await;
        browser.expect_text("activée sur tous les sites").await;

        sign_out(&browser, &server).await;
        authenticator.touch(false).await;
        type_address(&browser, &server).await;
        browser.expect_title(SIGN_IN).await;
        // The browser waits for a gesture meanwhile.
        type_password(&browser).await;
        browser.expect_title(SECOND_FACTOR).await;
        browser.expect_accessible().await;
        browser.screenshots("passkey-second-factor").await;
        authenticator.touch(true).await;
        open(&browser, &server, "/users/2fa-sign-in").await;
        browser.expect_title(HOME).await;
        let methods = "SELECT count(*) FROM identite_sessions
                       WHERE ended_at IS NULL AND amr = ARRAY['pwd','pop','mfa']";
        // The session in which the key was added, and this one.
        assert_eq!(server.database().count(methods).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_refused_gesture_is_told_and_costs_nothing() {
    let server = TestServer::start().await;
    browse(async |browser| {
        let authenticator = VirtualAuthenticator::plug_in(&browser, PLATFORM).await;
        sign_in_with_password(&browser, &server).await;
        browser.expect_title(HOME).await;

        authenticator.verify(false).await;
        make_passkey(&browser, &server).await;
        browser.expect_text(FAILED).await;
        browser.expect_accessible().await;
        browser.screenshots("passkey-not-made").await;
        authenticator.verify(true).await;
        browser.click("#webauthn-registration-button").await;
        browser.expect_title(ACCOUNT).await;

        sign_out(&browser, &server).await;
        authenticator.verify(false).await;
        type_address(&browser, &server).await;
        browser.expect_title(SIGN_IN).await;
        browser.expect_text(FAILED).await;
        browser.expect_accessible().await;
        browser.screenshots("passkey-not-verified").await;
        assert_eq!(
            browser
                .find("#password-input")
                .await
                .prop("value")
                .await
                .expect("a value")
                .as_deref(),
            Some("")
        );
        authenticator.verify(true).await;
        browser.tab_to("#webauthn-btn-begin-authentication").await;
        browser.press(Key::Enter).await;
        browser.expect_title(HOME).await;
    })
    .await;
}

#[tokio::test]
async fn a_copy_of_a_passkey_is_found_out() {
    let server = TestServer::start().await;
    browse(async |browser| {
        let authenticator = VirtualAuthenticator::plug_in(&browser, PLATFORM).await;
        sign_in_with_password(&browser, &server).await;
        browser.expect_title(HOME).await;
        make_passkey(&browser, &server).await;
        browser.expect_title(ACCOUNT).await;
        server
            .database()
            .execute("UPDATE authenticators SET counter = 1000")
            .await;
        authenticator.replace_by_copy(5).await;

        sign_out(&browser, &server).await;
        type_address(&browser, &server).await;
        browser.expect_title(&format!("Erreur - {SIGN_IN}")).await;
        browser
            .expect_text("Erreur : votre clé d’accès est invalide.")
            .await;
        browser.expect_accessible().await;
        browser.screenshots("passkey-refused").await;
        assert_eq!(counter(&server).await, 1000);
        server.mailbox.wait_for(EMAIL, "Alerte de sécurité").await;
        // Nothing starts again by itself; the password is there.
        type_password(&browser).await;
        browser.expect_title(HOME).await;
    })
    .await;
}

#[tokio::test]
async fn a_passkey_that_was_removed_is_not_known_any_more() {
    let server = TestServer::start().await;
    browse(async |browser| {
        let authenticator = VirtualAuthenticator::plug_in(&browser, PLATFORM).await;
        sign_in_with_password(&browser, &server).await;
        browser.expect_title(HOME).await;
        make_passkey(&browser, &server).await;
        browser.expect_title(ACCOUNT).await;

        sign_out(&browser, &server).await;
        authenticator.touch(false).await;
        type_address(&browser, &server).await;
        browser.expect_title(SIGN_IN).await;
        browser.find("#webauthn-btn-begin-authentication[disabled]").await;
        server.database().execute("DELETE FROM authenticators").await;
        authenticator.touch(true).await;
        open(&browser, &server, "/users/sign-in").await;
        // The address counts as one with a passkey until it is typed again: decoys are asked for, which nobody has.
        browser.expect_text(FAILED).await;
        type_password(&browser).await;
        browser.expect_title(HOME).await;
    })
    .await;
}

#[tokio::test]
async fn a_browser_offers_passkeys_where_the_address_is_typed() {
    let server = TestServer::start().await;
    browse(async |browser| {
        let authenticator = VirtualAuthenticator::plug_in(&browser, PLATFORM).await;
        sign_in_with_password(&browser, &server).await;
        browser.expect_title(HOME).await;
        make_passkey(&browser, &server).await;
        browser.expect_title(ACCOUNT).await;
        authenticator.touch(false).await;
        sign_out(&browser, &server).await;
        let offers = "return await PublicKeyCredential.isConditionalMediationAvailable?.() ?? false";
        let offers = browser.driver.execute(offers, vec![]).await.expect("an answer");
        assert_eq!(offers.json(), &json!(true));
        // The person chooses what the browser offers.
        authenticator.touch(true).await;
        open(&browser, &server, "/users/start-sign-in").await;
        browser.expect_title(HOME).await;
        let methods = "SELECT count(*) FROM identite_sessions
                       WHERE ended_at IS NULL AND amr = ARRAY['pop','uv','mfa']";
        assert_eq!(server.database().count(methods).await, 1);
    })
    .await;
}

#[tokio::test]
async fn without_script_pages_say_what_to_do() {
    let server = TestServer::start().await;
    server
        .database()
        .execute(&format!(
            r"INSERT INTO authenticators (credential_id, credential_public_key, counter, credential_backed_up, user_id)
              SELECT 'AAAA', '\x00', 0, false, id FROM users WHERE email = '{EMAIL}'"
        ))
        .await;
    browse_with(Script::Off, async |browser| {
        type_address(&browser, &server).await;
        browser.expect_title(SIGN_IN).await;
        browser
            .expect_text("Utiliser une clé d’accès demande JavaScript")
            .await;
        browser.screenshots("passkey-sign-in-without-script").await;
        type_password(&browser).await;
        browser.expect_title(HOME).await;
        server.database().execute("DELETE FROM authenticators").await;
        open(&browser, &server, "/double-authentication").await;
        browser
            .expect_text("Créer une clé d’accès demande JavaScript")
            .await;
        browser.screenshots("passkey-choice-without-script").await;
    })
    .await;
}

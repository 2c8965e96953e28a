//! Taking an application of one-time codes away.

use super::{EMAIL, HOME, events, insert_capable_user, sign_in, sign_in_with_code};
use crate::accounts::{count_mails, insert_user, place, text};
use crate::support::{TestServer, TotpApplication};

const REMOVED: &str = "Suppression d'une application d'authentification à double facteur";
const DELETED: &str = "/connection-and-account?notification=authenticator_successfully_deleted";

#[tokio::test]
async fn without_its_application_an_account_is_opened_with_the_password() {
    let server = TestServer::start().await;
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let mut application = TotpApplication::new(TotpApplication::KEY);
    let elsewhere = sign_in_with_code(&server, EMAIL, &mut application).await;
    let visitor = sign_in_with_code(&server, EMAIL, &mut application).await;
    let page = visitor.get("/connection-and-account").await;
    visitor.submit(&page, "/codes-de-secours", &[]).await;
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM identite_recovery_codes")
            .await,
        10
    );

    let page = visitor.get("/connection-and-account").await;
    let page = visitor.submit(&page, "/delete-totp-configuration", &[]).await;
    assert_eq!(page.heading(), "Supprimer l’application d’authentification");
    assert!(page.text().contains("Cette action est irréversible."));
    assert_eq!(events(server.database(), EMAIL, "totp_removed").await, 0);
    let page = visitor.submit(&page, "/delete-totp-configuration", &[]).await;
    assert_eq!(place(&page), DELETED);
    assert!(page.text().contains("Configurer la double authentification"));
    let row = text(
        server.database(),
        "SELECT ROW(encrypted_totp_key IS NULL, totp_key_verified_at IS NULL, force_2fa) FROM users WHERE email = 'agent@exemple.fr'",
    )
    .await;
    assert_eq!(row, "(t,t,f)");
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM identite_recovery_codes")
            .await,
        0
    );
    assert_eq!(events(server.database(), EMAIL, "totp_removed").await, 1);
    let mail = server.mailbox.wait_for(EMAIL, REMOVED).await;
    assert!(mail.text().contains("étape de connexion à deux facteurs"));

    // Whoever had come in with the application elsewhere is out; here the person goes on.
    assert_eq!(elsewhere.get("/").await.url.path(), "/users/start-sign-in");
    assert_eq!(visitor.get("/connection-and-account").await.status, 200);
    let again = sign_in(&server, EMAIL).await;
    assert_eq!(again.get("/").await.title(), HOME);

    // A second time there is nothing to take away, and nothing to tell.
    let token = visitor.get("/personal-information").await.form_token();
    let fields = [("_csrf", token.as_str()), ("confirmed", "true")];
    let page = visitor.post("/delete-totp-configuration", &fields).await;
    assert_eq!(place(&page), DELETED);
    assert_eq!(events(server.database(), EMAIL, "totp_removed").await, 1);
    assert_eq!(count_mails(&server, EMAIL, REMOVED), 1);
}

#[tokio::test]
async fn with_a_passkey_left_two_factors_stay() {
    let server = TestServer::start().await;
    let id = insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    server
        .database()
        .execute(&format!(
            "INSERT INTO authenticators (credential_id, credential_public_key, counter, credential_device_type,
               credential_backed_up, transports, user_id, display_name, created_at, usage_count, user_verified)
             VALUES ('abc', '\\x00', 0, 'singleDevice', false, '{{usb}}', {id}, NULL, now(), 0, true)"
        ))
        .await;
    let mut application = TotpApplication::new(TotpApplication::KEY);
    let visitor = sign_in_with_code(&server, EMAIL, &mut application).await;
    let page = visitor.get("/connection-and-account").await;
    let confirmed = [("confirmed", "true")];
    let page = visitor
        .submit(&page, "/delete-totp-configuration", &confirmed)
        .await;
    assert_eq!(place(&page), DELETED);
    assert_eq!(
        text(
            server.database(),
            "SELECT force_2fa FROM users WHERE email = 'agent@exemple.fr'"
        )
        .await,
        "true"
    );
    let again = sign_in(&server, EMAIL).await;
    let page = again.get("/").await;
    assert_eq!(page.url.path(), "/users/2fa-sign-in");
    assert!(page.attributes("#totpToken", "name").is_empty());
    assert_eq!(
        page.texts("#webauthn-btn-begin-authentication"),
        ["Se connecter avec une clé d’accès"]
    );
}

#[tokio::test]
async fn the_form_must_come_from_the_account() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    let page = visitor.post("/delete-totp-configuration", &[]).await;
    page.expect_error(403, "invalid csrf token");
    assert_eq!(visitor.get("/delete-totp-configuration").await.status, 404);
}

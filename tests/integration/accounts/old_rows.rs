//! Accounts as the reference left them: other hashes, no names, no dates, addresses that open no account any more.

use super::{
    GOOD_PASSWORD, MAGIC_LINK, PASSWORD, RESET_PASSWORD, enter_code, insert_user, mailed_link, place, text,
};
use crate::support::TestServer;

/// Every column that may be NULL is.
const BARE: &[(&str, &str)] = &[
    ("given_name", "NULL"),
    ("family_name", "NULL"),
    ("phone_number", "NULL"),
    ("job", "NULL"),
    ("last_sign_in_at", "NULL"),
    ("verify_email_token", "NULL"),
];

#[tokio::test]
async fn every_hash_that_the_reference_wrote_opens_its_account() {
    let server = TestServer::start().await;
    for (number, (version, cost)) in [("2a", 4), ("2b", 4), ("2y", 5)].into_iter().enumerate() {
        let hash = bcrypt::hash(PASSWORD, cost)
            .expect("a hash")
            .replacen("2b", version, 1);
        let email = format!("agent{number}@exemple.fr");
        insert_user(
            server.database(),
            &email,
            &[("encrypted_password", &format!("'{hash}'"))],
        )
        .await;
        let page = server.visitor().sign_in_as(&email, "un autre mot de passe").await;
        assert_eq!(place(&page), "/users/sign-in?notification=invalid_credentials");
        let page = server.visitor().sign_in_as(&email, PASSWORD).await;
        assert_eq!(page.title(), "Accueil - ProConnect", "${version}$");
    }
    for (number, unusable) in [
        "''",
        "'forgotten_password'",
        "'$1a$10$kzY3LINL6..50Fy9shWCcuNlRfYq0ft5lS.KCcJ5PzrhlWfKK4NIO'",
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("sans{number}@exemple.fr");
        insert_user(server.database(), &email, &[("encrypted_password", unusable)]).await;
        let visitor = server.visitor();
        let page = visitor.start_sign_in(&email).await;
        if unusable == "''" {
            assert_eq!(place(&page), "/users/sign-up?notification=new_password_needed");
        } else {
            let page = visitor.sign_in(PASSWORD).await;
            assert_eq!(place(&page), "/users/sign-in?notification=invalid_credentials");
        }
    }
}

#[tokio::test]
async fn an_account_without_names_is_used_like_any_other() {
    let server = TestServer::start().await;
    let email = "anonyme@exemple.fr";
    insert_user(server.database(), email, BARE).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(email, PASSWORD).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    assert_eq!(
        page.attributes("a[href='/oauth/logout']", "aria-label"),
        [format!("Se déconnecter - {email}")]
    );
    for path in [
        "/connection-and-account",
        "/personal-information",
        "/mes-sessions",
        "/mes-sessions/historique",
        "/users/personal-information",
    ] {
        let page = visitor.get(path).await;
        assert_eq!((page.status.as_u16(), page.url.path()), (200, path));
    }
    // E-mails greet without a name, and without a blank in its place.
    let page = visitor.get("/connection-and-account").await;
    visitor.submit(&page, "/users/reset-password", &[]).await;
    let link = mailed_link(&server, email, RESET_PASSWORD, 1).await;
    let page = visitor.get(&link).await;
    visitor
        .submit(&page, "/users/change-password", &[("password", GOOD_PASSWORD)])
        .await;
    let page = visitor.get("/personal-information").await;
    let values = [
        ("given_name", "Zoé"),
        ("family_name", "Nouvelle"),
        ("phone_number", ""),
        ("job", ""),
    ];
    let page = visitor.submit(&page, "/personal-information", &values).await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=personal_information_update_success"
    );
    for subject in [super::PASSWORD_CHANGED, "Mise à jour de vos données personnelles"] {
        let mail = server.mailbox.wait_for(email, subject).await;
        let greeting = mail
            .text()
            .lines()
            .find(|line| line.starts_with("Bonjour"))
            .map(str::to_owned);
        assert_eq!(greeting.as_deref(), Some("Bonjour,"), "{subject}");
    }
}

#[tokio::test]
async fn an_address_proven_at_an_unknown_date_is_proven_again() {
    let server = TestServer::start().await;
    let email = "ancienne@exemple.fr";
    insert_user(server.database(), email, &[("email_verified_at", "NULL")]).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(email, PASSWORD).await;
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=email_verification_renewal"
    );
    let page = enter_code(&server, &visitor, email, 1).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
}

#[tokio::test]
async fn a_code_that_expired_before_the_switch_is_replaced() {
    let server = TestServer::start().await;
    let email = "ancienne@exemple.fr";
    let changes = [
        ("email_verified", "false"),
        ("verify_email_token", "'0123456789'"),
        ("verify_email_sent_at", "now() - interval '61 minutes'"),
    ];
    insert_user(server.database(), email, &changes).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(email, PASSWORD).await;
    assert!(page.text().contains("Code de vérification envoyé"));
    let page = visitor
        .submit(
            &page,
            "/users/verify-email",
            &[("verify_email_token", "0123456789")],
        )
        .await;
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=invalid_verify_email_code"
    );
    enter_code(&server, &visitor, email, 1).await;
}

#[tokio::test]
async fn an_address_that_opens_no_account_any_more_still_opens_its_own() {
    let server = TestServer::start().await;
    let email = "deux mots@exemple.fr";
    let visitor = server.visitor();
    let page = visitor.start_sign_in(email).await;
    assert_eq!(place(&page), "/users/start-sign-in?notification=invalid_email");
    insert_user(server.database(), email, &[]).await;
    let page = server.visitor().sign_in_as(email, PASSWORD).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
}

#[tokio::test]
async fn an_imported_account_keeps_its_welcome_until_its_owner_came() {
    let server = TestServer::start().await;
    let email = "importee@exemple.fr";
    let changes = [
        ("encrypted_password", "NULL"),
        ("email_verified", "false"),
        ("email_verified_at", "NULL"),
        ("given_name", "NULL"),
        ("family_name", "NULL"),
        ("needs_inclusionconnect_welcome_page", "true"),
        ("needs_inclusionconnect_onboarding_help", "true"),
    ];
    insert_user(server.database(), email, &changes).await;
    let flag = "SELECT needs_inclusionconnect_welcome_page FROM users WHERE email = 'importee@exemple.fr'";
    // Somebody who types the address, and goes no further.
    let passer_by = server.visitor();
    let page = passer_by.start_sign_in(email).await;
    assert_eq!(place(&page), "/users/inclusionconnect-welcome");
    passer_by
        .submit(&page, "/users/inclusionconnect-welcome", &[])
        .await;
    assert_eq!(text(server.database(), flag).await, "true");

    let owner = server.visitor();
    let page = owner.start_sign_in(email).await;
    assert_eq!(place(&page), "/users/inclusionconnect-welcome");
    let page = owner.submit(&page, "/users/inclusionconnect-welcome", &[]).await;
    assert_eq!(place(&page), "/users/sign-up?notification=new_password_needed");
    owner.submit(&page, "/users/send-magic-link", &[]).await;
    let link = mailed_link(&server, email, MAGIC_LINK, 1).await;
    let page = owner.get(&link).await;
    let page = owner.submit(&page, "/users/sign-in-with-magic-link", &[]).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    assert_eq!(text(server.database(), flag).await, "false");
}

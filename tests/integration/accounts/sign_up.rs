//! `/users/sign-up`

use super::{
    GOOD_PASSWORD, MAGIC_LINK, PASSWORD, VERIFY_EMAIL, count_mails, enter_code, insert_user, mailed_link,
    place, text,
};
use crate::support::TestServer;

#[tokio::test]
async fn a_new_account_is_used_once_its_address_is_proven() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let email = "nouvelle@exemple.fr";
    let page = visitor.start_sign_in(email).await;
    assert!(page.text().contains("Nouveau compte"));
    let page = visitor
        .submit(
            &page,
            "/users/sign-up",
            &[("password", &format!("  {GOOD_PASSWORD} "))],
        )
        .await;
    assert_eq!(place(&page), "/users/verify-email");
    assert!(
        page.text()
            .contains(&format!("Vérifiez les emails envoyés à {email}."))
    );
    assert_eq!(place(&visitor.get("/").await), "/users/verify-email");

    let page = enter_code(&server, &visitor, email, 1).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    assert_eq!(
        count_mails(&server, email, VERIFY_EMAIL),
        1,
        "showing the page again sends nothing"
    );
    visitor.sign_out().await;
    assert_eq!(
        visitor.sign_in_as(email, GOOD_PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
    let hash = text(
        server.database(),
        "SELECT encrypted_password FROM users WHERE email = 'nouvelle@exemple.fr'",
    )
    .await;
    assert!(hash.starts_with("$argon2id$"), "{hash}");
}

#[tokio::test]
async fn a_password_that_will_not_do_is_refused() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    visitor.start_sign_in("nouveau@exemple.fr").await;
    for (password, code) in [
        ("", "invalid_credentials"),
        (" \u{a0}\u{feff}", "invalid_credentials"),
        ("court", "weak_password"),
        ("nouveau@exemple.fr et plus encore", "weak_password"),
        ("P@ssw0rd1234", "leaked_password"),
    ] {
        let page = visitor.get("/users/sign-up").await;
        let page = visitor
            .submit(&page, "/users/sign-up", &[("password", password)])
            .await;
        assert_eq!(
            place(&page),
            format!("/users/sign-up?notification={code}"),
            "{password:?}"
        );
        assert!(page.title().starts_with("Erreur - "), "{}", page.title());
    }
    let page = visitor.get("/users/sign-up").await;
    let long = "x".repeat(9000);
    assert_eq!(
        visitor
            .submit(&page, "/users/sign-up", &[("password", &long)])
            .await
            .status,
        400
    );
    let repeated = [("password", "a"), ("password", "b")];
    assert_eq!(
        visitor.submit(&page, "/users/sign-up", &repeated).await.status,
        400
    );
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM users WHERE email = 'nouveau@exemple.fr'")
            .await,
        0
    );
    assert_eq!(visitor.get("/users/sign-up?login_hint=nope").await.status, 400);
    assert!(
        visitor
            .get("/users/sign-up?login_hint=a@exemple.fr")
            .await
            .status
            .is_success()
    );
}

#[tokio::test]
async fn an_account_with_a_password_gets_no_other_this_way() {
    let server = TestServer::start().await;
    insert_user(server.database(), "avec@exemple.fr", &[]).await;
    let visitor = server.visitor();
    visitor.start_sign_in("avec@exemple.fr").await;
    let page = visitor.get("/users/sign-up").await;
    let page = visitor
        .submit(&page, "/users/sign-up", &[("password", GOOD_PASSWORD)])
        .await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=email_unavailable"
    );
    assert_eq!(
        visitor.sign_in_as("avec@exemple.fr", PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
}

#[tokio::test]
async fn of_two_who_sign_up_at_once_one_gets_the_account() {
    let server = TestServer::start().await;
    let mut attempts = Vec::new();
    for _ in 0..8 {
        let visitor = server.visitor();
        let page = visitor.start_sign_in("course@exemple.fr").await;
        attempts.push(async move {
            place(
                &visitor
                    .submit(&page, "/users/sign-up", &[("password", GOOD_PASSWORD)])
                    .await,
            )
        });
    }
    let mut places = futures::future::join_all(attempts).await;
    places.sort();
    assert_eq!(places.pop().as_deref(), Some("/users/verify-email"));
    assert!(
        places
            .iter()
            .all(|place| place == "/users/start-sign-in?notification=email_unavailable"),
        "{places:?}"
    );
}

#[tokio::test]
async fn a_first_password_waits_for_the_proof_of_the_address() {
    let server = TestServer::start().await;
    let email = "sans@exemple.fr";
    insert_user(server.database(), email, &[("encrypted_password", "NULL")]).await;
    let stranger = server.visitor();
    let page = stranger.start_sign_in(email).await;
    let page = stranger
        .submit(
            &page,
            "/users/sign-up",
            &[("password", "mot de passe de l’intrus, long")],
        )
        .await;
    assert_eq!(place(&page), "/users/verify-email");
    for path in [
        "/",
        "/connection-and-account",
        "/personal-information",
        "/mes-sessions",
    ] {
        assert_eq!(
            stranger.get(path).await.url.path(),
            "/users/verify-email",
            "{path}"
        );
    }
    let stored = "SELECT encrypted_password FROM users WHERE email = 'sans@exemple.fr'";
    assert_eq!(text(server.database(), stored).await, "");
    let verified = "SELECT email_verified FROM users WHERE email = 'sans@exemple.fr'";
    assert_eq!(
        text(server.database(), verified).await,
        "true",
        "the owner is not disturbed"
    );

    // The owner chooses one of their own, and proves the address.
    let owner = server.visitor();
    let page = owner.start_sign_in(email).await;
    assert_eq!(place(&page), "/users/sign-up?notification=new_password_needed");
    owner
        .submit(&page, "/users/sign-up", &[("password", GOOD_PASSWORD)])
        .await;
    let page = enter_code(&server, &owner, email, 1).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    assert_eq!(
        place(&stranger.get("/").await),
        "/users/start-sign-in",
        "the stranger is out"
    );
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM identite_pending_passwords")
            .await,
        0
    );

    let page = stranger.sign_in_as(email, "mot de passe de l’intrus, long").await;
    assert_eq!(place(&page), "/users/sign-in?notification=invalid_credentials");
    assert_eq!(
        server.visitor().sign_in_as(email, GOOD_PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
}

/// Nobody has proven anything in such a session: another sign-in in the same browser does not go on with it.
#[tokio::test]
async fn a_password_that_nobody_has_proven_stays_in_its_own_session() {
    let server = TestServer::start().await;
    let email = "sans@exemple.fr";
    insert_user(server.database(), email, &[("encrypted_password", "NULL")]).await;
    let visitor = server.visitor();
    for password in ["un premier essai, bien long", GOOD_PASSWORD] {
        let page = visitor.start_sign_in(email).await;
        let page = visitor
            .submit(&page, "/users/sign-up", &[("password", password)])
            .await;
        assert_eq!(place(&page), "/users/verify-email", "{password}");
    }
    let alive = "SELECT count(*) FROM identite_sessions WHERE ended_at IS NULL";
    assert_eq!(server.database().count(alive).await, 1);
    // A link proves the mailbox, and not who chose that password.
    let page = visitor.start_sign_in(email).await;
    visitor.submit(&page, "/users/send-magic-link", &[]).await;
    let link = mailed_link(&server, email, MAGIC_LINK, 1).await;
    let page = visitor.get(&link).await;
    let page = visitor.submit(&page, "/users/sign-in-with-magic-link", &[]).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    let page = server.visitor().start_sign_in(email).await;
    assert_eq!(place(&page), "/users/sign-up?notification=new_password_needed");
}

#[tokio::test]
async fn a_link_of_the_owner_drops_what_a_stranger_chose() {
    let server = TestServer::start().await;
    for (email, known) in [("connu@exemple.fr", true), ("nouveau@exemple.fr", false)] {
        if known {
            insert_user(server.database(), email, &[("encrypted_password", "NULL")]).await;
        }
        let stranger = server.visitor();
        let page = stranger.start_sign_in(email).await;
        stranger
            .submit(&page, "/users/sign-up", &[("password", GOOD_PASSWORD)])
            .await;

        let owner = server.visitor();
        let page = owner.start_sign_in(email).await;
        owner.submit(&page, "/users/send-magic-link", &[]).await;
        let link = mailed_link(&server, email, MAGIC_LINK, 1).await;
        let page = owner.get(&link).await;
        let page = owner.submit(&page, "/users/sign-in-with-magic-link", &[]).await;
        assert_eq!(page.title(), "Accueil - ProConnect");

        assert_eq!(place(&stranger.get("/").await), "/users/start-sign-in", "{email}");
        let page = server.visitor().start_sign_in(email).await;
        assert_eq!(
            place(&page),
            "/users/sign-up?notification=new_password_needed",
            "{email}"
        );
    }
}

#[tokio::test]
async fn a_password_found_in_leaks_later_is_told() {
    let server = TestServer::start().await;
    let id = insert_user(server.database(), "fuite@exemple.fr", &[]).await;
    server
        .database()
        .execute(&format!(
            "INSERT INTO identite_credentials (user_id, leak_check_pending) VALUES ({id}, true)"
        ))
        .await;
    let visitor = server.visitor();
    assert_eq!(
        visitor.sign_in_as("fuite@exemple.fr", PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
    server
        .mailbox
        .wait_for("fuite@exemple.fr", "Changez votre mot de passe ProConnect")
        .await;
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM identite_credentials WHERE leak_check_pending")
            .await,
        0
    );
}

//! `/users/start-sign-in`, `/users/inclusionconnect-welcome`

use super::{insert_user, place};
use crate::support::{EMAIL, Options, TestServer, free_port};

#[tokio::test]
async fn an_address_leads_to_the_page_that_fits() {
    let server = TestServer::start().await;
    insert_user(
        server.database(),
        "sans@exemple.fr",
        &[("encrypted_password", "NULL")],
    )
    .await;
    insert_user(
        server.database(),
        "vide@exemple.fr",
        &[("encrypted_password", "''")],
    )
    .await;
    for (email, expected) in [
        (EMAIL, "/users/sign-in"),
        ("  USER@Yopmail.com ", "/users/sign-in"),
        (
            "sans@exemple.fr",
            "/users/sign-up?notification=new_password_needed",
        ),
        (
            "vide@exemple.fr",
            "/users/sign-up?notification=new_password_needed",
        ),
        ("nouveau@exemple.fr", "/users/sign-up"),
    ] {
        assert_eq!(
            place(&server.visitor().start_sign_in(email).await),
            expected,
            "{email}"
        );
    }
}

#[tokio::test]
async fn a_refused_address_identifies_nobody() {
    let server = TestServer::start().await;
    for typed in [
        "",
        "pas une adresse",
        "a@localhost",
        "attaquant@evil.example,victime@exemple.fr",
        "a@exemple.fr.",
    ] {
        let visitor = server.visitor();
        let page = visitor.start_sign_in("avant@exemple.fr").await;
        assert_eq!(place(&page), "/users/sign-up");
        let page = visitor.start_sign_in(typed).await;
        assert_eq!(
            place(&page),
            "/users/start-sign-in?notification=invalid_email",
            "{typed}"
        );
        assert!(page.text().contains("Adresse email invalide."));
        assert_eq!(
            page.attributes("[name=login]", "value"),
            [typed],
            "it is shown again"
        );
        for path in ["/users/sign-in", "/users/sign-up"] {
            assert_eq!(place(&visitor.get(path).await), "/users/start-sign-in", "{typed}");
        }
        let sent = visitor
            .submit(&page, "/users/start-sign-in", &[("login", typed)])
            .await;
        assert_eq!(place(&sent), "/users/start-sign-in?notification=invalid_email");
    }
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM users WHERE email LIKE '%evil%'")
            .await,
        0
    );
}

#[tokio::test]
async fn an_address_that_receives_no_mail_is_refused_with_a_suggestion() {
    let server =
        TestServer::start_with(Options::default().with("FEATURE_CHECK_EMAIL_DELIVERABILITY", "True")).await;
    let visitor = server.visitor();
    let page = visitor.start_sign_in("inconnu@yopmail.com").await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=invalid_email&did_you_mean=inconnu%40hotmail%2Ecom"
    );
    assert_eq!(page.texts("#did-you-mean-link"), ["inconnu@hotmail.com"]);
    assert_eq!(
        place(&visitor.start_sign_in("inconnu@exemple.fr").await),
        "/users/sign-up"
    );
    assert_eq!(
        place(&visitor.start_sign_in(EMAIL).await),
        "/users/sign-in",
        "who has an account is not asked"
    );

    server
        .database()
        .execute("INSERT INTO email_deliverability_whitelist (problematic_email, email_domain) VALUES ('a@b.fr', 'yopmail.com')")
        .await;
    assert_eq!(
        place(&visitor.start_sign_in("inconnu@yopmail.com").await),
        "/users/sign-up"
    );
}

#[tokio::test]
async fn nobody_is_stopped_by_a_service_that_is_down() {
    let down = format!("http://127.0.0.1:{}", free_port());
    let options = Options::default()
        .with("FEATURE_CHECK_EMAIL_DELIVERABILITY", "True")
        .with("DEBOUNCE_API_URL", &down)
        .with("PWNED_PASSWORDS_API_URL", &down);
    let server = TestServer::start_with(options).await;
    let visitor = server.visitor();
    let page = visitor.start_sign_in("nouveau@exemple.fr").await;
    assert_eq!(place(&page), "/users/sign-up");
    let page = visitor
        .submit(&page, "/users/sign-up", &[("password", "P@ssw0rd1234")])
        .await;
    assert_eq!(page.url.path(), "/users/verify-email");
    let pending = "SELECT count(*) FROM identite_credentials WHERE leak_check_pending";
    assert_eq!(
        server.database().count(pending).await,
        1,
        "the check is on record as not done"
    );
}

#[tokio::test]
async fn an_empty_suggestion_is_a_bad_request() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    assert_eq!(
        visitor.get("/users/start-sign-in?did_you_mean=").await.status,
        400
    );
    let page = visitor
        .get("/users/start-sign-in?did_you_mean=%3Cb%3E@exemple.fr")
        .await;
    assert!(
        page.status.is_success() && !page.body.contains("<b>@"),
        "what is shown is escaped"
    );
}

#[tokio::test]
async fn who_comes_from_inclusion_connect_sees_the_page_that_explains() {
    let server = TestServer::start().await;
    let flags = [
        ("encrypted_password", "NULL"),
        ("needs_inclusionconnect_welcome_page", "true"),
    ];
    insert_user(server.database(), "insertion@exemple.fr", &flags).await;
    let visitor = server.visitor();
    let page = visitor.start_sign_in("insertion@exemple.fr").await;
    assert_eq!(place(&page), "/users/inclusionconnect-welcome");
    for path in ["/users/sign-up", "/users/sign-in"] {
        assert_eq!(place(&visitor.get(path).await), "/users/inclusionconnect-welcome");
    }
    let page = visitor
        .submit(&page, "/users/inclusionconnect-welcome", &[])
        .await;
    assert_eq!(place(&page), "/users/sign-up?notification=new_password_needed");
    let flag = "SELECT count(*) FROM users WHERE email = 'insertion@exemple.fr' AND needs_inclusionconnect_welcome_page";
    assert_eq!(
        server.database().count(flag).await,
        1,
        "anybody can type an address: only a sign-in clears the flag"
    );
    assert_eq!(
        place(&server.visitor().get("/users/inclusionconnect-welcome").await),
        "/users/start-sign-in"
    );
}

#[tokio::test]
async fn the_field_is_empty_for_who_is_signed_in() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, crate::support::PASSWORD).await;
    let page = visitor.get("/users/start-sign-in").await;
    assert!(
        page.attributes("[name=login]", "value")
            .iter()
            .all(String::is_empty)
    );
}

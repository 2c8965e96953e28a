//! `/users/verify-email`, `/users/send-email-verification`

use futures::future::join_all;

use super::{
    PASSWORD, VERIFY_EMAIL, authenticating_browsers, count_mails, enter_code, insert_user, place, text,
};
use crate::support::{Options, Page, TestServer, Visitor};

const EMAIL: &str = "agent@exemple.fr";

/// Somebody at the page that asks for a code.
async fn asked_for_code(server: &TestServer) -> (Visitor, Page) {
    insert_user(
        server.database(),
        EMAIL,
        &[("email_verified", "false"), ("email_verified_at", "NULL")],
    )
    .await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(place(&page), "/users/verify-email");
    (visitor, page)
}

#[tokio::test]
async fn nobody_is_asked_who_is_not_signed_in() {
    let server = TestServer::start().await;
    assert_eq!(
        place(&server.visitor().get("/users/verify-email").await),
        "/users/start-sign-in"
    );
}

#[tokio::test]
async fn a_wrong_code_can_be_tried_again() {
    let server = TestServer::start().await;
    let (visitor, page) = asked_for_code(&server).await;
    for code in ["", "1234567890", "abc", "12345678901234567890"] {
        let page = visitor
            .submit(&page, "/users/verify-email", &[("verify_email_token", code)])
            .await;
        assert_eq!(
            place(&page),
            "/users/verify-email?notification=invalid_verify_email_code",
            "{code:?}"
        );
        let field = "#verify_email_token[aria-invalid=true][autofocus]";
        assert_eq!(page.attributes(field, "aria-describedby"), ["code-error"]);
        assert_eq!(page.texts("#code-error").len(), 1);
        assert!(page.texts("#notifications").is_empty(), "told once");
    }
    let mail = server.mailbox.wait_for(EMAIL, VERIFY_EMAIL).await;
    let spaced: String = mail
        .code(10)
        .unwrap()
        .chars()
        .flat_map(|digit| [digit, ' '])
        .collect();
    let page = visitor
        .submit(&page, "/users/verify-email", &[("verify_email_token", &spaced)])
        .await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    assert_eq!(
        place(&visitor.get("/users/verify-email").await),
        "/",
        "there is nothing left to prove"
    );
    let amr = "SELECT amr FROM identite_sessions WHERE ended_at IS NULL";
    assert_eq!(text(server.database(), amr).await, "{pwd,email-otp}");
}

#[tokio::test]
async fn what_is_stored_is_no_code() {
    let server = TestServer::start().await;
    let (visitor, page) = asked_for_code(&server).await;
    let stored = text(
        server.database(),
        "SELECT verify_email_token FROM users WHERE email = 'agent@exemple.fr'",
    )
    .await;
    assert_eq!(stored.len(), 64, "{stored}");
    let page = visitor
        .submit(&page, "/users/verify-email", &[("verify_email_token", &stored)])
        .await;
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=invalid_verify_email_code"
    );
}

#[tokio::test]
async fn a_code_of_fifty_tries_at_once_works_once() {
    let server = TestServer::start().await;
    let (visitor, page) = asked_for_code(&server).await;
    let code = server
        .mailbox
        .wait_for(EMAIL, VERIFY_EMAIL)
        .await
        .code(10)
        .unwrap();
    // Without the limits of a session, which are another matter.
    let values = [("verify_email_token", code.as_str())];
    let tries = (0..25).map(|_| visitor.submit(&page, "/users/verify-email", &values));
    join_all(tries).await;
    let proofs = "SELECT count(*) FROM identite_events WHERE kind = 'email_verified'";
    assert_eq!(server.database().count(proofs).await, 1);
}

#[tokio::test]
async fn a_code_expires() {
    let server = TestServer::start().await;
    let (visitor, page) = asked_for_code(&server).await;
    let code = server
        .mailbox
        .wait_for(EMAIL, VERIFY_EMAIL)
        .await
        .code(10)
        .unwrap();
    server
        .database()
        .execute("UPDATE users SET verify_email_sent_at = now() - interval '61 minutes'")
        .await;
    let page = visitor
        .submit(&page, "/users/verify-email", &[("verify_email_token", &code)])
        .await;
    assert!(
        page.text().contains("Code de vérification envoyé"),
        "another one is on its way"
    );
    assert_eq!(
        enter_code(&server, &visitor, EMAIL, 2).await.title(),
        "Accueil - ProConnect"
    );
}

#[tokio::test]
async fn a_code_that_the_reference_sent_minutes_ago_works() {
    let server = TestServer::start().await;
    let pending = [
        ("email_verified", "false"),
        ("email_verified_at", "NULL"),
        ("verify_email_token", "'0123456789'"),
        ("verify_email_sent_at", "now() - interval '5 minutes'"),
    ];
    insert_user(server.database(), EMAIL, &pending).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(place(&page), "/users/verify-email");
    assert!(!page.text().contains("Code de vérification envoyé"));
    let page = visitor
        .submit(
            &page,
            "/users/verify-email",
            &[("verify_email_token", "0123456789")],
        )
        .await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    assert_eq!(count_mails(&server, EMAIL, VERIFY_EMAIL), 0);
}

#[tokio::test]
async fn a_code_of_somebody_else_is_wrong() {
    let server = TestServer::start().await;
    let (_, _) = asked_for_code(&server).await;
    let code = server
        .mailbox
        .wait_for(EMAIL, VERIFY_EMAIL)
        .await
        .code(10)
        .unwrap();
    insert_user(
        server.database(),
        "autre@exemple.fr",
        &[("email_verified", "false")],
    )
    .await;
    let other = server.visitor();
    let page = other.sign_in_as("autre@exemple.fr", PASSWORD).await;
    let page = other
        .submit(&page, "/users/verify-email", &[("verify_email_token", &code)])
        .await;
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=invalid_verify_email_code"
    );
}

#[tokio::test]
async fn another_code_is_sent_when_it_is_time() {
    let options = Options::default().with(
        "MIN_DURATION_BETWEEN_TWO_VERIFICATION_CODE_SENDING_IN_SECONDS",
        "30",
    );
    let server = TestServer::start_with(options).await;
    let (visitor, page) = asked_for_code(&server).await;
    let countdown = page.attributes("[data-countdown-end-date]", "data-countdown-end-date");
    let end: chrono::DateTime<chrono::Utc> = countdown[0].parse().unwrap();
    let wait = (end - chrono::Utc::now()).num_seconds();
    assert!((25..=31).contains(&wait), "{wait}");

    let first = server
        .mailbox
        .wait_for(EMAIL, VERIFY_EMAIL)
        .await
        .code(10)
        .unwrap();
    let page = visitor.submit(&page, "/users/send-email-verification", &[]).await;
    assert_eq!(place(&page), "/users/verify-email?new_code_sent=true");
    assert!(page.text().contains("Code de vérification envoyé"));
    assert_eq!(count_mails(&server, EMAIL, VERIFY_EMAIL), 1, "it is too early");

    server
        .database()
        .execute("UPDATE users SET verify_email_sent_at = now() - interval '31 seconds'")
        .await;
    let page = visitor.submit(&page, "/users/send-email-verification", &[]).await;
    assert_eq!(place(&page), "/users/verify-email?new_code_sent=true");
    server.mailbox.wait_for_nth(EMAIL, VERIFY_EMAIL, 2).await;
    let page = visitor
        .submit(&page, "/users/verify-email", &[("verify_email_token", &first)])
        .await;
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=invalid_verify_email_code",
        "the former one died"
    );
    assert_eq!(
        enter_code(&server, &visitor, EMAIL, 2).await.title(),
        "Accueil - ProConnect"
    );
    let page = visitor.get("/personal-information").await;
    assert!(page.status.is_success());
}

#[tokio::test]
async fn a_prefetched_page_sends_nothing() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[("email_verified", "false")]).await;
    let visitor = server.visitor();
    // The redirect after the sign-in shows the page; what counts here is a page fetched in advance afterwards.
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    server.mailbox.wait_for(EMAIL, VERIFY_EMAIL).await;
    server
        .database()
        .execute("UPDATE users SET verify_email_sent_at = now() - interval '2 hours'")
        .await;
    let request = visitor
        .client()
        .get(visitor.url("/users/verify-email"))
        .header("sec-purpose", "prefetch");
    assert!(request.send().await.unwrap().status().is_success());
    assert_eq!(count_mails(&server, EMAIL, VERIFY_EMAIL), 1);
}

#[tokio::test]
async fn an_old_proof_is_renewed() {
    let server = TestServer::start().await;
    let old = [("email_verified_at", "now() - interval '91 days'")];
    insert_user(server.database(), EMAIL, &old).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=email_verification_renewal"
    );
    assert!(page.text().contains("doit être vérifiée régulièrement"));
    assert_eq!(
        enter_code(&server, &visitor, EMAIL, 1).await.title(),
        "Accueil - ProConnect"
    );
}

#[tokio::test]
async fn an_unknown_browser_proves_to_be_the_owners() {
    let server = TestServer::start_with(authenticating_browsers()).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=browser_not_trusted"
    );
    assert_eq!(
        enter_code(&server, &visitor, EMAIL, 1).await.title(),
        "Accueil - ProConnect"
    );
    visitor.sign_out().await;
    assert_eq!(
        visitor.sign_in_as(EMAIL, PASSWORD).await.title(),
        "Accueil - ProConnect",
        "it is known now"
    );

    let other = server.visitor();
    let page = other.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=browser_not_trusted"
    );
    // A cookie of another purpose trusts nobody.
    let session = other.cookie("/", "session").unwrap();
    other.add_cookie(&format!("trusted-browser={session}; Path=/"));
    assert_eq!(
        place(&other.get("/").await),
        "/users/verify-email?notification=browser_not_trusted"
    );
}

#[tokio::test]
async fn where_one_was_going_is_remembered() {
    let server = TestServer::start_with(authenticating_browsers()).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    assert_eq!(
        place(&visitor.get("/personal-information?x=1").await),
        "/users/start-sign-in"
    );
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(
        place(&enter_code(&server, &visitor, EMAIL, 1).await),
        "/personal-information?x=1"
    );
}

//! Two tabs, the back button, the same form sent twice: each does something sensible.

use futures::future::join_all;

use super::{
    GOOD_PASSWORD, MAGIC_LINK, PASSWORD, RESET_PASSWORD, VERIFY_EMAIL, count_mails, enter_code, insert_user,
    mailed_link, place,
};
use crate::support::{Page, TestServer, Visitor};

const EMAIL: &str = "agent@exemple.fr";
const EXPIRED: &str = "/users/start-sign-in?notification=session_expired";

async fn server_with_account(changes: &[(&str, &str)]) -> TestServer {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, changes).await;
    server
}

/// Sends the same form several times at the same moment.
async fn submit_at_once(visitor: &Visitor, page: &Page, path: &str, values: &[(&str, &str)]) -> Vec<Page> {
    join_all((0..5).map(|_| visitor.submit(page, path, values))).await
}

#[tokio::test]
async fn a_sign_up_sent_twice_opens_one_account() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let page = visitor.start_sign_in("nouvelle@exemple.fr").await;
    let values = [("password", GOOD_PASSWORD)];
    for answer in submit_at_once(&visitor, &page, "/users/sign-up", &values).await {
        assert!(matches!(answer.status.as_u16(), 200 | 403), "{}", answer.text());
    }
    let accounts = "SELECT count(*) FROM users WHERE email = 'nouvelle@exemple.fr'";
    assert_eq!(server.database().count(accounts).await, 1);
    // Back to the form: the account is there, and the browser is told where to go on.
    let answer = visitor.submit(&page, "/users/sign-up", &values).await;
    assert!(matches!(answer.status.as_u16(), 200 | 403), "{}", answer.text());
    let other = server.visitor();
    let page = other.sign_in_as("nouvelle@exemple.fr", GOOD_PASSWORD).await;
    assert_eq!(place(&page), "/users/verify-email");
}

#[tokio::test]
async fn a_code_sent_twice_proves_the_address_once() {
    let server = server_with_account(&[("email_verified", "false")]).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    let mail = server.mailbox.wait_for(EMAIL, VERIFY_EMAIL).await;
    let code = mail.code(10).expect("a code");
    let values = [("verify_email_token", code.as_str())];
    for answer in submit_at_once(&visitor, &page, "/users/verify-email", &values).await {
        assert_eq!(
            place(&answer),
            "/",
            "the second click ends where the first one did"
        );
    }
    let answer = visitor.submit(&page, "/users/verify-email", &values).await;
    assert_eq!(place(&answer), "/", "and so does the form of before");
    assert_eq!(count_mails(&server, EMAIL, VERIFY_EMAIL), 1);
}

#[tokio::test]
async fn the_code_page_in_two_tabs_sends_one_code_for_both() {
    let server = server_with_account(&[("email_verified", "false")]).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let tabs = join_all((0..4).map(|_| visitor.get("/users/verify-email"))).await;
    let mail = server.mailbox.wait_for(EMAIL, VERIFY_EMAIL).await;
    assert_eq!(count_mails(&server, EMAIL, VERIFY_EMAIL), 1);
    let code = mail.code(10).expect("a code");
    let values = [("verify_email_token", code.as_str())];
    let answer = visitor.submit(&tabs[3], "/users/verify-email", &values).await;
    assert_eq!(place(&answer), "/");
    let answer = visitor
        .submit(&tabs[0], "/users/send-email-verification", &[])
        .await;
    assert_eq!(place(&answer), "/", "nothing is left to prove in the other tab");
    assert_eq!(count_mails(&server, EMAIL, VERIFY_EMAIL), 1);
}

#[tokio::test]
async fn a_magic_link_opened_in_two_tabs_signs_in_once() {
    let server = server_with_account(&[]).await;
    let visitor = server.visitor();
    let page = visitor.start_sign_in(EMAIL).await;
    for answer in submit_at_once(&visitor, &page, "/users/send-magic-link", &[]).await {
        assert_eq!(place(&answer), "/users/magic-link-sent");
    }
    let link = mailed_link(&server, EMAIL, MAGIC_LINK, 1).await;
    assert_eq!(count_mails(&server, EMAIL, MAGIC_LINK), 1);
    let (first, second) = (visitor.get(&link).await, visitor.get(&link).await);
    let answer = visitor
        .submit(&first, "/users/sign-in-with-magic-link", &[])
        .await;
    assert_eq!(place(&answer), "/");
    // The other tab was of the session before: whatever it is told, nobody is signed out.
    let answer = visitor
        .submit(&second, "/users/sign-in-with-magic-link", &[])
        .await;
    answer.expect_error(403, "invalid csrf token");
    let again = visitor.get(&link).await;
    let answer = visitor
        .submit(&again, "/users/sign-in-with-magic-link", &[])
        .await;
    assert_eq!(
        place(&answer),
        "/users/start-sign-in?notification=invalid_magic_link"
    );
    assert_eq!(visitor.get("/").await.url.path(), "/", "still signed in");
}

#[tokio::test]
async fn going_back_to_a_used_link_to_another_password_says_so() {
    let server = server_with_account(&[]).await;
    let visitor = server.visitor();
    let page = visitor.get("/users/reset-password").await;
    submit_at_once(&visitor, &page, "/users/reset-password", &[("login", EMAIL)]).await;
    let link = mailed_link(&server, EMAIL, RESET_PASSWORD, 1).await;
    assert_eq!(count_mails(&server, EMAIL, RESET_PASSWORD), 1);
    let form = visitor.get(&link).await;
    let values = [("password", GOOD_PASSWORD), ("confirm_password", GOOD_PASSWORD)];
    let answer = visitor.submit(&form, "/users/change-password", &values).await;
    assert_eq!(
        place(&answer),
        "/users/start-sign-in?notification=password_change_success"
    );
    let answer = visitor.submit(&form, "/users/change-password", &values).await;
    assert_eq!(place(&answer), "/users/reset-password?notification=invalid_token");
}

#[tokio::test]
async fn changes_sent_twice_are_told_once() {
    let server = server_with_account(&[]).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let page = visitor.get("/personal-information").await;
    let values = [("given_name", "Autre")];
    for answer in submit_at_once(&visitor, &page, "/personal-information", &values).await {
        assert_eq!(
            place(&answer),
            "/personal-information?notification=personal_information_update_success"
        );
    }
    let subject = "Mise à jour de vos données personnelles";
    server.mailbox.wait_for(EMAIL, subject).await;
    assert_eq!(count_mails(&server, EMAIL, subject), 1);
}

#[tokio::test]
async fn an_account_deleted_twice_is_deleted_once() {
    let server = server_with_account(&[]).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let page = visitor.get("/connection-and-account").await;
    let confirmed = [("confirmed", "true")];
    for answer in submit_at_once(&visitor, &page, "/users/delete", &confirmed).await {
        assert_eq!(
            (answer.status.as_u16(), answer.url.path()),
            (200, "/users/start-sign-in")
        );
    }
    let answer = visitor.submit(&page, "/users/delete", &confirmed).await;
    assert_eq!(place(&answer), EXPIRED);
    server.mailbox.wait_for(EMAIL, "Suppression de compte").await;
    assert_eq!(count_mails(&server, EMAIL, "Suppression de compte"), 1);
}

#[tokio::test]
async fn a_password_is_for_the_address_that_its_tab_shows() {
    let server = server_with_account(&[]).await;
    // The same password, so that only the address tells them apart.
    insert_user(server.database(), "autre@exemple.fr", &[]).await;
    let visitor = server.visitor();
    let first = visitor.start_sign_in(EMAIL).await;
    visitor.start_sign_in("autre@exemple.fr").await;
    let values = [("password", PASSWORD)];
    let answer = visitor.submit(&first, "/users/sign-in", &values).await;
    assert_eq!(
        place(&answer),
        "/users/start-sign-in?notification=address_changed"
    );
    assert!(answer.text().contains("dans un autre onglet"));
    assert_eq!(answer.attributes("[name=login]", "value"), ["autre@exemple.fr"]);
    let sessions = "SELECT count(*) FROM identite_sessions";
    assert_eq!(server.database().count(sessions).await, 0, "nobody is signed in");
    // The page shows the other address now: that one is meant.
    let page = visitor.submit(&answer, "/users/start-sign-in", &[]).await;
    let answer = visitor.submit(&page, "/users/sign-in", &values).await;
    assert_eq!(place(&answer), "/");
    let whose = "SELECT u.email FROM users u JOIN identite_sessions s ON s.user_id = u.id";
    assert_eq!(super::text(server.database(), whose).await, "autre@exemple.fr");
}

#[tokio::test]
async fn an_account_is_opened_for_the_address_that_its_tab_shows() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let first = visitor.start_sign_in("nouvelle@exemple.fr").await;
    visitor.start_sign_in("autre@exemple.fr").await;
    let values = [("password", GOOD_PASSWORD)];
    let answer = visitor.submit(&first, "/users/sign-up", &values).await;
    assert_eq!(
        place(&answer),
        "/users/start-sign-in?notification=address_changed"
    );
    assert_eq!(answer.attributes("[name=login]", "value"), ["autre@exemple.fr"]);
    let accounts = "SELECT count(*) FROM users WHERE email IN ('nouvelle@exemple.fr', 'autre@exemple.fr')";
    assert_eq!(server.database().count(accounts).await, 0);
    let page = visitor.submit(&answer, "/users/start-sign-in", &[]).await;
    let answer = visitor.submit(&page, "/users/sign-up", &values).await;
    assert_eq!(place(&answer), "/users/verify-email");
    assert_eq!(server.database().count(accounts).await, 1);
}

#[tokio::test]
async fn a_magic_link_is_for_the_address_that_its_tab_shows() {
    let server = server_with_account(&[]).await;
    insert_user(server.database(), "autre@exemple.fr", &[]).await;
    let visitor = server.visitor();
    let first = visitor.start_sign_in(EMAIL).await;
    visitor.start_sign_in("autre@exemple.fr").await;
    let answer = visitor.submit(&first, "/users/send-magic-link", &[]).await;
    assert_eq!(
        place(&answer),
        "/users/start-sign-in?notification=address_changed"
    );
    assert_eq!(answer.attributes("[name=login]", "value"), ["autre@exemple.fr"]);
    let links = "SELECT count(*) FROM identite_outbox WHERE payload ->> 'tag' = 'magic-link'";
    assert_eq!(server.database().count(links).await, 0);
    let page = visitor.get("/users/sign-in").await;
    let answer = visitor.submit(&page, "/users/send-magic-link", &[]).await;
    assert_eq!(place(&answer), "/users/magic-link-sent");
    mailed_link(&server, "autre@exemple.fr", MAGIC_LINK, 1).await;
    assert_eq!(count_mails(&server, EMAIL, MAGIC_LINK), 0);
}

#[tokio::test]
async fn a_session_closed_from_another_tab_ends_at_the_next_click() {
    let server = server_with_account(&[("email_verified", "false")]).await;
    let (here, there) = (server.visitor(), server.visitor());
    here.sign_in_as(EMAIL, PASSWORD).await;
    enter_code(&server, &here, EMAIL, 1).await;
    there.sign_in_as(EMAIL, PASSWORD).await;
    let form = there.get("/personal-information").await;
    let page = here.get("/mes-sessions").await;
    let confirmed = [("confirmed", "true")];
    here.submit(&page, "/mes-sessions/fermer-les-autres", &confirmed)
        .await;
    let answer = there
        .submit(&form, "/personal-information", &[("given_name", "Intrus")])
        .await;
    assert_eq!(place(&answer), EXPIRED);
    let name = "SELECT given_name FROM users WHERE email = 'agent@exemple.fr'";
    assert_eq!(super::text(server.database(), name).await, "Jean");
    let answer = there.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(
        place(&answer),
        "/personal-information",
        "back to where the form was"
    );
}

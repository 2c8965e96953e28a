//! Redis, the mail server or a remote system goes away in the middle of something.

use std::time::Duration;

use super::{
    GOOD_PASSWORD, MAGIC_LINK, PASSWORD, RESET_PASSWORD, VERIFY_EMAIL, count_mails, enter_code, insert_user,
    mailed_link, place, text,
};
use crate::support::{Behaviour, Detour, Options, Page, TestRedis, TestServer, Visitor};

const EMAIL: &str = "agent@exemple.fr";
const INVALID_LINK: &str = "/users/start-sign-in?notification=invalid_magic_link";

async fn with_redis() -> (TestRedis, TestServer) {
    let redis = TestRedis::start().await;
    let server = TestServer::start_with(Options::default().with("REDIS_URL", &redis.url())).await;
    insert_user(server.database(), EMAIL, &[("email_verified", "false")]).await;
    (redis, server)
}

async fn ask_for_link(visitor: &Visitor, email: &str) -> Page {
    let page = visitor.start_sign_in(email).await;
    visitor.submit(&page, "/users/send-magic-link", &[]).await
}

async fn open_link(visitor: &Visitor, link: &str) -> Page {
    let page = visitor.get(link).await;
    visitor.submit(&page, "/users/sign-in-with-magic-link", &[]).await
}

/// What was sent before a restart of Redis works after it, but for what only Redis knew, which can be asked for again.
#[tokio::test]
async fn a_redis_that_comes_back_empty_costs_a_page_at_most() {
    let (mut redis, server) = with_redis().await;
    let visitor = server.visitor();
    ask_for_link(&visitor, EMAIL).await;
    let link = mailed_link(&server, EMAIL, MAGIC_LINK, 1).await;
    let newcomer = server.visitor();
    ask_for_link(&newcomer, "nouvelle@exemple.fr").await;
    let waiting = mailed_link(&server, "nouvelle@exemple.fr", MAGIC_LINK, 1).await;
    let forgetful = server.visitor();
    let page = forgetful.get("/users/reset-password").await;
    forgetful
        .submit(&page, "/users/reset-password", &[("login", EMAIL)])
        .await;
    let reset = mailed_link(&server, EMAIL, RESET_PASSWORD, 1).await;
    let at_code = server.visitor();
    let code_page = at_code.sign_in_as(EMAIL, PASSWORD).await;
    let code = server
        .mailbox
        .wait_for(EMAIL, VERIFY_EMAIL)
        .await
        .code(10)
        .expect("a code");

    redis.kill();
    redis.start_again().await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    // The form is of a session that nobody remembers: it is shown again, and the same code is good.
    let values = [("verify_email_token", code.as_str())];
    let page = at_code.submit(&code_page, "/users/verify-email", &values).await;
    if page.status != 200 {
        page.expect_error(403, "invalid csrf token");
        let page = at_code.get("/users/verify-email").await;
        let page = at_code.submit(&page, "/users/verify-email", &values).await;
        assert_eq!(place(&page), "/");
    }
    assert_eq!(place(&open_link(&visitor, &link).await), "/");
    // Nobody knows the address of this one any more; asking again is enough.
    let page = open_link(&newcomer, &waiting).await;
    if place(&page) != "/" {
        assert_eq!(place(&page), INVALID_LINK);
        let page = ask_for_link(&newcomer, "nouvelle@exemple.fr").await;
        assert_eq!(place(&page), "/users/magic-link-sent");
        let fresh = mailed_link(&server, "nouvelle@exemple.fr", MAGIC_LINK, 2).await;
        assert_eq!(place(&open_link(&newcomer, &fresh).await), "/");
    }
    let page = forgetful.get(&reset).await;
    let values = [("password", GOOD_PASSWORD)];
    let page = forgetful.submit(&page, "/users/change-password", &values).await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=password_change_success"
    );
    assert_eq!(place(&forgetful.sign_in_as(EMAIL, GOOD_PASSWORD).await), "/");
    server
        .expect_discreet_log(&[PASSWORD, GOOD_PASSWORD, &code])
        .await;
}

#[tokio::test]
async fn without_redis_accounts_are_opened_proven_and_recovered() {
    let (mut redis, server) = with_redis().await;
    redis.kill();
    let visitor = server.visitor();
    let page = visitor.start_sign_in("nouvelle@exemple.fr").await;
    let page = visitor
        .submit(&page, "/users/sign-up", &[("password", GOOD_PASSWORD)])
        .await;
    assert_eq!(place(&page), "/users/verify-email");
    let page = enter_code(&server, &visitor, "nouvelle@exemple.fr", 1).await;
    assert_eq!(place(&page), "/");

    let owner = server.visitor();
    ask_for_link(&owner, EMAIL).await;
    let link = mailed_link(&server, EMAIL, MAGIC_LINK, 1).await;
    assert_eq!(place(&open_link(&owner, &link).await), "/");
    let page = owner.get("/connection-and-account").await;
    owner.submit(&page, "/users/reset-password", &[]).await;
    let link = mailed_link(&server, EMAIL, RESET_PASSWORD, 1).await;
    let page = owner.get(&link).await;
    let page = owner
        .submit(&page, "/users/change-password", &[("password", GOOD_PASSWORD)])
        .await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=password_change_success"
    );
    // A link for an address without account waits in Redis: it cannot be sent, and the page says to come back.
    let newcomer = server.visitor();
    let page = ask_for_link(&newcomer, "autre@exemple.fr").await;
    page.expect_error(503, "momentanément indisponible");
    assert_eq!(page.header("retry-after"), "5");
    server.expect_discreet_log(&[PASSWORD, GOOD_PASSWORD]).await;
}

#[tokio::test]
async fn mailboxes_are_not_flooded_without_redis_either() {
    let (mut redis, server) = with_redis().await;
    redis.kill();
    let visitor = server.visitor();
    let later = "UPDATE users SET magic_link_sent_at = now() - interval '31 seconds'";
    for rank in 1..=10 {
        server.database().execute(later).await;
        ask_for_link(&visitor, EMAIL).await;
        mailed_link(&server, EMAIL, MAGIC_LINK, rank).await;
    }
    let kept = "SELECT magic_link_token FROM users WHERE email = 'agent@exemple.fr'";
    let last = text(server.database(), kept).await;
    server.database().execute(later).await;
    let page = ask_for_link(&visitor, EMAIL).await;
    assert_eq!(place(&page), "/users/magic-link-sent");
    assert_eq!(
        text(server.database(), kept).await,
        last,
        "the last one stays good"
    );
    assert_eq!(count_mails(&server, EMAIL, MAGIC_LINK), 10);
}

#[tokio::test]
async fn with_the_mail_server_down_everything_is_done_and_told_later() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    server.mailbox.set(Behaviour::Down);
    let visitor = server.visitor();
    assert_eq!(
        place(&ask_for_link(&visitor, EMAIL).await),
        "/users/magic-link-sent"
    );
    let page = visitor.get("/users/reset-password").await;
    let page = visitor
        .submit(&page, "/users/reset-password", &[("login", EMAIL)])
        .await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=reset_password_email_sent"
    );
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let page = visitor.get("/personal-information").await;
    let page = visitor
        .submit(&page, "/personal-information", &[("given_name", "Autre")])
        .await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=personal_information_update_success"
    );
    let page = visitor.get("/connection-and-account").await;
    let page = visitor
        .submit(&page, "/users/delete", &[("confirmed", "true")])
        .await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=user_successfully_deleted"
    );
    assert_eq!(server.mailbox.mails().len(), 0);

    server.mail_server_returns().await;
    for subject in [
        MAGIC_LINK,
        RESET_PASSWORD,
        "Mise à jour de vos données personnelles",
        "Suppression de compte",
    ] {
        server.mailbox.wait_for(EMAIL, subject).await;
    }
}

/// A server whose remote systems are the mocks of another one, by a way that can be closed.
async fn with_remote_systems() -> (TestServer, Detour, TestServer) {
    let mocks = TestServer::start().await;
    let way = Detour::to(mocks.base_url.as_str());
    let base = way.by_this_way(mocks.base_url.as_str());
    let options = Options::default()
        .with("FEATURE_CHECK_EMAIL_DELIVERABILITY", "True")
        .with(
            "DEBOUNCE_API_URL",
            &format!("{base}___testing___/api.debounce.io"),
        )
        .with(
            "PWNED_PASSWORDS_API_URL",
            &format!("{base}___testing___/api.pwnedpasswords.com/"),
        );
    let server = TestServer::start_with(options).await;
    (mocks, way, server)
}

#[tokio::test]
async fn an_address_that_nobody_could_judge_is_judged_at_the_next_step() {
    let (_mocks, way, server) = with_remote_systems().await;
    for form in ["/users/sign-up", "/users/send-magic-link"] {
        way.close();
        let visitor = server.visitor();
        let page = visitor.start_sign_in("jetable@yopmail.com").await;
        assert_eq!(place(&page), "/users/sign-up", "carry on");
        way.open();
        let page = visitor.submit(&page, form, &[("password", GOOD_PASSWORD)]).await;
        assert_eq!(page.url.path(), "/users/start-sign-in", "{form}");
        assert!(place(&page).contains("notification=invalid_email"), "{form}");
        assert_eq!(
            visitor.get("/users/sign-up").await.url.path(),
            "/users/start-sign-in",
            "it identifies nobody"
        );
    }
    assert_eq!(server.mailbox.mails().len(), 0);
    way.close();
    let visitor = server.visitor();
    let page = visitor.start_sign_in("sure@exemple.fr").await;
    way.open();
    let page = visitor
        .submit(&page, "/users/sign-up", &[("password", GOOD_PASSWORD)])
        .await;
    assert_eq!(place(&page), "/users/verify-email");
}

#[tokio::test]
async fn a_password_that_nobody_could_look_up_is_looked_up_at_the_next_sign_in() {
    let (_mocks, way, server) = with_remote_systems().await;
    let visitor = server.visitor();
    let page = visitor.start_sign_in("nouvelle@exemple.fr").await;
    way.close();
    let leaked = "P@ssw0rd1234";
    let page = visitor
        .submit(&page, "/users/sign-up", &[("password", leaked)])
        .await;
    assert_eq!(place(&page), "/users/verify-email");
    let pending = "SELECT count(*) FROM identite_credentials WHERE leak_check_pending";
    assert_eq!(server.database().count(pending).await, 1);
    // Still away at the next sign-in: nothing is lost.
    server.visitor().sign_in_as("nouvelle@exemple.fr", leaked).await;
    assert_eq!(server.database().count(pending).await, 1);
    way.open();
    server.visitor().sign_in_as("nouvelle@exemple.fr", leaked).await;
    server
        .mailbox
        .wait_for("nouvelle@exemple.fr", "Changez votre mot de passe ProConnect")
        .await;
    assert_eq!(server.database().count(pending).await, 0);
}

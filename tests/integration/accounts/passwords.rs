//! `/users/reset-password`, `/users/change-password`

use futures::future::join_all;

use super::{
    GOOD_PASSWORD, PASSWORD, PASSWORD_CHANGED, RESET_PASSWORD, authenticating_browsers, count_mails,
    enter_code, insert_user, mailed_link, parameter, place,
};
use crate::support::{TestServer, Visitor};

const EMAIL: &str = "agent@exemple.fr";
const INVALID: &str = "/users/reset-password?notification=invalid_token";

async fn ask(server: &TestServer, visitor: &Visitor, email: &str, rank: usize) -> String {
    let page = visitor.get("/users/reset-password").await;
    let page = visitor
        .submit(&page, "/users/reset-password", &[("login", email)])
        .await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=reset_password_email_sent"
    );
    mailed_link(server, email, RESET_PASSWORD, rank).await
}

async fn change(visitor: &Visitor, link: &str, password: &str) -> String {
    let page = visitor.get(link).await;
    if place(&page) == INVALID {
        return INVALID.to_owned();
    }
    let values = [("password", password), ("confirm_password", password)];
    place(&visitor.submit(&page, "/users/change-password", &values).await)
}

#[tokio::test]
async fn a_new_password_ends_every_other_session_and_is_told() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let elsewhere = server.visitor();
    assert_eq!(
        elsewhere.sign_in_as(EMAIL, PASSWORD).await.title(),
        "Accueil - ProConnect"
    );

    let visitor = server.visitor();
    let page = visitor.start_sign_in(EMAIL).await;
    assert!(page.status.is_success());
    let page = visitor.get("/users/reset-password").await;
    assert_eq!(page.attributes("[name=login]", "value"), [EMAIL]);
    let link = ask(&server, &visitor, EMAIL, 1).await;
    let start = visitor.get("/users/start-sign-in").await;
    assert_eq!(
        start.attributes("[name=login]", "value"),
        [EMAIL],
        "the address is shown again"
    );
    let expected = "/users/start-sign-in?notification=password_change_success";
    assert_eq!(change(&visitor, &link, GOOD_PASSWORD).await, expected);
    assert_eq!(place(&elsewhere.get("/").await), "/users/start-sign-in");
    server.mailbox.wait_for(EMAIL, PASSWORD_CHANGED).await;

    assert_eq!(
        change(&visitor, &link, "encore une autre phrase secrète").await,
        INVALID,
        "a link works once"
    );
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(place(&page), "/users/sign-in?notification=invalid_credentials");
    assert_eq!(
        visitor.sign_in_as(EMAIL, GOOD_PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
}

#[tokio::test]
async fn the_browser_that_changed_the_password_is_trusted_and_no_other() {
    let server = TestServer::start_with(authenticating_browsers()).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let known = server.visitor();
    known.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(
        enter_code(&server, &known, EMAIL, 1).await.title(),
        "Accueil - ProConnect"
    );

    let visitor = server.visitor();
    let link = ask(&server, &visitor, EMAIL, 1).await;
    change(&visitor, &link, GOOD_PASSWORD).await;
    assert_eq!(
        visitor.sign_in_as(EMAIL, GOOD_PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
    let page = known.sign_in_as(EMAIL, GOOD_PASSWORD).await;
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=browser_not_trusted"
    );
}

#[tokio::test]
async fn a_refused_password_keeps_the_link_alive() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    let link = ask(&server, &visitor, EMAIL, 1).await;
    for (password, code) in [
        ("", "weak_password"),
        ("court", "weak_password"),
        ("agent@exemple.fr agent@exemple.fr", "weak_password"),
        ("P@ssw0rd1234", "leaked_password"),
    ] {
        let place = change(&visitor, &link, password).await;
        assert_eq!(parameter(&place, "notification"), code, "{place}");
        assert_eq!(
            parameter(&place, "reset_password_token"),
            parameter(&link, "reset_password_token")
        );
    }
    let expected = "/users/start-sign-in?notification=password_change_success";
    assert_eq!(change(&visitor, &link, GOOD_PASSWORD).await, expected);
}

#[tokio::test]
async fn a_link_used_by_many_at_once_changes_one_password() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    let link = ask(&server, &visitor, EMAIL, 1).await;
    let page = visitor.get(&link).await;
    let tries = (0..20).map(|number| {
        let (visitor, page) = (visitor.clone(), &page);
        async move {
            let password = format!("une phrase secrète numéro {number}");
            place(
                &visitor
                    .submit(page, "/users/change-password", &[("password", &password)])
                    .await,
            )
        }
    });
    let places = join_all(tries).await;
    let won = places
        .iter()
        .filter(|place| place.ends_with("password_change_success"))
        .count();
    assert_eq!(won, 1, "{places:?}");
    assert_eq!(count_mails(&server, EMAIL, PASSWORD_CHANGED), 1);
}

#[tokio::test]
async fn nobody_learns_whether_an_address_has_an_account() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let page = visitor.get("/users/reset-password").await;
    let page = visitor
        .submit(
            &page,
            "/users/reset-password",
            &[("login", "personne@exemple.fr")],
        )
        .await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=reset_password_email_sent"
    );
    assert_eq!(
        place(&visitor.get("/users/sign-up").await),
        "/users/start-sign-in",
        "it identifies nobody"
    );
    let page = visitor.get("/users/reset-password").await;
    let page = visitor
        .submit(&page, "/users/reset-password", &[("login", "pas une adresse")])
        .await;
    assert_eq!(place(&page), "/users/reset-password?notification=invalid_email");
    assert!(server.mailbox.mails().is_empty());
}

#[tokio::test]
async fn who_is_signed_in_changes_their_own_password() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    insert_user(server.database(), "autre@exemple.fr", &[]).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let page = visitor.get("/connection-and-account").await;
    visitor
        .submit(&page, "/users/reset-password", &[("login", "autre@exemple.fr")])
        .await;
    let link = mailed_link(&server, EMAIL, RESET_PASSWORD, 1).await;
    assert_eq!(count_mails(&server, "autre@exemple.fr", RESET_PASSWORD), 0);
    change(&visitor, &link, GOOD_PASSWORD).await;
    assert_eq!(
        visitor.get("/").await.title(),
        "Accueil - ProConnect",
        "this session stays"
    );
}

#[tokio::test]
async fn a_link_that_is_none_changes_nothing() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    assert_eq!(visitor.get("/users/change-password").await.status, 400);
    assert_eq!(
        visitor
            .get("/users/change-password?reset_password_token=%20")
            .await
            .status,
        400
    );
    let unknown = format!("/users/change-password?reset_password_token={}", "a".repeat(64));
    assert_eq!(change(&visitor, &unknown, GOOD_PASSWORD).await, INVALID);
    let link = ask(&server, &visitor, EMAIL, 1).await;
    server
        .database()
        .execute("UPDATE users SET reset_password_sent_at = now() - interval '61 minutes'")
        .await;
    assert_eq!(change(&visitor, &link, GOOD_PASSWORD).await, INVALID);
    // What tampers with the redirect stays a value.
    let crafted = "/users/change-password?reset_password_token=a%26notification%3Dlogout_success";
    assert_eq!(change(&visitor, crafted, "court").await, INVALID);
}

#[tokio::test]
async fn a_dead_link_says_so_before_a_password_is_thought_up() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    let link = ask(&server, &visitor, EMAIL, 1).await;
    let scanner = server.visitor();
    for _ in 0..3 {
        let page = scanner.get(&link).await;
        assert_eq!(
            page.heading(),
            "Changer votre mot de passe",
            "opening it uses nothing up"
        );
    }
    let form = visitor.get(&link).await;
    let expected = "/users/start-sign-in?notification=password_change_success";
    assert_eq!(change(&visitor, &link, GOOD_PASSWORD).await, expected);
    let page = scanner.get(&link).await;
    assert_eq!(place(&page), INVALID, "it was used");
    assert!(page.text().contains("n’est pas valable, ou ne l’est plus"));
    // Who had the page open already is told, too.
    let values = [("password", "encore une autre phrase secrète")];
    let page = visitor.submit(&form, "/users/change-password", &values).await;
    assert_eq!(place(&page), INVALID);
}

#[tokio::test]
async fn a_link_of_the_reference_works() {
    let server = TestServer::start().await;
    let clear = "Pz5w4vKq-Lx1r0_6ZJbTgHcYd8sEoWnIaRfQk3MuV9iXy2BtCj7lGhNpDeSmOaUz";
    let token = format!("'{clear}'");
    let sent = [
        ("reset_password_token", token.as_str()),
        ("reset_password_sent_at", "now() - interval '5 minutes'"),
    ];
    insert_user(server.database(), EMAIL, &sent).await;
    let link = format!("/users/change-password?reset_password_token={clear}");
    let expected = "/users/start-sign-in?notification=password_change_success";
    assert_eq!(change(&server.visitor(), &link, GOOD_PASSWORD).await, expected);
}

#[tokio::test]
async fn an_account_whose_hash_is_no_hash_recovers_this_way() {
    let server = TestServer::start().await;
    insert_user(
        server.database(),
        EMAIL,
        &[("encrypted_password", "'forgotten_password'")],
    )
    .await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(place(&page), "/users/sign-in?notification=invalid_credentials");
    let link = ask(&server, &visitor, EMAIL, 1).await;
    change(&visitor, &link, GOOD_PASSWORD).await;
    assert_eq!(
        visitor.sign_in_as(EMAIL, GOOD_PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
}

#[tokio::test]
async fn a_link_to_another_password_signs_nobody_in() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    let link = ask(&server, &visitor, EMAIL, 1).await;
    let token = parameter(&link, "reset_password_token");
    let page = visitor
        .get(&format!(
            "/users/sign-in-with-magic-link?magic_link_token={token}"
        ))
        .await;
    let page = visitor.submit(&page, "/users/sign-in-with-magic-link", &[]).await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=invalid_magic_link"
    );
    let expected = "/users/start-sign-in?notification=password_change_success";
    assert_eq!(
        change(&visitor, &link, GOOD_PASSWORD).await,
        expected,
        "it is still good"
    );
}

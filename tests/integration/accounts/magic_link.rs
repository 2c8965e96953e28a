//! `/users/send-magic-link`, `/users/magic-link-sent`, `/users/sign-in-with-magic-link`

use futures::future::join_all;

use super::{
    MAGIC_LINK, authenticating_browsers, count_mails, insert_user, mailed_link, parameter, place, text,
};
use crate::support::{Options, RelyingParty, TestServer, Visitor};

const EMAIL: &str = "agent@exemple.fr";
const INVALID: &str = "/users/start-sign-in?notification=invalid_magic_link";

/// Asks for a link and gives its path.
async fn ask(server: &TestServer, visitor: &Visitor, email: &str, rank: usize) -> String {
    let page = visitor.start_sign_in(email).await;
    let page = visitor.submit(&page, "/users/send-magic-link", &[]).await;
    assert_eq!(place(&page), "/users/magic-link-sent");
    assert!(page.text().contains("Votre lien vous attend à l’adresse...") && page.text().contains(email));
    mailed_link(server, email, MAGIC_LINK, rank).await
}

#[tokio::test]
async fn a_link_signs_in_once_in_the_browser_that_asked() {
    let server = TestServer::start_with(authenticating_browsers()).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    let link = ask(&server, &visitor, EMAIL, 1).await;
    let stored = text(
        server.database(),
        "SELECT magic_link_token FROM users WHERE email = 'agent@exemple.fr'",
    )
    .await;
    assert_ne!(stored, parameter(&link, "magic_link_token"));
    let page = visitor.get(&link).await;
    assert_eq!(
        page.title(),
        "Connexion en cours, la page va se recharger automatiquement… - ProConnect"
    );
    assert_eq!(page.attributes("#auto-submit-form", "data-delay"), ["1000"]);
    let page = visitor.submit(&page, "/users/sign-in-with-magic-link", &[]).await;
    assert_eq!(
        page.title(),
        "Accueil - ProConnect",
        "a link proves the browser as well"
    );

    let other = server.visitor();
    let page = other.get(&link).await;
    assert_eq!(page.title(), "Connexion avec un lien - ProConnect");
    assert_eq!(
        place(&other.submit(&page, "/users/sign-in-with-magic-link", &[]).await),
        INVALID
    );
}

#[tokio::test]
async fn people_are_told_how_long_a_link_is_good() {
    let options = Options::default().with("MAGIC_LINK_TOKEN_EXPIRATION_DURATION_IN_MINUTES", "15");
    for (options, lifetime) in [(Options::default(), "une heure"), (options, "15 minutes")] {
        let server = TestServer::start_with(options).await;
        insert_user(server.database(), EMAIL, &[]).await;
        let visitor = server.visitor();
        ask(&server, &visitor, EMAIL, 1).await;
        let told = format!("valable {lifetime}");
        let page = visitor.get("/users/magic-link-sent").await;
        assert!(page.text().contains(&told), "{told}: {}", page.text());
        let mail = server.mailbox.wait_for(EMAIL, MAGIC_LINK).await;
        assert!(mail.text().contains(&told), "{told}: {}", mail.text());
    }
}

#[tokio::test]
async fn a_scanner_that_follows_links_uses_nothing_up() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let link = ask(&server, &server.visitor(), EMAIL, 1).await;
    for _ in 0..3 {
        let scanner = server.visitor();
        assert_eq!(
            scanner.get(&link).await.title(),
            "Connexion avec un lien - ProConnect"
        );
        let head = scanner.client().head(scanner.url(&link)).send().await.unwrap();
        assert!(head.status().is_success());
    }
    let phone = server.visitor();
    let page = phone.get(&link).await;
    let page = phone.submit(&page, "/users/sign-in-with-magic-link", &[]).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
}

#[tokio::test]
async fn an_unknown_address_gets_its_account_when_the_link_is_used() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let email = "nouvelle@exemple.fr";
    let link = ask(&server, &visitor, email, 1).await;
    let rows = "SELECT count(*) FROM users WHERE email = 'nouvelle@exemple.fr'";
    assert_eq!(server.database().count(rows).await, 0);
    let page = visitor.get(&link).await;
    let page = visitor.submit(&page, "/users/sign-in-with-magic-link", &[]).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    let verified = "SELECT count(*) FROM users WHERE email = 'nouvelle@exemple.fr' AND email_verified";
    assert_eq!(server.database().count(verified).await, 1);
    let again = server.visitor();
    let page = again.get(&link).await;
    assert_eq!(
        place(&again.submit(&page, "/users/sign-in-with-magic-link", &[]).await),
        INVALID
    );
}

#[tokio::test]
async fn a_link_used_by_fifty_at_once_signs_one_in() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    for (email, kept) in [
        (EMAIL, "with the account"),
        ("nouveau@exemple.fr", "in the shared state"),
    ] {
        let link = ask(&server, &server.visitor(), email, 1).await;
        let mut tries = Vec::new();
        for _ in 0..50 {
            let visitor = server.visitor();
            let page = visitor.get(&link).await;
            tries.push(async move {
                visitor
                    .submit(&page, "/users/sign-in-with-magic-link", &[])
                    .await
                    .title()
                    == "Accueil - ProConnect"
            });
        }
        let winners = join_all(tries).await.into_iter().filter(|won| *won).count();
        assert_eq!(winners, 1, "{kept}");
    }
}

#[tokio::test]
async fn a_link_that_is_none_signs_nobody_in() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    for path in [
        "/users/sign-in-with-magic-link",
        "/users/sign-in-with-magic-link?magic_link_token=%20",
    ] {
        assert_eq!(place(&visitor.get(path).await), INVALID);
    }
    let unknown = format!(
        "/users/sign-in-with-magic-link?magic_link_token={}",
        "a".repeat(64)
    );
    let page = visitor.get(&unknown).await;
    assert_eq!(
        place(&visitor.submit(&page, "/users/sign-in-with-magic-link", &[]).await),
        INVALID
    );
    let page = visitor.get(&unknown).await;
    let empty = [("magic_link_token", "")];
    assert_eq!(
        place(
            &visitor
                .submit(&page, "/users/sign-in-with-magic-link", &empty)
                .await
        ),
        INVALID
    );
}

#[tokio::test]
async fn a_link_expires_and_is_bound_to_its_purpose() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    let link = ask(&server, &visitor, EMAIL, 1).await;
    let token = parameter(&link, "magic_link_token");
    let invalid = "/users/reset-password?notification=invalid_token";
    let change = format!("/users/change-password?reset_password_token={token}");
    assert_eq!(place(&visitor.get(&change).await), invalid);
    let form_token = visitor.get("/users/reset-password").await.form_token();
    let values = [
        ("_csrf", form_token.as_str()),
        ("reset_password_token", &token),
        ("password", super::GOOD_PASSWORD),
    ];
    let page = visitor.post("/users/change-password", &values).await;
    assert_eq!(place(&page), invalid);

    server
        .database()
        .execute("UPDATE users SET magic_link_sent_at = now() - interval '61 minutes'")
        .await;
    let page = visitor.get(&link).await;
    assert_eq!(
        place(&visitor.submit(&page, "/users/sign-in-with-magic-link", &[]).await),
        INVALID
    );
}

#[tokio::test]
async fn what_is_stored_is_no_link_but_what_the_reference_stored_is() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    ask(&server, &visitor, EMAIL, 1).await;
    let stored = text(
        server.database(),
        "SELECT magic_link_token FROM users WHERE email = 'agent@exemple.fr'",
    )
    .await;
    let page = visitor
        .get(&format!(
            "/users/sign-in-with-magic-link?magic_link_token={stored}"
        ))
        .await;
    assert_eq!(
        place(&visitor.submit(&page, "/users/sign-in-with-magic-link", &[]).await),
        INVALID
    );

    let clear = "Pz5w4vKq-Lx1r0_6ZJbTgHcYd8sEoWnIaRfQk3MuV9iXy2BtCj7lGhNpDeSmOaUz";
    let sent = [
        ("magic_link_token", format!("'{clear}'")),
        ("magic_link_sent_at", "now() - interval '5 minutes'".into()),
    ];
    let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
    insert_user(server.database(), "ancienne@exemple.fr", &sent).await;
    let page = visitor
        .get(&format!(
            "/users/sign-in-with-magic-link?magic_link_token={clear}"
        ))
        .await;
    let page = visitor.submit(&page, "/users/sign-in-with-magic-link", &[]).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
}

#[tokio::test]
async fn a_link_that_is_about_to_arrive_is_not_replaced() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    for email in [EMAIL, "nouveau@exemple.fr"] {
        let visitor = server.visitor();
        let link = ask(&server, &visitor, email, 1).await;
        let page = visitor.get("/users/sign-up").await;
        let page = visitor.submit(&page, "/users/send-magic-link", &[]).await;
        assert_eq!(place(&page), "/users/magic-link-sent");
        assert_eq!(count_mails(&server, email, MAGIC_LINK), 1);
        let page = visitor.get(&link).await;
        let page = visitor.submit(&page, "/users/sign-in-with-magic-link", &[]).await;
        assert_eq!(page.title(), "Accueil - ProConnect");
    }
}

#[tokio::test]
async fn ten_links_an_hour_are_sent_and_wishes_alone_use_none_up() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    ask(&server, &visitor, EMAIL, 1).await;
    let page = visitor.get("/users/sign-up").await;
    for _ in 0..10 {
        visitor.submit(&page, "/users/send-magic-link", &[]).await;
    }
    let later = "UPDATE users SET magic_link_sent_at = now() - interval '31 seconds'";
    for rank in 2..=10 {
        server.database().execute(later).await;
        ask(&server, &visitor, EMAIL, rank).await;
    }
    let kept = "SELECT magic_link_token FROM users WHERE email = 'agent@exemple.fr'";
    let last = text(server.database(), kept).await;
    server.database().execute(later).await;
    let page = visitor.submit(&page, "/users/send-magic-link", &[]).await;
    assert_eq!(place(&page), "/users/magic-link-sent");
    let stored = text(server.database(), kept).await;
    assert_eq!(stored, last, "the last one stays good");
    assert_eq!(count_mails(&server, EMAIL, MAGIC_LINK), 10);
}

#[tokio::test]
async fn a_link_of_somebody_else_is_not_sent_by_itself() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let link = ask(&server, &server.visitor(), EMAIL, 1).await;
    let other = server.visitor();
    other.start_sign_in("autre@exemple.fr").await;
    assert_eq!(
        other.get(&link).await.title(),
        "Connexion avec un lien - ProConnect"
    );
}

#[tokio::test]
async fn a_link_is_not_sent_by_itself_where_nobody_asked_for_it() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let link = ask(&server, &server.visitor(), EMAIL, 1).await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let hinted = server.visitor();
    let request = client.authorization_url(&server, &[("login_hint", EMAIL)]);
    let page = hinted.get(request.as_str()).await;
    assert_eq!(page.url.path(), "/users/sign-in", "the hint is taken");
    let typed = server.visitor();
    typed.start_sign_in(EMAIL).await;
    for other in [&hinted, &typed] {
        assert_eq!(
            other.get(&link).await.title(),
            "Connexion avec un lien - ProConnect"
        );
    }
}

#[tokio::test]
async fn no_link_without_an_address() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let page = visitor.post("/users/send-magic-link", &[]).await;
    assert_eq!(place(&page), "/users/start-sign-in?notification=session_expired");
    let page = visitor.get("/users/magic-link-sent").await;
    assert_eq!(page.title(), "Recevoir un lien d'identification - ProConnect");
}

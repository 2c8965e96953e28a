//! `/users/delete`

use super::{PASSWORD, insert_user, place};
use crate::support::{Behaviour, TestServer};

const EMAIL: &str = "agent@exemple.fr";

#[tokio::test]
async fn a_deleted_account_is_gone_everywhere_and_told() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let elsewhere = server.visitor();
    elsewhere.sign_in_as(EMAIL, PASSWORD).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    // The mail server is down at that moment: the page neither waits nor fails.
    server.mailbox.set(Behaviour::Down);
    let page = visitor.get("/connection-and-account").await;
    let page = visitor
        .submit(&page, "/users/delete", &[("confirmed", "true")])
        .await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=user_successfully_deleted"
    );
    assert!(page.text().contains("Votre compte a bien été supprimé."));
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM users WHERE email = 'agent@exemple.fr'")
            .await,
        0
    );
    for browser in [&visitor, &elsewhere] {
        assert_eq!(place(&browser.get("/").await), "/users/start-sign-in");
    }
    assert_eq!(visitor.cookie("/", "trusted-browser"), None);
    let waiting = "SELECT count(*) FROM identite_outbox WHERE payload ->> 'tag' = 'delete-account'";
    assert_eq!(server.database().count(waiting).await, 1);
    let history = "SELECT count(*) FROM identite_events WHERE kind = 'account_deleted'";
    assert_eq!(server.database().count(history).await, 1);
}

#[tokio::test]
async fn nobody_deletes_an_account_from_afar() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    assert_eq!(
        place(&visitor.post("/users/delete", &[]).await),
        "/users/start-sign-in?notification=session_expired"
    );
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(
        visitor.post("/users/delete", &[]).await.status,
        403,
        "the form token is missing"
    );
    assert_eq!(visitor.get("/users/delete").await.status, 404);
    let page = visitor.get("/connection-and-account").await;
    server
        .database()
        .execute("UPDATE identite_sessions SET signed_in_at = now() - interval '16 minutes'")
        .await;
    let page = visitor.submit(&page, "/users/delete", &[]).await;
    assert_eq!(place(&page), "/users/start-sign-in?notification=login_required");
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM users WHERE email = 'agent@exemple.fr'")
            .await,
        1
    );
}

#[tokio::test]
async fn nothing_is_deleted_before_it_is_confirmed() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    let page = visitor.get("/connection-and-account").await;
    let question = page.attributes("[action='/users/delete'] button", "data-confirm");
    let asked = visitor.submit(&page, "/users/delete", &[]).await;
    assert_eq!((asked.status.as_u16(), asked.url.path()), (200, "/users/delete"));
    assert_eq!(asked.title(), "Supprimer votre compte - ProConnect");
    assert_eq!(asked.heading(), "Supprimer votre compte");
    assert!(asked.header("cache-control").contains("no-store"));
    // The page asks what the dialogue asks.
    let question = question[0].split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(asked.text().contains(&question), "{}", asked.text());
    assert_eq!(asked.texts("[action='/users/delete'] button"), ["Confirmer"]);
    assert_eq!(asked.texts("main a.fr-link"), ["Annuler"]);
    assert_eq!(
        asked.attributes("main a.fr-link", "href"),
        ["/connection-and-account"]
    );
    for answer in ["", "false", "yes"] {
        let again = visitor
            .submit(&page, "/users/delete", &[("confirmed", answer)])
            .await;
        assert_eq!(again.heading(), "Supprimer votre compte", "{answer:?}");
    }
    let accounts = "SELECT count(*) FROM users WHERE email = 'agent@exemple.fr'";
    assert_eq!(server.database().count(accounts).await, 1);
    // Who agrees too late signs in again, and is led to a page that there is.
    server
        .database()
        .execute("UPDATE identite_sessions SET signed_in_at = now() - interval '16 minutes'")
        .await;
    let late = visitor.submit(&asked, "/users/delete", &[]).await;
    assert_eq!(place(&late), "/users/start-sign-in?notification=login_required");
    assert_eq!(place(&visitor.sign_in_as(EMAIL, PASSWORD).await), "/");
    assert_eq!(server.database().count(accounts).await, 1);
    let page = visitor.get("/connection-and-account").await;
    let asked = visitor.submit(&page, "/users/delete", &[]).await;
    let page = visitor.submit(&asked, "/users/delete", &[]).await;
    assert_eq!(
        place(&page),
        "/users/start-sign-in?notification=user_successfully_deleted"
    );
    assert_eq!(server.database().count(accounts).await, 0);
}

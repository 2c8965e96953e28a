//! `/mes-sessions` and its history; sign-ins from new browsers

use super::{NEW_BROWSER, PASSWORD, count_mails, insert_user, place};
use crate::support::{TestServer, Visitor};

const EMAIL: &str = "agent@exemple.fr";

async fn signed_in(server: &TestServer) -> Visitor {
    let visitor = server.visitor();
    assert_eq!(
        visitor.sign_in_as(EMAIL, PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
    visitor
}

#[tokio::test]
async fn sessions_are_listed_and_closed_from_afar() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let (here, there, elsewhere) = (
        signed_in(&server).await,
        signed_in(&server).await,
        signed_in(&server).await,
    );
    let page = here.get("/mes-sessions").await;
    assert_eq!(page.title(), "Vos sessions - ProConnect");
    assert_eq!(page.texts(".session-list li").len(), 3);
    assert!(page.texts(".session-list li")[0].contains("Session actuelle"));
    assert!(page.text().contains("mot de passe"));

    let page = here.submit(&page, "/mes-sessions/fermer", &[]).await;
    assert_eq!(place(&page), "/mes-sessions?notification=session_closed");
    let alive = [&there, &elsewhere];
    let mut open = 0;
    for visitor in alive {
        open += usize::from(visitor.get("/").await.title() == "Accueil - ProConnect");
    }
    assert_eq!(open, 1, "one of the two was closed");

    let fourth = signed_in(&server).await;
    let page = here.get("/mes-sessions").await;
    let asked = here.submit(&page, "/mes-sessions/fermer-les-autres", &[]).await;
    assert_eq!(asked.heading(), "Fermer toutes les autres sessions");
    assert_eq!(fourth.get("/").await.title(), "Accueil - ProConnect");
    let page = here.submit(&asked, "/mes-sessions/fermer-les-autres", &[]).await;
    assert_eq!(place(&page), "/mes-sessions?notification=other_sessions_closed");
    assert_eq!(page.texts(".session-list li").len(), 1);
    for visitor in [&there, &elsewhere, &fourth] {
        assert_eq!(place(&visitor.get("/").await), "/users/start-sign-in");
    }
    assert_eq!(here.get("/").await.title(), "Accueil - ProConnect");
}

#[tokio::test]
async fn nobody_closes_the_session_of_somebody_else() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let victim = server.visitor();
    victim
        .sign_in_as(crate::support::EMAIL, crate::support::PASSWORD)
        .await;
    let uid = super::text(server.database(), "SELECT uid FROM identite_sessions").await;
    let visitor = signed_in(&server).await;
    let other = signed_in(&server).await;
    let page = visitor.get("/mes-sessions").await;
    let page = visitor
        .submit(&page, "/mes-sessions/fermer", &[("session", &uid)])
        .await;
    assert_eq!(place(&page), "/mes-sessions");
    assert_eq!(victim.get("/").await.title(), "Accueil - ProConnect");
    assert_eq!(other.get("/").await.title(), "Accueil - ProConnect");
    assert_eq!(
        place(&server.visitor().get("/mes-sessions").await),
        "/users/start-sign-in"
    );
}

#[tokio::test]
async fn the_history_tells_what_happened() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = signed_in(&server).await;
    let page = visitor.get("/connection-and-account").await;
    visitor.submit(&page, "/users/reset-password", &[]).await;
    let page = visitor.get("/mes-sessions/historique").await;
    assert_eq!(page.title(), "Historique de sécurité - ProConnect");
    let events = page.texts(".session-list h2");
    assert_eq!(events, ["Réinitialisation du mot de passe demandée", "Connexion"]);
    assert_eq!(visitor.get("/mes-sessions/historique?avant=x").await.status, 400);

    server
        .database()
        .execute(
            "INSERT INTO identite_events (user_id, kind, occurred_at)
             SELECT user_id, kind, occurred_at FROM identite_events, generate_series(1, 60) WHERE kind = 'sign_in'",
        )
        .await;
    let page = visitor.get("/mes-sessions/historique").await;
    assert_eq!(page.texts(".session-list h2").len(), 50);
    let older = page.attributes("a[href*='avant=']", "href");
    assert_eq!(visitor.get(&older[0]).await.texts(".session-list h2").len(), 12);
}

#[tokio::test]
async fn a_sign_in_from_another_browser_is_told_once() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let first = signed_in(&server).await;
    first.sign_out().await;
    assert_eq!(
        first.sign_in_as(EMAIL, PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
    assert_eq!(count_mails(&server, EMAIL, NEW_BROWSER), 0);
    let second = signed_in(&server).await;
    let mail = server.mailbox.wait_for(EMAIL, NEW_BROWSER).await;
    assert!(mail.text().contains("Adresse IP : 127.0.0.1"), "{}", mail.text());
    second.sign_out().await;
    second.sign_in_as(EMAIL, PASSWORD).await;
    first.sign_out().await;
    first.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(count_mails(&server, EMAIL, NEW_BROWSER), 1);
}

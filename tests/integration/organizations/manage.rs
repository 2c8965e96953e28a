//! `/manage-organizations`, quitting an organization, withdrawing a request

use super::{EMAIL, count_mails, insert_user, link, newcomer, place, request_to_join, text};
use crate::support::TestServer;

const CANCELLED: &str = "Annulation de votre demande de rattachement";
const MANAGE: &str = "/manage-organizations";

#[tokio::test]
async fn who_acts_for_nobody_is_shown_how_to_join() {
    let server = TestServer::start().await;
    let (visitor, _) = newcomer(&server).await;
    let page = visitor.get(MANAGE).await;
    assert_eq!(page.title(), "Organisations - ProConnect");
    assert_eq!(page.heading(), "Vos organisations de rattachement");
    assert!(page.text().contains("Vous n’êtes attaché à aucune organisation."));
    assert!(page.text().contains("Rejoindre une organisation"));
    assert_eq!(place(&server.visitor().get(MANAGE).await), "/users/start-sign-in");
}

#[tokio::test]
async fn an_organization_is_left_and_the_session_acts_for_it_no_more() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    link(server.database(), user, 1, "domain").await;
    link(server.database(), user, 2, "organization_dirigeant").await;
    visitor.select_organization(1).await;
    let selected = format!("SELECT selected_organization_id FROM identite_sessions WHERE user_id = {user}");
    assert_eq!(text(server.database(), &selected).await, "1");

    let page = visitor.get(MANAGE).await;
    assert_eq!(page.texts(".fr-badge--success"), ["certifié"]);
    let labels = page.attributes("[action^='/users/quit-organization/'] button", "aria-label");
    assert_eq!(labels.len(), 2);
    assert!(
        labels
            .iter()
            .all(|label| label.starts_with("Quitter l'organisation "))
    );
    let asked = visitor.submit(&page, "/users/quit-organization/1", &[]).await;
    assert_eq!(asked.heading(), "Quitter l’organisation");
    let label = page.attributes("[action='/users/quit-organization/1'] button", "aria-label");
    let meant = asked.texts("main p strong");
    assert_eq!(label, [format!("Quitter l'organisation {}", meant[0])]);
    assert_eq!(asked.attributes("main a.fr-link", "href"), [MANAGE]);
    assert_eq!(
        text(server.database(), &selected).await,
        "1",
        "nothing is done yet"
    );
    let page = visitor.submit(&asked, "/users/quit-organization/1", &[]).await;
    assert_eq!(
        place(&page),
        "/manage-organizations?notification=quit_organization_success"
    );
    assert!(page.text().contains("plus partie de cette organisation"));
    assert_eq!(text(server.database(), &selected).await, "");

    let stale = visitor.get("/personal-information").await;
    let token = &stale.attributes("[name=_csrf]", "value")[0];
    for (id, status) in [("1", 404), ("999999", 404), ("x", 400), ("99999999999", 400)] {
        let path = format!("/users/quit-organization/{id}");
        let fields = [("_csrf", token.as_str()), ("confirmed", "true")];
        for fields in [&fields[..], &fields[..1]] {
            let page = visitor.post(&path, fields).await;
            assert_eq!(page.status.as_u16(), status, "{id} {fields:?}");
        }
    }
    let page = visitor.post("/users/quit-organization/2", &[]).await;
    assert_eq!(page.status.as_u16(), 403, "without the form token");
    let page = visitor.get(MANAGE).await;
    let confirmed = [("confirmed", "true")];
    let page = visitor
        .submit(&page, "/users/quit-organization/2", &confirmed)
        .await;
    assert!(page.text().contains("Vous n’êtes attaché à aucune organisation."));
}

#[tokio::test]
async fn a_form_sent_after_the_session_has_ended_leads_back_to_its_page_and_does_nothing() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    link(server.database(), user, 1, "domain").await;
    let page = visitor.get(MANAGE).await;
    server
        .database()
        .execute("UPDATE identite_sessions SET ended_at = now(), end_reason = 'expired'")
        .await;
    let confirmed = [("confirmed", "true")];
    let page = visitor
        .submit(&page, "/users/quit-organization/1", &confirmed)
        .await;
    assert_eq!(place(&page), "/users/start-sign-in?notification=session_expired");
    let page = visitor.sign_in_as(EMAIL, super::PASSWORD).await;
    assert_eq!(place(&page), MANAGE);
    let links = format!("SELECT count(*) FROM users_organizations WHERE user_id = {user}");
    assert_eq!(text(server.database(), &links).await, "1");
}

#[tokio::test]
async fn a_request_is_withdrawn_once_and_told_by_mail() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let id = request_to_join(server.database(), user, 1, ", status", ", 'pending'").await;
    // What an older system could write.
    request_to_join(server.database(), user, 1, ", status", ", 'reopened'").await;
    let page = visitor.get(MANAGE).await;
    assert_eq!(
        page.texts("button[type=submit]").len(),
        1,
        "one tile an organization"
    );
    assert!(page.text().contains("est en cours de traitement"));
    let path = format!("/users/cancel-moderation/{id}");
    let (first, second) = tokio::join!(
        visitor.submit(&page, &path, &[]),
        visitor.submit(&page, &path, &[])
    );
    for page in [first, second] {
        assert_eq!(
            place(&page),
            "/manage-organizations?notification=cancel_moderation_success"
        );
        assert!(page.text().contains("rattachement a bien été annulée"));
    }
    let mail = server.mailbox.wait_for(EMAIL, CANCELLED).await;
    assert!(mail.text().contains("« "));
    assert_eq!(
        text(server.database(), "SELECT count(*) FROM moderations").await,
        "0"
    );
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(count_mails(&server, EMAIL, CANCELLED), 1);
}

#[tokio::test]
async fn only_an_open_request_of_ones_own_is_withdrawn() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let other = insert_user(server.database(), "autre@exemple.fr", &[]).await;
    let foreign = request_to_join(server.database(), other, 1, ", status", ", 'pending'").await;
    let accepted = ", status, moderated_at";
    let accepted = request_to_join(server.database(), user, 2, accepted, ", 'accepted', now()").await;
    let token = visitor
        .get("/personal-information")
        .await
        .attributes("[name=_csrf]", "value")[0]
        .clone();
    for (id, status) in [
        (foreign.to_string(), 403),
        (accepted.to_string(), 404),
        ("x".to_owned(), 400),
    ] {
        let path = format!("/users/cancel-moderation/{id}");
        let page = visitor.post(&path, &[("_csrf", &token)]).await;
        assert_eq!(page.status.as_u16(), status, "{id}");
    }
    assert_eq!(
        text(server.database(), "SELECT count(*) FROM moderations").await,
        "2"
    );
    let page = visitor
        .post("/users/cancel-moderation/999999", &[("_csrf", &token)])
        .await;
    assert_eq!(page.status.as_u16(), 200, "what is gone is withdrawn");
}

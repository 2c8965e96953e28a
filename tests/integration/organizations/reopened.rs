//! What people see of a request that is studied, and of one that they have opened again.

use super::{
    BANK, EMAIL, FORM, SCHOOL, STATE, TOWN, newcomer, newcomer_as, organization_of, place, request_to_join,
    text,
};
use crate::support::{Page, RelyingParty, TestServer, Visitor};

const JOIN: &str = "/users/join-organization";
const NAMES: &str = "/users/personal-information";
const PENDING: &str = "Rattachement en cours - ProConnect";
const NOTICES: &str = "main .fr-alert--info";

/// A request of `user` to join the bank that was refused and may be corrected.
async fn to_be_corrected(server: &TestServer, user: i32) -> i32 {
    let bank = organization_of(server.database(), BANK).await;
    let columns = ", status, moderated_at, allow_editing";
    request_to_join(
        server.database(),
        user,
        bank,
        columns,
        ", 'rejected', now(), true",
    )
    .await
}

/// From the form to join the bank to the form of the names.
async fn open_again(visitor: &Visitor, form: &Page, id: i32) -> Page {
    let page = visitor.submit(form, JOIN, &[("siret", BANK)]).await;
    assert_eq!(page.title(), "Informations à corriger - ProConnect");
    let page = visitor
        .submit(&page, &format!("/users/reopen-moderation/{id}"), &[])
        .await;
    assert_eq!(place(&page), NAMES);
    page
}

async fn state_of(server: &TestServer, id: i32) -> String {
    text(
        server.database(),
        &format!("SELECT status FROM moderations WHERE id = {id}"),
    )
    .await
}

#[tokio::test]
async fn the_form_to_join_tells_of_requests_under_study() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let (_, other) = newcomer_as(&server, "autre@exemple.fr", &[]).await;
    let bank = organization_of(server.database(), BANK).await;
    request_to_join(server.database(), other, bank, ", status", ", 'pending'").await;
    request_to_join(
        server.database(),
        user,
        bank,
        ", status, moderated_at",
        ", 'rejected', now()",
    )
    .await;
    assert!(
        visitor.get(FORM).await.texts(NOTICES).is_empty(),
        "none is studied"
    );

    let mut links = Vec::new();
    for (rank, siret) in [TOWN, SCHOOL, STATE, BANK].into_iter().enumerate() {
        let organization = organization_of(server.database(), siret).await;
        let created = format!(", 'pending', now() + interval '{rank} minutes'");
        let columns = ", status, created_at";
        let id = request_to_join(server.database(), user, organization, columns, &created).await;
        links.push(format!(
            "/users/unable-to-auto-join-organization?moderation_id={id}"
        ));
    }
    links.truncate(3);
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let request = service.authorization_url(&server, &[]);
    let page = visitor.get(request.as_str()).await;
    assert_eq!(page.url.path(), JOIN);
    let told = page.texts(NOTICES);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told[0].contains("Commune de lamalou-les-bains") && told[0].contains("est à l’étude"),
        "{told:?}"
    );
    assert_eq!(page.attributes(&format!("{NOTICES} a"), "href"), links);
    assert_eq!(visitor.get(&links[0]).await.title(), PENDING);
}

#[tokio::test]
async fn who_corrects_a_request_for_a_service_ends_on_its_page() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let id = to_be_corrected(&server, user).await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let request = service.authorization_url(&server, &[]);
    let form = visitor.get(request.as_str()).await;
    let page = open_again(&visitor, &form, id).await;
    let page = visitor.submit(&page, NAMES, &[("family_name", "Le Bon")]).await;
    assert_eq!(
        place(&page),
        format!(
            "/users/unable-to-auto-join-organization?moderation_id={id}&notification=moderation_reopened"
        )
    );
    assert_eq!(page.title(), PENDING);
    assert!(page.text().contains("envoyée de nouveau") && page.text().contains("Le Bon"));
    assert_eq!(state_of(&server, id).await, "reopened");
    let page = visitor.get(request.as_str()).await;
    assert_eq!(page.texts(NOTICES).len(), 1, "the form tells of it");
}

/// What the suite of the reference expects: without a service the person is led home.
#[tokio::test]
async fn who_corrects_a_request_for_no_service_is_told_at_home() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let id = to_be_corrected(&server, user).await;
    let names = open_again(&visitor, &visitor.get(FORM).await, id).await;
    let page = visitor.submit(&names, NAMES, &[("family_name", "Le Bon")]).await;
    assert_eq!(place(&page), "/?notification=moderation_reopened");
    assert_eq!(page.title(), "Accueil - ProConnect");
    assert!(page.text().contains("envoyée de nouveau"), "{}", page.text());
    let page = visitor.submit(&names, NAMES, &[]).await;
    assert_eq!(place(&page), "/", "it is told once");
}

/// Neither a request that is gone nor another service is mixed up with what was corrected.
#[tokio::test]
async fn a_correction_that_came_too_late_leads_on() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let request = service.authorization_url(&server, &[]);

    let id = to_be_corrected(&server, user).await;
    let form = visitor.get(request.as_str()).await;
    let names = open_again(&visitor, &form, id).await;
    server.database().execute("DELETE FROM moderations").await;
    let page = visitor.submit(&names, NAMES, &[]).await;
    assert_eq!(place(&page), JOIN, "the request was withdrawn");

    let id = to_be_corrected(&server, user).await;
    let names = open_again(&visitor, &visitor.get(FORM).await, id).await;
    visitor.get(request.as_str()).await;
    let page = visitor.submit(&names, NAMES, &[]).await;
    assert_eq!(place(&page), JOIN, "it was corrected for another request");
    assert_eq!(page.texts(NOTICES).len(), 1, "{EMAIL} is told all the same");
}

//! `/users/organization-suggestions` (spec/organizations.md §4.3)

use super::{BANK, add_domain, by_the_lists, link, newcomer, newcomer_as, organization_of, place};
use crate::support::TestServer;

#[tokio::test]
async fn an_address_suggests_the_organizations_that_know_its_domain() {
    let server = TestServer::start().await;
    add_domain(server.database(), BANK, "exemple.fr", "verified").await;
    add_domain(server.database(), BANK, "exemple.fr", "external").await;
    let (visitor, _) = newcomer(&server).await;
    let page = visitor.get("/users/join-organization").await;
    assert_eq!(place(&page), "/users/organization-suggestions");
    assert_eq!(page.title(), "Votre organisation de rattachement - ProConnect");
    let labels = page.attributes("form button", "aria-label");
    assert_eq!(labels.len(), 1, "once, however many rows: {labels:?}");
    assert!(labels[0].starts_with("Sélectionner l'organisation "));
    // Whoever looks for another one, or comes back with a message, is not led here again.
    for query in [
        "?do_not_propose_suggestions=true",
        "?siret_hint=1",
        "?notification=invalid_siret",
    ] {
        let page = visitor.get(&format!("/users/join-organization{query}")).await;
        assert_eq!(page.url.path(), "/users/join-organization", "{query}");
    }
    let page = visitor.submit(&page, "/users/join-organization", &[]).await;
    assert_eq!(page.title(), "Compte créé - ProConnect");
    let page = visitor.get("/users/join-organization").await;
    assert_eq!(
        page.url.path(),
        "/users/join-organization",
        "members look for another one"
    );
    assert_eq!(
        visitor.get("/users/organization-suggestions").await.url.path(),
        "/users/join-organization"
    );
}

#[tokio::test]
async fn addresses_that_say_nothing_suggest_nothing() {
    let server = TestServer::start_with(by_the_lists()).await;
    for domain in ["gmail.com", "ac-paris.fr", "inconnu.fr"] {
        if domain != "inconnu.fr" {
            add_domain(server.database(), BANK, domain, "verified").await;
        }
        let (visitor, _) = newcomer_as(&server, &format!("jean@{domain}"), &[]).await;
        let page = visitor.get("/users/join-organization").await;
        assert_eq!(place(&page), "/users/join-organization", "{domain}");
    }
}

#[tokio::test]
async fn the_armed_forces_have_one_organization() {
    let server = TestServer::start().await;
    add_domain(server.database(), BANK, "intradef.gouv.fr", "verified").await;
    add_domain(server.database(), "11009001600053", "autre.fr", "verified").await;
    let (visitor, _) = newcomer_as(&server, "jean@intradef.gouv.fr", &[]).await;
    let page = visitor.get("/users/join-organization").await;
    assert_eq!(page.attributes("[name=siret]", "value"), ["11009001600053"]);
}

#[tokio::test]
async fn of_many_those_with_a_fifth_of_the_members_are_shown() {
    let server = TestServer::start().await;
    let sirets = [BANK, "66204244914742", "66204244905476", "54205118000066"];
    for siret in sirets {
        add_domain(server.database(), siret, "exemple.fr", "verified").await;
    }
    let (visitor, _) = newcomer(&server).await;
    assert_eq!(
        place(&visitor.get("/users/join-organization").await),
        "/users/join-organization",
        "four without any member"
    );
    let bank = organization_of(server.database(), BANK).await;
    let (_, member) = newcomer_as(&server, "collegue@exemple.fr", &[]).await;
    link(server.database(), member, bank, "domain").await;
    let page = visitor.get("/users/join-organization").await;
    assert_eq!(page.attributes("[name=siret]", "value"), [BANK]);
}

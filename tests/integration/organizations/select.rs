//! `/users/select-organization`, and in which order organizations are shown (spec/organizations.md §4.9, §4.11)

use super::{BANK, EMAIL, PASSWORD, TOWN, link, newcomer, organization_of, place, request_to_join, text};
use crate::support::{TestDatabase, TestServer};

const SELECT: &str = "/users/select-organization";
const NAMES: [&str; 3] = ["Ancienne", "Moyenne", "Nouvelle"];

/// Three organizations, the last one known first; their ids in the order of [`NAMES`].
async fn three_organizations(database: &TestDatabase) -> [i32; 3] {
    let ids = [
        organization_of(database, "00000000000017").await,
        organization_of(database, "00000000000025").await,
        organization_of(database, "00000000000033").await,
    ];
    let oldest_last = [ids[2], ids[1], ids[0]];
    for (id, (name, year)) in oldest_last.iter().zip(NAMES.iter().zip([2019, 2021, 2024])) {
        database
            .execute(&format!(
                "UPDATE organizations SET cached_libelle = '{name}', created_at = '{year}-01-01', cached_siege_social = true WHERE id = {id}"
            ))
            .await;
    }
    oldest_last
}

#[tokio::test]
async fn organizations_are_shown_in_the_order_in_which_they_became_known() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let [old, middle, new] = three_organizations(server.database()).await;
    for id in [new, old, middle] {
        let kind = if id == middle {
            "organization_dirigeant"
        } else {
            "domain"
        };
        link(server.database(), user, id, kind).await;
    }
    let page = visitor.get(SELECT).await;
    assert_eq!(page.title(), "Choisir une organisation - ProConnect");
    assert_eq!(page.heading(), "Votre organisation de rattachement");
    let labels = NAMES.map(|name| format!("{name} (choisir cette organisation)"));
    assert_eq!(page.attributes(".tile button", "aria-label"), labels);
    let described = [old, middle, new].map(|id| format!("submit-join-organization-{id}"));
    assert_eq!(
        page.attributes("[aria-describedby^=submit-join]", "aria-describedby"),
        described
    );
    assert_eq!(page.attributes(".tile", "id"), described);
    assert_eq!(page.texts(".fr-badge--success"), ["certifié"]);
    assert_eq!(
        page.attributes("#form-join-organization-default [name=organization_id]", "value"),
        [old.to_string()],
        "the first one is proposed"
    );
    let page = visitor.get("/manage-organizations").await;
    assert_eq!(
        page.attributes("[action^='/users/quit-organization/'] button", "aria-label"),
        NAMES.map(|name| format!("Quitter l'organisation {name}"))
    );
}

#[tokio::test]
async fn requests_are_shown_in_the_order_in_which_they_were_made() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let [old, middle, new] = three_organizations(server.database()).await;
    for (id, day) in [(new, 1), (old, 3), (middle, 2)] {
        let made = format!(", '2026-01-0{day}'");
        request_to_join(server.database(), user, id, ", created_at", &made).await;
    }
    let page = visitor.get("/manage-organizations").await;
    assert_eq!(
        page.texts("[action^='/users/cancel-moderation/'] .fr-sr-only"),
        ["Nouvelle", "Moyenne", "Ancienne"]
    );
}

#[tokio::test]
async fn two_browsers_act_for_two_organizations() {
    let server = TestServer::start().await;
    let (here, user) = newcomer(&server).await;
    let there = server.visitor();
    let town = organization_of(server.database(), TOWN).await;
    let bank = organization_of(server.database(), BANK).await;
    for id in [town, bank] {
        link(server.database(), user, id, "domain").await;
    }
    there.sign_in_as(EMAIL, PASSWORD).await;
    here.select_organization(town).await;
    there.select_organization(bank).await;
    let selected = format!(
        "SELECT string_agg(selected_organization_id::text, ',' ORDER BY signed_in_at) FROM identite_sessions WHERE user_id = {user}"
    );
    assert_eq!(text(server.database(), &selected).await, format!("{town},{bank}"));
    // Leaving it, in whichever browser, ends it in all.
    let page = here.get("/manage-organizations").await;
    let quit = format!("/users/quit-organization/{bank}");
    here.submit(&page, &quit, &[("confirmed", "true")]).await;
    assert_eq!(text(server.database(), &selected).await, town.to_string());
}

/// No service waits: what the choice brings along is done all the same.
#[tokio::test]
async fn who_chooses_an_organization_for_the_first_time_is_welcomed_there() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let town = organization_of(server.database(), TOWN).await;
    let bank = organization_of(server.database(), BANK).await;
    for id in [town, bank] {
        link(server.database(), user, id, "domain").await;
    }
    server
        .database()
        .execute(&format!(
            "UPDATE users_organizations SET has_been_greeted = false WHERE user_id = {user} AND organization_id = {bank}"
        ))
        .await;
    let page = visitor.select_organization(town).await;
    assert_eq!(place(&page), "/", "nothing is left to do for this one");
    let page = visitor.select_organization(bank).await;
    assert_eq!(place(&page), "/users/welcome");
    let page = visitor.submit(&page, "/users/welcome", &[]).await;
    assert_eq!(place(&page), "/");
    let page = visitor.select_organization(bank).await;
    assert_eq!(place(&page), "/", "once is enough");
}

#[tokio::test]
async fn only_members_choose() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    assert_eq!(place(&server.visitor().get(SELECT).await), "/users/start-sign-in");
    assert_eq!(visitor.get(SELECT).await.url.path(), "/users/join-organization");
    let bank = organization_of(server.database(), BANK).await;
    link(server.database(), user, 1, "domain").await;
    let token = visitor.get(SELECT).await.form_token();
    for (id, status) in [
        (bank.to_string().as_str(), 404),
        ("999999", 404),
        ("x", 400),
        ("99999999999", 400),
        ("", 400),
    ] {
        let page = visitor
            .post(SELECT, &[("_csrf", &token), ("organization_id", id)])
            .await;
        assert_eq!(page.status.as_u16(), status, "{id:?}");
    }
    let page = visitor.post(SELECT, &[("organization_id", "1")]).await;
    assert_eq!(page.status.as_u16(), 403, "without the form token");
    let page = visitor
        .post(SELECT, &[("_csrf", &token), ("organization_id", "1")])
        .await;
    assert_eq!(place(&page), "/");
}

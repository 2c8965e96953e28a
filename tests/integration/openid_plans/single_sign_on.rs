//! A live session answers at once, and only for as long as everything that it stands on is still so (spec/oidc.md §13, items 2
//! and 5; Q30, Q31, Q32, Q47).

use serde_json::json;

use super::{Stage, sent};
use crate::support::{EMAIL, ORGANIZATION, PASSWORD, Page, RelyingParty, http_client_builder, parameter};

/// What becomes of a live session once `change` happened: the error without pages, and the page with them.
async fn after(change: &str) -> (String, String) {
    let stage = Stage::set_signed_in().await;
    assert!(sent(&stage.send(&[("prompt", "none")]).await, "code").is_some());
    stage.server.database().execute(change).await;
    let silent = stage.send(&[("prompt", "none")]).await;
    let error = sent(&silent, "error").unwrap_or_else(|| panic!("{change}: {}", silent.location()));
    let page = stage.send(&[]).await;
    assert_eq!(page.status, 200, "{change}: {}", page.url);
    (error, page.url.path().to_owned())
}

/// What becomes of a form on a page of another site: browsers withhold the session's cookie (`SameSite=Lax`) from it, and give it to the
/// GET that they are led to.
async fn sent_by_form_from_elsewhere(stage: &Stage, parameters: &[(&str, &str)]) -> (String, Page) {
    let without_cookies = http_client_builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let request = stage.client.authorization_url(&stage.server, parameters);
    let fields: Vec<(String, String)> = request.query_pairs().into_owned().collect();
    let target = stage.server.base_url.join("oauth/authorize").unwrap();
    let form = without_cookies.post(target).form(&fields);
    let by_program = form.try_clone().expect("a form").send().await.unwrap();
    assert_eq!(by_program.status(), 303);
    let location = by_program.headers()["location"].to_str().unwrap();
    assert!(
        !location.starts_with("/oauth/authorize/"),
        "answered at once: {location}"
    );
    let answer = form
        .header("origin", "https://service.exemple.fr")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(answer.headers().get("set-cookie").is_none());
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(
        location.starts_with("/oauth/authorize/") && !location.contains("the-state"),
        "{location}"
    );
    let page = stage.visitor.get(&location).await;
    (location, page)
}

#[tokio::test]
async fn a_form_of_another_site_finds_whoever_is_signed_in() {
    let stage = Stage::set_signed_in().await;
    for parameters in [vec![], vec![("prompt", "none")]] {
        let (address, page) = sent_by_form_from_elsewhere(&stage, &parameters).await;
        assert!(sent(&page, "code").is_some(), "{parameters:?}");
        assert_eq!(sent(&page, "state").as_deref(), Some("the-state"));
        // Loaded again within the minute.
        let again = stage.visitor.get(&address).await;
        let code = sent(&again, "code");
        assert!(code.is_some() && code != sent(&page, "code"), "{parameters:?}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_leads_a_stranger_to_the_sign_in() {
    let stage = Stage::set().await;
    let (_, silent) = sent_by_form_from_elsewhere(&stage, &[("prompt", "none")]).await;
    assert_eq!(sent(&silent, "error").as_deref(), Some("login_required"));
    let (_, page) = sent_by_form_from_elsewhere(&stage, &[]).await;
    let answer = stage.sign_in(page).await;
    assert!(parameter(&answer, "code").is_some());
}

#[tokio::test]
async fn an_address_that_must_be_proven_again_stands_in_the_way() {
    let outcome =
        after("UPDATE users SET email_verified_at = now() - interval '4 months' WHERE id = 1").await;
    assert_eq!(
        outcome,
        ("interaction_required".into(), "/users/verify-email".into())
    );
}

#[tokio::test]
async fn an_organization_that_was_left_is_represented_no_more() {
    let outcome = after("DELETE FROM users_organizations WHERE user_id = 1 AND organization_id = 1").await;
    assert_eq!(
        outcome,
        ("interaction_required".into(), "/users/select-organization".into())
    );
}

#[tokio::test]
async fn without_any_organization_one_must_be_joined() {
    let outcome = after("DELETE FROM users_organizations WHERE user_id = 1").await;
    assert_eq!(
        outcome,
        (
            "interaction_required".into(),
            "/users/organization-suggestions".into()
        )
    );
}

#[tokio::test]
async fn names_that_were_taken_away_are_asked_for() {
    let outcome = after("UPDATE users SET family_name = NULL WHERE id = 1").await;
    assert_eq!(
        outcome,
        (
            "interaction_required".into(),
            "/users/personal-information".into()
        )
    );
}

#[tokio::test]
async fn a_second_factor_that_is_wanted_everywhere_by_now_is_asked_for() {
    let (error, page) = after("UPDATE users SET force_2fa = true WHERE id = 1").await;
    assert_eq!(error, "interaction_required");
    assert!(
        ["/users/2fa-sign-in", "/users/double-authentication-choice"].contains(&page.as_str()),
        "{page}"
    );
}

/// Who is deleted is signed out (Q47).
#[tokio::test]
async fn a_deleted_account_is_nobody() {
    let outcome = after(
        "DELETE FROM users_organizations WHERE user_id = 1; DELETE FROM users_oidc_clients WHERE user_id = 1;
         DELETE FROM users WHERE id = 1",
    )
    .await;
    assert_eq!(outcome, ("login_required".into(), "/users/start-sign-in".into()));
}

/// The level is that of the moment: one that a service forced upon its own answer does not reach another (Q28).
#[tokio::test]
async fn a_level_is_judged_for_each_request() {
    let stage = Stage::set_signed_in().await;
    let essential = json!({"id_token": {"acr": {"essential": true, "values": ["eidas1"]}}}).to_string();
    let refused = stage.send(&[("claims", &essential), ("prompt", "none")]).await;
    assert_eq!(sent(&refused, "error").as_deref(), Some("login_required"));
    let legacy = stage
        .send(&[("acr_values", "eidas1"), ("prompt", "consent")])
        .await;
    let tokens = stage.tokens(&sent(&legacy, "code").unwrap()).await;
    assert_eq!(stage.id_token(&tokens).await["acr"], "eidas1");
    let refused = stage.send(&[("claims", &essential), ("prompt", "none")]).await;
    assert_eq!(sent(&refused, "error").as_deref(), Some("login_required"));
    let tokens = stage.tokens(&stage.code(&[("acr_values", "eidas0")]).await).await;
    assert_eq!(stage.id_token(&tokens).await["acr"], "eidas0");
}

/// Two browsers act for two organizations (Q31), and a choice made in the browser of the session counts for its tokens.
#[tokio::test]
async fn the_organization_is_that_of_the_session() {
    let stage = Stage::set_signed_in().await;
    let siret = async |token: &str| {
        stage.userinfo(token).await.1["siret"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let token = tokens["access_token"].as_str().unwrap();
    let first = siret(token).await;
    let elsewhere = stage.server.visitor();
    elsewhere.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(siret(token).await, first, "a sign-in elsewhere");
    elsewhere.select_organization(49).await;
    assert_eq!(siret(token).await, first, "a choice elsewhere");
    stage.visitor.select_organization(49).await;
    assert_ne!(siret(token).await, first, "a choice here");
}

/// A code that has no organization left is no fault of the server (Q32).
#[tokio::test]
async fn a_code_without_an_organization_is_an_invalid_grant_and_a_token_is_invalid() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let code = stage.code(&[]).await;
    stage
        .server
        .database()
        .execute("DELETE FROM users_organizations WHERE user_id = 1")
        .await;
    let (status, answer) = stage.client.redeem(&stage.server, &code, &[]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    let (status, answer) = stage.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_token")));
}

/// A sign-out anywhere ends codes and tokens of the session, and an app session left behind signs nobody in (Q41).
#[tokio::test]
async fn a_sign_out_ends_whatever_the_session_brought() {
    let stage = Stage::set_signed_in().await;
    let other = RelyingParty::default();
    other.register(stage.server.database()).await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let code = other.code(&stage.server, &stage.visitor, &[]).await;
    stage.visitor.sign_out().await;
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(stage.userinfo(token).await.0, 401);
    let (status, answer) = other.redeem(&stage.server, &code, &[]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_grant")));
    let silent = stage.send(&[("prompt", "none")]).await;
    assert_eq!(sent(&silent, "error").as_deref(), Some("login_required"));
    assert_eq!(
        stage.visitor.get("/").await.url.path(),
        "/users/start-sign-in",
        "the site knows nobody either"
    );
}

/// Who has arrived at the service is not sent back to the way that led there by what they do afterwards.
#[tokio::test]
async fn the_way_to_a_service_ends_there() {
    let stage = Stage::set().await;
    let page = stage.send(&[]).await;
    let arrival = stage.sign_in(page).await;
    assert!(arrival.query().unwrap().contains("code="), "{arrival}");
    // A page of the account that goes on with whatever waits.
    let page = stage.visitor.select_organization(ORGANIZATION).await;
    assert_eq!((page.status.as_u16(), page.url.path()), (200, "/"));
}

/// What a service insists on is asked on the way to it, not in the account of somebody who gave up.
#[tokio::test]
async fn who_turns_to_the_account_leaves_the_service_behind() {
    let stage = Stage::set_signed_in().await;
    let essential = json!({"id_token": {"acr": {"essential": true, "values": ["eidas0-mfa"]}}}).to_string();
    let url = stage
        .client
        .authorization_url(&stage.server, &[("claims", &essential)]);
    let start = super::appendix::step(&stage, &format!("/oauth/authorize?{}", url.query().unwrap())).await;
    let interaction = start.location().path().to_owned();
    let on_the_way = stage.visitor.get(&interaction).await;
    assert_eq!(on_the_way.url.path(), "/users/double-authentication-choice");

    for path in ["/", "/personal-information", "/manage-organizations"] {
        assert_eq!(stage.visitor.get(path).await.url.path(), path);
    }
    // A page that only asks for a fresh sign-in belongs to the account as well.
    stage.visitor.get(&interaction).await;
    let old = "UPDATE identite_sessions SET signed_in_at = now() - interval '1 hour'";
    stage.server.database().execute(old).await;
    let page = stage.visitor.get("/connection-and-account").await;
    assert_eq!(page.url.path(), "/users/start-sign-in");
    let page = stage.visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(page.url.path(), "/connection-and-account");
    let page = stage.visitor.select_organization(ORGANIZATION).await;
    assert_eq!(page.url.path(), "/");

    // The tab that still waits finds its way again.
    let again = stage.visitor.get(&interaction).await;
    assert_eq!(again.url.path(), "/users/double-authentication-choice");
}

/// … but whoever is still on the way to signing in has not entered it.
#[tokio::test]
async fn who_is_not_in_the_account_yet_stays_on_the_way_to_the_service() {
    let stage = Stage::set().await;
    let old = "UPDATE users SET email_verified_at = now() - interval '4 months' WHERE id = 1";
    stage.server.database().execute(old).await;
    let mut page = stage.send(&[]).await;
    for (form, field, value) in [
        ("/users/start-sign-in", "login", EMAIL),
        ("/users/sign-in", "password", PASSWORD),
    ] {
        page = stage.visitor.submit(&page, form, &[(field, value)]).await;
    }
    assert_eq!(page.url.path(), "/users/verify-email");
    // The logo leads home, which is not reached.
    assert_eq!(stage.visitor.get("/").await.url.path(), "/users/verify-email");
    let mail = stage
        .server
        .mailbox
        .wait_for(EMAIL, "Vérification de votre adresse email")
        .await;
    let code = mail.code(10).expect("a code");
    let page = stage.visitor.get("/users/verify-email").await;
    let page = stage
        .visitor
        .submit(&page, "/users/verify-email", &[("verify_email_token", &code)])
        .await;
    let arrival = stage.sign_in(page).await;
    assert!(arrival.query().unwrap().contains("code="), "{arrival}");
}

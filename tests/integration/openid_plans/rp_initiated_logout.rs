//! RP-Initiated Logout OP (`oidcc-rp-initiated-logout-certification-test-plan`), one test a module.

use serde_json::Value;

use super::Stage;
use crate::support::{Options, Page, RelyingParty};

/// Somebody who is signed in, and their ID token.
async fn signed_in() -> (Stage, String) {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let hint = tokens["id_token"].as_str().unwrap().to_owned();
    (stage, hint)
}

async fn log_out(stage: &Stage, parameters: &[(&str, &str)]) -> Page {
    let mut url = stage.server.base_url.join("oauth/logout").unwrap();
    url.query_pairs_mut().extend_pairs(parameters);
    let page = stage.visitor.get(url.as_str()).await;
    if page.status != 200 {
        return page;
    }
    stage.visitor.submit(&page, "/oauth/logout/confirm", &[]).await
}

/// Whether nobody is signed in any more.
async fn is_signed_out(stage: &Stage) -> bool {
    let page = stage.send(&[("prompt", "none")]).await;
    super::sent(&page, "error").as_deref() == Some("login_required")
}

#[tokio::test]
async fn oidcc_rp_initiated_logout() {
    let (stage, hint) = signed_in().await;
    let uri = stage.client.post_logout_redirect_uri.clone();
    let page = log_out(
        &stage,
        &[
            ("id_token_hint", &hint),
            ("post_logout_redirect_uri", &uri),
            ("state", "s t"),
        ],
    )
    .await;
    assert_eq!(page.location().as_str(), format!("{uri}?state=s+t"));
    assert!(is_signed_out(&stage).await);
}

/// The same by POST, which the specification asks for as well.
#[tokio::test]
async fn a_logout_may_be_posted() {
    let (stage, hint) = signed_in().await;
    let uri = stage.client.post_logout_redirect_uri.clone();
    let page = stage
        .visitor
        .post(
            "/oauth/logout",
            &[("id_token_hint", &hint), ("post_logout_redirect_uri", &uri)],
        )
        .await;
    let page = stage.visitor.submit(&page, "/oauth/logout/confirm", &[]).await;
    assert_eq!(page.location().as_str(), uri);
    assert!(is_signed_out(&stage).await);
}

/// A logout that must not be carried out, nor lead anywhere.
async fn expect_refusal(stage: &Stage, parameters: &[(&str, &str)]) {
    let page = log_out(stage, parameters).await;
    assert_eq!(page.status, 400, "{parameters:?}");
    assert!(page.text().contains("invalid_request"), "{}", page.text());
    assert!(!is_signed_out(stage).await, "{parameters:?}");
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri() {
    let (stage, hint) = signed_in().await;
    let uri = "https://evil.example/";
    expect_refusal(
        &stage,
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", uri)],
    )
    .await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_query_added_to_post_logout_redirect_uri() {
    let (stage, hint) = signed_in().await;
    let uri = format!("{}?foo=bar", stage.client.post_logout_redirect_uri);
    expect_refusal(
        &stage,
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", &uri)],
    )
    .await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_modified_id_token_hint() {
    let (stage, hint) = signed_in().await;
    let (signed, signature) = hint.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    let modified = format!("{signed}.{turned}");
    let uri = stage.client.post_logout_redirect_uri.clone();
    expect_refusal(
        &stage,
        &[("id_token_hint", &modified), ("post_logout_redirect_uri", &uri)],
    )
    .await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_bad_id_token_hint() {
    let (stage, _) = signed_in().await;
    for hint in ["bad", "e30.e30.AA"] {
        expect_refusal(&stage, &[("id_token_hint", hint)]).await;
    }
}

/// Whoever does not prefer HTML is told in JSON what is wrong (spec/oidc.md §8.3, §10.1).
#[tokio::test]
async fn a_logout_that_cannot_be_honoured_is_told_as_page_or_as_json() {
    let stage = Stage::set().await;
    let answer = async |path: &str, accept: Option<&str>| {
        let request = stage.visitor.client().get(stage.visitor.url(path));
        let request = match accept {
            Some(accept) => request.header("Accept", accept),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        let (content_type, cache_control) = (header("content-type"), header("cache-control"));
        assert_eq!(
            (answer.status().as_u16(), cache_control.as_str()),
            (400, "no-store")
        );
        (content_type, answer.text().await.unwrap())
    };
    for (path, error) in [
        ("/oauth/logout?id_token_hint=x", "invalid_request"),
        ("/oauth/logout?client_id=nobody", "invalid_client"),
        ("/oauth/logout/success?client_id=nobody", "invalid_client"),
    ] {
        for accept in [None, Some("*/*"), Some("application/json")] {
            let (content_type, body) = answer(path, accept).await;
            assert_eq!(
                content_type, "application/json; charset=utf-8",
                "{path} {accept:?}"
            );
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["error"], error, "{path} {accept:?}");
        }
        let (content_type, body) = answer(path, Some("text/html,*/*;q=0.8")).await;
        assert_eq!(content_type, "text/html; charset=utf-8", "{path}");
        assert!(body.contains("Erreur 400") && body.contains(error), "{path}");
    }
}

/// A logout that ends the session and stays here, on a page of ours.
async fn expect_own_page(parameters: &[(&str, &str)]) {
    let (stage, _) = signed_in().await;
    let page = log_out(&stage, parameters).await;
    assert_eq!(page.status, 200, "a page of ours: {}", page.url);
    assert_eq!(page.url.path(), "/users/start-sign-in/");
    assert!(is_signed_out(&stage).await, "{parameters:?}");
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_id_token_hint() {
    let uri = RelyingParty::default().post_logout_redirect_uri;
    expect_own_page(&[("post_logout_redirect_uri", &uri), ("state", "x")]).await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_params() {
    expect_own_page(&[]).await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_only_state() {
    expect_own_page(&[("state", "x")]).await;
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_post_logout_redirect_uri() {
    let (stage, hint) = signed_in().await;
    let page = log_out(&stage, &[("id_token_hint", &hint), ("state", "x")]).await;
    assert_eq!(page.url.path(), "/users/start-sign-in/");
    assert!(is_signed_out(&stage).await);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_no_state() {
    let (stage, hint) = signed_in().await;
    let uri = stage.client.post_logout_redirect_uri.clone();
    let page = log_out(
        &stage,
        &[("id_token_hint", &hint), ("post_logout_redirect_uri", &uri)],
    )
    .await;
    assert_eq!(page.location().as_str(), uri, "no state, no parameter");
    assert!(is_signed_out(&stage).await);
}

const LEAVE: &str = "Me déconnecter";
const STAY: &str = "Rester connecté";

/// Somebody who is signed in where people are asked before they are signed out.
async fn signed_in_where_people_are_asked() -> Stage {
    let options = Options::default().with("FEATURE_CONFIRM_LOGOUT", "True");
    let stage = Stage::set_with(options, RelyingParty::default()).await;
    let page = stage.send(&[]).await;
    stage.sign_in(page).await;
    stage
}

/// Sends what the button with this caption sends, on the page that asks.
async fn press(stage: &Stage, page: &Page, caption: &str) -> Page {
    const ACTION: &str = "/oauth/logout/confirm";
    assert_eq!(page.title(), "Se déconnecter - ProConnect");
    let captions = page.texts(&format!("form[action='{ACTION}'] button"));
    let place = captions.iter().position(|found| found == caption);
    let mut forms = page.forms();
    forms.retain(|form| form.action.path() == ACTION);
    let form = &forms[place.unwrap_or_else(|| panic!("no {caption:?} in {captions:?}"))];
    let fields: Vec<_> = form
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    stage.visitor.post(ACTION, &fields).await
}

#[tokio::test]
async fn a_logout_without_hint_asks_where_that_is_wanted() {
    let stage = signed_in_where_people_are_asked().await;
    let page = stage.visitor.get("/oauth/logout").await;
    assert_eq!(page.status, 200);
    assert!(!is_signed_out(&stage).await, "nobody was signed out by a link");
    let page = press(&stage, &page, LEAVE).await;
    assert_eq!(page.url.path(), "/users/start-sign-in/");
    assert!(is_signed_out(&stage).await);
}

#[tokio::test]
async fn who_is_asked_may_stay_signed_in() {
    let stage = signed_in_where_people_are_asked().await;
    let page = stage.visitor.get("/oauth/logout").await;
    let page = press(&stage, &page, STAY).await;
    assert_eq!(page.title(), "Accueil - ProConnect", "{}", page.url);
    assert!(!is_signed_out(&stage).await);

    let uri = stage.client.post_logout_redirect_uri.clone();
    let mut url = stage.visitor.url("/oauth/logout");
    url.query_pairs_mut().extend_pairs([
        ("client_id", stage.client.client_id.as_str()),
        ("post_logout_redirect_uri", uri.as_str()),
    ]);
    let page = stage.visitor.get(url.as_str()).await;
    let page = press(&stage, &page, STAY).await;
    assert_eq!(page.location().as_str(), uri, "the service goes on");
    assert_eq!(stage.visitor.get("/").await.title(), "Accueil - ProConnect");
}

#[tokio::test]
async fn the_landing_page_confirms_nothing_by_itself() {
    let stage = signed_in_where_people_are_asked().await;
    let page = stage.visitor.get("/oauth/logout/success").await;
    assert_eq!(page.url.path(), "/oauth/logout");
    assert!(!is_signed_out(&stage).await, "nobody was signed out by a link");
    let page = press(&stage, &page, LEAVE).await;
    assert_eq!(page.url.path(), "/users/start-sign-in/");
    assert!(is_signed_out(&stage).await);
    // Now there is nothing left to confirm.
    let page = stage.visitor.get("/oauth/logout/success").await;
    assert_eq!(page.url.path(), "/users/start-sign-in/");
}

/// Where nobody is to be asked, the landing page signs out, as it always has.
#[tokio::test]
async fn the_landing_page_signs_out_where_nobody_is_asked() {
    let (stage, _) = signed_in().await;
    let page = stage.visitor.get("/oauth/logout/success").await;
    assert_eq!(page.url.path(), "/users/start-sign-in/");
    assert!(is_signed_out(&stage).await);
}

#[tokio::test]
async fn oidcc_rp_initiated_logout_discovery_endpoint_verification() {
    let stage = Stage::set().await;
    let document: Value = stage.json("/.well-known/openid-configuration").await;
    let endpoint = document["end_session_endpoint"].as_str().unwrap();
    assert_eq!(endpoint, format!("{}/oauth/logout", stage.server.issuer()));
}

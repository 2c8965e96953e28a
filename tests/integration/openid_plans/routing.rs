//! To whom, and how, errors and answers are told (spec/oidc.md §4.2 to §4.4).

use url::form_urlencoded;

use super::{Stage, sent};
use crate::support::Page;

/// Names and values of the answer that stands behind `separator` in the address that a browser is sent to.
fn answer(page: &Page, separator: char) -> Vec<(String, String)> {
    let location = page.header("location").to_owned();
    let (_, part) = location
        .split_once(separator)
        .unwrap_or_else(|| panic!("no {separator} in {location}"));
    form_urlencoded::parse(part.as_bytes()).into_owned().collect()
}

fn names(pairs: &[(String, String)]) -> Vec<&str> {
    pairs.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn an_error_tells_its_parameters_in_their_order() {
    let stage = Stage::set().await;
    let page = stage.send(&[("scope", "openid phone")]).await;
    assert_eq!(page.status, 303);
    assert_eq!(page.header("cache-control"), "no-store");
    let told = answer(&page, '?');
    assert_eq!(
        names(&told),
        ["error", "error_description", "scope", "state", "iss"]
    );
    assert_eq!(told[2].1, "phone");
    // Some errors say everything with their name.
    let page = stage.send(&[("request", "x"), ("state", "a b&c")]).await;
    let told = answer(&page, '?');
    assert_eq!(names(&told), ["error", "state", "iss"]);
    assert_eq!(told[1].1, "a b&c");
    assert!(
        page.header("location").contains("state=a+b%26c"),
        "encoded as a form: {}",
        page.header("location")
    );
}

#[tokio::test]
async fn each_response_mode_carries_codes_and_errors() {
    let stage = Stage::set_signed_in().await;
    let fragment = ("response_mode", "fragment");
    let told = answer(&stage.send(&[fragment]).await, '#');
    assert_eq!(names(&told), ["code", "state", "iss"]);
    let told = answer(&stage.send(&[fragment, ("max_age", "x")]).await, '#');
    assert_eq!(names(&told), ["error", "error_description", "state", "iss"]);

    let form = ("response_mode", "form_post");
    for (parameters, status, wanted) in [
        (vec![form], 200, vec!["code", "state", "iss"]),
        (
            vec![form, ("scope", "openid phone")],
            400,
            vec!["error", "error_description", "scope", "state", "iss"],
        ),
    ] {
        let page = stage.send(&parameters).await;
        assert_eq!(page.status, status);
        assert_eq!(page.title(), "Submitting Callback");
        let forms = page.forms();
        let [form] = forms.as_slice() else {
            panic!("{}", page.body)
        };
        assert_eq!(form.action.as_str(), stage.client.redirect_uri);
        assert_eq!(form.method, "POST");
        assert_eq!(names(&form.fields), wanted);
        assert!(
            page.texts("noscript").concat().contains("Continue"),
            "{}",
            page.body
        );
    }
}

/// What is wrong with the client or its address is told to the person, whatever else is wrong, and never leaves the house.
#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_registered() {
    let stage = Stage::set().await;
    let evil = ("redirect_uri", "https://evil.example/");
    for wrong in [
        ("response_type", ""),
        ("response_type", "token"),
        ("response_mode", "bad"),
        ("scope", "openid phone"),
        ("prompt", "none"),
        ("prompt", "bad"),
        ("claims", "{"),
        ("max_age", "x"),
        ("request", "x"),
        ("request_uri", "https://x/"),
        ("registration", "{}"),
        ("resource", "https://a"),
        ("code_challenge", "x"),
        ("id_token_hint", "abc"),
    ] {
        let page = stage.send(&[evil, wrong]).await;
        assert_eq!(page.status, 400, "{wrong:?}");
        assert!(page.body.contains("invalid_redirect_uri"), "{wrong:?}");
        assert!(!page.body.contains("evil.example"), "{wrong:?}");
    }
    let page = stage
        .send(&[("client_id", "nobody"), ("response_type", "")])
        .await;
    page.expect_error(400, "invalid_client");
}

/// An interaction that is over is told as such, in French, by a page of 400 (Q45).
#[tokio::test]
async fn an_interaction_that_is_over_is_a_page_and_no_fault() {
    let stage = Stage::set().await;
    let uid = "A".repeat(43);
    for path in [
        format!("/interaction/{uid}"),
        format!("/interaction/{uid}/error?error=access_denied"),
    ] {
        let page = stage.visitor.get(&path).await;
        assert_eq!(page.status, 400, "{path}");
        assert_eq!(
            page.title(),
            "Demande de connexion expirée - ProConnect",
            "{path}"
        );
    }
    let page = stage.visitor.get(&format!("/oauth/authorize/{uid}")).await;
    page.expect_error(400, "invalid_request");
}

/// Only unknown scopes, or none at all, are refused to the relying party (Q15, Q16).
#[tokio::test]
async fn a_request_for_nothing_known_is_denied() {
    let stage = Stage::set_signed_in().await;
    for scope in ["", "foo bar"] {
        let page = stage.send(&[("scope", scope), ("nonce", "")]).await;
        let error = sent(&page, "error").expect("an error");
        assert!(
            ["invalid_scope", "access_denied"].contains(&error.as_str()),
            "{scope:?}: {error}"
        );
        assert_eq!(sent(&page, "iss").as_deref(), Some(stage.server.issuer()));
    }
}

/// Every answer names its issuer (RFC 9207): a code, each error, in each mode.
#[tokio::test]
async fn every_answer_names_its_issuer() {
    let stage = Stage::set_signed_in().await;
    for parameters in [
        vec![],
        vec![("prompt", "none"), ("max_age", "0")],
        vec![("scope", "openid phone")],
        vec![("response_type", "none")],
        vec![("claims", "{")],
        vec![("request_uri", "urn:ietf:params:oauth:request_uri:unknown")],
    ] {
        let page = stage.send(&parameters).await;
        assert_eq!(
            sent(&page, "iss").as_deref(),
            Some(stage.server.issuer()),
            "{parameters:?}"
        );
    }
}

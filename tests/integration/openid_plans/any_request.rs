//! Requests that no client sends, to every endpoint of the provider: whatever comes, the answer is one of its own, and nothing breaks.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::Stage;

/// Requests to each endpoint.
const REQUESTS: usize = 40;

const PARAMETERS: [&str; 33] = [
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "response_type",
    "response_mode",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "login_hint",
    "siret_hint",
    "sp_name",
    "acr_values",
    "claims",
    "id_token_hint",
    "code_challenge",
    "code_challenge_method",
    "dpop_jkt",
    "request",
    "request_uri",
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "token",
    "access_token",
    "post_logout_redirect_uri",
    "logout_hint",
    "xsrf",
    "logout",
];

/// Path and method.
const ENDPOINTS: [(&str, &str); 10] = [
    ("/oauth/authorize", "GET"),
    ("/oauth/authorize", "POST"),
    ("/oauth/token", "POST"),
    ("/oauth/request", "POST"),
    ("/oauth/userinfo", "GET"),
    ("/oauth/userinfo", "POST"),
    ("/oauth/token/introspection", "POST"),
    ("/oauth/token/revocation", "POST"),
    ("/oauth/logout", "GET"),
    ("/oauth/logout/confirm", "POST"),
];

/// A value: anything, or nearly what is wanted.
fn value(known: Vec<String>) -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,80}",
        "[A-Za-z0-9_-]{0,60}(\\.[A-Za-z0-9_-]{0,60}){0,4}",
        "\\{\"(id_token|userinfo)\":\\{\"(acr|sub|amr)\":[\\{\\}\\[\\]\"a-z0-9:,]{0,20}\\}\\}",
        "(code|none|login|consent|openid|email|S256|query|form_post|jwt|authorization_code|refresh_token)( [a-z]{0,8})?",
        proptest::sample::select(known),
    ]
}

struct Case {
    parameters: Vec<(&'static str, String)>,
    authorization: Option<String>,
    dpop: Option<String>,
    cookie: Option<String>,
}

fn cases(known: &[String]) -> Vec<Case> {
    // The same requests at each run: a failure can be looked at again.
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let name = proptest::sample::select(PARAMETERS.to_vec());
    let pairs = vec((name, value(known.to_vec())), 0..10);
    let header = || proptest::option::weighted(0.3, "(Bearer |Basic |DPoP )?[!-~]{0,90}");
    let cookie = r"(oidc\.interaction|oidc\.interaction_resume|session)=[!-:<-~]{0,80}";
    let strategy = (pairs, header(), header(), proptest::option::weighted(0.3, cookie));
    (0..ENDPOINTS.len() * REQUESTS)
        .map(|_| {
            let tree = strategy.new_tree(&mut runner).expect("a case");
            let (parameters, authorization, dpop, cookie) = tree.current();
            Case {
                parameters,
                authorization,
                dpop,
                cookie,
            }
        })
        .collect()
}

#[tokio::test]
async fn no_request_breaks_the_provider() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let known = vec![
        stage.client.client_id.clone(),
        stage.client.client_secret.clone(),
        stage.client.redirect_uri.clone(),
        text("id_token"),
        text("access_token"),
        "1".to_owned(),
    ];
    let client = crate::support::http_client_builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    for (number, case) in cases(&known).into_iter().enumerate() {
        let (path, method) = ENDPOINTS[number % ENDPOINTS.len()];
        let mut url = stage.server.base_url.join(path).unwrap();
        let mut request = if method == "GET" {
            url.query_pairs_mut().extend_pairs(&case.parameters);
            client.get(url)
        } else {
            client.post(url).form(&case.parameters)
        };
        for (name, value) in [
            ("Authorization", &case.authorization),
            ("DPoP", &case.dpop),
            ("Cookie", &case.cookie),
        ] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        assert!(
            [200, 303, 302, 400, 401, 403, 429].contains(&status),
            "{method} {path} {:?}: {status}",
            case.parameters
        );
        if let Some(location) = answer.headers().get("location") {
            let location = location.to_str().unwrap();
            let is_known = ["/", &stage.client.redirect_uri, stage.server.issuer()]
                .iter()
                .any(|known| location.starts_with(known));
            assert!(is_known, "{method} {path}: {location}");
        }
    }
    assert!(!stage.code(&[]).await.is_empty(), "it works as before");
}

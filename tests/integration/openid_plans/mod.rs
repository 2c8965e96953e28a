//! The modules of the OpenID Foundation's certification plans, each as a test of ours that carries its name, and the attacks of
//! RFC 9700: seen from outside, on the real program.
//!
//! | plan | file |
//! |---|---|
//! | Basic OP | `basic/` |
//! | Config OP | `config.rs` |
//! | RP-Initiated Logout OP | `rp_initiated_logout.rs` |
//! | Back-Channel Logout OP | `back_channel_logout.rs` |
//! | none: attacks of RFC 9700 | `attacks.rs`, `replay.rs` |
//! | none: spec/oidc.md §5.2, what may be asked of people | `prompts.rs` |
//! | none: §4.2 and §4.3, to whom errors are told | `routing.rs` |
//! | none: §13 items 2 and 5, a session is looked at anew for each answer | `single_sign_on.rs` |
//! | none: §14, the register of quirks | `quirks.rs` |
//! | none: §13 items 12, 18 and 28, subjects and stricter settings | `subjects.rs` |
//! | none: whatever anybody may send | `any_request.rs` |
//! | none: §15.1 and §15.4 of spec/oidc.md | `appendix.rs` |
//!
//! [`MODULES`] is the table of the plans; a test holds it against the sources.

mod any_request;
mod appendix;
mod attacks;
mod back_channel_logout;
mod basic;
mod config;
mod prompts;
mod quirks;
mod replay;
mod routing;
mod rp_initiated_logout;
mod single_sign_on;
mod subjects;

use josekit::jwk::Jwk;
use josekit::jws::RS256;
use serde_json::{Map, Value};
use url::Url;

use crate::support::{
    EMAIL, ORGANIZATION, Options, PASSWORD, Page, RelyingParty, TestServer, Visitor, parameter,
};

/// The plans, with their modules in the order of the Foundation's suite.
const MODULES: [(&str, &[&str]); 4] = [
    (
        "oidcc-basic-certification-test-plan",
        &[
            "oidcc-server",
            "oidcc-response-type-missing",
            "oidcc-idtoken-signature",
            "oidcc-idtoken-unsigned",
            "oidcc-userinfo-get",
            "oidcc-userinfo-post-header",
            "oidcc-userinfo-post-body",
            "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
            "oidcc-scope-profile",
            "oidcc-scope-email",
            "oidcc-scope-address",
            "oidcc-scope-phone",
            "oidcc-scope-all",
            "oidcc-ensure-other-scope-order-succeeds",
            "oidcc-alternate-happy-flow",
            "oidcc-display-page",
            "oidcc-display-popup",
            "oidcc-prompt-login",
            "oidcc-prompt-none-not-logged-in",
            "oidcc-prompt-none-logged-in",
            "oidcc-max-age-1",
            "oidcc-max-age-10000",
            "oidcc-ensure-request-with-unknown-parameter-succeeds",
            "oidcc-id-token-hint",
            "oidcc-login-hint",
            "oidcc-ui-locales",
            "oidcc-claims-locales",
            "oidcc-ensure-request-with-acr-values-succeeds",
            "oidcc-codereuse",
            "oidcc-codereuse-30seconds",
            "oidcc-ensure-registered-redirect-uri",
            "oidcc-ensure-post-request-succeeds",
            "oidcc-server-client-secret-post",
            "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
            "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
            "oidcc-claims-essential",
            "oidcc-ensure-request-object-with-redirect-uri",
            "oidcc-refresh-token",
            "oidcc-ensure-request-with-valid-pkce-succeeds",
        ],
    ),
    (
        "oidcc-config-certification-test-plan",
        &["oidcc-discovery-endpoint-verification"],
    ),
    (
        "oidcc-rp-initiated-logout-certification-test-plan",
        &[
            "oidcc-rp-initiated-logout-discovery-endpoint-verification",
            "oidcc-rp-initiated-logout",
            "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
            "oidcc-rp-initiated-logout-modified-id-token-hint",
            "oidcc-rp-initiated-logout-no-id-token-hint",
            "oidcc-rp-initiated-logout-no-params",
            "oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
            "oidcc-rp-initiated-logout-no-state",
            "oidcc-rp-initiated-logout-only-state",
            "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
            "oidcc-rp-initiated-logout-bad-id-token-hint",
        ],
    ),
    (
        "oidcc-backchannel-rp-initiated-logout-certification-test-plan",
        &[
            "oidcc-backchannel-logout-discovery-endpoint-verification",
            "oidcc-backchannel-rp-initiated-logout",
        ],
    ),
];

#[test]
fn every_module_of_the_plans_has_its_test() {
    let sources = [
        include_str!("basic/mod.rs"),
        include_str!("basic/codes.rs"),
        include_str!("basic/requests.rs"),
        include_str!("basic/sessions.rs"),
        include_str!("config.rs"),
        include_str!("rp_initiated_logout.rs"),
        include_str!("back_channel_logout.rs"),
    ]
    .concat();
    for (plan, modules) in MODULES {
        for module in modules {
            let test = format!("#[tokio::test]\nasync fn {}()", module.replace('-', "_"));
            assert!(sources.contains(&test), "{plan}: {module}");
        }
    }
}

/// A server, an ordinary client of it, and somebody's browser.
pub(super) struct Stage {
    pub(super) server: TestServer,
    pub(super) client: RelyingParty,
    pub(super) visitor: Visitor,
}

impl Stage {
    pub(super) async fn set() -> Self {
        Self::set_with(Options::default(), RelyingParty::default()).await
    }

    pub(super) async fn set_with(options: Options, client: RelyingParty) -> Self {
        let server = TestServer::start_with(options).await;
        server.database().make_sign_in_cheap().await;
        client.register(server.database()).await;
        let visitor = server.visitor();
        Self {
            server,
            client,
            visitor,
        }
    }

    /// … whose person is signed in and needs to be asked nothing more.
    pub(super) async fn set_signed_in() -> Self {
        let stage = Self::set().await;
        stage.visitor.sign_in_as(EMAIL, PASSWORD).await;
        stage.visitor.select_organization(ORGANIZATION).await;
        stage
    }

    /// Sends the browser with an authorization request, `parameters` over the usual ones.
    pub(super) async fn send(&self, parameters: &[(&str, &str)]) -> Page {
        let url = self.client.authorization_url(&self.server, parameters);
        self.visitor.get(url.as_str()).await
    }

    /// Types e-mail and password on the pages that `page` begins with, and chooses an organization if asked to.
    pub(super) async fn sign_in(&self, page: Page) -> Url {
        let mut page = page;
        for _ in 0..6 {
            if page.status == 303 || page.status == 302 {
                return page.location();
            }
            page = match page.url.path() {
                "/users/start-sign-in" => {
                    self.visitor
                        .submit(&page, "/users/start-sign-in", &[("login", EMAIL)])
                        .await
                }
                "/users/sign-in" => {
                    self.visitor
                        .submit(&page, "/users/sign-in", &[("password", PASSWORD)])
                        .await
                }
                "/users/select-organization" => self.visitor.select_organization(ORGANIZATION).await,
                other => panic!("{other}: {}", page.title()),
            };
        }
        panic!("still on {}", page.url)
    }

    /// The code that a signed-in person brings.
    pub(super) async fn code(&self, parameters: &[(&str, &str)]) -> String {
        self.client.code(&self.server, &self.visitor, parameters).await
    }

    /// Redeems a code; gives the answer.
    pub(super) async fn tokens(&self, code: &str) -> Value {
        let (status, answer) = self.client.redeem(&self.server, code, &[]).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The claims of the ID token that `answer` holds, whose signature is checked with the published keys.
    pub(super) async fn id_token(&self, answer: &Value) -> Map<String, Value> {
        self.verified(answer["id_token"].as_str().expect("an ID token"))
            .await
    }

    pub(super) async fn verified(&self, jwt: &str) -> Map<String, Value> {
        let header = josekit::jwt::decode_header(jwt).unwrap();
        let jwks: Value = self.json("/oauth/jwks").await;
        let key = jwks["keys"]
            .as_array()
            .unwrap()
            .iter()
            .find(|key| Some(&key["kid"]) == header.claim("kid"))
            .expect("a published key")
            .clone();
        let Value::Object(mut key) = key else {
            panic!("{key}")
        };
        key.remove("alg");
        let verifier = RS256.verifier_from_jwk(&Jwk::from_map(key).unwrap()).unwrap();
        let (payload, _) = josekit::jws::deserialize_compact(jwt, &verifier).expect("our signature");
        serde_json::from_slice(&payload).unwrap()
    }

    /// A JSON document of the server.
    pub(super) async fn json(&self, path: &str) -> Value {
        let answer = crate::support::http_get(self.server.base_url.join(path).unwrap())
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    /// What userinfo answers to a GET with this token.
    pub(super) async fn userinfo(&self, token: &str) -> (u16, Value) {
        let answer = crate::support::http_client()
            .get(self.server.base_url.join("oauth/userinfo").unwrap())
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}

/// A parameter of an answer that was sent to the relying party.
pub(super) fn sent(page: &Page, name: &str) -> Option<String> {
    parameter(&page.location(), name)
}

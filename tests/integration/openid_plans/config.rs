//! Config OP (`oidcc-config-certification-test-plan`).

use serde_json::Value;

use super::Stage;
use crate::support::{Options, TestServer};

fn texts(document: &Value, name: &str) -> Vec<String> {
    let list = document[name]
        .as_array()
        .unwrap_or_else(|| panic!("{name} in {document}"));
    list.iter()
        .map(|value| value.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn oidcc_discovery_endpoint_verification() {
    let stage = Stage::set().await;
    let document = stage.json("/.well-known/openid-configuration").await;
    assert_eq!(document["issuer"], stage.server.issuer());
    for name in [
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "end_session_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "pushed_authorization_request_endpoint",
    ] {
        let url = document[name].as_str().unwrap_or_else(|| panic!("{name}"));
        assert!(url.starts_with(stage.server.issuer()), "{name}: {url}");
    }
    let has = |name: &str, value: &str| {
        assert!(
            texts(&document, name).iter().any(|found| found == value),
            "{name}: {value}"
        );
    };
    has("response_types_supported", "code");
    has("subject_types_supported", "public");
    has("id_token_signing_alg_values_supported", "RS256");
    has("scopes_supported", "openid");
    for endpoint in ["token", "introspection", "revocation"] {
        let name = format!("{endpoint}_endpoint_auth_methods_supported");
        for method in ["client_secret_basic", "client_secret_post", "private_key_jwt"] {
            has(&name, method);
        }
    }
    has("code_challenge_methods_supported", "S256");
    assert_eq!(document["claims_parameter_supported"], true);
    assert_eq!(document["request_uri_parameter_supported"], false);
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert_eq!(document["backchannel_logout_supported"], true);
    let everywhere = [
        "/.well-known/openid-configuration?x=1",
        "/.well-known/openid-configuration/",
        "/.well-known/oauth-authorization-server",
        "/oauth/.well-known/openid-configuration",
        "/oauth/.well-known/oauth-authorization-server",
    ];
    for path in everywhere {
        assert_eq!(stage.json(path).await, document, "{path}");
    }
}

/// The module also wants every address to begin with https: so they do where the house has such an origin.
#[tokio::test]
async fn a_house_behind_tls_announces_nothing_else() {
    let options = Options::default().with("HOST", "https://identite.localhost");
    let server = TestServer::start_with(options).await;
    let url = server.base_url.join(".well-known/openid-configuration").unwrap();
    let document: Value = crate::support::http_get(url).await.unwrap().json().await.unwrap();
    assert_eq!(document["issuer"], "https://identite.localhost");
    let addresses = document
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.ends_with("_endpoint") || name.ends_with("_uri"));
    for (name, address) in addresses {
        let address = address.as_str().unwrap();
        assert!(
            address.starts_with("https://identite.localhost/"),
            "{name}: {address}"
        );
    }
}

#[tokio::test]
async fn oidcc_discovery_jwks_uri_keys() {
    let stage = Stage::set().await;
    let answer = crate::support::http_get(stage.server.base_url.join("oauth/jwks").unwrap())
        .await
        .unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "application/jwk-set+json; charset=utf-8"
    );
    assert_eq!(answer.headers()["cache-control"], "public, max-age=900");
    let jwks: Value = answer.json().await.unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    let mut kids: Vec<&str> = keys.iter().map(|key| key["kid"].as_str().unwrap()).collect();
    kids.sort_unstable();
    kids.dedup();
    assert_eq!(kids.len(), keys.len(), "every kid is there once");
    for key in keys {
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(secret).is_none(), "{secret}");
        }
    }
}

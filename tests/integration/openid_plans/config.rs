//! Config OP (`oidcc-config-certification-test-plan`).

use serde_json::Value;

use super::Stage;

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
    has("token_endpoint_auth_methods_supported", "client_secret_basic");
    has("token_endpoint_auth_methods_supported", "client_secret_post");
    has("token_endpoint_auth_methods_supported", "private_key_jwt");
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

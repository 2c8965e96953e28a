//! Encrypted ID tokens and userinfo, signed authorization responses, `at_hash`, certificate-bound tokens.

use identite::oidc::{
    AuthorizationAnswer, ClientCertificate, ClientRequest, UserinfoAnswer, UserinfoRequest,
};
use josekit::jwe::ECDH_ES;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509Builder, X509NameBuilder};
use serde_json::{Value, json};

use super::client_key::{ClientKey, token_hash};
use super::provider::{ISSUER, Provider, parameter, redemption};

/// A certificate for the DNS name `name`.
pub fn certificate(name: &str) -> ClientCertificate {
    ClientCertificate::parse(&certificate_header(name)).unwrap()
}

/// … as a proxy passes it on.
pub fn certificate_header(name: &str) -> String {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let subject = X509NameBuilder::new().unwrap().build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(1).unwrap())
        .unwrap();
    let names = SubjectAlternativeName::new()
        .dns(name)
        .build(&builder.x509v3_context(None, None))
        .unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let pem = String::from_utf8(builder.build().to_pem().unwrap()).unwrap();
    pem.replace('+', "%2B").replace('\n', "%0A")
}

#[tokio::test]
async fn tokens_are_encrypted_for_whoever_wants_that() {
    let provider = Provider::start().await;
    let key = ClientKey::new();
    provider
        .set(json!({
            "jwks": key.set(),
            "id_token_encrypted_response_alg": "ECDH-ES",
            "userinfo_encrypted_response_alg": "ECDH-ES+A256KW",
            "userinfo_encrypted_response_enc": "A256GCM",
        }))
        .await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let tokens = provider.redeem(&code, &[]).await.unwrap();

    let decrypter = ECDH_ES.decrypter_from_jwk(&key.jwk).unwrap();
    let (inner, header) = josekit::jwe::deserialize_compact(&tokens.id_token.unwrap(), &decrypter).unwrap();
    assert_eq!(header.content_encryption(), Some("A128CBC-HS256"));
    let claims = provider.claims(std::str::from_utf8(&inner).unwrap());
    assert_eq!(claims["sub"], "1");

    let request = UserinfoRequest {
        method: "GET".into(),
        authorization: Some(format!("Bearer {}", tokens.access_token)),
        ..UserinfoRequest::default()
    };
    let UserinfoAnswer::Jwt(jwe) = provider.oidc.userinfo(request.clone()).await.unwrap() else {
        panic!("no JWT")
    };
    // Nobody asked for a signature: there is no JWT inside, and nothing says that there is.
    let decrypter = josekit::jwe::ECDH_ES_A256KW.decrypter_from_jwk(&key.jwk).unwrap();
    let (inner, header) = josekit::jwe::deserialize_compact(&jwe, &decrypter).unwrap();
    assert_eq!(header.content_type(), None);
    let claims: Value = serde_json::from_slice(&inner).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["aud"]),
        (&json!("1"), &json!("standard_client_id"))
    );

    let signs = "UPDATE oidc_clients SET userinfo_signed_response_alg = 'ES256' WHERE client_id = 'standard_client_id'";
    provider.database.execute(signs).await;
    let UserinfoAnswer::Jwt(jwe) = provider.oidc.userinfo(request).await.unwrap() else {
        panic!("no JWT")
    };
    let (inner, header) = josekit::jwe::deserialize_compact(&jwe, &decrypter).unwrap();
    assert_eq!(header.content_type(), Some("JWT"));
    let jwt = std::str::from_utf8(&inner).unwrap();
    assert_eq!(algorithm(jwt), "ES256");
    assert_eq!(provider.claims(jwt)["aud"], "standard_client_id");
}

fn algorithm(jwt: &str) -> String {
    let header = josekit::jwt::decode_header(jwt).unwrap();
    header.claim("alg").unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn responses_are_signed_for_whoever_wants_that() {
    let provider = Provider::start().await;
    let session = provider.sign_in().await;
    let refused = provider
        .authorize(&[("response_mode", "jwt")], Some(&session))
        .await;
    assert_eq!(
        parameter(&refused, "error").as_deref(),
        Some("unsupported_response_mode")
    );

    provider
        .set(json!({"authorization_signed_response_alg": "ES256"}))
        .await;
    let answer = provider
        .authorize(&[("response_mode", "query.jwt")], Some(&session))
        .await;
    let claims = provider.claims(&parameter(&answer, "response").unwrap());
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["aud"], "standard_client_id");
    assert_eq!(claims["state"], "s");
    assert_eq!(claims["code"].as_str().unwrap().len(), 43);
    assert!(claims["exp"].as_i64().unwrap() > provider.now().timestamp());

    let error = provider
        .authorize(&[("response_mode", "jwt"), ("prompt", "none")], None)
        .await;
    let claims = provider.claims(&parameter(&error, "response").unwrap());
    assert_eq!(claims["error"], "login_required");
    let form = provider
        .authorize(&[("response_mode", "form_post.jwt")], Some(&session))
        .await;
    let AuthorizationAnswer::FormPost { fields, .. } = form else {
        panic!("{form:?}")
    };
    assert_eq!(fields[0].0, "response");
}

#[tokio::test]
async fn settings_change_what_tokens_tell() {
    let provider = Provider::start().await;
    provider
        .set(json!({"id_token_at_hash": true, "updated_at_as_text": true, "limit_claims_to_scopes": true}))
        .await;
    let session = provider.sign_in().await;
    let asked = r#"{"id_token":{"updated_at":null,"phone_number_verified":null}}"#;
    let code = provider.code(&[("claims", asked)], &session).await;
    let tokens = provider.redeem(&code, &[]).await.unwrap();
    let claims = provider.claims(tokens.id_token.as_deref().unwrap());
    assert_eq!(claims["at_hash"].as_str().unwrap().len(), 22);
    assert_ne!(claims["at_hash"], token_hash(&tokens.access_token));
    assert!(claims["updated_at"].as_str().unwrap().ends_with('Z'));
    assert!(
        !claims.contains_key("phone_number_verified"),
        "no scope of the client covers it"
    );
}

#[tokio::test]
async fn a_token_bound_to_a_certificate_needs_it() {
    let provider = Provider::start().await;
    provider
        .set(json!({"tls_client_certificate_bound_access_tokens": true}))
        .await;
    let session = provider.sign_in().await;
    let code = provider.code(&[], &session).await;
    let without = provider.redeem(&code, &[]).await.unwrap_err();
    assert_eq!(without.error.code.as_str(), "invalid_request");
    let (own, other) = (certificate("rp.example"), certificate("rp.example"));
    let request = ClientRequest {
        certificate: Some(own.clone()),
        ..redemption(&code, &[])
    };
    let token = provider.oidc.token(request).await.unwrap().access_token;
    let with = |certificate: Option<ClientCertificate>| UserinfoRequest {
        method: "GET".into(),
        authorization: Some(format!("Bearer {token}")),
        certificate,
        ..UserinfoRequest::default()
    };
    assert!(provider.oidc.userinfo(with(Some(own))).await.is_ok());
    for wrong in [None, Some(other)] {
        assert_eq!(provider.oidc.userinfo(with(wrong)).await.unwrap_err().status, 401);
    }
}

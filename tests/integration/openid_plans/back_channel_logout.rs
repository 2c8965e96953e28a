//! Back-Channel Logout OP (`oidcc-backchannel-rp-initiated-logout-certification-test-plan`), and what else ends a session.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Stage;
use crate::accounts::insert_user;
use crate::support::{EMAIL, PASSWORD, Receiver};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The outbox of a server under test is looked at once a second.
const PATIENCE: Duration = Duration::from_secs(15);

/// Somebody who is signed in at a client that wants to know of logouts; the claims of their ID token.
async fn signed_in(receiver: &Receiver) -> (Stage, Map<String, Value>, Value) {
    let stage = Stage::set_signed_in().await;
    stage
        .server
        .database()
        .set_for(
            &stage.client.client_id,
            &json!({"backchannel_logout_uri": receiver.url()}),
        )
        .await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let claims = stage.id_token(&tokens).await;
    (stage, claims, tokens)
}

/// The claims of the next logout token that arrives.
async fn logout_token(stage: &Stage, receiver: &Receiver) -> Map<String, Value> {
    let body = receiver.next(PATIENCE).await.expect("a logout token arrives");
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let [(name, token)] = fields.as_slice() else {
        panic!("{body}")
    };
    assert_eq!(name, "logout_token");
    let header = josekit::jwt::decode_header(token).unwrap();
    assert_eq!(header.claim("typ"), Some(&json!("logout+jwt")));
    stage.verified(token).await
}

#[tokio::test]
async fn oidcc_backchannel_rp_initiated_logout() {
    let receiver = Receiver::start(&[200]);
    let (stage, id_token, tokens) = signed_in(&receiver).await;
    assert_eq!(id_token["sid"].as_str().unwrap().len(), 43);
    let hint = tokens["id_token"].as_str().unwrap();
    let page = stage
        .visitor
        .get(&format!("/oauth/logout?id_token_hint={hint}"))
        .await;
    stage.visitor.submit(&page, "/oauth/logout/confirm", &[]).await;

    let claims = logout_token(&stage, &receiver).await;
    assert_eq!(claims["iss"], stage.server.issuer());
    assert_eq!(claims["aud"], stage.client.client_id.as_str());
    assert_eq!(claims["sub"], id_token["sub"]);
    assert_eq!(claims["sid"], id_token["sid"]);
    assert_eq!(claims["events"], json!({EVENT: {}}));
    assert!(claims["jti"].is_string() && claims["iat"].is_i64() && claims["exp"].is_i64());
    assert!(!claims.contains_key("nonce"));
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        stage.userinfo(access_token).await.0,
        401,
        "the tokens ended as well"
    );
}

#[tokio::test]
async fn a_session_ended_from_another_browser_is_told_too() {
    let receiver = Receiver::start(&[204]);
    let (stage, id_token, _) = signed_in(&receiver).await;
    let elsewhere = stage.server.visitor();
    elsewhere.sign_in_as(EMAIL, PASSWORD).await;
    let page = elsewhere.get("/mes-sessions").await;
    elsewhere
        .submit(&page, "/mes-sessions/fermer-les-autres", &[("confirmed", "true")])
        .await;
    assert_eq!(logout_token(&stage, &receiver).await["sid"], id_token["sid"]);
}

#[tokio::test]
async fn a_relying_party_that_is_away_is_told_later_and_only_once() {
    let receiver = Receiver::start(&[503, 200]);
    let (stage, _, _) = signed_in(&receiver).await;
    stage.visitor.sign_out().await;
    receiver.next(PATIENCE).await.expect("a first attempt");
    // The next attempt is due much later: not for this test.
    for _ in 0..50 {
        let sql = "UPDATE identite_outbox SET next_attempt_at = now()
                   WHERE kind = 'backchannel_logout' AND claimed_by IS NULL AND delivered_at IS NULL";
        stage.server.database().execute(sql).await;
        if receiver.next(Duration::from_millis(500)).await.is_some() {
            break;
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let connection = stage.server.database().pool().get().await.unwrap();
    let row = connection
        .query_one(
            "SELECT delivered_at IS NOT NULL, attempts, payload::text FROM identite_outbox
             WHERE kind = 'backchannel_logout'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(
        (
            row.get::<_, bool>(0),
            row.get::<_, i32>(1),
            row.get::<_, String>(2)
        ),
        (true, 2, "{}".to_owned())
    );
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn who_has_not_asked_is_not_told_and_has_no_sid() {
    let stage = Stage::set_signed_in().await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    assert!(!stage.id_token(&tokens).await.contains_key("sid"));
    stage.visitor.sign_out().await;
    let connection = stage.server.database().pool().get().await.unwrap();
    let row = connection
        .query_one(
            "SELECT count(*) FROM identite_outbox WHERE kind = 'backchannel_logout'",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn oidcc_backchannel_logout_discovery_endpoint_verification() {
    let stage = Stage::set().await;
    let document = stage.json("/.well-known/openid-configuration").await;
    assert_eq!(document["backchannel_logout_supported"], true);
    assert_eq!(document["backchannel_logout_session_supported"], true);
}

/// Who signs in once more stays in the session of before, under another secret name.
#[tokio::test]
async fn signing_in_again_takes_nothing_from_relying_parties() {
    let receiver = Receiver::start(&[200]);
    let (stage, id_token, tokens) = signed_in(&receiver).await;
    let access_token = tokens["access_token"].as_str().unwrap();
    let former = stage.visitor.cookie("/", "session");
    let page = stage.send(&[("prompt", "login")]).await;
    let arrival = stage.sign_in(page).await;
    let code = crate::support::parameter(&arrival, "code").expect("a code");
    assert_ne!(
        stage.visitor.cookie("/", "session"),
        former,
        "another secret name"
    );

    assert_eq!(stage.userinfo(access_token).await.0, 200);
    let again = stage.id_token(&stage.tokens(&code).await).await;
    assert_eq!(again["sid"], id_token["sid"]);
    let notices = "SELECT count(*) FROM identite_outbox WHERE kind = 'backchannel_logout'";
    assert_eq!(stage.server.database().count(notices).await, 0);
    let alive = "SELECT count(*) FROM identite_sessions WHERE ended_at IS NULL";
    assert_eq!(stage.server.database().count(alive).await, 1);
}

#[tokio::test]
async fn somebody_else_in_the_same_browser_ends_the_session_of_before() {
    let receiver = Receiver::start(&[200]);
    let (stage, id_token, tokens) = signed_in(&receiver).await;
    insert_user(stage.server.database(), "autre@exemple.fr", &[]).await;
    stage
        .visitor
        .sign_in_as("autre@exemple.fr", crate::accounts::PASSWORD)
        .await;
    assert_eq!(logout_token(&stage, &receiver).await["sid"], id_token["sid"]);
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(stage.userinfo(access_token).await.0, 401);
}

#[tokio::test]
async fn a_deleted_account_is_told_too() {
    let receiver = Receiver::start(&[200]);
    let (stage, id_token, tokens) = signed_in(&receiver).await;
    let page = stage.visitor.get("/connection-and-account").await;
    let confirmed = [("confirmed", "true")];
    let page = stage.visitor.submit(&page, "/users/delete", &confirmed).await;
    assert!(page.text().contains("Votre compte a bien été supprimé."));
    let claims = logout_token(&stage, &receiver).await;
    assert_eq!(
        (&claims["sub"], &claims["sid"]),
        (&id_token["sub"], &id_token["sid"])
    );
    let access_token = tokens["access_token"].as_str().unwrap();
    assert_eq!(stage.userinfo(access_token).await.0, 401);
}

//! Pairwise subjects (`OpenID Connect` Core §8.1, spec/oidc.md §13 item 28), and what operators see of clients that stricter settings
//! would break (items 12 and 18).

use std::time::Duration;

use serde_json::Value;

use super::{Stage, sent};
use crate::support::{EMAIL, ORGANIZATION, Options, PASSWORD, Receiver, RelyingParty, http_client};

const PATIENCE: Duration = Duration::from_secs(15);

fn other_client() -> RelyingParty {
    RelyingParty {
        client_id: "another_client".to_owned(),
        ..RelyingParty::default()
    }
}

fn set(stage: &Stage, client_id: &str, setting: &str) {
    let output = stage.server.run(&["clients", "set", client_id, setting]);
    assert!(output.status.success(), "{output:?}");
}

/// The subject that a client's ID token tells of the person.
async fn subject(stage: &Stage, client: &RelyingParty) -> String {
    let code = client.code(&stage.server, &stage.visitor, &[]).await;
    let (status, tokens) = client.redeem(&stage.server, &code, &[]).await;
    assert_eq!(status, 200, "{tokens}");
    text(&stage.id_token(&tokens).await["sub"])
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn clients_with_pairwise_subjects_cannot_compare_people() {
    let stage = Stage::set_signed_in().await;
    let other = other_client();
    other.register(stage.server.database()).await;
    assert_eq!(
        subject(&stage, &stage.client).await,
        "1",
        "public unless set otherwise"
    );

    set(&stage, &stage.client.client_id, "subject_type=pairwise");
    let pairwise = subject(&stage, &stage.client).await;
    assert_eq!(pairwise.len(), 43);
    set(&stage, &stage.client.client_id, "subject_type=pairwise");
    assert_eq!(subject(&stage, &stage.client).await, pairwise, "it never changes");
    assert_eq!(subject(&stage, &other).await, "1", "others are as before");

    set(&stage, &other.client_id, "subject_type=pairwise");
    assert_ne!(subject(&stage, &other).await, pairwise);
    let shared = format!("subject_type=pairwise:{}", stage.client.client_id);
    set(&stage, &other.client_id, &shared);
    assert_eq!(
        subject(&stage, &other).await,
        pairwise,
        "services of one family agree"
    );
    set(&stage, &other.client_id, "subject_type=public");
    assert_eq!(subject(&stage, &other).await, "1");

    for (setting, problem) in [
        (
            shared.replace(&stage.client.client_id, "nobody"),
            "there is no client",
        ),
        (
            "subject_type=pairwise:another_client".to_owned(),
            "gets public subjects",
        ),
        ("subject_type=secret".to_owned(), "public, pairwise"),
    ] {
        let output = stage
            .server
            .run(&["clients", "set", &stage.client.client_id, &setting]);
        assert!(!output.status.success(), "{setting}");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(problem), "{setting}: {told}");
    }
    let listed = stage.server.run(&["clients", "list"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(
        listed.contains("subject_type=pairwise") && !listed.contains("subject_key"),
        "{listed}"
    );
}

/// Whatever tells or takes a subject speaks of the same one.
#[tokio::test]
async fn a_pairwise_subject_is_the_same_everywhere() {
    let receiver = Receiver::start(&[200]);
    let options = Options::default().with("FEATURE_CONFIRM_LOGOUT", "True");
    let client = RelyingParty {
        scope: "openid email uid".to_owned(),
        ..RelyingParty::default()
    };
    let stage = Stage::set_with(options, client).await;
    stage.visitor.sign_in_as(EMAIL, PASSWORD).await;
    stage.visitor.select_organization(ORGANIZATION).await;
    set(&stage, &stage.client.client_id, "subject_type=pairwise");
    let logout_uri = format!("backchannel_logout_uri={}", receiver.url());
    set(&stage, &stage.client.client_id, &logout_uri);

    let tokens = stage
        .tokens(&stage.code(&[("scope", "openid uid email")]).await)
        .await;
    let pairwise = text(&stage.id_token(&tokens).await["sub"]);
    let access_token = text(&tokens["access_token"]);
    let (status, claims) = stage.userinfo(&access_token).await;
    assert_eq!((status, text(&claims["sub"])), (200, pairwise.clone()));
    assert_eq!(
        text(&claims["uid"]),
        pairwise,
        "the claim of the first years tells no more"
    );
    let introspected: Value = http_client()
        .post(stage.server.base_url.join("oauth/token/introspection").unwrap())
        .form(&[
            ("client_id", stage.client.client_id.as_str()),
            ("client_secret", stage.client.client_secret.as_str()),
            ("token", &access_token),
        ])
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(text(&introspected["sub"]), pairwise);

    let hint = text(&tokens["id_token"]);
    let silent = [("prompt", "none"), ("id_token_hint", hint.as_str())];
    assert!(
        sent(&stage.send(&silent).await, "code").is_some(),
        "the hint is at this person"
    );
    let insisting = format!(r#"{{"id_token":{{"sub":{{"value":"{pairwise}"}}}}}}"#);
    let silent = [("prompt", "none"), ("claims", insisting.as_str())];
    assert!(sent(&stage.send(&silent).await, "code").is_some());
    let public = r#"{"id_token":{"sub":{"value":"1"}}}"#;
    let refused = stage.send(&[("prompt", "none"), ("claims", public)]).await;
    assert_eq!(sent(&refused, "error").as_deref(), Some("login_required"));

    let page = stage
        .visitor
        .get(&format!("/oauth/logout?id_token_hint={hint}"))
        .await;
    stage.visitor.submit(&page, "/oauth/logout/confirm", &[]).await;
    let body = receiver.next(PATIENCE).await.expect("a logout token arrives");
    let token = body.strip_prefix("logout_token=").expect("a logout token");
    assert_eq!(text(&stage.verified(token).await["sub"]), pairwise);
}

#[tokio::test]
async fn operators_see_whom_stricter_settings_would_break() {
    let stage = Stage::set_signed_in().await;
    let figure = async |leniency: &str| {
        let url = stage.server.operator_url.join("metrics").unwrap();
        let metrics = http_client().get(url).send().await.unwrap().text().await.unwrap();
        let name = format!(
            "identite_oidc_leniencies_total{{client=\"{}\",leniency=\"{leniency}\"}} ",
            stage.client.client_id
        );
        metrics
            .lines()
            .find_map(|line| line.strip_prefix(&name).map(str::to_owned))
    };
    stage.code(&[]).await;
    assert_eq!(
        figure("normalised_redirect_uri").await,
        None,
        "nothing was needed"
    );

    let shouted = stage.client.redirect_uri.replace("http://", "HTTP://");
    stage.send(&[("redirect_uri", &shouted)]).await;
    assert_eq!(figure("normalised_redirect_uri").await.as_deref(), Some("1"));
    assert_eq!(figure("claims_beyond_scopes").await, None);

    // The same setting is about the addresses after a logout.
    let client_id = stage.client.client_id.as_str();
    for (sent, count) in [("http://localhost:9/", "1"), ("HTTP://localhost:9", "2")] {
        let mut url = stage.visitor.url("/oauth/logout");
        url.query_pairs_mut()
            .extend_pairs([("client_id", client_id), ("post_logout_redirect_uri", sent)]);
        // Somebody who is not signed in: nothing ends.
        assert_eq!(http_client().get(url).send().await.unwrap().status(), 200);
        assert_eq!(
            figure("normalised_redirect_uri").await.as_deref(),
            Some(count),
            "{sent}"
        );
    }

    let narrow = format!(
        "UPDATE oidc_clients SET scope = 'openid email' WHERE client_id = '{}'",
        stage.client.client_id
    );
    stage.server.database().execute(&narrow).await;
    let claims = r#"{"id_token":{"phone_number":null}}"#;
    stage.send(&[("scope", "openid email"), ("claims", claims)]).await;
    assert_eq!(figure("claims_beyond_scopes").await.as_deref(), Some("1"));
    set(&stage, &stage.client.client_id, "limit_claims_to_scopes=true");
    stage.send(&[("scope", "openid email"), ("claims", claims)]).await;
    assert_eq!(
        figure("claims_beyond_scopes").await.as_deref(),
        Some("1"),
        "it is not given any more"
    );
}

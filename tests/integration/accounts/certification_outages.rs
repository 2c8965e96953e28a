//! Registers and FranceConnect that are away while somebody is to be certified: each has its page and another try, and nothing is
//! half-written.

use std::time::Duration;

use serde_json::{Value, json};

use super::certification::{ANGELA, DANONE, ULYSSE, ask, expect_certified, house, link};
use super::identity::{LOGIN, claims_of, identity, sign_out_there};
use crate::support::{Options, Page, RelyingParty, Script, TestServer, Visitor, http_client, parameter};

const RNE: &str = "registre-national-entreprises.inpi.fr";
const COURTS: &str = "entreprise.api.gouv.fr";
const INSEE: &str = "api.insee.fr";
const INSEE_TOKENS: &str = "auth.insee.net";
const IDENTITY_OF_ANGELA: &str =
    "'Angela Claire Louise', 'DUBOIS', 'female', timestamptz '1962-08-24 00:00:00Z', '75107', '99100'";

/// Everything goes by HTTP, and nobody waits for long.
fn by_http() -> Options {
    Options::default()
        .with("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False")
        .with("RNE_API_HTTP_CLIENT_TIMEOUT", "700")
        .with("HTTP_CLIENT_TIMEOUT", "1500")
}

async fn order(server: &TestServer, system: &str, fault: &Value) {
    let path = format!("___testing___/faults/{system}");
    let url = server.base_url.join(&path).unwrap();
    let answer = http_client().put(url).json(fault).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

async fn make_well(server: &TestServer) {
    let url = server.base_url.join("___testing___/faults").unwrap();
    let answer = http_client().delete(url).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
}

/// The page of an outage, and everything else as it was: link, selection, identity, history.
async fn expect_outage(server: &TestServer, visitor: &Visitor, service: &RelyingParty, page: &Page) {
    assert_eq!(page.status.as_u16(), 503, "{}", page.text());
    assert_eq!(page.title(), "Les registres ne répondent pas - ProConnect");
    assert!(!page.header("retry-after").is_empty());
    let links = page.attributes("main a", "href");
    assert!(
        links.contains(&"/users/certification-dirigeant".to_owned()),
        "{links:?}"
    );
    let way_back =
        "error=temporarily_unavailable&error_description=Certification%20dirigeant%3A%20unavailable";
    assert!(links.iter().any(|href| href.ends_with(way_back)), "{links:?}");
    assert_eq!(link(server).await, "domain true");
    let history = visitor.get("/mes-sessions/historique").await;
    assert!(!history.text().contains("Certification dirigeant obtenue"));
    let plain = service.authorization_url(server, &[("prompt", "none")]);
    let elsewhere = visitor.get(plain.as_str()).await.location();
    assert!(
        parameter(&elsewhere, "code").is_some(),
        "other services go on: {elsewhere}"
    );
    let log = server.expect_discreet_log(&["Ulysse", "DUBOIS"]).await;
    assert!(
        log.contains("ERROR a register tells nothing of executives"),
        "{log}"
    );
}

#[tokio::test]
async fn any_failure_of_the_registers_is_an_outage_that_changes_nothing() {
    let status = |status: u16| json!({"fault": "status", "status": status});
    let (hang, malformed) = (json!({"fault": "hang"}), json!({"fault": "malformed"}));
    let of_company = (DANONE, ULYSSE);
    let of_sole_trader = (ANGELA, IDENTITY_OF_ANGELA);
    let cases = [
        (of_company, vec![(RNE, status(500)), (COURTS, status(503))]),
        (of_company, vec![(RNE, hang.clone()), (COURTS, malformed.clone())]),
        (of_company, vec![(RNE, malformed.clone()), (COURTS, hang.clone())]),
        (of_sole_trader, vec![(INSEE_TOKENS, status(503))]),
        (of_sole_trader, vec![(INSEE, malformed)]),
        (of_sole_trader, vec![(INSEE, hang)]),
    ];
    for ((siret, identity), faults) in cases {
        let (server, _, visitor, service) = house(siret, identity, by_http()).await;
        for (system, fault) in &faults {
            order(&server, system, fault).await;
        }
        let page = ask(&server, &visitor, &service).await;
        expect_outage(&server, &visitor, &service, &page).await;

        make_well(&server).await;
        let page = ask_again(&server, &visitor, &service).await;
        expect_certified(&server, &visitor, &service, &page).await;
    }
}

/// The request again, now that the organization is selected already.
async fn ask_again(server: &TestServer, visitor: &Visitor, service: &RelyingParty) -> Page {
    let request = super::certification::request(server, service);
    visitor.get(request.as_str()).await
}

#[tokio::test]
async fn the_button_of_the_outage_tries_again() {
    let (server, _, visitor, service) = house(DANONE, ULYSSE, by_http()).await;
    let down = json!({"fault": "status", "status": 502});
    order(&server, RNE, &down).await;
    order(&server, COURTS, &down).await;
    let page = ask(&server, &visitor, &service).await;
    assert_eq!(page.status.as_u16(), 503);
    let page = visitor.get("/users/certification-dirigeant").await;
    assert_eq!(page.status.as_u16(), 503, "still down");
    make_well(&server).await;
    let page = visitor.get("/users/certification-dirigeant").await;
    expect_certified(&server, &visitor, &service, &page).await;
}

#[tokio::test]
async fn a_session_that_ends_while_the_registers_are_asked_certifies_nobody() {
    let patient = by_http()
        .with("RNE_API_HTTP_CLIENT_TIMEOUT", "20000")
        .with("HTTP_CLIENT_TIMEOUT", "20000");
    let (server, _, visitor, service) = house(DANONE, ULYSSE, patient).await;
    let slow = json!({"fault": "slow", "milliseconds": 3000, "path": "/companies/"});
    order(&server, RNE, &slow).await;
    let end_the_session = async {
        let chosen = "SELECT count(*) FROM identite_sessions WHERE selected_organization_id IS NOT NULL";
        while server.database().count(chosen).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The person is led to the page that asks the registers.
        tokio::time::sleep(Duration::from_millis(700)).await;
        server
            .database()
            .execute("UPDATE identite_sessions SET ended_at = now(), end_reason = 'elsewhere'")
            .await;
    };
    let (page, ()) = tokio::join!(ask(&server, &visitor, &service), end_the_session);
    assert_eq!(page.url.path(), "/users/start-sign-in", "{}", page.text());
    assert_eq!(link(&server).await, "domain true");
    let told = "SELECT count(*) FROM identite_events WHERE kind = 'executive_certified'";
    assert_eq!(server.database().count(told).await, 0);
    // The registers had been asked.
    let metrics = server.metrics().await;
    assert!(
        metrics.contains("identite_certifications_total{outcome=\"certified\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn the_commercial_courts_stand_in_for_a_national_register_that_is_away() {
    for fault in [
        json!({"fault": "status", "status": 500, "path": "/sso/login"}),
        json!({"fault": "status", "status": 403, "path": "/companies/"}),
        json!({"fault": "hang"}),
    ] {
        let (server, _, visitor, service) = house(DANONE, ULYSSE, by_http()).await;
        order(&server, RNE, &fault).await;
        let page = ask(&server, &visitor, &service).await;
        expect_certified(&server, &visitor, &service, &page).await;
    }
}

#[tokio::test]
async fn franceconnect_can_be_away_on_the_way_to_a_certification() {
    let (server, fake, visitor, service) = house(ANGELA, "", by_http()).await;
    let page = ask(&server, &visitor, &service).await;
    assert_eq!(page.title(), "Certification dirigeant - ProConnect");
    for (discovery_status, token_status) in [(503, 200), (200, 500)] {
        fake.play(Script {
            token_status,
            discovery_status,
            ..Script::default()
        });
        let page = visitor.get("/users/franceconnect").await;
        let mut page = visitor.submit(&page, LOGIN, &[]).await;
        if discovery_status == 200 {
            let answer = fake.sign_in(&page.location());
            page = visitor.get(&format!("{LOGIN}/callback?{answer}")).await;
        }
        assert_eq!(page.status.as_u16(), 503);
        assert_eq!(page.title(), "FranceConnect ne répond pas - ProConnect");
        assert_eq!(page.form(LOGIN).method, "POST", "another try");
        assert_eq!(
            (link(&server).await.as_str(), identity(&server).await.as_str()),
            ("domain true", "")
        );
    }
    fake.play(Script {
        userinfo: json!({"birthplace": "75107"}),
        ..Script::default()
    });
    let page = visitor.get("/users/franceconnect").await;
    let authorization = visitor.submit(&page, LOGIN, &[]).await.location();
    let answer = fake.sign_in(&authorization);
    let back = visitor.get(&format!("{LOGIN}/callback?{answer}")).await;
    let page = sign_out_there(&visitor, &back).await;
    expect_certified(&server, &visitor, &service, &page).await;
}

/// What one service obtained is not told to another that asked for something else.
#[tokio::test]
async fn an_acr_is_of_the_request_that_it_was_established_for() {
    let (server, _, visitor, service) = house(DANONE, ULYSSE, Options::default()).await;
    let page = ask(&server, &visitor, &service).await;
    expect_certified(&server, &visitor, &service, &page).await;
    let other = RelyingParty {
        client_id: "another_client_id".to_owned(),
        ..RelyingParty::federation()
    };
    other.register(server.database()).await;
    let essential =
        |values: &str| format!(r#"{{"id_token":{{"acr":{{"essential":true,"values":[{values}]}}}}}}"#);
    for (claims, expected) in [
        (
            r#"{"id_token":{"acr":{"value":"eidas0"}}}"#.to_owned(),
            json!("eidas1"),
        ),
        (essential(r#""eidas0","eidas1""#), json!("eidas1")),
        (essential(r#""eidas1","eidas1-mfa","eidas2""#), json!("eidas1")),
    ] {
        let request = other.authorization_url(&server, &[("claims", &claims), ("prompt", "none")]);
        let code = parameter(&visitor.get(request.as_str()).await.location(), "code").expect("a code");
        let (_, tokens) = other.redeem(&server, &code, &[]).await;
        assert_eq!(
            claims_of(tokens["id_token"].as_str().unwrap())["acr"],
            expected,
            "{claims}"
        );
    }
    for values in [r#""eidas0""#, r#""eidas1-mfa""#] {
        let claims = essential(values);
        let request = other.authorization_url(&server, &[("claims", &claims), ("prompt", "none")]);
        let answer = visitor.get(request.as_str()).await.location();
        assert_eq!(
            parameter(&answer, "error").as_deref(),
            Some("login_required"),
            "{values}"
        );
    }
}

/// A level that no step leads to is refused before any step.
#[tokio::test]
async fn nobody_is_led_through_steps_that_cannot_help() {
    let (server, _, visitor, service) = house(DANONE, "", Options::default()).await;
    server
        .database()
        .execute("UPDATE users SET given_name = '', email_verified_at = now() - interval '1 year' WHERE email = 'agent@exemple.fr'")
        .await;
    let claims = r#"{"id_token":{"acr":{"essential":true,"values":["eidas2","eidas3"]}}}"#;
    let request = service.authorization_url(&server, &[("claims", claims)]);
    let page = visitor.get(request.as_str()).await;
    assert_eq!(page.title(), "Erreur access_denied - ProConnect");
    assert_eq!(page.status.as_u16(), 400);
    assert!(
        page.text()
            .contains("none of the requested ACRs could be obtained")
    );
    let way_back = page
        .attributes("main a.fr-btn", "href")
        .into_iter()
        .find(|href| href.contains("error=access_denied"))
        .expect("a way back");
    let end = visitor.get(&way_back).await.location();
    assert_eq!(parameter(&end, "error").as_deref(), Some("access_denied"));
    assert_eq!(
        parameter(&end, "error_description").as_deref(),
        Some("none of the requested ACRs could be obtained")
    );

    let reachable = service.authorization_url(&server, &[]);
    let page = visitor.get(reachable.as_str()).await;
    assert_eq!(
        page.title(),
        "Vérifier votre email - ProConnect",
        "an ordinary request goes on"
    );
    let denied = page
        .url
        .as_str()
        .replace(page.url.path(), "/interaction/unknown/access-denied");
    assert_eq!(
        visitor.get(&denied).await.status.as_u16(),
        400,
        "of another browser"
    );
}

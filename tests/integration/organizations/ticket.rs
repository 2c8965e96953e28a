//! The ticket at the support desk about a request (spec/organizations.md §4.6)

use std::time::Duration;

use serde_json::Value;

use super::{BANK, EMAIL, FORM, join, newcomer, text};
use crate::registers::{mend, order, status};
use crate::support::{Options, TestServer};

const PENDING: &str = "Rattachement en cours - ProConnect";

/// A support desk, which is the server's own mock.
fn with_desk() -> Options {
    Options::default()
        .with("CRISP_WEBSITE_ID", "site-1")
        .with("CRISP_IDENTIFIER", "plugin")
        .with("CRISP_KEY", "desk-secret-key")
        .with("CRISP_RESOLVE_DELAY", "50")
}

async fn server_with_desk() -> TestServer {
    TestServer::start_with(with_desk()).await
}

/// What the mocked desk was told for `email`.
async fn conversations(server: &TestServer, email: &str) -> Vec<Value> {
    let url = server
        .base_url
        .join("___testing___/api.crisp.chat/conversations")
        .unwrap();
    let all: Vec<Value> = crate::support::http_get(url).await.unwrap().json().await.unwrap();
    all.into_iter()
        .filter(|conversation| conversation["meta"]["email"] == email)
        .collect()
}

async fn wait_for_ticket(server: &TestServer) -> String {
    for _ in 0..300 {
        let ticket = text(
            server.database(),
            "SELECT string_agg(moderation.ticket_id, ',') FROM moderations AS moderation
             JOIN identite_outbox AS item ON item.kind = 'moderation_ticket' AND item.delivered_at IS NOT NULL",
        )
        .await;
        if !ticket.is_empty() {
            return ticket;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no ticket was delivered: {}", server.process_output());
}

#[tokio::test]
async fn one_ticket_tells_of_a_request_however_often_it_is_sent() {
    let server = server_with_desk().await;
    let (visitor, _) = newcomer(&server).await;
    let form = visitor.get(FORM).await;
    let fields = [("siret", BANK)];
    let pages = futures::future::join_all(
        (0..10).map(|_| visitor.submit(&form, "/users/join-organization", &fields)),
    )
    .await;
    assert!(pages.iter().all(|page| page.status.is_success()));
    let ticket = wait_for_ticket(&server).await;
    let conversations = conversations(&server, EMAIL).await;
    assert_eq!(conversations.len(), 1);
    let conversation = &conversations[0];
    assert_eq!(conversation["session_id"], ticket.as_str());
    assert_eq!(conversation["state"], "resolved");
    let subject = conversation["meta"]["subject"].as_str().unwrap();
    assert!(
        subject.starts_with("[ProConnect] Demande pour rejoindre Bnp paribas"),
        "{subject}"
    );
    assert_eq!(
        conversation["meta"]["segments"],
        serde_json::json!(["email", "identite", "moderation", "localhost"])
    );
    let messages = conversation["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["from"], "operator");
    assert_eq!(messages[0]["origin"], "urn:site-1");
    assert_eq!(messages[0]["user"]["nickname"], "ProConnect");
    let content = messages[0]["content"].as_str().unwrap();
    assert!(content.contains(BANK), "{content}");
    // The desk cannot fetch anything from a developer's machine: as for e-mails, the public service has the logo.
    let logo = "![ProConnect](https://identite.proconnect.gouv.fr/dist/mail-proconnect.png)";
    assert!(content.starts_with(logo), "{content}");
    let count = "SELECT count(*) FROM identite_outbox WHERE kind = 'moderation_ticket'";
    assert_eq!(text(server.database(), count).await, "1");
    server.expect_discreet_log(&["desk-secret-key", EMAIL]).await;
}

#[tokio::test]
async fn a_desk_that_is_away_hinders_nobody_and_is_told_later() {
    let server = TestServer::start_with(
        Options::default()
            .with("CRISP_WEBSITE_ID", "site-1")
            .with("CRISP_BASE_URL", "http://127.0.0.1:1"),
    )
    .await;
    let (visitor, user) = newcomer(&server).await;
    assert_eq!(join(&visitor, BANK).await.title(), PENDING);
    let request =
        format!("SELECT concat_ws(';', status, ticket_id IS NULL) FROM moderations WHERE user_id = {user}");
    assert_eq!(text(server.database(), &request).await, "pending;t");
    let waiting =
        "SELECT attempts > 0 AND dead_at IS NULL AND delivered_at IS NULL AND last_error IS NOT NULL
                   FROM identite_outbox WHERE kind = 'moderation_ticket'";
    for _ in 0..100 {
        if text(server.database(), waiting).await == "true" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the ticket does not wait: {}", server.process_output());
}

#[tokio::test]
async fn what_was_done_is_not_done_again_and_what_was_withdrawn_not_at_all() {
    let server = server_with_desk().await;
    let (visitor, _) = newcomer(&server).await;
    join(&visitor, BANK).await;
    let ticket = wait_for_ticket(&server).await;
    // The process dies before the delivery is noted: it is made again.
    server
        .database()
        .execute(&format!(
            "UPDATE identite_outbox SET delivered_at = NULL, claimed_until = NULL, next_attempt_at = now(),
               payload = json_build_object('moderation', (SELECT id FROM moderations), 'email', '{EMAIL}', 'siret', '{BANK}', 'libelle', null)
             WHERE kind = 'moderation_ticket'"
        ))
        .await;
    assert_eq!(wait_for_ticket(&server).await, ticket);
    let known = conversations(&server, EMAIL).await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0]["messages"].as_array().unwrap().len(), 1, "one message");

    server
        .database()
        .execute(
            "DELETE FROM moderations;
             UPDATE identite_outbox SET delivered_at = NULL, next_attempt_at = now(),
               payload = json_build_object('moderation', 999999, 'email', 'parti@exemple.fr', 'siret', '1', 'libelle', null)
             WHERE kind = 'moderation_ticket'",
        )
        .await;
    let delivered = "SELECT delivered_at IS NOT NULL FROM identite_outbox WHERE kind = 'moderation_ticket'";
    for _ in 0..100 {
        if text(server.database(), delivered).await == "true" {
            assert!(conversations(&server, "parti@exemple.fr").await.is_empty());
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("what was withdrawn still waits");
}

/// Whatever step the desk fails at, and however: the person waits for nothing, and the ticket is one in the end.
#[tokio::test]
async fn a_desk_in_trouble_gets_one_ticket_in_the_end() {
    let faults = [
        (status(500), "conversation"),
        (status(429), "meta"),
        (serde_json::json!({ "fault": "malformed" }), "message"),
        (serde_json::json!({ "fault": "hang" }), "state"),
    ];
    let server = server_with_desk().await;
    let mocks = server.base_url.join("___testing___/").unwrap();
    // Slow is not away: it is waited for, by nobody but the outbox.
    let slow = serde_json::json!({ "fault": "slow", "milliseconds": 500 });
    order(&mocks, "api.crisp.chat", slow).await;
    let (visitor, _) = super::newcomer_as(&server, "lent@exemple.fr", &[]).await;
    assert_eq!(join(&visitor, BANK).await.title(), PENDING);
    wait_for_ticket(&server).await;
    let failed = "SELECT attempts > 0 AND dead_at IS NULL AND delivered_at IS NULL AND last_error IS NOT NULL
                  FROM identite_outbox WHERE kind = 'moderation_ticket'";
    for (rank, (mut fault, step)) in faults.into_iter().enumerate() {
        server
            .database()
            .execute("DELETE FROM identite_outbox WHERE kind = 'moderation_ticket'; DELETE FROM moderations")
            .await;
        fault["path"] = step.into();
        order(&mocks, "api.crisp.chat", fault.clone()).await;
        let email = format!("agent{rank}@exemple.fr");
        let (visitor, _) = super::newcomer_as(&server, &email, &[]).await;
        assert_eq!(join(&visitor, BANK).await.title(), PENDING, "{fault}");
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        while text(server.database(), failed).await != "true" {
            assert!(
                std::time::Instant::now() < deadline,
                "{fault} at {step} is not noticed"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        mend(&mocks).await;
        let now = "UPDATE identite_outbox SET next_attempt_at = now(), claimed_until = NULL WHERE kind = 'moderation_ticket'";
        server.database().execute(now).await;
        let ticket = wait_for_ticket(&server).await;
        let told = conversations(&server, &email).await;
        assert_eq!(told.len(), 1, "{fault} at {step}");
        assert_eq!(told[0]["session_id"], ticket.as_str());
        assert_eq!(
            told[0]["messages"].as_array().unwrap().len(),
            1,
            "{fault} at {step}"
        );
        assert_eq!(told[0]["state"], "resolved");
    }
}

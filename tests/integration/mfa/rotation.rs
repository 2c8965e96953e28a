//! The key of the deployment is replaced while people come and go: no restart, and nobody loses a factor.

use std::process::Output;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::recovery_codes::{ASKED_FOR_ANOTHER, INVALID, draw, give};
use super::{EMAIL, events, insert_capable_user, sign_in, sign_in_with_code};
use crate::accounts::{place, text};
use crate::support::{Options, TestServer, TotpApplication};

const OLD: &str = "aTrueRandom32BytesLongBase64EncodedStringAA=";
const NEW: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const PATIENCE: Duration = Duration::from_secs(30);

/// Lets the server have these keys, the current one first, without a restart.
async fn give_keys(server: &mut TestServer, current: &str, previous: &str) {
    let text =
        format!("SYMMETRIC_ENCRYPTION_KEY='{current}'\nSYMMETRIC_ENCRYPTION_KEY_PREVIOUS='{previous}'\n");
    std::fs::write(server.directory().join(".env.development.local"), text).expect("the file is written");
    let told = "the configuration was re-read";
    let before = server.process_output().matches(told).count();
    server.process().signal("HUP");
    let waiting = async {
        while server.process_output().matches(told).count() == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .expect("it is re-read in time");
}

/// Encrypts anew, with the configuration of the server as it is in its directory. Gives the status and the report.
fn reencrypt(server: &TestServer, more: &[&str]) -> (Option<i32>, Value) {
    let mut arguments = vec!["secrets", "reencrypt", "--report", "-"];
    arguments.extend(more);
    let output: Output = server.run(&arguments);
    let report = serde_json::from_slice(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code(),
        report.unwrap_or_else(|_| panic!("no report: {errors}")),
    )
}

/// What the reference reads: AES-256-GCM, `ciphertext.nonce.tag` in base64, no associated data.
fn read_as_the_reference(stored: &str, key: &str) -> Option<String> {
    let parts: Vec<Vec<u8>> = stored
        .split('.')
        .map(|part| STANDARD.decode(part).expect("base64"))
        .collect();
    let key = STANDARD.decode(key).expect("base64");
    let cipher = openssl::symm::Cipher::aes_256_gcm();
    let opened = openssl::symm::decrypt_aead(cipher, &key, Some(&parts[1]), &[], &parts[0], &parts[2]);
    opened.ok().map(|text| String::from_utf8(text).expect("text"))
}

#[tokio::test]
async fn the_key_of_the_deployment_is_replaced_without_a_restart_and_nobody_loses_a_factor() {
    let options = Options::default();
    let environment = format!("SYMMETRIC_ENCRYPTION_KEY='{OLD}'\n");
    let mut server = TestServer::start_in_directory(options, &environment).await;
    let id = insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let mut application = TotpApplication::new(TotpApplication::KEY);
    let visitor = sign_in_with_code(&server, EMAIL, &mut application).await;
    let codes = draw(&visitor).await;
    let rotated = server.run(&["keys", "rotate", "--alg", "ES256", "--publish-minutes", "60"]);
    assert!(rotated.status.success(), "{rotated:?}");
    let stored = format!("SELECT encrypted_totp_key FROM users WHERE id = {id}");
    let sealed = "SELECT encrypted_jwk FROM identite_signing_keys WHERE encrypted_jwk IS NOT NULL";
    let (old_value, old_seal) = (
        text(server.database(), &stored).await,
        text(server.database(), sealed).await,
    );

    // Known, not used yet; then used, while the old one still reads.
    give_keys(&mut server, OLD, NEW).await;
    give_keys(&mut server, NEW, OLD).await;
    sign_in_with_code(&server, EMAIL, &mut application).await;
    let lost = sign_in(&server, EMAIL).await;
    assert_eq!(place(&give(&lost, &codes[0]).await), ASKED_FOR_ANOTHER);

    let (status, report) = reencrypt(&server, &["--dry-run"]);
    assert_eq!((status, &report["dry_run"]), (Some(0), &Value::Bool(true)));
    assert_eq!(text(server.database(), &stored).await, old_value);
    let due = report["one_time_codes"]["renewed"].as_u64().expect("a number");
    assert!(due >= 1, "{report}");
    assert_eq!(report["signing_keys"]["renewed"], 1);

    let (status, report) = reencrypt(&server, &["--batch", "2"]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(report["one_time_codes"]["renewed"], due);
    assert_eq!(report["signing_keys"]["renewed"], 1);
    assert_eq!(report["accounts_with_former_recovery_codes"], 1);
    assert_eq!(report["finished"], true);
    let (new_value, new_seal) = (
        text(server.database(), &stored).await,
        text(server.database(), sealed).await,
    );
    assert_ne!((&new_value, &new_seal), (&old_value, &old_seal));
    // The reference goes on with the new key alone.
    assert_eq!(
        read_as_the_reference(&new_value, NEW).as_deref(),
        Some(TotpApplication::KEY)
    );
    assert_eq!(read_as_the_reference(&new_value, OLD), None);
    let (status, again) = reencrypt(&server, &[]);
    assert_eq!(
        (status, &again["one_time_codes"]["renewed"]),
        (Some(0), &0.into())
    );
    assert_eq!(again["one_time_codes"]["current"], due);

    // Recovery codes are digests: they are drawn anew, and their owner knows.
    let (status, report) = reencrypt(&server, &["--forget-recovery-codes"]);
    assert_eq!(status, Some(0), "{report}");
    assert_eq!(report["accounts_whose_recovery_codes_were_forgotten"], 1);
    assert_eq!(report["accounts_with_former_recovery_codes"], 0);
    assert_eq!(
        events(server.database(), EMAIL, "recovery_codes_forgotten").await,
        1
    );

    // Without the old one.
    give_keys(&mut server, NEW, "").await;
    let visitor = sign_in_with_code(&server, EMAIL, &mut application).await;
    let page = visitor.get("/connection-and-account").await;
    assert!(
        page.text().contains("Créer mes codes de secours"),
        "{}",
        page.text()
    );
    let fresh = draw(&visitor).await;
    let lost = sign_in(&server, EMAIL).await;
    assert_eq!(place(&give(&lost, &codes[1]).await), INVALID);
    assert_eq!(place(&give(&lost, &fresh[0]).await), ASKED_FOR_ANOTHER);
    let listed = server.run(&["keys", "list"]);
    assert!(listed.status.success(), "{listed:?}");
    let refused = server.run(&["secrets", "reencrypt", "--forget-recovery-codes"]);
    assert_eq!(refused.status.code(), Some(1), "nothing is known of former keys");

    let steps = text(
        server.database(),
        "SELECT string_agg(detail->>'step', ' ' ORDER BY id) FROM identite_audit WHERE action = 'secrets.reencrypt'",
    )
    .await;
    assert_eq!(steps, ["began finished"; 3].join(" "));
    server.expect_discreet_log(&[OLD, NEW]).await;
}

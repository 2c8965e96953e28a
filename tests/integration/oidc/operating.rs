//! What operators do: keys, clients, figures. On the real program, with its commands.

use std::time::Duration;

use identite_actors::keys::{KeyKind, generate_signing_key};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::client_key::ClientKey;
use crate::support::{
    EMAIL, ORGANIZATION, Options, PASSWORD, Receiver, RelyingParty, TestDatabase, TestServer, parameter,
};

/// Nodes look at the calendar of the keys every five seconds.
const ROUNDS: usize = 60;
const PAUSE: Duration = Duration::from_millis(250);

fn output(server: &TestServer, arguments: &[&str]) -> (bool, String) {
    let output = server.run(arguments);
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.success(), text)
}

fn value(text: &str, name: &str) -> String {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("{name} in {text}")).to_owned()
}

async fn published(base: &url::Url) -> Vec<String> {
    let answer = crate::support::http_get(base.join("oauth/jwks").unwrap())
        .await
        .unwrap();
    let jwks: Value = answer.json().await.unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

async fn until_published(base: &url::Url, kid: &str) {
    for _ in 0..ROUNDS {
        if published(base).await.iter().any(|found| found == kid) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{kid} is not published");
}

async fn signed_in(server: &TestServer) -> crate::support::Visitor {
    server.database().make_sign_in_cheap().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    visitor.select_organization(ORGANIZATION).await;
    visitor
}

async fn kid_of_id_token(
    server: &TestServer,
    client: &RelyingParty,
    visitor: &crate::support::Visitor,
) -> String {
    let code = client.code(server, visitor, &[]).await;
    let (_, tokens) = client.redeem(server, &code, &[]).await;
    let header = josekit::jwt::decode_header(tokens["id_token"].as_str().unwrap()).unwrap();
    header.claim("kid").unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_node_follows_a_rotation_without_a_restart() {
    let server = TestServer::start().await;
    let node = server.start_node().await;
    let visitor = signed_in(&server).await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let old = kid_of_id_token(&server, &client, &visitor).await;
    let code = client.code(&server, &visitor, &[]).await;
    let (_, tokens) = client.redeem(&server, &code, &[]).await;
    let old_token = tokens["id_token"].as_str().unwrap().to_owned();

    let (ok, text) = output(&server, &["keys", "rotate", "--alg", "RS256"]);
    assert!(ok, "{text}");
    let coming = value(&text, "kid");
    for base in [&server.base_url, &node.base_url] {
        until_published(base, &coming).await;
    }
    assert_eq!(
        kid_of_id_token(&server, &client, &visitor).await,
        old,
        "published, not used yet"
    );
    let (ok, text) = output(&server, &["keys", "list"]);
    assert!(
        ok && text.contains(&coming) && text.contains("signs from"),
        "{text}"
    );

    let (ok, text) = output(
        &server,
        &["keys", "rotate", "--alg", "RS256", "--publish-minutes", "0"],
    );
    assert!(ok, "{text}");
    let new = value(&text, "kid");
    for _ in 0..ROUNDS {
        if kid_of_id_token(&server, &client, &visitor).await == new {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    assert_eq!(kid_of_id_token(&server, &client, &visitor).await, new);
    until_published(&node.base_url, &new).await;
    assert!(
        published(&node.base_url).await.contains(&old),
        "what it signed can still be verified"
    );
    let hint = visitor
        .get(
            client
                .authorization_url(&server, &[("prompt", "none"), ("id_token_hint", &old_token)])
                .as_str(),
        )
        .await;
    assert!(
        parameter(&hint.location(), "code").is_some(),
        "{}",
        hint.location()
    );

    let (ok, text) = output(&server, &["keys", "retire", &old, "--grace-hours", "0"]);
    assert!(ok, "{text}");
    for _ in 0..ROUNDS {
        if !published(&node.base_url).await.contains(&old) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    assert!(!published(&node.base_url).await.contains(&old));
    let (ok, text) = output(&server, &["keys", "retire", "unknown"]);
    assert!(!ok && text.contains("no key has the kid"), "{text}");
}

/// A key that nothing opens here keeps no other from its place, and the operator is told.
#[tokio::test]
async fn a_key_that_cannot_be_opened_revives_no_other() {
    let mut server = TestServer::start().await;
    let own = published(&server.base_url).await;
    let rotation = ["keys", "rotate", "--alg", "RS256", "--publish-minutes", "0"];
    let (ok, text) = output(&server, &rotation);
    assert!(ok, "{text}");
    let unreadable = value(&text, "kid");
    let (ok, text) = output(&server, &rotation);
    assert!(ok, "{text}");
    let readable = value(&text, "kid");
    let rotated = {
        let client = server.database().pool().get().await.unwrap();
        let sql = "SELECT kid FROM identite_signing_keys WHERE encrypted_jwk IS NULL";
        client.query_one(sql, &[]).await.unwrap().get::<_, String>(0)
    };
    assert!(own.contains(&rotated));
    let (ok, text) = output(&server, &["keys", "retire", &rotated, "--grace-hours", "0"]);
    assert!(ok, "{text}");
    let broken = format!(
        "UPDATE identite_signing_keys SET encrypted_jwk = 'AAAA.AAAA.AAAA' WHERE kid = '{unreadable}'"
    );
    server.database().execute(&broken).await;

    server.stop().await;
    server.start_again().await;
    let kids = published(&server.base_url).await;
    assert!(kids.contains(&readable), "{kids:?}");
    assert!(
        !kids.contains(&rotated) && !kids.contains(&unreadable),
        "{kids:?}"
    );
    let log = server.expect_discreet_log(&[]).await;
    assert!(
        log.contains(&format!("no key of the deployment opens {unreadable}")),
        "{log}"
    );
}

/// Without the key of the deployment nothing is left to sign with: what was replaced does not come back in its place.
#[tokio::test]
async fn without_any_key_that_opens_the_server_does_not_start() {
    let mut server = TestServer::start().await;
    let mut kids = Vec::new();
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let (ok, text) = output(
            &server,
            &["keys", "rotate", "--alg", algorithm, "--publish-minutes", "0"],
        );
        assert!(ok, "{text}");
        kids.push(value(&text, "kid"));
    }
    for kid in &kids {
        until_published(&server.base_url, kid).await;
    }
    let sealed =
        "UPDATE identite_signing_keys SET encrypted_jwk = 'AAAA.AAAA.AAAA' WHERE encrypted_jwk IS NOT NULL";
    server.database().execute(sealed).await;
    // Who has opened them goes on.
    tokio::time::sleep(Duration::from_secs(6)).await;
    for kid in &kids {
        until_published(&server.base_url, kid).await;
    }
    server.stop().await;
    let (ok, text) = output(&server, &["serve"]);
    assert!(!ok, "{text}");
    for kid in &kids {
        assert!(text.contains(kid), "{text}");
    }
}

#[tokio::test]
async fn the_last_key_of_its_kind_is_not_retired() {
    let server = TestServer::start().await;
    let (_, list) = output(&server, &["keys", "list"]);
    let line = list.lines().find(|line| line.contains("OKP Ed25519")).unwrap();
    let kid = line.split('\t').next().unwrap();
    let (ok, text) = output(&server, &["keys", "retire", kid]);
    assert!(!ok && text.contains("rotate first"), "{text}");
    // One that is published and does not sign yet takes nobody's place: what it is waited for, and what helps at once, is told.
    let (ok, text) = output(&server, &["keys", "rotate", "--alg", "EdDSA"]);
    assert!(ok, "{text}");
    let (coming, from) = (value(&text, "kid"), value(&text, "signs from"));
    let emergency = ["keys", "retire", kid, "--grace-hours", "0"];
    let (ok, text) = output(&server, &emergency);
    assert!(!ok && text.contains(&coming) && text.contains(&from), "{text}");
    assert!(text.contains("--alg EdDSA --publish-minutes 0"), "{text}");
    let (ok, text) = output(&server, &["keys", "retire", &coming]);
    assert!(
        !ok && text.contains("rotate first"),
        "nobody would sign then: {text}"
    );
    let at_once = ["keys", "rotate", "--alg", "EdDSA", "--publish-minutes", "0"];
    assert!(output(&server, &at_once).0);
    let (ok, text) = output(&server, &emergency);
    assert!(ok, "{text}");
}

/// When the key signs no more, and when it is published no more, as texts.
async fn ends(server: &TestServer, kid: &str) -> (Option<String>, Option<String>) {
    let client = server.database().pool().get().await.unwrap();
    let sql = "SELECT signs_until::text, published_until::text FROM identite_signing_keys WHERE kid = $1";
    let row = client.query_one(sql, &[&kid]).await.unwrap();
    (row.get(0), row.get(1))
}

/// Somebody else knows the key: whatever is ordered later, it does not come back.
#[tokio::test]
async fn a_key_that_was_retired_does_not_come_back() {
    let server = TestServer::start().await;
    let rotate = |minutes: &str| {
        let (ok, text) = output(
            &server,
            &["keys", "rotate", "--alg", "ES256", "--publish-minutes", minutes],
        );
        assert!(ok, "{text}");
        value(&text, "kid")
    };
    let first = rotate("0");
    let second = rotate("0");
    let (ok, text) = output(&server, &["keys", "retire", &first, "--grace-hours", "0"]);
    assert!(ok && !text.contains("already"), "{text}");
    let before = ends(&server, &first).await;
    for again in [
        ["keys", "retire", &first, "--grace-hours", "720"].as_slice(),
        &["keys", "retire", &first],
        &["keys", "retire", &first, "--grace-hours", "0"],
    ] {
        let (ok, text) = output(&server, again);
        assert!(ok && text.contains("is retired already"), "{text}");
        assert_eq!(ends(&server, &first).await, before);
    }
    let (_, list) = output(&server, &["keys", "list"]);
    assert!(!list.contains(&first), "{list}");
    let trail = "SELECT count(*) FROM identite_audit WHERE action = 'keys.retire'";
    assert_eq!(
        server.database().count(trail).await,
        1,
        "what changes nothing is no event"
    );

    // A later rotation takes nothing back from an earlier one; what came between signs until then.
    let third = rotate("60");
    let replaced = ends(&server, &second).await;
    let fourth = rotate("10080");
    assert_eq!(ends(&server, &second).await, replaced);
    let client = server.database().pool().get().await.unwrap();
    let sql = "SELECT one.signs_until = two.signs_from, two.signs_until = three.signs_from, three.signs_until IS NULL
         FROM identite_signing_keys one, identite_signing_keys two, identite_signing_keys three
         WHERE one.kid = $1 AND two.kid = $2 AND three.kid = $3";
    let row = client.query_one(sql, &[&second, &third, &fourth]).await.unwrap();
    let chained: [bool; 3] = [row.get(0), row.get(1), row.get(2)];
    assert_eq!(chained, [true; 3], "there is always one that signs");
    // One that begins earlier than what was to come replaces that, too.
    let fifth = rotate("0");
    let (_, list) = output(&server, &["keys", "list"]);
    let used: Vec<&str> = list
        .lines()
        .filter(|line| line.contains("EC P-256\tdatabase\tin use") || line.contains("database\tsigns from"))
        .collect();
    assert!(used.len() == 1 && used[0].starts_with(&fifth), "{list}");
}

/// What keeps the node from being ready for its keys; nothing when it is.
async fn complaint_about_keys(server: &TestServer) -> Option<String> {
    let url = server.operator_url.join("readyz").unwrap();
    let answer = crate::support::http_get(url).await.unwrap();
    let status = answer.status().as_u16();
    let report: Value = answer.json().await.unwrap();
    assert_eq!(status, if report["ready"] == true { 200 } else { 503 });
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["name"] == "signing-keys");
    check.unwrap()["why"].as_str().map(str::to_owned)
}

async fn until_told_of_keys(server: &TestServer, expected: Option<&str>) {
    let mut told = None;
    for _ in 0..ROUNDS {
        told = complaint_about_keys(server).await;
        let is_as_expected = match (&told, expected) {
            (Some(why), Some(end)) => why.ends_with(end),
            (told, expected) => told.is_none() && expected.is_none(),
        };
        if is_as_expected {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("{told:?} instead of {expected:?}");
}

/// A node that would sign less than its sisters gets no requests; commands tell what is closed, and put it right.
#[tokio::test]
async fn a_node_that_cannot_open_a_key_that_signs_is_not_ready() {
    let database = TestDatabase::create().await;
    let closed =
        "INSERT INTO identite_signing_keys (kid, encrypted_jwk, algorithm, created_at, signs_from) VALUES
         ('closed', 'AAAA.AAAA.AAAA', 'ES256', now(), now() - interval '1 hour'),
         ('nameless', 'AAAA.AAAA.AAAA', NULL, now(), now() - interval '1 hour'),
         ('later', 'AAAA.AAAA.AAAA', 'EdDSA', now(), now() + interval '1 hour')";
    database.execute(closed).await;
    let server = TestServer::start_unready_on(database, Options::default()).await;
    until_told_of_keys(&server, Some("no key of the deployment opens closed, nameless")).await;
    let (ok, list) = output(&server, &["keys", "list"]);
    assert!(ok, "{list}");
    for line in [
        "closed\tEC P-256\tdatabase\tin use, unreadable",
        "nameless\tunknown\tdatabase\tin use, unreadable",
        "later\tOKP Ed25519\tdatabase\tsigns from",
    ] {
        assert!(list.contains(line), "{list}");
    }

    let rotation = ["keys", "rotate", "--alg", "ES256", "--publish-minutes", "0"];
    let (ok, text) = output(&server, &rotation);
    assert!(ok, "{text}");
    let new = value(&text, "kid");
    until_told_of_keys(&server, Some("no key of the deployment opens nameless")).await;
    for kid in ["nameless", "later", "closed"] {
        let (ok, text) = output(&server, &["keys", "retire", kid, "--grace-hours", "0"]);
        assert!(ok, "{text}");
    }
    let (ok, text) = output(&server, &["keys", "retire", "nameless"]);
    assert!(ok && text.contains("is retired already"), "{text}");
    until_told_of_keys(&server, None).await;

    // What was opened before goes on.
    until_published(&server.base_url, &new).await;
    let broken =
        format!("UPDATE identite_signing_keys SET encrypted_jwk = 'AAAA.AAAA.AAAA' WHERE kid = '{new}'");
    server.database().execute(&broken).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(complaint_about_keys(&server).await, None);
    let log = server.expect_discreet_log(&[]).await;
    assert!(
        log.contains(&format!("no key of the deployment opens {new}")),
        "{log}"
    );
}

#[tokio::test]
async fn a_client_is_registered_checked_changed_and_gets_a_new_secret() {
    let server = TestServer::start().await;
    let visitor = signed_in(&server).await;
    let (ok, text) = output(
        &server,
        &[
            "clients",
            "add",
            "Un service",
            "--redirect-uri",
            "http://localhost:9/login-callback",
        ],
    );
    assert!(ok, "{text}");
    let client = RelyingParty {
        client_id: value(&text, "client_id"),
        client_secret: value(&text, "client_secret"),
        ..RelyingParty::default()
    };
    let connection = server.database().pool().get().await.unwrap();
    let stored: String = connection
        .query_one(
            "SELECT client_secret FROM oidc_clients WHERE client_id = $1",
            &[&client.client_id],
        )
        .await
        .unwrap()
        .get(0);
    assert_ne!(stored, client.client_secret, "nobody can read the secret");
    let pkce = [
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
    ];
    let verifier = [("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")];
    let code = client.code(&server, &visitor, &pkce).await;
    assert_eq!(client.redeem(&server, &code, &verifier).await.0, 200);

    let (ok, text) = output(&server, &["clients", "rotate-secret", &client.client_id]);
    assert!(ok, "{text}");
    let rotated = RelyingParty {
        client_secret: value(&text, "client_secret"),
        ..client.clone()
    };
    for owner in [&client, &rotated] {
        let code = owner.code(&server, &visitor, &pkce).await;
        assert_eq!(
            owner.redeem(&server, &code, &verifier).await.0,
            200,
            "both count for a while"
        );
    }

    let (ok, text) = output(
        &server,
        &[
            "clients",
            "set",
            &client.client_id,
            "require_pkce=false",
            "id_token_at_hash=true",
        ],
    );
    assert!(ok, "{text}");
    assert!(!client.code(&server, &visitor, &[]).await.is_empty());
    for (setting, why) in [
        (
            "token_endpoint_auth_method=private_key_jwt",
            "jwks or jwks_uri is needed",
        ),
        ("secret_hash=x", "is no setting"),
        ("backchannel_logout_uri=ftp://x", "must be a web uri"),
        ("jwks_uri=http://rp.example/jwks", "must be an https uri"),
    ] {
        let (ok, text) = output(&server, &["clients", "set", &client.client_id, setting]);
        assert!(!ok && text.contains(why), "{setting}: {text}");
    }
    let (ok, text) = output(&server, &["clients", "list"]);
    assert!(
        ok && text.contains("Un service") && text.contains("id_token_at_hash"),
        "{text}"
    );
    assert!(!text.contains(&client.client_secret));
}

/// The first secret is in use, the second was handed out and is deployed nowhere yet: a third would cut the first off.
#[tokio::test]
async fn a_second_rotation_does_not_cut_off_the_secret_in_use() {
    let server = TestServer::start().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let counts = async |secret: &str| {
        let owner = RelyingParty {
            client_secret: secret.to_owned(),
            ..client.clone()
        };
        let (_, answer) = owner.redeem(&server, "no code", &[]).await;
        match answer["error"].as_str() {
            Some("invalid_grant") => true,
            Some("invalid_client") => false,
            _ => panic!("{answer}"),
        }
    };
    let rotate = |more: &[&str]| {
        let command = ["clients", "rotate-secret", client.client_id.as_str()];
        output(&server, &[&command[..], more].concat())
    };
    let first = client.client_secret.as_str();
    let (ok, text) = rotate(&[]);
    assert!(ok, "{text}");
    let second = value(&text, "client_secret");
    let again: [&[&str]; 3] = [&[], &["--hash"], &["--overlap-hours", "0"]];
    for more in again {
        let (ok, text) = rotate(more);
        assert!(!ok, "{text}");
        assert!(
            text.contains("counts until ") && text.contains("--force"),
            "{text}"
        );
    }
    assert!(counts(first).await && counts(&second).await);

    let (ok, text) = rotate(&["--force", "--hash"]);
    assert!(ok, "{text}");
    let third = value(&text, "client_secret");
    assert!(!counts(first).await && counts(&second).await && counts(&third).await);

    let (ok, text) = rotate(&["--force", "--overlap-hours", "0"]);
    assert!(ok, "{text}");
    let fourth = value(&text, "client_secret");
    assert!(!counts(&second).await && !counts(&third).await && counts(&fourth).await);
    let (ok, text) = rotate(&[]);
    assert!(ok, "nothing counts beside the present one: {text}");
}

#[tokio::test]
async fn nothing_is_registered_under_an_identifier_that_is_empty_or_has_blanks() {
    let server = TestServer::start().await;
    let add = [
        "clients",
        "add",
        "Un service",
        "--redirect-uri",
        "http://localhost:9/",
    ];
    for client_id in ["", " ", "un service", "service "] {
        let (ok, text) = output(&server, &[&add[..], &["--client-id", client_id]].concat());
        assert!(!ok && text.contains("client_id must"), "{client_id:?}: {text}");
    }
    let blank = RelyingParty {
        client_id: " ".into(),
        ..RelyingParty::default()
    };
    blank.register(server.database()).await;
    let (ok, text) = output(&server, &["clients", "check"]);
    assert!(
        !ok && text.contains("client_id must not be empty nor blank"),
        "{text}"
    );
}

#[tokio::test]
async fn the_check_names_rows_that_are_broken() {
    let server = TestServer::start().await;
    let broken = RelyingParty {
        client_id: "mended soon".into(),
        redirect_uri: "0/login-callback".into(),
        ..RelyingParty::default()
    };
    broken.register(server.database()).await;
    let (ok, text) = output(&server, &["clients", "check"]);
    assert!(!ok, "{text}");
    assert!(
        text.contains("broken: mended soon") && text.contains("invalid_redirect_uri"),
        "{text}"
    );
    assert!(
        text.contains("doubtful: standard_client_id"),
        "its secret is short: {text}"
    );
}

/// Relying parties that name no algorithm are sound as soon as a key of the calendar signs with RS256.
#[tokio::test]
async fn the_check_counts_the_keys_of_the_calendar() {
    let key = generate_signing_key(KeyKind::P256).unwrap();
    let jwks = format!(r#"{{"keys":[{}]}}"#, key.expose_secret());
    let server = TestServer::start_with(Options::default().with("JWKS", &jwks)).await;
    let (ok, text) = output(&server, &["clients", "check"]);
    assert!(!ok && text.contains("no key signs with RS256"), "{text}");
    let (ok, text) = output(
        &server,
        &["keys", "rotate", "--alg", "RS256", "--publish-minutes", "0"],
    );
    assert!(ok, "{text}");
    let (ok, text) = output(&server, &["clients", "check"]);
    assert!(ok && !text.contains("broken:"), "{text}");
    let setting = "id_token_at_hash=true";
    let (ok, text) = output(&server, &["clients", "set", "standard_client_id", setting]);
    assert!(ok, "{text}");
}

#[tokio::test]
async fn a_plain_secret_stays_readable_for_the_reference_when_it_is_rotated() {
    let server = TestServer::start().await;
    let (ok, text) = output(&server, &["clients", "rotate-secret", "standard_client_id"]);
    assert!(ok, "{text}");
    let connection = server.database().pool().get().await.unwrap();
    let stored: String = connection
        .query_one(
            "SELECT client_secret FROM oidc_clients WHERE client_id = 'standard_client_id'",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(stored, value(&text, "client_secret"));
}

#[tokio::test]
async fn published_keys_of_a_client_are_fetched_once_for_all_workers() {
    let server = TestServer::start().await;
    let visitor = signed_in(&server).await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let key = ClientKey::new();
    let receiver = Receiver::serving(key.set().to_string());
    server
        .database()
        .set_for(
            &client.client_id,
            &json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": receiver.url()}),
        )
        .await;
    for _ in 0..3 {
        let code = client.code(&server, &visitor, &[]).await;
        let assertion = key.assertion(&client.client_id, server.issuer(), chrono::Utc::now(), &json!({}));
        let changes = [
            ("client_secret", ""),
            ("client_assertion", assertion.as_str()),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
        ];
        let (status, answer) = client.redeem(&server, &code, &changes).await;
        assert_eq!(status, 200, "{answer}");
    }
    assert_eq!(receiver.count(), 1, "fetched once for all workers");
}

#[tokio::test]
async fn published_keys_of_a_client_are_fetched_again_after_a_rotation() {
    let server = TestServer::start().await;
    let visitor = signed_in(&server).await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let (old, new) = (ClientKey::new(), ClientKey::new());
    let receiver = Receiver::serving_in_turn(vec![old.set().to_string(), new.set().to_string()]);
    let settings = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": receiver.url()});
    server.database().set_for(&client.client_id, &settings).await;
    let redeem = async |key: &ClientKey, code: &str| {
        let assertion = key.assertion(&client.client_id, server.issuer(), chrono::Utc::now(), &json!({}));
        let changes = [
            ("client_secret", ""),
            ("client_assertion", assertion.as_str()),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ),
        ];
        client.redeem(&server, code, &changes).await
    };
    let code = client.code(&server, &visitor, &[]).await;
    assert_eq!(redeem(&old, &code).await.0, 200);
    // Keys are not fetched again at once: nobody makes this server ask somebody else's all the time.
    let code = client.code(&server, &visitor, &[]).await;
    let mut status = 0;
    for _ in 0..30 {
        status = redeem(&new, &code).await.0;
        if status == 200 {
            break;
        }
        assert_eq!(status, 401);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!((status, receiver.count()), (200, 2));
}

#[tokio::test]
async fn figures_are_told_by_client() {
    let server = TestServer::start().await;
    let visitor = signed_in(&server).await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    for _ in 0..2 {
        let code = client.code(&server, &visitor, &[]).await;
        client.redeem(&server, &code, &[]).await;
        client.redeem(&server, &code, &[]).await;
    }
    visitor
        .get(client.authorization_url(&server, &[("max_age", "x")]).as_str())
        .await;
    let answer = crate::support::http_get(server.operator_url.join("clients").unwrap())
        .await
        .unwrap();
    let figures: Value = answer.json().await.unwrap();
    let own = &figures[&client.client_id];
    assert_eq!(own["sign_ins"], 2, "{figures}");
    assert_eq!(own["answers"]["authorize"]["invalid_request"], 1);
    assert_eq!(own["answers"]["token"], json!({"ok": 2, "invalid_grant": 2}));
    assert!(own["mean_milliseconds"]["token"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn a_certificate_counts_only_where_its_header_is_believed() {
    const HEADER: &str = "X-Client-Certificate";
    const VERIFIED: &str = "X-Client-Verified";
    let shown = super::encryption::certificate_header("rp.example");
    let nowhere = Options::default();
    let unverified = Options::default().with("TLS_CLIENT_CERTIFICATE_HEADER", HEADER);
    let verified = unverified
        .clone()
        .with("TLS_CLIENT_CERTIFICATE_VERIFIED_HEADER", VERIFIED);
    // What the proxy is believed in, what is advertised, and what each verdict leads to.
    for (options, advertised, outcomes) in [
        (nowhere, [false, false], ["invalid_client"; 4]),
        (unverified, [false, true], ["invalid_client"; 4]),
        (
            verified,
            [true, true],
            [
                "invalid_grant",
                "invalid_client",
                "invalid_client",
                "invalid_client",
            ],
        ),
    ] {
        let server = TestServer::start_with(options).await;
        let document = server.base_url.join(".well-known/openid-configuration").unwrap();
        let document: Value = crate::support::http_get(document)
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let methods = document["token_endpoint_auth_methods_supported"]
            .as_array()
            .unwrap();
        let told = ["tls_client_auth", "self_signed_tls_client_auth"]
            .map(|method| methods.iter().any(|offered| offered == method));
        assert_eq!(told, advertised);
        assert_eq!(
            document["tls_client_certificate_bound_access_tokens"] == true,
            advertised[1]
        );
        let client = RelyingParty::default();
        client.register(server.database()).await;
        server
            .database()
            .set_for(
                &client.client_id,
                &json!({"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "rp.example"}),
            )
            .await;
        // Of two verdicts one is not the proxy's.
        let verdicts: [&[&str]; 4] = [&["SUCCESS"], &["FAILED:18"], &[], &["SUCCESS", "FAILED:18"]];
        for (verdict, expected) in verdicts.into_iter().zip(outcomes) {
            let mut request = crate::support::http_client()
                .post(server.base_url.join("oauth/token").unwrap())
                .header(HEADER, &shown);
            for word in verdict {
                request = request.header(VERIFIED, *word);
            }
            let form = [
                ("grant_type", "authorization_code"),
                ("client_id", client.client_id.as_str()),
                ("code", "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"),
            ];
            let answer = request.form(&form).send().await.unwrap();
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(answer["error"], expected, "{verdict:?}");
        }
    }
}

#[tokio::test]
async fn who_changed_keys_and_clients_is_on_record_without_secrets() {
    let server = TestServer::start().await;
    let add = [
        "clients",
        "add",
        "Un service",
        "--redirect-uri",
        "https://rp.example/callback",
    ];
    let (ok, told) = output(&server, &add);
    assert!(ok, "{told}");
    let client_id = value(&told, "client_id");
    let (ok, rotated) = output(&server, &["clients", "rotate-secret", &client_id]);
    assert!(ok, "{rotated}");
    let (ok, text) = output(&server, &["clients", "set", &client_id, "id_token_at_hash=true"]);
    assert!(ok, "{text}");
    let (ok, key) = output(
        &server,
        &["keys", "rotate", "--alg", "ES256", "--publish-minutes", "0"],
    );
    assert!(ok, "{key}");
    let kid = value(&key, "kid");
    let rotate = ["keys", "rotate", "--alg", "ES256", "--publish-minutes", "0"];
    assert!(output(&server, &rotate).0);
    let (ok, text) = output(&server, &["keys", "retire", &kid, "--grace-hours", "1"]);
    assert!(ok, "{text}");
    // What is refused leaves no trace.
    assert!(!output(&server, &["clients", "rotate-secret", "nobody"]).0);
    assert!(!output(&server, &["keys", "retire", "nothing"]).0);

    let (_, trail) = output(&server, &["audit", "export"]);
    let entries: Vec<Value> = trail
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|entry: &Value| entry["action"].is_string())
        .collect();
    let actions: Vec<&str> = entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    let expected = [
        "clients.add",
        "clients.rotate-secret",
        "clients.set",
        "keys.rotate",
        "keys.rotate",
        "keys.retire",
    ];
    assert_eq!(actions, expected, "{trail}");
    assert_eq!(entries[0]["subject"], json!({"kind": "client", "id": client_id}));
    assert_eq!(entries[2]["detail"], json!({"id_token_at_hash": true}));
    assert_eq!(entries[3]["subject"]["id"], kid.as_str());
    for entry in &entries {
        assert!(
            entry["actor"].as_str().unwrap().starts_with("command line of "),
            "{entry}"
        );
    }
    for output in [told, rotated] {
        assert!(!trail.contains(&value(&output, "client_secret")));
    }
}

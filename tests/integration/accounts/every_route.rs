//! Every path of the route table, read from the table itself: a look from afar, and what cannot be read.

use crate::support::{Options, TestDatabase, TestRedis, TestServer};

/// The route tables.
const TABLES: [&str; 2] = [
    include_str!("../../../src/web/routes.rs"),
    include_str!("../../../src/web/oidc/mod.rs"),
];

/// Paths of pages, with a value for each parameter, and whether they are only for forms.
fn routes() -> Vec<(String, bool)> {
    let mut routes = Vec::new();
    for table in TABLES {
        // Definitions fold over lines; what counts is the text between the names of the constructors.
        for part in table
            .split("page(\"")
            .flat_map(|part| part.split("stop(\n            \""))
            .flat_map(|part| part.split("stop(\""))
            .skip(1)
        {
            let Some((path, rest)) = part.split_once('"') else {
                continue;
            };
            if path.starts_with('/') {
                let declaration = rest.split(';').next().unwrap_or(rest);
                let declaration = declaration.split(".service").next().unwrap_or(declaration);
                routes.push((filled_in(path), declaration.contains("Methods::only_post")));
            }
        }
    }
    assert!(routes.len() >= 28, "the tables are read: {routes:?}");
    for known in [
        "/",
        "/users/verify-email",
        "/users/delete",
        "/interaction/1/login",
    ] {
        assert!(
            routes.iter().any(|(path, _)| path == known),
            "{known} in {routes:?}"
        );
    }
    routes
}

/// `/interaction/{uid}/login` as `/interaction/1/login`.
fn filled_in(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| if segment.starts_with('{') { "1" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// Every row of every table, but for when somebody was last seen, which is written in batches.
async fn fingerprint(database: &TestDatabase) -> Vec<(String, String)> {
    let client = database.pool().get().await.expect("a connection");
    let tables = client
        .query(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename",
            &[],
        )
        .await
        .expect("tables");
    let mut rows = Vec::new();
    for table in tables {
        let name: String = table.get(0);
        let query = format!(
            "SELECT md5(coalesce(string_agg(content, '|' ORDER BY content), ''))
             FROM (SELECT (to_jsonb(t) - 'last_seen_at' - 'expires_at')::text AS content FROM \"{name}\" t) contents"
        );
        let digest = client.query_one(&query, &[]).await.expect("a digest").get(0);
        rows.push((name, digest));
    }
    rows
}

#[tokio::test]
async fn a_look_from_afar_has_no_effect_anywhere() {
    let redis = TestRedis::start().await;
    let options = Options::default()
        .with("REDIS_URL", &redis.url())
        .with("FEATURE_AUTHENTICATE_BROWSER", "True");
    let server = TestServer::start_with(options).await;
    let unproven = [("email_verified", "false")];
    super::insert_user(server.database(), "agent@exemple.fr", &unproven).await;
    // Somebody whom many pages would write something for: signed in, without a code on its way.
    let person = server.visitor();
    person.sign_in_as("agent@exemple.fr", super::PASSWORD).await;
    // The sign-in is not over before the hash of the reference has become one of ours.
    let old = "SELECT count(*) FROM users WHERE email = 'agent@exemple.fr' AND encrypted_password LIKE '$2%'";
    while server.database().count(old).await != 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    server
        .database()
        .execute("UPDATE users SET verify_email_token = NULL, verify_email_sent_at = NULL")
        .await;
    let stranger = server.visitor();
    let mails = server.mailbox.wait_for_count(1).await.len();
    let (rows, keys) = (fingerprint(server.database()).await, redis.size().await);

    for (path, is_only_for_forms) in routes() {
        for visitor in [&person, &stranger] {
            let cookies = visitor.cookies_for("/");
            let head = visitor.client().head(visitor.url(&path)).send().await;
            let answer = head.expect("an answer");
            let status = answer.status().as_u16();
            let expected: &[u16] = if is_only_for_forms { &[404] } else { &[200] };
            assert!(expected.contains(&status), "HEAD {path}: {status}");
            assert!(answer.headers().get("location").is_none(), "{path}");
            assert_eq!(answer.text().await.expect("a body"), "", "{path}");
            assert_eq!(visitor.cookies_for("/"), cookies, "{path} sets no cookie");
        }
    }
    assert_eq!(fingerprint(server.database()).await, rows);
    assert_eq!(redis.size().await, keys);
    assert_eq!(server.mailbox.mails().len(), mails);
    server.expect_discreet_log(&[]).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_a_bad_request_everywhere() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    visitor
        .sign_in_as(crate::support::EMAIL, crate::support::PASSWORD)
        .await;
    let send = async |path: &str, is_form: bool| {
        let url = visitor.url(path);
        let request = if is_form {
            visitor.client().post(url).form(&[("a", "b")])
        } else {
            visitor.client().get(url)
        };
        crate::support::Visitor::page_of(request.send().await.expect("an answer")).await
    };
    for (path, is_form) in routes() {
        for ending in ["%00", "/%ff", "%"] {
            let unreadable = format!("{}{ending}", path.trim_end_matches('/'));
            let unreadable = if unreadable.starts_with('/') {
                unreadable
            } else {
                format!("/{unreadable}")
            };
            send(&unreadable, is_form).await.expect_error(400, "");
        }
        // Stops on the way from a relying party read their own parameters.
        if !path.starts_with("/interaction/") {
            for query in ["notification=%00", "notification=%ff", "%ff=a"] {
                let page = send(&format!("{path}?{query}"), is_form).await;
                page.expect_error(400, "");
            }
        }
    }
    server.expect_discreet_log(&[]).await;
}

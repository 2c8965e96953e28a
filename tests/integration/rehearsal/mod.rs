//! The move of docs/MIGRATING.md, there and back, on one database: what is read there is done here, in its order. The reference is
//! played by its statements at every build, and runs itself where somebody has a check-out of it.

mod person;
mod reference;
mod with_the_reference;
mod world;

use identite::db::catalog::Catalog;
use identite::db::fixtures;

use crate::support::{
    EMAIL, ORGANIZATION, Options, PASSWORD, RelyingParty, TestDatabase, TestServer, http_get,
};

const REFERENCE_SCHEMA: &str = include_str!("../../../migrations/V1__reference_schema.sql");
/// First words of the guide's statements.
const WAY_BACK: &str = "The way back";
const FINAL_RETURN: &str = "The final return";
const GUIDE: &str = include_str!("../../../docs/MIGRATING.md");

/// What the reference writes in the course of a day, by the columns that it knows.
const A_DAY_OF_THE_REFERENCE: &str = "
    INSERT INTO users (email, encrypted_password, created_at, updated_at)
    VALUES ('nouvelle@exemple.fr', '$2b$10$abcdefghijklmnopqrstuv', now(), now());
    UPDATE users SET sign_in_count = sign_in_count + 1, last_sign_in_at = now(), updated_at = now()
    WHERE email = 'nouvelle@exemple.fr';
    INSERT INTO organizations (siret, cached_libelle, organization_info_fetched_at, created_at, updated_at)
    VALUES ('99999999900001', 'Une organisation', now(), now(), now());
    INSERT INTO users_organizations (user_id, organization_id, verification_type, created_at, updated_at)
    SELECT users.id, organizations.id, 'domain', now(), now()
    FROM users, organizations
    WHERE users.email = 'nouvelle@exemple.fr' AND organizations.siret = '99999999900001';
    INSERT INTO email_domains (organization_id, domain, verification_type, created_at, updated_at)
    SELECT id, 'exemple.fr', 'verified', now(), now() FROM organizations WHERE siret = '99999999900001';
    INSERT INTO moderations (user_id, organization_id, type)
    SELECT users.id, organizations.id, 'non_verified_domain'
    FROM users, organizations
    WHERE users.email = 'nouvelle@exemple.fr' AND organizations.siret = '99999999900001';
    INSERT INTO users_oidc_clients (user_id, oidc_client_id, organization_id, created_at, updated_at)
    SELECT users.id, (SELECT min(id) FROM oidc_clients), organizations.id, now(), now()
    FROM users, organizations
    WHERE users.email = 'nouvelle@exemple.fr' AND organizations.siret = '99999999900001';
    DELETE FROM users WHERE email = 'nouvelle@exemple.fr';
    DELETE FROM email_domains WHERE domain = 'exemple.fr';
    DELETE FROM organizations WHERE siret = '99999999900001'";

/// The statements of the guide for this step, which their first line names.
fn statements_of(step: &str) -> &'static str {
    let (_, from) = GUIDE
        .split_once(&format!("-- {step}:"))
        .expect("the guide has them");
    let (_, statements) = from.split_once('\n').expect("they follow");
    statements.split_once("```").expect("they end").0
}

async fn catalog_of(database: &TestDatabase) -> Catalog {
    Catalog::read(&database.pool().get().await.expect("a connection"))
        .await
        .expect("a catalog")
}

/// What the reference sees: its tables, without indexes that only help us.
async fn as_the_reference_sees(database: &TestDatabase) -> Catalog {
    let mut catalog = catalog_of(database).await;
    catalog
        .tables
        .retain(|name, _| !name.starts_with("identite_") && name != "pgmigrations");
    for table in catalog.tables.values_mut() {
        table.indexes.retain(|index| !index.name.starts_with("identite_"));
    }
    catalog
        .sequences
        .retain(|sequence| !sequence.name.starts_with("identite_") && sequence.name != "pgmigrations_id_seq");
    catalog
}

/// A text that tells whether rows were touched: what people are, and what the reference notes of its migrations.
async fn rows(database: &TestDatabase) -> String {
    let client = database.pool().get().await.expect("a connection");
    let row = client
        .query_one(
            "SELECT md5(
               (SELECT json_agg(u ORDER BY id) FROM (SELECT *, xmin::text FROM users) u)::text
               || (SELECT json_agg(o ORDER BY id) FROM (SELECT *, xmin::text FROM organizations) o)::text
               || (SELECT json_agg(m ORDER BY id) FROM (SELECT *, xmin::text FROM pgmigrations) m)::text
             )",
            &[],
        )
        .await;
    row.expect("a row").get(0)
}

fn run(server: &TestServer, arguments: &[&str]) -> (Option<i32>, String) {
    let output = server.run(arguments);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

async fn readiness(server: &TestServer) -> (u16, String) {
    let url = server.operator_url.join("readyz").expect("a path");
    let answer = http_get(url).await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

async fn until_ready(server: &TestServer) {
    let started = std::time::Instant::now();
    while readiness(server).await.0 != 200 {
        assert!(started.elapsed().as_secs() < 30, "{:?}", readiness(server).await);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn until_no_mail_waits(server: &TestServer) {
    let waiting = "SELECT count(*) FROM identite_outbox WHERE delivered_at IS NULL AND dead_at IS NULL";
    server.database().wait_for_count(waiting, 0).await;
}

/// Somebody whom the reference knows goes to a service.
async fn go_to_a_service(server: &TestServer, client: &RelyingParty) {
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    visitor.select_organization(ORGANIZATION).await;
    let code = client.code(server, &visitor, &[]).await;
    let (status, tokens) = client.redeem(server, &code, &[]).await;
    assert_eq!(status, 200, "{tokens}");
}

#[tokio::test]
async fn there_and_back_on_one_database() {
    // As the reference leaves it.
    let database = TestDatabase::create_empty().await;
    database.execute(REFERENCE_SCHEMA).await;
    database.execute(fixtures::STATEMENTS).await;
    database.make_sign_in_cheap().await;
    let client = RelyingParty::default();
    client.register(&database).await;
    let shape = as_the_reference_sees(&database).await;
    let before = rows(&database).await;

    // Before: a node that comes too early serves nobody, and the check changes nothing.
    let options = Options::default().with("FEATURE_PASSWORD_UPGRADE", "False");
    let mut server = TestServer::start_unready_on(database, options).await;
    let (status, reasons) = readiness(&server).await;
    assert!(status == 503 && reasons.contains("migrations"), "{reasons}");
    let (status, text) = run(&server, &["migrate", "--check"]);
    assert!(
        status == Some(0)
            && text.contains("a database of the reference")
            && text.contains("nothing is in the way"),
        "{text}"
    );
    assert_eq!(rows(server.database()).await, before);

    // The switch: rows and tables of the reference stay as they are, and it could go on meanwhile.
    let (status, text) = run(&server, &["migrate"]);
    assert!(
        status == Some(0) && text.contains("adopted a database of the reference"),
        "{text}"
    );
    assert_eq!(rows(server.database()).await, before);
    assert_eq!(as_the_reference_sees(server.database()).await, shape);
    server.database().execute(A_DAY_OF_THE_REFERENCE).await;
    until_ready(&server).await;
    go_to_a_service(&server, &client).await;

    // Going back: nothing has to be undone.
    until_no_mail_waits(&server).await;
    server.stop().await;
    let mailed_here_and_there = "UPDATE users SET
           verify_email_token = repeat('0a', 32), verify_email_sent_at = now(),
           magic_link_token = 'in clear', magic_link_sent_at = now()
         WHERE email = 'user@yopmail.com'";
    server.database().execute(mailed_here_and_there).await;
    server.database().execute(statements_of(WAY_BACK)).await;
    let room = "SELECT count(*) FROM users
         WHERE verify_email_token IS NULL AND verify_email_sent_at IS NULL AND magic_link_token = 'in clear'";
    assert_eq!(
        server.database().count(room).await,
        1,
        "room for another code, and nothing else"
    );
    assert_eq!(as_the_reference_sees(server.database()).await, shape);
    server.database().execute(A_DAY_OF_THE_REFERENCE).await;
    let unreadable = "SELECT count(*) FROM users
                      WHERE encrypted_password IS NOT NULL AND encrypted_password !~ '^\\$2[aby]\\$'";
    assert_eq!(server.database().count(unreadable).await, 0);

    // For good: what is left is what the reference made.
    server.database().execute(statements_of(FINAL_RETURN)).await;
    let mut left = catalog_of(server.database()).await;
    assert!(left.tables.remove("pgmigrations").is_some());
    left.sequences
        .retain(|sequence| sequence.name != "pgmigrations_id_seq");
    assert_eq!(left, shape);
    let functions = "SELECT count(*) FROM pg_proc WHERE proname LIKE 'identite%'";
    assert_eq!(server.database().count(functions).await, 0);

    // And there once more.
    let (status, text) = run(&server, &["migrate"]);
    assert!(
        status == Some(0) && text.contains("adopted a database of the reference"),
        "{text}"
    );
    server.start_again().await;
    go_to_a_service(&server, &client).await;
}

//! The development data set.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identite::db::fixtures::{fixture_secrets, load};
use identite::db::migrate::migrate;

use crate::support::TestDatabase;

const ROW_COUNTS: [(&str, i64); 10] = [
    ("users", 83),
    ("organizations", 55),
    ("email_domains", 56),
    ("users_organizations", 116),
    ("oidc_clients", 40),
    ("franceconnect_userinfo", 2),
    ("moderations", 0),
    ("users_oidc_clients", 0),
    ("authenticators", 0),
    ("email_deliverability_whitelist", 0),
];

async fn row_counts(database: &TestDatabase) -> BTreeMap<&'static str, i64> {
    let mut counts = BTreeMap::new();
    for (table, _) in ROW_COUNTS {
        counts.insert(
            table,
            database.count(&format!("SELECT count(*) FROM {table}")).await,
        );
    }
    counts
}

#[tokio::test]
async fn the_data_set_has_its_documented_size() {
    let database = TestDatabase::create().await;
    assert_eq!(row_counts(&database).await, BTreeMap::from(ROW_COUNTS));
    let dirigeants =
        "SELECT count(*) FROM users_organizations WHERE verification_type = 'organization_dirigeant'";
    assert_eq!(database.count(dirigeants).await, 2);
    let federations = "SELECT count(*) FROM oidc_clients WHERE is_proconnect_federation";
    assert_eq!(database.count(federations).await, 1);
    let refreshed = "SELECT count(*) FROM organizations WHERE cached_libelle <> '' AND organization_info_fetched_at IS NOT NULL";
    assert_eq!(database.count(refreshed).await, 55);
}

#[tokio::test]
async fn loading_again_restores_rows_and_deletes_nothing_else() {
    let database = TestDatabase::create().await;
    database
        .execute(
            "INSERT INTO users (email, created_at, updated_at) VALUES ('autre@exemple.fr', now(), now());
             UPDATE users SET given_name = 'Changé' WHERE id = 1;
             DELETE FROM users_organizations WHERE user_id = 7;
             INSERT INTO users_organizations (user_id, organization_id, verification_type) VALUES (21, 46, 'domain')",
        )
        .await;
    load(database.pool()).await.unwrap();

    let mut expected = BTreeMap::from(ROW_COUNTS);
    expected.insert("users", 84);
    assert_eq!(row_counts(&database).await, expected);
    assert_eq!(
        database
            .count("SELECT count(*) FROM users WHERE given_name = 'Changé'")
            .await,
        0
    );
}

#[tokio::test]
async fn sequences_stand_past_the_highest_id_and_never_go_back() {
    let database = TestDatabase::create_empty().await;
    migrate(database.pool()).await.unwrap();
    load(database.pool()).await.unwrap();
    assert_eq!(database.count("SELECT nextval('users_id_seq')").await, 5000);
    assert_eq!(database.count("SELECT nextval('organizations_id_seq')").await, 56);
    load(database.pool()).await.unwrap();
    assert_eq!(database.count("SELECT nextval('users_id_seq')").await, 5001);
    assert_eq!(database.count("SELECT nextval('organizations_id_seq')").await, 57);
    assert_eq!(database.count("SELECT nextval('moderations_id_seq')").await, 1);
}

#[tokio::test]
async fn the_documented_passwords_open_the_accounts() {
    let database = TestDatabase::create().await;
    let client = database.pool().get().await.unwrap();
    let rows = client
        .query(
            "SELECT DISTINCT ON (encrypted_password) email, encrypted_password FROM users WHERE id <= 10",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(rows.len(), 8);
    for row in rows {
        let (email, hash): (String, String) = (row.get(0), row.get(1));
        let password = if email == "user10@yopmail.com" {
            "password123"
        } else {
            &email
        };
        assert!(hash.starts_with("$2a$10$"));
        assert!(bcrypt::verify(password, &hash).unwrap(), "{email}");
    }
}

#[tokio::test]
async fn secrets_of_the_data_set_are_recognised() {
    let database = TestDatabase::create().await;
    let found = fixture_secrets(database.pool()).await.unwrap();
    assert_eq!(found.len(), 40);
    assert!(found.contains(&"proconnect_federation_client_id".to_owned()));

    database
        .execute("UPDATE oidc_clients SET client_secret = 'real secret ' || id")
        .await;
    assert!(fixture_secrets(database.pool()).await.unwrap().is_empty());
}

/// The row of an establishment must be what a refresh from the payload of the mocked API would give.
#[tokio::test]
async fn establishments_are_those_of_the_vectors() {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../vectors/establishments_expected.json")).unwrap();
    let database = TestDatabase::create().await;
    let client = database.pool().get().await.unwrap();
    let rows = client
        .query("SELECT siret, to_jsonb(o) FROM organizations o", &[])
        .await
        .unwrap();
    let stored: BTreeMap<String, serde_json::Value> =
        rows.iter().map(|row| (row.get(0), row.get(1))).collect();

    let mut compared = 0;
    for establishment in vectors["establishments"].as_array().unwrap() {
        let expected = establishment["organization"].as_object().unwrap();
        let Some(row) = stored.get(expected["siret"].as_str().unwrap()) else {
            continue;
        };
        for (column, value) in expected {
            assert_eq!(&row[column], value, "{column} of {}", expected["siret"]);
        }
        compared += 1;
    }
    assert!(compared > 25, "{compared} establishments are in the vectors");
}

/// The second factor of the documented accounts opens with the development key (`SYMMETRIC_ENCRYPTION_KEY`).
#[tokio::test]
async fn the_documented_second_factor_is_readable_with_the_development_key() {
    let database = TestDatabase::create().await;
    let client = database.pool().get().await.unwrap();
    let rows = client
        .query(
            "SELECT encrypted_totp_key FROM users WHERE id BETWEEN 82 AND 85",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(rows.len(), 4);
    let key = STANDARD
        .decode("aTrueRandom32BytesLongBase64EncodedStringAA=")
        .unwrap();
    for row in rows {
        let stored: String = row.get(0);
        let parts: Vec<Vec<u8>> = stored
            .split('.')
            .map(|part| STANDARD.decode(part).unwrap())
            .collect();
        let [ciphertext, iv, tag] = parts.as_slice() else {
            panic!("{stored}")
        };
        let secret = openssl::symm::decrypt_aead(
            openssl::symm::Cipher::aes_256_gcm(),
            &key,
            Some(iv),
            &[],
            ciphertext,
            tag,
        );
        assert_eq!(secret.unwrap(), b"DIN5NCVBLUQPX7XFZQCYBMIBMTJOCNSF");
    }
}

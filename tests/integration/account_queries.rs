//! Queries of accounts: one-time secrets, passwords chosen and pending, the history. Used once means once.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use identite::db::credentials::ChosenPassword;
use identite::db::events::NewEvent;
use identite::db::magic_links::{Issue, Opened};
use identite::db::sessions::NewSession;
use identite::db::{
    Pool, browsers, credentials, deliverability, email_codes, events, journey_snapshot, magic_links,
    password_resets, sessions, users,
};
use identite::domain::{Amr, SecurityEvent, UserId};
use secrecy::SecretString;

use crate::support::TestDatabase;

const EMAIL: &str = "user@yopmail.com";

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

async fn user_of(pool: &Pool, email: &str) -> UserId {
    let client = pool.get().await.unwrap();
    users::find_by_email(&client, email).await.unwrap().unwrap().id
}

async fn open_session(pool: &Pool, user: UserId, number: u8) -> String {
    let mut client = pool.get().await.unwrap();
    let session = NewSession {
        id: [number; 32],
        uid: format!("session-{number}"),
        user_id: user,
        amr: vec![Amr::Pwd],
        signed_in_at: noon(),
        expires_at: noon() + minutes(60),
        absolute_expires_at: noon() + minutes(90),
        user_agent: None,
        ip_address: None,
    };
    let transaction = client.transaction().await.unwrap();
    sessions::open(&transaction, &session).await.unwrap();
    transaction.commit().await.unwrap();
    session.uid
}

/// Runs 50 of the same at once and gives how many succeeded.
async fn winners<F, Fut>(attempt: F) -> usize
where
    F: Fn() -> Fut,
    Fut: Future<Output = bool>,
{
    join_all((0..50).map(|_| attempt()))
        .await
        .into_iter()
        .filter(|won| *won)
        .count()
}

#[tokio::test]
async fn one_code_lives_at_a_time() {
    let database = TestDatabase::create().await;
    let pool = database.pool();
    let user = user_of(pool, EMAIL).await;
    let client = pool.get().await.unwrap();
    let issue = async |digest: &str, since, now| {
        email_codes::issue(&client, user, digest, since, now)
            .await
            .unwrap()
    };
    assert!(issue("first", noon() - minutes(20), noon()).await);
    assert_eq!(email_codes::sent_at(&client, user).await.unwrap(), Some(noon()));
    assert!(
        !issue("second", noon(), noon() + minutes(20)).await,
        "the first was sent just within the spacing"
    );
    assert!(issue("third", noon() + minutes(1), noon() + minutes(21)).await);

    let consume = async |form: &str, since| {
        email_codes::consume(
            &client,
            user,
            &["x".to_owned(), form.to_owned()],
            since,
            noon() + minutes(30),
        )
        .await
        .unwrap()
    };
    assert!(!consume("first", noon()).await, "another one took its place");
    assert!(
        !consume("third", noon() + minutes(22)).await,
        "it was sent too long ago"
    );
    assert!(consume("third", noon() + minutes(21)).await);
    assert!(!consume("third", noon()).await);
    let person = users::find_by_id(&client, user).await.unwrap().unwrap();
    assert_eq!(
        (person.email_verified, person.email_verified_at),
        (true, Some(noon() + minutes(30)))
    );
}

#[tokio::test]
async fn of_fifty_that_use_a_secret_at_once_one_succeeds() {
    let database = Arc::new(TestDatabase::create().await);
    let pool = database.pool();
    let user = user_of(pool, EMAIL).await;
    let now = noon();
    let forms = vec!["digest".to_owned()];
    {
        let client = pool.get().await.unwrap();
        assert!(
            email_codes::issue(&client, user, "digest", now, now)
                .await
                .unwrap()
        );
        assert_eq!(
            magic_links::issue(&client, EMAIL, "digest", now, now)
                .await
                .unwrap(),
            Issue::Stored
        );
        assert_eq!(
            password_resets::issue(&client, EMAIL, "digest", now, now)
                .await
                .unwrap(),
            Some(user)
        );
    }

    let codes = winners(async || {
        let client = pool.get().await.unwrap();
        email_codes::consume(&client, user, &forms, now, now)
            .await
            .unwrap()
    });
    assert_eq!(codes.await, 1);
    let links = winners(async || {
        let mut client = pool.get().await.unwrap();
        let transaction = client.transaction().await.unwrap();
        let opened = magic_links::consume(&transaction, &forms, now, now)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        opened.is_some()
    });
    assert_eq!(links.await, 1);
    let hash = SecretString::from("$argon2id$…");
    let resets = winners(async || {
        let client = pool.get().await.unwrap();
        password_resets::consume(&client, &forms, &hash, now, now)
            .await
            .unwrap()
            .is_some()
    });
    assert_eq!(resets.await, 1);
    let issued = winners(async || {
        let client = pool.get().await.unwrap();
        email_codes::issue(&client, user, "another", now, now)
            .await
            .unwrap()
    });
    assert_eq!(issued.await, 1);
    let opened = winners(async || {
        let client = pool.get().await.unwrap();
        users::insert(&client, "nouveau@exemple.fr", None, None, now)
            .await
            .unwrap()
            .is_some()
    });
    assert_eq!(opened.await, 1);
}

#[tokio::test]
async fn a_link_tells_whether_a_password_was_never_proven() {
    let database = TestDatabase::create().await;
    let pool = database.pool();
    let mut client = pool.get().await.unwrap();
    assert_eq!(
        magic_links::issue(&client, "nobody@exemple.fr", "d", noon(), noon())
            .await
            .unwrap(),
        Issue::NoAccount
    );
    let hash = SecretString::from("a hash");
    let user = users::insert(&client, "nouveau@exemple.fr", Some(&hash), None, noon())
        .await
        .unwrap()
        .unwrap();
    let issue = async |client: &_, now| {
        magic_links::issue(client, "nouveau@exemple.fr", "d", noon(), now)
            .await
            .unwrap()
    };
    assert_eq!(issue(&client, noon()).await, Issue::Stored);
    assert_eq!(issue(&client, noon()).await, Issue::TooSoon);
    let forms = ["d".to_owned()];
    assert_eq!(
        magic_links::find(&client, &forms, noon())
            .await
            .unwrap()
            .as_deref(),
        Some("nouveau@exemple.fr")
    );

    let transaction = client.transaction().await.unwrap();
    let opened = magic_links::consume(&transaction, &forms, noon(), noon())
        .await
        .unwrap();
    assert_eq!(
        opened,
        Some(Opened {
            user,
            has_unproven_password: true
        })
    );
    credentials::discard_password(&transaction, user, noon())
        .await
        .unwrap();
    transaction.commit().await.unwrap();

    issue(&client, noon()).await;
    let transaction = client.transaction().await.unwrap();
    let opened = magic_links::consume(&transaction, &forms, noon(), noon())
        .await
        .unwrap();
    assert_eq!(
        opened,
        Some(Opened {
            user,
            has_unproven_password: false
        })
    );
    transaction.commit().await.unwrap();
    assert!(
        !users::find_by_id(&client, user)
            .await
            .unwrap()
            .unwrap()
            .has_password
    );
}

#[tokio::test]
async fn a_pending_password_waits_for_the_proof_in_its_own_session() {
    let database = TestDatabase::create().await;
    let pool = database.pool();
    let mut client = pool.get().await.unwrap();
    let user = users::insert(&client, "sans@exemple.fr", None, Some(noon()), noon())
        .await
        .unwrap()
        .unwrap();
    let (first, second) = (
        open_session(pool, user, 1).await,
        open_session(pool, user, 2).await,
    );
    let chosen = |hash: &str| ChosenPassword {
        hash: SecretString::from(hash),
        leak_check_pending: true,
    };
    credentials::keep_pending(&client, &first, user, &chosen("first"), noon())
        .await
        .unwrap();
    credentials::keep_pending(&client, &second, user, &chosen("second"), noon())
        .await
        .unwrap();
    let is_pending = async |client: &_, number: u8| {
        journey_snapshot(client, &[number; 32], noon())
            .await
            .unwrap()
            .map(|row| row.person.has_pending_password)
    };
    assert_eq!(is_pending(&client, 1).await, Some(true));

    let transaction = client.transaction().await.unwrap();
    assert!(
        credentials::adopt_pending(&transaction, &first, noon())
            .await
            .unwrap()
    );
    assert!(
        !credentials::adopt_pending(&transaction, &first, noon())
            .await
            .unwrap(),
        "once is enough"
    );
    assert_eq!(
        credentials::discard_pending(&transaction, user, noon())
            .await
            .unwrap(),
        1
    );
    transaction.commit().await.unwrap();

    assert_eq!(is_pending(&client, 1).await, Some(false));
    assert_eq!(is_pending(&client, 2).await, None, "the other session ended");
    let credential = users::find_credential(&client, "sans@exemple.fr")
        .await
        .unwrap()
        .unwrap();
    assert!(
        credential
            .encrypted_password
            .is_some_and(|hash| secrecy::ExposeSecret::expose_secret(&hash) == "first")
    );
    assert!(credentials::is_leak_check_pending(&client, user).await.unwrap());
    let snapshot = journey_snapshot(&client, &[1; 32], noon())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(snapshot.person.credentials_changed_at, Some(noon()));
}

#[tokio::test]
async fn the_history_is_read_backwards_in_pages() {
    let database = TestDatabase::create().await;
    let client = database.pool().get().await.unwrap();
    let event = |event| NewEvent {
        user: UserId(1),
        event,
        session_uid: Some("session"),
        user_agent: Some("é"),
        ip_address: Some("2001:db8::1".parse().unwrap()),
        method: Some(Amr::Pwd),
    };
    for (index, kind) in [
        SecurityEvent::SignIn,
        SecurityEvent::PasswordChanged,
        SecurityEvent::SignIn,
    ]
    .iter()
    .enumerate()
    {
        let at = noon() + minutes(i64::try_from(index).unwrap());
        events::record(&client, &event(*kind), at).await.unwrap();
    }
    let page = events::of_user(&client, UserId(1), None, 2).await.unwrap();
    assert_eq!(
        page.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>(),
        ["sign_in", "password_changed"]
    );
    assert_eq!(page[0].ip_address.as_deref(), Some("2001:db8::1"));
    let rest = events::of_user(&client, UserId(1), Some(page[1].id), 10)
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    assert!(
        events::of_user(&client, UserId(2), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(events::purge(&client, noon() + minutes(1), 100).await.unwrap(), 1);
}

#[tokio::test]
async fn a_browser_is_new_only_to_an_account_that_knows_others() {
    let database = TestDatabase::create().await;
    let client = database.pool().get().await.unwrap();
    let sign_in = async |browser: u8, now| {
        browsers::record_sign_in(&client, UserId(1), &[browser; 32], now - minutes(60), now)
            .await
            .unwrap()
    };
    assert!(!sign_in(1, noon()).await, "nothing to compare with");
    assert!(!sign_in(1, noon()).await);
    assert!(sign_in(2, noon()).await);
    assert!(!sign_in(2, noon() + minutes(59)).await);
    assert!(!sign_in(2, noon() + minutes(61)).await);
    assert!(sign_in(1, noon() + minutes(61)).await, "it was forgotten");
}

#[tokio::test]
async fn whitelisted_domains_are_known() {
    let database = TestDatabase::create().await;
    database
        .execute("INSERT INTO email_deliverability_whitelist (problematic_email, email_domain) VALUES ('a@ok.fr', 'ok.fr')")
        .await;
    let client = database.pool().get().await.unwrap();
    assert!(deliverability::is_whitelisted(&client, "ok.fr").await.unwrap());
    assert!(!deliverability::is_whitelisted(&client, "other.fr").await.unwrap());
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_but_its_history() {
    let database = TestDatabase::create().await;
    let pool = database.pool();
    let user = user_of(pool, EMAIL).await;
    open_session(pool, user, 1).await;
    let client = pool.get().await.unwrap();
    credentials::record_change(&client, user, true, noon())
        .await
        .unwrap();
    browsers::record_sign_in(&client, user, &[1; 32], noon(), noon())
        .await
        .unwrap();
    assert_eq!(
        users::delete(&client, user)
            .await
            .unwrap()
            .map(|gone| gone.email)
            .as_deref(),
        Some(EMAIL)
    );
    assert!(users::delete(&client, user).await.unwrap().is_none());
    for table in [
        "identite_sessions",
        "identite_credentials",
        "identite_browsers",
        "users_organizations",
    ] {
        assert_eq!(
            database
                .count(&format!("SELECT count(*) FROM {table} WHERE user_id = {user}"))
                .await,
            0,
            "{table}"
        );
    }
}

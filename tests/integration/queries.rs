//! Queries of the sign-in: accounts, sessions, the snapshot of a journey, the outbox.

use chrono::{DateTime, TimeDelta, Utc};
use identite::db::sessions::{EndReason, NewSession, SessionDigest, SessionUse};
use identite::db::{
    Client, Pool, clients, journey_and_client, journey_snapshot, organizations, outbox, sessions, users,
};
use identite::domain::{Amr, OrganizationId, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::support::TestDatabase;

const USER: UserId = UserId(1);
const EDITOR: UserId = UserId(7);

fn noon() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn minutes(count: i64) -> TimeDelta {
    TimeDelta::minutes(count)
}

fn new_session(number: u8, user_id: UserId) -> NewSession {
    NewSession {
        id: [number; 32],
        uid: format!("session-{number}"),
        user_id,
        amr: vec![Amr::Pwd],
        signed_in_at: noon(),
        expires_at: noon() + minutes(60),
        absolute_expires_at: noon() + minutes(90),
        user_agent: Some("é".repeat(600)),
        ip_address: Some("2001:db8::1".parse().unwrap()),
    }
}

async fn open(client: &mut Client, session: &NewSession) {
    let transaction = client.transaction().await.unwrap();
    sessions::open(&transaction, session).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn is_alive(client: &Client, number: u8, now: DateTime<Utc>) -> bool {
    sessions::find_alive(client, &[number; 32], now)
        .await
        .unwrap()
        .is_some()
}

async fn connection(pool: &Pool) -> Client {
    pool.get().await.unwrap()
}

#[tokio::test]
async fn an_account_is_found_by_address_and_by_id() {
    let database = TestDatabase::create().await;
    let client = connection(database.pool()).await;
    let by_email = users::find_by_email(&client, "user@yopmail.com")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        Some(&by_email),
        users::find_by_id(&client, USER).await.unwrap().as_ref()
    );
    assert!(by_email.has_password && by_email.email_verified && !by_email.has_totp);
    assert!(!format!("{by_email:?}").contains("yopmail"));
    assert!(
        users::find_by_email(&client, "USER@yopmail.com")
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        users::find_by_id(&client, UserId(82))
            .await
            .unwrap()
            .unwrap()
            .has_totp
    );
}

#[tokio::test]
async fn the_first_step_knows_how_an_account_can_be_opened() {
    let database = TestDatabase::create().await;
    let client = connection(database.pool()).await;
    let facts = users::find_sign_in_facts(&client, "user@yopmail.com")
        .await
        .unwrap()
        .unwrap();
    assert!(facts.has_password && !facts.has_passkey && !facts.needs_inclusionconnect_welcome_page);
    let imported = users::find_sign_in_facts(&client, "onboardingic_valide1@yopmail.com")
        .await
        .unwrap()
        .unwrap();
    assert!(!imported.has_password && imported.needs_inclusionconnect_welcome_page);
    assert!(
        users::find_sign_in_facts(&client, "nobody@yopmail.com")
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn an_upgraded_hash_replaces_only_the_one_that_was_checked() {
    let database = TestDatabase::create().await;
    let client = connection(database.pool()).await;
    let credential = users::find_credential(&client, "user@yopmail.com")
        .await
        .unwrap()
        .unwrap();
    let stored = credential.encrypted_password.unwrap();
    let before = users::find_by_id(&client, USER).await.unwrap().unwrap();

    let fresh = SecretString::from("$argon2id$fresh");
    assert!(
        users::replace_password_hash(&client, credential.id, &stored, &fresh)
            .await
            .unwrap()
    );
    assert!(
        !users::replace_password_hash(&client, credential.id, &stored, &stored)
            .await
            .unwrap()
    );
    let now_stored = users::find_credential(&client, "user@yopmail.com")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        now_stored.encrypted_password.unwrap().expose_secret(),
        fresh.expose_secret()
    );
    assert_eq!(users::find_by_id(&client, USER).await.unwrap().unwrap(), before);
    let imported = users::find_credential(&client, "onboardingic_valide1@yopmail.com")
        .await
        .unwrap()
        .unwrap();
    assert!(imported.encrypted_password.is_none());
}

#[tokio::test]
async fn every_sign_in_is_counted_in_the_database() {
    let database = TestDatabase::create().await;
    let mut client = connection(database.pool()).await;
    for count in 1..=2 {
        let transaction = client.transaction().await.unwrap();
        let user = users::record_sign_in(&transaction, USER, noon())
            .await
            .unwrap()
            .unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(
            (user.sign_in_count, user.last_sign_in_at, user.updated_at),
            (count, Some(noon()), noon())
        );
    }
    let transaction = client.transaction().await.unwrap();
    assert!(
        users::record_sign_in(&transaction, UserId(9), noon())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_session_is_alive_until_it_ends_or_expires() {
    let database = TestDatabase::create().await;
    let mut client = connection(database.pool()).await;
    open(&mut client, &new_session(1, USER)).await;

    let row = sessions::find_alive(&client, &[1; 32], noon())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (row.user_id, row.amr, row.uid.as_str()),
        (USER, vec![Amr::Pwd], "session-1")
    );
    assert_eq!(row.user_agent.unwrap().chars().count(), 512);
    assert_eq!(row.ip_address.as_deref(), Some("2001:db8::1"));
    assert!(is_alive(&client, 1, noon() + minutes(59)).await);
    assert!(!is_alive(&client, 1, noon() + minutes(60)).await);
    assert!(!is_alive(&client, 2, noon()).await);

    assert!(
        sessions::end(&client, &[1; 32], EndReason::Logout, noon())
            .await
            .unwrap()
    );
    assert!(!is_alive(&client, 1, noon()).await);
    assert!(
        !sessions::end(&client, &[1; 32], EndReason::Elsewhere, noon())
            .await
            .unwrap()
    );
    let reasons = "SELECT count(*) FROM identite_sessions WHERE end_reason = 'logout'";
    assert_eq!(database.count(reasons).await, 1);
}

#[tokio::test]
async fn use_prolongs_a_session_up_to_its_absolute_end_and_revives_none() {
    let database = TestDatabase::create().await;
    let mut client = connection(database.pool()).await;
    for number in 1..=3 {
        open(&mut client, &new_session(number, USER)).await;
    }
    sessions::end(&client, &[2; 32], EndReason::Logout, noon())
        .await
        .unwrap();

    let used = |number: u8, after: i64| SessionUse {
        id: [number; 32],
        at: noon() + minutes(after),
        expires_at: noon() + minutes(after + 60),
    };
    sessions::seen(&client, &[used(1, 10), used(2, 10), used(3, 61), used(9, 10)])
        .await
        .unwrap();
    assert!(is_alive(&client, 1, noon() + minutes(69)).await);
    assert!(!is_alive(&client, 1, noon() + minutes(70)).await);
    assert!(!is_alive(&client, 2, noon() + minutes(11)).await);
    assert!(
        !is_alive(&client, 3, noon() + minutes(61)).await,
        "an expired session stays expired"
    );

    sessions::seen(&client, &[used(1, 50)]).await.unwrap();
    sessions::seen(&client, &[used(1, 20)]).await.unwrap();
    let row = sessions::find_alive(&client, &[1; 32], noon())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        row.last_seen_at,
        noon() + minutes(50),
        "a late report does not turn the clock back"
    );
    assert_eq!(row.expires_at, noon() + minutes(90));
    assert!(!is_alive(&client, 1, noon() + minutes(90)).await);
}

#[tokio::test]
async fn signing_out_everywhere_spares_the_session_it_is_asked_from() {
    let database = TestDatabase::create().await;
    let mut client = connection(database.pool()).await;
    for number in 1..=3 {
        open(&mut client, &new_session(number, USER)).await;
    }
    open(&mut client, &new_session(4, EDITOR)).await;
    let alive = sessions::alive_of_user(&client, USER, noon()).await.unwrap();
    assert_eq!(alive.len(), 3);

    let own: SessionDigest = [2; 32];
    let mut ended = sessions::end_all_of_user(&client, USER, Some(&own), EndReason::Elsewhere, noon())
        .await
        .unwrap();
    ended.sort_unstable();
    assert_eq!(ended, [[1; 32], [3; 32]]);
    assert_eq!(
        sessions::alive_of_user(&client, USER, noon())
            .await
            .unwrap()
            .len(),
        1
    );
    assert!(is_alive(&client, 4, noon()).await);
    let rest = sessions::end_all_of_user(&client, USER, None, EndReason::PasswordChanged, noon())
        .await
        .unwrap();
    assert_eq!(rest, [own]);
}

#[tokio::test]
async fn only_an_organization_of_the_person_can_be_selected() {
    let database = TestDatabase::create().await;
    let mut client = connection(database.pool()).await;
    open(&mut client, &new_session(1, USER)).await;
    assert!(
        sessions::select_organization(&client, "session-1", OrganizationId(49))
            .await
            .unwrap()
    );
    assert!(
        !sessions::select_organization(&client, "session-1", OrganizationId(2))
            .await
            .unwrap()
    );
    let row = sessions::find_alive(&client, &[1; 32], noon())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.selected_organization_id, Some(OrganizationId(49)));

    sessions::forget_organization(&client, "session-1").await.unwrap();
    let row = sessions::find_alive(&client, &[1; 32], noon())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.selected_organization_id, None);
    assert!(
        sessions::end_by_uid(&client, "session-1", EndReason::Logout, noon())
            .await
            .unwrap()
    );
    assert!(
        !sessions::select_organization(&client, "session-1", OrganizationId(49))
            .await
            .unwrap()
    );
}

#[tokio::test]
async fn methods_used_at_once_in_two_tabs_are_both_kept() {
    let database = TestDatabase::create().await;
    open(&mut connection(database.pool()).await, &new_session(1, USER)).await;
    let add = async |method: Amr| {
        let mut client = connection(database.pool()).await;
        let transaction = client.transaction().await.unwrap();
        let methods = sessions::add_amr(&transaction, "session-1", method)
            .await
            .unwrap();
        transaction.commit().await.unwrap();
        methods
    };
    tokio::join!(add(Amr::EmailOtp), add(Amr::Totp));
    let methods = add(Amr::Pwd).await.unwrap();
    for method in [Amr::Pwd, Amr::EmailOtp, Amr::Totp, Amr::Mfa] {
        assert!(methods.contains(&method), "{methods:?}");
    }
    assert_eq!(methods.len(), 4);
}

#[tokio::test]
async fn past_sessions_are_purged_by_portions() {
    let database = TestDatabase::create().await;
    let mut client = connection(database.pool()).await;
    for number in 1..=3 {
        open(&mut client, &new_session(number, USER)).await;
    }
    sessions::end(&client, &[1; 32], EndReason::Logout, noon())
        .await
        .unwrap();
    assert_eq!(
        sessions::purge(&client, noon() + minutes(30), 10).await.unwrap(),
        1
    );
    assert_eq!(
        sessions::purge(&client, noon() + minutes(90), 10).await.unwrap(),
        0,
        "sessions that could be prolonged are left alone"
    );
    assert_eq!(
        sessions::purge(&client, noon() + minutes(91), 1).await.unwrap(),
        1
    );
    assert_eq!(database.count("SELECT count(*) FROM identite_sessions").await, 1);
}

#[tokio::test]
async fn the_snapshot_tells_all_that_requirements_look_at() {
    let database = TestDatabase::create().await;
    let mut client = connection(database.pool()).await;
    assert!(
        journey_snapshot(&client, &[1; 32], noon())
            .await
            .unwrap()
            .is_none()
    );

    let certified = UserId(80);
    open(&mut client, &new_session(1, certified)).await;
    sessions::select_organization(&client, "session-1", OrganizationId(55))
        .await
        .unwrap();
    database
        .execute(
            "INSERT INTO authenticators (credential_id, credential_public_key, counter, credential_backed_up, user_id)
             VALUES ('one', '', 0, false, 80), ('two', '', 0, false, 80), ('other', '', 0, false, 1)",
        )
        .await;

    let snapshot = journey_snapshot(&client, &[1; 32], noon())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(snapshot.session.user_id, certified);
    assert_eq!(
        snapshot.session.selected_organization_id,
        Some(OrganizationId(55))
    );
    let person = &snapshot.person;
    assert_eq!(
        (person.email.as_str(), person.family_name.as_deref()),
        ("stevens.cheron@yopmail.com", Some("Cheron"))
    );
    assert_eq!(
        (person.passkey_count, person.has_totp, person.has_password),
        (2, false, true)
    );
    assert!(person.franceconnect_updated_at.is_some());
    let links = &snapshot.links;
    assert_eq!(links.iter().map(|link| link.id.0).collect::<Vec<_>>(), [54, 55]);
    assert_eq!(links[0].verification_type, "organization_dirigeant");
    assert!(links[0].verified_at >= person.franceconnect_updated_at);
    assert_eq!(
        links[1].cached_libelle.as_deref(),
        Some("Suricate - The kilberry")
    );
    assert_eq!(links[1].cached_categorie_juridique.as_deref(), Some("5710"));
    assert_eq!(
        *links,
        organizations::links_of_user(&client, certified).await.unwrap()
    );

    // With a relying party, in one statement, they are the same.
    let standard = clients::find(&client, "standard_client_id").await.unwrap();
    assert!(standard.is_some());
    let (with_client, registered) = journey_and_client(&client, &[1; 32], noon(), "standard_client_id")
        .await
        .unwrap();
    assert_eq!(with_client.as_ref(), Some(&snapshot));
    assert!(registered == standard);
    let (known, registered) = journey_and_client(&client, &[1; 32], noon(), "nobody")
        .await
        .unwrap();
    assert!(known.is_some() && registered.is_none());
    let (unknown, registered) = journey_and_client(&client, &[2; 32], noon(), "standard_client_id")
        .await
        .unwrap();
    assert!(unknown.is_none() && registered == standard);

    sessions::end(&client, &[1; 32], EndReason::Logout, noon())
        .await
        .unwrap();
    assert!(
        journey_snapshot(&client, &[1; 32], noon())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_person_without_organization_has_a_snapshot() {
    let database = TestDatabase::create().await;
    let mut client = connection(database.pool()).await;
    open(&mut client, &new_session(1, UserId(20))).await;
    let snapshot = journey_snapshot(&client, &[1; 32], noon())
        .await
        .unwrap()
        .unwrap();
    assert!(snapshot.links.is_empty());
    assert_eq!(snapshot.person.franceconnect_updated_at, None);
}

/// Whatever the tables grow to, the statement that every request runs must not read one whole.
#[tokio::test]
async fn the_snapshot_goes_through_indexes_only() {
    let database = TestDatabase::create().await;
    let mut client = connection(database.pool()).await;
    open(&mut client, &new_session(1, USER)).await;
    journey_snapshot(&client, &[1; 32], noon())
        .await
        .unwrap()
        .unwrap();
    client.batch_execute("SET enable_seqscan = off").await.unwrap();
    let name: String = client
        .query_one(
            "SELECT name FROM pg_prepared_statements WHERE statement LIKE $1",
            &[&"%franceconnect_userinfo%"],
        )
        .await
        .unwrap()
        .get(0);
    let plan = client
        .simple_query(&format!(
            "EXPLAIN EXECUTE {name}(decode(repeat('01', 32), 'hex'), '{}')",
            noon()
        ))
        .await
        .unwrap();
    let plan = format!("{plan:?}");
    assert!(plan.contains("Index"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
}

#[tokio::test]
async fn an_item_leaves_the_outbox_once() {
    let database = TestDatabase::create().await;
    let client = connection(database.pool()).await;
    let other = connection(database.pool()).await;
    let mail = json!({"to": "user@yopmail.com"});
    let id = outbox::enqueue(&client, "mail", &mail, Some("welcome:1"), noon())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        outbox::enqueue(&client, "mail", &mail, Some("welcome:1"), noon())
            .await
            .unwrap(),
        None
    );
    outbox::enqueue(&client, "mail", &mail, None, noon() + minutes(5))
        .await
        .unwrap()
        .unwrap();

    let lease = noon() + minutes(1);
    assert!(
        outbox::claim(&client, "a", noon() - minutes(1), lease, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let claimed = outbox::claim(&client, "a", noon(), lease, 10).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(
        (claimed[0].id, claimed[0].attempts, &claimed[0].payload),
        (id, 1, &mail)
    );
    assert!(!format!("{claimed:?}").contains("yopmail"));
    assert!(
        outbox::claim(&other, "b", noon(), lease, 10)
            .await
            .unwrap()
            .is_empty()
    );

    let counts = outbox::counts(&client, noon()).await.unwrap();
    assert_eq!((counts.waiting, counts.claimed, counts.dead), (2, 1, 0));
    assert_eq!(counts.oldest_waiting_since, Some(noon()));
    assert!(outbox::delivered(&client, id, noon()).await.unwrap());
    for noted_or_unknown in [id, 999_999] {
        let is_noted = outbox::delivered(&client, noted_or_unknown, noon()).await;
        assert!(!is_noted.unwrap(), "{noted_or_unknown}");
    }
    assert!(
        outbox::claim(&other, "b", noon() + minutes(2), lease, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        database
            .count("SELECT count(*) FROM identite_outbox WHERE payload = '{}'")
            .await,
        1
    );
    assert_eq!(outbox::purge(&client, noon() + minutes(1), 10).await.unwrap(), 1);
}

#[tokio::test]
async fn a_lease_that_passes_gives_the_item_to_somebody_else() {
    let database = TestDatabase::create().await;
    let client = connection(database.pool()).await;
    let id = outbox::enqueue(&client, "mail", &json!({}), None, noon())
        .await
        .unwrap()
        .unwrap();
    outbox::claim(&client, "a", noon(), noon() + minutes(1), 10)
        .await
        .unwrap();

    let taken = outbox::claim(&client, "b", noon() + minutes(1), noon() + minutes(2), 10)
        .await
        .unwrap();
    assert_eq!((taken[0].id, taken[0].attempts), (id, 2));
    let late = outbox::retry(&client, id, "a", noon() + minutes(9), "too late")
        .await
        .unwrap();
    assert!(!late, "the former claimant has no say any more");
    assert!(
        outbox::retry(&client, id, "b", noon() + minutes(3), "greylisted")
            .await
            .unwrap()
    );
    assert!(
        outbox::claim(&client, "c", noon() + minutes(2), noon() + minutes(4), 1)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        outbox::claim(&client, "c", noon() + minutes(3), noon() + minutes(4), 1)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn dead_letters_stay_and_can_be_revived() {
    let database = TestDatabase::create().await;
    let client = connection(database.pool()).await;
    let id = outbox::enqueue(&client, "mail", &json!({}), None, noon())
        .await
        .unwrap()
        .unwrap();
    outbox::claim(&client, "a", noon(), noon() + minutes(1), 1)
        .await
        .unwrap();
    assert!(
        outbox::dead(&client, id, "a", noon(), &"x".repeat(5000))
            .await
            .unwrap()
    );
    let counts = outbox::counts(&client, noon()).await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (0, 1));
    assert_eq!(
        database
            .count("SELECT length(last_error)::bigint FROM identite_outbox")
            .await,
        1000
    );
    assert!(
        outbox::claim(&client, "a", noon() + minutes(9), noon() + minutes(10), 1)
            .await
            .unwrap()
            .is_empty()
    );

    assert!(outbox::revive(&client, id, noon()).await.unwrap());
    assert_eq!(
        outbox::claim(&client, "a", noon(), noon() + minutes(1), 1)
            .await
            .unwrap()[0]
            .attempts,
        1
    );
}

#[tokio::test]
async fn two_workers_share_the_outbox_without_waiting_for_each_other() {
    let database = TestDatabase::create().await;
    let client = connection(database.pool()).await;
    for _ in 0..40 {
        outbox::enqueue(&client, "mail", &json!({}), None, noon())
            .await
            .unwrap();
    }
    let other = connection(database.pool()).await;
    let (mine, theirs) = tokio::join!(
        outbox::claim(&client, "a", noon(), noon() + minutes(1), 20),
        outbox::claim(&other, "b", noon(), noon() + minutes(1), 20)
    );
    let mut ids: Vec<i64> = mine
        .unwrap()
        .iter()
        .chain(&theirs.unwrap())
        .map(|row| row.id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 40);
}

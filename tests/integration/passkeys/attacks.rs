//! What somebody tries who is not the owner, or has only a part of what it takes.

use futures::future::join_all;
use serde_json::Value;

use super::{
    ALERT, ANY_FORM, DISCOVERABLE, EMAIL, FIRST_FACTOR, REGISTRATION, SECOND_FACTOR, add_passkey, ask,
    insert_row, options, send_assertion, send_registration, signed_in,
};
use crate::accounts::{PASSWORD, count_mails, insert_user, place, text};
use crate::support::{Authenticator, KeyKind, Options, TestServer, Visitor};

const WITH_PASSKEY: &str = "/users/sign-in-with-passkey";
const DISCOVERED: &str = "/users/sign-in-with-discoverable-passkey";
const SECOND: &str = "/users/2fa-sign-in-with-passkey";

/// An account with a passkey and two factors wanted everywhere.
async fn protected(server: &TestServer, email: &str) -> (i32, Authenticator) {
    let user = insert_user(server.database(), email, &[("force_2fa", "true")]).await;
    let mut authenticator = Authenticator::new(KeyKind::P256, server.issuer());
    authenticator.user_handle = Some(user.to_string().into_bytes());
    insert_row(server.database(), user, &authenticator, &[]).await;
    (user, authenticator)
}

async fn at_first_factor(server: &TestServer, email: &str) -> Visitor {
    let visitor = server.visitor();
    visitor.start_sign_in(email).await;
    visitor
}

async fn at_second_factor(server: &TestServer, email: &str) -> Visitor {
    let visitor = server.visitor();
    let page = visitor.sign_in_as(email, PASSWORD).await;
    assert_eq!(place(&page), "/users/2fa-sign-in");
    visitor
}

#[tokio::test]
async fn an_answer_works_once() {
    let server = TestServer::start().await;
    let (_, mut authenticator) = protected(&server, EMAIL).await;
    // It counts nothing: only the challenge stands in the way.
    authenticator.counts = false;

    let visitor = at_first_factor(&server, EMAIL).await;
    let answer = authenticator.get(&options(&visitor, FIRST_FACTOR).await);
    let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
    assert_eq!(place(&page), "/");
    visitor.start_sign_in(EMAIL).await;
    let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
    assert_eq!(place(&page), "/users/sign-in?notification=passkey_not_found");

    let visitor = at_second_factor(&server, EMAIL).await;
    let answer = authenticator.get(&options(&visitor, SECOND_FACTOR).await);
    let mut spoilt = answer.clone();
    spoilt["response"]["signature"] = Value::String("AAAA".to_owned());
    let page = send_assertion(&visitor, "/users/2fa-sign-in", SECOND, &spoilt).await;
    assert_eq!(place(&page), "/users/2fa-sign-in?notification=invalid_passkey");
    // The challenge was used up by the attempt, whatever became of it.
    let page = send_assertion(&visitor, "/users/2fa-sign-in", SECOND, &answer).await;
    assert_eq!(place(&page), "/users/2fa-sign-in?notification=passkey_not_found");
}

#[tokio::test]
async fn a_challenge_of_one_ceremony_is_none_of_another() {
    let server = TestServer::start().await;
    let (_, mut authenticator) = protected(&server, EMAIL).await;
    authenticator.counts = false;

    // Of the second factor, as a first factor: in the same session, with the same account.
    let visitor = at_second_factor(&server, EMAIL).await;
    visitor.start_sign_in(EMAIL).await;
    let answer = authenticator.get(&options(&visitor, SECOND_FACTOR).await);
    for (from, path) in [
        ("/users/sign-in", WITH_PASSKEY),
        ("/users/start-sign-in", DISCOVERED),
    ] {
        let page = send_assertion(&visitor, from, path, &answer).await;
        assert_eq!(place(&page), format!("{from}?notification=passkey_not_found"));
    }
    // … and the other way round.
    for question in [FIRST_FACTOR, DISCOVERABLE] {
        let answer = authenticator.get(&options(&visitor, question).await);
        let page = send_assertion(&visitor, "/users/2fa-sign-in", SECOND, &answer).await;
        assert_eq!(place(&page), "/users/2fa-sign-in?notification=passkey_not_found");
    }
    // The answers of the ceremonies differ by their type as well.
    let asked = options(&visitor, SECOND_FACTOR).await;
    let creation = authenticator.client_data("webauthn.create", &asked["challenge"]);
    let answer = authenticator.assert(&creation, "localhost");
    let page = send_assertion(&visitor, "/users/2fa-sign-in", SECOND, &answer).await;
    assert_eq!(place(&page), "/users/2fa-sign-in?notification=invalid_passkey");
}

#[tokio::test]
async fn a_challenge_to_sign_in_makes_no_passkey() {
    let server = TestServer::start().await;
    let (_, visitor) = signed_in(&server).await;
    let authenticator = add_passkey(&server, &visitor, KeyKind::P256).await;
    visitor.start_sign_in(EMAIL).await;
    for question in [SECOND_FACTOR, FIRST_FACTOR, DISCOVERABLE] {
        let asked = options(&visitor, question).await;
        let fresh = Authenticator::new(KeyKind::P256, server.issuer());
        let creation = fresh.client_data("webauthn.create", &asked["challenge"]);
        let answer = fresh.attest(&creation, "localhost");
        let path = "/passkeys/verify-registration";
        let page = send_registration(&visitor, ANY_FORM, path, &answer).await;
        assert_eq!(
            place(&page),
            "/connection-and-account?notification=invalid_passkey"
        );
    }
    // A challenge to make one opens nothing either.
    let mut authenticator = authenticator;
    let mut asked = options(&visitor, REGISTRATION).await;
    asked["rpId"] = asked["rp"]["id"].clone();
    let answer = authenticator.get(&asked);
    let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
    assert_eq!(place(&page), "/users/sign-in?notification=passkey_not_found");
}

#[tokio::test]
async fn a_challenge_belongs_to_its_session_and_person() {
    let server = TestServer::start().await;
    let (_, mut authenticator) = protected(&server, EMAIL).await;
    let (_, mut of_attacker) = protected(&server, "attaque@exemple.fr").await;

    // Asked in one browser, answered in another.
    let victim = at_first_factor(&server, EMAIL).await;
    let answer = authenticator.get(&options(&victim, FIRST_FACTOR).await);
    let attacker = at_first_factor(&server, EMAIL).await;
    let page = send_assertion(&attacker, "/users/sign-in", WITH_PASSKEY, &answer).await;
    assert_eq!(place(&page), "/users/sign-in?notification=passkey_not_found");

    // Asked for one account, answered for another, in one browser.
    let visitor = at_first_factor(&server, "attaque@exemple.fr").await;
    let asked = options(&visitor, FIRST_FACTOR).await;
    visitor.start_sign_in(EMAIL).await;
    for answer in [of_attacker.get(&asked), authenticator.get(&asked)] {
        let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
        assert_eq!(place(&page), "/users/sign-in?notification=passkey_not_found");
    }

    // Somebody else's passkey, with a challenge of the right account.
    let visitor = at_second_factor(&server, EMAIL).await;
    for handle in [
        of_attacker.user_handle.clone(),
        None,
        authenticator.user_handle.clone(),
    ] {
        of_attacker.user_handle = handle;
        let answer = of_attacker.get(&options(&visitor, SECOND_FACTOR).await);
        let page = send_assertion(&visitor, "/users/2fa-sign-in", SECOND, &answer).await;
        assert_eq!(place(&page), "/users/2fa-sign-in?notification=passkey_not_found");
    }
    // … under the identifier of the owner's.
    of_attacker.credential_id.clone_from(&authenticator.credential_id);
    let answer = of_attacker.get(&options(&visitor, SECOND_FACTOR).await);
    let page = send_assertion(&visitor, "/users/2fa-sign-in", SECOND, &answer).await;
    assert_eq!(place(&page), "/users/2fa-sign-in?notification=invalid_passkey");
    assert_eq!(place(&visitor.get("/").await), "/users/2fa-sign-in");
}

/// The session gets another name with each factor: what was asked under the former one is void.
#[tokio::test]
async fn a_former_name_of_the_session_is_worth_nothing() {
    let server = TestServer::start().await;
    let (_, mut authenticator) = protected(&server, EMAIL).await;
    let visitor = at_second_factor(&server, EMAIL).await;
    let stolen = visitor.cookie("/", "session").unwrap();
    let earlier = authenticator.get(&options(&visitor, SECOND_FACTOR).await);
    let answer = authenticator.get(&options(&visitor, SECOND_FACTOR).await);
    let page = send_assertion(&visitor, "/users/2fa-sign-in", SECOND, &answer).await;
    assert_eq!(place(&page), "/");

    let thief = server.visitor();
    thief.add_cookie(&format!("session={stolen}; Path=/"));
    assert_eq!(place(&thief.get("/").await), "/users/start-sign-in");
    assert_eq!(ask(&thief, SECOND_FACTOR).await.0, 401);
    let page = send_assertion(&visitor, ANY_FORM, SECOND, &earlier).await;
    assert_eq!(place(&page), "/users/2fa-sign-in?notification=passkey_not_found");
}

#[tokio::test]
async fn of_fifty_parallel_uses_of_one_answer_one_succeeds() {
    for options_of_server in [Options::default(), Options::default().with_redis()] {
        let server = TestServer::start_with(options_of_server).await;
        let (user, mut authenticator) = protected(&server, EMAIL).await;
        authenticator.counts = false;

        let visitor = at_second_factor(&server, EMAIL).await;
        let token = visitor.get("/users/2fa-sign-in").await.form_token();
        let answer = authenticator
            .get(&options(&visitor, SECOND_FACTOR).await)
            .to_string();
        assert_eq!(successes(&visitor, SECOND, &token, &answer).await, 1);

        let visitor = at_first_factor(&server, EMAIL).await;
        let token = visitor.get("/users/sign-in").await.form_token();
        let answer = authenticator
            .get(&options(&visitor, FIRST_FACTOR).await)
            .to_string();
        assert_eq!(successes(&visitor, WITH_PASSKEY, &token, &answer).await, 1);

        let usage_query = format!("SELECT usage_count FROM authenticators WHERE user_id = {user}");
        assert_eq!(text(server.database(), &usage_query).await, "2");
    }
}

/// Sends one answer fifty times at once, each in a browser with the same cookies, and counts those that went on to the account.
async fn successes(visitor: &Visitor, path: &str, token: &str, answer: &str) -> usize {
    let cookies = visitor.cookies_for("/");
    let client = crate::support::http_client_builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let attempts = (0..50).map(|_| {
        let fields = [
            ("_csrf", token),
            ("webauthn_authentication_response_string", answer),
        ];
        client
            .post(visitor.url(path))
            .header("cookie", &cookies)
            .form(&fields)
            .send()
    });
    let answers = join_all(attempts).await;
    answers
        .into_iter()
        .map(|answer| answer.expect("an answer"))
        .filter(|answer| {
            answer
                .headers()
                .get("location")
                .is_some_and(|target| target == "/")
        })
        .count()
}

#[tokio::test]
async fn a_counter_that_goes_backwards_is_refused_and_reported() {
    let server = TestServer::start().await;
    for kind in [KeyKind::P256, KeyKind::Ed25519] {
        let email = format!("{kind:?}@exemple.fr").to_lowercase();
        let user = insert_user(server.database(), &email, &[("force_2fa", "true")]).await;
        let mut authenticator = Authenticator::new(kind, server.issuer());
        authenticator.counter = 10;
        insert_row(server.database(), user, &authenticator, &[("counter", "20")]).await;

        for _ in 0..2 {
            let visitor = at_first_factor(&server, &email).await;
            let answer = authenticator.get(&options(&visitor, FIRST_FACTOR).await);
            let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
            assert_eq!(place(&page), "/users/sign-in?notification=invalid_passkey");
            let visitor = at_second_factor(&server, &email).await;
            let answer = authenticator.get(&options(&visitor, SECOND_FACTOR).await);
            let page = send_assertion(&visitor, "/users/2fa-sign-in", SECOND, &answer).await;
            assert_eq!(place(&page), "/users/2fa-sign-in?notification=invalid_passkey");
        }
        let row = format!("SELECT counter || ' ' || usage_count FROM authenticators WHERE user_id = {user}");
        assert_eq!(text(server.database(), &row).await, "20 0");
        let events = format!(
            "SELECT count(*) FROM identite_events WHERE user_id = {user} AND kind = 'passkey_refused'"
        );
        assert_eq!(server.database().count(&events).await, 4);
        let mail = server.mailbox.wait_for(&email, ALERT).await;
        assert!(mail.text().contains("il en existe peut-être une copie"));
        assert_eq!(count_mails(&server, &email, ALERT), 1, "told once a day");
    }
    let log = server.expect_discreet_log(&[]).await;
    assert!(log.contains("its counter went backwards"));
}

/// A wrong signature says nothing about the authenticator: nobody raises an alarm about somebody else's passkey.
#[tokio::test]
async fn nobody_raises_a_false_alarm() {
    let server = TestServer::start().await;
    let (user, authenticator) = protected(&server, EMAIL).await;
    server
        .database()
        .execute("UPDATE authenticators SET counter = 100")
        .await;
    let mut forged = Authenticator::new(KeyKind::P256, server.issuer());
    forged.credential_id.clone_from(&authenticator.credential_id);
    let visitor = at_first_factor(&server, EMAIL).await;
    let answer = forged.get(&options(&visitor, FIRST_FACTOR).await);
    let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
    assert_eq!(place(&page), "/users/sign-in?notification=invalid_passkey");
    let events =
        format!("SELECT count(*) FROM identite_events WHERE user_id = {user} AND kind = 'passkey_refused'");
    assert_eq!(server.database().count(&events).await, 0);
}

/// A removed passkey opens nothing, even with a challenge drawn before.
#[tokio::test]
async fn a_removed_passkey_is_unknown() {
    let server = TestServer::start().await;
    let (_, mut authenticator) = protected(&server, EMAIL).await;
    let visitor = at_first_factor(&server, EMAIL).await;
    let answer = authenticator.get(&options(&visitor, FIRST_FACTOR).await);
    server.database().execute("DELETE FROM authenticators").await;
    let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
    assert_eq!(place(&page), "/users/sign-in?notification=passkey_not_found");
}

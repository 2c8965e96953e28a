//! Adding, naming and removing passkeys.

use serde_json::json;

use super::{
    ALERT, ANY_FORM, EMAIL, REGISTRATION, add_passkey, amr, ask, options, register, send_registration,
    signed_in,
};
use crate::accounts::{PASSWORD, count_mails, insert_user, place, text};
use crate::support::{Authenticator, KeyKind, Options, TestServer};

#[tokio::test]
async fn a_passkey_is_added_and_its_row_is_what_the_reference_writes() {
    let server = TestServer::start().await;
    let (user, visitor) = signed_in(&server).await;
    let authenticator = add_passkey(&server, &visitor, KeyKind::P256).await;

    let row = "SELECT json_build_object(
        'id', credential_id, 'key', encode(credential_public_key, 'hex'), 'counter', counter,
        'type', credential_device_type, 'backed_up', credential_backed_up, 'transports', transports,
        'user', user_id, 'name', display_name, 'used', last_used_at, 'count', usage_count,
        'verified', user_verified, 'fresh', created_at > now() - interval '1 minute')
        FROM authenticators";
    let row: serde_json::Value = serde_json::from_str(&text(server.database(), row).await).unwrap();
    assert_eq!(
        row,
        json!({
            "id": authenticator.id(),
            "key": super::hex(&authenticator.cose()),
            "counter": 1,
            "type": "singleDevice",
            "backed_up": false,
            "transports": ["internal", "hybrid"],
            "user": user,
            "name": null,
            "used": null,
            "count": 0,
            "verified": true,
            "fresh": true,
        })
    );
    assert_eq!(amr(server.database(), user).await, "pwd,pop,mfa,uv");
    let mail = server.mailbox.wait_for(EMAIL, ALERT).await;
    assert!(mail.text().contains("vient d’être ajoutée"), "{}", mail.text());
    let history = "SELECT count(*) FROM identite_events WHERE kind = 'passkey_added'";
    assert_eq!(server.database().count(history).await, 1);

    let page = visitor.get("/connection-and-account").await;
    let shown: String = authenticator.id().chars().take(10).collect();
    assert!(page.text().contains(&format!("Clé {shown}")));
    assert!(!page.text().contains("Second facteur uniquement"));
    // Adding a factor says nothing about the browser.
    assert_eq!(visitor.cookie("/", "trusted-browser"), None);
}

/// Browsers repeat in their JSON what the attestation holds, and some authenticators attest with certificates, asked to or not.
#[tokio::test]
async fn an_answer_longer_than_anybody_types_makes_a_passkey_too() {
    let server = TestServer::start().await;
    let (_, visitor) = signed_in(&server).await;
    let mut authenticator = Authenticator::new(KeyKind::P256, server.issuer());
    let mut answer = authenticator.create(&options(&visitor, REGISTRATION).await);
    answer["response"]["publicKey"] = json!("A".repeat(20_000));
    let page = send_registration(&visitor, ANY_FORM, "/passkeys/verify-registration", &answer).await;
    assert_eq!(
        place(&page),
        "/connection-and-account?notification=passkey_successfully_created"
    );
}

#[tokio::test]
async fn a_passkey_that_verifies_nobody_is_a_second_factor_only() {
    let server = TestServer::start().await;
    let (user, visitor) = signed_in(&server).await;
    let mut authenticator = Authenticator::new(KeyKind::Ed25519, server.issuer());
    authenticator.flags = crate::support::authenticator::PRESENT;
    let page = register(&visitor, &mut authenticator).await;
    assert!(page.text().contains("Tout est en ordre !"));
    assert!(page.text().contains("Second facteur uniquement"));
    assert_eq!(amr(server.database(), user).await, "pwd,pop,mfa");
}

#[tokio::test]
async fn several_passkeys_live_side_by_side_and_none_is_added_twice() {
    let server = TestServer::start().await;
    let (_, visitor) = signed_in(&server).await;
    let first = add_passkey(&server, &visitor, KeyKind::P256).await;
    let second = add_passkey(&server, &visitor, KeyKind::Rsa).await;
    let excluded = options(&visitor, REGISTRATION).await["excludeCredentials"].clone();
    assert_eq!(
        excluded,
        json!([
            { "id": first.id(), "type": "public-key", "transports": ["internal", "hybrid"] },
            { "id": second.id(), "type": "public-key", "transports": ["internal", "hybrid"] },
        ])
    );
    // An authenticator that does not mind what is excluded.
    for mut again in [first, second] {
        let page = register(&visitor, &mut again).await;
        assert_eq!(
            place(&page),
            "/connection-and-account?notification=invalid_passkey"
        );
    }
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM authenticators")
            .await,
        2
    );
}

#[tokio::test]
async fn somebody_elses_passkey_is_not_taken() {
    let server = TestServer::start().await;
    let (user, visitor) = signed_in(&server).await;
    let mut authenticator = add_passkey(&server, &visitor, KeyKind::Ed25519).await;
    insert_user(server.database(), "autre@exemple.fr", &[]).await;
    let other = server.visitor();
    other.sign_in_as("autre@exemple.fr", PASSWORD).await;
    let page = register(&other, &mut authenticator).await;
    assert_eq!(
        place(&page),
        "/connection-and-account?notification=invalid_passkey"
    );
    let owner = format!("SELECT count(*) FROM authenticators WHERE user_id = {user}");
    assert_eq!(server.database().count(&owner).await, 1);
}

#[tokio::test]
async fn answers_that_make_no_sense_add_nothing() {
    let server = TestServer::start().await;
    let (_, visitor) = signed_in(&server).await;
    let token = visitor.get(ANY_FORM).await.form_token();
    let name = "webauthn_registration_response_string";
    for fields in [
        vec![],
        vec![(name, "")],
        vec![(name, "not JSON")],
        vec![(name, "{}")],
        vec![(name, "[1,2]")],
    ] {
        let fields: Vec<_> = [("_csrf", token.as_str())].into_iter().chain(fields).collect();
        let page = visitor.post("/passkeys/verify-registration", &fields).await;
        assert_eq!(page.status, 200);
        assert_eq!(
            place(&page),
            "/connection-and-account?notification=invalid_passkey"
        );
        assert!(page.text().contains("Erreur : votre clé d’accès est invalide."));
        assert!(page.title().starts_with("Erreur - "));
    }
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM authenticators")
            .await,
        0
    );
}

#[tokio::test]
async fn a_registration_on_the_way_to_a_service_goes_on_there() {
    let server = TestServer::start().await;
    let (_, visitor) = signed_in(&server).await;
    let mut authenticator = Authenticator::new(KeyKind::P256, server.issuer());
    let answer = authenticator.create(&options(&visitor, REGISTRATION).await);
    let mut wrong = answer.clone();
    wrong["response"]["attestationObject"] = json!("oA");
    let path = "/users/passkeys/verify-registration";
    let page = send_registration(&visitor, ANY_FORM, path, &wrong).await;
    assert_eq!(
        place(&page),
        "/users/double-authentication-choice?notification=invalid_passkey"
    );
    let answer = authenticator.create(&options(&visitor, REGISTRATION).await);
    let page = send_registration(&visitor, ANY_FORM, path, &answer).await;
    assert_eq!(place(&page), "/users/2fa-successfully-configured");
}

#[tokio::test]
async fn a_passkey_gets_another_name() {
    let server = TestServer::start().await;
    let (user, visitor) = signed_in(&server).await;
    let authenticator = add_passkey(&server, &visitor, KeyKind::P256).await;
    let page = visitor.get("/connection-and-account").await;
    let name = [("display_name", " Ordinateur <du> bureau ")];
    let page = visitor.submit(&page, "/passkeys/rename", &name).await;
    assert_eq!(
        place(&page),
        "/connection-and-account?notification=passkey_successfully_renamed"
    );
    assert!(page.texts("h4").contains(&"Ordinateur <du> bureau".to_owned()));
    // It is called so where its removal is asked about, too.
    let removal = format!("/delete-passkeys/{}", authenticator.id());
    let asked = visitor.submit(&page, &removal, &[]).await;
    assert_eq!(asked.heading(), "Supprimer la clé d’accès");
    assert_eq!(asked.texts("main p strong"), ["Ordinateur <du> bureau"]);

    for name in ["", "  ", &"x".repeat(65), "deux\nlignes"] {
        let page = visitor.get("/connection-and-account").await;
        let page = visitor
            .submit(&page, "/passkeys/rename", &[("display_name", name)])
            .await;
        assert_eq!(
            place(&page),
            "/connection-and-account?notification=invalid_passkey_name"
        );
    }
    let unknown = [("credential_id", "AAAA"), ("display_name", "Autre")];
    let page = visitor.get("/connection-and-account").await;
    let page = visitor.submit(&page, "/passkeys/rename", &unknown).await;
    assert_eq!(
        place(&page),
        "/connection-and-account?notification=passkey_not_found"
    );

    // Somebody else does not name it.
    insert_user(server.database(), "autre@exemple.fr", &[]).await;
    let other = server.visitor();
    other.sign_in_as("autre@exemple.fr", PASSWORD).await;
    let token = other.get(ANY_FORM).await.form_token();
    let fields = [
        ("_csrf", token.as_str()),
        ("credential_id", &authenticator.id()),
        ("display_name", "À moi"),
    ];
    for (path, fields) in [
        ("/passkeys/rename", &fields[..]),
        (removal.as_str(), &fields[..1]),
    ] {
        let page = other.post(path, fields).await;
        assert_eq!(
            place(&page),
            "/connection-and-account?notification=passkey_not_found"
        );
    }
    let name = format!("SELECT display_name FROM authenticators WHERE user_id = {user}");
    assert_eq!(text(server.database(), &name).await, "Ordinateur <du> bureau");
}

#[tokio::test]
async fn the_last_passkey_removed_takes_the_second_factor_with_it() {
    let server = TestServer::start().await;
    let (user, visitor) = signed_in(&server).await;
    let first = add_passkey(&server, &visitor, KeyKind::P256).await;
    let second = add_passkey(&server, &visitor, KeyKind::P256).await;
    let force = format!("UPDATE users SET force_2fa = true WHERE id = {user}");
    server.database().execute(&force).await;
    let forced = format!("SELECT count(*) FROM users WHERE id = {user} AND force_2fa");

    for (removed, remains) in [(&first, 1), (&second, 0)] {
        let page = visitor.get("/connection-and-account").await;
        let path = format!("/delete-passkeys/{}", removed.id());
        let page = visitor.submit(&page, &path, &[("confirmed", "true")]).await;
        assert_eq!(
            place(&page),
            "/connection-and-account?notification=passkey_successfully_deleted"
        );
        assert_eq!(server.database().count(&forced).await, remains);
        assert_eq!(
            server
                .database()
                .count("SELECT count(*) FROM authenticators")
                .await,
            remains
        );
    }
    server.mailbox.wait_for_nth(EMAIL, ALERT, 4).await;
    assert_eq!(count_mails(&server, EMAIL, ALERT), 4, "two added, two removed");

    let token = visitor.get(ANY_FORM).await.form_token();
    for unknown in [first.id(), "a.b".to_owned(), "AAA=".to_owned()] {
        let path = format!("/delete-passkeys/{unknown}");
        let fields = [("_csrf", token.as_str()), ("confirmed", "true")];
        for fields in [&fields[..], &fields[..1]] {
            let page = visitor.post(&path, fields).await;
            assert_eq!(
                place(&page),
                "/connection-and-account?notification=passkey_not_found"
            );
        }
    }
}

#[tokio::test]
async fn nobody_adds_a_passkey_to_an_account_with_a_factor_that_was_not_shown() {
    let server = TestServer::start().await;
    let (user, visitor) = signed_in(&server).await;
    // Before there was a factor, a page asked; then another browser added one.
    let options = options(&visitor, REGISTRATION).await;
    let answer = Authenticator::new(KeyKind::P256, server.issuer()).create(&options);
    let token = visitor.get(ANY_FORM).await.form_token();
    let owner = Authenticator::new(KeyKind::P256, server.issuer());
    super::insert_row(server.database(), user, &owner, &[]).await;

    for path in [
        "/passkeys/verify-registration",
        "/users/passkeys/verify-registration",
    ] {
        let fields = [
            ("_csrf", token.as_str()),
            ("webauthn_registration_response_string", &answer.to_string()),
        ];
        let page = visitor.post(path, &fields).await;
        assert_eq!(place(&page), "/users/2fa-sign-in?notification=2fa_required");
    }
    assert_eq!(ask(&visitor, REGISTRATION).await.0, 401);
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM authenticators")
            .await,
        1
    );
}

#[tokio::test]
async fn the_administration_of_passkeys_needs_a_fresh_sign_in() {
    let server = TestServer::start().await;
    let (user, visitor) = signed_in(&server).await;
    let authenticator = add_passkey(&server, &visitor, KeyKind::P256).await;
    let token = visitor.get(ANY_FORM).await.form_token();
    let age = format!(
        "UPDATE identite_sessions SET signed_in_at = now() - interval '1 hour' WHERE user_id = {user}"
    );
    server.database().execute(&age).await;
    assert_eq!(ask(&visitor, REGISTRATION).await.0, 401);
    for path in [
        "/passkeys/verify-registration".to_owned(),
        "/users/passkeys/verify-registration".to_owned(),
        "/passkeys/rename".to_owned(),
        format!("/delete-passkeys/{}", authenticator.id()),
    ] {
        let page = visitor.post(&path, &[("_csrf", &token)]).await;
        assert_eq!(
            place(&page),
            "/users/start-sign-in?notification=login_required",
            "{path}"
        );
    }
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM authenticators")
            .await,
        1
    );
}

#[tokio::test]
async fn strangers_and_other_forms_are_turned_away() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    for path in [REGISTRATION, super::FIRST_FACTOR, super::SECOND_FACTOR] {
        let (status, answer) = ask(&visitor, path).await;
        assert_eq!(status, 401, "{path}");
        assert_eq!(answer, json!({ "message": "Unauthorized" }));
    }
    // No page of ours is open.
    assert_eq!(ask(&visitor, super::DISCOVERABLE).await.0, 400);
    let (_, signed_in) = signed_in(&server).await;
    for path in [
        "/passkeys/verify-registration",
        "/users/passkeys/verify-registration",
        "/passkeys/rename",
        "/delete-passkeys/AAAA",
        "/users/2fa-sign-in-with-passkey",
    ] {
        assert_eq!(
            place(&visitor.post(path, &[]).await),
            "/users/start-sign-in?notification=session_expired",
            "{path}"
        );
        assert_eq!(
            signed_in.post(path, &[]).await.status,
            403,
            "{path}: no form token"
        );
        assert_eq!(signed_in.get(path).await.status, 404, "{path}: no page");
    }
    let again = server.visitor();
    assert_eq!(
        place(&again.post("/users/sign-in-with-passkey", &[]).await),
        "/users/start-sign-in?notification=session_expired"
    );
    assert_eq!(
        again
            .post("/users/sign-in-with-discoverable-passkey", &[])
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn scripts_have_a_budget_of_their_own() {
    let limited = Options::default().with("FEATURE_RATE_LIMIT_BY_IP", "True");
    let server = TestServer::start_with(limited).await;
    let visitor = server.visitor();
    let asked = futures::future::join_all((0..200).map(|_| visitor.get(REGISTRATION))).await;
    let refused = asked.iter().find(|page| page.status == 429).expect("too many");
    assert_eq!(refused.body, r#"{"message":"Too Many Requests"}"#);
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
}

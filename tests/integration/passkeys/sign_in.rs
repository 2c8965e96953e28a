//! Signing in with passkeys, first and second factor.

use serde_json::json;

use super::{
    DISCOVERABLE, EMAIL, FIRST_FACTOR, SECOND_FACTOR, add_passkey, amr, ask, insert_row, options,
    send_assertion, signed_in,
};
use crate::accounts::{PASSWORD, insert_user, place, text};
use crate::support::authenticator::{PRESENT, VERIFIED};
use crate::support::{Authenticator, KeyKind, TestServer};

const WITH_PASSKEY: &str = "/users/sign-in-with-passkey";
const SECOND: &str = "/users/2fa-sign-in-with-passkey";

#[tokio::test]
async fn a_passkey_replaces_the_password() {
    let server = TestServer::start().await;
    let (user, owner) = signed_in(&server).await;
    for kind in [KeyKind::P256, KeyKind::Ed25519, KeyKind::Rsa] {
        let mut authenticator = add_passkey(&server, &owner, kind).await;
        let visitor = server.visitor();
        let page = visitor.start_sign_in(EMAIL).await;
        assert_eq!(place(&page), "/users/sign-in");
        assert_eq!(
            page.texts("#webauthn-btn-begin-authentication"),
            ["Se connecter avec une clé d’accès"]
        );
        let options = options(&visitor, FIRST_FACTOR).await;
        assert_eq!(options["userVerification"], "required");
        assert_eq!(options["rpId"], "localhost");
        assert_eq!(options["timeout"], 60000);
        let answer = authenticator.get(&options);
        let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
        assert_eq!(place(&page), "/", "{kind:?}: {}", page.text());
        assert_eq!(amr(server.database(), user).await, "pop,uv,mfa");
        assert!(visitor.cookie("/", "trusted-browser").is_some());

        let row = format!(
            "SELECT counter || ' ' || usage_count || ' ' || (last_used_at > now() - interval '1 minute')
             FROM authenticators WHERE credential_id = '{}'",
            authenticator.id()
        );
        assert_eq!(text(server.database(), &row).await, "2 1 true");
        let method = "SELECT method FROM identite_events WHERE kind LIKE 'sign_in%' ORDER BY id DESC LIMIT 1";
        assert_eq!(text(server.database(), method).await, "pop");
    }
}

#[tokio::test]
async fn a_touch_does_not_replace_the_password() {
    let server = TestServer::start().await;
    let (_, owner) = signed_in(&server).await;
    let mut authenticator = add_passkey(&server, &owner, KeyKind::P256).await;
    authenticator.flags = PRESENT;
    let visitor = server.visitor();
    visitor.start_sign_in(EMAIL).await;
    let answer = authenticator.get(&options(&visitor, FIRST_FACTOR).await);
    let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
    assert_eq!(place(&page), "/users/sign-in?notification=invalid_passkey");
    // Nothing that was typed is lost.
    assert!(page.text().contains(EMAIL));
    assert_eq!(place(&visitor.sign_in(PASSWORD).await), "/");
}

#[tokio::test]
async fn a_passkey_completes_a_password_with_and_without_verification() {
    for (flags, expected) in [(PRESENT, "pwd,pop,mfa"), (PRESENT | VERIFIED, "pwd,pop,mfa,uv")] {
        let server = TestServer::start().await;
        let user = insert_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
        let mut authenticator = Authenticator::new(KeyKind::Ed25519, server.issuer());
        authenticator.flags = flags;
        insert_row(
            server.database(),
            user,
            &authenticator,
            &[("user_verified", "false")],
        )
        .await;
        let visitor = server.visitor();
        let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
        assert_eq!(place(&page), "/users/2fa-sign-in");
        let before = visitor.cookie("/", "session");
        let options = options(&visitor, SECOND_FACTOR).await;
        assert_eq!(options["userVerification"], "discouraged");
        let answer = authenticator.get(&options);
        let page = send_assertion(&visitor, "/users/2fa-sign-in", SECOND, &answer).await;
        assert_eq!(place(&page), "/", "{}", page.text());
        assert_eq!(amr(server.database(), user).await, expected);
        assert_ne!(
            visitor.cookie("/", "session"),
            before,
            "the session has another name"
        );
        assert!(visitor.cookie("/", "trusted-browser").is_some());
    }
}

#[tokio::test]
async fn a_passkey_says_whose_it_is() {
    let server = TestServer::start().await;
    let (user, owner) = signed_in(&server).await;
    let mut authenticator = add_passkey(&server, &owner, KeyKind::P256).await;
    let visitor = server.visitor();
    visitor.get("/users/start-sign-in").await;
    let asked = options(&visitor, DISCOVERABLE).await;
    assert_eq!(asked["allowCredentials"], json!([]));
    assert_eq!(asked["userVerification"], "required");
    let answer = authenticator.get(&asked);
    let path = "/users/sign-in-with-discoverable-passkey";
    let start = "/users/start-sign-in";
    let page = send_assertion(&visitor, start, path, &answer).await;
    assert_eq!(place(&page), "/");
    assert_eq!(amr(server.database(), user).await, "pop,uv,mfa");

    // One that keeps nothing of its owner cannot be used so; nor one that names nobody, or somebody else.
    insert_user(server.database(), "autre@exemple.fr", &[]).await;
    let other = (user + 1).to_string();
    for handle in [
        None,
        Some(&b""[..]),
        Some(b"0"),
        Some(b"+1"),
        Some(b"\xff"),
        Some(other.as_bytes()),
    ] {
        let visitor = server.visitor();
        visitor.get(start).await;
        authenticator.user_handle = handle.map(<[u8]>::to_vec);
        let answer = authenticator.get(&options(&visitor, DISCOVERABLE).await);
        let page = send_assertion(&visitor, start, path, &answer).await;
        assert_eq!(
            place(&page),
            "/users/start-sign-in?notification=passkey_not_found",
            "{handle:?}"
        );
    }
}

/// Security keys that keep nothing give no handle, or an empty one.
#[tokio::test]
async fn a_passkey_that_keeps_nothing_of_its_owner_works_where_the_owner_is_known() {
    let server = TestServer::start().await;
    let (_, owner) = signed_in(&server).await;
    let mut authenticator = add_passkey(&server, &owner, KeyKind::P256).await;
    for handle in [None, Some(vec![])] {
        authenticator.user_handle = handle;
        let visitor = server.visitor();
        visitor.start_sign_in(EMAIL).await;
        let answer = authenticator.get(&options(&visitor, FIRST_FACTOR).await);
        let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
        assert_eq!(place(&page), "/");
    }
}

#[tokio::test]
async fn addresses_do_not_tell_whether_they_have_passkeys() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let mut shapes = Vec::new();
    for email in [EMAIL, "personne@exemple.fr"] {
        let (first, second) = (server.visitor(), server.visitor());
        let mut allowed = Vec::new();
        for visitor in [&first, &second] {
            visitor.start_sign_in(email).await;
            let (status, options) = ask(visitor, FIRST_FACTOR).await;
            assert_eq!(status, 200);
            let members: Vec<String> = options.as_object().unwrap().keys().cloned().collect();
            shapes.push(members);
            allowed.push(options["allowCredentials"].clone());
        }
        assert_eq!(allowed[0], allowed[1], "decoys do not change");
        assert_ne!(allowed[0], json!([]), "any passkey would be asked for");
    }
    shapes.dedup();
    assert_eq!(shapes.len(), 1);

    // Whatever is answered, nothing opens.
    let visitor = server.visitor();
    visitor.start_sign_in(EMAIL).await;
    let answer =
        Authenticator::new(KeyKind::P256, server.issuer()).get(&options(&visitor, FIRST_FACTOR).await);
    let page = send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await;
    assert_eq!(place(&page), "/users/sign-in?notification=passkey_not_found");
    assert!(page.text().contains("nous ne connaissons pas cette clé d’accès"));
}

#[tokio::test]
async fn a_passkey_is_for_the_address_that_its_tab_shows() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    visitor.start_sign_in(EMAIL).await;
    let token = visitor.get("/users/sign-in").await.form_token();
    for (shown, told) in [
        (
            "autre@exemple.fr",
            "/users/start-sign-in?notification=address_changed",
        ),
        (EMAIL, "/users/sign-in?notification=invalid_passkey"),
    ] {
        let fields = [
            ("_csrf", token.as_str()),
            ("email_shown", shown),
            ("webauthn_authentication_response_string", "{}"),
        ];
        let page = visitor.post(WITH_PASSKEY, &fields).await;
        assert_eq!(place(&page), told);
    }
}

#[tokio::test]
async fn answers_that_make_no_sense_are_told_in_french() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = server.visitor();
    visitor.start_sign_in(EMAIL).await;
    let token = visitor.get("/users/sign-in").await.form_token();
    let name = "webauthn_authentication_response_string";
    for (path, page) in [
        (WITH_PASSKEY, "/users/sign-in"),
        ("/users/sign-in-with-discoverable-passkey", "/users/start-sign-in"),
    ] {
        for answer in ["", "not JSON", "{}", "null"] {
            let fields = [("_csrf", token.as_str()), (name, answer)];
            let shown = visitor.post(path, &fields).await;
            assert_eq!(place(&shown), format!("{page}?notification=invalid_passkey"));
            assert!(shown.text().contains("Erreur : votre clé d’accès est invalide."));
        }
        let shown = visitor.post(path, &[("_csrf", &token)]).await;
        assert_eq!(place(&shown), format!("{page}?notification=invalid_passkey"));
    }
}

//! Rows that the reference wrote, in all the shapes in which it did.

use serde_json::json;

use super::{EMAIL, FIRST_FACTOR, insert_row, options, send_assertion};
use crate::accounts::{insert_user, place, text};
use crate::support::authenticator::{BACKED_UP, BACKUP_ELIGIBLE};
use crate::support::{Authenticator, KeyKind, TestServer};

const WITH_PASSKEY: &str = "/users/sign-in-with-passkey";

async fn sign_in(server: &TestServer, authenticator: &mut Authenticator) -> String {
    let visitor = server.visitor();
    visitor.start_sign_in(EMAIL).await;
    let answer = authenticator.get(&options(&visitor, FIRST_FACTOR).await);
    place(&send_assertion(&visitor, "/users/sign-in", WITH_PASSKEY, &answer).await)
}

#[tokio::test]
async fn rows_of_the_reference_sign_in() {
    let server = TestServer::start().await;
    let user = insert_user(server.database(), EMAIL, &[]).await;
    let shapes: [&[(&str, &str)]; 6] = [
        &[],
        &[
            ("credential_device_type", "'multiDevice'"),
            ("credential_backed_up", "true"),
        ],
        &[("credential_device_type", "NULL")],
        &[("transports", "NULL")],
        &[("transports", "'{cable,smart-card}'")],
        &[
            ("user_verified", "false"),
            ("display_name", "'YubiKey 5'"),
            ("usage_count", "7"),
        ],
    ];
    for kind in [KeyKind::P256, KeyKind::Ed25519, KeyKind::Rsa] {
        for shape in shapes {
            server.database().execute("DELETE FROM authenticators").await;
            let mut authenticator = Authenticator::new(kind, server.issuer());
            authenticator.counter = 5;
            authenticator.user_handle = Some(user.to_string().into_bytes());
            insert_row(server.database(), user, &authenticator, shape).await;
            assert_eq!(
                sign_in(&server, &mut authenticator).await,
                "/",
                "{kind:?} {shape:?}"
            );
            let counter = "SELECT counter FROM authenticators";
            assert_eq!(text(server.database(), counter).await, "6");
        }
    }
}

/// Synchronised passkeys count nothing, and may say that they are synchronised only after a while.
#[tokio::test]
async fn passkeys_that_count_nothing_sign_in_again_and_again() {
    let server = TestServer::start().await;
    let user = insert_user(server.database(), EMAIL, &[]).await;
    let mut authenticator = Authenticator::new(KeyKind::P256, server.issuer());
    authenticator.counts = false;
    authenticator.flags |= BACKUP_ELIGIBLE | BACKED_UP;
    insert_row(server.database(), user, &authenticator, &[]).await;
    for _ in 0..3 {
        assert_eq!(sign_in(&server, &mut authenticator).await, "/");
    }
    let row = "SELECT counter || ' ' || usage_count || ' ' || credential_device_type FROM authenticators";
    assert_eq!(text(server.database(), row).await, "0 3 singleDevice");
}

#[tokio::test]
async fn transports_that_browsers_do_not_know_are_not_told_them() {
    let server = TestServer::start().await;
    let user = insert_user(server.database(), EMAIL, &[]).await;
    let authenticator = Authenticator::new(KeyKind::P256, server.issuer());
    let transports = [("transports", "'{usb,wishful}'")];
    insert_row(server.database(), user, &authenticator, &transports).await;
    let visitor = server.visitor();
    visitor.start_sign_in(EMAIL).await;
    let options = options(&visitor, FIRST_FACTOR).await;
    assert_eq!(
        options["allowCredentials"],
        json!([{ "id": authenticator.id(), "type": "public-key", "transports": ["usb"] }])
    );
}

#[tokio::test]
async fn a_row_that_nobody_can_use_breaks_nothing() {
    let server = TestServer::start().await;
    let user = insert_user(server.database(), EMAIL, &[]).await;
    let mut unusable = Authenticator::new(KeyKind::P256, server.issuer());
    insert_row(
        server.database(),
        user,
        &unusable,
        &[("credential_public_key", r"'\xa0'")],
    )
    .await;
    let mut usable = Authenticator::new(KeyKind::P256, server.issuer());
    insert_row(server.database(), user, &usable, &[]).await;
    let nameless = Authenticator::new(KeyKind::P256, server.issuer());
    insert_row(
        server.database(),
        user,
        &nameless,
        &[("credential_id", "'pas une clé'")],
    )
    .await;
    assert_eq!(
        sign_in(&server, &mut unusable).await,
        "/users/sign-in?notification=invalid_passkey"
    );
    assert_eq!(sign_in(&server, &mut usable).await, "/");
}

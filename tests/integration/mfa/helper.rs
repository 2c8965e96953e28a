//! The questions that lead to a second factor: every answer of both trees.

use super::{EMAIL, sign_in};
use crate::accounts::{insert_user, place};
use crate::support::TestServer;

/// Where each address leads, below the prefix of the tree; `None`: to itself.
const ANSWERS: &[(&str, Option<&str>)] = &[
    (
        "/is-totp-app-installed?radio-2fa=dont-know",
        Some("/mfa-decision-helper"),
    ),
    ("/is-totp-app-installed?radio-2fa=totp", None),
    ("/is-totp-app-installed?radio-2fa=passkey", None),
    ("/is-totp-app-installed", None),
    (
        "/mfa-decision-helper?device-type=mac",
        Some("/mfa-decision-helper/passkey"),
    ),
    (
        "/mfa-decision-helper?device-type=windows-hello",
        Some("/mfa-decision-helper/passkey"),
    ),
    (
        "/mfa-decision-helper?device-type=other",
        Some("/mfa-decision-helper/can-install-software"),
    ),
    ("/mfa-decision-helper?device-type=toaster", None),
    ("/mfa-decision-helper", None),
    ("/mfa-decision-helper/passkey", None),
    (
        "/mfa-decision-helper/can-install-software?can-install-software=yes",
        Some("/mfa-decision-helper/can-install-software/software"),
    ),
    (
        "/mfa-decision-helper/can-install-software?can-install-software=no",
        Some("/mfa-decision-helper/can-install-software/smartphone"),
    ),
    (
        "/mfa-decision-helper/can-install-software?can-install-software=maybe",
        None,
    ),
    (
        "/mfa-decision-helper/can-install-software/smartphone?can-install-app-on-smartphone=yes",
        Some("/mfa-decision-helper/can-install-software/smartphone/app"),
    ),
    (
        "/mfa-decision-helper/can-install-software/smartphone?can-install-app-on-smartphone=no",
        Some("/mfa-decision-helper/can-install-software/external-help-needed"),
    ),
    ("/mfa-decision-helper/can-install-software/smartphone", None),
    ("/totp-configuration?totp-tool-type=%3Cscript%3E", None),
];

#[tokio::test]
async fn every_answer_leads_where_it_should() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    for prefix in ["", "/users"] {
        for (asked, expected) in ANSWERS {
            let page = visitor.get(&format!("{prefix}{asked}")).await;
            assert_eq!(page.status, 200, "{prefix}{asked}");
            let expected = expected.unwrap_or(asked);
            assert_eq!(place(&page), format!("{prefix}{expected}"), "{prefix}{asked}");
        }
        let told = visitor
            .get(&format!("{prefix}/is-totp-app-installed?radio-2fa=passkey"))
            .await;
        assert_eq!(told.texts(".fr-alert a"), ["revenir au choix de la méthode"]);
        for asked in [
            "/mfa-decision-helper?device-type=mac&device-type=other",
            "/is-totp-app-installed?radio-2fa=a&radio-2fa=b",
        ] {
            visitor
                .get(&format!("{prefix}{asked}"))
                .await
                .expect_error(400, "");
        }
        let page = visitor
            .get(&format!("{prefix}/totp-configuration?totp-tool-type=%22"))
            .await;
        assert!(
            page.attributes("[name=totp-tool-type]", "value").is_empty(),
            "nothing foreign is echoed"
        );
    }
}

#[tokio::test]
async fn the_way_back_stays_in_its_tree() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    for (prefix, start) in [
        ("", "/double-authentication"),
        ("/users", "/users/double-authentication-choice"),
    ] {
        for path in [
            "",
            "/passkey",
            "/can-install-software",
            "/can-install-software/software",
            "/can-install-software/smartphone",
            "/can-install-software/smartphone/app",
            "/can-install-software/external-help-needed",
        ] {
            let page = visitor.get(&format!("{prefix}/mfa-decision-helper{path}")).await;
            let links = page.attributes("main a.fr-link", "href");
            assert!(links.iter().any(|link| link == start), "{}: {links:?}", page.url);
        }
    }
}

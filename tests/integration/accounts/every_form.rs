//! Every field of every form, as the pages themselves show them: values that no page sends.

use std::collections::BTreeSet;

use super::{MAGIC_LINK, RESET_PASSWORD, VERIFY_EMAIL, insert_user, mailed_link};
use crate::support::{Page, TestServer, Visitor};

const EMAIL: &str = "agent@exemple.fr";

/// Names that a form would send, those of selects and boxes included.
fn names(page: &Page, action: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for element in ["input", "select", "textarea"] {
        names.extend(page.attributes(&format!("form[action='{action}'] {element}[name]"), "name"));
    }
    names
}

/// Tries each field of each form of `page`.
async fn try_forms(visitor: &Visitor, page: &Page, tried: &mut BTreeSet<(String, String)>) {
    let posted = page.forms().into_iter().filter(|form| form.method == "POST");
    for form in posted {
        let action = form.action.path().to_owned();
        // Browsers send them to FranceConnect, which is another house.
        if action.contains("franceconnect") {
            continue;
        }
        for name in names(page, &action) {
            if name == "_csrf" || !tried.insert((action.clone(), name.clone())) {
                continue;
            }
            let long = "x".repeat(9_000);
            // What an authenticator says may be long.
            let is_typed = !name.starts_with("webauthn_");
            let unreadable = ["a%00b", "%ff", "%c3%28"].into_iter();
            for bad in unreadable.chain(is_typed.then_some(long.as_str())) {
                let mut body = format!("{name}={bad}");
                for (other, value) in form.fields.iter().filter(|(other, _)| *other != name) {
                    let pair = serde_urlencoded::to_string([(other, value)]).expect("a pair");
                    body = format!("{body}&{pair}");
                }
                let request = visitor.client().post(form.action.clone()).body(body);
                let answer = request
                    .header("content-type", "application/x-www-form-urlencoded")
                    .send()
                    .await
                    .expect("an answer");
                let what = format!("{action} {name} {}", bad.chars().take(8).collect::<String>());
                let status = answer.status();
                let answer = Visitor::page_of(answer).await;
                assert_eq!(status, 400, "{what}: {}", answer.text());
                answer.expect_error(400, "");
            }
        }
    }
}

#[tokio::test]
async fn no_field_takes_what_no_page_sends() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[("email_verified", "false")]).await;
    insert_user(
        server.database(),
        "migree@exemple.fr",
        &[
            ("encrypted_password", "NULL"),
            ("needs_inclusionconnect_welcome_page", "true"),
        ],
    )
    .await;
    let mut tried = BTreeSet::new();

    let visitor = server.visitor();
    for path in ["/users/start-sign-in", "/users/reset-password"] {
        try_forms(&visitor, &visitor.get(path).await, &mut tried).await;
    }
    let page = visitor.start_sign_in("migree@exemple.fr").await;
    try_forms(&visitor, &page, &mut tried).await;
    let page = visitor.start_sign_in("nouvelle@exemple.fr").await;
    try_forms(&visitor, &page, &mut tried).await;
    visitor.submit(&page, "/users/send-magic-link", &[]).await;
    let link = mailed_link(&server, "nouvelle@exemple.fr", MAGIC_LINK, 1).await;
    let elsewhere = server.visitor();
    try_forms(&elsewhere, &elsewhere.get(&link).await, &mut tried).await;
    let page = visitor.get("/users/reset-password").await;
    visitor
        .submit(&page, "/users/reset-password", &[("login", EMAIL)])
        .await;
    let link = mailed_link(&server, EMAIL, RESET_PASSWORD, 1).await;
    try_forms(&visitor, &visitor.get(&link).await, &mut tried).await;

    let page = visitor.start_sign_in(EMAIL).await;
    try_forms(&visitor, &page, &mut tried).await;
    let page = visitor
        .submit(&page, "/users/sign-in", &[("password", super::PASSWORD)])
        .await;
    try_forms(&visitor, &page, &mut tried).await;
    server.mailbox.wait_for(EMAIL, VERIFY_EMAIL).await;
    let page = super::enter_code(&server, &visitor, EMAIL, 1).await;
    assert_eq!(page.title(), "Accueil - ProConnect", "nothing was used up");

    // Another browser, so that a session can be closed from here.
    server.visitor().sign_in_as(EMAIL, super::PASSWORD).await;
    for path in [
        "/connection-and-account",
        "/personal-information",
        "/mes-sessions",
        "/users/personal-information",
        "/users/select-organization",
        "/manage-organizations",
        "/totp-configuration",
        "/users/totp-configuration",
    ] {
        try_forms(&visitor, &visitor.get(path).await, &mut tried).await;
    }
    let tried: Vec<String> = tried
        .into_iter()
        .map(|(action, name)| format!("{action} {name}"))
        .collect();
    for expected in [
        "/mes-sessions/fermer session",
        "/totp-configuration totpToken",
        "/personal-information family_name",
        "/personal-information given_name",
        "/personal-information job",
        "/personal-information phone_number",
        "/users/change-password confirm_password",
        "/users/change-password password",
        "/users/change-password reset_password_token",
        "/users/personal-information family_name",
        "/users/reset-password login",
        "/users/sign-in password",
        "/users/sign-in-with-magic-link magic_link_token",
        "/users/sign-up password",
        "/users/start-sign-in login",
        "/users/verify-email verify_email_token",
    ] {
        assert!(
            tried.iter().any(|name| name == expected),
            "{expected} in {tried:#?}"
        );
    }
    server.expect_discreet_log(&[super::PASSWORD]).await;
}

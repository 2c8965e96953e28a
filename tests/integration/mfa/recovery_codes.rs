//! Codes that stand in for a second factor that was lost.

use std::collections::BTreeSet;

use futures::future::join_all;

use super::{EMAIL, HOME, SECOND_FACTOR, events, insert_capable_user, methods, sign_in, sign_in_with_code};
use crate::accounts::{PASSWORD, insert_user, place, text};
use crate::support::{Options, Page, RelyingParty, TestRedis, TestServer, TotpApplication, Visitor};

const DRAWN: &str = "Vos nouveaux codes de secours";
const USED: &str = "Un code de secours a été utilisé";
pub(super) const INVALID: &str = "/users/2fa-sign-in-with-recovery-code?notification=invalid_recovery_code";
pub(super) const ASKED_FOR_ANOTHER: &str =
    "/users/double-authentication-choice?notification=recovery_code_used";

pub(super) async fn draw(visitor: &Visitor) -> Vec<String> {
    let page = visitor.get("/connection-and-account").await;
    let confirmed = [("confirmed", "true")];
    let page = visitor.submit(&page, "/codes-de-secours", &confirmed).await;
    assert_eq!(
        page.title(),
        "Vos codes de secours - ProConnect",
        "{}",
        page.text()
    );
    page.texts("ol.recovery-codes code")
}

pub(super) async fn give(visitor: &Visitor, code: &str) -> Page {
    let page = visitor.get("/users/2fa-sign-in-with-recovery-code").await;
    visitor
        .submit(
            &page,
            "/users/2fa-sign-in-with-recovery-code",
            &[("recovery_code", code)],
        )
        .await
}

/// An account with a fresh list of codes.
async fn with_codes(server: &TestServer, email: &str) -> (TotpApplication, Vec<String>) {
    insert_capable_user(server.database(), email, &[("force_2fa", "true")]).await;
    let mut application = TotpApplication::new(TotpApplication::KEY);
    let visitor = sign_in_with_code(server, email, &mut application).await;
    let codes = draw(&visitor).await;
    visitor.sign_out().await;
    (application, codes)
}

#[tokio::test]
async fn ten_codes_are_shown_once_and_kept_nowhere() {
    let server = TestServer::start().await;
    insert_capable_user(server.database(), EMAIL, &[]).await;
    let mut application = TotpApplication::new(TotpApplication::KEY);
    let visitor = sign_in_with_code(&server, EMAIL, &mut application).await;
    let page = visitor.get("/connection-and-account").await;
    assert!(page.text().contains("Créer mes codes de secours"));
    let page = visitor.submit(&page, "/codes-de-secours", &[]).await;
    assert!(page.header("cache-control").contains("no-store"));
    let codes = page.texts("ol.recovery-codes code");
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 10);
    let whose = format!("Compte : {EMAIL}, codes créés le ");
    assert!(page.text().contains(&whose), "{}", page.text());
    assert_eq!(
        place(&visitor.get("/codes-de-secours").await),
        "/connection-and-account"
    );

    let page = visitor.get("/connection-and-account").await;
    assert!(
        page.text()
            .contains("Codes qui n’ont pas encore servi : 10 sur 10.")
    );
    let stored = text(
        server.database(),
        "SELECT string_agg(digest, ' ') FROM identite_recovery_codes WHERE digest ~ '^[0-9a-f]{64}$'",
    )
    .await;
    assert_eq!(stored.split(' ').count(), 10);
    let plain: Vec<String> = codes.iter().map(|code| code.replace('-', "")).collect();
    assert!(plain.iter().all(|code| !stored.contains(code.as_str())));
    assert_eq!(events(server.database(), EMAIL, "recovery_codes_drawn").await, 1);
    let mail = server.mailbox.wait_for(EMAIL, DRAWN).await;
    assert!(codes.iter().all(|code| !mail.text().contains(code.as_str())));
    let secrets: Vec<&str> = codes.iter().chain(&plain).map(String::as_str).collect();
    server.expect_discreet_log(&secrets).await;
}

#[tokio::test]
async fn a_code_opens_the_account_once_and_asks_for_another_factor() {
    let server = TestServer::start().await;
    let (application, codes) = with_codes(&server, EMAIL).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(page.title(), SECOND_FACTOR);
    assert_eq!(
        page.texts("a[href='/users/2fa-sign-in-with-recovery-code']"),
        ["Utiliser un code de secours"]
    );
    let former = visitor.cookie("/", "session");
    let page = give(&visitor, &codes[0].to_uppercase().replace('-', " ")).await;
    assert_eq!(place(&page), ASKED_FOR_ANOTHER);
    assert_ne!(visitor.cookie("/", "session"), former);
    assert_eq!(methods(server.database(), EMAIL).await, "pwd,recovery-code,mfa");
    assert_eq!(events(server.database(), EMAIL, "recovery_code_used").await, 1);
    let mail = server.mailbox.wait_for(EMAIL, USED).await;
    assert!(mail.text().contains("Codes restants : 9."), "{}", mail.text());

    // The person may put it off, or replace the lost application at once.
    let later = visitor
        .submit(&page, "/users/2fa-successfully-configured", &[])
        .await;
    assert_eq!(later.title(), HOME);
    let page = visitor.get("/connection-and-account").await;
    assert!(
        page.text()
            .contains("Codes qui n’ont pas encore servi : 9 sur 10.")
    );

    let second = sign_in(&server, EMAIL).await;
    assert_eq!(place(&give(&second, &codes[0]).await), INVALID, "used");
    assert_eq!(place(&give(&second, &codes[1]).await), ASKED_FOR_ANOTHER);
    // A service is no way around it.
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let page = second.get(service.authorization_url(&server, &[]).as_str()).await;
    assert_eq!(page.url.path(), "/users/double-authentication-choice");
    assert_eq!(second.get("/").await.title(), HOME);
    let page = second.get("/users/totp-configuration").await;
    let replacement = TotpApplication::new(&page.texts("#humanReadableTotpKey")[0]);
    let page = second
        .submit(
            &page,
            "/users/totp-configuration",
            &[("totpToken", &replacement.code_at(0))],
        )
        .await;
    let page = second
        .submit(&page, "/users/2fa-successfully-configured", &[])
        .await;
    assert_eq!(page.title(), HOME);
    let third = sign_in(&server, EMAIL).await;
    let page = super::give_code(&third, &application.code_at(2)).await;
    assert_eq!(
        place(&page),
        "/users/2fa-sign-in?notification=invalid_totp_token",
        "the lost one"
    );
    assert_eq!(
        super::give_code(&third, &replacement.code_at(1)).await.title(),
        HOME
    );
}

#[tokio::test]
async fn a_copied_list_does_not_make_a_browser_trusted() {
    let server =
        TestServer::start_with(Options::default().with("FEATURE_AUTHENTICATE_BROWSER", "True")).await;
    let (_, codes) = with_codes(&server, EMAIL).await;
    let visitor = sign_in(&server, EMAIL).await;
    let page = give(&visitor, &codes[0]).await;
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=browser_not_trusted"
    );
    assert!(visitor.cookie("/", "trusted-browser").is_none());
    let mail = server
        .mailbox
        .wait_for(EMAIL, "Vérification de votre adresse email")
        .await;
    let page = visitor
        .submit(
            &page,
            "/users/verify-email",
            &[("verify_email_token", &mail.code(10).unwrap())],
        )
        .await;
    assert_eq!(place(&page), ASKED_FOR_ANOTHER, "asked for all the same");
}

#[tokio::test]
async fn codes_of_somebody_else_and_replaced_ones_open_nothing() {
    let server = TestServer::start().await;
    let (mut application, former) = with_codes(&server, EMAIL).await;
    let (_, others) = with_codes(&server, "autre@exemple.fr").await;
    let visitor = sign_in_with_code(&server, EMAIL, &mut application).await;
    let page = visitor.get("/connection-and-account").await;
    assert_eq!(
        page.texts("[action='/codes-de-secours'] button"),
        ["Remplacer mes codes de secours"]
    );
    // That the former ones are worth nothing any more is asked first.
    let drawn = "SELECT string_agg(c::text, ',' ORDER BY c::text) FROM identite_recovery_codes c";
    let kept = text(server.database(), drawn).await;
    let page = visitor.submit(&page, "/codes-de-secours", &[]).await;
    assert_eq!(page.heading(), "Remplacer vos codes de secours");
    assert_eq!(text(server.database(), drawn).await, kept);
    let fresh = draw(&visitor).await;
    let attacker = sign_in(&server, EMAIL).await;
    for code in [&former[0], &others[0]] {
        let page = give(&attacker, code).await;
        assert_eq!(place(&page), INVALID);
        assert!(
            page.text()
                .contains("Ce code n’est pas l’un des vôtres, ou il a déjà servi.")
        );
    }
    for code in ["aaaaa-aaaaa", "aaaaa", "ñ"] {
        assert_eq!(place(&give(&attacker, code).await), INVALID, "{code}");
    }
    let page = attacker.get("/users/2fa-sign-in-with-recovery-code").await;
    let token = page.form_token();
    attacker
        .post("/users/2fa-sign-in-with-recovery-code", &[("_csrf", &token)])
        .await
        .expect_error(400, "");
    assert_eq!(place(&give(&attacker, &fresh[9]).await), ASKED_FOR_ANOTHER);
}

#[tokio::test]
async fn of_many_uses_at_once_of_a_code_one_wins() {
    let redis = TestRedis::start().await;
    for options in [
        Options::default(),
        Options::default().with("REDIS_URL", &redis.url()),
    ] {
        let server = TestServer::start_with(options).await;
        let (_, codes) = with_codes(&server, EMAIL).await;
        server.database().make_sign_in_cheap().await;
        let mut contestants = Vec::new();
        for _ in 0..29 {
            let visitor = sign_in(&server, EMAIL).await;
            let page = visitor.get("/users/2fa-sign-in-with-recovery-code").await;
            contestants.push((visitor, page));
        }
        let answers = join_all(contestants.iter().map(async |(visitor, page)| {
            visitor
                .submit(
                    page,
                    "/users/2fa-sign-in-with-recovery-code",
                    &[("recovery_code", &codes[3])],
                )
                .await
        }))
        .await;
        let winners = answers
            .iter()
            .filter(|page| place(page) == ASKED_FOR_ANOTHER)
            .count();
        let losers = answers.iter().filter(|page| place(page) == INVALID).count();
        assert_eq!((winners, losers), (1, 28));
        assert_eq!(events(server.database(), EMAIL, "recovery_code_used").await, 1);
    }
}

#[tokio::test]
async fn codes_are_for_accounts_with_a_second_factor() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    let page = visitor.get("/connection-and-account").await;
    assert!(!page.text().contains("Codes de secours"));
    let token = page.form_token();
    visitor
        .post("/codes-de-secours", &[("_csrf", &token)])
        .await
        .expect_error(422, "Ajoutez d’abord un second moyen");
}

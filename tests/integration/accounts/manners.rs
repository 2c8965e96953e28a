//! What holds on every page: HEAD, OPTIONS, form tokens, values that nobody types, expired sessions, the mail server down

use reqwest::Method;

use super::{PASSWORD, VERIFY_EMAIL, enter_code, insert_user, place};
use crate::support::{Behaviour, EMAIL, Options, RelyingParty, TestRedis, TestServer};

const PAGES: &[&str] = &[
    "/",
    "/connection-and-account",
    "/personal-information",
    "/mes-sessions",
    "/mes-sessions/historique",
    "/conditions-generales-d-utilisation",
    "/politique-de-confidentialite",
    "/accessibilite",
    "/users/start-sign-in",
    "/users/inclusionconnect-welcome",
    "/users/sign-in",
    "/users/sign-up",
    "/users/magic-link-sent",
    "/users/sign-in-with-magic-link",
    "/users/verify-email",
    "/users/reset-password",
    "/users/change-password",
    "/users/personal-information",
    "/users/welcome",
];

const FORMS: &[&str] = &[
    "/personal-information",
    "/mes-sessions/fermer",
    "/mes-sessions/fermer-les-autres",
    "/users/start-sign-in",
    "/users/inclusionconnect-welcome",
    "/users/sign-in",
    "/users/sign-up",
    "/users/send-magic-link",
    "/users/sign-in-with-magic-link",
    "/users/verify-email",
    "/users/send-email-verification",
    "/users/reset-password",
    "/users/change-password",
    "/users/personal-information",
    "/users/welcome",
    "/users/delete",
];

#[tokio::test]
async fn a_look_from_afar_changes_nothing() {
    let server = TestServer::start().await;
    insert_user(
        server.database(),
        "agent@exemple.fr",
        &[("email_verified", "false")],
    )
    .await;
    let visitor = server.visitor();
    visitor.sign_in_as("agent@exemple.fr", PASSWORD).await;
    server.mailbox.wait_for("agent@exemple.fr", VERIFY_EMAIL).await;
    server
        .database()
        .execute("UPDATE users SET verify_email_sent_at = now() - interval '2 hours'")
        .await;
    for path in PAGES {
        let answer = visitor.client().head(visitor.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let answer = visitor
            .client()
            .request(Method::OPTIONS, visitor.url(path))
            .send()
            .await
            .unwrap();
        assert!(
            answer
                .headers()
                .get("allow")
                .is_some_and(|allow| allow.to_str().unwrap().contains("GET")),
            "{path}"
        );
        let answer = visitor.client().delete(visitor.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    assert_eq!(server.mailbox.mails().len(), 1);
}

#[tokio::test]
async fn a_form_without_the_token_of_the_session_is_refused() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, crate::support::PASSWORD).await;
    visitor.start_sign_in(EMAIL).await;
    for path in FORMS {
        for fields in [&[][..], &[("_csrf", "x")], &[("_csrf", "x"), ("_csrf", "y")]] {
            let page = visitor.post(path, fields).await;
            assert_eq!(page.status, 403, "{path} {fields:?}");
            assert!(page.text().contains("invalid csrf token"));
        }
    }
}

#[tokio::test]
async fn values_that_nobody_types_are_bad_requests() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, crate::support::PASSWORD).await;
    visitor.start_sign_in(EMAIL).await;
    let token = visitor
        .get("/users/reset-password")
        .await
        .form("/users/reset-password")
        .fields[0]
        .1
        .clone();
    let long = "x".repeat(9_000);
    for path in FORMS {
        let send = async |body: String| {
            let request = visitor.client().post(visitor.url(path)).body(body);
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        };
        assert_eq!(
            send(format!("_csrf={token}&login=a%00b")).await,
            400,
            "{path}: a NUL"
        );
        assert_eq!(
            send(format!("_csrf={token}&login=%ff")).await,
            400,
            "{path}: not UTF-8"
        );
        assert_eq!(
            send(format!("_csrf={token}&x={}", "y".repeat(110_000))).await,
            413,
            "{path}: too much"
        );
    }
    for (path, field) in [
        ("/users/start-sign-in", "login"),
        ("/users/sign-in", "password"),
        ("/users/reset-password", "login"),
        ("/personal-information", "given_name"),
        ("/users/sign-in-with-magic-link", "magic_link_token"),
        ("/users/change-password", "reset_password_token"),
    ] {
        let fields = [("_csrf", token.as_str()), (field, long.as_str())];
        assert_eq!(visitor.post(path, &fields).await.status, 400, "{path}");
        let fields = [("_csrf", token.as_str()), (field, "a"), (field, "b")];
        assert_eq!(visitor.post(path, &fields).await.status, 400, "{path}");
    }
    for path in PAGES {
        assert_eq!(
            visitor.get(&format!("{path}?notification=%00")).await.status,
            400,
            "{path}"
        );
        assert_eq!(
            visitor.get(&format!("{path}?notification=%ff")).await.status,
            400,
            "{path}"
        );
    }
}

#[tokio::test]
async fn who_comes_too_late_signs_in_and_comes_back() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, crate::support::PASSWORD).await;
    let page = visitor.get("/personal-information").await;
    server
        .database()
        .execute("UPDATE identite_sessions SET expires_at = now() - interval '1 second'")
        .await;
    let answer = visitor
        .submit(&page, "/personal-information", &[("given_name", "Autre")])
        .await;
    assert_eq!(
        place(&answer),
        "/users/start-sign-in?notification=session_expired"
    );
    let told = answer.text();
    assert!(told.contains("n’a peut-être pas été enregistré"), "{told}");
    let answer = visitor.sign_in_as(EMAIL, crate::support::PASSWORD).await;
    assert_eq!(place(&answer), "/personal-information");
    assert_eq!(
        answer.attributes("[name=given_name]", "value"),
        ["Camille"],
        "the form was not sent again"
    );
}

#[tokio::test]
async fn who_signs_in_after_their_service_gave_up_is_told_so() {
    let redis = TestRedis::start().await;
    let server = TestServer::start_with(Options::default().with("REDIS_URL", &redis.url())).await;
    let party = RelyingParty::default();
    party.register(server.database()).await;
    let request = party.authorization_url(&server, &[]);
    let wait_too_long = async || {
        let changed = redis
            .rewrite(r#""expiresAt":"[^"]*""#, r#""expiresAt":"2024-01-01T00:00:00Z""#)
            .await;
        assert!(changed > 0, "a request waits");
    };

    let visitor = server.visitor();
    visitor.get(request.as_str()).await;
    visitor.start_sign_in(EMAIL).await;
    wait_too_long().await;
    let told = visitor.sign_in(crate::support::PASSWORD).await;
    assert_eq!(
        (told.status.as_u16(), told.heading()),
        (400, "Votre demande de connexion a expiré".to_owned())
    );
    // They are signed in, and it is told once.
    assert_eq!(visitor.get("/").await.status, 200);
    let again = visitor.get(request.as_str()).await;
    assert_eq!(place(&again), "/users/select-organization");

    // Whoever wanted a page of their account meanwhile gets there.
    let other = server.visitor();
    other.get(request.as_str()).await;
    other.start_sign_in(EMAIL).await;
    other.get("/personal-information").await;
    wait_too_long().await;
    let answer = other.sign_in(crate::support::PASSWORD).await;
    assert_eq!(place(&answer), "/personal-information");

    // Whoever comes back for their account, long after they left a service waiting, hears nothing of that service.
    let latecomer = server.visitor();
    latecomer.get(request.as_str()).await;
    latecomer.start_sign_in(EMAIL).await;
    wait_too_long().await;
    latecomer.get("/personal-information").await;
    let answer = latecomer.sign_in_as(EMAIL, crate::support::PASSWORD).await;
    assert_eq!(place(&answer), "/personal-information");
}

#[tokio::test]
async fn a_mail_server_that_is_down_stops_nobody() {
    let server = TestServer::start().await;
    server.mailbox.set(Behaviour::Down);
    let visitor = server.visitor();
    let page = visitor.start_sign_in("nouveau@exemple.fr").await;
    let page = visitor
        .submit(&page, "/users/sign-up", &[("password", super::GOOD_PASSWORD)])
        .await;
    assert_eq!(place(&page), "/users/verify-email");
    server.mail_server_returns().await;
    assert_eq!(
        enter_code(&server, &visitor, "nouveau@exemple.fr", 1)
            .await
            .title(),
        "Accueil - ProConnect"
    );
}

#[tokio::test]
async fn two_tabs_do_not_disturb_each_other() {
    let server = TestServer::start().await;
    insert_user(server.database(), "agent@exemple.fr", &[]).await;
    let visitor = server.visitor();
    let first = visitor.start_sign_in("agent@exemple.fr").await;
    let second = visitor.get("/users/sign-in").await;
    assert_eq!(
        visitor
            .submit(&first, "/users/sign-in", &[("password", PASSWORD)])
            .await
            .title(),
        "Accueil - ProConnect"
    );
    // The other tab is of the session before: its form is refused, and nobody is signed out.
    let answer = visitor
        .submit(&second, "/users/sign-in", &[("password", PASSWORD)])
        .await;
    assert_eq!(place(&answer), "/users/start-sign-in");
    assert_eq!(visitor.get("/").await.title(), "Accueil - ProConnect");
}

#[tokio::test]
async fn the_mails_can_be_looked_at() {
    let server = TestServer::start().await;
    let visitor = server.visitor();
    let page = visitor.get("/___testing___/mails").await;
    let links = page.attributes("a", "href");
    assert!(links.len() >= 30, "{links:?}");
    for link in links {
        assert!(visitor.get(&link).await.status.is_success(), "{link}");
    }
    assert_eq!(visitor.get("/___testing___/mails/none/html").await.status, 404);
}

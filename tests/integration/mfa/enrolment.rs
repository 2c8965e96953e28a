//! Adding an application of one-time codes, in the account and on the way to a service.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;

use super::{
    ASKED_FOR_ADMINISTRATION, EMAIL, HOME, application_of, events, give_code, insert_capable_user, methods,
    sign_in, sign_in_with_code,
};
use crate::accounts::{PASSWORD, count_mails, insert_user, place, text};
use crate::support::{Options, TestRedis, TestServer, TotpApplication, wait_for_a_period};

const ADDED: &str = "Double authentification activée";

/// The pages that lead to a factor, by the page that each mode begins with.
const ENROLMENT_PAGES: [&str; 21] = [
    "/double-authentication",
    "/is-totp-app-installed",
    "/totp-configuration",
    "/mfa-decision-helper",
    "/mfa-decision-helper/passkey",
    "/mfa-decision-helper/can-install-software",
    "/mfa-decision-helper/can-install-software/software",
    "/mfa-decision-helper/can-install-software/smartphone",
    "/mfa-decision-helper/can-install-software/smartphone/app",
    "/mfa-decision-helper/can-install-software/external-help-needed",
    "/codes-de-secours",
    "/users/double-authentication-choice",
    "/users/is-totp-app-installed",
    "/users/totp-configuration",
    "/users/mfa-decision-helper",
    "/users/mfa-decision-helper/passkey",
    "/users/mfa-decision-helper/can-install-software",
    "/users/mfa-decision-helper/can-install-software/software",
    "/users/mfa-decision-helper/can-install-software/smartphone",
    "/users/mfa-decision-helper/can-install-software/smartphone/app",
    "/users/mfa-decision-helper/can-install-software/external-help-needed",
];

const FORMS: [&str; 6] = [
    "/totp-configuration",
    "/users/totp-configuration",
    "/delete-totp-configuration",
    "/set-force-2fa",
    "/codes-de-secours",
    "/users/delete",
];

#[tokio::test]
async fn an_application_is_added_in_the_account() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    let page = visitor.get("/double-authentication").await;
    assert_eq!(page.title(), "Double authentification - ProConnect");
    let page = visitor
        .submit(&page, "/is-totp-app-installed", &[("radio-2fa", "totp")])
        .await;
    assert_eq!(page.title(), "Configurer un code à usage unique - ProConnect");
    let page = visitor
        .submit(&page, "/totp-configuration", &[("totp-tool-type", "smartphone")])
        .await;
    assert_eq!(page.title(), "Configuration TOTP - ProConnect");
    assert!(page.text().contains("Scannez le QR Code avec votre smartphone"));
    let key = page.texts("#humanReadableTotpKey").remove(0);
    assert_eq!(key.split(' ').count(), 13, "52 characters in groups of four");
    assert_eq!(key, key.to_lowercase());
    let pictures = page.attributes("img.qr-code", "src");
    let picture = pictures[0].strip_prefix("data:image/svg+xml;base64,").unwrap();
    let picture = String::from_utf8(STANDARD.decode(picture).unwrap()).unwrap();
    assert!(picture.contains("<svg"), "{picture}");

    let page = visitor
        .submit(&page, "/totp-configuration", &[("totpToken", "123456")])
        .await;
    assert_eq!(
        place(&page),
        "/totp-configuration?notification=invalid_totp_token&totp-tool-type=smartphone"
    );
    assert!(page.text().contains("Code invalide."));
    assert!(page.text().contains("le code que vous avez utilisé"));
    assert_eq!(
        page.texts("#humanReadableTotpKey"),
        [key.as_str()],
        "the same key"
    );
    assert!(page.text().contains("Scannez le QR Code avec votre smartphone"));

    let code = TotpApplication::new(&key).code_at(0);
    let page = visitor
        .submit(&page, "/totp-configuration", &[("totpToken", &code)])
        .await;
    assert_eq!(
        place(&page),
        "/connection-and-account?notification=authenticator_added"
    );
    assert!(page.texts("h3").contains(&"FreeOTP Authenticator".to_owned()));
    assert_eq!(methods(server.database(), EMAIL).await, "pwd,totp,mfa");
    assert_eq!(events(server.database(), EMAIL, "totp_added").await, 1);
    let mail = server.mailbox.wait_for(EMAIL, ADDED).await;
    assert!(mail.text().contains("est à présent protégé par la"));

    // What is stored is nothing that an application could use, in the form that the reference reads.
    let stored = text(
        server.database(),
        "SELECT encrypted_totp_key FROM users WHERE email = 'agent@exemple.fr'",
    )
    .await;
    let lengths: Vec<usize> = stored
        .split('.')
        .map(|part| STANDARD.decode(part).unwrap().len())
        .collect();
    assert_eq!(lengths, [52, 12, 16]);
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM identite_totp_enrolments")
            .await,
        0
    );
    server
        .expect_discreet_log(&[&code, &key, &key.replace(' ', "").to_uppercase()])
        .await;
}

#[tokio::test]
async fn an_application_is_added_during_a_sign_in() {
    let server =
        TestServer::start_with(Options::default().with("FEATURE_AUTHENTICATE_BROWSER", "True")).await;
    insert_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    // The browser proves itself first: a factor that is added does not do it.
    assert_eq!(
        place(&page),
        "/users/verify-email?notification=browser_not_trusted"
    );
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
    assert_eq!(
        page.title(),
        "Choisir un mode de double authentification - ProConnect"
    );
    assert!(page.text().contains("à chaque nouvelle session sur ce service."));
    assert!(
        page.forms()
            .iter()
            .all(|form| form.action.path() != "/users/2fa-successfully-configured")
    );
    let trusted = visitor.cookie("/", "trusted-browser");

    let page = visitor
        .submit(&page, "/users/is-totp-app-installed", &[("radio-2fa", "totp")])
        .await;
    assert_eq!(
        page.title(),
        "Installer votre outil d'authentification - ProConnect"
    );
    let page = visitor
        .submit(
            &page,
            "/users/totp-configuration",
            &[("totp-tool-type", "computer")],
        )
        .await;
    assert_eq!(page.title(), "Configurer un code à usage unique - ProConnect");
    assert!(!page.text().contains("avec votre smartphone"));
    let application = TotpApplication::new(&page.texts("#humanReadableTotpKey")[0]);
    let page = visitor
        .submit(&page, "/users/totp-configuration", &[("totpToken", "000000")])
        .await;
    assert_eq!(
        place(&page),
        "/users/totp-configuration?notification=invalid_totp_token&totp-tool-type=computer"
    );
    wait_for_a_period().await;
    let code = application.code_at(0);
    let page = visitor
        .submit(&page, "/users/totp-configuration", &[("totpToken", &code)])
        .await;
    assert_eq!(page.url.path(), "/users/2fa-successfully-configured");
    let page = visitor
        .submit(&page, "/users/2fa-successfully-configured", &[])
        .await;
    assert_eq!(page.title(), HOME);
    assert_eq!(methods(server.database(), EMAIL).await, "pwd,email-otp,totp,mfa");
    assert_eq!(
        visitor.cookie("/", "trusted-browser"),
        trusted,
        "nothing new about the browser"
    );

    // The code that proved the key is used up.
    let elsewhere = sign_in(&server, EMAIL).await;
    assert_eq!(
        place(&give_code(&elsewhere, &code).await),
        "/users/2fa-sign-in?notification=invalid_totp_token"
    );
    assert_eq!(give_code(&elsewhere, &application.code_at(1)).await.title(), HOME);
}

#[tokio::test]
async fn adding_a_factor_does_not_make_a_browser_trusted() {
    let server =
        TestServer::start_with(Options::default().with("FEATURE_AUTHENTICATE_BROWSER", "True")).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    for path in ENROLMENT_PAGES {
        let page = visitor.get(path).await;
        assert_eq!(page.url.path(), "/users/verify-email", "{path}");
    }
    let page = visitor.get("/users/verify-email").await;
    let code = TotpApplication::new(TotpApplication::KEY).code_at(0);
    for path in ["/totp-configuration", "/users/totp-configuration"] {
        let page = visitor
            .post(path, &[("_csrf", &page.form_token()), ("totpToken", &code)])
            .await;
        assert_eq!(page.url.path(), "/users/verify-email", "{path}");
    }
    assert!(visitor.cookie("/", "trusted-browser").is_none());
}

#[tokio::test]
async fn nobody_adds_a_factor_with_the_password_alone_where_there_is_one() {
    let server = TestServer::start().await;
    let id = insert_capable_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    for path in ENROLMENT_PAGES {
        assert_eq!(
            place(&visitor.get(path).await),
            ASKED_FOR_ADMINISTRATION,
            "{path}"
        );
    }
    let token = visitor.get("/personal-information").await.form_token();
    let row = format!("SELECT to_jsonb(u) - 'updated_at' FROM users u WHERE id = {id}");
    let before = text(server.database(), &row).await;
    for path in FORMS {
        let fields = [
            ("_csrf", token.as_str()),
            ("totpToken", "123456"),
            ("force2fa", "disable"),
        ];
        let page = visitor.post(path, &fields).await;
        assert_eq!(place(&page), ASKED_FOR_ADMINISTRATION, "{path}");
    }
    assert_eq!(text(server.database(), &row).await, before);
    assert_eq!(
        server
            .database()
            .count("SELECT count(*) FROM identite_totp_enrolments")
            .await,
        0
    );
    assert_eq!(methods(server.database(), EMAIL).await, "pwd");
}

#[tokio::test]
async fn of_sessions_that_race_to_add_the_first_factor_one_wins() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let mut contestants = Vec::new();
    for number in 0..8 {
        let visitor = sign_in(&server, EMAIL).await;
        let path = ["/totp-configuration", "/users/totp-configuration"][number % 2];
        let (page, application) = application_of(&visitor, path).await;
        contestants.push((visitor, page, application, path));
    }
    let answers = join_all(
        contestants
            .iter()
            .map(async |(visitor, page, application, path)| {
                visitor
                    .submit(page, path, &[("totpToken", &application.code_at(0))])
                    .await
            }),
    )
    .await;
    let winners = answers.iter().filter(|page| {
        page.url.path() == "/users/2fa-successfully-configured"
            || place(page) == "/connection-and-account?notification=authenticator_added"
    });
    assert_eq!(winners.count(), 1);
    let others = answers
        .iter()
        .filter(|page| place(page) == ASKED_FOR_ADMINISTRATION);
    assert_eq!(others.count(), 7);
    assert_eq!(events(server.database(), EMAIL, "totp_added").await, 1);
    server.mailbox.wait_for(EMAIL, ADDED).await;
    assert_eq!(count_mails(&server, EMAIL, ADDED), 1);
}

#[tokio::test]
async fn each_session_has_a_key_of_its_own_and_redis_has_none() {
    let redis = TestRedis::start().await;
    let server = TestServer::start_with(Options::default().with("REDIS_URL", &redis.url())).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let (one, other) = (sign_in(&server, EMAIL).await, sign_in(&server, EMAIL).await);
    let key = async |visitor: &crate::support::Visitor, path: &str| {
        visitor.get(path).await.texts("#humanReadableTotpKey").remove(0)
    };
    let first = key(&one, "/totp-configuration").await;
    assert_eq!(key(&one, "/users/totp-configuration").await, first);
    let second = key(&other, "/totp-configuration").await;
    assert_ne!(first, second);
    // The key of one session proves nothing in another.
    let page = other.get("/totp-configuration").await;
    let code = TotpApplication::new(&first).code_at(0);
    let page = other
        .submit(&page, "/totp-configuration", &[("totpToken", &code)])
        .await;
    assert_eq!(
        place(&page),
        "/totp-configuration?notification=invalid_totp_token"
    );
    // Wiping Redis loses no key.
    redis.wipe().await;
    assert_eq!(key(&one, "/totp-configuration").await, first);
    // A key that was on trial for too long is another one.
    server
        .database()
        .execute("UPDATE identite_totp_enrolments SET created_at = created_at - interval '61 minutes'")
        .await;
    let page = one.get("/personal-information").await;
    let fields = [
        ("_csrf", page.form_token()),
        ("totpToken", TotpApplication::new(&first).code_at(0)),
    ];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    let page = one.post("/totp-configuration", &fields).await;
    assert_eq!(
        place(&page),
        "/totp-configuration?notification=invalid_totp_token"
    );
    assert_ne!(page.texts("#humanReadableTotpKey"), [first]);
}

#[tokio::test]
async fn another_application_replaces_the_former_and_ends_what_was_opened_with_it() {
    let server = TestServer::start().await;
    insert_capable_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let mut former = TotpApplication::new(TotpApplication::KEY);
    let elsewhere = sign_in_with_code(&server, EMAIL, &mut former).await;
    let visitor = sign_in_with_code(&server, EMAIL, &mut former).await;
    let (page, application) = application_of(&visitor, "/totp-configuration").await;
    assert!(page.text().contains("Changer d’application d’authentification"));
    let page = visitor
        .submit(
            &page,
            "/totp-configuration",
            &[("totpToken", &application.code_at(0))],
        )
        .await;
    assert_eq!(
        place(&page),
        "/connection-and-account?notification=authenticator_added"
    );
    assert_eq!(elsewhere.get("/").await.url.path(), "/users/start-sign-in");

    let again = sign_in(&server, EMAIL).await;
    assert_eq!(
        place(&give_code(&again, &former.fresh_code().await).await),
        "/users/2fa-sign-in?notification=invalid_totp_token"
    );
    assert_eq!(give_code(&again, &application.code_at(1)).await.title(), HOME);
}

#[tokio::test]
async fn a_factor_is_added_soon_after_the_password_only() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    server
        .database()
        .execute("UPDATE identite_sessions SET signed_in_at = now() - interval '16 minutes'")
        .await;
    for path in ENROLMENT_PAGES {
        let page = visitor.get(path).await;
        assert_eq!(
            place(&page),
            "/users/start-sign-in?notification=login_required",
            "{path}"
        );
    }
    let page = visitor
        .get("/users/totp-configuration?totp-tool-type=smartphone")
        .await;
    visitor
        .submit(&page, "/users/start-sign-in", &[("login", EMAIL)])
        .await;
    let page = visitor.sign_in(PASSWORD).await;
    assert_eq!(
        place(&page),
        "/users/totp-configuration?totp-tool-type=smartphone"
    );
}

#[tokio::test]
async fn who_was_shown_a_key_in_time_may_take_the_time_to_install_the_application() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    for path in ["/totp-configuration", "/users/totp-configuration"] {
        server
            .database()
            .execute("UPDATE users SET encrypted_totp_key = NULL")
            .await;
        let visitor = sign_in(&server, EMAIL).await;
        let (page, application) = application_of(&visitor, path).await;
        server
            .database()
            .execute("UPDATE identite_sessions SET signed_in_at = now() - interval '16 minutes'")
            .await;
        let page = visitor.submit(&page, path, &[("totpToken", "123456")]).await;
        assert_eq!(place(&page), format!("{path}?notification=invalid_totp_token"));
        let page = visitor
            .submit(&page, path, &[("totpToken", &application.code_at(0))])
            .await;
        assert_ne!(page.url.path(), path);
        assert_eq!(methods(server.database(), EMAIL).await.matches("totp").count(), 1);
        // The rest of the account still asks for a fresh sign-in.
        let page = visitor.get("/double-authentication").await;
        assert_eq!(place(&page), "/users/start-sign-in?notification=login_required");
        visitor.sign_out().await;
    }
}

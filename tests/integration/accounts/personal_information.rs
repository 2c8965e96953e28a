//! `/personal-information`, `/users/personal-information`, `/connection-and-account`

use super::{PASSWORD, count_mails, insert_user, place, text};
use crate::support::{TestServer, Visitor, http_client_builder};

const EMAIL: &str = "agent@exemple.fr";
const UPDATED: &str = "Mise à jour de vos données personnelles";

async fn signed_in(server: &TestServer) -> Visitor {
    let visitor = server.visitor();
    assert_eq!(
        visitor.sign_in_as(EMAIL, PASSWORD).await.title(),
        "Accueil - ProConnect"
    );
    visitor
}

#[tokio::test]
async fn changes_are_kept_and_told() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[("job", "'Cheffe'")]).await;
    let visitor = signed_in(&server).await;
    let page = visitor.get("/personal-information").await;
    let values = [
        ("given_name", " Angela "),
        ("family_name", "Claire Louise"),
        ("phone_number", ""),
        ("job", ""),
    ];
    let page = visitor.submit(&page, "/personal-information", &values).await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=personal_information_update_success"
    );
    assert_eq!(page.attributes("[name=given_name]", "value"), ["Angela"]);
    let mail = server.mailbox.wait_for(EMAIL, UPDATED).await;
    let told = mail.text();
    for line in [
        "Bonjour Jean User,",
        "- Prénom : Angela",
        "- Nom de famille : Claire Louise",
        "au sein de votre organisation : —",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(!told.contains("Numéro de téléphone"), "{told}");

    let page = visitor.submit(&page, "/personal-information", &[]).await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=personal_information_update_success"
    );
    assert_eq!(count_mails(&server, EMAIL, UPDATED), 1, "nothing has changed");
}

#[tokio::test]
async fn values_that_will_not_do_are_refused() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = signed_in(&server).await;
    for (field, value) in [
        ("given_name", "\u{200b}"),
        ("given_name", ""),
        ("family_name", "R2D2"),
        ("phone_number", "FR"),
        ("phone_number", " "),
        ("job", "\u{200b}"),
        ("job", "123"),
    ] {
        let page = visitor.get("/personal-information").await;
        let page = visitor
            .submit(&page, "/personal-information", &[(field, value)])
            .await;
        assert_eq!(
            place(&page),
            "/personal-information?notification=invalid_personal_informations",
            "{field} {value:?}"
        );
    }
    assert_eq!(
        text(
            server.database(),
            "SELECT given_name FROM users WHERE email = 'agent@exemple.fr'"
        )
        .await,
        "Jean"
    );
}

#[tokio::test]
async fn names_that_were_refused_are_shown_again_once() {
    let server = TestServer::start().await;
    let nameless = [("given_name", "NULL"), ("family_name", "NULL")];
    insert_user(server.database(), EMAIL, &nameless).await;
    let visitor = signed_in(&server).await;
    let page = visitor.get("/users/personal-information").await;
    let refused = [("given_name", "   "), ("family_name", " Durand ")];
    let page = visitor
        .submit(&page, "/users/personal-information", &refused)
        .await;
    assert_eq!(page.title(), "Erreur - Renseigner votre identité - ProConnect");
    assert_eq!(page.attributes("#given_name", "value"), [""]);
    assert_eq!(page.attributes("#family_name", "value"), ["Durand"]);
    assert_eq!(page.attributes("[aria-invalid=true]", "id"), ["given_name"]);
    assert_eq!(page.attributes("[autofocus]", "id"), ["given_name"]);
    assert_eq!(
        page.attributes("#given_name", "aria-describedby"),
        ["given_name-error"]
    );
    assert_eq!(
        page.texts("#given_name-error"),
        ["Un prénom s’écrit avec des lettres, sans chiffre ni signe."]
    );

    let page = visitor.get("/users/personal-information").await;
    assert_eq!(page.attributes("#family_name", "value"), [""], "shown once");
    assert!(page.attributes("[aria-invalid]", "id").is_empty());
}

#[tokio::test]
async fn an_account_form_that_was_refused_is_shown_again_once() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = signed_in(&server).await;
    let page = visitor.get("/personal-information").await;
    let long = "é".repeat(150);
    let refused = [
        ("given_name", "\u{200b}"),
        ("family_name", long.as_str()),
        ("phone_number", "01.23.45.67.89"),
        ("job", "Cheffe"),
    ];
    let page = visitor.submit(&page, "/personal-information", &refused).await;
    assert_eq!(
        page.attributes("[aria-invalid=true]", "id"),
        ["given_name", "family_name", "phone_number"]
    );
    assert_eq!(page.attributes("[autofocus]", "id"), ["given_name"]);
    assert_eq!(page.attributes("#family_name", "value"), ["é".repeat(100)]);
    assert_eq!(page.texts("#family_name-error"), ["100 caractères au plus."]);
    assert_eq!(page.attributes("#phone_number", "value"), ["01.23.45.67.89"]);
    assert_eq!(page.attributes("#job", "value"), ["Cheffe"]);

    let corrected = [
        ("given_name", "Angela"),
        ("family_name", "Durand"),
        ("phone_number", ""),
    ];
    let page = visitor.submit(&page, "/personal-information", &corrected).await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=personal_information_update_success"
    );
    assert_eq!(
        page.attributes("#job", "value"),
        ["Cheffe"],
        "what was right was kept"
    );
    assert!(page.attributes("[aria-invalid]", "id").is_empty());
}

/// What was refused is shown by its redirect alone: who comes by another way finds what is on record.
#[tokio::test]
async fn a_refused_form_does_not_outlive_its_redirect() {
    const HERE: &str = "/personal-information";
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = signed_in(&server).await;
    let page = visitor.get(HERE).await;
    let token = page.form_token();
    let refused = [
        ("_csrf", token.as_str()),
        ("given_name", "R2"),
        ("family_name", "Durand"),
        ("phone_number", ""),
        ("job", "Cheffe"),
    ];
    let told = "/personal-information?notification=invalid_personal_informations";
    let page = visitor.post(HERE, &refused).await;
    assert_eq!(page.attributes("#given_name", "value"), ["R2"]);
    let page = visitor.get(told).await;
    assert_eq!(page.attributes("#given_name", "value"), ["Jean"], "shown once");
    assert!(page.attributes("[aria-invalid]", "id").is_empty());

    // Whoever does not follow the redirect, and comes back by the menu.
    let client = http_client_builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let answer = client
        .post(visitor.url(HERE))
        .header("Cookie", visitor.cookies_for(HERE))
        .form(&refused)
        .send()
        .await
        .expect("an answer");
    let location = answer.headers()["location"].to_str().expect("a text");
    assert!(location.ends_with(told), "{location}");
    for way in [HERE, told] {
        let page = visitor.get(way).await;
        assert_eq!(page.attributes("#given_name", "value"), ["Jean"], "{way}");
        assert!(page.attributes("[aria-invalid]", "id").is_empty(), "{way}");
    }
}

/// Names of before there was a limit stay as they are, and keep nobody from changing the rest.
#[tokio::test]
async fn a_long_name_on_record_does_not_block_a_change_of_the_number() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[("family_name", "repeat('é', 150)")]).await;
    let visitor = signed_in(&server).await;
    let page = visitor.get("/personal-information").await;
    let wrong = [("phone_number", "FR"), ("job", "")];
    let page = visitor.submit(&page, "/personal-information", &wrong).await;
    assert_eq!(page.attributes("[aria-invalid=true]", "id"), ["phone_number"]);
    assert_eq!(page.attributes("#family_name", "value"), ["é".repeat(150)]);
    let right = [("phone_number", "0123456789"), ("job", "")];
    let page = visitor.submit(&page, "/personal-information", &right).await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=personal_information_update_success"
    );
    let stored = "SELECT concat_ws(';', char_length(family_name), phone_number) FROM users WHERE email = 'agent@exemple.fr'";
    assert_eq!(text(server.database(), stored).await, "150;0123456789");
}

#[tokio::test]
async fn names_that_franceconnect_told_are_chosen_from_a_list() {
    let server = TestServer::start().await;
    let id = insert_user(server.database(), EMAIL, &[]).await;
    server
        .database()
        .execute(&format!(
            "INSERT INTO franceconnect_userinfo (user_id, given_name, family_name, preferred_username)
             VALUES ({id}, 'Angela Claire Louise', 'DUBOIS', 'MARTIN')"
        ))
        .await;
    let visitor = signed_in(&server).await;
    let page = visitor.get("/personal-information").await;
    let options = page.attributes("#given_name option", "value");
    assert_eq!(
        options,
        ["", "Angela Claire Louise", "Angela", "Claire", "Louise"]
    );
    for (given_name, family_name, code) in [
        ("Claire", "MARTIN", "personal_information_update_success"),
        ("Autre", "MARTIN", "invalid_personal_informations"),
        ("Claire", "Autre", "invalid_personal_informations"),
    ] {
        let values = [
            ("given_name", given_name),
            ("family_name", family_name),
            ("phone_number", ""),
            ("job", ""),
        ];
        let page = visitor.submit(&page, "/personal-information", &values).await;
        assert_eq!(
            place(&page),
            format!("/personal-information?notification={code}"),
            "{given_name} {family_name}"
        );
    }
    let values = [("given_name", "Autre"), ("family_name", "DUBOIS"), ("job", "")];
    let form = visitor.get("/personal-information").await;
    let page = visitor.submit(&form, "/personal-information", &values).await;
    assert_eq!(page.attributes("[aria-invalid=true]", "id"), ["given_name"]);
    assert_eq!(
        page.attributes("#family_name option[selected]", "value"),
        ["DUBOIS"]
    );
    let page = visitor.get("/users/personal-information").await;
    assert_eq!(page.attributes("[name=given_name]", "readonly").len(), 1);
    visitor
        .submit(
            &page,
            "/users/personal-information",
            &[("given_name", "Pirate"), ("family_name", "Pirate")],
        )
        .await;
    assert_eq!(
        text(
            server.database(),
            "SELECT given_name FROM users WHERE email = 'agent@exemple.fr'"
        )
        .await,
        "Claire"
    );
}

#[tokio::test]
async fn names_are_completed_on_the_way() {
    let server = TestServer::start().await;
    insert_user(
        server.database(),
        EMAIL,
        &[("given_name", "NULL"), ("family_name", "NULL")],
    )
    .await;
    let visitor = signed_in(&server).await;
    let page = visitor.get("/users/personal-information").await;
    assert_eq!(page.title(), "Renseigner votre identité - ProConnect");
    let refused = [("given_name", "\u{200b}"), ("family_name", "User")];
    let page = visitor
        .submit(&page, "/users/personal-information", &refused)
        .await;
    assert_eq!(
        place(&page),
        "/users/personal-information?notification=invalid_personal_informations"
    );
    let values = [("given_name", "Loïs"), ("family_name", "Lane")];
    let page = visitor
        .submit(&page, "/users/personal-information", &values)
        .await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    assert!(page.text().contains("Loïs Lane"));
    assert!(server.mailbox.mails().is_empty());
}

#[tokio::test]
async fn the_account_page_asks_for_a_recent_sign_in() {
    let server = TestServer::start().await;
    insert_user(
        server.database(),
        EMAIL,
        &[("encrypted_totp_key", "'x'"), ("totp_key_verified_at", "now()")],
    )
    .await;
    let visitor = signed_in(&server).await;
    let page = visitor.get("/connection-and-account").await;
    assert_eq!(place(&page), "/users/2fa-sign-in?notification=2fa_required");
    server
        .database()
        .execute("UPDATE users SET encrypted_totp_key = NULL")
        .await;
    let page = visitor.get("/connection-and-account").await;
    assert_eq!(page.title(), "Compte et connexion - ProConnect");
    assert_eq!(page.attributes("#email-input-disabled", "value"), [EMAIL]);

    server
        .database()
        .execute("UPDATE identite_sessions SET signed_in_at = now() - interval '16 minutes'")
        .await;
    let page = visitor.get("/connection-and-account").await;
    assert_eq!(place(&page), "/users/start-sign-in?notification=login_required");
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(place(&page), "/connection-and-account", "and back");
}

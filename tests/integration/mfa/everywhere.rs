//! Where two factors are asked for: everywhere, or where a service insists.

use super::{EMAIL, HOME, SECOND_FACTOR, events, give_code, insert_capable_user, sign_in, sign_in_with_code};
use crate::accounts::{count_mails, insert_user, place, text};
use crate::support::{TestServer, TotpApplication};

const NO_LONGER_EVERYWHERE: &str = "Désactivation de la validation avec la double authentification";
const FORCE: &str = "SELECT force_2fa FROM users WHERE email = 'agent@exemple.fr'";

#[tokio::test]
async fn two_factors_everywhere_are_asked_for_at_the_next_sign_in_and_no_longer_when_unwanted() {
    let server = TestServer::start().await;
    insert_capable_user(server.database(), EMAIL, &[]).await;
    let mut application = TotpApplication::new(TotpApplication::KEY);
    let visitor = sign_in(&server, EMAIL).await;
    assert_eq!(
        visitor.get("/").await.title(),
        HOME,
        "not asked for everywhere yet"
    );
    assert_eq!(
        visitor.get("/connection-and-account").await.title(),
        SECOND_FACTOR
    );
    let page = give_code(&visitor, &application.fresh_code().await).await;
    assert_eq!(
        page.title(),
        "Compte et connexion - ProConnect",
        "back to the page that was asked for"
    );
    assert_eq!(page.attributes("#radio-disable[checked]", "value"), ["disable"]);

    for (wish, code, stored) in [
        ("enable", "2fa_successfully_enabled", "true"),
        ("enable", "2fa_successfully_enabled", "true"),
        ("disable", "2fa_successfully_disabled", "false"),
        ("disable", "2fa_successfully_disabled", "false"),
        ("enable", "2fa_successfully_enabled", "true"),
    ] {
        let page = visitor.get("/connection-and-account").await;
        let page = visitor
            .submit(&page, "/set-force-2fa", &[("force2fa", wish)])
            .await;
        assert_eq!(
            place(&page),
            format!("/connection-and-account?notification={code}")
        );
        assert_eq!(text(server.database(), FORCE).await, stored);
    }
    assert_eq!(
        events(server.database(), EMAIL, "second_factor_everywhere").await,
        2
    );
    assert_eq!(
        events(server.database(), EMAIL, "second_factor_where_required").await,
        1
    );
    server.mailbox.wait_for(EMAIL, NO_LONGER_EVERYWHERE).await;
    assert_eq!(
        count_mails(&server, EMAIL, NO_LONGER_EVERYWHERE),
        1,
        "told when something changed"
    );

    let again = sign_in(&server, EMAIL).await;
    for path in [
        "/",
        "/personal-information",
        "/mes-sessions",
        "/manage-organizations",
    ] {
        assert_eq!(again.get(path).await.title(), SECOND_FACTOR, "{path}");
    }
    sign_in_with_code(&server, EMAIL, &mut application).await;
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = sign_in(&server, EMAIL).await;
    let token = visitor.get("/personal-information").await.form_token();
    for (fields, status) in [
        (&[("_csrf", token.as_str())][..], 400),
        (&[("_csrf", token.as_str()), ("force2fa", "")], 400),
        (&[("_csrf", token.as_str()), ("force2fa", "true")], 400),
        (&[("_csrf", token.as_str()), ("force2fa", "enable")], 422),
    ] {
        visitor
            .post("/set-force-2fa", fields)
            .await
            .expect_error(status, "");
    }
    let page = visitor
        .post("/set-force-2fa", &[("_csrf", &token), ("force2fa", "disable")])
        .await;
    assert_eq!(
        place(&page),
        "/connection-and-account?notification=2fa_successfully_disabled"
    );
    assert_eq!(text(server.database(), FORCE).await, "false");
    assert_eq!(count_mails(&server, EMAIL, NO_LONGER_EVERYWHERE), 0);
    assert_eq!(
        server.visitor().get("/connection-and-account").await.url.path(),
        "/users/start-sign-in"
    );
}

#[tokio::test]
async fn who_wants_two_factors_and_lost_the_second_one_chooses_another() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[("force_2fa", "true")]).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, crate::accounts::PASSWORD).await;
    assert_eq!(page.url.path(), "/users/double-authentication-choice");
    let token = page.form_token();
    // No way around the choice.
    let page = visitor
        .post("/users/2fa-successfully-configured", &[("_csrf", &token)])
        .await;
    assert_eq!(page.url.path(), "/users/double-authentication-choice");
}

//! What relying parties may ask of people (spec/oidc.md §5.2), from the request to the code.

use serde_json::{Value, json};

use super::{Stage, sent};
use crate::support::{EMAIL, ORGANIZATION, PASSWORD, Page, parameter};

/// A second account, a member of one organization, with the password of the first.
const OTHER: &str = "api-particulier@yopmail.com";
/// Another organization of the first account.
const SECOND_ORGANIZATION: i32 = 49;

const SIGN_IN: &str = "/users/start-sign-in";
const PASSWORD_PAGE: &str = "/users/sign-in";
const CHOICE: &str = "/users/select-organization";
const IDENTITY: &str = "/users/personal-information";

impl Stage {
    /// A page that asks, of an address of ours.
    async fn expect_page(&self, parameters: &[(&str, &str)], path: &str) -> Page {
        let page = self.send(parameters).await;
        assert_eq!(
            (page.status.as_u16(), page.url.path()),
            (200, path),
            "{parameters:?}"
        );
        page
    }

    async fn make_other_sign_in_cheap(&self) {
        let sql = format!(
            "UPDATE users SET encrypted_password = (SELECT encrypted_password FROM users WHERE email = '{EMAIL}')
             WHERE email = '{OTHER}'"
        );
        self.server.database().execute(&sql).await;
    }

    /// Signs in on the page that `page` is, as `email`.
    async fn sign_in_as(&self, page: Page, email: &str) -> Page {
        let page = self.visitor.submit(&page, SIGN_IN, &[("login", email)]).await;
        self.visitor
            .submit(&page, PASSWORD_PAGE, &[("password", PASSWORD)])
            .await
    }

    /// What userinfo and the ID token tell for the code of `page`.
    async fn told_by(&self, page: &Page) -> (Value, serde_json::Map<String, Value>) {
        let code = sent(page, "code").unwrap_or_else(|| panic!("no code in {}", page.location()));
        let tokens = self.tokens(&code).await;
        let (status, userinfo) = self.userinfo(tokens["access_token"].as_str().unwrap()).await;
        assert_eq!(status, 200);
        (userinfo, self.id_token(&tokens).await)
    }

    async fn siret_of(&self, organization: i32) -> String {
        let connection = self.server.database().pool().get().await.unwrap();
        let row = connection
            .query_one("SELECT siret FROM organizations WHERE id = $1", &[&organization])
            .await
            .unwrap();
        row.get(0)
    }
}

fn error(page: &Page) -> Option<String> {
    sent(page, "error")
}

#[tokio::test]
async fn select_organization_lets_people_choose_again() {
    let stage = Stage::set_signed_in().await;
    let page = stage
        .expect_page(&[("prompt", "select_organization")], CHOICE)
        .await;
    let chosen = SECOND_ORGANIZATION.to_string();
    let page = stage
        .visitor
        .submit(&page, CHOICE, &[("organization_id", &chosen)])
        .await;
    let (userinfo, _) = stage.told_by(&page).await;
    assert_eq!(userinfo["siret"], stage.siret_of(SECOND_ORGANIZATION).await);
    // The choice holds for what is asked later.
    let (userinfo, _) = stage.told_by(&stage.send(&[("prompt", "none")]).await).await;
    assert_eq!(userinfo["siret"], stage.siret_of(SECOND_ORGANIZATION).await);
}

#[tokio::test]
async fn select_organization_shows_the_choice_even_where_there_is_none() {
    let stage = Stage::set().await;
    stage.make_other_sign_in_cheap().await;
    let page = stage
        .expect_page(&[("prompt", "select_organization")], SIGN_IN)
        .await;
    let page = stage.sign_in_as(page, OTHER).await;
    assert_eq!((page.status.as_u16(), page.url.path()), (200, CHOICE));
    let page = stage
        .visitor
        .submit(&page, CHOICE, &[("organization_id", "2")])
        .await;
    assert_eq!(stage.told_by(&page).await.0["email"], OTHER);
}

#[tokio::test]
async fn update_userinfo_shows_the_identity_and_tells_what_was_changed() {
    let stage = Stage::set_signed_in().await;
    let page = stage
        .expect_page(&[("prompt", "update_userinfo")], IDENTITY)
        .await;
    let page = stage
        .visitor
        .submit(&page, IDENTITY, &[("family_name", "Durand")])
        .await;
    assert_eq!(stage.told_by(&page).await.0["family_name"], "Durand");
}

/// Each prompt of several has its page, in the order of the policy (Q22).
#[tokio::test]
async fn each_of_several_prompts_is_honoured() {
    let stage = Stage::set_signed_in().await;
    let prompt = "update_userinfo login select_organization consent";
    let page = stage.expect_page(&[("prompt", prompt)], SIGN_IN).await;
    let page = stage.sign_in_as(page, EMAIL).await;
    assert_eq!(page.url.path(), CHOICE);
    let organization = ORGANIZATION.to_string();
    let page = stage
        .visitor
        .submit(&page, CHOICE, &[("organization_id", &organization)])
        .await;
    // A choice that was just made is not asked for twice.
    let page = if page.url.path() == CHOICE {
        stage
            .visitor
            .submit(&page, CHOICE, &[("organization_id", &organization)])
            .await
    } else {
        page
    };
    assert_eq!((page.status.as_u16(), page.url.path()), (200, IDENTITY));
    let page = stage.visitor.submit(&page, IDENTITY, &[]).await;
    assert!(sent(&page, "code").is_some(), "{}", page.location());
}

/// Consent is always given: nobody sees a page (§5.8).
#[tokio::test]
async fn consent_asks_for_no_page_of_its_own() {
    let stage = Stage::set().await;
    let page = stage.expect_page(&[("prompt", "consent")], SIGN_IN).await;
    let answer = stage.sign_in(page).await;
    assert!(parameter(&answer, "code").is_some());
    let page = stage.send(&[("prompt", "consent")]).await;
    assert!(sent(&page, "code").is_some());
}

/// Neither `prompt=login` nor an age that has passed can be walked around (Q23, Q24).
#[tokio::test]
async fn a_sign_in_that_is_asked_for_cannot_be_skipped() {
    let stage = Stage::set_signed_in().await;
    for asked in [("prompt", "login"), ("max_age", "0")] {
        let url = stage.client.authorization_url(&stage.server, &[asked]);
        let path = format!("/oauth/authorize?{}", url.query().unwrap());
        let start = super::appendix::step(&stage, &path).await;
        let interaction = start.location().path().to_owned();
        let uid = interaction.strip_prefix("/interaction/").unwrap().to_owned();
        let skipped = stage.visitor.get(&format!("{interaction}/login")).await;
        assert_eq!(skipped.url.path(), SIGN_IN, "{asked:?}");
        let resumed = stage.visitor.get(&format!("/oauth/authorize/{uid}")).await;
        assert_ne!(resumed.status, 303, "{asked:?}: {}", resumed.url);
        let page = stage.visitor.get(SIGN_IN).await;
        let answer = stage.sign_in(page).await;
        assert!(parameter(&answer, "code").is_some(), "{asked:?}");
    }
}

/// A hint at somebody else is never answered for whoever is signed in (Q25).
#[tokio::test]
async fn an_id_token_hint_at_another_person_asks_for_that_person() {
    let stage = Stage::set_signed_in().await;
    stage.make_other_sign_in_cheap().await;
    let tokens = stage.tokens(&stage.code(&[]).await).await;
    let hint = ("id_token_hint", tokens["id_token"].as_str().unwrap());
    let other = Stage {
        visitor: stage.server.visitor(),
        ..stage
    };
    other.visitor.sign_in_as(OTHER, PASSWORD).await;
    let silent = other.send(&[hint, ("prompt", "none")]).await;
    assert_eq!(error(&silent).as_deref(), Some("login_required"));
    let page = other.expect_page(&[hint], SIGN_IN).await;
    let page = other.sign_in_as(page, OTHER).await;
    assert_eq!(error(&page).as_deref(), Some("login_required"));
    let page = other.expect_page(&[hint], SIGN_IN).await;
    let answer = other.sign_in(page).await;
    let tokens = other.tokens(&parameter(&answer, "code").unwrap()).await;
    assert_eq!(other.id_token(&tokens).await["sub"], "1");
}

/// A subject that is insisted on is asked for once, then denied (Q26).
#[tokio::test]
async fn another_subject_than_the_wanted_one_is_denied_after_one_sign_in() {
    let stage = Stage::set_signed_in().await;
    let claims = ("claims", r#"{"id_token":{"sub":{"value":"2"}}}"#);
    let silent = stage.send(&[claims, ("prompt", "none")]).await;
    assert_eq!(error(&silent).as_deref(), Some("login_required"));
    let page = stage.expect_page(&[claims], SIGN_IN).await;
    let answer = stage.sign_in(page).await;
    assert_eq!(parameter(&answer, "error").as_deref(), Some("access_denied"));
    assert_eq!(parameter(&answer, "state").as_deref(), Some("the-state"));
    let own = ("claims", r#"{"id_token":{"sub":{"value":"1"}}}"#);
    assert!(sent(&stage.send(&[own]).await, "code").is_some());
}

/// With somebody else's session a hint at an address leads to the password of that address (Q17, Q18).
#[tokio::test]
async fn a_login_hint_at_another_account_wins_over_the_session() {
    let stage = Stage::set_signed_in().await;
    stage.make_other_sign_in_cheap().await;
    let hint = ("login_hint", OTHER);
    let silent = stage.send(&[hint, ("prompt", "none")]).await;
    assert_eq!(error(&silent).as_deref(), Some("login_required"));
    let page = stage.send(&[hint]).await;
    assert_eq!((page.status.as_u16(), page.url.path()), (200, PASSWORD_PAGE));
    let page = stage
        .visitor
        .submit(&page, PASSWORD_PAGE, &[("password", PASSWORD)])
        .await;
    assert_eq!(stage.told_by(&page).await.0["email"], OTHER);
    let own = format!(" {} ", OTHER.to_uppercase());
    let page = stage.send(&[("login_hint", &own)]).await;
    assert!(sent(&page, "code").is_some(), "capitals and blanks do not matter");
}

#[tokio::test]
async fn a_hinted_organization_of_the_person_is_selected_without_a_page() {
    let stage = Stage::set_signed_in().await;
    let siret = stage.siret_of(SECOND_ORGANIZATION).await;
    let silent = stage.send(&[("siret_hint", &siret), ("prompt", "none")]).await;
    assert_eq!(error(&silent).as_deref(), Some("interaction_required"));
    let blanks = format!("{} {}", &siret[..9], &siret[9..]);
    let page = stage.send(&[("siret_hint", &blanks)]).await;
    assert_eq!(stage.told_by(&page).await.0["siret"], siret);
    // The hint belonged to that request (Q19).
    let page = stage
        .expect_page(&[("prompt", "select_organization")], CHOICE)
        .await;
    let organization = ORGANIZATION.to_string();
    let page = stage
        .visitor
        .submit(&page, CHOICE, &[("organization_id", &organization)])
        .await;
    let (userinfo, _) = stage.told_by(&page).await;
    assert_eq!(userinfo["siret"], stage.siret_of(ORGANIZATION).await);
}

#[tokio::test]
async fn a_hinted_organization_of_others_is_offered_to_be_joined() {
    let stage = Stage::set_signed_in().await;
    let siret = stage.siret_of(2).await;
    let page = stage
        .expect_page(&[("siret_hint", &siret)], "/users/join-organization")
        .await;
    assert!(page.body.contains(&siret), "{}", page.text());
}

/// The page of a hint that is none leads back with an error (Q21).
#[tokio::test]
async fn a_hint_that_is_no_siret_ends_at_the_relying_party() {
    let stage = Stage::set().await;
    let page = stage.send(&[("siret_hint", "jean")]).await;
    assert_eq!(page.status, 400);
    assert!(
        page.text().contains("Siret_hint jean is not valid"),
        "{}",
        page.text()
    );
    let links = page.attributes("a[href^='/interaction/']", "href");
    let back = stage.visitor.get(&links[0]).await;
    assert_eq!(error(&back).as_deref(), Some("server_error"));
    assert_eq!(sent(&back, "error_description").as_deref(), Some("Bad Request"));
}

#[tokio::test]
async fn claims_of_the_id_token_are_those_that_were_asked_for() {
    let stage = Stage::set_signed_in().await;
    let (_, bare) = stage.told_by(&stage.send(&[]).await).await;
    let mut names: Vec<&str> = bare.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "exp", "iat", "iss", "nonce", "sub"], "Q58, Q59");
    let claims = json!({
        "id_token": {
            "acr": null, "amr": {"essential": true}, "auth_time": null, "sid": null,
            "given_name": {"essential": true}, "family_name": {}, "nonsense": null,
        },
        "userinfo": {"phone_number": null, "acr": null},
    });
    let page = stage.send(&[("claims", &claims.to_string())]).await;
    let (userinfo, id_token) = stage.told_by(&page).await;
    assert_eq!(id_token["amr"], json!(["pwd"]));
    assert_eq!(id_token["acr"], "eidas0");
    assert!(id_token["auth_time"].is_i64());
    assert_eq!(id_token["sid"].as_str().unwrap().len(), 43);
    assert_eq!(id_token["given_name"], "Camille");
    assert_eq!(id_token["family_name"], "Martin");
    assert!(!id_token.contains_key("nonsense"));
    assert_eq!(userinfo["phone_number"], "0123456789", "Q34");
    assert!(userinfo.get("acr").is_none());
}

/// What a federation says of the service behind it stands in the journal; one row for each code (Q43, Q44).
#[tokio::test]
async fn extra_parameters_are_kept_and_only_codes_are_written_down() {
    let stage = Stage::set_signed_in().await;
    let database = stage.server.database();
    let before = database.count("SELECT count(*) FROM users_oidc_clients").await;
    stage.send(&[("prompt", "none"), ("max_age", "0")]).await;
    stage.send(&[("scope", "openid phone")]).await;
    stage.send(&[("prompt", "select_organization")]).await;
    let rows = "SELECT count(*) FROM users_oidc_clients";
    assert_eq!(database.count(rows).await, before, "refusals and pages");
    let code = stage
        .code(&[("sp_name", "Un service derrière"), ("other", "1")])
        .await;
    assert!(!code.is_empty());
    assert_eq!(database.count(rows).await, before + 1);
    let connection = database.pool().get().await.unwrap();
    let row = connection
        .query_one(
            "SELECT sp_name, user_ip_address, organization_id FROM users_oidc_clients ORDER BY id DESC LIMIT 1",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>(0), "Un service derrière");
    assert_eq!(row.get::<_, Option<i32>>(2), Some(ORGANIZATION));
}

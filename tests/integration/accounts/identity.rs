//! `/users/franceconnect…`, `/users/personal-information/franceconnect…`: an identity is proven, renewed, asked for.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use serde_json::json;
use url::Url;

use super::{PASSWORD, insert_user, place, text};
use crate::support::{
    FakeFranceConnect, Options, Page, RelyingParty, Script, TestServer, Visitor, parameter,
};

pub const EMAIL: &str = "agent@exemple.fr";
const OF_THE_PERSON: &str = "user_id = (SELECT id FROM users WHERE email = 'agent@exemple.fr')";
pub const LOGIN: &str = "/users/franceconnect/login";
pub const CALLBACK: &str = "/users/franceconnect/login/callback";
pub const ACCOUNT_LOGIN: &str = "/users/personal-information/franceconnect/login";
pub const ACCOUNT_CALLBACK: &str = "/users/personal-information/franceconnect/login/callback";

/// A server whose FranceConnect does what the test says, and somebody signed in there.
pub async fn house() -> (TestServer, FakeFranceConnect, Visitor) {
    let fake = FakeFranceConnect::start();
    let options = Options::default().with("FRANCECONNECT_ISSUER", fake.issuer());
    let server = TestServer::start_with(options).await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = signed_in(&server).await;
    (server, fake, visitor)
}

pub async fn signed_in(server: &TestServer) -> Visitor {
    let visitor = server.visitor();
    let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    visitor
}

/// The authorization request that the button of the page leads to.
pub async fn depart(visitor: &Visitor, login: &str) -> Url {
    let page = if login == LOGIN {
        "/users/franceconnect"
    } else {
        "/personal-information"
    };
    let page = visitor.get(page).await;
    visitor.submit(&page, login, &[]).await.location()
}

/// There and back, and out of FranceConnect: the page that this ends on.
async fn round_trip(visitor: &Visitor, fake: &FakeFranceConnect, login: &str) -> Page {
    let authorization = depart(visitor, login).await;
    let answer = fake.sign_in(&authorization);
    let back = visitor.get(&format!("{login}/callback?{answer}")).await;
    sign_out_there(visitor, &back).await
}

/// Follows the sign-out of FranceConnect.
pub async fn sign_out_there(visitor: &Visitor, back: &Page) -> Page {
    let exit = back.location();
    assert!(exit.path().ends_with("/sign-out"), "{exit}");
    let mut return_to = Url::parse(&parameter(&exit, "post_logout_redirect_uri").unwrap()).unwrap();
    let state = parameter(&exit, "state").unwrap();
    return_to.query_pairs_mut().append_pair("state", &state);
    visitor.get(return_to.as_str()).await
}

/// What a token says, whoever signed it.
pub fn claims_of(token: &str) -> serde_json::Value {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

pub async fn identity(server: &TestServer) -> String {
    let columns =
        "concat_ws('|', sub, given_name, family_name, preferred_username, gender, birthplace, birthcountry,
                   to_char(birthdate AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))";
    text(
        server.database(),
        &format!("SELECT {columns} FROM franceconnect_userinfo WHERE {OF_THE_PERSON}"),
    )
    .await
}

pub async fn names(server: &TestServer) -> String {
    let query = "SELECT given_name || ' ' || family_name FROM users WHERE email = 'agent@exemple.fr'";
    text(server.database(), query).await
}

#[tokio::test]
async fn the_account_takes_over_the_identity() {
    let (server, fake, visitor) = house().await;
    let authorization = depart(&visitor, ACCOUNT_LOGIN).await;
    let sent = |name: &str| parameter(&authorization, name).unwrap_or_default();
    for (name, expected) in [
        ("acr_values", "eidas1"),
        ("client_id", "🎭 Mocked FranceConnect Client ID"),
        ("response_type", "code"),
        ("code_challenge_method", "S256"),
        (
            "redirect_uri",
            server.base_url.join(ACCOUNT_CALLBACK).unwrap().as_str(),
        ),
        (
            "scope",
            "birthcountry birthplace birthdate family_name gender given_name openid preferred_username",
        ),
    ] {
        assert_eq!(sent(name), expected);
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(sent(name).len(), 43, "{name}");
    }

    let answer = fake.sign_in(&authorization);
    let back = visitor.get(&format!("{ACCOUNT_CALLBACK}?{answer}")).await;
    assert_eq!(
        parameter(&back.location(), "id_token_hint")
            .unwrap()
            .split('.')
            .count(),
        3
    );
    let page = sign_out_there(&visitor, &back).await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=personal_information_update_via_franceconnect_success"
    );
    assert!(
        page.text().contains("Angela DUBOIS"),
        "the header names the person"
    );
    assert_eq!(
        identity(&server).await,
        "somebody|Angela Claire Louise|DUBOIS|female|75107|99100|1962-08-24 00:00"
    );
    assert!(server.mailbox.mails().is_empty());
    let history = visitor.get("/mes-sessions/historique").await;
    assert!(history.text().contains("Identité vérifiée par FranceConnect"));

    let redemption = &fake.redemptions()[0];
    let field = |name: &str| {
        redemption
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    assert_eq!(field("code"), Some("the-code"));
    assert_eq!(field("code_verifier").map(str::len), Some(43));
    let id_token = parameter(&back.location(), "id_token_hint").unwrap();
    server
        .expect_discreet_log(&[
            "the-access-token",
            &id_token,
            "DUBOIS",
            field("code_verifier").unwrap(),
        ])
        .await;
}

#[tokio::test]
async fn a_later_identity_replaces_the_former_whole() {
    let (server, fake, visitor) = house().await;
    fake.play(Script {
        userinfo: json!({"preferred_username": "MARTIN"}),
        signs_userinfo: true,
        ..Script::default()
    });
    round_trip(&visitor, &fake, ACCOUNT_LOGIN).await;
    assert_eq!(names(&server).await, "Angela MARTIN");
    server
        .database()
        .execute("UPDATE franceconnect_userinfo SET created_at = '2020-01-01', updated_at = '2020-01-01'")
        .await;
    fake.play(Script {
        userinfo: json!({"birthdate": "1962-08-00"}),
        ..Script::default()
    });
    round_trip(&visitor, &fake, ACCOUNT_LOGIN).await;
    assert_eq!(names(&server).await, "Angela DUBOIS");
    assert_eq!(
        identity(&server).await,
        "somebody|Angela Claire Louise|DUBOIS|female|75107|99100",
        "neither the former name in use nor the former birth date remain"
    );
    let times = format!(
        "SELECT (created_at = '2020-01-01' AND updated_at > now() - interval '1 minute')
         FROM franceconnect_userinfo WHERE {OF_THE_PERSON}"
    );
    assert_eq!(text(server.database(), &times).await, "true");
}

#[tokio::test]
async fn a_provider_without_pkce_and_sign_out_will_do() {
    let (server, fake, visitor) = house().await;
    fake.play(Script {
        offers_pkce: false,
        offers_sign_out: false,
        ..Script::default()
    });
    let authorization = depart(&visitor, LOGIN).await;
    assert_eq!(parameter(&authorization, "code_challenge"), None);
    let answer = fake.sign_in(&authorization);
    let page = visitor.get(&format!("{CALLBACK}?{answer}")).await;
    assert_eq!(page.title(), "Accueil - ProConnect");
    assert_eq!(names(&server).await, "Angela DUBOIS");
    assert!(
        fake.redemptions()[0]
            .iter()
            .all(|(name, _)| name != "code_verifier")
    );
}

#[tokio::test]
async fn new_keys_of_the_provider_are_found() {
    let (server, fake, visitor) = house().await;
    round_trip(&visitor, &fake, ACCOUNT_LOGIN).await;
    fake.play(Script {
        has_rotated: true,
        userinfo: json!({"preferred_username": "MARTIN"}),
        ..Script::default()
    });
    // Keys are not fetched again at once: whoever sends nonsense must not make us.
    let authorization = depart(&visitor, ACCOUNT_LOGIN).await;
    let answer = fake.sign_in(&authorization);
    let page = visitor.get(&format!("{ACCOUNT_CALLBACK}?{answer}")).await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=franceconnect_oidc_error"
    );
    assert_eq!(names(&server).await, "Angela DUBOIS");
}

/// A person of the development data with an only organization, linked so that nothing is known of the link.
async fn on_the_way_to_a_service(server: &TestServer, link: &str) -> (RelyingParty, Visitor) {
    let user = "(SELECT id FROM users WHERE email = 'agent@exemple.fr')";
    server
        .database()
        .execute(&format!(
            "INSERT INTO users_organizations (user_id, organization_id, verification_type, has_been_greeted)
             VALUES ({user}, 1, '{link}', true)"
        ))
        .await;
    let service = RelyingParty::default();
    service.register(server.database()).await;
    (service, signed_in(server).await)
}

#[tokio::test]
async fn a_service_that_needs_a_verified_identity_gets_one() {
    let (server, fake, _) = house().await;
    let (service, visitor) = on_the_way_to_a_service(&server, "domain").await;
    let insists = [(
        "claims",
        r#"{"id_token":{"acr":{"essential":true,"values":["eidas1"]}}}"#,
    )];
    let request = service.authorization_url(&server, &insists);
    let page = visitor.get(request.as_str()).await;
    assert_eq!(page.title(), "Vérifier votre identité - ProConnect");

    let authorization = visitor.submit(&page, LOGIN, &[]).await.location();
    let declined = parameter(&authorization, "state").unwrap();
    let page = visitor
        .get(&format!("{CALLBACK}?error=access_denied&state={declined}"))
        .await;
    assert_eq!(
        place(&page),
        "/users/franceconnect?notification=franceconnect_oidc_error"
    );

    let authorization = visitor.submit(&page, LOGIN, &[]).await.location();
    let answer = fake.sign_in(&authorization);
    let back = visitor.get(&format!("{CALLBACK}?{answer}")).await;
    let end = sign_out_there(&visitor, &back).await;
    let code = parameter(&end.location(), "code").expect("a code for the service");
    let (status, tokens) = service.redeem(&server, &code, &[]).await;
    assert_eq!(status, 200);
    let id_token = tokens["id_token"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD
        .decode(id_token.split('.').nth(1).unwrap())
        .unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["acr"], "eidas1");
}

#[tokio::test]
async fn an_outdated_identity_is_renewed_on_the_way() {
    let (server, fake, _) = house().await;
    let (service, visitor) = on_the_way_to_a_service(&server, "domain").await;
    server
        .database()
        .execute(
            "INSERT INTO franceconnect_userinfo (user_id, given_name, family_name, updated_at)
             SELECT id, 'Jean', 'User', now() - interval '91 days' FROM users WHERE email = 'agent@exemple.fr'",
        )
        .await;
    let request = service.authorization_url(&server, &[]);
    let page = visitor.get(request.as_str()).await;
    assert_eq!(page.title(), "Vérifier votre identité - ProConnect");
    let authorization = visitor.submit(&page, LOGIN, &[]).await.location();
    let answer = fake.sign_in(&authorization);
    let back = visitor.get(&format!("{CALLBACK}?{answer}")).await;
    let end = sign_out_there(&visitor, &back).await;
    assert!(parameter(&end.location(), "code").is_some());

    server
        .database()
        .execute("UPDATE franceconnect_userinfo SET updated_at = now() - interval '91 days'")
        .await;
    let silent = service.authorization_url(&server, &[("prompt", "none")]);
    let answer = visitor.get(silent.as_str()).await.location();
    assert_eq!(
        parameter(&answer, "error").as_deref(),
        Some("interaction_required")
    );
}

/// The played provider of a developer's machine, reached by our own connector.
#[tokio::test]
async fn the_played_provider_is_a_whole_one() {
    let server = TestServer::start().await;
    insert_user(server.database(), EMAIL, &[]).await;
    let visitor = signed_in(&server).await;
    let page = visitor.get("/personal-information").await;
    let page = visitor.submit(&page, ACCOUNT_LOGIN, &[]).await;
    assert_eq!(page.title(), "Connexion 🎭 FranceConnect 🎭");
    let elia = page
        .forms()
        .into_iter()
        .find(|form| {
            form.fields
                .contains(&("family_name".to_owned(), "Alvernhe".to_owned()))
        })
        .expect("Elia can be played");
    let fields: Vec<(&str, &str)> = elia
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let page = visitor.post(elia.action.path(), &fields).await;
    assert_eq!(page.title(), "Déconnexion 🎭 FranceConnect 🎭");
    let way_back = page.attributes("main a", "href").remove(0);
    let page = visitor.get(&way_back).await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=personal_information_update_via_franceconnect_success"
    );
    assert_eq!(names(&server).await, "Elia Dulac");

    let page = visitor.submit(&page, ACCOUNT_LOGIN, &[]).await;
    let declined = page.attributes("main p a", "href").remove(0);
    let page = visitor.get(&declined).await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=franceconnect_oidc_error"
    );
}

//! Executives are certified on the way to a service that asks for it: every outcome, every register, every outage.

use std::sync::LazyLock;

use serde_json::json;
use url::Url;

use super::identity::{EMAIL, LOGIN, sign_out_there, signed_in};
use super::{PASSWORD, insert_user, text};
use crate::support::{
    FakeFranceConnect, Options, Page, RelyingParty, Script, TestServer, Visitor, parameter,
};

const CERTIFICATION: &str = "https://proconnect.gouv.fr/assurance/certification-dirigeant";
pub const DANONE: &str = "55203253400646";
const HERISSON: &str = "79271377800019";
const PAPILLON: &str = "39234600300198";
const CLAMART: &str = "45334017600024";
const LAMALOU: &str = "21340126800130";
pub const ANGELA: &str = "83832482000011";

/// A server where somebody with this civil identity is linked to the organization `siret`.
pub async fn house(
    siret: &str,
    identity: &str,
    options: Options,
) -> (TestServer, FakeFranceConnect, Visitor, RelyingParty) {
    let fake = FakeFranceConnect::start();
    let server = TestServer::start_with(options.with("FRANCECONNECT_ISSUER", fake.issuer())).await;
    let user = insert_user(server.database(), EMAIL, &[]).await;
    store_organization(&server, siret).await;
    server
        .database()
        .execute(&format!(
            "INSERT INTO users_organizations (user_id, organization_id, verification_type, verified_at, has_been_greeted)
             SELECT {user}, id, 'domain', now(), true FROM organizations WHERE siret = '{siret}'"
        ))
        .await;
    if !identity.is_empty() {
        server
            .database()
            .execute(&format!(
                "INSERT INTO franceconnect_userinfo
                   (user_id, given_name, family_name, gender, birthdate, birthplace, birthcountry, updated_at)
                 VALUES ({user}, {identity}, now() - interval '1 hour')"
            ))
            .await;
    }
    let service = RelyingParty::default();
    service.register(server.database()).await;
    let visitor = signed_in(&server).await;
    (server, fake, visitor, service)
}

/// Stores the organization `siret` as the register of establishments would have it, unless the development data hold it.
async fn store_organization(server: &TestServer, siret: &str) {
    let legal_unit = &ESTABLISHMENTS[siret]["data"]["unite_legale"];
    let quoted = |value: &serde_json::Value| value.as_str().unwrap_or_default().replace('\'', "''");
    let form = &legal_unit["forme_juridique"];
    server
        .database()
        .execute(&format!(
            "INSERT INTO organizations
               (siret, cached_libelle, cached_est_active, cached_categorie_juridique, cached_libelle_categorie_juridique)
             VALUES ('{siret}', '{}', true, '{}', '{}')
             ON CONFLICT (siret) DO NOTHING",
            quoted(&legal_unit["personne_morale_attributs"]["raison_sociale"]),
            quoted(&form["code"]),
            quoted(&form["libelle"]),
        ))
        .await;
}

/// The establishments that the played register knows, by SIRET.
static ESTABLISHMENTS: LazyLock<serde_json::Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!(
        "../../../fixtures/api/api-entreprise-etablissements.json"
    ))
    .unwrap()
});

pub const ULYSSE: &str = "'Ulysse', 'Tosi', 'male', timestamptz '1992-09-07 00:00:00Z', 'Internet', '99100'";
const ADRIAN: &str = "'Adrian', 'Volckaert', 'male', timestamptz '1984-06-05 00:00:00Z', '75111', '99100'";

/// A request that insists on the certification.
pub fn request(server: &TestServer, service: &RelyingParty) -> Url {
    let claims = format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{CERTIFICATION}"}}}}}}"#);
    service.authorization_url(server, &[("claims", &claims)])
}

/// Asks for the certification and chooses the only organization.
pub async fn ask(server: &TestServer, visitor: &Visitor, service: &RelyingParty) -> Page {
    let page = visitor.get(request(server, service).as_str()).await;
    assert_eq!(page.title(), "Choisir une organisation - ProConnect");
    let form = page
        .forms()
        .into_iter()
        .find(|form| form.action.path() == "/users/select-organization");
    let fields = form.expect("an organization to choose").fields;
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    visitor.post("/users/select-organization", &fields).await
}

pub async fn link(server: &TestServer) -> String {
    let query = format!(
        "SELECT verification_type || ' ' || has_been_greeted FROM users_organizations
         WHERE user_id = (SELECT id FROM users WHERE email = '{EMAIL}')"
    );
    text(server.database(), &query).await
}

pub async fn expect_certified(server: &TestServer, visitor: &Visitor, service: &RelyingParty, page: &Page) {
    assert_eq!(page.title(), "Compte certifié - ProConnect", "{}", page.text());
    assert!(page.text().contains("Certifié"));
    let end = visitor.submit(page, "/users/welcome", &[]).await;
    let code = parameter(&end.location(), "code").expect("a code");
    let (status, tokens) = service.redeem(server, &code, &[]).await;
    assert_eq!(status, 200);
    let id_token = tokens["id_token"].as_str().unwrap();
    assert_eq!(super::identity::claims_of(id_token)["acr"], CERTIFICATION);
    assert_eq!(link(server).await, "organization_dirigeant true");
    assert!(server.mailbox.mails().is_empty(), "no welcome mail");
}

#[tokio::test]
async fn an_executive_of_the_national_register_is_certified_and_told() {
    let (server, _, visitor, service) = house(DANONE, ULYSSE, Options::default()).await;
    let page = ask(&server, &visitor, &service).await;
    expect_certified(&server, &visitor, &service, &page).await;
    let history = visitor.get("/mes-sessions/historique").await;
    assert!(history.text().contains("Certification dirigeant obtenue"));
    let log = server
        .expect_discreet_log(&["Ulysse", "Tosi", "1992-09-07"])
        .await;
    assert!(log.contains("an executive was looked for"), "{log}");

    let plain = service.authorization_url(&server, &[("prompt", "none")]);
    let code = parameter(&visitor.get(plain.as_str()).await.location(), "code").expect("a code");
    let (_, tokens) = service.redeem(&server, &code, &[]).await;
    assert_ne!(
        super::identity::claims_of(tokens["id_token"].as_str().unwrap())["acr"],
        CERTIFICATION
    );
}

#[tokio::test]
async fn the_commercial_courts_are_asked_where_the_national_register_tells_nothing() {
    let (server, _, visitor, service) = house(PAPILLON, ULYSSE, Options::default()).await;
    let page = ask(&server, &visitor, &service).await;
    expect_certified(&server, &visitor, &service, &page).await;
}

#[tokio::test]
async fn somebody_in_business_on_their_own_is_certified_through_franceconnect_and_insee() {
    let (server, fake, visitor, service) = house(ANGELA, "", Options::default()).await;
    fake.play(Script {
        userinfo: json!({"birthplace": "75107"}),
        ..Script::default()
    });
    let page = ask(&server, &visitor, &service).await;
    assert_eq!(page.title(), "Certification dirigeant - ProConnect");
    let authorization = visitor.submit(&page, LOGIN, &[]).await.location();
    let answer = fake.sign_in(&authorization);
    let back = visitor.get(&format!("{LOGIN}/callback?{answer}")).await;
    let page = sign_out_there(&visitor, &back).await;
    assert!(
        page.text().contains("certifiée en tant que dirigeante"),
        "{}",
        page.text()
    );
    expect_certified(&server, &visitor, &service, &page).await;
}

fn expect_refusal(page: &Page, heading: &str, description: &str) {
    assert_eq!(
        page.title(),
        "Certification impossible - ProConnect",
        "{}",
        page.text()
    );
    assert!(page.text().contains(heading), "{}", page.text());
    let way_back = page
        .attributes("main a.fr-btn", "href")
        .into_iter()
        .find(|href| href.contains("error="))
        .expect("a way back");
    assert!(way_back.ends_with(description), "{way_back}");
}

#[tokio::test]
async fn a_close_match_shows_what_differs_of_ones_own_identity_only() {
    let (server, _, visitor, service) = house(HERISSON, ADRIAN, Options::default()).await;
    let page = ask(&server, &visitor, &service).await;
    let description =
        "error=login_required&error_description=Certification%20dirigeant%3A%20close%20match%20error";
    expect_refusal(&page, "Impossible de vous certifier ⚠️", description);
    let groups = page.attributes(".identity-item--differs", "class").len();
    assert_eq!(groups, 1, "only the first name differs: {}", page.text());
    assert!(
        !page.text().contains("MICHEL"),
        "what the register has is not shown"
    );
    assert_eq!(
        link(&server).await,
        "domain true",
        "an existing link stays as it is"
    );
    let plain = service.authorization_url(&server, &[("prompt", "none")]);
    let answer = visitor.get(plain.as_str()).await.location();
    assert_eq!(
        parameter(&answer, "error").as_deref(),
        Some("interaction_required"),
        "nothing is selected any more"
    );
    let metrics = server.metrics().await;
    for line in [
        "identite_certifications_total{outcome=\"close_match\"} 1",
        "identite_certifications_total{outcome=\"certified\"} 0",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn nobody_close_and_forms_that_are_not_covered_are_told_apart() {
    let (server, _, visitor, service) = house(CLAMART, ULYSSE, Options::default()).await;
    let page = ask(&server, &visitor, &service).await;
    let description =
        "error=login_required&error_description=Certification%20dirigeant%3A%20no%20match%20error";
    expect_refusal(&page, "Identité non trouvée ⚠️", description);
    let href = page.attributes("main a.fr-btn", "href").remove(0);
    let end = visitor.get(&href).await;
    assert_eq!(
        parameter(&end.location(), "error").as_deref(),
        Some("login_required")
    );

    let (server, _, visitor, service) = house(LAMALOU, ULYSSE, Options::default()).await;
    let page = ask(&server, &visitor, &service).await;
    let description =
        "error=login_required&error_description=Certification%20dirigeant%3A%20organization%20not%20covered";
    expect_refusal(&page, "Structure non certifiable ⚠️", description);
    assert_eq!(link(&server).await, "domain true");
}

#[tokio::test]
async fn a_certification_is_renewed_where_it_is_asked_for_and_nowhere_else() {
    let (server, _, visitor, service) = house(CLAMART, ULYSSE, Options::default()).await;
    server
        .database()
        .execute(&format!(
            "UPDATE users_organizations SET verification_type = 'organization_dirigeant', verified_at = now() - interval '2 days'
             WHERE user_id = (SELECT id FROM users WHERE email = '{EMAIL}')"
        ))
        .await;
    let plain = service.authorization_url(&server, &[]);
    let code = parameter(&visitor.get(plain.as_str()).await.location(), "code").expect("a code");
    let (_, tokens) = service.redeem(&server, &code, &[]).await;
    assert_eq!(
        super::identity::claims_of(tokens["id_token"].as_str().unwrap())["acr"],
        json!(null)
    );

    let claims = format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{CERTIFICATION}"}}}}}}"#);
    let request = service.authorization_url(&server, &[("claims", &claims)]);
    let page = visitor.get(request.as_str()).await;
    assert_eq!(
        page.title(),
        "Certification impossible - ProConnect",
        "they are no executive any more"
    );
    let page = visitor.get(request.as_str()).await;
    assert_eq!(
        page.title(),
        "Choisir une organisation - ProConnect",
        "and it is not chosen again unasked"
    );
}

/// The link of [`house`] becomes that of an executive who is still to be greeted, certified at `verified_at`.
async fn not_greeted_yet(server: &TestServer, verified_at: &str) {
    server
        .database()
        .execute(&format!(
            "UPDATE users_organizations
             SET verification_type = 'organization_dirigeant', verified_at = {verified_at}, has_been_greeted = false
             WHERE user_id = (SELECT id FROM users WHERE email = '{EMAIL}')"
        ))
        .await;
}

/// From the page that asks for an identity to FranceConnect, and back.
async fn prove_identity(visitor: &Visitor, fake: &FakeFranceConnect, page: &Page) -> Page {
    assert_eq!(page.title(), "Vérifier votre identité - ProConnect");
    let authorization = visitor.submit(page, LOGIN, &[]).await.location();
    let answer = fake.sign_in(&authorization);
    let back = visitor.get(&format!("{LOGIN}/callback?{answer}")).await;
    sign_out_there(visitor, &back).await
}

/// Rows that other programs wrote: an executive whose identity nobody has on record.
#[tokio::test]
async fn an_executive_without_an_identity_is_asked_for_one_and_greeted_once() {
    for verified_at in ["NULL", "now() - interval '2 days'", "now()"] {
        let (server, fake, _, service) = house(DANONE, "", Options::default()).await;
        not_greeted_yet(&server, verified_at).await;
        let visitor = server.visitor();
        let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
        assert_eq!(
            page.title(),
            "Vérifier votre identité - ProConnect",
            "{verified_at}"
        );
        let page = visitor.get("/users/welcome/dirigeant").await;
        assert_eq!(page.url.path(), "/users/franceconnect", "{verified_at}");
        let account = visitor.get("/manage-organizations").await;
        assert_eq!(
            account.url.path(),
            "/manage-organizations",
            "it stays within reach"
        );
        let page = prove_identity(&visitor, &fake, &page).await;
        assert_eq!(page.title(), "Compte certifié - ProConnect", "{verified_at}");
        assert_eq!(link(&server).await, "organization_dirigeant true");
        let page = visitor.submit(&page, "/users/welcome", &[]).await;
        assert_eq!(page.title(), "Accueil - ProConnect");

        visitor.sign_out().await;
        let page = visitor.sign_in_as(EMAIL, PASSWORD).await;
        assert_eq!(page.title(), "Accueil - ProConnect", "once is enough");
        let plain = service.authorization_url(&server, &[]);
        let end = visitor.get(plain.as_str()).await;
        assert!(parameter(&end.location(), "code").is_some(), "{verified_at}");
    }
}

#[tokio::test]
async fn an_executive_without_an_identity_reaches_the_service_once_there_is_one() {
    let (server, fake, visitor, service) = house(DANONE, "", Options::default()).await;
    not_greeted_yet(&server, "NULL").await;
    let request = service.authorization_url(&server, &[]);
    let page = visitor.get(request.as_str()).await;
    let page = prove_identity(&visitor, &fake, &page).await;
    assert_eq!(page.title(), "Compte certifié - ProConnect");
    let end = visitor.submit(&page, "/users/welcome", &[]).await;
    assert!(parameter(&end.location(), "code").is_some());
    assert_eq!(link(&server).await, "organization_dirigeant true");
}

#[tokio::test]
async fn the_pages_by_themselves_lead_home() {
    let (_server, _, visitor, _) = house(DANONE, ULYSSE, Options::default()).await;
    for path in [
        "/users/certification-dirigeant",
        "/users/certification-dirigeant/close-match-error",
    ] {
        assert_eq!(visitor.get(path).await.title(), "Accueil - ProConnect", "{path}");
    }
    for path in [
        "/users/certification-dirigeant/no-match-error?organization_label=<b>forged</b>&siren=123456789",
        "/users/certification-dirigeant/organization-not-covered-error",
    ] {
        let page = visitor.get(path).await;
        assert_eq!(page.title(), "Certification impossible - ProConnect", "{path}");
        assert!(!page.text().contains("forged"));
        assert!(page.attributes("main a", "href").contains(&"/".to_owned()));
    }
}

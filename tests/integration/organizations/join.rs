//! `/users/join-organization`: every row of the decision list and of what an outage shows (spec/organizations.md §4.2, §6)

use super::{
    BANK, BIG_COMPANY, EMAIL, FORM, ONE_PERSON, STATE, TOWN, add_domain, by_the_lists, join, join_with, link,
    link_type, newcomer, newcomer_as, organization_of, place, request_to_join, text,
};
use crate::support::{Options, Page, TestServer, http_get};

const WELCOME: &str = "Compte créé - ProConnect";
const FREE: &str = "jean.libre@gmail.com";

#[tokio::test]
async fn the_form_is_for_people_who_are_signed_in() {
    let server = TestServer::start().await;
    for path in [
        "/users/join-organization",
        "/users/organization-suggestions",
        "/users/join-organization-confirm?organization_id=1",
        "/users/domain-not-allowed-for-organization?organization_id=1",
        "/users/domain-refused-for-organization?organization_id=1",
        "/users/access-restricted-to-public-sector-email",
        "/users/access-restricted-to-private-sector-email",
        "/users/unable-to-auto-join-organization?moderation_id=1",
        "/users/moderation-rejected?moderation_id=1",
        "/users/official-contact-ask-which-email/1",
        "/users/official-contact-email-verification/1",
    ] {
        assert_eq!(
            place(&server.visitor().get(path).await),
            "/users/start-sign-in",
            "{path}"
        );
    }
    let (visitor, _) = newcomer(&server).await;
    let page = visitor.get(FORM).await;
    assert_eq!(page.title(), "Rejoindre une organisation - ProConnect");
    assert_eq!(page.texts("[type=submit]"), ["Enregistrer"]);
    let page = visitor.post("/users/join-organization", &[("siret", BANK)]).await;
    assert_eq!(page.status.as_u16(), 403, "without the form token");
}

/// What was typed, and the message and the page that follow.
#[tokio::test]
async fn what_is_no_siret_comes_back_with_what_was_typed() {
    let server = TestServer::start().await;
    let (visitor, _) = newcomer(&server).await;
    for (typed, shown) in [
        ("", ""),
        ("1234", "1234"),
        ("abc & <b>", "abc & <b>"),
        ("66204244933107 9", "66204244933107 9"),
        // Well formed, and no register knows it.
        ("99999999999999", "99999999999999"),
    ] {
        let page = join(&visitor, typed).await;
        assert!(page.url.path() == "/users/join-organization", "{typed:?}");
        assert_eq!(page.title(), "Erreur - Rejoindre une organisation - ProConnect");
        assert!(page.text().contains("Erreur : SIRET invalide."), "{typed:?}");
        assert_eq!(page.attributes("[name=siret]", "value"), [shown]);
        told_under_the_field(&page);
    }
    let page = join_with(&visitor, &[("siret", " 828 696 252 00018 ")]).await;
    assert_eq!(page.title(), WELCOME, "blanks do not matter");
}

/// Once, tied to the field, which has the cursor.
fn told_under_the_field(page: &Page) {
    let field = "[name=siret][aria-invalid=true][autofocus]";
    assert_eq!(page.attributes(field, "aria-describedby"), ["organization-alert"]);
    let told = page.texts("#organization-alert:not([hidden])");
    assert!(told[0].starts_with("Erreur : SIRET invalide."), "{told:?}");
    assert_eq!(page.text().matches("SIRET invalide").count(), 1);
    assert!(page.texts("#notifications").is_empty(), "said once");
}

#[tokio::test]
async fn a_code_that_is_given_twice_asks_for_no_message() {
    let server = TestServer::start().await;
    let (visitor, _) = newcomer(&server).await;
    let page = visitor
        .get("/users/join-organization?do_not_propose_suggestions=true&notification=invalid_siret&notification=invalid_siret")
        .await;
    assert_eq!(page.title(), "Rejoindre une organisation - ProConnect");
    assert!(page.attributes("[aria-invalid=true]", "name").is_empty());
    assert!(page.texts("#notifications").is_empty());
}

#[tokio::test]
async fn a_refused_siret_is_told_why() {
    let server = TestServer::start().await;
    let (visitor, _) = newcomer(&server).await;
    for (typed, expected) in [
        ("130025265", "c’est peut-être un SIREN"),
        ("99999999999999", "aucun établissement qui porte ce numéro"),
    ] {
        let page = join(&visitor, typed).await;
        assert!(page.text().contains(expected), "{typed}");
        told_under_the_field(&page);
    }
}

#[tokio::test]
async fn a_closed_establishment_is_explained_and_kept_up_to_date() {
    let server = TestServer::start().await;
    let (visitor, _) = newcomer(&server).await;
    let closed = text(
        server.database(),
        "SELECT siret FROM organizations WHERE NOT cached_est_active LIMIT 1",
    )
    .await;
    let page = join(&visitor, &closed).await;
    assert!(page.text().contains("Erreur : SIRET invalide."));
    assert!(page.text().contains("cet établissement est fermé"));
    told_under_the_field(&page);
}

#[tokio::test]
async fn a_member_is_told_so() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let bank = organization_of(server.database(), BANK).await;
    link(server.database(), user, bank, "domain").await;
    let page = join(&visitor, BANK).await;
    assert!(page.text().contains("déjà membre"));
    assert_eq!(page.attributes("[name=siret]", "value"), [BANK]);
}

#[tokio::test]
async fn a_request_that_waits_or_was_refused_is_shown() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let bank = organization_of(server.database(), BANK).await;
    let rejected = request_to_join(
        server.database(),
        user,
        bank,
        ", status, moderated_at",
        ", 'rejected', now()",
    )
    .await;
    assert_eq!(
        place(&join(&visitor, BANK).await),
        format!("/users/moderation-rejected?moderation_id={rejected}")
    );
    let pending = request_to_join(server.database(), user, bank, ", status", ", 'reopened'").await;
    assert_eq!(
        place(&join(&visitor, BANK).await),
        format!("/users/unable-to-auto-join-organization?moderation_id={pending}")
    );
}

#[tokio::test]
async fn a_domain_that_is_not_allowed_or_refused_is_explained() {
    let server = TestServer::start().await;
    let (visitor, _) = newcomer(&server).await;
    let page = join(&visitor, "11000201100044").await;
    assert_eq!(page.title(), "Accès restreint - ProConnect");
    assert!(
        page.text()
            .contains("Seules les adresses finances.gouv.fr peuvent rejoindre l’organisation")
    );
    assert!(page.text().contains(EMAIL));

    add_domain(server.database(), BANK, "exemple.fr", "verified").await;
    add_domain(server.database(), BANK, "exemple.fr", "refused").await;
    let page = join(&visitor, BANK).await;
    assert_eq!(page.url.path(), "/users/domain-refused-for-organization");
    assert!(
        page.text()
            .contains("Vous ne pouvez pas rejoindre l’organisation « Bnp paribas")
    );

    for page in [
        "join-organization-confirm",
        "domain-not-allowed-for-organization",
        "domain-refused-for-organization",
    ] {
        for (query, status) in [
            ("?organization_id=999999", 404),
            ("?organization_id=x", 400),
            ("", 400),
        ] {
            let answer = visitor.get(&format!("/users/{page}{query}")).await;
            assert_eq!(answer.status.as_u16(), status, "{page}{query}");
        }
    }
}

#[tokio::test]
async fn an_address_of_the_state_stands_for_no_company() {
    let server = TestServer::start().await;
    let (visitor, _) = newcomer_as(&server, "jean@vip.gouv.fr", &[]).await;
    let page = join(&visitor, ONE_PERSON).await;
    assert_eq!(
        page.url.path(),
        "/users/access-restricted-to-private-sector-email"
    );
    assert_eq!(page.title(), "Email non autorisé - ProConnect");
    assert!(page.text().contains("représenter des organisations privées"));
}

/// Steps 9 to 11: who or what is small is taken at their word.
#[tokio::test]
async fn small_organizations_are_joined_without_proof() {
    let server = TestServer::start_with(by_the_lists()).await;
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    for (siret, expected) in [
        (ONE_PERSON, "no_verification_means_for_entreprise_unipersonnelle"),
        ("84226400400016", "no_verification_means_for_small_association"),
        ("41782415800014", "no_verification_means_for_small_organization"),
    ] {
        assert_eq!(join(&visitor, siret).await.title(), WELCOME, "{siret}");
        assert_eq!(link_type(server.database(), user, siret).await, expected);
        let selected = format!(
            "SELECT organization.siret FROM identite_sessions AS session
             JOIN organizations AS organization ON organization.id = session.selected_organization_id
             WHERE session.user_id = {user}"
        );
        assert_eq!(
            text(server.database(), &selected).await,
            siret,
            "the session acts for it"
        );
    }
    let links = format!(
        "SELECT count(*) FROM users_organizations
         WHERE user_id = {user} AND verified_at IS NOT NULL AND NOT is_external AND has_been_greeted
           AND NOT needs_official_contact_email_verification"
    );
    assert_eq!(text(server.database(), &links).await, "3");
}

#[tokio::test]
async fn anybodys_address_stands_for_no_service_of_the_state() {
    let server = TestServer::start_with(by_the_lists()).await;
    let (visitor, _) = newcomer_as(&server, FREE, &[]).await;
    let page = join(&visitor, STATE).await;
    assert_eq!(page.url.path(), "/users/access-restricted-to-public-sector-email");
    assert!(
        page.text()
            .contains("adresse email d’une administration publique")
    );
    assert!(page.text().contains("Choisir une autre organisation"));
}

#[tokio::test]
async fn anybodys_address_is_confirmed_before_a_request() {
    let server = TestServer::start_with(by_the_lists()).await;
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    let page = join(&visitor, BIG_COMPANY).await;
    assert_eq!(page.title(), "Confirmer le rattachement - ProConnect");
    assert!(page.text().contains(&format!("avec l’adresse email {FREE}.")));
    let requests = format!("SELECT count(*) FROM moderations WHERE user_id = {user}");
    assert_eq!(text(server.database(), &requests).await, "0");
    let page = visitor.submit(&page, "/users/join-organization", &[]).await;
    assert_eq!(page.title(), "Rattachement en cours - ProConnect");
    assert_eq!(text(server.database(), &requests).await, "1");
}

/// Steps 16 to 19.
#[tokio::test]
async fn a_domain_opens_the_door_as_far_as_it_is_known() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    for (siret, kind, expected, is_external) in [
        (BANK, "verified", "domain", "false"),
        ("66204244914742", "external", "domain", "true"),
        ("66204244905476", "trackdechets_postal_mail", "domain", "false"),
        (
            BIG_COMPANY,
            "not_verified_yet",
            "domain_not_verified_yet",
            "false",
        ),
    ] {
        add_domain(server.database(), siret, "exemple.fr", kind).await;
        assert_eq!(join(&visitor, siret).await.title(), WELCOME, "{kind}");
        assert_eq!(
            link_type(server.database(), user, siret).await,
            expected,
            "{kind}"
        );
        let external = format!(
            "SELECT is_external FROM users_organizations WHERE user_id = {user}
             AND organization_id = (SELECT id FROM organizations WHERE siret = '{siret}')"
        );
        assert_eq!(text(server.database(), &external).await, is_external, "{kind}");
    }
    let reviews = format!(
        "SELECT string_agg(type || ' ' || status || ' ' || (ticket_id IS NULL), ',') FROM moderations WHERE user_id = {user}"
    );
    assert_eq!(
        text(server.database(), &reviews).await,
        "non_verified_domain pending true"
    );

    // Who leaves and comes back is not reviewed twice.
    let company = organization_of(server.database(), BIG_COMPANY).await;
    let page = visitor.get("/manage-organizations").await;
    visitor
        .submit(
            &page,
            &format!("/users/quit-organization/{company}"),
            &[("confirmed", "true")],
        )
        .await;
    assert_eq!(join(&visitor, BIG_COMPANY).await.title(), WELCOME);
    assert_eq!(
        text(server.database(), &reviews).await,
        "non_verified_domain pending true"
    );
    // A blacklisted domain hinders nobody, and helps nobody.
    add_domain(server.database(), "45334017600024", "exemple.fr", "blacklisted").await;
    assert_eq!(
        join(&visitor, "45334017600024").await.title(),
        "Rattachement en cours - ProConnect"
    );
}

#[tokio::test]
async fn a_sandbox_needs_nobody_to_decide() {
    let server = TestServer::start_with(Options::default().with("FEATURE_BYPASS_MODERATION", "True")).await;
    let (visitor, user) = newcomer(&server).await;
    assert_eq!(join(&visitor, BANK).await.title(), WELCOME);
    assert_eq!(link_type(server.database(), user, BANK).await, "bypassed");
}

/// Two windows, one person, one organization.
#[tokio::test]
async fn two_joins_at_once_make_one_link_and_no_error() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    add_domain(server.database(), BANK, "exemple.fr", "not_verified_yet").await;
    let form = visitor.get(FORM).await;
    let fields = [("siret", BANK)];
    let send = || visitor.submit(&form, "/users/join-organization", &fields);
    let pages = futures::future::join_all((0..5).map(|_| send())).await;
    for page in pages {
        assert!(page.status.is_success(), "{}: {}", page.status, page.text());
        assert!(
            page.title() == WELCOME || page.text().contains("déjà membre") || place(&page) == "/",
            "{}",
            page.title()
        );
    }
    let count = |table: &str| format!("SELECT count(*) FROM {table} WHERE user_id = {user}");
    assert_eq!(text(server.database(), &count("users_organizations")).await, "1");
    assert_eq!(text(server.database(), &count("moderations")).await, "1");
}

#[tokio::test]
async fn a_town_knows_its_own_addresses() {
    let contact = Options::default()
        .with("FEATURE_CONSIDER_ALL_EMAIL_DOMAINS_AS_NON_FREE", "False")
        .with("TEST_CONTACT_EMAIL", "mairie@ville.fr");
    let server = TestServer::start_with(contact).await;
    // Somebody whom nothing had verified is, once the domain is known.
    let town = organization_of(server.database(), TOWN).await;
    let (_, earlier) = newcomer_as(&server, "ancien@ville.fr", &[]).await;
    link(server.database(), earlier, town, "domain_not_verified_yet").await;
    for (email, expected) in [
        ("mairie@ville.fr", "official_contact_email"),
        ("agent@ville.fr", "domain"),
    ] {
        let (visitor, user) = newcomer_as(&server, email, &[]).await;
        assert_eq!(join(&visitor, TOWN).await.title(), WELCOME, "{email}");
        assert_eq!(link_type(server.database(), user, TOWN).await, expected);
    }
    let domains = format!(
        "SELECT string_agg(verification_type, ',') FROM email_domains WHERE organization_id = {town} AND domain = 'ville.fr'"
    );
    assert_eq!(text(server.database(), &domains).await, "official_contact");
    assert_eq!(link_type(server.database(), earlier, TOWN).await, "domain");
    let (visitor, user) = newcomer_as(&server, "agent@ailleurs.fr", &[]).await;
    assert_eq!(
        join(&visitor, TOWN).await.title(),
        "Rattachement en cours - ProConnect"
    );
    assert_eq!(link_type(server.database(), user, TOWN).await, "");
}

#[tokio::test]
async fn a_mailbox_that_anybody_can_have_is_never_approved() {
    let server =
        TestServer::start_with(Options::default().with("TEST_CONTACT_EMAIL", "mairie@gmail.com")).await;
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    assert_eq!(join(&visitor, TOWN).await.title(), WELCOME);
    assert_eq!(link_type(server.database(), user, TOWN).await, "domain");
    let approved = "SELECT count(*) FROM email_domains WHERE domain = 'gmail.com'";
    assert_eq!(text(server.database(), approved).await, "0");
}

/// Scenarios 8.10 and 8.11, number by number: what somebody with anybody's address, or with one of the State, is told.
#[tokio::test]
async fn each_kind_of_organization_has_its_answer() {
    const PUBLIC_ONLY: &str = "Email non autorisé - ProConnect";
    const PENDING: &str = "Rattachement en cours - ProConnect";
    let server = TestServer::start_with(by_the_lists()).await;
    let (visitor, _) = newcomer_as(&server, FREE, &[]).await;
    let small_public_establishments = [
        "20000713600019",
        "20008142000024",
        "24590007100029",
        "25280033900019",
        "25320098400016",
        "25800404300026",
        "26090012100013",
        "26290359400014",
        "13001270100020",
        "20004969000023",
    ];
    let small = [
        "84226400400016",
        "41782415800014",
        "80894789900015",
        "33156427800017",
        "83932047000017",
        "79271377800019",
    ];
    let public_services = [
        "13003004200019",
        "18750901300012",
        "11009001600053",
        STATE,
        "15700001900461",
        "20004542500085",
        "38529030900454",
    ];
    let of = |sirets: &[&'static str], title| -> Vec<(&str, &str)> {
        sirets.iter().map(|siret| (*siret, title)).collect()
    };
    let told = [
        of(&public_services, PUBLIC_ONLY),
        of(&small_public_establishments, PENDING),
        of(&small, WELCOME),
        of(&["11000201100044"], "Accès restreint - ProConnect"),
        of(&[TOWN], "Confirmer le rattachement - ProConnect"),
    ];
    for (siret, title) in told.concat() {
        assert_eq!(join(&visitor, siret).await.title(), title, "{siret}");
    }

    let (visitor, _) = newcomer_as(&server, "jean@vip.gouv.fr", &[]).await;
    for siret in ["31723624800017", ONE_PERSON] {
        let page = join(&visitor, siret).await;
        assert_eq!(
            page.url.path(),
            "/users/access-restricted-to-private-sector-email",
            "{siret}"
        );
    }
    for siret in ["20000713600019", "26090012100013", "26290359400014"] {
        assert_eq!(join(&visitor, siret).await.title(), PENDING, "{siret}");
    }
    add_domain(server.database(), STATE, "vip.gouv.fr", "verified").await;
    assert_eq!(join(&visitor, STATE).await.title(), WELCOME);
}

/// Ten people, ten windows each, an establishment that no register has told of.
#[tokio::test]
async fn a_hundred_joins_at_once_ask_the_register_once_and_link_everybody_once() {
    let over_http = Options::default()
        .with("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False")
        .with("FEATURE_BYPASS_MODERATION", "True");
    let server = TestServer::start_with(over_http).await;
    let forget = "UPDATE organizations SET organization_info_fetched_at = NULL";
    server.database().execute(forget).await;
    let mocks = server.base_url.join("___testing___/").unwrap();
    let mut windows = Vec::new();
    for rank in 0..10 {
        let (visitor, _) = newcomer_as(&server, &format!("agent{rank}@exemple.fr"), &[]).await;
        let form = visitor.get(FORM).await;
        windows.extend((0..10).map(|_| (visitor.clone(), form.clone())));
    }
    let slow = serde_json::json!({ "fault": "slow", "milliseconds": 1_000 });
    crate::registers::order(&mocks, crate::registers::API_ENTREPRISE, slow).await;
    let sent = windows.iter().map(|(visitor, form)| async move {
        visitor
            .submit(form, "/users/join-organization", &[("siret", BIG_COMPANY)])
            .await
    });
    for page in futures::future::join_all(sent).await {
        assert!(page.status.is_success(), "{}: {}", page.status, page.text());
    }
    let metrics = http_get(server.operator_url.join("metrics").unwrap())
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let calls = "identite_actor_sirene_cache_upstream_duration_seconds_count{cache=\"establishments\"}";
    let line = metrics
        .lines()
        .find(|line| line.starts_with(calls))
        .expect("the calls");
    assert!(line.ends_with(" 1"), "{line}");
    let links = format!(
        "SELECT count(*) || ' ' || count(DISTINCT user_id) FROM users_organizations
         WHERE organization_id = (SELECT id FROM organizations WHERE siret = '{BIG_COMPANY}')
           AND user_id IN (SELECT id FROM users WHERE email LIKE 'agent%@exemple.fr')"
    );
    assert_eq!(text(server.database(), &links).await, "10 10");
}

//! What people are told while a register, a directory or the support desk is away: every row of spec/organizations.md §6

use futures::future::join_all;
use serde_json::{Value, json};
use url::Url;

use super::{
    BANK, EMAIL, FORM, ONE_PERSON, SCHOOL, TOWN, by_the_lists, join, join_with, link, link_type, newcomer,
    newcomer_as, organization_of, place, text,
};
use crate::registers::{API_ENTREPRISE, mend, order, status};
use crate::support::{Behaviour, Options, TestServer, Visitor, free_port, http_client, http_get};

const TOWN_HALLS: &str = "api-lannuaire.service-public.fr";
const SCHOOLS: &str = "data.education.gouv.fr";
const PENDING: &str = "Rattachement en cours - ProConnect";
const WELCOME: &str = "Compte créé - ProConnect";
const FREE: &str = "jean.libre@gmail.com";
/// What the operator is told when a directory is away while somebody joins.
const NOBODY_KNOWS: &str = "ERROR nobody knows an official contact now";
const DIRECTORY_AWAY: &str = "/users/join-organization?notification=api_annuaire_error";

/// Connectors speak HTTP to the mocks, and lose patience soon.
fn over_http(options: Options) -> Options {
    options
        .with("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False")
        .with("HTTP_CLIENT_TIMEOUT", "1500")
}

fn mocks(server: &TestServer) -> Url {
    server.base_url.join("___testing___/").unwrap()
}

/// Every way in which a system fails to answer.
fn faults() -> Vec<Value> {
    vec![
        status(500),
        json!({ "fault": "malformed" }),
        json!({ "fault": "hang" }),
        json!({ "fault": "slow", "milliseconds": 4_000 }),
        status(429),
    ]
}

/// No register has told of `siret` yet.
async fn forget(server: &TestServer, siret: &str) {
    let statement = format!(
        "UPDATE organizations SET organization_info_fetched_at = NULL, cached_est_active = NULL WHERE siret = '{siret}'"
    );
    server.database().execute(&statement).await;
}

/// The outage is told as one, with what was typed, so that sending it again is all there is to do.
async fn expect_outage(visitor: &Visitor, siret: &str, fault: &Value) {
    let page = join(visitor, siret).await;
    assert_eq!(
        place(&page),
        format!("/users/join-organization?notification=insee_unexpected_error&siret_hint={siret}"),
        "{fault}"
    );
    assert_eq!(page.title(), "Erreur - Rejoindre une organisation - ProConnect");
    assert!(page.text().contains("Réessayez dans quelques minutes"), "{fault}");
    assert!(!page.text().contains("SIRET invalide"), "{fault}");
    assert_eq!(page.attributes("[name=siret]", "value"), [siret]);
}

#[tokio::test]
async fn a_register_that_is_away_is_no_invalid_siret() {
    for fault in faults() {
        let server = TestServer::start_with(over_http(Options::default())).await;
        forget(&server, ONE_PERSON).await;
        let (visitor, user) = newcomer(&server).await;
        order(&mocks(&server), API_ENTREPRISE, fault.clone()).await;
        expect_outage(&visitor, ONE_PERSON, &fault).await;
        assert_eq!(link_type(server.database(), user, ONE_PERSON).await, "");
        if fault == status(429) {
            // It asked for a pause, and gets it.
            continue;
        }
        mend(&mocks(&server)).await;
        let page = visitor.get(&format!("{FORM}&siret_hint={ONE_PERSON}")).await;
        let page = visitor.submit(&page, "/users/join-organization", &[]).await;
        assert_eq!(page.title(), WELCOME, "the same form, sent again: {fault}");
    }
}

#[tokio::test]
async fn wrong_credentials_at_the_register_are_an_outage_too() {
    let server = TestServer::start_with(over_http(Options::default())).await;
    forget(&server, BANK).await;
    let (visitor, _) = newcomer(&server).await;
    for code in [401, 403, 502] {
        order(&mocks(&server), API_ENTREPRISE, status(code)).await;
        expect_outage(&visitor, BANK, &status(code)).await;
    }
}

#[tokio::test]
async fn what_is_known_is_joined_while_the_register_is_away() {
    let server = TestServer::start_with(over_http(Options::default())).await;
    let (visitor, user) = newcomer(&server).await;
    let (known, _) = newcomer_as(&server, "avant@exemple.fr", &[]).await;
    assert_eq!(join(&known, ONE_PERSON).await.title(), WELCOME);
    order(&mocks(&server), API_ENTREPRISE, json!({ "fault": "hang" })).await;
    assert_eq!(join(&visitor, ONE_PERSON).await.title(), WELCOME);
    assert_eq!(
        link_type(server.database(), user, ONE_PERSON).await,
        "no_verification_means_for_entreprise_unipersonnelle"
    );
}

/// The answer to a stranger who asks about a number that nobody has.
async fn stranger(client: &reqwest::Client, server: &TestServer, number: u64) -> u16 {
    let path = format!("api/sirene/organization-info/{number:014}");
    let url = server.base_url.join(&path).unwrap();
    client.get(url).send().await.unwrap().status().as_u16()
}

/// One who asks about other numbers all the time.
async fn pester(client: &reqwest::Client, server: &TestServer, first_number: u64) {
    for number in first_number.. {
        stranger(client, server, number).await;
    }
}

#[tokio::test]
async fn strangers_who_use_up_their_share_keep_nobody_from_joining() {
    // Two calls in a row, then one in three seconds: people do not wait for that long.
    let options = over_http(Options::default()).with("ENTREPRISE_API_QUOTA_PER_MINUTE", "20");
    let server = TestServer::start_with(options).await;
    forget(&server, ONE_PERSON).await;
    let (visitor, user) = newcomer(&server).await;
    let client = http_client();
    let answers = join_all((0..20).map(|number| stranger(&client, &server, number))).await;
    assert!(answers.contains(&404) && answers.contains(&504), "{answers:?}");

    let strangers = (1..=8).map(|stranger| pester(&client, &server, stranger * 1_000_000));
    let page = tokio::select! {
        page = join(&visitor, ONE_PERSON) => page,
        _ = join_all(strangers) => unreachable!("they do not tire"),
    };
    assert_eq!(page.title(), WELCOME);
    assert_ne!(link_type(server.database(), user, ONE_PERSON).await, "");

    let metrics = http_get(server.operator_url.join("metrics").unwrap())
        .await
        .unwrap();
    let metrics = metrics.text().await.unwrap();
    let refused = "identite_actor_sirene_cache_quota_refused_total{cache=\"establishments\",urgency=";
    let lines: Vec<&str> = metrics
        .lines()
        .filter_map(|line| line.strip_prefix(refused))
        .collect();
    assert!(lines.contains(&"\"person\"} 0"), "{lines:?}");
    assert!(
        lines.len() == 3 && !lines.contains(&"\"visitor\"} 0"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn what_the_register_does_not_know_is_an_invalid_siret() {
    let server = TestServer::start_with(over_http(Options::default())).await;
    let (visitor, _) = newcomer(&server).await;
    for siret in ["99999999999999", "12345678901234"] {
        let page = join(&visitor, siret).await;
        assert_eq!(
            place(&page),
            format!("/users/join-organization?notification=invalid_siret&siret_hint={siret}")
        );
        assert!(page.text().contains("SIRET invalide"));
    }
}

/// What the register keeps to itself, or does not want to process, is told as a number that is none; an address that nobody answers
/// at is an outage like any other.
#[tokio::test]
async fn what_the_register_refuses_is_told_from_a_register_that_is_not_there() {
    let server = TestServer::start_with(over_http(Options::default())).await;
    let (visitor, _) = newcomer(&server).await;
    let api = |siret: &str| format!("api/sirene/organization-info/{siret}");
    for (siret, refusal) in [(BANK, 451), (ONE_PERSON, 422)] {
        forget(&server, siret).await;
        order(&mocks(&server), API_ENTREPRISE, status(refusal)).await;
        let page = join(&visitor, siret).await;
        assert!(place(&page).contains("notification=invalid_siret"), "{refusal}");
        let answer = http_get(server.base_url.join(&api(siret)).unwrap())
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 404, "{refusal}");
        mend(&mocks(&server)).await;
    }

    let nowhere = format!("http://localhost:{}", free_port());
    let options = over_http(Options::default()).with("ENTREPRISE_API_URL", &nowhere);
    let server = TestServer::start_with(options).await;
    forget(&server, BANK).await;
    let (visitor, _) = newcomer(&server).await;
    expect_outage(&visitor, BANK, &json!("nobody listens")).await;
    let answer = http_get(server.base_url.join(&api(BANK)).unwrap()).await.unwrap();
    assert_eq!(answer.status().as_u16(), 504);
}

/// A closed establishment is kept as such; one whose legal unit has ceased is joined, and is no public service any more.
#[tokio::test]
async fn what_is_closed_is_told_from_what_has_ceased() {
    let mut server = TestServer::start_with(by_the_lists()).await;
    let (visitor, _) = newcomer_as(&server, FREE, &[]).await;
    let closed = "21850292000018";
    let page = join(&visitor, closed).await;
    assert!(page.text().contains("SIRET invalide") && page.text().contains("cet établissement est fermé"));
    let row = format!("SELECT cached_est_active FROM organizations WHERE siret = '{closed}'");
    assert_eq!(text(server.database(), &row).await, "false");

    let state = "13002526500013";
    let page = join(&visitor, state).await;
    assert_eq!(page.url.path(), "/users/access-restricted-to-public-sector-email");
    let ceased = format!(
        "UPDATE organizations SET cached_etat_administratif = 'C', organization_info_fetched_at = now() WHERE siret = '{state}'"
    );
    server.database().execute(&ceased).await;
    // Nothing is remembered but by the table.
    server.stop().await;
    server.start_again().await;
    let page = join(&visitor, state).await;
    assert_eq!(page.url.path(), "/users/join-organization-confirm");
}

#[tokio::test]
async fn who_keeps_their_particulars_back_is_joined_without_them() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer(&server).await;
    let hidden = "94957325700019";
    assert_eq!(join(&visitor, hidden).await.title(), WELCOME);
    let row = format!(
        "SELECT concat_ws(';', cached_libelle, cached_nom_complet, cached_tranche_effectifs IS NULL, cached_enseigne)
         FROM organizations WHERE siret = '{hidden}'"
    );
    assert_eq!(text(server.database(), &row).await, "Nom inconnu;Nom inconnu;t;");
    assert_ne!(link_type(server.database(), user, hidden).await, "");
}

#[tokio::test]
async fn a_directory_of_town_halls_that_is_away_leaves_the_decision_to_somebody() {
    for fault in faults() {
        let server = TestServer::start_with(over_http(by_the_lists())).await;
        let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
        order(&mocks(&server), TOWN_HALLS, fault.clone()).await;
        let page = join_with(&visitor, &[("siret", TOWN), ("confirmed", "true")]).await;
        assert_eq!(page.title(), PENDING, "{fault}");
        assert_eq!(link_type(server.database(), user, TOWN).await, "");
        let log = server.expect_discreet_log(&[]).await;
        assert!(log.contains(NOBODY_KNOWS), "{fault}: {log}");
    }
}

/// Whoever has joined, and waits for a code, is told that there is none for the time being.
#[tokio::test]
async fn a_directory_that_is_away_sends_no_code_and_says_so() {
    let mut server = TestServer::start_with(over_http(by_the_lists())).await;
    for (system, siret, email) in [(TOWN_HALLS, TOWN, FREE), (SCHOOLS, SCHOOL, EMAIL)] {
        let (visitor, user) = newcomer_as(&server, email, &[]).await;
        assert_eq!(
            join_with(&visitor, &[("siret", siret), ("confirmed", "true")])
                .await
                .title(),
            "Vérifier votre email - ProConnect"
        );
        // The code has died, and nobody remembers what the directory said.
        server
            .database()
            .execute(&format!(
                "UPDATE users_organizations SET official_contact_email_verification_sent_at = now() - interval '2 hours' WHERE user_id = {user}"
            ))
            .await;
        server.stop().await;
        server.start_again().await;
        order(&mocks(&server), system, status(500)).await;
        let organization = organization_of(server.database(), siret).await;
        for page in [
            "official-contact-email-verification",
            "official-contact-ask-which-email",
        ] {
            let page = visitor.get(&format!("/users/{page}/{organization}")).await;
            assert_eq!(place(&page), DIRECTORY_AWAY, "{system}");
            assert!(page.text().contains("Réessayez dans quelques minutes"));
        }
        mend(&mocks(&server)).await;
    }
}

#[tokio::test]
async fn a_directory_of_schools_that_is_away_or_empty_leaves_the_decision_to_somebody() {
    for fault in faults() {
        let server = TestServer::start_with(over_http(Options::default())).await;
        let (visitor, user) = newcomer(&server).await;
        order(&mocks(&server), SCHOOLS, fault.clone()).await;
        assert_eq!(join(&visitor, SCHOOL).await.title(), PENDING, "{fault}");
        assert_eq!(link_type(server.database(), user, SCHOOL).await, "");
    }
    let server = TestServer::start().await;
    let (visitor, _) = newcomer(&server).await;
    // A school of which the directory has no address.
    assert_eq!(join(&visitor, "21920023500063").await.title(), PENDING);
}

/// A domain is as good as ever when a directory is away.
#[tokio::test]
async fn a_known_domain_needs_no_directory() {
    let server = TestServer::start_with(over_http(Options::default())).await;
    super::add_domain(server.database(), TOWN, "exemple.fr", "verified").await;
    let (visitor, user) = newcomer(&server).await;
    order(&mocks(&server), TOWN_HALLS, status(500)).await;
    assert_eq!(join(&visitor, TOWN).await.title(), WELCOME);
    assert_eq!(link_type(server.database(), user, TOWN).await, "domain");
}

/// Nobody acts for an organization that they were made to leave, whoever did it.
#[tokio::test]
async fn a_membership_that_somebody_ended_is_not_acted_upon() {
    let server = TestServer::start().await;
    let (visitor, user) = newcomer_as(&server, EMAIL, &[]).await;
    link(server.database(), user, 1, "domain").await;
    visitor.select_organization(1).await;
    server
        .database()
        .execute(&format!("DELETE FROM users_organizations WHERE user_id = {user}"))
        .await;
    let selected =
        format!("SELECT selected_organization_id IS NULL FROM identite_sessions WHERE user_id = {user}");
    assert_eq!(
        text(server.database(), &selected).await,
        "true",
        "the table says so itself"
    );
    let page = visitor.get("/users/select-organization").await;
    assert_eq!(page.url.path(), "/users/join-organization");
}

#[tokio::test]
async fn a_town_hall_without_an_address_leaves_the_decision_to_somebody() {
    let server = TestServer::start_with(by_the_lists()).await;
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    // Tours is not in the played directory.
    let town = "21370261600011";
    let page = join_with(&visitor, &[("siret", town), ("confirmed", "true")]).await;
    assert_eq!(page.title(), PENDING);
    assert_eq!(link_type(server.database(), user, town).await, "");
    let log = server.expect_discreet_log(&[]).await;
    assert!(!log.contains(NOBODY_KNOWS), "an answer is no outage: {log}");
}

/// Whoever signs in while a code is awaited is led to it. While the last code is good its page needs no directory; then it says when
/// that is away.
#[tokio::test]
async fn the_way_to_a_code_is_told_when_the_directory_is_away() {
    let mut server = TestServer::start_with(over_http(by_the_lists())).await;
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    let page = join_with(&visitor, &[("siret", TOWN), ("confirmed", "true")]).await;
    assert_eq!(page.title(), "Vérifier votre email - ProConnect");
    // Nobody remembers what the directory said.
    server.stop().await;
    server.start_again().await;
    order(&mocks(&server), TOWN_HALLS, status(500)).await;
    let visitor = server.visitor();
    let page = visitor.sign_in_as(FREE, super::PASSWORD).await;
    assert_eq!(page.title(), "Vérifier votre email - ProConnect");
    // Another address cannot be had now, and that is said.
    let town = organization_of(server.database(), TOWN).await;
    for way in [
        format!("/users/official-contact-ask-which-email/{town}"),
        format!("/users/official-contact-email-verification/{town}?contact_email=autre@ville.fr"),
    ] {
        let page = visitor.get(&way).await;
        assert_eq!(page.title(), "Vérifier votre email - ProConnect");
        assert!(
            page.text()
                .contains("L’annuaire des adresses officielles ne répond pas"),
            "{way}"
        );
        assert!(
            page.text().contains("en choisir une autre"),
            "nobody remembers whether there is one"
        );
    }
    let expire = format!(
        "UPDATE users_organizations SET official_contact_email_verification_sent_at = now() - interval '2 hours' WHERE user_id = {user}"
    );
    server.database().execute(&expire).await;
    let page = server.visitor().sign_in_as(FREE, super::PASSWORD).await;
    assert_eq!(place(&page), DIRECTORY_AWAY);
    mend(&mocks(&server)).await;
}

/// The mail server is away: codes, welcomes and cancellations wait in the outbox, and nothing else does.
#[tokio::test]
async fn without_a_mail_server_everything_is_done_and_told_later() {
    let server = TestServer::start_with(by_the_lists()).await;
    server.mailbox.set(Behaviour::Down);
    let (visitor, user) = newcomer_as(&server, FREE, &[]).await;
    assert_eq!(join(&visitor, ONE_PERSON).await.title(), WELCOME);
    let page = join_with(&visitor, &[("siret", TOWN), ("confirmed", "true")]).await;
    assert_eq!(page.title(), "Vérifier votre email - ProConnect");
    let request = super::request_to_join(server.database(), user, 1, ", status", ", 'pending'").await;
    let page = visitor.get("/manage-organizations").await;
    let path = format!("/users/cancel-moderation/{request}");
    let page = visitor.submit(&page, &path, &[]).await;
    assert!(page.text().contains("rattachement a bien été annulée"));
    assert_eq!(server.mailbox.mails().len(), 0);

    server.mail_server_returns().await;
    for (recipient, subject) in [
        (FREE, "Votre compte ProConnect a bien été créé"),
        (
            "mairie@yopmail.com",
            "[ProConnect] Authentifier un email sur ProConnect",
        ),
        (FREE, "Annulation de votre demande de rattachement"),
    ] {
        server.mailbox.wait_for(recipient, subject).await;
    }
}

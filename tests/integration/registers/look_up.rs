//! The look-ups of scripts and programs, over the real program.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use url::Url;

use super::{API_ENTREPRISE, NOBODY, TOWN_HALL, mend, order, status};
use crate::support::{Options, Receiver, TestServer};

/// A server that plays nothing in its own process: its connectors speak HTTP to its mocks.
fn over_http() -> Options {
    Options::default().with("FEATURE_PARTIALLY_MOCK_EXTERNAL_API", "False")
}

/// A server over HTTP that knows no organization yet.
async fn newly_installed(options: Options) -> TestServer {
    let server = TestServer::start_with(options).await;
    server
        .database()
        .execute("DELETE FROM users_organizations; DELETE FROM organizations")
        .await;
    server
}

fn mocks(server: &TestServer) -> Url {
    server.base_url.join("___testing___/").unwrap()
}

async fn ask(server: &TestServer, path: &str) -> (u16, Value) {
    ask_with(&crate::support::http_client(), server, path).await
}

async fn ask_with(client: &reqwest::Client, server: &TestServer, path: &str) -> (u16, Value) {
    let url = server.base_url.join(path).unwrap();
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert!(
        !answer.headers().contains_key("set-cookie"),
        "nobody is followed here"
    );
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

async fn look_up(server: &TestServer, siret: &str) -> (u16, Value) {
    ask(server, &format!("api/sirene/organization-info/{siret}")).await
}

/// The answers to `count` look-ups at the same time.
async fn crowd(server: &TestServer, count: usize) -> Vec<u16> {
    let client = crate::support::http_client();
    let path = format!("api/sirene/organization-info/{TOWN_HALL}");
    let asked = (0..count).map(|_| ask_with(&client, server, &path));
    futures::future::join_all(asked)
        .await
        .into_iter()
        .map(|(status, _)| status)
        .collect()
}

async fn metric(server: &TestServer, line: &str) -> f64 {
    let page = crate::support::http_get(server.operator_url.join("metrics").unwrap())
        .await
        .unwrap();
    let metrics = page.text().await.unwrap();
    let value = metrics.lines().find_map(|found| found.strip_prefix(line));
    value.map_or(f64::NAN, |value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn an_establishment_is_looked_up_by_its_siret() {
    let server = TestServer::start_with(over_http()).await;
    let (status, body) = look_up(&server, "213%20702%20616%2000011").await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({ "organizationInfo": {
            "activitePrincipale": "84.11Z",
            "adresse": body["organizationInfo"]["adresse"],
            "categorieJuridique": "7210",
            "codeOfficielGeographique": "37261",
            "codePostal": body["organizationInfo"]["codePostal"],
            "enseigne": "MAIRIE",
            "estActive": true,
            "estDiffusible": true,
            "etatAdministratif": "A",
            "libelle": "Commune de tours - Mairie",
            "libelleActivitePrincipale": "84.11Z - Administration publique générale",
            "libelleCategorieJuridique": "Commune et commune nouvelle",
            "libelleTrancheEffectif": body["organizationInfo"]["libelleTrancheEffectif"],
            "nomComplet": "Commune de tours",
            "siegeSocial": true,
            "siret": TOWN_HALL,
            "statutDiffusion": "diffusible",
            "trancheEffectifs": body["organizationInfo"]["trancheEffectifs"],
            "trancheEffectifsUniteLegale": "51",
        } })
    );
    let (status, body) = look_up(&server, "21850292000018").await;
    assert_eq!(
        (status, &body["organizationInfo"]["estActive"]),
        (200, &json!(false)),
        "closed"
    );
    let (status, body) = look_up(&server, "94957325700019").await;
    assert_eq!(
        (status, &body["organizationInfo"]["libelle"]),
        (200, &json!("Nom inconnu"))
    );
    assert_eq!(
        look_up(&server, NOBODY).await,
        (404, json!({ "message": "Not Found" }))
    );
    for text in ["1234", "abcdefghijklmn", "%00"] {
        let (status, body) = look_up(&server, text).await;
        assert_eq!(
            (status, &body["message"]),
            (400, &json!("Erreur : SIRET invalide.")),
            "{text}"
        );
    }
}

#[tokio::test]
async fn an_outage_is_told_as_one_and_ends() {
    let server = newly_installed(over_http().with("HTTP_CLIENT_TIMEOUT", "400")).await;
    let mocks = mocks(&server);
    for fault in [
        status(500),
        json!({ "fault": "hang" }),
        json!({ "fault": "malformed" }),
    ] {
        order(&mocks, API_ENTREPRISE, fault.clone()).await;
        let (status, body) = look_up(&server, TOWN_HALL).await;
        assert_eq!(status, 504, "{fault}");
        assert!(body["message"].as_str().unwrap().contains("INSEE"), "{body}");
    }
    mend(&mocks).await;
    assert_eq!(look_up(&server, TOWN_HALL).await.0, 200);

    // What is known is served whatever happens there, and nobody is asked.
    order(&mocks, API_ENTREPRISE, json!({ "fault": "hang" })).await;
    let calls = "identite_actor_sirene_cache_upstream_duration_seconds_count{cache=\"establishments\"}";
    let before = metric(&server, calls).await;
    assert_eq!(look_up(&server, TOWN_HALL).await.0, 200);
    assert!((metric(&server, calls).await - before).abs() < f64::EPSILON);
    assert_eq!(look_up(&server, "21920023500014").await.0, 504);
}

#[tokio::test]
async fn an_overrun_register_gets_a_pause() {
    let server = newly_installed(over_http()).await;
    let mocks = mocks(&server);
    order(&mocks, API_ENTREPRISE, status(429)).await;
    assert_eq!(look_up(&server, TOWN_HALL).await.0, 504);
    mend(&mocks).await;
    assert_eq!(
        look_up(&server, "21920023500014").await.0,
        504,
        "nobody calls during the pause"
    );
    let calls = metric(
        &server,
        "identite_actor_sirene_cache_upstream_duration_seconds_count{cache=\"establishments\"}",
    );
    assert!((calls.await - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_crowd_at_a_cold_number_makes_one_call() {
    let server = newly_installed(over_http()).await;
    order(
        &mocks(&server),
        API_ENTREPRISE,
        json!({ "fault": "slow", "milliseconds": 300 }),
    )
    .await;
    let answers = crowd(&server, 100).await;
    assert!(answers.iter().all(|status| *status == 200));
    let of = |name: &str| format!("identite_actor_sirene_cache_{name}{{cache=\"establishments\"}}");
    let calls = metric(&server, &of("upstream_duration_seconds_count")).await;
    let joined = metric(&server, &of("flights_joined_total")).await;
    let hits = metric(&server, &of("hits_total")).await;
    assert!((calls - 1.0).abs() < f64::EPSILON, "{calls} calls");
    assert!(
        (joined + hits - 99.0).abs() < f64::EPSILON,
        "{joined} joined, {hits} hits"
    );
}

#[tokio::test]
async fn a_look_up_keeps_rows_fresh_and_makes_none() {
    let server = newly_installed(over_http()).await;
    let rows = async || {
        let client = server.database().pool().get().await.unwrap();
        let row = client
            .query_one(
                "SELECT count(*), count(*) FILTER (WHERE organization_info_fetched_at IS NOT NULL)
                 FROM organizations WHERE siret IN ('21920023500394', '66204244933106')",
                &[],
            )
            .await
            .unwrap();
        (row.get::<_, i64>(0), row.get::<_, i64>(1))
    };
    server
        .database()
        .execute("INSERT INTO organizations (siret) VALUES ('66204244933106')")
        .await;
    assert_eq!(look_up(&server, "21920023500394").await.0, 200);
    assert_eq!(look_up(&server, "66204244933106").await.0, 200);
    let deadline = Instant::now() + Duration::from_secs(5);
    while rows().await != (1, 1) {
        assert!(Instant::now() < deadline, "{:?}", rows().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_old_row_is_served_and_refreshed_behind_it() {
    let server = newly_installed(over_http()).await;
    let database = server.database();
    let set = async |siret: &str, age: &str| {
        database
            .execute(&format!(
                "INSERT INTO organizations (siret, cached_libelle, cached_nom_complet, cached_etat_administratif,
                   cached_statut_diffusion, cached_est_active, cached_est_diffusible, cached_siege_social,
                   organization_info_fetched_at)
                 VALUES ('{siret}', 'Ancien nom', 'Ancien nom', 'A', 'diffusible', true, true, true,
                   now() - interval '{age}')
                 ON CONFLICT (siret) DO UPDATE SET
                   cached_libelle = EXCLUDED.cached_libelle, cached_nom_complet = EXCLUDED.cached_nom_complet,
                   cached_etat_administratif = 'A', cached_statut_diffusion = 'diffusible', cached_est_active = true,
                   cached_est_diffusible = true, cached_siege_social = true,
                   organization_info_fetched_at = EXCLUDED.organization_info_fetched_at"
            ))
            .await;
    };
    let name = async |siret: &str| {
        let (status, body) = look_up(&server, siret).await;
        assert_eq!(status, 200);
        body["organizationInfo"]["libelle"].as_str().unwrap().to_owned()
    };
    set("21920023500014", "10 minutes").await;
    assert_eq!(
        name("21920023500014").await,
        "Ancien nom",
        "no call for what is fresh"
    );
    set(TOWN_HALL, "2 days").await;
    assert_eq!(name(TOWN_HALL).await, "Ancien nom", "nobody waits");
    let deadline = Instant::now() + Duration::from_secs(5);
    while name(TOWN_HALL).await == "Ancien nom" {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    set("45334017600024", "400 days").await;
    assert_eq!(name("45334017600024").await, "Clamart", "too old to be told");
    set("39234600300198", "400 days").await;
    order(&mocks(&server), API_ENTREPRISE, status(500)).await;
    assert_eq!(name("39234600300198").await, "Ancien nom", "better than nothing");
}

#[tokio::test]
async fn establishments_are_searched() {
    let server = TestServer::start_with(over_http()).await;
    let (status, body) = ask(&server, "api/sirene/search?q=Mairie&commune=tours").await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        json!({ "results": [{
            "siret": TOWN_HALL,
            "libelle": "Commune de tours - Mairie",
            "adresse": body["results"][0]["adresse"],
            "estActive": true,
            "siegeSocial": true,
        }] })
    );
    let (_, body) = ask(&server, "api/sirene/search?q=clamart&commune=92140").await;
    let found = body["results"].as_array().unwrap();
    assert!(found.len() >= 4, "{body}");
    let town_hall = found.iter().find(|found| found["siret"] == "21920023500014");
    assert_eq!(
        town_hall.map(|found| &found["adresse"]),
        Some(&json!("1 place maurice gunsbourg, 92140 Clamart")),
        "{body}"
    );
    let (status, body) = ask(&server, &format!("api/sirene/search?q={TOWN_HALL}")).await;
    assert_eq!((status, &body["results"][0]["siret"]), (200, &json!(TOWN_HALL)));
    let (status, body) = ask(&server, &format!("api/sirene/search?q={NOBODY}")).await;
    assert_eq!((status, body), (200, json!({ "results": [] })));
    for query in ["", "?q=ab", "?q=ab&commune=92140", "?q=%20%20%20"] {
        assert_eq!(
            ask(&server, &format!("api/sirene/search{query}")).await.0,
            400,
            "{query}"
        );
    }
    order(
        &mocks(&server),
        "recherche-entreprises.api.gouv.fr",
        status_of_an_outage(),
    )
    .await;
    assert_eq!(ask(&server, "api/sirene/search?q=toulouse").await.0, 504);
}

fn status_of_an_outage() -> Value {
    status(500)
}

#[tokio::test]
async fn an_address_has_its_budget() {
    let server = TestServer::start_with(over_http().with("FEATURE_RATE_LIMIT_BY_IP", "True")).await;
    let answers = crowd(&server, 300).await;
    let refused = answers.iter().filter(|status| **status == 429).count();
    let answered = answers.iter().filter(|status| **status == 200).count();
    assert!(
        refused > 0 && answered >= 60 && refused + answered == 300,
        "{answered} answered, {refused} refused"
    );
}

#[tokio::test]
async fn an_address_has_a_budget_of_numbers_that_nobody_has_asked_for() {
    let server = TestServer::start_with(over_http().with("FEATURE_RATE_LIMIT_BY_IP", "True")).await;
    assert_eq!(look_up(&server, TOWN_HALL).await.0, 200);
    let client = crate::support::http_client();
    let mut refused = 0;
    for wave in 0..3 {
        // Another second, whose budget a wave does not use up.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let paths: Vec<String> = (0..50)
            .map(|number| format!("api/sirene/organization-info/{wave:07}{number:07}"))
            .collect();
        let asked = paths.iter().map(|path| ask_with(&client, &server, path));
        let answers = futures::future::join_all(asked).await;
        refused += answers.iter().filter(|(status, _)| *status == 429).count();
    }
    assert_eq!(refused, 31, "of 151, 120 are looked up");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(look_up(&server, TOWN_HALL).await.0, 200, "what is known");
    let (status, _) = ask(&server, "api/sirene/search?q=33333333333333").await;
    assert_eq!(status, 429, "the search is no way around it");
    assert_eq!(ask(&server, "api/sirene/search?q=clamart").await.0, 200);
}

/// Of the remote systems that monitors ask about, by their hosts.
const PINGED: [&str; 7] = [
    API_ENTREPRISE,
    "api.insee.fr",
    "auth.insee.net",
    "data.education.gouv.fr",
    "api.debounce.io",
    "api.pwnedpasswords.com",
    "raw.githubusercontent.com",
];
const PINGS: [&str; 7] = [
    "api/sirene/ping",
    "api/insee/ping",
    "api/rne/ping",
    "api/annuaire-education-nationale/ping",
    "api/debounce/ping",
    "api/pwned-passwords/ping",
    "api/github-passkey-authenticator-aaguids/ping",
];

#[tokio::test]
async fn remote_systems_are_pinged_and_the_verdict_holds_for_a_while() {
    // The national register that is played does not know the company that is asked for.
    let company =
        json!({ "formality": { "content": { "personneMorale": { "composition": { "pouvoirs": [] } } } } });
    let documents = [json!({ "token": "granted" }), company];
    let companies = Receiver::serving_in_turn(documents.iter().map(Value::to_string).collect());
    let server = TestServer::start_with(over_http().with("RNE_API_URL", &companies.url())).await;
    for ping in PINGS {
        assert_eq!(ask(&server, ping).await, (200, json!({})), "{ping}");
    }
    for _ in 0..2 {
        assert!(companies.next(Duration::from_secs(30)).await.is_some());
    }
    let heads = companies.heads();
    assert!(heads[1].contains("/api/companies/828696252 "), "{}", heads[1]);
    for system in PINGED {
        order(&mocks(&server), system, status(500)).await;
    }
    for ping in PINGS {
        assert_eq!(
            ask(&server, ping).await.0,
            200,
            "{ping} is not asked again at once"
        );
    }
    assert_eq!(companies.count(), 2, "a login and a question");
    assert_eq!(ask(&server, "api/unknown/ping").await.0, 404);
}

#[tokio::test]
async fn a_ping_of_what_does_not_answer_is_a_bad_gateway_and_an_error_of_the_log() {
    let server = TestServer::start_with(over_http()).await;
    for system in PINGED {
        order(&mocks(&server), system, status(500)).await;
    }
    for ping in PINGS {
        assert_eq!(
            ask(&server, ping).await,
            (502, json!({ "message": "Bad Gateway" })),
            "{ping}"
        );
        assert_eq!(ask(&server, ping).await.0, 502, "{ping}: the verdict is kept");
    }
    let log = server.expect_discreet_log(&[]).await;
    for ping in PINGS {
        let system = ping.split('/').nth(1).unwrap();
        let line = format!("ERROR a remote system does not answer its ping system=\"{system}\"");
        assert_eq!(log.matches(&line).count(), 1, "{ping} is told once: {log}");
    }
}

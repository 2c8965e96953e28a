//! Each connector: found, unknown, kept back, overrun, silent, confused.

use std::sync::Arc;
use std::time::Duration;

use identite::connectors::{
    AnnuaireEducationNationale, AnnuaireServicePublic, ApiEntreprise, ApiEntrepriseSettings, CallError,
    EstablishmentAnswer, Insee, InseeLogin, InseeSettings, Play, RechercheEntreprises, SchoolAnswer,
    SearchTerms,
};
use identite::domain::{Email, Siret};
use identite::server::keep_token;
use identite_actors::clock::{SharedClock, SystemClock};
use identite_actors::instrumentation::Instruments;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::{API_ENTREPRISE, NOBODY, TOWN_HALL, mend, order, status};
use crate::connectors::{client, serve_mocks};

const INSEE: &str = "api.insee.fr";
const INSEE_TOKENS: &str = "auth.insee.net";
const TOWN_HALLS: &str = "api-lannuaire.service-public.fr";
const SCHOOLS: &str = "data.education.gouv.fr";
const SEARCH: &str = "recherche-entreprises.api.gouv.fr";

fn siret(text: &str) -> Siret {
    text.parse().unwrap()
}

fn api_entreprise(mocks: &Url, timeout: Duration, plays: bool) -> ApiEntreprise {
    let settings = ApiEntrepriseSettings {
        base_url: mocks.join(API_ENTREPRISE).unwrap(),
        token: SecretString::from("token").into(),
        context: "ProConnect Identité".to_owned(),
        recipient: "13002526500013".to_owned(),
        play: if plays { Play::Known } else { Play::Nothing },
    };
    ApiEntreprise::new(&client(timeout), settings)
}

fn insee_as(mocks: &Url, username: &str) -> Insee {
    let settings = InseeSettings {
        base_url: mocks.join("api.insee.fr/api-sirene/prive/3.11").unwrap(),
        auth_url: mocks
            .join("auth.insee.net/auth/realms/apim-gravitee/protocol/openid-connect/token")
            .unwrap(),
        client_id: "client".to_owned(),
        client_secret: SecretString::from("secret").into(),
        username: username.to_owned(),
        password: SecretString::from("password").into(),
        plays: false,
    };
    let http = client(Duration::from_secs(3));
    let clock: SharedClock = Arc::new(SystemClock);
    let instruments = Instruments::new(prometheus::Registry::new(), clock.clone()).unwrap();
    let login = InseeLogin::new(&http, settings.clone());
    let tokens = keep_token("insee_token", login, &clock, &instruments);
    Insee::new(&http, settings, tokens)
}

#[tokio::test]
async fn establishments_are_found_unknown_closed_or_kept_back() {
    let mocks = serve_mocks();
    let register = api_entreprise(&mocks, Duration::from_secs(3), false);
    let found = async |number: &str| match register.establishment(&siret(number)).await {
        Ok(EstablishmentAnswer::Found(record)) => record,
        other => panic!("{number}: {other:?}"),
    };
    assert!(found(TOWN_HALL).await.is_open());
    assert!(!found("21850292000018").await.is_open());
    assert!(found("94957325700019").await.is_partially_diffusible());
    assert_eq!(
        register.establishment(&siret(NOBODY)).await,
        Ok(EstablishmentAnswer::Unknown)
    );
}

#[tokio::test]
async fn trouble_at_api_entreprise_is_an_outage_and_never_an_unknown_number() {
    let mocks = serve_mocks();
    for (fault, expected) in [
        (status(429), CallError::Status(429)),
        (status(500), CallError::Status(500)),
        (status(401), CallError::Status(401)),
        (json!({ "fault": "hang" }), CallError::Timeout),
        (
            json!({ "fault": "slow", "milliseconds": 2_000 }),
            CallError::Timeout,
        ),
    ] {
        order(&mocks, API_ENTREPRISE, fault.clone()).await;
        let register = api_entreprise(&mocks, Duration::from_millis(300), false);
        for number in [TOWN_HALL, NOBODY] {
            let answer = register.establishment(&siret(number)).await;
            assert_eq!(answer, Err(expected.clone()), "{fault}");
        }
    }
    order(&mocks, API_ENTREPRISE, json!({ "fault": "malformed" })).await;
    let register = api_entreprise(&mocks, Duration::from_secs(3), false);
    let answer = register.establishment(&siret(TOWN_HALL)).await;
    assert!(matches!(answer, Err(CallError::Unreadable(_))), "{answer:?}");
    mend(&mocks).await;
    assert!(register.establishment(&siret(TOWN_HALL)).await.is_ok());
}

#[tokio::test]
async fn a_passing_trouble_is_passed_over() {
    let mocks = serve_mocks();
    let register = api_entreprise(&mocks, Duration::from_secs(3), false);
    order(
        &mocks,
        API_ENTREPRISE,
        json!({ "fault": "status", "status": 503, "times": 1 }),
    )
    .await;
    let answer = register.establishment(&siret(TOWN_HALL)).await;
    assert!(matches!(answer, Ok(EstablishmentAnswer::Found(_))), "{answer:?}");
}

#[tokio::test]
async fn what_is_played_needs_no_remote_system() {
    let nowhere: Url = "http://127.0.0.1:9/".parse().unwrap();
    let register = api_entreprise(&nowhere, Duration::from_secs(3), true);
    assert!(register.establishment(&siret(TOWN_HALL)).await.is_ok());
    let answer = register.establishment(&siret(NOBODY)).await;
    assert!(matches!(answer, Err(CallError::Network(_))), "{answer:?}");
}

#[actix_web::test]
async fn one_token_serves_all_calls_of_insee() {
    let mocks = serve_mocks();
    let insee = Arc::new(insee_as(&mocks, "agent"));
    let calls = (0..20).map(|_| {
        let insee = insee.clone();
        tokio::spawn(async move { insee.legal_unit("828696252").await })
    });
    for call in calls.collect::<Vec<_>>() {
        let unit = call.await.unwrap().unwrap().unwrap();
        assert_eq!(unit.current_name(), Some("DUTEIL"));
    }
    // Had any call asked for a token of its own, it would fail now.
    order(&mocks, INSEE_TOKENS, status(500)).await;
    assert_eq!(insee.legal_unit("123456789").await, Ok(None));
    assert_eq!(
        insee.knows_establishment(&siret("13002526500013")).await,
        Ok(true)
    );
    assert_eq!(insee.knows_establishment(&siret(NOBODY)).await, Ok(false));

    let newcomer = insee_as(&mocks, "agent");
    assert_eq!(
        newcomer.legal_unit("828696252").await,
        Err(CallError::Status(500))
    );
}

#[actix_web::test]
async fn a_token_that_ended_early_is_replaced_once() {
    let mocks = serve_mocks();
    let insee = insee_as(&mocks, "agent");
    assert!(insee.legal_unit("828696252").await.is_ok());
    order(
        &mocks,
        INSEE,
        json!({ "fault": "status", "status": 401, "times": 1 }),
    )
    .await;
    assert!(insee.legal_unit("828696252").await.unwrap().is_some());
    order(&mocks, INSEE, status(401)).await;
    assert_eq!(insee.legal_unit("828696252").await, Err(CallError::Status(401)));
    assert_eq!(
        insee_as(&mocks, "refused").legal_unit("828696252").await,
        Err(CallError::Status(401))
    );
}

#[actix_web::test]
async fn trouble_at_insee_is_an_outage() {
    let mocks = serve_mocks();
    for (fault, expected) in [
        (status(429), CallError::Status(429)),
        (status(500), CallError::Status(500)),
    ] {
        order(&mocks, INSEE, fault).await;
        let answer = insee_as(&mocks, "agent").legal_unit("828696252").await;
        assert_eq!(answer, Err(expected));
    }
    order(&mocks, INSEE, json!({ "fault": "malformed" })).await;
    let answer = insee_as(&mocks, "agent").legal_unit("828696252").await;
    assert!(matches!(answer, Err(CallError::Unreadable(_))), "{answer:?}");
}

#[tokio::test]
async fn town_halls_are_listed() {
    let mocks = serve_mocks();
    let directory =
        AnnuaireServicePublic::new(&client(Duration::from_secs(3)), mocks.join(TOWN_HALLS).unwrap());
    let addresses = directory.town_halls("50041").await.unwrap();
    assert_eq!(
        addresses,
        [
            Some("courrier@lahague.com".to_owned()),
            Some("mairie-beaumont@lahague.com".to_owned())
        ]
    );
    for code in ["75056", "", "34126\" OR 1=1"] {
        assert_eq!(directory.town_halls(code).await, Ok(Vec::new()), "{code:?}");
    }
    for (fault, expected) in [
        (status(429), CallError::Status(429)),
        (status(500), CallError::Status(500)),
        (json!({ "fault": "hang" }), CallError::Timeout),
    ] {
        order(&mocks, TOWN_HALLS, fault).await;
        assert_eq!(directory.town_halls("34126").await, Err(expected));
    }
    order(&mocks, TOWN_HALLS, json!({ "fault": "malformed" })).await;
    assert!(matches!(
        directory.town_halls("34126").await,
        Err(CallError::Unreadable(_))
    ));
}

#[tokio::test]
async fn schools_are_listed() {
    let mocks = serve_mocks();
    let directory =
        AnnuaireEducationNationale::new(&client(Duration::from_secs(3)), mocks.join(SCHOOLS).unwrap());
    for (number, expected) in [
        (
            "19750663700010",
            SchoolAnswer::Listed(Email::parse("lycee-chaptal@ecoles.example.org").unwrap()),
        ),
        ("21920023500063", SchoolAnswer::WithoutAddress),
        (NOBODY, SchoolAnswer::Unknown),
    ] {
        assert_eq!(directory.school(&siret(number)).await, Ok(expected), "{number}");
    }
    for (fault, expected) in [
        (status(429), CallError::Status(429)),
        (json!({ "fault": "hang" }), CallError::Timeout),
    ] {
        order(&mocks, SCHOOLS, fault).await;
        assert_eq!(directory.school(&siret(NOBODY)).await, Err(expected));
    }
    order(&mocks, SCHOOLS, json!({ "fault": "malformed" })).await;
    assert!(matches!(
        directory.school(&siret(NOBODY)).await,
        Err(CallError::Unreadable(_))
    ));
}

#[tokio::test]
async fn establishments_are_searched_by_name_and_town() {
    let mocks = serve_mocks();
    let register = RechercheEntreprises::new(&client(Duration::from_secs(3)), mocks.join(SEARCH).unwrap());
    let terms = |text| SearchTerms {
        text,
        code_postal: None,
    };
    let found = register.search(&terms("mairie tours")).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].siret.as_str(), found[0].enseigne.as_deref()),
        (TOWN_HALL, Some("MAIRIE"))
    );
    let in_clamart = SearchTerms {
        text: "clamart",
        code_postal: Some("92140"),
    };
    assert!(register.search(&in_clamart).await.unwrap().len() >= 4);
    assert_eq!(register.search(&terms("nobody at all")).await, Ok(Vec::new()));
    assert_eq!(register.search(&terms("ab")).await, Err(CallError::Status(400)));
    for (fault, expected) in [
        (status(429), CallError::Status(429)),
        (json!({ "fault": "hang" }), CallError::Timeout),
    ] {
        order(&mocks, SEARCH, fault).await;
        assert_eq!(register.search(&terms("mairie")).await, Err(expected));
    }
}

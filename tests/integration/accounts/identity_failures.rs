//! What may go wrong between us and FranceConnect, by accident or by malice: nothing is written, and the person is told.

use serde_json::json;
use url::Url;

use super::identity::{
    ACCOUNT_CALLBACK, ACCOUNT_LOGIN, CALLBACK, LOGIN, depart, house, identity, names, sign_out_there,
    signed_in,
};
use super::{insert_user, place};
use crate::support::{FakeFranceConnect, Options, Script, TestServer, free_port, parameter};

const FAILED: &str = "/users/franceconnect?notification=franceconnect_oidc_error";

async fn expect_nothing_written(server: &TestServer) {
    assert_eq!(identity(server).await, "");
    assert_eq!(names(server).await, "Jean User");
}

fn with(answer: &str, name: &str, value: Option<&str>) -> String {
    let pairs = url::form_urlencoded::parse(answer.as_bytes()).filter(|(key, _)| key != name);
    let mut changed = url::form_urlencoded::Serializer::new(String::new());
    changed.extend_pairs(pairs);
    if let Some(value) = value {
        changed.append_pair(name, value);
    }
    changed.finish()
}

#[tokio::test]
async fn tokens_that_are_not_to_be_believed_identify_nobody() {
    let (server, fake, visitor) = house().await;
    let now = chrono::Utc::now().timestamp();
    let id_token = |changes| Script {
        id_token: changes,
        ..Script::default()
    };
    let userinfo = |changes| Script {
        userinfo: changes,
        ..Script::default()
    };
    for (what, script) in [
        ("another nonce", id_token(json!({"nonce": "another"}))),
        ("no nonce", id_token(json!({"nonce": null}))),
        ("expired", id_token(json!({"exp": now - 3600}))),
        ("from the future", id_token(json!({"iat": now + 3600}))),
        (
            "another issuer",
            id_token(json!({"iss": "https://autre.exemple.fr"})),
        ),
        ("for another client", id_token(json!({"aud": "another"}))),
        ("a lower level", id_token(json!({"acr": "eidas0"}))),
        ("another subject", id_token(json!({"sub": "another"}))),
        (
            "a bad signature",
            Script {
                signs_with_another_key: true,
                ..Script::default()
            },
        ),
        (
            "badly signed userinfo",
            Script {
                signs_userinfo: true,
                userinfo: json!({"aud": "another"}),
                ..Script::default()
            },
        ),
        ("no name", userinfo(json!({"family_name": null}))),
        (
            "an impossible birth date",
            userinfo(json!({"birthdate": "1990-02-31"})),
        ),
        (
            "a refused code",
            Script {
                token_status: 400,
                ..Script::default()
            },
        ),
    ] {
        fake.play(script);
        let authorization = depart(&visitor, LOGIN).await;
        let answer = fake.sign_in(&authorization);
        let page = visitor.get(&format!("{CALLBACK}?{answer}")).await;
        assert_eq!(place(&page), FAILED, "{what}");
        assert!(page.text().contains("FranceConnect a échoué"), "{what}");
        expect_nothing_written(&server).await;
    }
    fake.play(Script::default());
    let authorization = depart(&visitor, LOGIN).await;
    let answer = fake.sign_in(&authorization);
    let back = visitor.get(&format!("{CALLBACK}?{answer}")).await;
    sign_out_there(&visitor, &back).await;
    assert_eq!(
        names(&server).await,
        "Angela DUBOIS",
        "none of this closed the line"
    );
}

#[tokio::test]
async fn answers_that_nobody_asked_for_are_refused() {
    let (server, fake, visitor) = house().await;
    let stranger = signed_in(&server).await;
    let authorization = depart(&visitor, LOGIN).await;
    let answer = fake.sign_in(&authorization);

    let page = stranger.get(&format!("{CALLBACK}?{answer}")).await;
    assert_eq!(place(&page), FAILED, "another session of the same person");
    let page = visitor.get(&format!("{ACCOUNT_CALLBACK}?{answer}")).await;
    assert_eq!(
        place(&page),
        "/personal-information?notification=franceconnect_oidc_error",
        "the other callback"
    );
    assert_eq!(
        fake.redemptions(),
        Vec::<Vec<_>>::new(),
        "no code was sent anywhere"
    );

    for (name, value) in [
        ("state", None),
        ("state", Some("guessed-state-guessed-state-guessed-state-1")),
        ("iss", None),
        ("iss", Some("https://autre.exemple.fr")),
    ] {
        let authorization = depart(&visitor, LOGIN).await;
        let answer = with(&fake.sign_in(&authorization), name, value);
        let page = visitor.get(&format!("{CALLBACK}?{answer}")).await;
        assert_eq!(place(&page), FAILED, "{name}={value:?}");
    }
    assert_eq!(fake.redemptions(), Vec::<Vec<_>>::new());
    expect_nothing_written(&server).await;

    let page = visitor.get(CALLBACK).await;
    page.expect_error(400, "La réponse de FranceConnect est incomplète.");
    let page = visitor.get(&format!("{CALLBACK}?code=a&code=b&state=c")).await;
    page.expect_error(400, "n’a pas le bon format");
    let anonymous = server.visitor();
    let page = anonymous.get(&format!("{CALLBACK}?{answer}")).await;
    assert_eq!(page.url.path(), "/users/start-sign-in");
}

#[tokio::test]
async fn an_answer_is_good_once() {
    let (server, fake, visitor) = house().await;
    let authorization = depart(&visitor, LOGIN).await;
    let answer = format!("{CALLBACK}?{}", fake.sign_in(&authorization));
    let attempts = (0..20).map(|_| visitor.get(&answer));
    let ends = futures::future::join_all(attempts).await;
    let accepted = ends
        .iter()
        .filter(|end| end.headers.contains_key("location"))
        .count();
    assert_eq!((accepted, fake.redemptions().len()), (1, 1));
    let page = visitor.get(&answer).await;
    assert_eq!(place(&page), FAILED);
    assert_eq!(names(&server).await, "Angela DUBOIS");
}

#[tokio::test]
async fn a_sign_out_that_this_session_did_not_begin_is_an_error() {
    let (_server, fake, visitor) = house().await;
    let logout = "/users/franceconnect/logout/callback";
    for target in [logout.to_owned(), format!("{logout}?state=guessed")] {
        let page = visitor.get(&target).await;
        assert_eq!(
            (page.status.as_u16(), page.title().as_str()),
            (400, "Erreur invalid_state - ProConnect")
        );
    }
    let authorization = depart(&visitor, LOGIN).await;
    let answer = fake.sign_in(&authorization);
    let back = visitor.get(&format!("{CALLBACK}?{answer}")).await;
    let state = parameter(&back.location(), "state").unwrap();
    let page = visitor
        .get(&format!(
            "/users/personal-information/franceconnect/logout/callback?state={state}"
        ))
        .await;
    assert_eq!(page.status.as_u16(), 400, "the other way's");
    let page = visitor.get(&format!("{logout}?state={state}")).await;
    assert_eq!(page.status.as_u16(), 400, "used up");
}

#[tokio::test]
async fn the_identity_of_another_person_changes_nothing() {
    let (server, fake, visitor) = house().await;
    let prove = async |script: Script| {
        fake.play(script);
        let authorization = depart(&visitor, ACCOUNT_LOGIN).await;
        let answer = fake.sign_in(&authorization);
        let back = visitor.get(&format!("{ACCOUNT_CALLBACK}?{answer}")).await;
        place(&sign_out_there(&visitor, &back).await)
    };
    let success = "/personal-information?notification=personal_information_update_via_franceconnect_success";
    assert_eq!(prove(Script::default()).await, success);

    let another = Script {
        id_token: json!({"sub": "another"}),
        userinfo: json!({"sub": "another", "given_name": "Elia", "family_name": "Alvernhe"}),
        ..Script::default()
    };
    assert_eq!(
        prove(another).await,
        "/personal-information?notification=franceconnect_identity_mismatch"
    );
    assert_eq!(names(&server).await, "Angela DUBOIS");
    assert!(identity(&server).await.starts_with("somebody|"));
    let history = visitor.get("/mes-sessions/historique").await;
    assert!(
        history
            .text()
            .contains("Identité FranceConnect d’une autre personne refusée")
    );

    let same_person = Script {
        id_token: json!({"sub": "renumbered"}),
        userinfo: json!({"sub": "renumbered", "family_name": "Dubois"}),
        ..Script::default()
    };
    assert_eq!(prove(same_person).await, success, "we are another client now");
}

#[tokio::test]
async fn a_provider_that_is_down_is_explained_and_can_be_tried_again() {
    let (server, fake, visitor) = house().await;
    let down = |discovery_status, token_status, userinfo_status| Script {
        token_status,
        userinfo_status,
        discovery_status,
        ..Script::default()
    };
    fake.play(down(503, 200, 200));
    let page = visitor.get("/users/franceconnect").await;
    let page = visitor.submit(&page, LOGIN, &[]).await;
    assert_eq!(page.status.as_u16(), 503);
    assert_eq!(page.title(), "FranceConnect ne répond pas - ProConnect");
    assert!(!page.header("retry-after").is_empty());

    fake.play(Script::default());
    let retried = visitor.submit(&page, LOGIN, &[]).await;
    let authorization: Url = retried.location();
    for (token_status, userinfo_status) in [(500, 200), (200, 502)] {
        fake.play(down(200, token_status, userinfo_status));
        let authorization = depart(&visitor, ACCOUNT_LOGIN).await;
        let answer = fake.sign_in(&authorization);
        let page = visitor.get(&format!("{ACCOUNT_CALLBACK}?{answer}")).await;
        assert_eq!(page.status.as_u16(), 503);
        assert_eq!(page.form(ACCOUNT_LOGIN).method, "POST");
        expect_nothing_written(&server).await;
    }
    fake.play(Script::default());
    let answer = fake.sign_in(&authorization);
    let back = visitor.get(&format!("{CALLBACK}?{answer}")).await;
    sign_out_there(&visitor, &back).await;
    assert_eq!(names(&server).await, "Angela DUBOIS");
}

/// The lines of the log that an operator is woken by.
fn errors_of_franceconnect(log: &str) -> usize {
    log.lines()
        .filter(|line| line.contains("ERROR") && line.contains("FranceConnect"))
        .count()
}

#[tokio::test]
async fn the_operator_is_told_of_what_franceconnect_gets_wrong_and_not_of_what_people_do() {
    let (server, fake, visitor) = house().await;
    let state = parameter(&depart(&visitor, LOGIN).await, "state").unwrap();
    for answer in [
        format!("error=access_denied&state={state}"),
        format!("error=server_error&state={state}"),
        "error=server_error&state=guessed".to_owned(),
        "code=the-code&state=guessed".to_owned(),
    ] {
        let page = visitor.get(&format!("{CALLBACK}?{answer}")).await;
        assert_eq!(place(&page), FAILED, "{answer}");
    }
    let log = server.expect_discreet_log(&[&state]).await;
    assert_eq!(errors_of_franceconnect(&log), 0, "a state is good once: {log}");

    let state = parameter(&depart(&visitor, LOGIN).await, "state").unwrap();
    let page = visitor
        .get(&format!("{CALLBACK}?error=server_error&state={state}"))
        .await;
    assert_eq!(place(&page), FAILED);
    fake.play(Script {
        signs_with_another_key: true,
        ..Script::default()
    });
    let answer = fake.sign_in(&depart(&visitor, LOGIN).await);
    let page = visitor.get(&format!("{CALLBACK}?{answer}")).await;
    assert_eq!(place(&page), FAILED);
    fake.play(Script {
        token_status: 500,
        ..Script::default()
    });
    let answer = fake.sign_in(&depart(&visitor, LOGIN).await);
    let page = visitor.get(&format!("{CALLBACK}?{answer}")).await;
    assert_eq!(page.status.as_u16(), 503);
    // What it says of itself is in doubt by now, and fetched again.
    fake.play(Script {
        discovery_status: 503,
        ..Script::default()
    });
    let page = visitor.get("/users/franceconnect").await;
    let page = visitor.submit(&page, LOGIN, &[]).await;
    assert_eq!(page.status.as_u16(), 503);
    let log = server.expect_discreet_log(&[&state, "DUBOIS"]).await;
    assert_eq!(errors_of_franceconnect(&log), 4, "{log}");
}

#[tokio::test]
async fn nobody_listening_is_told_at_once_and_the_way_back_is_open() {
    let nowhere = format!("http://localhost:{}", free_port());
    let options = Options::default().with("FRANCECONNECT_ISSUER", &nowhere);
    let server = TestServer::start_with(options).await;
    insert_user(server.database(), super::identity::EMAIL, &[]).await;
    let visitor = signed_in(&server).await;
    let page = visitor.get("/users/franceconnect").await;
    let page = visitor.submit(&page, LOGIN, &[]).await;
    assert_eq!(page.status.as_u16(), 503);
    assert!(page.attributes("main a", "href").contains(&"/".to_owned()));
}

#[tokio::test]
async fn the_form_of_another_site_leads_nowhere() {
    let (_server, _fake, visitor) = house().await;
    for login in [LOGIN, ACCOUNT_LOGIN] {
        let page = visitor.post(login, &[]).await;
        page.expect_error(403, "n’est plus valable");
    }
}

#[tokio::test]
async fn an_algorithm_that_nobody_knows_stops_the_start() {
    let fake = FakeFranceConnect::start();
    let database = crate::support::TestDatabase::create().await;
    let directory = tempfile::tempdir().unwrap();
    let output = crate::support::identite(&["serve"], directory.path())
        .env("DATABASE_URL", &database.url)
        .env("REDIS_URL", "memory:")
        .env("SMTP_URL", "console:")
        .env("PORT", free_port().to_string())
        .env("OPERATOR_LISTEN", format!("127.0.0.1:{}", free_port()))
        .env("FRANCECONNECT_ISSUER", fake.issuer())
        .env("ENTREPRISE_API_URL", "http://localhost:9")
        .env("FRANCECONNECT_ID_TOKEN_SIGNED_RESPONSE_ALG", "none")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("FRANCECONNECT_ID_TOKEN_SIGNED_RESPONSE_ALG"),
        "{said}"
    );
}

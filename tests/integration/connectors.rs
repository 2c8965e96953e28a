//! The connectors against the mocks, through HTTP, and against systems that misbehave.

use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use actix_web::{App, HttpServer};
use identite::connectors::debounce::Deliverability;
use identite::connectors::{
    ApiEntreprise, ApiEntrepriseSettings, CallError, ConnectorMetrics, Debounce, HttpClient, HttpSettings,
    Play, PwnedPasswords, Waiting,
};
use identite::domain::{Email, Siret};
use identite::mail::Mails;
use identite::testing::Mocks;
use identite_actors::clock::SystemClock;
use secrecy::SecretString;
use url::Url;

use crate::support::{free_port, runtime};

pub fn client(timeout: Duration) -> HttpClient {
    let metrics = ConnectorMetrics::register(&prometheus::Registry::new()).unwrap();
    let settings = HttpSettings {
        timeout,
        waiting: Waiting::People,
        verify_tls_certificates: true,
    };
    HttpClient::new(
        settings,
        runtime().handle().clone(),
        std::sync::Arc::new(SystemClock),
        metrics,
    )
    .unwrap()
}

/// Serves the mocks and gives their base URL.
pub fn serve_mocks() -> Url {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/___testing___/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mocks = Mocks::new(Mails::new("http://localhost", "http://localhost/logo.png").unwrap());
        let server = HttpServer::new(move || {
            let mocks = mocks.clone();
            App::new().configure(move |config| identite::testing::mount(config, &mocks))
        })
        .workers(1)
        .listen(listener);
        actix_web::rt::System::new().block_on(server.unwrap().run())
    });
    url.parse().unwrap()
}

fn debounce(http: &HttpClient, base_url: Url) -> Debounce {
    Debounce::new(http, base_url, SecretString::from("key & more").into())
}

#[tokio::test]
async fn the_mocks_answer_like_the_systems_they_play() {
    let mocks = serve_mocks();
    let http = client(Duration::from_secs(3));
    let debounce = debounce(&http, mocks.join("api.debounce.io").unwrap());
    let unknown = Email::parse("nobody+x@yopmail.com").unwrap();
    assert_eq!(
        debounce.check(&unknown).await,
        Ok(Deliverability::Undeliverable { did_you_mean: None })
    );
    let known = Email::parse("agent@exemple.gouv.fr").unwrap();
    assert_eq!(debounce.check(&known).await, Ok(Deliverability::Deliverable));

    let pwned = PwnedPasswords::new(&http, mocks.join("api.pwnedpasswords.com/").unwrap());
    for (password, expected) in [
        ("P@ssw0rd1234", true),
        ("pwnedpassword", true),
        ("Seldom-Leaked-2026", false),
        ("This super secret password is hidden well!", false),
    ] {
        assert_eq!(
            pwned.knows(&SecretString::from(password)).await,
            Ok(expected),
            "{password}"
        );
    }
}

#[tokio::test]
async fn a_system_that_is_down_is_left_alone_after_a_few_tries() {
    let nobody = format!("http://127.0.0.1:{}/", free_port()).parse().unwrap();
    let pwned = PwnedPasswords::new(&client(Duration::from_secs(3)), nobody);
    let password = SecretString::from("whatever");
    for _ in 0..5 {
        assert!(matches!(pwned.knows(&password).await, Err(CallError::Network(_))));
    }
    assert_eq!(pwned.knows(&password).await, Err(CallError::CircuitOpen));
}

#[tokio::test]
async fn a_system_that_does_not_answer_is_given_up_in_time() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let silent = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let debounce = debounce(&client(Duration::from_millis(200)), silent);
    let started = Instant::now();
    let email = Email::parse("agent@exemple.fr").unwrap();
    assert_eq!(debounce.check(&email).await, Err(CallError::Timeout));
    assert!(started.elapsed() < Duration::from_secs(2));
}

/// The second try gets what the first one has left of the time.
#[tokio::test]
async fn whoever_is_cut_off_late_is_not_waited_for_twice() {
    const TIME: Duration = Duration::from_secs(3);
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base_url: Url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        assert!(first.read(&mut [0; 4096]).unwrap() > 0);
        std::thread::sleep(TIME / 2);
        drop(first);
        let _second = listener.accept().unwrap();
        std::thread::sleep(2 * TIME);
    });
    let settings = ApiEntrepriseSettings {
        base_url,
        token: SecretString::from("token").into(),
        context: "ProConnect Identité".to_owned(),
        recipient: "13002526500013".to_owned(),
        play: Play::Nothing,
    };
    let register = ApiEntreprise::new(&client(TIME), settings);
    let siret: Siret = "13002526500013".parse().unwrap();
    let started = Instant::now();
    assert_eq!(register.establishment(&siret).await, Err(CallError::Timeout));
    let elapsed = started.elapsed();
    assert!(elapsed > TIME / 2 && elapsed < TIME + TIME / 3, "{elapsed:?}");
}

#[tokio::test]
async fn an_answer_about_something_else_is_no_verdict() {
    let mocks = serve_mocks();
    let debounce = debounce(&client(Duration::from_secs(3)), mocks.join("elsewhere").unwrap());
    let email = Email::parse("agent@exemple.fr").unwrap();
    assert_eq!(debounce.check(&email).await, Err(CallError::Status(404)));
}

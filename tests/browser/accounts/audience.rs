//! The statistics, where an operator wants them: they learn no address that holds a secret or names somebody.

use std::time::{Duration, Instant};

use super::open;
use crate::harness::{Browser, browse};
use crate::support::{Options, TestServer};

const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// Whether the page, once everything that it loads has arrived or failed, has asked for the container.
async fn is_measured(browser: &Browser) -> bool {
    let script = "return document.readyState === 'complete'
        ? document.querySelector('script[src^=\"https://stats.data.gouv.fr/\"]') !== null
        : null;";
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = browser.driver.execute(script, Vec::new()).await;
        if let Some(found) = found.expect("a look").json().as_bool() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{} is not complete",
            browser.url().await
        );
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

#[tokio::test]
async fn addresses_with_a_secret_are_told_to_nobody() {
    let options = Options::default()
        .with("FEATURE_LOAD_THIRD_PARTY_TRACKING_SCRIPTS", "True")
        .with("FEATURE_USE_SECURITY_RESPONSE_HEADERS", "True");
    let server = TestServer::start_with(options).await;
    browse(async |browser| {
        for (path, expected) in [
            ("/users/start-sign-in", true),
            ("/users/start-sign-in?notification=logout_success", true),
            ("/users/start-sign-in?did_you_mean=agent%40exemple.fr", false),
            ("/accessibilite?notification=logout_success&token=x", false),
            ("/interaction/an-interaction-of-old", false),
            ("/users/cancel-moderation/1", false),
        ] {
            open(&browser, &server, path).await;
            assert_eq!(
                is_measured(&browser).await,
                expected,
                "{path}: {}",
                browser.url().await
            );
        }
        // What a page came from is told, too.
        open(&browser, &server, "/accessibilite?email=agent%40exemple.fr").await;
        browser.click("a[href='/politique-de-confidentialite']").await;
        browser
            .expect_title("Politique de confidentialité - ProConnect")
            .await;
        assert!(!is_measured(&browser).await, "came from an address with a query");
        browser.click("a[href='/accessibilite']").await;
        browser.expect_title("Accessibilité - ProConnect").await;
        assert!(is_measured(&browser).await);
    })
    .await;
}

//! The statistics of `stats.data.gouv.fr`: nowhere, unless an operator wants them.

use crate::support::{Options, Page, RelyingParty, TestServer};

const HOST: &str = "stats.data.gouv.fr";
const PIXEL: &str =
    r#"<noscript><img src="https://stats.data.gouv.fr/matomo.php?idsite=85&amp;rec=1" alt=""></noscript>"#;

/// One page of each layout, and pages of errors.
const PAGES: [&str; 4] = [
    "/users/start-sign-in",
    "/accessibilite",
    "/nothing",
    "/users/change-password",
];
/// Where people are told of it.
const PRIVACY: &str = "/politique-de-confidentialite";

async fn server(options: Options) -> TestServer {
    TestServer::start_with(options.with("FEATURE_USE_SECURITY_RESPONSE_HEADERS", "True")).await
}

/// The scripts of statistics that a page of ours names.
fn scripts(page: &Page) -> Vec<String> {
    let mut scripts = page.attributes("script", "src");
    scripts.retain(|script| script.contains("audience") || script.contains(HOST));
    scripts
}

/// The page that brings an answer to a relying party.
async fn relay(server: &TestServer) -> Page {
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let url = client.authorization_url(server, &[("prompt", "none"), ("response_mode", "form_post")]);
    let page = server.visitor().get(url.as_str()).await;
    assert_eq!(page.title(), "Submitting Callback");
    page
}

#[tokio::test]
async fn nothing_is_loaded_from_anywhere_else_by_default() {
    let server = server(Options::default()).await;
    let visitor = server.visitor();
    for path in PAGES {
        let page = visitor.get(path).await;
        assert!(scripts(&page).is_empty(), "{path}");
        assert!(!page.body.contains(HOST), "{path}");
        assert!(!page.header("content-security-policy").contains(HOST), "{path}");
    }
    assert!(!relay(&server).await.body.contains(HOST));
    let told = visitor.get(PRIVACY).await;
    assert!(told.text().contains("Aucun ne mesure l’audience") && !told.body.contains(HOST));
}

#[tokio::test]
async fn an_operator_may_have_the_audience_measured() {
    let server = server(Options::default().with("FEATURE_LOAD_THIRD_PARTY_TRACKING_SCRIPTS", "True")).await;
    let visitor = server.visitor();
    for path in PAGES {
        let page = visitor.get(path).await;
        let scripts = scripts(&page);
        assert_eq!(scripts.len(), 1, "{path}: {scripts:?}");
        assert!(scripts[0].starts_with("/dist/audience-"), "{scripts:?}");
        assert!(page.body.contains(PIXEL), "{path}");
        let policy = page.header("content-security-policy");
        for directive in [
            "img-src 'self' data: stats.data.gouv.fr",
            "connect-src 'self' stats.data.gouv.fr",
            "script-src 'self' stats.data.gouv.fr blob:",
        ] {
            assert!(
                policy.split(';').any(|found| found == directive),
                "{path}: {policy}"
            );
        }
        let script = visitor.get(&scripts[0]).await;
        assert_eq!(script.status, 200);
        assert!(
            script
                .body
                .contains("https://stats.data.gouv.fr/js/container_yr4sXd50.js")
        );
    }
    let told = visitor.get(PRIVACY).await;
    assert!(!told.text().contains("Aucun ne mesure l’audience"));
    assert!(told.text().contains("Mesure d’audience (stats.data.gouv.fr)"));
    // Whoever is only led on is not counted.
    let relay = relay(&server).await;
    assert!(scripts(&relay).is_empty());
    assert!(!relay.body.contains(HOST));
}

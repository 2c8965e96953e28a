//! Relying parties: rows of the client table, and the demo program that uses one.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::database::TestDatabase;
use super::process::Process;
use super::server::TestServer;
use super::visitor::Visitor;

/// How long the demo relying party may take to listen.
const START_PATIENCE: Duration = Duration::from_secs(15);

/// A relying party as the server knows it. [`RelyingParty::default`] is an ordinary service.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    pub client_id: String,
    pub client_secret: String,
    pub redirect_uri: String,
    pub post_logout_redirect_uri: String,
    pub scope: String,
    /// Signature algorithm of ID tokens; the provider's default when absent.
    pub id_token_alg: Option<String>,
    /// Signature algorithm of userinfo; plain JSON when absent.
    pub userinfo_alg: Option<String>,
    pub is_federation: bool,
}

impl Default for RelyingParty {
    fn default() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(1);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        Self {
            client_id: format!("test_client_{number}"),
            client_secret: format!("secret of test client {number}"),
            // Nothing listens there: tests read the answer from the redirect.
            redirect_uri: "http://localhost:9/login-callback".into(),
            post_logout_redirect_uri: "http://localhost:9/".into(),
            scope: "openid email profile organization".into(),
            id_token_alg: None,
            userinfo_alg: None,
            is_federation: false,
        }
    }
}

impl RelyingParty {
    /// A federation: other scopes, everything signed with ES256.
    pub fn federation() -> Self {
        Self {
            scope: "openid uid given_name usual_name email phone siret is_service_public is_public_service"
                .into(),
            id_token_alg: Some("ES256".into()),
            userinfo_alg: Some("ES256".into()),
            is_federation: true,
            ..Self::default()
        }
    }

    /// Writes the row.
    pub async fn register(&self, database: &TestDatabase) {
        let connection = database.pool().get().await.expect("a connection");
        connection
            .execute(
                "INSERT INTO oidc_clients (
                   client_name, client_id, client_secret, redirect_uris, post_logout_redirect_uris, scope, client_uri,
                   id_token_signed_response_alg, userinfo_signed_response_alg, is_proconnect_federation
                 ) VALUES ($1, $1, $2, ARRAY[$3], ARRAY[$4], $5, $4, $6, $7, $8)",
                &[
                    &self.client_id,
                    &self.client_secret,
                    &self.redirect_uri,
                    &self.post_logout_redirect_uri,
                    &self.scope,
                    &self.id_token_alg,
                    &self.userinfo_alg,
                    &self.is_federation,
                ],
            )
            .await
            .expect("the row is written");
    }

    /// An authorization request of this client, with `parameters` over the usual ones.
    pub fn authorization_url(&self, server: &TestServer, parameters: &[(&str, &str)]) -> Url {
        self.authorization_url_at(&server.base_url, parameters)
    }

    /// [`RelyingParty::authorization_url`] at another address.
    pub fn authorization_url_at(&self, base_url: &Url, parameters: &[(&str, &str)]) -> Url {
        let usual = [
            ("client_id", self.client_id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
        ];
        let mut url = base_url.join("oauth/authorize").expect("a path");
        url.query_pairs_mut()
            .extend_pairs(
                usual
                    .iter()
                    .filter(|(name, _)| parameters.iter().all(|(replaced, _)| name != replaced)),
            )
            .extend_pairs(parameters);
        url
    }
}

impl RelyingParty {
    /// The code that a signed-in person brings from the authorization endpoint, without being asked anything.
    ///
    /// # Panics
    /// When the answer is no code.
    pub async fn code(&self, server: &TestServer, visitor: &Visitor, parameters: &[(&str, &str)]) -> String {
        let request = self.authorization_url(server, parameters);
        let answer = visitor.get(request.as_str()).await;
        parameter(&answer.location(), "code").expect("a code")
    }

    /// Redeems a code at `base_url`, with `changes` to the usual parameters (an empty value leaves one out). Gives the
    /// status and the JSON.
    pub async fn redeem_at(&self, base_url: &Url, code: &str, changes: &[(&str, &str)]) -> (u16, Value) {
        let usual = [
            ("grant_type", "authorization_code"),
            ("client_id", self.client_id.as_str()),
            ("client_secret", &self.client_secret),
            ("redirect_uri", &self.redirect_uri),
            ("code", code),
        ];
        let mut form: Vec<(&str, &str)> = usual.to_vec();
        form.retain(|(name, _)| changes.iter().all(|(changed, _)| name != changed));
        form.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
        let answer = crate::support::http_client()
            .post(base_url.join("oauth/token").expect("a path"))
            .form(&form)
            .send()
            .await
            .expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }

    /// [`RelyingParty::redeem_at`] the server itself.
    pub async fn redeem(&self, server: &TestServer, code: &str, changes: &[(&str, &str)]) -> (u16, Value) {
        self.redeem_at(&server.base_url, code, changes).await
    }
}

/// The value of a query parameter.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs.find_map(|(found, value)| (found == name).then(|| value.into_owned()))
}

/// The demo relying party (`examples/relying_party.rs`), registered at a server under test.
pub struct DemoRelyingParty {
    /// Its origin, with a slash at its end.
    pub url: Url,
    /// How the server knows it.
    pub client: RelyingParty,
    _process: Process,
}

impl DemoRelyingParty {
    /// Starts it on a free port for `client`, whose addresses become those of the program, and registers it.
    /// `arguments` are those of the command line, beside what the client says.
    pub async fn start(
        server: &TestServer,
        mut client: RelyingParty,
        name: &str,
        arguments: &[&str],
    ) -> Self {
        let mut command = Command::new(program());
        command
            .args(["--port", "0", "--name", name, "--issuer", server.issuer()])
            .args([
                "--client-id",
                &client.client_id,
                "--client-secret",
                &client.client_secret,
            ])
            .args(["--scopes", &client.scope])
            .args(
                client
                    .id_token_alg
                    .iter()
                    .flat_map(|algorithm| ["--id-token-alg", algorithm.as_str()]),
            )
            .args(
                client
                    .userinfo_alg
                    .iter()
                    .flat_map(|algorithm| ["--userinfo-alg", algorithm.as_str()]),
            )
            .args(arguments);
        let mut process = Process::start("the demo relying party", &mut command);
        let url = process.wait_for_line("listening on ", START_PATIENCE).await;
        let url = Url::parse(&url).expect("the address of the demo relying party");

        client.redirect_uri = url.join("login-callback").expect("a path").into();
        client.post_logout_redirect_uri = url.to_string();
        client.register(server.database()).await;
        Self {
            url,
            client,
            _process: process,
        }
    }
}

/// Cargo builds examples next to the folder of test programs.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let folder = test
        .parent()
        .and_then(std::path::Path::parent)
        .expect("the build folder");
    let program = folder.join("examples/relying_party");
    assert!(
        program.exists(),
        "run `cargo build --example relying_party` first"
    );
    program
}

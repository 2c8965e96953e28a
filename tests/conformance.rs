//! The server in front of a relying party that it did not write: `openid-client`, certified by the OpenID Foundation.
//!
//! The checks are in `tests/conformance/run.mjs`; this starts the server and the clients for them.

mod support;

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{EMAIL, Options, PASSWORD, RelyingParty, TestServer, npm_packages};

/// A client as `run.mjs` wants it.
fn described(client: &RelyingParty) -> Value {
    json!({
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "redirect_uri": client.redirect_uri,
        "post_logout_redirect_uri": client.post_logout_redirect_uri,
        "scope": client.scope,
        "id_token_signed_response_alg": client.id_token_alg,
        "userinfo_signed_response_alg": client.userinfo_alg,
    })
}

#[tokio::test]
async fn a_certified_client_library_accepts_every_answer() {
    let folder = npm_packages("tests/conformance");
    let server = TestServer::start_with(Options::default()).await;
    let clients = [
        RelyingParty::default(),
        RelyingParty {
            id_token_alg: Some("ES256".into()),
            ..RelyingParty::default()
        },
        RelyingParty::federation(),
    ];
    for client in &clients {
        client.register(server.database()).await;
    }

    let parameters = json!({
        "issuer": server.issuer(),
        "account": {"email": EMAIL, "password": PASSWORD},
        "clients": clients.iter().map(described).collect::<Vec<_>>(),
    });
    let run = tokio::task::spawn_blocking(move || {
        Command::new("node")
            .arg("run.mjs")
            .current_dir(folder)
            .env("CONFORMANCE", parameters.to_string())
            .output()
            .expect("node can be run")
    });
    let run = run.await.expect("the end of the run");
    let output = String::from_utf8_lossy(&run.stdout);
    println!("{output}");
    assert!(
        run.status.success(),
        "{output}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
}

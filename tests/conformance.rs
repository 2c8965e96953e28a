//! The server in front of relying parties that it did not write: certified or widely used ones, as they are.
//!
//! | relying party | from | what it goes through |
//! |---|---|---|
//! | `openid-client` | npm | `run.mjs`: everything of the reference; `advanced.mjs`: PAR, `DPoP`, `private_key_jwt`, JAR, JARM, refreshing, revocation, introspection |
//! | `express-openid-connect` | npm | `web.mjs`: sign-in with PAR, with a secret and with `private_key_jwt`, single sign-on, logout, back-channel logout |
//! | `mozilla-django-oidc` | `PyPI` | `web.mjs`: sign-in with PKCE, single sign-on, logout |
//! | `authlib` | `PyPI` | `web.mjs`: sign-in with PKCE and `private_key_jwt`, single sign-on, logout |
//! | `libapache2-mod-auth-openidc` | Debian | `web.mjs`: sign-in with PKCE, `private_key_jwt` and signed userinfo, single sign-on, logout, back-channel logout |
//! | `openidconnect` | crates.io | `openidconnect.rs`: sign-in with PKCE and signed userinfo, single sign-on, refreshing, introspection, logout; `examples/relying_party.rs`, in the browser tests |
//!
//! This starts the server and the relying parties; a Node.js process is the person with the browser.

#[path = "conformance/openidconnect.rs"]
mod crate_openidconnect;
mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use josekit::jwk::alg::ec::EcCurve;
use josekit::jwk::alg::rsa::RsaKeyPair;
use josekit::jwk::{Jwk, KeyPair};
use serde_json::{Value, json};

use crate::support::{
    EMAIL, Options, PASSWORD, Process, RelyingParty, TestServer, debian_packages, free_port, npm_packages,
    python_with,
};

/// How long a relying party may take to listen.
const PATIENCE: Duration = Duration::from_mins(1);
/// Apache, its module, and what they need.
const APACHE: [&str; 8] = [
    "apache2-bin",
    "libapache2-mod-auth-openidc",
    "libapr1",
    "libaprutil1",
    "libcjose0",
    "libhiredis0.14",
    "libjansson4",
    "liblua5.3-0",
];

/// A client as the programs want it.
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

fn account() -> Value {
    json!({"email": EMAIL, "password": PASSWORD})
}

/// Runs a program of the folder `tests/conformance` to its end.
async fn run(program: &'static str, variable: &'static str, parameters: Value) {
    let folder = npm_packages("tests/conformance");
    let run = tokio::task::spawn_blocking(move || {
        Command::new("node")
            .arg(program)
            .current_dir(folder)
            .env(variable, parameters.to_string())
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

#[tokio::test]
async fn a_certified_client_library_accepts_every_answer() {
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
        "account": account(),
        "clients": clients.iter().map(described).collect::<Vec<_>>(),
    });
    run("run.mjs", "CONFORMANCE", parameters).await;
}

#[tokio::test]
async fn a_certified_client_library_uses_everything_at_once() {
    let server = TestServer::start().await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let (key, public) = ec_key("advanced");
    server
        .database()
        .set_for(
            &client.client_id,
            &json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "jwks": public,
                "require_pkce": true,
                "require_pushed_authorization_requests": true,
                "require_signed_request_object": true,
                "request_object_signing_alg": "ES256",
                "dpop_bound_access_tokens": true,
                "require_dpop_nonce": true,
                "authorization_signed_response_alg": "ES256",
                "refresh_token_lifetime_in_seconds": 3600,
            }),
        )
        .await;
    let mut described = described(&client);
    described["private_jwk"] = Value::Object(key.as_ref().clone());
    let parameters = json!({"issuer": server.issuer(), "account": account(), "client": described});
    run("advanced.mjs", "ADVANCED", parameters).await;
}

/// A client whose program listens on `port`.
async fn client_at(server: &TestServer, port: u16, callback: &str, settings: Value) -> RelyingParty {
    client_like(server, port, callback, settings, RelyingParty::default()).await
}

async fn client_like(
    server: &TestServer,
    port: u16,
    callback: &str,
    settings: Value,
    client: RelyingParty,
) -> RelyingParty {
    let client = RelyingParty {
        redirect_uri: format!("http://localhost:{port}{callback}"),
        post_logout_redirect_uri: format!("http://localhost:{port}/after"),
        ..client
    };
    client.register(server.database()).await;
    server.database().set_for(&client.client_id, &settings).await;
    client
}

async fn go_through(server: &TestServer, parties: Value) {
    let parameters = json!({"issuer": server.issuer(), "account": account(), "parties": parties});
    run("web.mjs", "WEB", parameters).await;
}

/// A key of a client: what it signs with, and what is registered.
fn ec_key(kid: &str) -> (Jwk, Value) {
    let mut private = Jwk::generate_ec_key(EcCurve::P256).expect("a key");
    private.set_key_id(kid);
    let mut public = private.to_public_key().expect("its public half");
    public.set_key_id(kid);
    (private, json!({"keys": [public.as_ref()]}))
}

/// The same for programs that want RSA, as PEM.
fn rsa_key(kid: &str) -> (Pem, Value) {
    let pair = RsaKeyPair::generate(2048).expect("a key");
    let mut public = pair.to_jwk_public_key();
    public.set_key_id(kid);
    let text = |pem| String::from_utf8(pem).expect("PEM is text");
    let pem = Pem {
        private: text(pair.to_pem_private_key()),
        public: text(pair.to_pem_public_key()),
    };
    (pem, json!({"keys": [public.as_ref()]}))
}

/// Both halves of a key.
struct Pem {
    private: String,
    public: String,
}

#[tokio::test]
async fn express_openid_connect_signs_people_in_and_out() {
    run_express(None).await;
}

#[tokio::test]
async fn express_openid_connect_proves_itself_with_a_key() {
    run_express(Some(ec_key("express"))).await;
}

async fn run_express(key: Option<(Jwk, Value)>) {
    let folder = npm_packages("tests/conformance");
    let server = TestServer::start().await;
    let port = free_port();
    let base = format!("http://localhost:{port}");
    let mut settings = json!({
        "backchannel_logout_uri": format!("{base}/backchannel-logout"),
        "require_pushed_authorization_requests": true,
    });
    if let Some((_, public)) = &key {
        settings["token_endpoint_auth_method"] = "private_key_jwt".into();
        settings["jwks"] = public.clone();
    }
    let client = client_at(&server, port, "/callback", settings).await;
    let mut described = described(&client);
    if let Some((private, _)) = &key {
        described["private_jwk"] = Value::Object(private.as_ref().clone());
    }
    let mut command = Command::new("node");
    command.arg("express.mjs").current_dir(folder).env(
        "EXPRESS",
        json!({"port": port, "issuer": server.issuer(), "client": described}).to_string(),
    );
    let mut process = Process::start("express-openid-connect", &mut command);
    process.wait_for_line("listening on ", PATIENCE).await;
    let party = json!({
        "name": "express-openid-connect",
        "login": format!("{base}/login"),
        "me": format!("{base}/me"),
        "logout": format!("{base}/logout"),
        "after": format!("{base}/after"),
        "tells_of_logout": true,
    });
    go_through(&server, json!([party])).await;
}

#[tokio::test]
async fn the_libraries_of_python_sign_people_in_and_out() {
    let python = tokio::task::spawn_blocking(|| python_with("tests/conformance/requirements.txt"));
    let python = python.await.expect("a Python");
    let server = TestServer::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let base = format!("http://localhost:{port}");
    let pkce = json!({"require_pkce": true});
    let mozilla = client_at(&server, port, "/oidc/callback/", pkce).await;
    let (key, public) = rsa_key("authlib");
    let settings =
        json!({"require_pkce": true, "token_endpoint_auth_method": "private_key_jwt", "jwks": public});
    let authlib = client_at(&server, port, "/authlib/callback", settings).await;
    let mut authlib = described(&authlib);
    authlib["private_key"] = key.private.into();
    let given = json!({
        "port": port,
        "issuer": server.issuer(),
        "folder": folder.path(),
        "mozilla": described(&mozilla),
        "authlib": authlib,
    });
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/django_app.py");
    let mut command = Command::new(python);
    command.arg(program).env("DJANGO", given.to_string());
    let mut process = Process::start("the Django project", &mut command);
    process.wait_for_line("listening on ", PATIENCE).await;
    let party = |name: &str, login: &str, me: &str, logout: &str| {
        json!({
            "name": name,
            "login": format!("{base}{login}"),
            "me": format!("{base}{me}"),
            "logout": format!("{base}{logout}"),
            "after": format!("{base}/after"),
            "tells_of_logout": false,
        })
    };
    let parties = json!([
        party(
            "mozilla-django-oidc",
            "/oidc/authenticate/",
            "/me",
            "/oidc/logout/"
        ),
        party("authlib", "/authlib/login", "/authlib/me", "/authlib/logout"),
    ]);
    go_through(&server, parties).await;
}

#[tokio::test]
async fn the_module_of_apache_signs_people_in_and_out() {
    let debian = tokio::task::spawn_blocking(|| debian_packages(&APACHE));
    let Some(debian) = debian.await.expect("the packages") else {
        println!("this machine's distribution has no such packages: nothing was tried");
        return;
    };
    let server = TestServer::start().await;
    let port = free_port();
    let base = format!("http://localhost:{port}");
    let (key, public) = rsa_key("apache");
    let settings = json!({
        "require_pkce": true,
        "backchannel_logout_uri": format!("{base}/callback?logout=backchannel"),
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": public,
    });
    let signed = RelyingParty {
        id_token_alg: Some("ES256".into()),
        userinfo_alg: Some("ES256".into()),
        ..RelyingParty::default()
    };
    let client = client_like(&server, port, "/callback", settings, signed).await;
    let folder = tempfile::tempdir().expect("a folder");
    let configuration = apache_configuration(&debian, folder.path(), port, server.issuer(), &client);
    let file = folder.path().join("apache.conf");
    std::fs::write(&file, configuration).expect("the configuration");
    std::fs::write(folder.path().join("key.pem"), key.private).expect("the key");
    std::fs::write(folder.path().join("public.pem"), key.public).expect("its public half");
    std::fs::write(folder.path().join("after"), "signed out").expect("a page");
    std::fs::write(folder.path().join("page"), "{}").expect("a page");
    // Apache gives up its rights, and reads these files all the same.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), readable).expect("permissions");
    let mut command = Command::new(debian.join("usr/sbin/apache2"));
    command
        .args(["-X", "-f"])
        .arg(&file)
        .env("LD_LIBRARY_PATH", debian.join("usr/lib/x86_64-linux-gnu"));
    let mut process = Process::start("Apache", &mut command);
    wait_until_listening(&mut process, port, folder.path()).await;
    let party = json!({
        "name": "libapache2-mod-auth-openidc",
        "login": format!("{base}/page"),
        "me": format!("{base}/callback?info=json"),
        "logout": format!("{base}/callback?logout={base}/after"),
        "after": format!("{base}/after"),
        "tells_of_logout": true,
    });
    go_through(&server, json!([party])).await;
}

async fn wait_until_listening(process: &mut Process, port: u16, folder: &Path) {
    for _ in 0..200 {
        let log = || std::fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        assert!(process.is_running(), "{}\n{}", process.output(), log());
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("Apache does not listen");
}

fn apache_configuration(
    debian: &Path,
    folder: &Path,
    port: u16,
    issuer: &str,
    client: &RelyingParty,
) -> String {
    let (debian, folder) = (debian.display(), folder.display());
    let modules = [
        ("mpm_event_module", "mod_mpm_event"),
        ("authn_core_module", "mod_authn_core"),
        ("authz_core_module", "mod_authz_core"),
        ("authz_user_module", "mod_authz_user"),
        ("auth_openidc_module", "mod_auth_openidc"),
    ]
    .map(|(name, file)| format!("LoadModule {name} {debian}/usr/lib/apache2/modules/{file}.so\n"))
    .concat();
    format!(
        r#"{modules}
ServerRoot "{folder}"
ServerName localhost
Listen 127.0.0.1:{port}
PidFile "{folder}/apache.pid"
ErrorLog "{folder}/error.log"
LogLevel warn
User nobody
Group nogroup
DocumentRoot "{folder}"
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID "{client_id}"
OIDCPublicKeyFiles "apache#{folder}/public.pem"
OIDCPrivateKeyFiles "apache#{folder}/key.pem"
OIDCProviderTokenEndpointAuth private_key_jwt
OIDCRedirectURI http://localhost:{port}/callback
OIDCCryptoPassphrase "a secret of this relying party"
OIDCScope "{scope}"
OIDCPKCEMethod S256
OIDCIDTokenSignedResponseAlg ES256
OIDCUserInfoSignedResponseAlg ES256
OIDCRemoteUserClaim email
OIDCInfoHook userinfo
OIDCUnAuthAction auth true
<Location />
  AuthType openid-connect
  Require valid-user
</Location>
<Location /after>
  AuthType None
  Require all granted
</Location>
"#,
        client_id = client.client_id,
        scope = client.scope,
    )
}

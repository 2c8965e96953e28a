//! A small relying party: it sends a browser to the provider, checks everything that comes back and shows it.
//!
//! ```text
//! cargo run --example relying_party -- --port 3001 --client-id client_id --client-secret client_secret
//! ```
//!
//! It is a tool for trying the provider by hand and the service that the browser tests start from, so it can ask for
//! anything that the authorization endpoint understands. It keeps its sessions in memory and serves plain HTTP: it is
//! no model for a service in production, except for what it verifies (state, nonce, PKCE, `iss`, signatures,
//! algorithms, `at_hash`, the subject of userinfo).

#[path = "relying_party/failure.rs"]
mod failure;
#[path = "relying_party/pages.rs"]
mod pages;
#[path = "relying_party/parameters.rs"]
mod parameters;
#[path = "relying_party/provider.rs"]
mod provider;
#[path = "relying_party/routes.rs"]
mod routes;
#[path = "relying_party/sessions.rs"]
mod sessions;
#[path = "relying_party/userinfo.rs"]
mod userinfo;

use std::net::{IpAddr, TcpListener};

use actix_web::{App, HttpServer, web};
use clap::{Parser, ValueEnum};
use openidconnect::core::CoreJwsSigningAlgorithm;
use openidconnect::{ClientId, ClientSecret, IssuerUrl};
use url::Url;

use crate::pages::Pages;
use crate::provider::{ClientAuthentication, Provider, Registration};
use crate::routes::RelyingParty;
use crate::sessions::Sessions;

/// A service that asks people to sign in with an OpenID provider and shows what it learns about them.
#[derive(Debug, Parser)]
#[command(name = "relying_party")]
struct Arguments {
    /// Port to listen on; 0 takes a free one and prints it.
    #[arg(long, env = "RELYING_PARTY_PORT", default_value_t = 3001)]
    port: u16,
    /// Address to listen on.
    #[arg(long, env = "RELYING_PARTY_HOST", default_value = "127.0.0.1")]
    host: IpAddr,
    /// Origin that browsers use to come here; `http://localhost:<port>` when absent.
    #[arg(long, env = "RELYING_PARTY_BASE_URL")]
    base_url: Option<Url>,
    /// Name shown in the title, `<name> - ProConnect`.
    #[arg(long, env = "RELYING_PARTY_NAME", default_value = "demo-test-client")]
    name: String,
    /// The provider's issuer identifier.
    #[arg(long, env = "RELYING_PARTY_ISSUER", default_value = "http://localhost:3000")]
    issuer: String,
    /// Identifier of this service at the provider.
    #[arg(long, env = "RELYING_PARTY_CLIENT_ID", default_value = "client_id")]
    client_id: String,
    /// Secret of this service at the provider.
    #[arg(
        long,
        env = "RELYING_PARTY_CLIENT_SECRET",
        default_value = "client_secret",
        hide_env_values = true
    )]
    client_secret: String,
    /// How this service proves its identity at the token endpoint.
    #[arg(long, env = "RELYING_PARTY_CLIENT_AUTH", value_enum, default_value_t = ClientAuthentication::Post)]
    client_auth: ClientAuthentication,
    /// Scopes to ask for, separated by spaces.
    #[arg(
        long,
        env = "RELYING_PARTY_SCOPES",
        default_value = "openid email profile organization"
    )]
    scopes: String,
    /// Signature algorithm expected on ID tokens.
    #[arg(long, env = "RELYING_PARTY_ID_TOKEN_ALG", value_enum, default_value_t = SignatureAlgorithm::Rs256)]
    id_token_alg: SignatureAlgorithm,
    /// Signature algorithm expected on userinfo; plain JSON is expected when absent.
    #[arg(long, env = "RELYING_PARTY_USERINFO_ALG", value_enum)]
    userinfo_alg: Option<SignatureAlgorithm>,
    /// E-mail address to suggest to the provider.
    #[arg(long, env = "RELYING_PARTY_LOGIN_HINT", default_value = "")]
    login_hint: String,
    /// Name of the service behind this one, when this one is a federation.
    #[arg(long, env = "RELYING_PARTY_SP_NAME", default_value = "")]
    sp_name: String,
    /// Authentication context classes to ask for as a preference, separated by spaces.
    #[arg(long, env = "RELYING_PARTY_ACR_VALUES", default_value = "")]
    acr_values: String,
    /// SIRET of the organization to suggest to the provider.
    #[arg(long, env = "RELYING_PARTY_SIRET_HINT", default_value = "")]
    siret_hint: String,
}

/// The signature algorithms (RFC 7518 §3.1, RFC 8037) that this relying party can verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SignatureAlgorithm {
    #[value(name = "RS256")]
    Rs256,
    #[value(name = "PS256")]
    Ps256,
    #[value(name = "ES256")]
    Es256,
    #[value(name = "EdDSA")]
    EdDsa,
}

impl From<SignatureAlgorithm> for CoreJwsSigningAlgorithm {
    fn from(algorithm: SignatureAlgorithm) -> Self {
        match algorithm {
            SignatureAlgorithm::Rs256 => Self::RsaSsaPkcs1V15Sha256,
            SignatureAlgorithm::Ps256 => Self::RsaSsaPssSha256,
            SignatureAlgorithm::Es256 => Self::EcdsaP256Sha256,
            SignatureAlgorithm::EdDsa => Self::EdDsa,
        }
    }
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();

    let listener = TcpListener::bind((arguments.host, arguments.port))?;
    let port = listener.local_addr()?.port();
    let base_url = match &arguments.base_url {
        Some(base_url) => base_url.clone(),
        None => Url::parse(&format!("http://localhost:{port}/"))?,
    };

    let relying_party = web::Data::new(RelyingParty {
        default_parameters: parameters::defaults(&parameters::Defaults {
            scopes: &arguments.scopes,
            login_hint: &arguments.login_hint,
            acr_values: &arguments.acr_values,
            siret_hint: &arguments.siret_hint,
            sp_name: &arguments.sp_name,
        }),
        provider: Provider::new(Registration {
            issuer: IssuerUrl::new(arguments.issuer)?,
            client_id: ClientId::new(arguments.client_id),
            client_secret: ClientSecret::new(arguments.client_secret),
            client_authentication: arguments.client_auth,
            redirect_uri: base_url.join("login-callback")?,
            post_logout_redirect_uri: base_url.join("/")?,
            id_token_algorithm: arguments.id_token_alg.into(),
            userinfo_algorithm: arguments.userinfo_alg.map(Into::into),
        })?,
        pages: Pages::new(arguments.name)?,
        sessions: Sessions::new(port),
    });

    // The tests that start this program read its address from this line.
    println!("listening on {base_url}");
    // One worker: every connection to the provider then lives on the one runtime there is.
    HttpServer::new(move || {
        App::new()
            .wrap(routes::security_headers())
            .configure(|app| routes::configure(app, &relying_party))
    })
    .workers(1)
    .listen(listener)?
    .run()
    .await?;
    Ok(())
}

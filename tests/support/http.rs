//! HTTP clients, made at no cost.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;

use native_tls::TlsConnector;
use reqwest::{Client, ClientBuilder, IntoUrl, Response};

/// Reading the system's certificates takes 50 ms of a core, and a test makes up to a hundred clients: read once.
static TLS: LazyLock<TlsConnector> = LazyLock::new(|| TlsConnector::new().expect("a TLS connector"));

/// What [`reqwest::Client::builder`] gives, without reading the system's certificates anew. Servers under test listen by IPv6, too: they
/// are called by IPv4 on every machine, so that they know callers by one address.
pub fn http_client_builder() -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(TLS.clone())
        .resolve("localhost", SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// What [`reqwest::Client::new`] gives, without reading the system's certificates anew.
pub fn http_client() -> Client {
    http_client_builder().build().expect("an HTTP client")
}

/// What [`reqwest::get`] gives, without reading the system's certificates anew.
///
/// # Errors
/// When nobody answers.
pub async fn http_get(url: impl IntoUrl) -> reqwest::Result<Response> {
    http_client().get(url).send().await
}

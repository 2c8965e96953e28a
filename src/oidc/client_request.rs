//! A request of a client to an endpoint of its own, as the web floor took it from the wire.

use super::certificate::ClientCertificate;
use super::parameters::Body;

/// A POST of a relying party to the token, introspection, revocation or pushed-request endpoint.
#[derive(Debug, Clone, Default)]
pub struct ClientRequest {
    /// The header `Authorization`.
    pub authorization: Option<String>,
    pub body: Body,
    /// The header `Origin` was there: a browser script asks.
    pub has_origin: bool,
    /// The header `DPoP`; several are joined by commas, which no proof holds.
    pub dpop: Option<String>,
    /// The certificate shown where TLS is terminated, if this deployment looks at it.
    pub certificate: Option<ClientCertificate>,
    /// The answer is wanted as a signed JWT (RFC 9701), where there is such a thing.
    pub wants_jwt: bool,
}

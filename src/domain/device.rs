//! From where somebody acts: the browser, and the names under which its session is on record.

use std::net::IpAddr;

use super::network::Network;
use super::trusted_browser::TrustedBrowser;

/// The browser that a request comes from, and its address.
#[derive(Debug, Clone, Default)]
pub struct Device {
    pub user_agent: Option<String>,
    pub ip_address: Option<IpAddr>,
    /// SHA-256 of the random name that this browser keeps, to recognise it.
    pub browser: Option<[u8; 32]>,
    /// What the browser claims to have proven before.
    pub trusted: Option<TrustedBrowser>,
}

impl Device {
    /// The network that the browser is in.
    #[must_use]
    pub fn network(&self) -> Network {
        Network::of(self.ip_address)
    }
}

/// What a change of name of a session needs to know: the digest of the secret name that the browser will carry, and of the one it carried.
#[derive(Debug, Clone)]
pub struct SessionNames {
    pub digest: [u8; 32],
    pub former_digest: Option<[u8; 32]>,
}

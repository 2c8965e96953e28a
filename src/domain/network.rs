//! The network that somebody acts from: what one subscriber has.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IPv4 address, or an IPv6 network of 64 bits. Everybody without an address shares one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    V4(Ipv4Addr),
    /// The first 64 bits.
    V6([u16; 4]),
    Unknown,
}

impl Network {
    /// The network of an address. An IPv4 address is one also where it comes as IPv6 writes it.
    #[must_use]
    pub fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
            None => Self::Unknown,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => write!(formatter, "{address}"),
            Self::V6([a, b, c, d]) => {
                let first = Ipv6Addr::new(*a, *b, *c, *d, 0, 0, 0, 0);
                write!(formatter, "{first}/64")
            }
            Self::Unknown => formatter.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn a_subscriber_has_one_network() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ] {
            assert_eq!(Network::of(address.parse().ok()).to_string(), expected);
        }
        assert_eq!(Network::of(None).to_string(), "unknown");
    }
}

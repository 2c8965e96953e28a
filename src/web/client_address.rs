//! Whose request this is, with exactly one trusted proxy in front (spec/accounts.md §0.4).

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::dev::RequestHead;

/// The client's address: the right-most `X-Forwarded-For` entry when it is an address, else the peer of the socket. An IPv4 address is
/// one also where it comes as IPv6 writes it (`::ffff:192.0.2.1`), as it does from the socket that listens for both.
#[must_use]
pub fn client_address(request: &HttpRequest) -> Option<IpAddr> {
    address_of(request.head())
}

/// The same for middleware, which holds the head only.
#[must_use]
pub fn address_of(head: &RequestHead) -> Option<IpAddr> {
    let forwarded = head
        .headers()
        .get_all("x-forwarded-for")
        .last()
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next())
        .and_then(|entry| entry.trim().parse().ok());
    let address: Option<IpAddr> = forwarded.or_else(|| head.peer_addr.map(|peer| peer.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::client_address;

    #[test]
    fn the_trusted_proxy_names_the_client() {
        let peer = "192.0.2.1:4000".parse().unwrap();
        for (header, expected) in [
            (None, "192.0.2.1"),
            (Some("203.0.113.7"), "203.0.113.7"),
            (Some("198.51.100.9, 203.0.113.7"), "203.0.113.7"),
            (Some("203.0.113.7, nonsense"), "192.0.2.1"),
            (Some("2001:db8::1"), "2001:db8::1"),
            (Some("::ffff:203.0.113.7"), "203.0.113.7"),
        ] {
            let mut request = TestRequest::default().peer_addr(peer);
            if let Some(header) = header {
                request = request.insert_header(("x-forwarded-for", header));
            }
            let address = client_address(&request.to_http_request()).unwrap();
            assert_eq!(address.to_string(), expected, "{header:?}");
        }
    }

    #[test]
    fn the_peer_of_a_socket_for_both_families_has_its_own_address() {
        for (peer, expected) in [
            ("[::ffff:192.0.2.1]:4000", "192.0.2.1"),
            ("192.0.2.1:4000", "192.0.2.1"),
            ("[2001:db8::1]:4000", "2001:db8::1"),
            ("[::1]:4000", "::1"),
        ] {
            let request = TestRequest::default().peer_addr(peer.parse().unwrap());
            let address = client_address(&request.to_http_request()).unwrap();
            assert_eq!(address.to_string(), expected, "{peer}");
        }
    }
}

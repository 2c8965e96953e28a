//! Names of passkeys: the list that comes with the program, and the fresher one.

use std::time::Duration;

use super::{register, signed_in};
use crate::support::{Authenticator, KeyKind, Options, TestServer};

const WINDOWS_HELLO: [u8; 16] = 0x0898_7058_cadc_4b81_b6e1_30de_50dc_be96_u128.to_be_bytes();
/// Only the mocked list knows it.
const DEMONSTRATION: [u8; 16] = 0x5ca1_ab1e_1337_fa57_f1d0_a117_e71c_a702_u128.to_be_bytes();

#[tokio::test]
async fn passkeys_are_named_after_what_they_are() {
    let server = TestServer::start().await;
    let (_, visitor) = signed_in(&server).await;
    let mut hello = Authenticator::new(KeyKind::P256, server.issuer());
    hello.aaguid = WINDOWS_HELLO;
    let page = register(&visitor, &mut hello).await;
    assert!(
        page.texts("h4").contains(&"Windows Hello".to_owned()),
        "{:?}",
        page.texts("h4")
    );

    // The first one has made the server fetch the fresh list.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let mut demonstration = Authenticator::new(KeyKind::P256, server.issuer());
        demonstration.aaguid = DEMONSTRATION;
        let page = register(&visitor, &mut demonstration).await;
        if page.texts("h4").contains(&"Clé de démonstration".to_owned()) {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the list was not refreshed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn without_the_fresh_list_the_shipped_one_does() {
    let gone = Options::default().with("PASSKEY_AAGUIDS_URL", "http://localhost:9/nowhere.json");
    let server = TestServer::start_with(gone).await;
    let (_, visitor) = signed_in(&server).await;
    for _ in 0..2 {
        let mut hello = Authenticator::new(KeyKind::P256, server.issuer());
        hello.aaguid = WINDOWS_HELLO;
        let page = register(&visitor, &mut hello).await;
        assert!(page.texts("h4").contains(&"Windows Hello".to_owned()));
    }
}

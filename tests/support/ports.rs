//! Ports for servers under test.

use std::collections::BTreeSet;
use std::sync::Mutex;

/// Ports that no outgoing connection takes meanwhile: those begin at 32768 on Linux (`ip_local_port_range`).
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A port of the loopback interface that nobody listens on now. The process gets each one once.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    loop {
        let port = rand::random_range(PORTS);
        let is_new = GIVEN.lock().expect("the ports given").insert(port);
        if is_new && std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

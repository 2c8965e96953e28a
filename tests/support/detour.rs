//! A way to another server that a test can close, open and turn to yet another one.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use url::Url;

use super::free_port;

/// A TCP proxy on a port of its own.
pub struct Detour {
    address: SocketAddr,
    is_open: watch::Sender<bool>,
    target: watch::Sender<String>,
    /// What the other thread has made of it.
    is_listening: watch::Receiver<bool>,
}

impl Detour {
    /// Opens a way to the server that `url` names.
    pub fn to(url: &str) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", free_port())).expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a listener for the runtime");
        let address = listener.local_addr().expect("the address of the listener");
        let (is_open, opening) = watch::channel(true);
        let (listening, is_listening) = watch::channel(true);
        let (target, targets) = watch::channel(address_of(url));
        std::thread::Builder::new()
            .name("detour".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime
                    .expect("a runtime")
                    .block_on(lead(listener, targets, opening, listening));
            })
            .expect("a thread");
        Self {
            address,
            is_open,
            target,
            is_listening,
        }
    }

    /// `url` by this way.
    pub fn by_this_way(&self, url: &str) -> String {
        let mut url = Url::parse(url).expect("a URL");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.address.port())).expect("a port");
        url.to_string()
    }

    /// Leads to the server that `url` names from now on, and cuts what is connected.
    pub fn turn_to(&self, url: &str) {
        self.target.send_replace(address_of(url));
    }

    /// Cuts what is connected; nobody listens any more when this returns.
    pub fn close(&self) {
        self.set(false);
    }

    /// Ends [`Detour::close`]: somebody listens again when this returns.
    pub fn open(&self) {
        self.set(true);
    }

    fn set(&self, is_open: bool) {
        self.is_open.send_replace(is_open);
        while *self.is_listening.borrow() != is_open {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Host and port of a URL, for a connection.
fn address_of(url: &str) -> String {
    let url = Url::parse(url).expect("a URL");
    let host = url.host_str().expect("a host");
    format!("{host}:{}", url.port().unwrap_or(5432))
}

/// Leads connections to the target of the moment until the detour is dropped.
async fn lead(
    listener: std::net::TcpListener,
    target: watch::Receiver<String>,
    mut opening: watch::Receiver<bool>,
    listening: watch::Sender<bool>,
) {
    let address = listener.local_addr().expect("the address of the listener");
    let mut listener = Some(TcpListener::from_std(listener).expect("a listener"));
    loop {
        if !*opening.borrow_and_update() {
            drop(listener.take());
            listening.send_replace(false);
            if opening.changed().await.is_err() {
                return;
            }
            continue;
        }
        let open = match listener.take() {
            Some(open) => open,
            None => TcpListener::bind(address).await.expect("the port of before"),
        };
        listening.send_replace(true);
        tokio::select! {
            changed = opening.changed() => if changed.is_err() { return },
            accepted = open.accept() => if let Ok((stream, _)) = accepted {
                tokio::spawn(lead_one(stream, target.clone(), opening.clone()));
            }
        }
        listener = Some(open);
    }
}

async fn lead_one(
    mut from: TcpStream,
    mut target: watch::Receiver<String>,
    mut opening: watch::Receiver<bool>,
) {
    let address = target.borrow_and_update().clone();
    let Ok(mut to) = TcpStream::connect(address).await else {
        return;
    };
    tokio::select! {
        // Whoever hangs up ends the way; a connection that breaks does, too.
        _ = copy_bidirectional(&mut from, &mut to) => {}
        _ = opening.wait_for(|is_open| !is_open) => {}
        _ = target.changed() => {}
    }
}

//! HTTP byte by byte, for requests that no decent client sends.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::page::Page;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to a server, on which the test writes what it likes.
pub struct Wire {
    url: Url,
    stream: TcpStream,
}

impl Wire {
    /// Connects to the server at `url`.
    pub async fn open(url: &Url) -> Self {
        let address = (
            url.host_str().expect("a host"),
            url.port_or_known_default().expect("a port"),
        );
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self {
            url: url.clone(),
            stream,
        }
    }

    /// Sends bytes. A server that has hung up already is no failure: what it said is still to be read.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.ok();
    }

    /// Everything that comes until the server closes the connection.
    ///
    /// # Panics
    /// When it does not close it in time.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A connection that is reset ends as well; what came before counts.
        tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut bytes))
            .await
            .expect("the server closes the connection")
            .ok();
        bytes
    }

    /// The answer that comes until the server closes the connection.
    ///
    /// # Panics
    /// When there is none.
    pub async fn answer(&mut self) -> Page {
        let bytes = self.read_to_end().await;
        parse(&self.url, &bytes).unwrap_or_else(|| {
            panic!(
                "no answer of {}, only {:?}",
                self.url,
                String::from_utf8_lossy(&bytes)
            )
        })
    }
}

/// The bytes of a request on a connection that closes afterwards. `target` is sent as it is.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if !body.is_empty() {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// Sends one request and gives its answer.
pub async fn exchange(url: &Url, request: &[u8]) -> Page {
    let mut wire = Wire::open(url).await;
    wire.send(request).await;
    wire.answer().await
}

fn parse(url: &Url, bytes: &[u8]) -> Option<Page> {
    let end_of_head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end_of_head]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::from_str(value.trim()).ok()?,
        );
    }
    let body = &bytes[end_of_head + 4..];
    let body = if headers
        .get("transfer-encoding")
        .is_some_and(|coding| coding == "chunked")
    {
        unchunked(body)?
    } else {
        body.to_vec()
    };
    Some(Page {
        url: url.clone(),
        status,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// A body in chunks (RFC 9112 §7.1), put together.
fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let line_end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&body[..line_end]).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        let chunk = body.get(line_end + 2..line_end + 2 + size)?;
        whole.extend_from_slice(chunk);
        body = body.get(line_end + 2 + size + 2..)?;
    }
}

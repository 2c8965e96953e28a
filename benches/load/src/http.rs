//! HTTP/1.1 over one kept-alive connection, with as little work as correctness allows: the generator shares its machine
//! with the server that it measures.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::LoadError;

/// Beyond, an answer counts as missing.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);
const MOST_HEADERS: usize = 64;

/// An answer, whole.
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Bytes on the wire, head and body.
    pub transferred: usize,
}

impl Response {
    /// The first header of that name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    /// All headers of that name, which is given in lower case.
    pub fn headers_named<'r>(&'r self, name: &str) -> impl Iterator<Item = &'r str> {
        self.headers
            .iter()
            .filter(move |(candidate, _)| candidate == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text, decompressed.
    ///
    /// # Errors
    /// The body is not what its content coding says.
    pub fn text(&self) -> Result<String, LoadError> {
        let body = self.body.as_slice();
        let mut decoded = Vec::new();
        let read = match self.header("content-encoding") {
            Some("br") => brotli_decompressor::Decompressor::new(body, 4096).read_to_end(&mut decoded),
            Some("gzip") => flate2::read::GzDecoder::new(body).read_to_end(&mut decoded),
            _ => return Ok(String::from_utf8_lossy(body).into_owned()),
        };
        read.map_err(|_| LoadError::Malformed("body does not match its content coding"))?;
        Ok(String::from_utf8_lossy(&decoded).into_owned())
    }

    /// How a failure report names this answer.
    pub fn describe(&self) -> String {
        match self.header("location") {
            Some(location) => {
                let path = location.split(['?', '#']).next().unwrap_or_default();
                format!("{} to {}", self.status, without_identifiers(path))
            }
            None => self.status.to_string(),
        }
    }
}

/// Replaces path segments that differ from one journey to the next, so that failures can be counted by what they are.
fn without_identifiers(path: &str) -> String {
    let segments: Vec<_> = path
        .split('/')
        .map(|segment| {
            if segment.len() >= 20 && !segment.contains('-') {
                "…"
            } else {
                segment
            }
        })
        .collect();
    segments.join("/")
}

/// One connection to the server, opened when first used and again when the server closed it.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

impl Connection {
    /// A connection to be opened when it is needed.
    pub fn to(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
            received: Vec::with_capacity(16 * 1024),
        }
    }

    /// Sends a whole request and waits for the whole answer.
    ///
    /// # Errors
    /// The connection fails, the deadline passes, or the answer is not HTTP.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<Response, LoadError> {
        let answer = tokio::time::timeout(ANSWER_DEADLINE, self.exchange_or_retry(request)).await;
        let answer = answer.unwrap_or(Err(LoadError::Deadline(ANSWER_DEADLINE.as_secs())));
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    /// A server may close an idle connection just when a request is sent on it; RFC 9112 §9.5 lets the client try again.
    async fn exchange_or_retry(&mut self, request: &[u8]) -> Result<Response, LoadError> {
        let was_open = self.stream.is_some();
        match self.try_exchange(request).await {
            Err(LoadError::ClosedEarly | LoadError::Connection(_))
                if was_open && self.received.is_empty() =>
            {
                self.stream = None;
                self.try_exchange(request).await
            }
            answer => answer,
        }
    }

    async fn try_exchange(&mut self, request: &[u8]) -> Result<Response, LoadError> {
        self.received.clear();
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(self.address).await?;
                stream.set_nodelay(true)?;
                none.insert(stream)
            }
        };
        stream.write_all(request).await?;

        loop {
            if stream.read_buf(&mut self.received).await? == 0 {
                return Err(LoadError::ClosedEarly);
            }
            if let Some(response) = parse_response(&self.received)? {
                if response.header("connection") == Some("close") {
                    self.stream = None;
                }
                return Ok(response);
            }
        }
    }
}

/// The answer at the beginning of `received`, or nothing while it is incomplete.
fn parse_response(received: &[u8]) -> Result<Option<Response>, LoadError> {
    let mut storage = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Response::new(&mut storage);
    let parsed = head
        .parse(received)
        .map_err(|_| LoadError::Malformed("response head"))?;
    let httparse::Status::Complete(head_length) = parsed else {
        return Ok(None);
    };

    let status = head.code.unwrap_or_default();
    let headers: Vec<_> = head
        .headers
        .iter()
        .map(|header| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_ascii_lowercase(), value)
        })
        .collect();
    let named = |name: &str| {
        headers
            .iter()
            .find(|(candidate, _)| candidate == name)
            .map(|(_, value)| value)
    };

    let rest = &received[head_length..];
    let (body, body_length) = if matches!(status, 100..=199 | 204 | 304) {
        (Vec::new(), 0)
    } else if named("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        match dechunk(rest)? {
            Some(body) => body,
            None => return Ok(None),
        }
    } else {
        let length = named("content-length").and_then(|text| text.parse().ok());
        let length = length.ok_or(LoadError::Malformed("neither content-length nor chunks"))?;
        match rest.get(..length) {
            Some(body) => (body.to_vec(), length),
            None => return Ok(None),
        }
    };
    Ok(Some(Response {
        status,
        headers,
        body,
        transferred: head_length + body_length,
    }))
}

/// The body that the chunks in `wire` carry and the bytes that they took, or nothing while the last one is missing.
fn dechunk(wire: &[u8]) -> Result<Option<(Vec<u8>, usize)>, LoadError> {
    const LINE_END: usize = 2;
    let mut body = Vec::with_capacity(wire.len());
    let mut position = 0;
    loop {
        let size = httparse::parse_chunk_size(&wire[position..]);
        let size = size.map_err(|_| LoadError::Malformed("chunk size"))?;
        let httparse::Status::Complete((line_length, chunk_length)) = size else {
            return Ok(None);
        };
        let chunk_length = usize::try_from(chunk_length).map_err(|_| LoadError::Malformed("chunk size"))?;
        let start = position + line_length;
        let end = start + chunk_length;
        if wire.len() < end + LINE_END {
            return Ok(None);
        }
        body.extend_from_slice(&wire[start..end]);
        position = end + LINE_END;
        if chunk_length == 0 {
            return Ok(Some((body, position)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_only_with_its_last_byte() {
        let wire = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nhello";
        for length in 0..wire.len() {
            assert!(parse_response(&wire[..length]).unwrap().is_none(), "{length}");
        }
        let response = parse_response(wire).unwrap().unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.text().unwrap(), "hello");
        assert_eq!(
            response.headers_named("set-cookie").collect::<Vec<_>>(),
            ["a=1", "b=2"]
        );
        assert_eq!(response.transferred, wire.len());
    }

    #[test]
    fn chunks_are_put_together() {
        let wire = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        for length in 0..wire.len() {
            assert!(parse_response(&wire[..length]).unwrap().is_none(), "{length}");
        }
        assert_eq!(parse_response(wire).unwrap().unwrap().text().unwrap(), "abcde");
    }

    #[test]
    fn an_answer_without_length_is_refused() {
        assert!(parse_response(b"HTTP/1.1 200 OK\r\n\r\nhello").is_err());
        assert!(
            parse_response(b"HTTP/1.1 204 No Content\r\n\r\n")
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn failures_are_named_without_what_differs() {
        let wire = b"HTTP/1.1 303 See Other\r\nLocation: /interaction/0123456789abcdefghijklmn/login?x=1\r\nContent-Length: 0\r\n\r\n";
        let response = parse_response(wire).unwrap().unwrap();
        assert_eq!(response.describe(), "303 to /interaction/…/login");
    }
}

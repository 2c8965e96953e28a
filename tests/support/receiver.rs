//! A relying party's address that takes what is posted to it.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long one request may take to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two looks at what arrived.
const PAUSE: Duration = Duration::from_millis(50);

/// A listener that answers with the given statuses, the last one from then on.
pub struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    bodies: VecDeque<String>,
    heads: Vec<String>,
}

impl Receiver {
    /// Listens on a free port.
    pub fn start(statuses: &[u16]) -> Self {
        Self::answering(statuses.iter().map(|status| (*status, String::new())).collect())
    }

    /// Answers everything with this document.
    pub fn serving(document: String) -> Self {
        Self::answering(vec![(200, document)])
    }

    /// Answers with these documents, the last one from then on.
    pub fn serving_in_turn(documents: Vec<String>) -> Self {
        Self::answering(documents.into_iter().map(|document| (200, document)).collect())
    }

    fn answering(answers: Vec<(u16, String)>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("the address of the listener");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = Arc::clone(&seen);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Some(answer) = answers.get(number).or(answers.last()) else {
                    return;
                };
                if let Ok(stream) = stream
                    && let Some((head, body)) = take(stream, answer)
                {
                    let mut seen = noted.lock().expect("no panic under this lock");
                    seen.bodies.push_back(body);
                    seen.heads.push(head);
                }
            }
        });
        Self { address, seen }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/here", self.address)
    }

    /// The next body that arrives within `patience`.
    pub async fn next(&self, patience: Duration) -> Option<String> {
        let deadline = Instant::now() + patience;
        loop {
            let body = self
                .seen
                .lock()
                .expect("no panic under this lock")
                .bodies
                .pop_front();
            if body.is_some() || Instant::now() > deadline {
                return body;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// How many requests arrived.
    pub fn count(&self) -> usize {
        self.heads().len()
    }

    /// The heads of the requests that arrived, in their order.
    pub fn heads(&self) -> Vec<String> {
        self.seen.lock().expect("no panic under this lock").heads.clone()
    }
}

/// Head and body of a request; what is no text in the body is replaced.
fn take(mut stream: TcpStream, (status, document): &(u16, String)) -> Option<(String, String)> {
    const END_OF_HEAD: &[u8] = b"\r\n\r\n";
    stream.set_read_timeout(Some(READ_TIMEOUT)).ok()?;
    let mut request = Vec::new();
    let mut part = [0_u8; 4096];
    let arrived = loop {
        let end = request
            .windows(END_OF_HEAD.len())
            .position(|part| part == END_OF_HEAD);
        if let Some(end) = end {
            let head = String::from_utf8_lossy(&request[..end]).into_owned();
            let body = &request[end + END_OF_HEAD.len()..];
            let length = head
                .lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .and_then(|(_, value)| value.trim().parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                break (head, String::from_utf8_lossy(body).into_owned());
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(length) => request.extend_from_slice(&part[..length]),
        }
    };
    let answer = format!(
        "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{document}",
        document.len()
    );
    stream.write_all(answer.as_bytes()).ok()?;
    Some(arrived)
}

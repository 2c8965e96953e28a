//! A mailbox that a server under test sends to: a real SMTP receiver (RFC 5321) that keeps what it accepts.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mail_parser::{Message, MessageParser};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How long [`Mailbox::wait_for`] waits. Sending starts within a second of the commit; a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest message that is read, in bytes; announced in the greeting.
const MAX_MESSAGE_LENGTH: usize = 1024 * 1024;

/// Longest command line, in bytes (RFC 5321 §4.5.3.1.4, with room for extensions).
const MAX_LINE_LENGTH: u64 = 4096;

/// What the receiver does with those who call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// Messages are accepted and kept.
    Accept,
    /// Every recipient is refused with this reply, for instance `550 no such user`.
    RefuseRecipients(String),
    /// Messages are refused after they were read, with this reply, for instance `451 try later`.
    RefuseMessages(String),
    /// The connection is closed after the message was read, before any reply: the sender cannot know.
    HangUpAfterMessage,
    /// Callers are not greeted, until the behaviour changes.
    StallBeforeGreeting,
    /// Messages are read and not replied to, until the behaviour changes.
    StallAfterMessage,
    /// Nobody listens on the port.
    Down,
}

/// A message that was accepted.
#[derive(Clone, Debug)]
pub struct Mail {
    /// Address of the envelope's sender.
    pub sender: String,
    /// Addresses of the envelope's recipients.
    pub recipients: Vec<String>,
    /// The message as it came, without dot stuffing.
    pub raw: Vec<u8>,
}

impl Mail {
    /// The message, taken apart.
    pub fn message(&self) -> Message<'_> {
        MessageParser::default()
            .parse(&self.raw)
            .expect("a message that can be parsed")
    }

    /// The subject, decoded.
    pub fn subject(&self) -> String {
        self.message().subject().unwrap_or_default().to_owned()
    }

    /// The address of the `From` header.
    pub fn from(&self) -> String {
        let message = self.message();
        let address = message
            .from()
            .and_then(|from| from.first())
            .and_then(|from| from.address());
        address.unwrap_or_default().to_owned()
    }

    /// The alternative for people who read plain text.
    pub fn text(&self) -> String {
        self.message().body_text(0).unwrap_or_default().into_owned()
    }

    /// The HTML alternative.
    pub fn html(&self) -> String {
        self.message().body_html(0).unwrap_or_default().into_owned()
    }

    /// A header by its name, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        Some(self.message().header(name.to_owned())?.as_text()?.to_owned())
    }

    /// Targets of the links of the HTML alternative, in order.
    pub fn links(&self) -> Vec<String> {
        let document = scraper::Html::parse_document(&self.html());
        let anchors = scraper::Selector::parse("a[href]").expect("a selector");
        document
            .select(&anchors)
            .filter_map(|anchor| anchor.attr("href"))
            .map(str::to_owned)
            .collect()
    }

    /// The first run of `length` digits in the plain text: a code to type.
    pub fn code(&self, length: usize) -> Option<String> {
        let text = self.text();
        text.split(|character: char| !character.is_ascii_digit())
            .find(|digits| digits.len() == length)
            .map(str::to_owned)
    }
}

/// A receiver on a port of its own, and what it accepted. It ends when dropped.
pub struct Mailbox {
    address: SocketAddr,
    behaviour: watch::Sender<Behaviour>,
    mails: watch::Receiver<Vec<Arc<Mail>>>,
    /// Callers that were kept waiting so far.
    stalled: watch::Receiver<usize>,
}

impl Mailbox {
    /// Starts a receiver, on a thread of its own: it answers whatever the test is waiting for.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a listener for the runtime");
        let address = listener.local_addr().expect("the address of the listener");
        let (behaviour, behaviour_receiver) = watch::channel(Behaviour::Accept);
        let (mails_sender, mails) = watch::channel(Vec::new());
        let (stalled_sender, stalled) = watch::channel(0);
        let desk = Desk {
            behaviour: behaviour_receiver,
            mails: Arc::new(mails_sender),
            stalled: Arc::new(stalled_sender),
        };
        std::thread::Builder::new()
            .name("mailbox".into())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(receive(listener, desk));
            })
            .expect("a thread");
        Self {
            address,
            behaviour,
            mails,
            stalled,
        }
    }

    /// What `SMTP_URL` is set to.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Changes what happens to those who call from now on.
    pub fn set(&self, behaviour: Behaviour) {
        self.behaviour.send_replace(behaviour);
    }

    /// Everything accepted so far, oldest first.
    pub fn mails(&self) -> Vec<Arc<Mail>> {
        self.mails.borrow().clone()
    }

    /// Waits until somebody is kept waiting (see [`Behaviour`]).
    ///
    /// # Panics
    /// When nobody calls in time.
    pub async fn wait_until_somebody_is_stalled(&self) {
        let mut stalled = self.stalled.clone();
        let arrival = stalled.wait_for(|count| *count > 0);
        tokio::time::timeout(PATIENCE, arrival)
            .await
            .expect("somebody calls the mailbox in time")
            .expect("the mailbox runs");
    }

    /// Waits until this many mails were accepted, and gives them.
    ///
    /// # Panics
    /// When they do not come in time.
    pub async fn wait_for_count(&self, count: usize) -> Vec<Arc<Mail>> {
        let mut mails = self.mails.clone();
        let arrival = mails.wait_for(|mails| mails.len() >= count);
        let arrived = tokio::time::timeout(PATIENCE, arrival).await;
        let Ok(mails) = arrived else {
            panic!("{} mails came instead of {count}", self.mails().len());
        };
        mails.expect("the mailbox runs").clone()
    }

    /// The first mail to `recipient` with this subject; waits for it.
    ///
    /// # Panics
    /// When it does not come in time.
    pub async fn wait_for(&self, recipient: &str, subject: &str) -> Arc<Mail> {
        self.wait_for_nth(recipient, subject, 1).await
    }

    /// The `rank`th mail (from 1) to `recipient` with this subject; waits for it.
    ///
    /// # Panics
    /// When it does not come in time.
    pub async fn wait_for_nth(&self, recipient: &str, subject: &str, rank: usize) -> Arc<Mail> {
        let wanted = |mail: &&Arc<Mail>| {
            mail.recipients.iter().any(|address| address == recipient) && mail.subject() == subject
        };
        let mut mails = self.mails.clone();
        let arrival = mails.wait_for(|mails| mails.iter().filter(wanted).count() >= rank);
        match tokio::time::timeout(PATIENCE, arrival).await {
            Ok(Ok(mails)) => mails
                .iter()
                .filter(wanted)
                .nth(rank - 1)
                .expect("it has arrived")
                .clone(),
            Ok(Err(_)) => panic!("the mailbox has ended"),
            Err(_) => {
                let others: Vec<(Vec<String>, String)> = self
                    .mails()
                    .iter()
                    .map(|mail| (mail.recipients.clone(), mail.subject()))
                    .collect();
                panic!("no mail {rank} to {recipient} with subject {subject:?}; there are {others:?}");
            }
        }
    }
}

/// What the conversations share with the [`Mailbox`].
#[derive(Clone)]
struct Desk {
    behaviour: watch::Receiver<Behaviour>,
    mails: Arc<watch::Sender<Vec<Arc<Mail>>>>,
    stalled: Arc<watch::Sender<usize>>,
}

impl Desk {
    /// Keeps the caller waiting for as long as the behaviour is `stalling`, and gives what it is then.
    async fn after_stalling(&mut self, stalling: &Behaviour) -> Behaviour {
        if *self.behaviour.borrow() == *stalling {
            self.stalled.send_modify(|count| *count += 1);
        }
        match self.behaviour.wait_for(|behaviour| behaviour != stalling).await {
            Ok(behaviour) => behaviour.clone(),
            Err(_) => Behaviour::Down,
        }
    }
}

/// Accepts connections until the mailbox is dropped.
async fn receive(listener: std::net::TcpListener, desk: Desk) {
    let address = listener.local_addr().expect("the address of the listener");
    let mut behaviour = desk.behaviour.clone();
    let mut listener = Some(TcpListener::from_std(listener).expect("a listener"));
    loop {
        let now = behaviour.borrow_and_update().clone();
        if now == Behaviour::Down {
            listener = None;
            if behaviour.changed().await.is_err() {
                return;
            }
            continue;
        }
        let open = match listener.take() {
            Some(open) => open,
            None => TcpListener::bind(address).await.expect("the port of before"),
        };
        tokio::select! {
            changed = behaviour.changed() => if changed.is_err() { return },
            accepted = open.accept() => if let Ok((stream, _)) = accepted {
                let desk = desk.clone();
                tokio::spawn(async move {
                    // A sender that goes away in the middle is its own affair.
                    converse(stream, desk).await.ok();
                });
            }
        }
        listener = Some(open);
    }
}

/// One connection, command by command.
async fn converse(stream: TcpStream, mut desk: Desk) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    desk.after_stalling(&Behaviour::StallBeforeGreeting).await;
    reply(&mut stream, "220 mailbox.test ESMTP").await?;
    let mut sender = None;
    let mut recipients = Vec::new();
    loop {
        let mut line = Vec::new();
        if (&mut stream)
            .take(MAX_LINE_LENGTH)
            .read_until(b'\n', &mut line)
            .await?
            == 0
        {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let extensions = format!(
                    "250-mailbox.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE {MAX_MESSAGE_LENGTH}"
                );
                reply(&mut stream, &extensions).await?;
            }
            "HELO" | "NOOP" => reply(&mut stream, "250 ok").await?,
            "RSET" => {
                sender = None;
                recipients.clear();
                reply(&mut stream, "250 ok").await?;
            }
            "MAIL" => {
                sender = Some(address_in(&line));
                recipients.clear();
                reply(&mut stream, "250 ok").await?;
            }
            "RCPT" if sender.is_none() => reply(&mut stream, "503 MAIL first").await?,
            "RCPT" => {
                let refusal = match &*desk.behaviour.borrow() {
                    Behaviour::RefuseRecipients(answer) => Some(answer.clone()),
                    _ => None,
                };
                if refusal.is_none() {
                    recipients.push(address_in(&line));
                }
                reply(&mut stream, refusal.as_deref().unwrap_or("250 ok")).await?;
            }
            "DATA" if recipients.is_empty() => reply(&mut stream, "503 RCPT first").await?,
            "DATA" => {
                reply(&mut stream, "354 go ahead").await?;
                let Some(raw) = read_message(&mut stream).await? else {
                    return reply(&mut stream, "552 too long").await;
                };
                match desk.after_stalling(&Behaviour::StallAfterMessage).await {
                    Behaviour::HangUpAfterMessage | Behaviour::Down => return Ok(()),
                    Behaviour::RefuseMessages(answer) => reply(&mut stream, &answer).await?,
                    Behaviour::Accept
                    | Behaviour::RefuseRecipients(_)
                    | Behaviour::StallBeforeGreeting
                    | Behaviour::StallAfterMessage => {
                        let mail = Mail {
                            sender: sender.take().unwrap_or_default(),
                            recipients: std::mem::take(&mut recipients),
                            raw,
                        };
                        desk.mails.send_modify(|mails| mails.push(Arc::new(mail)));
                        reply(&mut stream, "250 kept").await?;
                    }
                }
            }
            "QUIT" => return reply(&mut stream, "221 bye").await,
            _ => reply(&mut stream, "502 not here").await?,
        }
    }
}

async fn reply(stream: &mut BufReader<TcpStream>, text: &str) -> std::io::Result<()> {
    stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).await
}

/// The message up to the line with a single dot, unstuffed (RFC 5321 §4.5.2); nothing when it is too long.
async fn read_message(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == b".\r\n" {
            return Ok(Some(message));
        }
        message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        if message.len() > MAX_MESSAGE_LENGTH {
            return Ok(None);
        }
    }
}

/// The address between the angle brackets of `MAIL FROM:<…>` or `RCPT TO:<…>`.
fn address_in(line: &str) -> String {
    let address = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    address.map_or_else(String::new, |(address, _)| address.to_owned())
}

//! The conversation with the mail server (RFC 5321), over connections that are opened when there are mails and kept for a while.
//!
//! lettre speaks the protocol. Its pool is not used: it takes back a connection that was left in the middle of a mail, and the next
//! mail would take the replies to that one for its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use identite_actors::outbox::DeliveryError;
use lettre::Message;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::Envelope;
use super::carrier::Transport;
use crate::config::{SmtpEncryption, SmtpServer};

/// Of the TCP connection to one address of the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Until the server takes mails from us: connection, greeting, encryption, authentication.
const OPENING_LIMIT: Duration = Duration::from_secs(25);
/// From the first packet to the last reply. Scanners of contents may reply after more than half a minute; the outbox gives a delivery
/// up a little later (`OutboxSettings::delivery_deadline`).
const CONVERSATION_LIMIT: Duration = Duration::from_secs(100);
/// Without a mail a connection is closed after this.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// A kept connection gives a sign of life within this, and a farewell too.
const SIGN_OF_LIFE_LIMIT: Duration = Duration::from_secs(5);

/// How long a mail server is waited for.
#[derive(Clone, Copy)]
struct Limits {
    opening: Duration,
    conversation: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            opening: OPENING_LIMIT,
            conversation: CONVERSATION_LIMIT,
        }
    }
}

/// Sends through an SMTP server.
pub struct SmtpCarrier {
    server: Arc<MailServer>,
    /// SMTP connections are driven by the process's runtime, whoever asks.
    io: Handle,
}

impl SmtpCarrier {
    /// A carrier to `server`, whose connections are driven by `io`. Nothing is connected yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(server: &SmtpServer, verify_certificates: bool, io: &Handle) -> Result<Self, smtp::Error> {
        let verifies = verify_certificates && server.verify_certificate;
        let tls = TlsParameters::builder(server.host.clone())
            .dangerous_accept_invalid_certs(!verifies)
            .build()?;
        let credentials = server.credentials.as_ref().map(|credentials| {
            let password = credentials.password.expose_secret().to_owned();
            Credentials::new(credentials.user.clone(), password)
        });
        let hello_name = match &server.hello_name {
            Some(name) => ClientId::Domain(name.clone()),
            None => ClientId::default(),
        };
        let server = MailServer {
            host: server.host.clone(),
            port: server.port,
            encryption: server.encryption,
            tls,
            credentials,
            hello_name,
            limits: Limits::default(),
            idle: Mutex::default(),
        };
        Ok(Self {
            server: Arc::new(server),
            io: io.clone(),
        })
    }
}

#[async_trait]
impl Transport for SmtpCarrier {
    /// Once this is given up, the conversation ends too: a mail that is to be tried again must not arrive after all.
    async fn send(&self, message: Message, _: &Envelope) -> Result<(), DeliveryError> {
        let server = Arc::clone(&self.server);
        let limit = server.limits.conversation;
        let talking = async move {
            let conversation = server.hand_over(&message);
            tokio::time::timeout(limit, conversation)
                .await
                .unwrap_or_else(|_| {
                    let limit = limit.as_secs();
                    Err(DeliveryError::Transient(format!(
                        "the mail server took longer than {limit} s"
                    )))
                })
        };
        let mut conversation = Conversation(self.io.spawn(talking));
        (&mut conversation.0)
            .await
            .unwrap_or_else(|error| Err(DeliveryError::Transient(error.to_string())))
    }
}

/// A task that ends when nobody waits for it any more.
struct Conversation(JoinHandle<Result<(), DeliveryError>>);

impl Drop for Conversation {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Where mails are handed over.
struct MailServer {
    host: String,
    port: u16,
    encryption: SmtpEncryption,
    tls: TlsParameters,
    credentials: Option<Credentials>,
    hello_name: ClientId,
    limits: Limits,
    /// The latest at the end. Only connections whose last mail was accepted get here: any other is closed by being dropped.
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: AsyncSmtpConnection,
    until: Instant,
}

impl MailServer {
    async fn hand_over(self: &Arc<Self>, message: &Message) -> Result<(), DeliveryError> {
        let mut connection = match self.kept().await {
            Some(connection) => connection,
            // The mail was not named yet: a refusal is about us, and may be set right.
            None => self.open_in_time().await?,
        };
        connection
            .send(message.envelope(), &message.formatted())
            .await
            .map_err(|error| refusal(&error))?;
        self.keep(connection);
        Ok(())
    }

    /// Only a mail that was handed over is waited for as long as it takes.
    async fn open_in_time(&self) -> Result<AsyncSmtpConnection, DeliveryError> {
        let opened = tokio::time::timeout(self.limits.opening, self.open()).await;
        let Ok(opened) = opened else {
            let limit = self.limits.opening.as_secs();
            return Err(DeliveryError::Transient(format!(
                "the mail server was not ready within {limit} s"
            )));
        };
        opened.map_err(|error| transient(&error))
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let from_the_first_byte = self.encryption == SmtpEncryption::Implicit;
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (self.host.as_str(), self.port),
            Some(CONNECT_TIMEOUT),
            &self.hello_name,
            from_the_first_byte.then(|| self.tls.clone()),
            None,
        )
        .await?;
        let upgrades = match self.encryption {
            SmtpEncryption::Required => true,
            SmtpEncryption::Opportunistic => connection.can_starttls(),
            SmtpEncryption::Implicit | SmtpEncryption::Never => false,
        };
        if upgrades {
            connection.starttls(self.tls.clone(), &self.hello_name).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is open already and answers.
    async fn kept(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let mut connection = self.idle().pop()?.connection;
            let sign_of_life = tokio::time::timeout(SIGN_OF_LIFE_LIMIT, connection.test_connected()).await;
            if sign_of_life == Ok(true) {
                return Some(connection);
            }
        }
    }

    fn keep(self: &Arc<Self>, connection: AsyncSmtpConnection) {
        let until = Instant::now() + KEPT_FOR;
        self.idle().push(Idle { connection, until });
        let server = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(KEPT_FOR).await;
            if let Some(server) = server.upgrade() {
                server.take_leave().await;
            }
        });
    }

    /// Closes what nobody has used for long.
    async fn take_leave(&self) {
        let now = Instant::now();
        let rested: Vec<Idle> = self.idle().extract_if(.., |idle| idle.until <= now).collect();
        for mut idle in rested {
            // It is closed whatever the server says.
            let _ = tokio::time::timeout(SIGN_OF_LIFE_LIMIT, idle.connection.quit()).await;
        }
    }
}

fn transient(error: &smtp::Error) -> DeliveryError {
    DeliveryError::Transient(without_addresses(&error.to_string()))
}

/// A mail that was named was not accepted.
fn refusal(error: &smtp::Error) -> DeliveryError {
    let reply = error.status().map(u16::from);
    if reply.is_some_and(is_about_the_mail) {
        DeliveryError::Permanent(without_addresses(&error.to_string()))
    } else {
        transient(error)
    }
}

/// Whether a reply (RFC 5321 §4.2.3) means that this mail will be refused whenever it comes: it is about the recipient or the message.
/// Replies about our account (530 and those like it, RFC 4954 §6), room (552) or the state of the conversation say nothing of the mail.
fn is_about_the_mail(reply: u16) -> bool {
    matches!(reply, 501 | 550 | 551 | 553 | 554 | 555)
}

/// What a mail server said, for the log: servers like to repeat the recipient's address.
fn without_addresses(reply: &str) -> String {
    let words = reply
        .split(' ')
        .map(|word| if word.contains('@') { "<…>" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::thread::JoinHandle;

    use super::*;

    fn carrier_to(port: u16) -> SmtpCarrier {
        let server = SmtpServer {
            host: "127.0.0.1".to_owned(),
            port,
            encryption: SmtpEncryption::Never,
            verify_certificate: true,
            credentials: None,
            hello_name: None,
        };
        SmtpCarrier::new(&server, true, &Handle::current()).unwrap()
    }

    fn mail() -> (Message, Envelope) {
        let message = Message::builder()
            .from("a@exemple.fr".parse().unwrap())
            .to("b@exemple.fr".parse().unwrap())
            .body("…".to_owned())
            .unwrap();
        let envelope = Envelope {
            to: "b@exemple.fr".to_owned(),
            subject: String::new(),
            html: String::new(),
            text: String::new(),
            tag: String::new(),
        };
        (message, envelope)
    }

    /// What is said to whoever hands a mail over, up to the text of the mail.
    static REPLIES: [&str; 5] = ["220 mail", "250 mail", "250 ok", "250 ok", "354 go on"];

    /// A mail server that says so many of the replies to one caller, the first one at once and the others after a line each. Then it keeps
    /// silent. What it heard is told once the caller is gone.
    fn server_that_says(replies: usize) -> (u16, JoinHandle<Vec<String>>) {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listening = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let incoming = BufReader::new(stream.try_clone().unwrap());
            let mut lines = incoming.lines().map_while(Result::ok);
            let mut heard = Vec::new();
            for (rank, reply) in REPLIES[..replies].iter().enumerate() {
                if rank > 0 {
                    heard.extend(lines.next());
                }
                write!(stream, "{reply}\r\n").unwrap();
            }
            heard.extend(lines);
            heard
        });
        (port, listening)
    }

    #[tokio::test]
    async fn a_mail_server_that_keeps_silent_is_left_in_time() {
        let never_greets = Limits {
            opening: Duration::from_millis(200),
            ..Limits::default()
        };
        let stalls_after_data = Limits {
            conversation: Duration::from_secs(2),
            ..Limits::default()
        };
        for (replies, limits, reason) in [
            (0, never_greets, "was not ready"),
            (REPLIES.len(), stalls_after_data, "took longer"),
        ] {
            let (port, listening) = server_that_says(replies);
            let mut carrier = carrier_to(port);
            Arc::get_mut(&mut carrier.server).unwrap().limits = limits;
            let (message, envelope) = mail();
            match carrier.send(message, &envelope).await {
                Err(DeliveryError::Transient(told)) => assert!(told.contains(reason), "{told}"),
                outcome => panic!("{outcome:?}"),
            }
            let heard = listening.join().unwrap();
            assert_eq!(heard.iter().any(|line| line == "DATA"), replies > 0, "{heard:?}");
        }
    }

    #[test]
    fn replies_are_told_without_addresses() {
        assert_eq!(
            without_addresses(
                "permanent error (550): 5.1.1 <agent@exemple.fr>: no such user agent@exemple.fr"
            ),
            "permanent error (550): 5.1.1 <…> no such user <…>"
        );
        assert_eq!(without_addresses("Connection refused"), "Connection refused");
    }

    #[test]
    fn only_what_is_said_of_the_recipient_or_the_message_is_for_good() {
        for (reply, expected) in [
            (421, false),
            (450, false),
            (451, false),
            (452, false),
            (500, false),
            (501, true),
            (502, false),
            (503, false),
            (530, false),
            (534, false),
            (535, false),
            (538, false),
            (550, true),
            (551, true),
            (552, false),
            (553, true),
            (554, true),
            (555, true),
        ] {
            assert_eq!(is_about_the_mail(reply), expected, "{reply}");
        }
    }

    #[tokio::test]
    async fn a_conversation_ends_with_whoever_waits_for_it() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let carrier = carrier_to(listener.local_addr().unwrap().port());
        let (message, envelope) = mail();
        let stream = tokio::select! {
            _ = carrier.send(message, &envelope) => panic!("nobody has greeted"),
            accepted = listener.accept() => accepted.unwrap().0,
        };
        let ends = async {
            loop {
                stream.readable().await.unwrap();
                match stream.try_read(&mut [0; 16]) {
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    Ok(0) | Err(_) => break,
                    Ok(_) => panic!("the client speaks first"),
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(10), ends).await;
        assert!(ended.is_ok(), "the connection is still open");
    }
}

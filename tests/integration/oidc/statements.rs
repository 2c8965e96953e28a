//! What a signed-in journey costs in statements, overheard on the way to PostgreSQL.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use url::Url;

use crate::support::{
    EMAIL, ORGANIZATION, Options, PASSWORD, RelyingParty, TestDatabase, TestServer, Visitor,
};

const JOURNEYS: usize = 3;
const STATEMENTS_PER_JOURNEY: usize = 4;

/// What was executed on each connection, in its order.
#[derive(Clone, Default)]
struct Executed(Arc<Mutex<Vec<Vec<String>>>>);

impl Executed {
    fn connections(&self) -> MutexGuard<'_, Vec<Vec<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// On the connection over which people sign in to services.
    fn of_worker(&self) -> Vec<String> {
        let writes_connections = |statements: &&Vec<String>| {
            statements
                .iter()
                .any(|statement| statement.contains("INSERT INTO users_oidc_clients"))
        };
        let connections = self.connections();
        connections
            .iter()
            .filter(writes_connections)
            .flatten()
            .cloned()
            .collect()
    }
}

/// A way to the PostgreSQL server of `database_url`, as the URL of this way.
fn overheard_way(database_url: &str, executed: &Executed) -> String {
    let mut url = Url::parse(database_url).expect("a URL");
    let server = format!(
        "{}:{}",
        url.host_str().expect("a host"),
        url.port().unwrap_or(5432)
    );
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(port)).expect("a port");
    // What is encrypted cannot be overheard.
    url.query_pairs_mut().append_pair("sslmode", "disable");

    let executed = executed.clone();
    thread::spawn(move || {
        for from in listener.incoming() {
            let to = TcpStream::connect(&server);
            if let (Ok(from), Ok(to)) = (from, to) {
                lead(from, to, &executed).expect("a way for each direction");
            }
        }
    });
    url.into()
}

/// Leads what comes `from` a client `to` the server, and back, until one of them hangs up.
fn lead(mut from: TcpStream, mut to: TcpStream, executed: &Executed) -> io::Result<()> {
    from.set_nodelay(true)?;
    to.set_nodelay(true)?;
    let (mut answers, mut asker) = (to.try_clone()?, from.try_clone()?);
    thread::spawn(move || io::copy(&mut answers, &mut asker));
    let executed = executed.clone();
    let connection = executed.connections().len();
    executed.connections().push(Vec::new());
    thread::spawn(move || {
        let note = |statement| executed.connections()[connection].push(statement);
        // The end of a connection, however it comes.
        let _ = overhear(&mut from, &mut to, note);
        let _ = to.shutdown(Shutdown::Both);
    });
    Ok(())
}

/// Hands messages on (PostgreSQL's protocol, version 3) and notes the statements that they execute, before the server knows of them.
fn overhear(from: &mut impl Read, to: &mut impl Write, mut note: impl FnMut(String)) -> io::Result<()> {
    // Who connects: the one message without a tag.
    to.write_all(&read_message(from)?)?;
    let mut prepared: HashMap<String, String> = HashMap::new();
    loop {
        let mut tag = [0];
        from.read_exact(&mut tag)?;
        let message = read_message(from)?;
        let mut texts = message[4..]
            .split(|byte| *byte == 0)
            .map(|text| String::from_utf8_lossy(text).into_owned());
        let mut text = || texts.next().unwrap_or_default();
        match tag[0] {
            // Parse: the name of a statement, and the statement.
            b'P' => {
                let name = text();
                prepared.insert(name, text());
            }
            // Bind, which is executed next: the name of the result, and that of the statement.
            b'B' => {
                text();
                note(prepared.get(&text()).cloned().unwrap_or_default());
            }
            // A statement without parameters, as it is.
            b'Q' => note(text()),
            _ => {}
        }
        to.write_all(&[&tag[..], &message[..]].concat())?;
    }
}

/// The length of a message, which counts itself, and the rest of it.
fn read_message(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut message = length.to_vec();
    message.resize(u32::from_be_bytes(length) as usize, 0);
    from.read_exact(&mut message[4..])?;
    Ok(message)
}

/// Authorization, tokens, userinfo, as `script/bench` makes them.
async fn make_journey(server: &TestServer, client: &RelyingParty, visitor: &Visitor) {
    let code = client.code(server, visitor, &[]).await;
    let (status, tokens) = client.redeem(server, &code, &[]).await;
    assert_eq!(status, 200, "{tokens}");
    let answer = crate::support::http_client()
        .get(server.base_url.join("oauth/userinfo").expect("a path"))
        .bearer_auth(tokens["access_token"].as_str().expect("a token"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_signed_in_journey_takes_four_statements() {
    let database = TestDatabase::create().await;
    database.make_sign_in_cheap().await;
    let executed = Executed::default();
    let way = overheard_way(&database.url, &executed);
    // One connection for the worker, over which nothing is written later either, and one for the actors.
    let options = Options::default()
        .with("DATABASE_URL", &way)
        .with("WORKERS", "1")
        .with("DATABASE_POOL_SIZE", "2")
        .with("FEATURE_PASSWORD_UPGRADE", "False");
    let server = TestServer::start_on(database, options).await;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    visitor.select_organization(ORGANIZATION).await;
    // The first one also asks for what is prepared once.
    make_journey(&server, &client, &visitor).await;

    let before = executed.of_worker().len();
    for _ in 0..JOURNEYS {
        make_journey(&server, &client, &visitor).await;
    }
    let made = &executed.of_worker()[before..];
    assert_eq!(made.len(), JOURNEYS * STATEMENTS_PER_JOURNEY, "{made:#?}");
}

//! Hashes of passwords in the whole server: the upgrade of older ones, and overload.

use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::header::RETRY_AFTER;

use crate::support::{EMAIL, Options, PASSWORD, Process, TestServer, Visitor};

/// Passes the policy, and is longer than bcrypt reads.
const CHOSEN: &str = "une phrase secrète que personne ne devinera, et que bcrypt ne lit pas jusqu’au bout";

const PATIENCE: Duration = Duration::from_secs(10);

async fn hash_of(server: &TestServer) -> String {
    let client = server.database().pool().get().await.expect("a connection");
    let row = client
        .query_one("SELECT encrypted_password FROM users WHERE email = $1", &[&EMAIL])
        .await;
    row.expect("the account").get(0)
}

async fn wait_for_argon2id(server: &TestServer) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let hash = hash_of(server).await;
        if hash.starts_with("$argon2id$") {
            return hash;
        }
        assert!(Instant::now() < deadline, "still {hash}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn an_older_hash_is_replaced_after_the_sign_in() {
    let server = TestServer::start().await;
    let former = hash_of(&server).await;
    assert!(former.starts_with("$2a$10$"));
    let visitor = server.visitor();
    visitor.start_sign_in(EMAIL).await;
    let page = visitor.sign_in("a wrong password").await;
    assert_eq!(page.url.query(), Some("notification=invalid_credentials"));
    assert_eq!(hash_of(&server).await, former, "a wrong password changes nothing");

    assert_eq!(visitor.sign_in(PASSWORD).await.url.path(), "/");
    let upgraded = wait_for_argon2id(&server).await;
    assert!(
        upgraded.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{upgraded}"
    );
    let again = server.visitor();
    assert_eq!(again.sign_in_as(EMAIL, PASSWORD).await.url.path(), "/");
    let page = server.visitor().sign_in_as(EMAIL, "a wrong password").await;
    assert_eq!(page.url.query(), Some("notification=invalid_credentials"));
    assert_eq!(hash_of(&server).await, upgraded, "it is as it should be");
    assert_eq!(
        visitor.get("/").await.url.path(),
        "/",
        "nobody was signed out by it"
    );
    server
        .expect_discreet_log(&[PASSWORD, "a wrong password", &upgraded, &former])
        .await;
}

#[tokio::test]
async fn a_hash_stays_while_the_way_back_is_kept_open() {
    let server = TestServer::start_with(Options::default().with("FEATURE_PASSWORD_UPGRADE", "False")).await;
    let former = hash_of(&server).await;
    let visitor = server.visitor();
    assert_eq!(visitor.sign_in_as(EMAIL, PASSWORD).await.url.path(), "/");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(hash_of(&server).await, former);

    // What is chosen meanwhile can be read there, too: at a sign-up and at a reset.
    let newcomer = server.visitor();
    let page = newcomer.start_sign_in("nouveau@exemple.fr").await;
    newcomer
        .submit(&page, "/users/sign-up", &[("password", CHOSEN)])
        .await;
    let page = visitor.get("/users/reset-password").await;
    visitor
        .submit(&page, "/users/reset-password", &[("login", EMAIL)])
        .await;
    let mail = server
        .mailbox
        .wait_for(EMAIL, "Instructions pour la réinitialisation du mot de passe")
        .await;
    let page = visitor.get(&mail.links()[0]).await;
    visitor
        .submit(&page, "/users/change-password", &[("password", CHOSEN)])
        .await;
    for email in ["nouveau@exemple.fr", EMAIL] {
        let client = server.database().pool().get().await.expect("a connection");
        let query = "SELECT encrypted_password FROM users WHERE email = $1";
        let row = client.query_one(query, &[&email]).await.expect("the account");
        let hash: String = row.get(0);
        assert!(hash.starts_with("$2b$10$") && hash.len() == 60, "{email}: {hash}");
        assert!(bcrypt::verify(CHOSEN, &hash).expect("a hash"));
        assert_ne!(hash, former);
        server.visitor().start_sign_in(email).await;
    }
    assert_eq!(server.visitor().sign_in_as(EMAIL, CHOSEN).await.url.path(), "/");
}

#[tokio::test]
async fn another_cost_is_taken_up_at_the_next_sign_in() {
    let cheap = Options::default()
        .with("ARGON2_MEMORY_KIB", "64")
        .with("ARGON2_ITERATIONS", "1");
    let server = TestServer::start_with(cheap).await;
    server.database().make_sign_in_cheap().await;
    server.visitor().sign_in_as(EMAIL, PASSWORD).await;
    let hash = wait_for_argon2id(&server).await;
    assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
}

/// Memory that a process uses now.
fn memory_in_kib(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .expect("a size");
    number.parse().expect("a number")
}

#[tokio::test]
async fn more_sign_ins_than_can_be_served_are_sent_away_at_once_and_others_are_served() {
    let options = Options::default()
        .with("PASSWORD_HASHER_THREADS", "1")
        .with("PASSWORD_HASHER_QUEUE", "2")
        .with("FEATURE_PASSWORD_UPGRADE", "False");
    let mut server = TestServer::start_with(options).await;
    // Slow enough to be in the way of each other, whatever the machine.
    let slow = bcrypt::hash_with_result(PASSWORD, 11)
        .expect("a hash")
        .to_string();
    server
        .database()
        .execute(&format!(
            "UPDATE users SET encrypted_password = '{slow}' WHERE email = '{EMAIL}'"
        ))
        .await;
    let visitors: Vec<Visitor> = (0..16).map(|_| server.visitor()).collect();
    for visitor in &visitors {
        visitor.start_sign_in(EMAIL).await;
    }
    let forms = join_all(visitors.iter().map(|visitor| visitor.get("/users/sign-in"))).await;

    let sign_ins = join_all(visitors.iter().zip(&forms).map(async |(visitor, form)| {
        let began = Instant::now();
        let page = visitor
            .submit(form, "/users/sign-in", &[("password", PASSWORD)])
            .await;
        (page, began.elapsed())
    }));
    let passer_by = server.visitor();
    let others = async {
        let mut longest = Duration::ZERO;
        let mut at_the_door = 0;
        for _ in 0..10 {
            let began = Instant::now();
            assert_eq!(passer_by.get("/users/start-sign-in").await.status, 200);
            longest = longest.max(began.elapsed());
            // Without an address typed this leads to the first page; unless nobody looks, for lack of room.
            let answer = passer_by.post("/users/sign-in", &[("password", PASSWORD)]).await;
            at_the_door += usize::from(answer.status == 503);
        }
        (longest, at_the_door)
    };
    let (answers, (longest, at_the_door)) = tokio::join!(sign_ins, others);
    assert!(
        at_the_door > 0,
        "who is refused is refused before anything is asked"
    );
    let let_in = answers.iter().filter(|(page, _)| page.url.path() == "/").count();
    let refused: Vec<_> = answers.iter().filter(|(page, _)| page.status == 503).collect();
    assert!(let_in >= 1, "somebody is served");
    assert!(refused.len() >= 8, "{} were refused", refused.len());
    assert_eq!(let_in + refused.len(), answers.len());
    for (page, _) in &refused {
        page.expect_error(503, "Beaucoup de personnes se connectent en ce moment");
        let seconds: u64 = page.headers[RETRY_AFTER]
            .to_str()
            .expect("ASCII")
            .parse()
            .expect("seconds");
        assert!((1..=60).contains(&seconds), "{seconds}");
    }
    assert!(longest < Duration::from_secs(2), "others waited {longest:?}");
    assert!(memory_in_kib(server.process()) < 300 * 1024);

    // Whoever was sent away comes back with the same form.
    let (visitor, form) = visitors
        .iter()
        .zip(&forms)
        .zip(&answers)
        .find_map(|(pair, (page, _))| (page.status == 503).then_some(pair))
        .expect("somebody was refused");
    let page = visitor
        .submit(form, "/users/sign-in", &[("password", PASSWORD)])
        .await;
    assert_eq!(page.url.path(), "/");
    server.expect_discreet_log(&[EMAIL, PASSWORD]).await;
}

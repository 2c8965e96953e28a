//! What works once works once, however many try at the same moment, on one node or on two.

use futures::future::join_all;

use super::{GOOD_PASSWORD, MAGIC_LINK, RESET_PASSWORD, VERIFY_EMAIL, insert_user, mailed_link, parameter};
use crate::support::{Node, Options, TestRedis, TestServer, Visitor};

const EMAIL: &str = "agent@exemple.fr";
const AT_ONCE: usize = 50;

/// One node with a memory of its own, or two that share a Redis.
struct House {
    server: TestServer,
    second: Option<Node>,
    /// After its users.
    _redis: Option<TestRedis>,
}

impl House {
    async fn alone() -> Self {
        Self {
            server: TestServer::start().await,
            second: None,
            _redis: None,
        }
    }

    async fn of_two_nodes() -> Self {
        let redis = TestRedis::start().await;
        let server = TestServer::start_with(Options::default().with("REDIS_URL", &redis.url())).await;
        let second = Some(server.start_node().await);
        Self {
            server,
            second,
            _redis: Some(redis),
        }
    }

    /// The same browser, at one node or the other.
    fn somewhere(&self, visitor: &Visitor, number: usize) -> Visitor {
        match &self.second {
            Some(node) if number % 2 == 1 => visitor.at(&node.base_url),
            _ => visitor.clone(),
        }
    }

    /// Sends the form that `path` shows from as many browsers at the same moment; each in turn to another node. Gives the
    /// statuses of the pages that they lead to.
    async fn submit_at_once(&self, path: &str, values: &[(&str, &str)]) -> Vec<u16> {
        let visitors: Vec<_> = (0..AT_ONCE)
            .map(|number| self.somewhere(&self.server.visitor(), number))
            .collect();
        let pages = join_all(visitors.iter().map(|visitor| visitor.get(path))).await;
        // Filled in before the first one leaves: what is computed in between would hold up all others.
        let requests: Vec<_> = visitors
            .iter()
            .zip(&pages)
            .map(|(visitor, page)| visitor.fill_in(page, page.url.path(), values))
            .collect();
        join_all(requests.into_iter().map(async |request| {
            let answer = request.send().await.expect("an answer");
            answer.status().as_u16()
        }))
        .await
    }

    async fn count(&self, kind: &str) -> i64 {
        let query = format!("SELECT count(*) FROM identite_events WHERE kind = '{kind}'");
        self.server.database().count(&query).await
    }

    async fn sign_ins(&self, email: &str) -> i64 {
        let query =
            format!("SELECT coalesce(sum(sign_in_count), 0)::bigint FROM users WHERE email = '{email}'");
        self.server.database().count(&query).await
    }
}

/// A link that is kept with the account, and one that waits in the shared state for an address without account.
async fn a_magic_link(house: &House) {
    insert_user(house.server.database(), EMAIL, &[]).await;
    for email in [EMAIL, "nouvelle@exemple.fr"] {
        let asking = house.server.visitor();
        let page = asking.start_sign_in(email).await;
        asking.submit(&page, "/users/send-magic-link", &[]).await;
        let link = mailed_link(&house.server, email, MAGIC_LINK, 1).await;
        let statuses = house.submit_at_once(&link, &[]).await;
        assert_eq!(statuses, [200; AT_ONCE]);
        assert_eq!(house.sign_ins(email).await, 1, "{email}");
    }
    assert_eq!(house.count("account_created").await, 1);
}

async fn a_code(house: &House) {
    insert_user(house.server.database(), EMAIL, &[("email_verified", "false")]).await;
    let visitor = house.server.visitor();
    let page = visitor.sign_in_as(EMAIL, super::PASSWORD).await;
    let mail = house.server.mailbox.wait_for(EMAIL, VERIFY_EMAIL).await;
    let code = mail.code(10).expect("a code");
    // All from the session that the code belongs to: beyond its guesses, they are refused.
    let values = [("verify_email_token", code.as_str())];
    let mut fields = page.form("/users/verify-email").fields;
    fields.retain(|(name, _)| name != values[0].0);
    fields.push((values[0].0.to_owned(), code.clone()));
    let fields = &fields;
    let answers = join_all((0..AT_ONCE).map(|number| {
        let visitor = house.somewhere(&visitor, number);
        async move {
            let answer = visitor
                .client()
                .post(visitor.url("/users/verify-email"))
                .form(fields)
                .send()
                .await;
            answer.expect("an answer").status().as_u16()
        }
    }))
    .await;
    assert!(
        answers.iter().all(|status| matches!(status, 200 | 429)),
        "{answers:?}"
    );
    assert_eq!(house.count("email_verified").await, 1);
    assert_eq!(visitor.get("/").await.url.path(), "/");
}

async fn a_reset(house: &House) {
    insert_user(house.server.database(), EMAIL, &[]).await;
    let visitor = house.server.visitor();
    let page = visitor.get("/users/reset-password").await;
    visitor
        .submit(&page, "/users/reset-password", &[("login", EMAIL)])
        .await;
    let link = mailed_link(&house.server, EMAIL, RESET_PASSWORD, 1).await;
    assert_eq!(parameter(&link, "reset_password_token").len(), 64);
    let statuses = house.submit_at_once(&link, &[("password", GOOD_PASSWORD)]).await;
    assert_eq!(statuses, [200; AT_ONCE]);
    assert_eq!(house.count("password_changed").await, 1);
}

#[tokio::test]
async fn a_magic_link_works_once_on_one_node() {
    a_magic_link(&House::alone().await).await;
}

#[tokio::test]
async fn a_magic_link_works_once_on_two_nodes() {
    a_magic_link(&House::of_two_nodes().await).await;
}

#[tokio::test]
async fn a_code_works_once_on_one_node() {
    a_code(&House::alone().await).await;
}

#[tokio::test]
async fn a_code_works_once_on_two_nodes() {
    a_code(&House::of_two_nodes().await).await;
}

#[tokio::test]
async fn a_link_to_another_password_works_once_on_one_node() {
    let options = Options::default().with("PASSWORD_HASHER_QUEUE", "100");
    let server = TestServer::start_with(cheap(options)).await;
    a_reset(&House {
        server,
        second: None,
        _redis: None,
    })
    .await;
}

#[tokio::test]
async fn a_link_to_another_password_works_once_on_two_nodes() {
    let redis = TestRedis::start().await;
    let options = Options::default()
        .with("PASSWORD_HASHER_QUEUE", "100")
        .with("REDIS_URL", &redis.url());
    let server = TestServer::start_with(cheap(options)).await;
    let second = Some(server.start_node().await);
    a_reset(&House {
        server,
        second,
        _redis: Some(redis),
    })
    .await;
}

/// Hashes that take no time: it is the link that is tried.
fn cheap(options: Options) -> Options {
    options
        .with("ARGON2_MEMORY_KIB", "64")
        .with("ARGON2_ITERATIONS", "1")
}

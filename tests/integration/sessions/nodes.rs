//! Two processes, one database: with a Redis that they share, and each with a memory of its own.

use futures::future::join_all;
use url::Url;

use crate::support::wire::{exchange, request};
use crate::support::{EMAIL, Node, ORGANIZATION, Options, PASSWORD, RelyingParty, TestRedis, TestServer};

const START: &str = "/users/start-sign-in";

struct Cluster {
    first: TestServer,
    second: Node,
    /// After its users.
    redis: Option<TestRedis>,
}

impl Cluster {
    async fn start(shares_redis: bool) -> Self {
        let redis = if shares_redis {
            Some(TestRedis::start().await)
        } else {
            None
        };
        let options = match &redis {
            Some(redis) => Options::default().with("REDIS_URL", &redis.url()),
            None => Options::default(),
        };
        let first = TestServer::start_with(options).await;
        first.database().make_sign_in_cheap().await;
        let second = first.start_node().await;
        Self { first, second, redis }
    }
}

/// Whether a node takes this cookie for somebody who is signed in.
async fn accepts(node: &Url, session: &str) -> bool {
    let cookie = format!("session={session}");
    let answer = exchange(node, &request("GET", "/", &[("Cookie", &cookie)], b"")).await;
    assert!(matches!(answer.status.as_u16(), 200 | 302), "{}", answer.text());
    answer.status == 200
}

async fn a_logout_holds_everywhere(shares_redis: bool) {
    let cluster = Cluster::start(shares_redis).await;
    let (here, there) = (&cluster.first.base_url, &cluster.second.base_url);
    for _ in 0..5 {
        let visitor = cluster.first.visitor();
        visitor.sign_in_as(EMAIL, PASSWORD).await;
        let session = visitor.cookie("/", "session").expect("a session");
        assert!(accepts(there, &session).await, "a sign-in holds everywhere, too");

        // Requests of other tabs are under way at the other node meanwhile.
        let others = join_all((0..5).map(|_| accepts(there, &session)));
        let (_, page) = tokio::join!(others, visitor.sign_out());
        assert_eq!(page.url.path(), "/users/start-sign-in/");
        assert!(!accepts(there, &session).await, "signed out at the other node");
        assert!(!accepts(here, &session).await);
    }
}

#[tokio::test]
async fn a_logout_is_known_to_the_other_node_at_once() {
    a_logout_holds_everywhere(true).await;
}

#[tokio::test]
async fn a_logout_is_known_to_a_node_that_shares_nothing_but_the_database() {
    a_logout_holds_everywhere(false).await;
}

#[tokio::test]
async fn a_sign_in_goes_from_node_to_node_at_every_step() {
    let cluster = Cluster::start(true).await;
    let server = &cluster.first;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let here = server.visitor();
    let there = here.at(&cluster.second.base_url);

    let request = client.authorization_url(server, &[]);
    let target = format!("{}?{}", request.path(), request.query().unwrap_or_default());
    let page = there.get(&target).await;
    assert_eq!(page.url.path(), START);
    let page = here.get(START).await;
    let form = there.get(START).await;
    assert_eq!(page.form_token(), form.form_token());
    there.submit(&form, START, &[("login", EMAIL)]).await;
    let page = here.sign_in(PASSWORD).await;
    assert_eq!(page.url.path(), "/users/select-organization");
    let page = there.get("/users/select-organization").await;
    let organization = ORGANIZATION.to_string();
    let fields = [("organization_id", organization.as_str())];
    // The last redirects lead to the public origin.
    let answer = there.submit(&page, "/users/select-organization", &fields).await;
    let answer = here.get(answer.location().as_str()).await;
    let code = crate::support::parameter(&answer.location(), "code").expect("a code");

    let (status, answer) = client.redeem_at(&cluster.second.base_url, &code, &[]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        client.redeem(server, &code, &[]).await.0,
        400,
        "the first node knows that the code was used"
    );
    assert!(cluster.redis.as_ref().expect("Redis").size().await > 0);
}

#[tokio::test]
async fn of_attempts_at_both_nodes_on_a_code_at_most_one_succeeds() {
    let cluster = Cluster::start(true).await;
    let server = &cluster.first;
    let client = RelyingParty::default();
    client.register(server.database()).await;
    let visitor = server.visitor();
    visitor.sign_in_as(EMAIL, PASSWORD).await;
    visitor.select_organization(ORGANIZATION).await;
    for _ in 0..3 {
        let code = client.code(server, &visitor, &[]).await;
        let attempts = (0..10).map(|number| {
            let node = if number % 2 == 0 {
                &server.base_url
            } else {
                &cluster.second.base_url
            };
            client.redeem_at(node, &code, &[])
        });
        let answers = join_all(attempts).await;
        let accepted: Vec<_> = answers.iter().filter(|(status, _)| *status == 200).collect();
        assert_eq!(accepted.len(), 1, "{answers:?}");
        // The attempts of others have revoked what it gave.
        let authorization = format!(
            "Bearer {}",
            accepted[0].1["access_token"].as_str().expect("a token")
        );
        let userinfo = request(
            "GET",
            "/oauth/userinfo",
            &[("Authorization", &authorization)],
            b"",
        );
        assert_eq!(exchange(&cluster.second.base_url, &userinfo).await.status, 401);
    }
}

#[tokio::test]
async fn the_budget_of_an_account_is_one_for_all_nodes() {
    let redis = TestRedis::start().await;
    let options = Options::default()
        .with("REDIS_URL", &redis.url())
        .with("FEATURE_RATE_LIMIT_BY_EMAIL", "True");
    let server = TestServer::start_with(options).await;
    server.database().make_sign_in_cheap().await;
    let node = server.start_node().await;
    let here = server.visitor();
    here.start_sign_in(EMAIL).await;
    let there = here.at(&node.base_url);
    for attempt in 0..10 {
        let visitor = if attempt % 2 == 0 { &here } else { &there };
        let page = visitor.sign_in("a guess").await;
        assert_eq!(page.url.query(), Some("notification=invalid_credentials"));
    }
    for visitor in [&here, &there] {
        let page = visitor.sign_in(PASSWORD).await;
        assert_eq!(page.status, 429, "also with the right password");
        assert_eq!(page.title(), "Accès temporairement limité - ProConnect");
        assert!(page.header("retry-after").parse::<u32>().expect("seconds") <= 300);
    }
}

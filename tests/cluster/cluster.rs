//! Three nodes behind a balancer.

use url::Url;

use super::balancer::{Backend, Balancer};
use crate::support::{
    EMAIL, Node, Options, PASSWORD, RelyingParty, TestDatabase, TestRedis, TestServer, Visitor, free_port,
};

/// Accounts that the load signs in with, one each.
pub const PEOPLE: usize = 24;

/// See the module.
pub struct Cluster {
    /// Where people and relying parties go.
    pub url: Url,
    pub first: TestServer,
    pub others: Vec<Node>,
    pub client: RelyingParty,
    pub redis: TestRedis,
    _balancer: Balancer,
}

impl Cluster {
    /// Starts it on a fresh database of the test server.
    pub async fn start() -> Self {
        Self::start_on(TestDatabase::create().await).await
    }

    /// Starts it on this database.
    pub async fn start_on(database: TestDatabase) -> Self {
        add_people(&database).await;
        let client = RelyingParty::default();
        client.register(&database).await;
        let redis = TestRedis::start().await;
        let port = free_port();
        let url = Url::parse(&format!("http://localhost:{port}/")).expect("a URL");
        let options = Options::default()
            .with("HOST", url.as_str().trim_end_matches('/'))
            .with("REDIS_URL", &redis.url())
            .with("SHUTDOWN_NOTICE_IN_SECONDS", "1")
            .with("LOG_LEVEL", "info");
        let first = TestServer::start_on(database, options).await;
        let others = vec![first.start_node().await, first.start_node().await];
        let port_of = |url: &Url| url.port().expect("a port");
        let mut backends = vec![Backend {
            port: port_of(&first.base_url),
            operator_port: port_of(&first.operator_url),
        }];
        backends.extend(others.iter().map(|node| Backend {
            port: port_of(&node.base_url),
            operator_port: port_of(&node.operator_url),
        }));
        let balancer = Balancer::start(port, &backends).await;
        Self {
            url,
            first,
            others,
            client,
            redis,
            _balancer: balancer,
        }
    }

    /// A browser without any cookie.
    pub fn visitor(&self) -> Visitor {
        Visitor::new(&self.url)
    }

    /// An authorization request.
    pub fn authorization_path(&self) -> String {
        let url = self.client.authorization_url(&self.first, &[]);
        format!("{}?{}", url.path(), url.query().unwrap_or_default())
    }

    pub fn database(&self) -> &TestDatabase {
        self.first.database()
    }
}

/// The address of the `number`th account of the load.
pub fn address(number: usize) -> String {
    format!("personne{number}@exemple.fr")
}

/// Accounts like the documented one, with one organization each and passwords that are cheap to check.
async fn add_people(database: &TestDatabase) {
    database.make_sign_in_cheap().await;
    database
        .execute(&format!(
            "INSERT INTO users (
               email, encrypted_password, email_verified, email_verified_at, given_name, family_name, created_at, updated_at
             )
             SELECT
               'personne' || number || '@exemple.fr',
               (SELECT encrypted_password FROM users WHERE email = '{EMAIL}'),
               true, now(), 'Camille', 'Exemple', now(), now()
             FROM generate_series(0, {PEOPLE} - 1) AS number;
             INSERT INTO users_organizations (
               user_id, organization_id, verification_type, verified_at, has_been_greeted, created_at, updated_at
             )
             SELECT id, 1, 'domain', now(), true, now(), now() FROM users WHERE email LIKE 'personne%@exemple.fr'"
        ))
        .await;
    assert!(!PASSWORD.is_empty());
}

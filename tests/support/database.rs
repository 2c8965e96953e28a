//! A database a test, cloned from a template that has the migrations and the development data.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use identite::db::migrate::migrate;
use identite::db::{Pool, PoolSettings, fixtures};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

use super::postgres::maintenance_url;

/// Connections of a test's pool.
const POOL_SIZE: usize = 4;
/// How long rows may take to become what a test waits for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_PAUSE: Duration = Duration::from_millis(20);
/// Advisory lock of whoever makes a template, so that several test processes make it once.
const TEMPLATE_LOCK: i64 = 0x1de7_717e;

/// The runtime that drives the connections of every pool: it outlives each test, as the server's outlives each worker.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("database")
            .enable_all()
            .build()
            .expect("a runtime")
    })
}

/// A database of one test, dropped with this value.
pub struct TestDatabase {
    /// The URL that a server under test is given.
    pub url: String,
    name: String,
    pool: Pool,
}

impl TestDatabase {
    /// A database with the migrations and the development data.
    pub async fn create() -> Self {
        static TEMPLATE: OnceCell<String> = OnceCell::const_new();
        let template = TEMPLATE.get_or_init(make_template).await;
        Self::create_from(template).await
    }

    /// Writes settings of a client: the members of `settings` are columns of `identite_client_settings`.
    pub async fn set_for(&self, client_id: &str, settings: &serde_json::Value) {
        let connection = self.pool().get().await.expect("a connection");
        connection
            .execute(
                "INSERT INTO identite_client_settings
                 SELECT (jsonb_populate_record(
                   NULL::identite_client_settings,
                   jsonb_build_object(
                     'oidc_client_id', client.id, 'require_pkce', false, 'exact_redirect_uris', false,
                     'require_pushed_authorization_requests', false, 'require_signed_request_object', false,
                     'dpop_bound_access_tokens', false, 'require_dpop_nonce', false,
                     'tls_client_certificate_bound_access_tokens', false, 'limit_claims_to_scopes', false,
                     'updated_at_as_text', false, 'id_token_at_hash', false, 'created_at', now(), 'modified_at', now()
                   ) || $2
                 )).*
                 FROM oidc_clients AS client
                 WHERE client.client_id = $1",
                &[&client_id, settings],
            )
            .await
            .expect("the settings are written");
    }

    /// A database without any table.
    pub async fn create_empty() -> Self {
        Self::create_from("template0").await
    }

    /// A database with the migrations and the development data on another server, whose maintenance database `url` names.
    pub async fn create_on(url: &str) -> Self {
        let name = format!("identite_own_{}", std::process::id());
        let maintenance = connect_to(url).await;
        maintenance
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await
            .expect("a database");
        let mut url = url::Url::parse(url).expect("a URL");
        url.set_path(&name);
        let url = url.to_string();
        let pool = pool_to(&url);
        migrate(&pool).await.expect("migrated");
        fixtures::load(&pool).await.expect("loaded");
        Self { url, name, pool }
    }

    async fn create_from(template: &str) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "identite_test_{}_{}",
            std::process::id(),
            COUNTER.fetch_add(1, Ordering::Relaxed)
        );
        administer(&format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        let url = url_of(&name);
        Self {
            pool: pool_to(&url),
            url,
            name,
        }
    }

    /// Connections to it.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Runs statements whose answer does not matter.
    pub async fn execute(&self, statements: &str) {
        self.pool
            .get()
            .await
            .unwrap()
            .batch_execute(statements)
            .await
            .unwrap();
    }

    /// Makes checking the password of the documented account cheap: the hash keeps its format and gets the lowest cost.
    pub async fn make_sign_in_cheap(&self) {
        let hash = bcrypt::hash_with_result(super::PASSWORD, 4).expect("a hash");
        let hash = hash.format_for_version(bcrypt::Version::TwoA);
        self.execute(&format!(
            "UPDATE users SET encrypted_password = '{hash}' WHERE email = '{}'",
            super::EMAIL
        ))
        .await;
    }

    /// The one number that `query` gives.
    pub async fn count(&self, query: &str) -> i64 {
        self.pool
            .get()
            .await
            .unwrap()
            .query_one(query, &[])
            .await
            .unwrap()
            .get(0)
    }

    /// Waits until nobody else is connected: what a program asked for that was killed may still be carried out after its end.
    pub async fn wait_until_left_alone(&self) {
        let others = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        self.wait_for_count(others, 0).await;
    }

    /// Waits until the number that `query` gives is `expected`.
    pub async fn wait_for_count(&self, query: &str, expected: i64) {
        let waiting = async {
            while self.count(query).await != expected {
                tokio::time::sleep(LOOK_PAUSE).await;
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            let found = self.count(query).await;
            panic!("{found} instead of {expected}: {query}");
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.pool.close();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // A test may end inside a runtime, which must not wait for another: a thread of its own may.
        let dropping = std::thread::spawn(move || runtime().block_on(administer(&statement)));
        if dropping.join().is_err() {
            eprintln!("the database {} could not be dropped", self.name);
        }
    }
}

fn pool_to(url: &str) -> Pool {
    let settings = PoolSettings {
        size: POOL_SIZE,
        ..PoolSettings::default()
    };
    Pool::new(url, &settings, runtime().handle()).expect("a pool")
}

/// The URL of the database `name` on the server of the tests.
fn url_of(name: &str) -> String {
    let mut url = url::Url::parse(maintenance_url()).expect("TEST_DATABASE_URL is a URL");
    url.set_path(name);
    url.to_string()
}

/// Makes the template, unless one of the same migrations and data is there, and gives its name.
async fn make_template() -> String {
    let mut hasher = DefaultHasher::new();
    identite::db::migrate::fingerprint().hash(&mut hasher);
    fixtures::STATEMENTS.hash(&mut hasher);
    let template = format!("identite_template_{:016x}", hasher.finish());

    let maintenance = connect().await;
    maintenance
        .batch_execute(&format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})"))
        .await
        .unwrap();
    let exists = maintenance
        .query_opt(
            "SELECT FROM pg_database WHERE datname = $1 AND datistemplate",
            &[&template],
        )
        .await
        .unwrap();
    if exists.is_none() {
        // What a process that died half-way left behind.
        maintenance
            .batch_execute(&format!("DROP DATABASE IF EXISTS {template} WITH (FORCE)"))
            .await
            .unwrap();
        maintenance
            .batch_execute(&format!("CREATE DATABASE {template} TEMPLATE template0"))
            .await
            .unwrap();
        let pool = pool_to(&url_of(&template));
        migrate(&pool).await.unwrap();
        fixtures::load(&pool).await.unwrap();
        pool.close();
        maintenance
            .batch_execute(&format!("ALTER DATABASE {template} IS_TEMPLATE true"))
            .await
            .unwrap();
    }
    template
}

async fn administer(statement: &str) {
    connect().await.batch_execute(statement).await.expect(statement);
}

/// A connection to the maintenance database, driven by the runtime of the pools.
async fn connect() -> tokio_postgres::Client {
    connect_to(maintenance_url()).await
}

async fn connect_to(url: &str) -> tokio_postgres::Client {
    let url = url.to_owned();
    let connecting = runtime().spawn(async move {
        let (client, connection) = tokio_postgres::connect(&url, NoTls)
            .await
            .expect("a PostgreSQL server");
        tokio::spawn(connection);
        client
    });
    connecting.await.expect("a connection")
}

//! What the server asked of its stores, as the stores themselves counted it: `pg_stat_statements` of `PostgreSQL`, `INFO
//! commandstats` of Redis.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::{Client, Config, NoTls};
use url::Url;

use crate::error::LoadError;

/// Calls by statement or command, and the milliseconds that they took there.
type Counts = BTreeMap<String, (u64, f64)>;

/// One kind of statement or command during an operation.
#[derive(Debug, Clone, Serialize)]
pub struct Call {
    pub what: String,
    /// Average number of times per operation.
    pub per_operation: f64,
    /// Average time inside the store, in microseconds.
    pub microseconds: f64,
}

/// Everything that was asked of the stores during an operation, the most frequent first.
#[derive(Debug, Clone, Serialize)]
pub struct StoreCalls {
    pub postgresql: Vec<Call>,
    pub redis: Vec<Call>,
}

impl StoreCalls {
    /// Statements to `PostgreSQL` per operation.
    pub fn statements(&self) -> f64 {
        self.postgresql.iter().map(|call| call.per_operation).sum()
    }

    /// Commands to Redis per operation.
    pub fn commands(&self) -> f64 {
        self.redis.iter().map(|call| call.per_operation).sum()
    }
}

/// A look at the counters of both stores.
pub struct Snapshot {
    postgresql: Counts,
    redis: Counts,
}

/// Connections to the stores' counters.
pub struct Stores {
    database: Client,
    /// `pg_stat_statements` lives in the maintenance database, so that the schema of the server stays what it is.
    statistics: Client,
    database_name: String,
    redis: Option<RedisAddress>,
}

#[derive(Clone)]
struct RedisAddress {
    /// `host:port`, or the path of a socket.
    address: String,
    password: Option<String>,
}

impl Stores {
    /// Connects to the server's stores. Redis is left out when `redis_url` is `memory:`.
    ///
    /// # Errors
    /// A store is away, or `PostgreSQL` was not started with `shared_preload_libraries=pg_stat_statements`.
    pub async fn connect(database_url: &str, redis_url: &str) -> Result<Self, LoadError> {
        let config: Config = database_url.parse()?;
        let database_name = config.get_dbname().unwrap_or_default().to_owned();
        let mut maintenance = config.clone();
        maintenance.dbname("postgres");

        let statistics = connect(&maintenance).await?;
        statistics
            .batch_execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            .await?;
        Ok(Self {
            database: connect(&config).await?,
            statistics,
            database_name,
            redis: redis_address(redis_url)?,
        })
    }

    /// The server's database.
    pub fn database(&self) -> &Client {
        &self.database
    }

    /// Version of `PostgreSQL`.
    ///
    /// # Errors
    /// The connection is lost.
    pub async fn postgresql_version(&self) -> Result<String, LoadError> {
        Ok(self.database.query_one("SHOW server_version", &[]).await?.get(0))
    }

    /// The counters as they stand.
    ///
    /// # Errors
    /// A store is away.
    pub async fn snapshot(&self) -> Result<Snapshot, LoadError> {
        Ok(Snapshot {
            postgresql: self.count_statements().await?,
            redis: match &self.redis {
                Some(redis) => count_commands(redis).await?,
                None => Counts::new(),
            },
        })
    }

    /// What was asked since `before`, for each of `operations`.
    ///
    /// # Errors
    /// A store is away.
    pub async fn calls_since(&self, before: &Snapshot, operations: u32) -> Result<StoreCalls, LoadError> {
        let after = self.snapshot().await?;
        Ok(StoreCalls {
            postgresql: difference(&before.postgresql, &after.postgresql, operations),
            redis: difference(&before.redis, &after.redis, operations),
        })
    }

    async fn count_statements(&self) -> Result<Counts, LoadError> {
        const SQL: &str = "SELECT query, sum(calls)::bigint, sum(total_exec_time)
            FROM pg_stat_statements
            JOIN pg_database ON pg_database.oid = dbid
            WHERE datname = $1
            GROUP BY query";
        let rows = self.statistics.query(SQL, &[&self.database_name]).await?;
        let counts = rows.into_iter().map(|row| {
            let query: String = row.get(0);
            let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
            let calls: i64 = row.get(1);
            (query, (calls.unsigned_abs(), row.get::<_, f64>(2)))
        });
        Ok(counts.collect())
    }
}

async fn connect(config: &Config) -> Result<Client, LoadError> {
    let (client, connection) = config.connect(NoTls).await?;
    // A lost connection shows at the next query.
    tokio::task::spawn_local(async move { connection.await.ok() });
    Ok(client)
}

fn redis_address(redis_url: &str) -> Result<Option<RedisAddress>, LoadError> {
    if redis_url.starts_with("memory:") {
        return Ok(None);
    }
    let url = Url::parse(redis_url).map_err(|_| LoadError::Redis("the URL cannot be read"))?;
    if url.scheme() == "redis+unix" {
        return Ok(Some(RedisAddress {
            address: url.path().to_owned(),
            password: None,
        }));
    }
    let host = url.host_str().unwrap_or("127.0.0.1");
    Ok(Some(RedisAddress {
        address: format!("{host}:{}", url.port().unwrap_or(6379)),
        password: url
            .password()
            .filter(|password| !password.is_empty())
            .map(str::to_owned),
    }))
}

async fn count_commands(redis: &RedisAddress) -> Result<Counts, LoadError> {
    if redis.address.starts_with('/') {
        return commands_counted_by(UnixStream::connect(&redis.address).await?, redis).await;
    }
    commands_counted_by(TcpStream::connect(&redis.address).await?, redis).await
}

async fn commands_counted_by(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    redis: &RedisAddress,
) -> Result<Counts, LoadError> {
    if let Some(password) = &redis.password {
        stream
            .write_all(format!("AUTH {password}\r\n").as_bytes())
            .await?;
        if !read_line(&mut stream).await?.starts_with('+') {
            return Err(LoadError::Redis("the password is refused"));
        }
    }
    stream.write_all(b"INFO commandstats\r\n").await?;
    let length = read_line(&mut stream).await?;
    let length = length.strip_prefix('$').and_then(|length| length.parse().ok());
    let mut body = vec![0; length.ok_or(LoadError::Redis("INFO is not answered"))?];
    stream.read_exact(&mut body).await?;
    Ok(parse_command_statistics(&String::from_utf8_lossy(&body)))
}

async fn read_line(stream: &mut (impl AsyncRead + Unpin)) -> Result<String, LoadError> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await? {
            b'\n' => return Ok(String::from_utf8_lossy(&line).trim_end().to_owned()),
            byte => line.push(byte),
        }
    }
}

/// Lines such as `cmdstat_get:calls=21,usec=175,usec_per_call=8.33,…`; our own `INFO` is left out.
fn parse_command_statistics(text: &str) -> Counts {
    let line = |line: &str| {
        let (command, numbers) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let number = |name: &str| {
            let mut fields = numbers
                .trim()
                .split(',')
                .filter_map(|field| field.split_once('='));
            fields.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let calls = number("calls")?.parse().ok()?;
        let microseconds: f64 = number("usec")?.parse().ok()?;
        (command != "info").then(|| (command.to_uppercase(), (calls, microseconds / 1000.0)))
    };
    text.lines().filter_map(line).collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
fn difference(before: &Counts, after: &Counts, operations: u32) -> Vec<Call> {
    let mut calls: Vec<_> = after
        .iter()
        .filter_map(|(what, (calls, milliseconds))| {
            let (calls_before, milliseconds_before) = before.get(what).copied().unwrap_or_default();
            let new_calls = calls.saturating_sub(calls_before) as f64;
            (new_calls > 0.0).then(|| Call {
                what: what.clone(),
                per_operation: new_calls / f64::from(operations),
                microseconds: (milliseconds - milliseconds_before) * 1000.0 / new_calls,
            })
        })
        .collect();
    calls.sort_by(|one, other| other.per_operation.total_cmp(&one.per_operation));
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_statistics_are_read() {
        let text = "# Commandstats\r\ncmdstat_get:calls=21,usec=175,usec_per_call=8.33,rejected_calls=0\r\n\
                    cmdstat_client|setinfo:calls=4,usec=9\r\ncmdstat_info:calls=1,usec=50\r\n";
        let counts = parse_command_statistics(text);
        assert_eq!(counts.get("GET"), Some(&(21, 0.175)));
        assert_eq!(counts.get("CLIENT|SETINFO"), Some(&(4, 0.009)));
        assert!(!counts.contains_key("INFO"));
    }

    #[test]
    fn only_what_is_new_counts() {
        let before = Counts::from([("GET".to_owned(), (10, 1.0)), ("SET".to_owned(), (3, 1.0))]);
        let after = Counts::from([("GET".to_owned(), (30, 2.0)), ("SET".to_owned(), (3, 1.0))]);
        let calls = difference(&before, &after, 10);
        assert_eq!(calls.len(), 1);
        assert!((calls[0].per_operation - 2.0).abs() < 1e-9);
        assert!((calls[0].microseconds - 50.0).abs() < 1e-9);
    }
}

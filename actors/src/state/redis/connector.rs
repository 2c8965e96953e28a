//! How a connection is opened, whatever is at the other end, and what it then is.

use std::time::Duration;

use bb8_redis::RedisConnectionManager;
use bb8_redis::bb8::ManageConnection;
use rand::seq::SliceRandom;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelServerType};
use redis::{Cmd, Pipeline, RedisError, RedisFuture, Value};

use super::InvalidRedisUrl;
use super::address::{Address, Sentinels};

/// Of opening a connection, which happens in the background.
const CONNECTION_DEADLINE: Duration = Duration::from_millis(1_500);
/// Where several are asked, one of them may be away.
const SEARCH_DEADLINE: Duration = Duration::from_secs(4);
/// Of one node of a Cluster; another may know better.
const NODE_DEADLINE: Duration = Duration::from_millis(500);
/// Redirections that a command follows inside a Cluster; what takes longer is a connection that is down.
const CLUSTER_RETRIES: u32 = 3;

/// Opens connections to one address. Cheap to clone.
#[derive(Clone)]
pub(super) enum Connector {
    StandAlone(Box<RedisConnectionManager>),
    Sentinel(Box<Sentinels>),
    Cluster(Box<ClusterClient>),
}

impl Connector {
    pub(super) fn new(url: &str) -> Result<Self, InvalidRedisUrl> {
        let unusable = |error: RedisError| InvalidRedisUrl(error.category().to_owned());
        Ok(match Address::parse(url)? {
            Address::StandAlone(info) => {
                Self::StandAlone(Box::new(RedisConnectionManager::new(*info).map_err(unusable)?))
            }
            Address::Sentinel(sentinels) => Self::Sentinel(sentinels),
            Address::Cluster(nodes) => {
                let client = ClusterClientBuilder::new(nodes)
                    .connection_timeout(NODE_DEADLINE)
                    .response_timeout(NODE_DEADLINE)
                    .retries(CLUSTER_RETRIES)
                    .build();
                Self::Cluster(Box::new(client.map_err(unusable)?))
            }
        })
    }

    /// Whether keys that are written together must be kept in one place.
    pub(super) fn spreads_keys(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// How long [`Connector::open`] may take.
    pub(super) fn deadline(&self) -> Duration {
        match self {
            Self::StandAlone(_) => CONNECTION_DEADLINE,
            Self::Sentinel(_) | Self::Cluster(_) => SEARCH_DEADLINE,
        }
    }

    /// A connection that the runtime of the caller drives. `probe` is a command that it must answer.
    pub(super) async fn open(&self, probe: &Cmd) -> Result<Connection, RedisError> {
        let mut connection = match self {
            Self::StandAlone(manager) => Connection::Server(manager.connect().await?),
            Self::Sentinel(sentinels) => Connection::Server(master(sentinels).await?),
            Self::Cluster(client) => {
                let connection = Box::pin(client.get_async_connection()).await?;
                Connection::Cluster(Box::new(connection))
            }
        };
        probe.query_async::<Value>(&mut connection).await?;
        Ok(connection)
    }
}

/// Asks the Sentinels, in any order, who the master is, and connects to it. They are asked anew each time: what they said
/// before is of no use when the master was lost.
async fn master(sentinels: &Sentinels) -> Result<MultiplexedConnection, RedisError> {
    let mut addresses = sentinels.addresses.clone();
    addresses.shuffle(&mut rand::rng());
    let mut client = SentinelClient::build(
        addresses,
        sentinels.service.clone(),
        Some(sentinels.master.clone()),
        SentinelServerType::Master,
    )?;
    Box::pin(client.get_async_connection()).await
}

/// An open connection. Cheap to clone; the clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    Cluster(Box<ClusterConnection>),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

//! Where Redis is: a server, the Sentinels that know the master of the hour, or some nodes of a Cluster.

use redis::sentinel::SentinelNodeConnectionInfo;
use redis::{ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, TlsMode};
use url::Url;

use super::InvalidRedisUrl;

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// What `REDIS_URL` says.
#[derive(Clone)]
pub(super) enum Address {
    /// `redis://` or `rediss://` (TLS), `[user:password@]host[:port][/database]`; or `redis+unix://`, the path of a socket, and
    /// `?db=…&user=…&pass=…` where it asks for that.
    StandAlone(Box<ConnectionInfo>),
    /// `redis+sentinel://` or `rediss+sentinel://`, `[user:password@]host[:port][,host[:port]…]/service[/database]`, and
    /// `?sentinel_username=…&sentinel_password=…` where the Sentinels ask for it.
    Sentinel(Box<Sentinels>),
    /// `redis+cluster://` or `rediss+cluster://`, `[user:password@]host[:port][,host[:port]…]`.
    Cluster(Vec<ConnectionInfo>),
}

/// Who knows the master.
#[derive(Clone)]
pub(super) struct Sentinels {
    pub(super) addresses: Vec<ConnectionInfo>,
    /// The name by which they watch the master.
    pub(super) service: String,
    /// How to enter the master.
    pub(super) master: SentinelNodeConnectionInfo,
}

impl Address {
    /// Reads it.
    ///
    /// # Errors
    /// When nothing can be reached by it; the text of the error does not repeat the URL.
    pub(super) fn parse(url: &str) -> Result<Self, InvalidRedisUrl> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("no scheme"))?;
        let (plain, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !matches!(plain, "redis" | "rediss") {
            return Err(invalid("neither redis nor rediss"));
        }
        match kind {
            "" => url
                .into_connection_info()
                .map(|info| Self::StandAlone(Box::new(info)))
                .map_err(unusable),
            "unix" if plain == "redis" && rest.starts_with('/') => url
                .into_connection_info()
                .map(|info| Self::StandAlone(Box::new(info)))
                .map_err(unusable),
            "unix" => Err(invalid("redis+unix is followed by the absolute path of a socket")),
            "sentinel" => sentinels(plain, rest),
            "cluster" => {
                let parts = Parts::of(plain, rest, REDIS_PORT)?;
                if parts.urls.iter().any(|url| !matches!(url.path(), "" | "/")) {
                    return Err(invalid("a Cluster has no numbered databases"));
                }
                let nodes = parts
                    .urls
                    .into_iter()
                    .map(IntoConnectionInfo::into_connection_info);
                nodes
                    .collect::<Result<_, _>>()
                    .map(Self::Cluster)
                    .map_err(unusable)
            }
            _ => Err(invalid("neither sentinel, cluster nor unix after the plus sign")),
        }
    }
}

fn sentinels(plain: &str, rest: &str) -> Result<Address, InvalidRedisUrl> {
    let parts = Parts::of(plain, rest, SENTINEL_PORT)?;
    let first = parts.urls.first().ok_or_else(|| invalid("no host"))?;
    let mut path = first.path_segments().into_iter().flatten();
    let service = path.next().unwrap_or_default().to_owned();
    if service.is_empty() {
        return Err(invalid("the name of the service is missing after the Sentinels"));
    }
    let database = match path.next() {
        None | Some("") => 0,
        Some(number) => number
            .parse()
            .map_err(|_| invalid("the database after the service is no number"))?,
    };
    let entry = first.clone();
    let parameter = |name: &str| {
        let mut pairs = entry.query_pairs();
        let (_, value) = pairs.find(|(key, _)| key == name)?;
        Some(value.into_owned())
    };

    let mut own = RedisConnectionInfo::default();
    if let Some(username) = parameter("sentinel_username") {
        own = own.set_username(username);
    }
    if let Some(password) = parameter("sentinel_password") {
        own = own.set_password(password);
    }
    let mut addresses = Vec::with_capacity(parts.urls.len());
    let mut masters = RedisConnectionInfo::default();
    for mut url in parts.urls {
        url.set_path("");
        url.set_query(None);
        let info = url.into_connection_info().map_err(unusable)?;
        masters = info.redis_settings().clone();
        addresses.push(info.set_redis_settings(own.clone()));
    }
    let mut master =
        SentinelNodeConnectionInfo::default().set_redis_connection_info(masters.set_db(database));
    if plain == "rediss" {
        master = master.set_tls_mode(TlsMode::Secure);
    }
    Ok(Address::Sentinel(Box::new(Sentinels {
        addresses,
        service,
        master,
    })))
}

/// A URL with several hosts, as one URL for each.
struct Parts {
    urls: Vec<Url>,
}

impl Parts {
    fn of(scheme: &str, rest: &str, default_port: u16) -> Result<Self, InvalidRedisUrl> {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (entry, hosts) = match authority.rsplit_once('@') {
            Some((entry, hosts)) => (format!("{entry}@"), hosts),
            None => (String::new(), authority),
        };
        let urls = hosts.split(',').map(|host| {
            let mut url =
                Url::parse(&format!("{scheme}://{entry}{host}{tail}")).map_err(|_| invalid("no host"))?;
            if url.host_str().is_none_or(str::is_empty) {
                return Err(invalid("no host"));
            }
            if url.port().is_none() && url.set_port(Some(default_port)).is_err() {
                return Err(invalid("no host"));
            }
            Ok(url)
        });
        Ok(Self {
            urls: urls.collect::<Result<_, _>>()?,
        })
    }
}

fn invalid(problem: &str) -> InvalidRedisUrl {
    InvalidRedisUrl(problem.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn unusable(error: redis::RedisError) -> InvalidRedisUrl {
    InvalidRedisUrl(error.category().to_owned())
}

#[cfg(test)]
mod tests {
    use redis::ConnectionAddr;

    use super::*;

    fn hosts(infos: &[ConnectionInfo]) -> Vec<String> {
        let host = |info: &ConnectionInfo| match info.addr() {
            ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
            ConnectionAddr::TcpTls { host, port, .. } => format!("{host}:{port} by TLS"),
            other => format!("{other:?}"),
        };
        infos.iter().map(host).collect()
    }

    #[test]
    fn a_server_is_reached_as_ever() {
        for url in [
            "redis://:@127.0.0.1:6379",
            "rediss://u:p@cache:6380/2",
            "redis+unix:///run/redis/redis.sock?db=1&pass=secret",
        ] {
            assert!(matches!(Address::parse(url), Ok(Address::StandAlone(_))), "{url}");
        }
    }

    #[test]
    fn sentinels_have_a_service_and_passwords_of_their_own() {
        let url = "rediss+sentinel://app:s%40cret@one,two:26380/principal/3?sentinel_password=other";
        let Ok(Address::Sentinel(sentinels)) = Address::parse(url) else {
            panic!("not Sentinels")
        };
        assert_eq!(
            hosts(&sentinels.addresses),
            ["one:26379 by TLS", "two:26380 by TLS"]
        );
        assert_eq!(sentinels.service, "principal");
        for sentinel in &sentinels.addresses {
            assert_eq!(sentinel.redis_settings().password(), Some("other"));
            assert_eq!(sentinel.redis_settings().username(), None);
        }
    }

    #[test]
    fn a_cluster_is_entered_by_any_of_its_nodes() {
        let Ok(Address::Cluster(nodes)) = Address::parse("redis+cluster://:secret@[::1]:7000,b,c:7002/")
        else {
            panic!("not a Cluster")
        };
        assert_eq!(hosts(&nodes), ["::1:7000", "b:6379", "c:7002"]);
        assert_eq!(nodes[2].redis_settings().password(), Some("secret"));
    }

    #[test]
    fn what_leads_nowhere_is_refused_without_being_repeated() {
        for url in [
            "cache:6379",
            "http://:secret@cache",
            "redis://:secret@:port",
            "redis+sentinel://:secret@one,two",
            "redis+sentinel://:secret@one,two/",
            "redis+sentinel://:secret@one/service/secret",
            "redis+sentinel://:secret@/service",
            "redis+cluster://:secret@one,,two",
            "redis+cluster://:secret@one/2",
            "redis+cluster://:secret@",
            "redis+ring://:secret@one",
            "redis+unix://secret.sock",
            "rediss+unix:///run/secret.sock",
        ] {
            let error = Address::parse(url).err().unwrap_or_else(|| panic!("{url}"));
            assert!(!error.to_string().contains("secret"), "{url}");
        }
    }
}

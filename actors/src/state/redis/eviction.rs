//! Whether Redis throws away what it was asked to keep, when its memory is full.

use std::collections::HashMap;

use redis::RedisError;

use super::connector::Connection;

/// The policy by which the server behind `connection` makes room (`maxmemory-policy`); `None` where it refuses writes instead, which
/// is what marks of what was used once need, or has no limit.
///
/// # Errors
/// When it does not tell: not every role may ask.
pub(super) async fn policy(connection: &mut Connection) -> Result<Option<String>, RedisError> {
    let mut info = redis::cmd("INFO");
    info.arg("memory");
    let answers: Vec<String> = match connection {
        Connection::Server(server) => vec![info.query_async(server).await?],
        Connection::Cluster(cluster) => {
            let by_node: HashMap<String, String> = info.query_async(&mut **cluster).await?;
            by_node.into_values().collect()
        }
    };
    let evicting = answers.iter().find_map(|answer| evicting_policy(answer));
    Ok(evicting.map(ToOwned::to_owned))
}

/// `info`: lines of `name:value`.
fn evicting_policy(info: &str) -> Option<&str> {
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
    };
    let limit_in_bytes: u64 = field("maxmemory")?.parse().ok()?;
    let policy = field("maxmemory_policy")?;
    (limit_in_bytes > 0 && policy != "noeviction").then_some(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_limit_with_a_policy_makes_redis_forget() {
        let info = |limit: &str, policy: &str| {
            format!(
                "# Memory\r\nused_memory:1\r\nmaxmemory:{limit}\r\nmaxmemory_human:1B\r\nmaxmemory_policy:{policy}\r\n"
            )
        };
        assert_eq!(
            evicting_policy(&info("1048576", "allkeys-lru")),
            Some("allkeys-lru")
        );
        assert_eq!(evicting_policy(&info("1048576", "noeviction")), None);
        assert_eq!(evicting_policy(&info("0", "allkeys-lru")), None);
        assert_eq!(evicting_policy("# Memory\r\n"), None);
    }
}

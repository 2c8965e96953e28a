//! How old the signing keys are, as a metric.

use std::time::Duration;

use identite_actors::clock::SharedClock;
use identite_actors::keys::Keys;
use prometheus::{Gauge, Registry};

use crate::db::{self, Pool};

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Keeps `identite_signing_key_oldest_seconds` up to date for as long as the process lives.
///
/// # Errors
/// When the metric is registered already.
pub(super) fn watch(
    keys: Keys,
    pool: Pool,
    clock: SharedClock,
    registry: &Registry,
    io: &tokio::runtime::Handle,
) -> Result<(), prometheus::Error> {
    let age = Gauge::new(
        "identite_signing_key_oldest_seconds",
        "Age of the oldest key that signs or verifies, since any node first saw it, in seconds",
    )?;
    registry.register(Box::new(age.clone()))?;
    io.spawn(async move {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            match look(&keys, &pool, &clock).await {
                Ok(Some(seconds)) => age.set(seconds),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "the age of the signing keys is not known"),
            }
        }
    });
    Ok(())
}

async fn look(keys: &Keys, pool: &Pool, clock: &SharedClock) -> Result<Option<f64>, db::Error> {
    let kids = published_kids(&keys.current().public_jwks());
    let now = clock.now();
    let client = pool.get().await?;
    let oldest = db::key_sightings::note(&client, &kids, now).await?;
    Ok(oldest
        .and_then(|oldest| (now - oldest).to_std().ok())
        .map(|age| age.as_secs_f64()))
}

fn published_kids(jwks: &[u8]) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_slice(jwks).unwrap_or_default();
    let keys = document["keys"].as_array().into_iter().flatten();
    keys.filter_map(|key| key["kid"].as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::published_kids;

    #[test]
    fn published_keys_are_named() {
        assert_eq!(
            published_kids(br#"{"keys":[{"kid":"a"},{"kty":"EC"},{"kid":"b"}]}"#),
            ["a", "b"]
        );
        assert!(published_kids(b"").is_empty());
    }
}

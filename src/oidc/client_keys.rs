//! The keys of relying parties, registered with us or published by them (`jwks_uri`), and what needs them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use super::client::Client;
use super::client_settings::KeySource;
use super::error::Fault;
use super::jose::{Disbelief, Encryption, PublicKeys, UnverifiedJwt};
use super::service::Oidc;
use super::signer::SigningAlgorithm;
use crate::connectors::ClientKeyDocuments;

/// Published keys are fetched again after this time.
const FRESH_FOR: TimeDelta = TimeDelta::minutes(10);
/// A key that is not among them has them fetched again, but not more often than this.
const FETCHED_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(10);
/// After a fetch that failed nobody waits for another one within this time, where keys are known; where none are it is
/// [`FETCHED_AGAIN_AFTER`].
const ASKED_AGAIN_AFTER: TimeDelta = TimeDelta::seconds(30);
/// Keys that cannot be fetched again go on counting for this long.
const USABLE_FOR: TimeDelta = TimeDelta::hours(24);

/// Published keys, fetched once for all workers of this process. Cheap to clone.
#[derive(Clone)]
pub struct PublishedKeys {
    documents: ClientKeyDocuments,
    places: Arc<Mutex<HashMap<Url, Arc<Place>>>>,
}

/// One `jwks_uri`. Whoever fetches holds the lock: the others wait and find what was fetched.
#[derive(Default)]
struct Place {
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    fetched: Option<Fetched>,
    /// When nothing could be fetched, unless something was since.
    failed_at: Option<DateTime<Utc>>,
}

impl State {
    /// Keys that were fetched less than `age` ago.
    fn younger_than(&self, age: TimeDelta, now: DateTime<Utc>) -> Option<Arc<PublicKeys>> {
        let known = self.fetched.as_ref().filter(|known| now - known.at < age)?;
        Some(Arc::clone(&known.keys))
    }
}

#[derive(Clone)]
struct Fetched {
    keys: Arc<PublicKeys>,
    at: DateTime<Utc>,
}

impl PublishedKeys {
    /// Keys that `documents` fetches.
    #[must_use]
    pub fn new(documents: ClientKeyDocuments) -> Self {
        Self {
            documents,
            places: Arc::default(),
        }
    }

    /// The keys at `uri`; `anew` when those that are known did not fit.
    async fn at(&self, uri: &Url, anew: bool, now: DateTime<Utc>) -> Option<Arc<PublicKeys>> {
        let place = {
            let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(places.entry(uri.clone()).or_default())
        };
        let mut state = place.state.lock().await;
        let good_for = if anew { FETCHED_AGAIN_AFTER } else { FRESH_FOR };
        if let Some(keys) = state.younger_than(good_for, now) {
            return Some(keys);
        }
        let known = state.younger_than(USABLE_FOR, now);
        let rest = if known.is_some() {
            ASKED_AGAIN_AFTER
        } else {
            FETCHED_AGAIN_AFTER
        };
        if state.failed_at.is_some_and(|at| now - at < rest) {
            return known;
        }
        let document = self.documents.fetch(uri).await.ok();
        if let Some(keys) = document.as_ref().and_then(PublicKeys::parse) {
            let keys = Arc::new(keys);
            *state = State {
                fetched: Some(Fetched {
                    keys: Arc::clone(&keys),
                    at: now,
                }),
                failed_at: None,
            };
            return Some(keys);
        }
        state.failed_at = Some(now);
        known
    }
}

impl Oidc {
    /// The keys of a client. `anew`: the ones known before did not fit.
    ///
    /// # Errors
    /// When it has none, or they cannot be fetched.
    pub(super) async fn keys_of(&self, client: &Client, anew: bool) -> Result<Arc<PublicKeys>, Fault> {
        match &client.settings.keys {
            None => Err(Fault::ClientKeys("none are registered")),
            Some(KeySource::Registered(keys)) => Ok(Arc::new(keys.clone())),
            Some(KeySource::Remote(uri)) => {
                let published = self
                    .published_keys
                    .as_ref()
                    .ok_or(Fault::ClientKeys("this process fetches none"))?;
                published
                    .at(uri, anew, self.now())
                    .await
                    .ok_or(Fault::ClientKeys("they cannot be fetched"))
            }
        }
    }

    /// Whether `client` signed `jwt` with one of the `accepted` algorithms. Published keys are fetched again when none
    /// fits: they may have been rotated.
    pub(super) async fn is_signed_by(
        &self,
        client: &Client,
        jwt: &UnverifiedJwt<'_>,
        accepted: &[SigningAlgorithm],
    ) -> Result<bool, Fault> {
        match self.keys_of(client, false).await?.verify(jwt, accepted) {
            Ok(()) => Ok(true),
            Err(Disbelief::UnknownKey | Disbelief::Signature)
                if matches!(client.settings.keys, Some(KeySource::Remote(_))) =>
            {
                Ok(self.keys_of(client, true).await?.verify(jwt, accepted).is_ok())
            }
            Err(_) => Ok(false),
        }
    }

    /// `jwt` encrypted for `client`, if it wants that.
    ///
    /// # Errors
    /// When its keys cannot be had, or none fits.
    pub(super) async fn sealed_for(
        &self,
        client: &Client,
        encryption: Option<Encryption>,
        jwt: String,
    ) -> Result<String, Fault> {
        let Some(encryption) = encryption else {
            return Ok(jwt);
        };
        let keys = self.keys_of(client, false).await?;
        keys.seal(&jwt, encryption)
            .ok_or(Fault::ClientKeys("none fits the encryption that is set"))
    }
}

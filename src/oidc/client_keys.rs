//! The keys of relying parties, registered with us or published by them (`jwks_uri`), and what needs them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use url::Url;

use super::certificate::ClientCertificate;
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

const NO_KEY_FITS: Fault = Fault::ClientKeys("none fits the encryption that is set");

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

    /// What is to be done; `anew` when the keys that are known did not fit.
    fn next(&self, anew: bool, now: DateTime<Utc>) -> Next {
        let good_for = if anew { FETCHED_AGAIN_AFTER } else { FRESH_FOR };
        if let Some(keys) = self.younger_than(good_for, now) {
            return Next {
                fetches: false,
                known: Some(keys),
            };
        }
        let known = self.younger_than(USABLE_FOR, now);
        let rest = if known.is_some() {
            ASKED_AGAIN_AFTER
        } else {
            FETCHED_AGAIN_AFTER
        };
        Next {
            fetches: self.failed_at.is_none_or(|at| now - at >= rest),
            known,
        }
    }
}

/// What is to be done about the keys of a place.
struct Next {
    /// Whether they are fetched before any is used.
    fetches: bool,
    /// Those that count unless something is fetched.
    known: Option<Arc<PublicKeys>>,
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
        let Next { fetches, known } = state.next(anew, now);
        if !fetches {
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

    /// Whether `certificate` is among the keys of `client`.
    ///
    /// # Errors
    /// When its keys cannot be had.
    pub(super) async fn has_certificate(
        &self,
        client: &Client,
        certificate: &ClientCertificate,
    ) -> Result<bool, Fault> {
        let found = self.found_among_keys(client, |keys| {
            keys.holds_certificate(&certificate.thumbprint).then_some(())
        });
        Ok(found.await?.is_some())
    }

    /// What `find` finds among the keys of `client`. Published keys are fetched again when that is nothing: they may have been
    /// rotated.
    async fn found_among_keys<T>(
        &self,
        client: &Client,
        find: impl Fn(&PublicKeys) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let known = self.keys_of(client, false).await?;
        let found = find(&known);
        if found.is_some() || !matches!(client.settings.keys, Some(KeySource::Remote(_))) {
            return Ok(found);
        }
        let fetched = self.keys_of(client, true).await?;
        Ok(find(&fetched))
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
        self.found_among_keys(client, |keys| keys.seal(&jwt, encryption))
            .await?
            .ok_or(NO_KEY_FITS)
    }

    /// `claims` encrypted for `client`, signed by nobody.
    ///
    /// # Errors
    /// When its keys cannot be had, or none fits.
    pub(super) async fn sealed_claims_for(
        &self,
        client: &Client,
        encryption: Encryption,
        claims: &Map<String, Value>,
    ) -> Result<String, Fault> {
        self.found_among_keys(client, |keys| keys.seal_claims(claims, encryption))
            .await?
            .ok_or(NO_KEY_FITS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_when_old_or_unfit_and_not_again_at_once_after_a_failure() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(2);
        let ago = |seconds: i64| now - TimeDelta::seconds(seconds);
        // Seconds since the last fetch and the last failure; whether the keys did not fit. Whether they are fetched; whether some are known.
        for (fetched, failed, anew, fetches, are_known) in [
            (None, None, false, true, false),
            (Some(599), None, false, false, true),
            (Some(600), None, false, true, true),
            (Some(86_399), None, false, true, true),
            (Some(86_400), None, false, true, false),
            (Some(9), None, true, false, true),
            (Some(10), None, true, true, true),
            (Some(599), Some(1), false, false, true),
            (Some(600), Some(29), false, false, true),
            (Some(600), Some(30), false, true, true),
            (Some(20), Some(29), true, false, true),
            (Some(86_400), Some(9), false, false, false),
            (Some(86_400), Some(10), false, true, false),
            (None, Some(9), false, false, false),
            (None, Some(10), false, true, false),
        ] {
            let state = State {
                fetched: fetched.map(|seconds| Fetched {
                    keys: Arc::default(),
                    at: ago(seconds),
                }),
                failed_at: failed.map(ago),
            };
            let next = state.next(anew, now);
            assert_eq!(
                (next.fetches, next.known.is_some()),
                (fetches, are_known),
                "fetched {fetched:?}, failed {failed:?}, anew: {anew}"
            );
        }
    }
}

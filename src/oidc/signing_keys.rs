//! The calendar of the signing keys: which key signs when, and for how long it is published.
//!
//! The keys of the variable `JWKS` sign for as long as nothing else is said. A rotation adds a key that every node and every
//! relying party knows before it signs, and lets its predecessor be known until the last token that it signed is of no use.
//! The private keys are encrypted with a key that is not in the database.

use std::collections::HashMap;
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use identite_actors::keys::{
    ArrangedKey, InvalidKeys, KeyKind, KeyStage, SigningAlgorithm, generate_signing_key,
};
use josekit::jwe::{Dir, JweHeader};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::db::renewal::{self, Renewal};
use crate::db::signing_keys::{self, SigningKeyRow};
use crate::db::{self, GenericClient};
use crate::domain::{MasterKey, MasterKeys};

/// How far the clocks of two machines may be apart, or one clock may be set back: what was ordered to begin at once has begun.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::minutes(1);

/// How the private keys are encrypted.
const CONTENT_ENCRYPTION: &str = "A256GCM";

/// The calendar, and what is needed to read it.
#[derive(Clone)]
pub struct SigningKeys {
    /// The keys of the variable `JWKS`.
    own: Vec<OwnKey>,
    vault: MasterKeys,
}

#[derive(Clone)]
struct OwnKey {
    kid: String,
    jwk: SecretString,
    kind: Option<KeyKind>,
    signs: bool,
}

/// A key, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    pub kid: String,
    /// Of its JWK: `kty`, and `crv` where there is one.
    pub shape: String,
    /// Where the private key is.
    pub is_from_variable: bool,
    /// `None`: it is not published any more.
    pub stage: Option<KeyStage>,
    /// When it begins to sign, if that is to come.
    pub signs_from: Option<DateTime<Utc>>,
    /// When it ends to sign, if that is known.
    pub signs_until: Option<DateTime<Utc>>,
}

/// What each key does at an instant.
#[derive(Debug, Default)]
pub struct Arrangement {
    /// In the order in which they are chosen from.
    pub keys: Vec<ArrangedKey>,
    /// Those that none of the keys of the deployment opens, by their `kid`.
    pub unreadable: Vec<String>,
}

/// What became of the sealed keys after the key of the deployment was replaced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResealedKeys {
    pub seen: u64,
    /// Sealed with the current key now, or, in a dry run, to be.
    pub resealed: u64,
    /// Sealed with the current key before.
    pub current: u64,
    /// Those that none of the keys opens, by their `kid`.
    pub unreadable: Vec<String>,
}

/// Why the calendar was not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeysError {
    #[error(transparent)]
    Database(#[from] db::Error),
    #[error(transparent)]
    Keys(#[from] InvalidKeys),
    #[error("a key cannot be made, sealed or opened: {0}")]
    Jose(#[from] josekit::JoseError),
    #[error("there is no key to open a key with")]
    NoVault,
    #[error("no key has the kid {0:?}")]
    Unknown(String),
    #[error("no other key of its kind signs: rotate first")]
    LastOfItsKind,
}

impl SigningKeys {
    /// A calendar over the keys of `jwks`; what is in the database is encrypted with a key derived from `vault`.
    ///
    /// # Errors
    /// When `jwks` cannot be used.
    pub fn new(jwks: &SecretString, vault: MasterKeys) -> Result<Self, InvalidKeys> {
        let set: Value = serde_json::from_str(jwks.expose_secret()).map_err(|_| InvalidKeys::NotAKeySet)?;
        let private = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(InvalidKeys::NotAKeySet)?;
        let public = identite_actors::keys::public_halves(jwks)?;
        let own = private
            .iter()
            .zip(public)
            .map(|(jwk, public)| OwnKey {
                kid: public.kid,
                jwk: SecretString::from(jwk.to_string()),
                kind: KeyKind::of_jwk(jwk),
                signs: public.signs,
            })
            .collect();
        Ok(Self { own, vault })
    }

    /// What each key does at `now`, in the order in which they are chosen from. A key that cannot be opened is named, and keeps no other
    /// from its place: one that was retired is retired all the same. One that was opened before, as `opened` remembers by its `kid`,
    /// stays in use.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn arrangement(
        &self,
        database: &impl GenericClient,
        opened: &mut HashMap<String, SecretString>,
        now: DateTime<Utc>,
    ) -> Result<Arrangement, SigningKeysError> {
        let rows = signing_keys::all(database, now).await?;
        let mut arranged = Vec::with_capacity(rows.len() + self.own.len());
        let mut unreadable = Vec::new();
        for row in &rows {
            if let (Some(sealed), Some(stage)) = (&row.encrypted_jwk, stage_of(row, now)) {
                if let Ok(jwk) = self.open(sealed) {
                    opened.insert(row.kid.clone(), jwk);
                } else {
                    unreadable.push(row.kid.clone());
                }
                if let Some(jwk) = opened.get(&row.kid).cloned() {
                    arranged.push(ArrangedKey { jwk, stage });
                }
            }
        }
        for own in &self.own {
            let stage = match rows.iter().find(|row| row.kid == own.kid) {
                None => Some(KeyStage::Signing),
                Some(row) => stage_of(row, now),
            };
            if let Some(stage) = stage {
                let jwk = own.jwk.clone();
                arranged.push(ArrangedKey { jwk, stage });
            }
        }
        Ok(Arrangement {
            keys: arranged,
            unreadable,
        })
    }

    /// Every key, for operators.
    ///
    /// # Errors
    /// As [`Self::arrangement`].
    pub async fn list(
        &self,
        database: &impl GenericClient,
        now: DateTime<Utc>,
    ) -> Result<Vec<ListedKey>, SigningKeysError> {
        let rows = signing_keys::all(database, now).await?;
        let listed = |kid: &str, jwk: &SecretString, row: Option<&SigningKeyRow>| ListedKey {
            kid: kid.to_owned(),
            shape: shape_of(jwk),
            is_from_variable: row.is_none_or(|row| row.encrypted_jwk.is_none()),
            stage: row.map_or(Some(KeyStage::Signing), |row| stage_of(row, now)),
            signs_from: row.map(|row| row.signs_from).filter(|from| *from > now),
            signs_until: row.and_then(|row| row.signs_until),
        };
        let mut keys = Vec::new();
        for row in rows.iter().filter(|row| row.encrypted_jwk.is_some()) {
            let jwk = self.open(row.encrypted_jwk.as_deref().unwrap_or_default())?;
            keys.push(listed(&row.kid, &jwk, Some(row)));
        }
        for own in &self.own {
            let row = rows.iter().find(|row| row.kid == own.kid);
            keys.push(listed(&own.kid, &own.jwk, row));
        }
        Ok(keys)
    }

    /// Makes a key that takes over what signs with `algorithm`, after it was published for `published_for`. Those before it are
    /// published for `grace` more. Gives its `kid`.
    ///
    /// # Errors
    /// When the database does not answer, or no key can be made.
    pub async fn rotate(
        &self,
        transaction: &db::Transaction<'_>,
        algorithm: SigningAlgorithm,
        published_for: TimeDelta,
        grace: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<String, SigningKeysError> {
        let shape = KeyKind::of(algorithm);
        let jwk = generate_signing_key(shape)?;
        let kid = text_of(&jwk, "kid");
        let signs_from = now + published_for;
        let rows = signing_keys::all(transaction, now).await?;
        let predecessors = self.signing(&rows, shape, now)?;
        let row = SigningKeyRow {
            kid: kid.clone(),
            encrypted_jwk: Some(self.seal(&jwk)?),
            signs_from,
            signs_until: None,
            published_until: None,
        };
        signing_keys::add(transaction, &row, algorithm.name(), now).await?;
        signing_keys::retire(transaction, &predecessors, signs_from, signs_from + grace, now).await?;
        Ok(kid)
    }

    /// Lets a key sign no more. It is published for `grace` more; for none if it is known to others.
    ///
    /// # Errors
    /// When there is no such key, or no other one of its kind signs within a minute, which is how far clocks may be apart.
    pub async fn retire(
        &self,
        transaction: &db::Transaction<'_>,
        kid: &str,
        grace: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<(), SigningKeysError> {
        let rows = signing_keys::all(transaction, now).await?;
        let shape = self
            .kind_of(&rows, kid)?
            .ok_or_else(|| SigningKeysError::Unknown(kid.to_owned()))?;
        let begin = |other: &String| {
            let row = rows.iter().find(|row| row.kid == *other);
            row.map_or(now, |row| row.signs_from.max(now))
        };
        let ends = self
            .signing(&rows, shape, now)?
            .iter()
            .filter(|other| *other != kid)
            .map(begin)
            .min()
            .filter(|begin| *begin <= now + CLOCK_TOLERANCE)
            .ok_or(SigningKeysError::LastOfItsKind)?;
        signing_keys::retire(transaction, &[kid.to_owned()], ends, ends + grace, now).await?;
        Ok(())
    }

    /// The keys of `kind` that sign now or will, without an end.
    fn signing(
        &self,
        rows: &[SigningKeyRow],
        kind: KeyKind,
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, SigningKeysError> {
        let mut kids = Vec::new();
        for row in rows
            .iter()
            .filter(|row| row.signs_until.is_none_or(|end| end > now))
        {
            if row.encrypted_jwk.is_some() && self.kind_of(rows, &row.kid)? == Some(kind) {
                kids.push(row.kid.clone());
            }
        }
        for own in self.own.iter().filter(|own| own.signs && own.kind == Some(kind)) {
            let row = rows.iter().find(|row| row.kid == own.kid);
            if row.is_none_or(|row| row.signs_until.is_none_or(|end| end > now)) {
                kids.push(own.kid.clone());
            }
        }
        Ok(kids)
    }

    fn kind_of(&self, rows: &[SigningKeyRow], kid: &str) -> Result<Option<KeyKind>, SigningKeysError> {
        if let Some(own) = self.own.iter().find(|own| own.kid == kid) {
            return Ok(own.kind);
        }
        let sealed = rows
            .iter()
            .find(|row| row.kid == kid)
            .and_then(|row| row.encrypted_jwk.as_deref());
        let Some(sealed) = sealed else { return Ok(None) };
        let jwk = self.open(sealed)?;
        Ok(serde_json::from_str(jwk.expose_secret())
            .ok()
            .and_then(|jwk| KeyKind::of_jwk(&jwk)))
    }

    fn seal(&self, jwk: &SecretString) -> Result<String, SigningKeysError> {
        let mut header = JweHeader::new();
        header.set_content_encryption(CONTENT_ENCRYPTION);
        let encrypter = Dir.encrypter_from_bytes(vault_key(self.vault.ring().current()))?;
        let payload = jwk.expose_secret().as_bytes();
        Ok(josekit::jwe::serialize_compact(payload, &header, &encrypter)?)
    }

    fn open(&self, sealed: &str) -> Result<SecretString, SigningKeysError> {
        self.try_keys(sealed).map(|(jwk, _)| jwk)
    }

    /// Seals with the current key what a former one sealed, or, in a dry run, only looks.
    ///
    /// # Errors
    /// When the database does not answer, or a key cannot be sealed.
    pub async fn reseal(
        &self,
        transaction: &db::Transaction<'_>,
        is_dry_run: bool,
    ) -> Result<ResealedKeys, SigningKeysError> {
        let mut outcome = ResealedKeys::default();
        let mut renewals = Vec::new();
        for (kid, sealed) in renewal::sealed_signing_keys(transaction).await? {
            outcome.seen += 1;
            match self.resealed(&sealed) {
                Ok(None) => outcome.current += 1,
                Ok(Some(after)) => renewals.push(Renewal {
                    id: kid,
                    before: sealed,
                    after,
                }),
                Err(_) => outcome.unreadable.push(kid),
            }
        }
        outcome.resealed = renewals.len() as u64;
        if !is_dry_run && !renewals.is_empty() {
            renewal::renew_signing_keys(transaction, &renewals).await?;
        }
        Ok(outcome)
    }

    /// `sealed`, sealed with the current key; `None` when that is what it is.
    fn resealed(&self, sealed: &str) -> Result<Option<String>, SigningKeysError> {
        let (jwk, is_current) = self.try_keys(sealed)?;
        if is_current {
            return Ok(None);
        }
        self.seal(&jwk).map(Some)
    }

    /// What is in `sealed`, and whether the current key sealed it. The authenticated encryption tells which key did.
    fn try_keys(&self, sealed: &str) -> Result<(SecretString, bool), SigningKeysError> {
        let ring = self.vault.ring();
        let mut failure = None;
        for (rank, key) in ring.all().enumerate() {
            let decrypter = Dir.decrypter_from_bytes(vault_key(key))?;
            match josekit::jwe::deserialize_compact(sealed, &decrypter) {
                Ok((payload, _)) => {
                    let jwk = SecretString::from(String::from_utf8_lossy(&payload).into_owned());
                    return Ok((jwk, rank == 0));
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.map_or(SigningKeysError::NoVault, SigningKeysError::Jose))
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys(…)")
    }
}

/// The key that the private keys are encrypted with, which serves nothing else.
fn vault_key(master: &MasterKey) -> [u8; 32] {
    master.derived(b"identite signing keys v1")
}

/// What the key of `row` does at `now`; `None` when it is not even published.
fn stage_of(row: &SigningKeyRow, now: DateTime<Utc>) -> Option<KeyStage> {
    if row.signs_from > now {
        return Some(KeyStage::Coming);
    }
    if row.signs_until.is_none_or(|end| end > now) {
        return Some(KeyStage::Signing);
    }
    let until = row.published_until?;
    (until > now).then_some(KeyStage::Retiring { until })
}

fn text_of(jwk: &SecretString, name: &str) -> String {
    let jwk: Value = serde_json::from_str(jwk.expose_secret()).unwrap_or_default();
    jwk.get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn shape_of(jwk: &SecretString) -> String {
    let curve = text_of(jwk, "crv");
    let key_type = text_of(jwk, "kty");
    if curve.is_empty() {
        key_type
    } else {
        format!("{key_type} {curve}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_published_then_signs_then_verifies_then_is_gone() {
        let at = |seconds: i64| DateTime::from_timestamp(seconds, 0).unwrap();
        let row = SigningKeyRow {
            kid: "k".into(),
            encrypted_jwk: None,
            signs_from: at(10),
            signs_until: Some(at(20)),
            published_until: Some(at(30)),
        };
        let stages = [
            (9, Some(KeyStage::Coming)),
            (10, Some(KeyStage::Signing)),
            (19, Some(KeyStage::Signing)),
            (20, Some(KeyStage::Retiring { until: at(30) })),
            (30, None),
        ];
        for (second, expected) in stages {
            assert_eq!(stage_of(&row, at(second)), expected, "{second}");
        }
    }

    #[test]
    fn a_sealed_key_is_opened_with_the_key_that_sealed_it_and_resealed_with_the_current_one() {
        let jwks = identite_actors::keys::generate().unwrap();
        let (one, two) = ([1; 32], [2; 32]);
        let before = SigningKeys::new(&jwks, one.into()).unwrap();
        let during = SigningKeys::new(&jwks, MasterKeys::new(two.into(), vec![one.into()])).unwrap();
        let after = SigningKeys::new(&jwks, two.into()).unwrap();
        let sealed = before.seal(&SecretString::from("secret")).unwrap();
        assert!(!sealed.contains("secret"));
        assert_eq!(before.open(&sealed).unwrap().expose_secret(), "secret");
        assert_eq!(before.resealed(&sealed).unwrap(), None);
        assert!(after.open(&sealed).is_err());
        assert!(after.resealed(&sealed).is_err());

        assert_eq!(during.open(&sealed).unwrap().expose_secret(), "secret");
        let resealed = during.resealed(&sealed).unwrap().expect("another seal");
        assert_eq!(after.open(&resealed).unwrap().expose_secret(), "secret");
        assert_eq!(during.resealed(&resealed).unwrap(), None, "it is done");
    }
}

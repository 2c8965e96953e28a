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
    /// Of its JWK: `kty`, and `crv` where there is one. Of a key that cannot be opened: as it was noted, or `unknown`.
    pub shape: String,
    /// Whether its private half is at hand: of a key that none of the keys of the deployment opens it is not.
    pub is_readable: bool,
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
    /// Those among them whose turn it is to sign, and that were not opened before either: sister nodes may sign with them.
    pub missing: Vec<String>,
}

/// A key that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    pub kid: String,
    pub signs_from: DateTime<Utc>,
}

/// How a key ends that signs no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retirement {
    pub signs_until: DateTime<Utc>,
    pub published_until: DateTime<Utc>,
    /// Whether an end was moved: one that was as early before stays as it was.
    pub is_new: bool,
}

/// Why a key has to go on signing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NobodyElse {
    /// `None`: it is not known.
    kind: Option<KeyKind>,
    /// From when on nobody else would sign; `None`: from now on.
    from: Option<DateTime<Utc>>,
    /// The next one to sign, and from when.
    coming: Option<(String, DateTime<Utc>)>,
    /// Those that may sign elsewhere, and that nothing opens here.
    unreadable: Vec<String>,
}

impl fmt::Display for NobodyElse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.kind.is_some() {
            "no other key of its kind signs"
        } else {
            "no other key signs"
        })?;
        if let Some(from) = self.from {
            write!(f, " from {} on", told(from))?;
        }
        let algorithm = self.kind.map_or("RS256", algorithm_of);
        let command = format!("`identite keys rotate --alg {algorithm} --publish-minutes 0`");
        match &self.coming {
            None => write!(f, ": rotate first, with {command} if it cannot wait")?,
            Some((kid, begins)) => write!(
                f,
                ": {kid} is coming and signs from {}; wait until then, or rotate first with {command}",
                told(*begins)
            )?,
        }
        if !self.unreadable.is_empty() {
            write!(
                f,
                " (not counted, as nothing opens them here: {})",
                self.unreadable.join(", ")
            )?;
        }
        Ok(())
    }
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
    #[error("{0}")]
    LastOfItsKind(NobodyElse),
    #[error("the calendar does not reach that far")]
    TooFar,
}

/// What is known of a key without its private half.
struct KnownKey {
    kid: String,
    /// `None`: neither noted nor to be read.
    kind: Option<KeyKind>,
    is_readable: bool,
    /// Whether it can sign with an algorithm that is enabled, as far as it is known.
    can_sign: bool,
    turn: Turn,
}

/// From when until when a key signs. One that ends before it begins never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Turn {
    from: DateTime<Utc>,
    until: DateTime<Utc>,
}

impl Turn {
    /// Of a key that nothing is said about.
    const ALWAYS: Self = Self {
        from: DateTime::<Utc>::MIN_UTC,
        until: DateTime::<Utc>::MAX_UTC,
    };

    fn of(row: &SigningKeyRow) -> Self {
        Self {
            from: row.signs_from,
            until: row.signs_until.unwrap_or(Self::ALWAYS.until),
        }
    }
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
        let (mut unreadable, mut missing) = (Vec::new(), Vec::new());
        for row in &rows {
            if let (Some(sealed), Some(stage)) = (&row.encrypted_jwk, stage_of(row, now)) {
                if let Ok(jwk) = self.open(sealed) {
                    opened.insert(row.kid.clone(), jwk);
                } else {
                    unreadable.push(row.kid.clone());
                }
                if let Some(jwk) = opened.get(&row.kid).cloned() {
                    arranged.push(ArrangedKey { jwk, stage });
                } else if stage == KeyStage::Signing {
                    missing.push(row.kid.clone());
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
            missing,
        })
    }

    /// Every key, for operators; those too that cannot be opened.
    ///
    /// # Errors
    /// As [`Self::arrangement`].
    pub async fn list(
        &self,
        database: &impl GenericClient,
        now: DateTime<Utc>,
    ) -> Result<Vec<ListedKey>, SigningKeysError> {
        let rows = signing_keys::all(database, now).await?;
        let listed = |kid: &str, jwk: Option<&SecretString>, row: Option<&SigningKeyRow>| ListedKey {
            kid: kid.to_owned(),
            shape: jwk.map_or_else(|| noted_shape(row).to_owned(), shape_of),
            is_readable: jwk.is_some(),
            is_from_variable: row.is_none_or(|row| row.encrypted_jwk.is_none()),
            stage: row.map_or(Some(KeyStage::Signing), |row| stage_of(row, now)),
            signs_from: row.map(|row| row.signs_from).filter(|from| *from > now),
            signs_until: row.and_then(|row| row.signs_until),
        };
        let mut keys = Vec::new();
        for row in &rows {
            if let Some(sealed) = &row.encrypted_jwk {
                keys.push(listed(&row.kid, self.open(sealed).ok().as_ref(), Some(row)));
            }
        }
        for own in &self.own {
            let row = rows.iter().find(|row| row.kid == own.kid);
            keys.push(listed(&own.kid, Some(&own.jwk), row));
        }
        Ok(keys)
    }

    /// Makes a key that takes over what signs with `algorithm`, after it was published for `published_for`. Those before it, opened or
    /// not, are published for `grace` more; one that was to end earlier does.
    ///
    /// # Errors
    /// When the database does not answer, no key can be made, or the dates are out of reach.
    pub async fn rotate(
        &self,
        transaction: &db::Transaction<'_>,
        algorithm: SigningAlgorithm,
        published_for: TimeDelta,
        grace: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Rotation, SigningKeysError> {
        let wanted = KeyKind::of(algorithm);
        let signs_from = later(now, published_for)?;
        let published_until = later(signs_from, grace)?;
        let jwk = generate_signing_key(wanted)?;
        let kid = text_of(&jwk, "kid");
        signing_keys::lock(transaction).await?;
        let rows = signing_keys::all(transaction, now).await?;
        let predecessors: Vec<String> = self
            .known(&rows)
            .into_iter()
            .filter(|key| key.kind == Some(wanted) && key.can_sign && key.turn.until > now)
            .map(|key| key.kid)
            .collect();
        let row = SigningKeyRow {
            kid: kid.clone(),
            encrypted_jwk: Some(self.seal(&jwk)?),
            algorithm: Some(algorithm.name().to_owned()),
            signs_from,
            signs_until: None,
            published_until: None,
        };
        signing_keys::add(transaction, &row, now).await?;
        signing_keys::retire(transaction, &predecessors, signs_from, published_until, now).await?;
        Ok(Rotation { kid, signs_from })
    }

    /// Lets a key sign no more. It is published for `grace` more; for none if it is known to others. What is to end earlier anyway does.
    /// A key that cannot be opened is retired as any other; where its kind is not known, either, a key of any kind has to sign on.
    ///
    /// # Errors
    /// When there is no such key, or when none of its kind that can be opened signs in its place, beginning within a minute, which is
    /// how far clocks may be apart.
    pub async fn retire(
        &self,
        transaction: &db::Transaction<'_>,
        kid: &str,
        grace: TimeDelta,
        now: DateTime<Utc>,
    ) -> Result<Retirement, SigningKeysError> {
        signing_keys::lock(transaction).await?;
        let rows = signing_keys::all(transaction, now).await?;
        let (targets, others): (Vec<_>, Vec<_>) =
            self.known(&rows).into_iter().partition(|key| key.kid == kid);
        let row = match rows.into_iter().find(|row| row.kid == kid) {
            Some(row) => Some(row),
            // It may not be published any more.
            None => signing_keys::find(transaction, kid).await?,
        };
        let Some(target) = targets.first() else {
            let row = row.ok_or_else(|| SigningKeysError::Unknown(kid.to_owned()))?;
            let published_until = row.published_until.unwrap_or(now);
            return Ok(Retirement {
                signs_until: row.signs_until.unwrap_or(published_until),
                published_until,
                is_new: false,
            });
        };
        let ends = end_of(target, &others, now).map_err(SigningKeysError::LastOfItsKind)?;
        let retirement = retirement(row.as_ref(), ends, later(ends, grace)?);
        if retirement.is_new {
            let (signs_until, published_until) = (retirement.signs_until, retirement.published_until);
            signing_keys::retire(transaction, &[kid.to_owned()], signs_until, published_until, now).await?;
        }
        Ok(retirement)
    }

    /// What is known of the keys of `rows` and of the variable, each once.
    fn known(&self, rows: &[SigningKeyRow]) -> Vec<KnownKey> {
        let mut keys = Vec::with_capacity(rows.len() + self.own.len());
        for row in rows {
            if self.own.iter().any(|own| own.kid == row.kid) {
                continue;
            }
            let jwk = row.encrypted_jwk.as_deref().and_then(|jwe| self.open(jwe).ok());
            keys.push(KnownKey {
                kid: row.kid.clone(),
                kind: noted_kind(row).or_else(|| jwk.as_ref().and_then(kind_of)),
                is_readable: jwk.is_some(),
                can_sign: true,
                turn: Turn::of(row),
            });
        }
        for own in &self.own {
            let row = rows.iter().find(|row| row.kid == own.kid);
            keys.push(KnownKey {
                kid: own.kid.clone(),
                kind: own.kind,
                is_readable: true,
                can_sign: own.signs,
                turn: row.map_or(Turn::ALWAYS, Turn::of),
            });
        }
        keys
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

/// What the key of `row` does at `now`; `None` when it is not even published. One that was retired before it signed is not coming any
/// more: whoever knows it could be believed otherwise.
fn stage_of(row: &SigningKeyRow, now: DateTime<Utc>) -> Option<KeyStage> {
    let turn = Turn::of(row);
    if turn.until > turn.from {
        if turn.from > now {
            return Some(KeyStage::Coming);
        }
        if turn.until > now {
            return Some(KeyStage::Signing);
        }
    }
    let until = row.published_until?;
    (until > now).then_some(KeyStage::Retiring { until })
}

/// The instant that is `delay` after `instant`.
fn later(instant: DateTime<Utc>, delay: TimeDelta) -> Result<DateTime<Utc>, SigningKeysError> {
    instant.checked_add_signed(delay).ok_or(SigningKeysError::TooFar)
}

/// An instant, for operators.
fn told(instant: DateTime<Utc>) -> impl fmt::Display {
    instant.format("%Y-%m-%d %H:%M:%S UTC")
}

/// When `target` may end to sign: at once, or when one of `others` has begun. Whenever it would have signed another one must.
fn end_of(target: &KnownKey, others: &[KnownKey], now: DateTime<Utc>) -> Result<DateTime<Utc>, NobodyElse> {
    let is_peer = |other: &&KnownKey| other.can_sign && (target.kind.is_none() || other.kind == target.kind);
    let peers: Vec<&KnownKey> = others.iter().filter(is_peer).collect();
    let turns: Vec<Turn> = peers
        .iter()
        .filter(|peer| peer.is_readable)
        .map(|peer| peer.turn)
        .collect();
    relief(&turns, target.turn, now).map_err(|gap| NobodyElse {
        kind: target.kind,
        from: Some(gap).filter(|gap| *gap > now),
        coming: peers
            .iter()
            .filter(|peer| peer.is_readable && peer.turn.from > gap && peer.turn.from < peer.turn.until)
            .min_by_key(|peer| peer.turn.from)
            .map(|peer| (peer.kid.clone(), peer.turn.from)),
        unreadable: peers
            .iter()
            .filter(|peer| !peer.is_readable && peer.turn.until > gap)
            .map(|peer| peer.kid.clone())
            .collect(),
    })
}

/// When whoever has `turn` may end to sign, so that somebody of `turns` signs whenever it would have. The error is the first instant at
/// which nobody does.
fn relief(turns: &[Turn], turn: Turn, now: DateTime<Utc>) -> Result<DateTime<Utc>, DateTime<Utc>> {
    if turn.until <= now.max(turn.from) {
        return Ok(now);
    }
    let (ends, needed_from) = if turn.from > now {
        (now, turn.from)
    } else {
        let begins = turns
            .iter()
            .map(|other| (other.from.max(now), other.until))
            .filter(|(begins, until)| begins < until)
            .map(|(begins, _)| begins)
            .min()
            .filter(|begins| *begins <= now + CLOCK_TOLERANCE)
            .ok_or(now)?;
        (begins, begins)
    };
    let needed = Turn {
        from: needed_from,
        until: turn.until,
    };
    first_gap(turns, needed).map_or(Ok(ends), Err)
}

/// The first instant of `needed` that is in none of `turns`.
fn first_gap(turns: &[Turn], needed: Turn) -> Option<DateTime<Utc>> {
    let mut covered = needed.from;
    while covered < needed.until {
        let reached = turns
            .iter()
            .filter(|turn| turn.from <= covered && turn.until > covered)
            .map(|turn| turn.until)
            .max();
        let Some(reached) = reached else {
            return Some(covered);
        };
        covered = reached;
    }
    None
}

/// The ends of a key that was to end as `row` says, after it was told to end then: each moves earlier or not at all.
fn retirement(
    row: Option<&SigningKeyRow>,
    signs_until: DateTime<Utc>,
    published_until: DateTime<Utc>,
) -> Retirement {
    let known_end = row.and_then(|row| row.signs_until);
    let known_last = row.and_then(|row| row.published_until).or(known_end);
    Retirement {
        signs_until: known_end.map_or(signs_until, |known| known.min(signs_until)),
        published_until: known_last.map_or(published_until, |known| known.min(published_until)),
        is_new: known_end.is_none_or(|known| signs_until < known)
            || known_last.is_none_or(|known| published_until < known),
    }
}

/// The kind of the key of `row`, as it was noted.
fn noted_kind(row: &SigningKeyRow) -> Option<KeyKind> {
    let algorithm: SigningAlgorithm = row.algorithm.as_deref()?.parse().ok()?;
    Some(KeyKind::of(algorithm))
}

fn kind_of(jwk: &SecretString) -> Option<KeyKind> {
    let jwk: Value = serde_json::from_str(jwk.expose_secret()).ok()?;
    KeyKind::of_jwk(&jwk)
}

/// An algorithm that keys of `kind` sign with.
fn algorithm_of(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Rsa => "RS256",
        KeyKind::P256 => "ES256",
        KeyKind::Ed25519 => "EdDSA",
    }
}

/// As [`shape_of`], of a key that cannot be opened.
fn noted_shape(row: Option<&SigningKeyRow>) -> &'static str {
    match row.and_then(noted_kind) {
        None => "unknown",
        Some(KeyKind::Rsa) => "RSA",
        Some(KeyKind::P256) => "EC P-256",
        Some(KeyKind::Ed25519) => "OKP Ed25519",
    }
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

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn row(from: i64, until: Option<i64>, published_until: Option<i64>) -> SigningKeyRow {
        SigningKeyRow {
            kid: "k".into(),
            encrypted_jwk: None,
            algorithm: None,
            signs_from: at(from),
            signs_until: until.map(at),
            published_until: published_until.map(at),
        }
    }

    /// A key that signs with RS256, and can be opened.
    fn known(kid: &str, from: i64, until: Option<i64>) -> KnownKey {
        KnownKey {
            kid: kid.into(),
            kind: Some(KeyKind::Rsa),
            is_readable: true,
            can_sign: true,
            turn: Turn::of(&row(from, until, None)),
        }
    }

    #[test]
    fn a_key_that_was_retired_before_it_signed_never_signs() {
        let row = row(20, Some(10), Some(30));
        for second in [5, 10, 20, 29] {
            assert_eq!(
                stage_of(&row, at(second)),
                Some(KeyStage::Retiring { until: at(30) }),
                "{second}"
            );
        }
        assert_eq!(stage_of(&row, at(30)), None);
    }

    #[test]
    fn an_end_that_is_set_only_moves_earlier() {
        for (row, ordered, expected, is_new) in [
            (None, (10, 20), (10, 20), true),
            (Some(row(0, None, None)), (10, 20), (10, 20), true),
            (Some(row(0, Some(5), Some(5))), (10, 20), (5, 5), false),
            (Some(row(0, Some(5), None)), (10, 20), (5, 5), false),
            (Some(row(0, Some(5), Some(30))), (10, 20), (5, 20), true),
            (Some(row(0, Some(15), Some(15))), (10, 20), (10, 15), true),
        ] {
            let ends = retirement(row.as_ref(), at(ordered.0), at(ordered.1));
            assert_eq!(
                (ends.signs_until, ends.published_until),
                (at(expected.0), at(expected.1))
            );
            assert_eq!(ends.is_new, is_new, "{expected:?}");
        }
    }

    #[test]
    fn a_key_is_retired_when_others_sign_whenever_it_would() {
        let now = at(1_000);
        let end = |target: &KnownKey, others: &[KnownKey]| end_of(target, others, now).map_err(|_| ());
        let old = || known("old", 0, None);
        assert_eq!(end(&old(), &[]), Err(()));
        assert_eq!(end(&old(), &[known("new", 900, None)]), Ok(now));
        assert_eq!(
            end(&old(), &[known("new", 1_060, None)]),
            Ok(at(1_060)),
            "clocks may be apart"
        );
        assert_eq!(end(&old(), &[known("new", 1_061, None)]), Err(()));
        // Replaced twice: the first successor signs until the second one does.
        let chain = [known("one", 900, Some(2_000)), known("two", 2_000, None)];
        assert_eq!(end(&old(), &chain), Ok(now));
        assert_eq!(end(&old(), &chain[..1]), Err(()), "nobody signs afterwards");
        // What was to end anyway needs nobody afterwards; what has ended needs nobody at all.
        assert_eq!(end(&known("old", 0, Some(1_500)), &chain[..1]), Ok(now));
        assert_eq!(end(&known("old", 0, Some(1_000)), &[]), Ok(now));
        // One that is coming is needed when the one before it ends.
        let replaced = known("old", 0, Some(2_000));
        assert_eq!(end(&known("coming", 2_000, None), &[replaced]), Err(()));
        assert_eq!(end(&known("coming", 2_000, None), &[old()]), Ok(now));
        assert_eq!(end(&known("never", 2_000, Some(1_500)), &[]), Ok(now));
        // Only keys of its kind count, that sign and can be opened.
        let other_kind = || KnownKey {
            kind: Some(KeyKind::P256),
            ..known("other", 0, None)
        };
        assert_eq!(end(&old(), &[other_kind()]), Err(()));
        let closed = KnownKey {
            is_readable: false,
            ..known("closed", 0, None)
        };
        assert_eq!(end(&closed, &[known("new", 0, None)]), Ok(now));
        assert_eq!(end(&old(), &[closed]), Err(()));
        let silent = KnownKey {
            can_sign: false,
            ..known("silent", 0, None)
        };
        assert_eq!(end(&old(), &[silent]), Err(()));
        // Nobody knows what it is: a key of any kind signs on.
        let unknown = KnownKey {
            kind: None,
            is_readable: false,
            ..known("unknown", 0, None)
        };
        assert_eq!(end(&unknown, &[other_kind()]), Ok(now));
        assert_eq!(end(&unknown, &[]), Err(()));
    }

    #[test]
    fn who_cannot_retire_a_key_is_told_what_comes_and_what_to_do() {
        let now = at(1_000);
        let refusal = |others: &[KnownKey]| {
            let refused = end_of(&known("old", 0, Some(2_000)), others, now).unwrap_err();
            SigningKeysError::LastOfItsKind(refused).to_string()
        };
        assert_eq!(
            refusal(&[]),
            "no other key of its kind signs: rotate first, with `identite keys rotate --alg RS256 --publish-minutes 0` if it cannot wait"
        );
        assert_eq!(
            refusal(&[known("new", 2_000, None)]),
            "no other key of its kind signs: new is coming and signs from 1970-01-01 00:33:20 UTC; wait until then, or rotate \
             first with `identite keys rotate --alg RS256 --publish-minutes 0`"
        );
        let closed = KnownKey {
            is_readable: false,
            ..known("closed", 0, None)
        };
        assert!(refusal(&[closed]).ends_with("(not counted, as nothing opens them here: closed)"));
        let refused = end_of(
            &known("coming", 2_000, None),
            &[known("old", 0, Some(2_000))],
            now,
        )
        .unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("signs from 1970-01-01 00:33:20 UTC on: rotate first")
        );
    }

    #[test]
    fn dates_out_of_reach_are_refused() {
        let last = DateTime::<Utc>::MAX_UTC;
        assert!(matches!(
            later(last, TimeDelta::hours(1)),
            Err(SigningKeysError::TooFar)
        ));
        assert_eq!(later(at(1), TimeDelta::seconds(2)).unwrap(), at(3));
    }

    #[test]
    fn the_kind_of_a_key_is_known_without_opening_it() {
        let noted = |algorithm: Option<&str>| {
            let row = SigningKeyRow {
                algorithm: algorithm.map(str::to_owned),
                ..row(0, None, None)
            };
            (noted_kind(&row), noted_shape(Some(&row)))
        };
        assert_eq!(noted(Some("PS256")), (Some(KeyKind::Rsa), "RSA"));
        assert_eq!(noted(Some("ES256")), (Some(KeyKind::P256), "EC P-256"));
        assert_eq!(noted(Some("EdDSA")), (Some(KeyKind::Ed25519), "OKP Ed25519"));
        assert_eq!(noted(Some("XY1")), (None, "unknown"));
        assert_eq!(noted(None), (None, "unknown"));
    }

    #[test]
    fn a_key_is_published_then_signs_then_verifies_then_is_gone() {
        let row = row(10, Some(20), Some(30));
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

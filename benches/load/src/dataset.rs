//! The data that is measured with: accounts, relying parties and sessions of its own, added to the development data set.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tokio_postgres::Client as Postgres;

use crate::calibration::PasswordCost;
use crate::error::LoadError;
use crate::feature::{ClientKey, Feature};

/// The password of every account of the data set.
pub const PASSWORD: &str = "correct horse battery staple 42";
/// Accounts whose password hash is argon2id; sessions belong to them in turn.
pub const CURRENT_ACCOUNTS: u32 = 10_000;
/// Accounts whose password hash is still bcrypt. Each can be used once: its hash is replaced by the sign-in.
pub const LEGACY_ACCOUNTS: u32 = 2_000;
/// Identifier of the first account: above all fixtures.
const FIRST_USER_ID: u32 = 1_000_000;
const FIRST_LEGACY_USER_ID: u32 = FIRST_USER_ID + CURRENT_ACCOUNTS;
/// The organization that everybody belongs to: a town hall of the fixtures.
const SIRET: &str = "21340126800130";

/// Somebody who can sign in.
#[derive(Clone)]
pub struct Account(String);

impl Account {
    /// The account at `index` among those with an argon2id hash.
    pub fn current(index: u32) -> Self {
        Self(format!(
            "bench-{}@yopmail.com",
            FIRST_USER_ID + index % CURRENT_ACCOUNTS
        ))
    }

    /// The account at `index` among those with a bcrypt hash.
    pub fn legacy(index: u32) -> Self {
        Self(format!("bench-{}@yopmail.com", FIRST_LEGACY_USER_ID + index))
    }

    /// Its e-mail address.
    pub fn email(&self) -> &str {
        &self.0
    }
}

/// A registered relying party: one by the algorithm that its ID tokens are signed with, or one by the feature that it uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Client {
    Es256,
    Rs256,
    /// With ES256.
    With(Feature),
}

impl Client {
    pub const ALL: [Self; 2] = [Self::Es256, Self::Rs256];
    /// Nothing listens there: the browser of the benchmark never goes.
    pub const REDIRECT_URI: &str = "http://localhost:9/bench-callback";
    pub const SCOPE: &str = "openid email profile organization";

    pub fn id(self) -> &'static str {
        match self {
            Self::Es256 => "bench_es256_client_id",
            Self::Rs256 => "bench_rs256_client_id",
            Self::With(feature) => feature.client_id(),
        }
    }

    pub fn secret(self) -> &'static str {
        match self {
            Self::Es256 => "bench_es256_secret",
            Self::Rs256 => "bench_rs256_secret",
            Self::With(_) => "bench_feature_secret",
        }
    }

    /// JOSE name of the algorithm.
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::Es256 | Self::With(_) => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// What it uses beyond the plain code flow.
    pub fn feature(self) -> Feature {
        match self {
            Self::Es256 | Self::Rs256 => Feature::Plain,
            Self::With(feature) => feature,
        }
    }
}

/// Makes the cookies of the sessions that [`add_sessions`] wrote: `s:<SID>.<HMAC-SHA-256>`, percent-encoded.
pub struct SessionSigner(Vec<u8>);

impl SessionSigner {
    /// Signs with the first of the server's cookie secrets.
    pub fn new(cookie_secrets: &str) -> Self {
        let first = cookie_secrets.split(',').next().unwrap_or_default().trim();
        Self(first.as_bytes().to_vec())
    }

    /// The cookie value of the session at `index`.
    pub fn cookie(&self, index: u32) -> String {
        let sid = session_id(index);
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(sid.as_bytes());
        let signature = STANDARD_NO_PAD.encode(mac.finalize().into_bytes());
        let value = format!("s:{sid}.{signature}");
        percent_encoding::utf8_percent_encode(&value, COOKIE).to_string()
    }
}

/// What JavaScript's `encodeURIComponent` leaves as it is.
const COOKIE: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// 32 base64url characters that the database can compute as well.
fn session_id(index: u32) -> String {
    let digest = Sha256::digest(format!("bench-session-{index}"));
    let mut id = STANDARD.encode(digest).replace('+', "-").replace('/', "_");
    id.truncate(32);
    id
}

/// Writes the relying parties and the accounts, in place of those of an earlier run.
///
/// # Errors
/// The database refuses.
pub async fn add_accounts(
    database: &Postgres,
    cost: &PasswordCost,
    key: &ClientKey,
) -> Result<(), LoadError> {
    for client in Client::ALL
        .into_iter()
        .chain(Feature::ALL.into_iter().map(Client::With))
    {
        let userinfo_algorithm = match client.feature() {
            Feature::SignedUserinfo => "'ES256'",
            _ => "NULL",
        };
        let sql = format!(
            "DELETE FROM oidc_clients WHERE client_id = '{id}';
             INSERT INTO oidc_clients
               (client_name, client_id, client_secret, redirect_uris, scope, id_token_signed_response_alg,
                userinfo_signed_response_alg)
             VALUES
               ('Bench {algorithm}', '{id}', '{secret}', ARRAY['{redirect_uri}'], '{scope}', '{algorithm}',
                {userinfo_algorithm})",
            id = client.id(),
            secret = client.secret(),
            algorithm = client.algorithm(),
            redirect_uri = Client::REDIRECT_URI,
            scope = Client::SCOPE,
        );
        database.batch_execute(&sql).await?;
        set(database, client, key).await?;
    }

    let hashes = [cost.argon2_hash(PASSWORD)?, PasswordCost::bcrypt_hash(PASSWORD)?];
    let groups = [
        (FIRST_USER_ID, CURRENT_ACCOUNTS),
        (FIRST_LEGACY_USER_ID, LEGACY_ACCOUNTS),
    ];
    for ((first, count), hash) in groups.into_iter().zip(hashes) {
        let last = first + count - 1;
        let sql = format!(
            "DELETE FROM identite_sessions WHERE user_id BETWEEN {first} AND {last};
             DELETE FROM users_oidc_clients WHERE user_id BETWEEN {first} AND {last};
             DELETE FROM users_organizations WHERE user_id BETWEEN {first} AND {last};
             DELETE FROM users WHERE id BETWEEN {first} AND {last};
             INSERT INTO users
               (id, email, encrypted_password, email_verified, email_verified_at, given_name, family_name, job,
                created_at, updated_at)
             SELECT id, 'bench-' || id || '@yopmail.com', '{hash}', true, now(), 'Camille', 'Martin', 'Agent public',
                    now(), now()
             FROM generate_series({first}, {last}) AS id;
             INSERT INTO users_organizations
               (user_id, organization_id, verification_type, verified_at, has_been_greeted, created_at, updated_at)
             SELECT users.id, organizations.id, 'domain', now(), true, now(), now()
             FROM users, organizations
             WHERE users.id BETWEEN {first} AND {last} AND organizations.siret = '{SIRET}'"
        );
        database.batch_execute(&sql).await?;
    }
    database.batch_execute("ANALYZE").await?;
    Ok(())
}

/// Writes what a client has set beyond the columns of its row.
async fn set(database: &Postgres, client: Client, key: &ClientKey) -> Result<(), LoadError> {
    let settings = client.feature().settings(key);
    let Some(settings) = settings.as_object().filter(|settings| !settings.is_empty()) else {
        return Ok(());
    };
    let names: Vec<&str> = settings.keys().map(String::as_str).collect();
    let (names, values) = (names.join(", "), names.join(", settings."));
    // The columns have types: the settings are read as a row of the table.
    let sql = format!(
        "INSERT INTO identite_client_settings (oidc_client_id, {names})
         SELECT oidc_clients.id, settings.{values}
         FROM
           oidc_clients,
           jsonb_populate_record(NULL::identite_client_settings, ($1::text)::jsonb) AS settings
         WHERE oidc_clients.client_id = $2"
    );
    let settings = serde_json::Value::Object(settings.clone()).to_string();
    database.execute(&sql, &[&settings, &client.id()]).await?;
    Ok(())
}

/// Writes the sessions `0..count` as a sign-in with a password leaves them, in place of those of an earlier run.
///
/// # Errors
/// The database refuses.
pub async fn add_sessions(database: &Postgres, count: u32) -> Result<(), LoadError> {
    let last_user = FIRST_USER_ID + CURRENT_ACCOUNTS - 1;
    let sql = format!(
        "DELETE FROM identite_sessions WHERE user_id BETWEEN {FIRST_USER_ID} AND {last_user};
         INSERT INTO identite_sessions
           (id, uid, user_id, amr, signed_in_at, last_seen_at, expires_at, absolute_expires_at,
            selected_organization_id, user_agent, ip_address)
         SELECT
           sha256(convert_to({sid}, 'UTF8')), {uid}, {FIRST_USER_ID} + index % {CURRENT_ACCOUNTS}, ARRAY['pwd'],
           now(), now(), now() + interval '1 day', now() + interval '7 days', organizations.id, 'Firefox', '127.0.0.1'
         FROM generate_series(0, {count} - 1) AS index, organizations
         WHERE organizations.siret = '{SIRET}';
         ANALYZE identite_sessions",
        sid = sql_digest("bench-session-", 32),
        uid = sql_digest("bench-session-uid-", 43),
    );
    database.batch_execute(&sql).await?;
    Ok(())
}

/// SQL for the first `length` base64url characters of the SHA-256 of `prefix` and the column `index`.
pub fn sql_digest(prefix: &str, length: u32) -> String {
    format!(
        "left(translate(encode(sha256(convert_to('{prefix}' || index, 'UTF8')), 'base64'), '+/', '-_'), {length})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_cookie_is_what_the_server_expects() {
        let signer = SessionSigner::new("verysecretcookie, older");
        assert!(signer.cookie(7).starts_with(&format!("s%3A{}.", session_id(7))));
        assert_eq!(session_id(7).len(), 32);
    }

    #[test]
    fn the_signature_matches_the_published_value() {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"verysecretcookie").unwrap();
        mac.update(b"0123456789abcdefghijklmnopqrstuv");
        let signature = STANDARD_NO_PAD.encode(mac.finalize().into_bytes());
        assert_eq!(signature, "snEEnp1Cg3kyhUGCAgRqjx0NrspfF5uoc3Qbn3FLREk");
    }
}

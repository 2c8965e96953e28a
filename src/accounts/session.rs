//! Opening a signed-in session: the one place that counts a sign-in.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::db;
use crate::db::sessions::{EndReason, NewSession};
use crate::domain::{Amr, UserId, amr};

/// How long a signed-in session lasts.
#[derive(Debug, Clone, Copy)]
pub struct SessionRules {
    /// Without a request for this long, it ends (`SESSION_MAX_AGE_IN_SECONDS`).
    pub idle: TimeDelta,
    /// However active, it ends after this long.
    pub absolute: TimeDelta,
}

/// From where somebody signs in.
#[derive(Debug, Clone, Default)]
pub struct Device {
    pub user_agent: Option<String>,
    pub ip_address: Option<IpAddr>,
}

/// A session that was opened; `sid` is its secret name, whose digest is on record.
#[derive(Debug, Clone)]
pub struct OpenedSession<S> {
    pub sid: S,
    pub user_id: UserId,
}

/// What a sign-in needs to know of the browser: the digest of the secret name that it will carry, and of the one it carried.
#[derive(Debug, Clone)]
pub struct SessionNames {
    pub digest: [u8; 32],
    pub former_digest: Option<[u8; 32]>,
}

/// Records a sign-in with `method` at `now`: counts it on the account, opens the session, ends the one that this browser had.
/// One transaction, so that an acknowledged sign-in is on record whole. Gives `false` when the account is gone.
pub(super) async fn open(
    pool: &db::Pool,
    rules: SessionRules,
    names: &SessionNames,
    user_id: UserId,
    method: Amr,
    device: &Device,
    now: DateTime<Utc>,
) -> Result<bool, db::Error> {
    let mut methods = Vec::new();
    amr::add_method(&mut methods, method);

    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    if db::users::record_sign_in(&transaction, user_id, now)
        .await?
        .is_none()
    {
        return Ok(false);
    }
    if let Some(former) = &names.former_digest {
        db::sessions::end(&transaction, former, EndReason::Replaced, now).await?;
    }
    let session = NewSession {
        id: names.digest,
        uid: URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; 32]>()),
        user_id,
        amr: methods,
        signed_in_at: now,
        expires_at: now + rules.idle,
        absolute_expires_at: now + rules.absolute,
        user_agent: device.user_agent.clone(),
        ip_address: device.ip_address,
    };
    db::sessions::open(&transaction, &session).await?;
    transaction.commit().await?;
    Ok(true)
}

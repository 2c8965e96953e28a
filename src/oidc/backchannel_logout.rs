//! *Act*: relying parties are told that a session has ended (`OpenID Connect` Back-Channel Logout 1.0).
//!
//! The statement that ends a session puts one message for each relying party into the outbox; the outbox hands each to this
//! carrier until it is taken, or given up.

use async_trait::async_trait;
use identite_actors::clock::SharedClock;
use identite_actors::outbox::{Carrier, DeliveryError, Item};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::artefacts::{new_secret, sid};
use super::client::Client;
use super::signer::Signer;
use crate::connectors::{CallError, LogoutReceivers};
use crate::db::{Pool, clients};
use crate::domain::UserId;

/// The event of a logout token.
const LOGOUT_EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long a logout token is valid, in seconds: it is made for one attempt (§2.4 of the specification).
const LOGOUT_TOKEN_LIFE: i64 = 120;

/// Carries outbox items of the kind [`crate::db::session_clients::BACKCHANNEL_LOGOUT`].
pub struct LogoutMessenger {
    pub pool: Pool,
    pub signer: Arc<dyn Signer>,
    pub clock: SharedClock,
    pub receivers: LogoutReceivers,
    /// `HOST`, character for character.
    pub issuer: String,
}

#[derive(Deserialize)]
struct Message {
    oidc_client_id: i32,
    session_uid: String,
    user_id: i32,
}

impl LogoutMessenger {
    fn logout_token(&self, client: &Client, message: &Message) -> Result<String, DeliveryError> {
        let now = self.clock.now().timestamp();
        let claims = json!({
            "iss": self.issuer,
            "sub": client.settings.subject_type.subject(UserId(message.user_id)),
            "aud": client.client_id,
            "iat": now,
            "exp": now + LOGOUT_TOKEN_LIFE,
            "jti": new_secret(),
            "sid": sid(&message.session_uid, &client.client_id),
            "events": { LOGOUT_EVENT: {} },
        });
        let claims: Map<String, Value> = match claims {
            Value::Object(claims) => claims,
            _ => Map::new(),
        };
        self.signer
            .sign_as(client.id_token_algorithm, "logout+jwt", &claims)
            .map_err(|error| DeliveryError::Transient(error.to_string()))
    }
}

#[async_trait]
impl Carrier for LogoutMessenger {
    async fn deliver(&self, item: &Item) -> Result<(), DeliveryError> {
        let message = Message::deserialize(&item.payload)
            .map_err(|_| DeliveryError::Permanent("the message cannot be read".to_owned()))?;
        let transient = |error: crate::db::Error| DeliveryError::Transient(error.to_string());
        let database = self.pool.get().await.map_err(transient)?;
        let row = clients::find_by_row(&database, message.oidc_client_id)
            .await
            .map_err(transient)?;
        drop(database);
        let Some(row) = row else {
            return Err(DeliveryError::Permanent("the client is gone".to_owned()));
        };
        // A row that somebody mends will do at the next attempt.
        let client = Client::validate(&row, &self.signer.algorithms())
            .map_err(|error| DeliveryError::Transient(format!("the client is not sound: {error}")))?;
        let Some(uri) = &client.settings.backchannel_logout_uri else {
            return Err(DeliveryError::Permanent(
                "the client does not want to know any more".to_owned(),
            ));
        };
        let token = self.logout_token(&client, &message)?;
        self.receivers
            .notify(uri, &token)
            .await
            .map_err(|error| match error {
                // §2.8: the relying party found the token wrong, and will again.
                CallError::Status(400) => DeliveryError::Permanent(error.to_string()),
                error => DeliveryError::Transient(error.to_string()),
            })
    }
}

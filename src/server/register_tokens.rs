//! The tokens of registers, each kept by an actor.

use std::sync::Arc;

use async_trait::async_trait;
use identite_actors::access_tokens::{AccessTokens, Granted, Login, NoToken};
use identite_actors::clock::SharedClock;
use identite_actors::instrumentation::Instruments;
use secrecy::SecretString;

use crate::connectors::{CallError, InseeLogin, RneLogin, TokenGrant, TokenKeeper};

/// Starts the actor `name` that keeps what `login` brings; must be called where an actix `System` runs.
pub fn keep_token(
    name: &'static str,
    login: impl Login<SecretString, CallError> + 'static,
    clock: &SharedClock,
    instruments: &Instruments,
) -> Arc<dyn TokenKeeper> {
    let tokens = AccessTokens::start(name, Arc::new(login), clock.clone(), instruments);
    Arc::new(Keeper(tokens))
}

struct Keeper(AccessTokens<SecretString, CallError>);

#[async_trait]
impl TokenKeeper for Keeper {
    async fn token(&self, refused: Option<&Arc<SecretString>>) -> Result<Arc<SecretString>, CallError> {
        self.0.token(refused).await.map_err(|error| match error {
            NoToken::Login(error) => error,
            NoToken::Actor(error) => CallError::Unsendable(error.to_string()),
        })
    }
}

#[async_trait]
impl Login<SecretString, CallError> for InseeLogin {
    async fn log_in(&self) -> Result<Granted<SecretString>, CallError> {
        Self::log_in(self).await.map(granted)
    }
}

#[async_trait]
impl Login<SecretString, CallError> for RneLogin {
    async fn log_in(&self) -> Result<Granted<SecretString>, CallError> {
        Self::log_in(self).await.map(granted)
    }
}

fn granted(TokenGrant { token, life }: TokenGrant) -> Granted<SecretString> {
    Granted { token, life }
}

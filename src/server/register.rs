//! The register of establishments for the command-line tools: the connector without the caches of the server.

use async_trait::async_trait;
use identite_actors::clock::SharedClock;
use tokio::runtime::Handle;

use super::ServeError;
use super::registers::register_for_refresh;
use crate::config::Config;
use crate::connectors::{ApiEntreprise, EstablishmentAnswer};
use crate::domain::Siret;
use crate::imports::{Establishments, Finding, Unreachable};

/// The register that `config` names; `io` drives its connections.
///
/// # Errors
/// When an address in the configuration makes no sense.
pub fn register(
    config: &Config,
    clock: &SharedClock,
    io: &Handle,
) -> Result<Box<dyn Establishments>, ServeError> {
    Ok(Box::new(Register(register_for_refresh(
        config, io, clock, false,
    )?)))
}

struct Register(ApiEntreprise);

#[async_trait]
impl Establishments for Register {
    async fn look_up(&self, siret: &Siret) -> Result<Finding, Unreachable> {
        match self.0.establishment(siret).await {
            Ok(EstablishmentAnswer::Found(record)) => Ok(Finding::Found(Box::new((&*record).into()))),
            Ok(EstablishmentAnswer::Unknown | EstablishmentAnswer::Unprocessable) => Ok(Finding::Unknown),
            Err(error) => Err(Unreachable(error.to_string())),
        }
    }
}

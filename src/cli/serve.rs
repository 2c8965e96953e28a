//! `identite serve`

use std::sync::Arc;

use identite_actors::clock::{SharedClock, SystemClock};

use super::{CommandError, load_config, read_config, shared_runtime};
use crate::{server, telemetry};

pub(super) fn serve() -> Result<(), CommandError> {
    let config = load_config()?;
    let clock: SharedClock = Arc::new(SystemClock);
    let telemetry = telemetry::init(&config.logs, clock.clone())
        .map_err(|error| CommandError::Refused(error.to_string()))?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = shared_runtime()?;
    let process = server::Process {
        clock,
        io: runtime.handle().clone(),
        telemetry,
        read_config: Box::new(read_config),
    };
    let outcome = actix::System::new().block_on(server::serve(config, process));
    runtime.shutdown_background();
    Ok(outcome?)
}

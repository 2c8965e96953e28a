//! `identite serve`

use std::sync::Arc;

use identite_actors::clock::{SharedClock, SystemClock};

use super::{CommandError, load_config, load_config_again, shared_runtime};
use crate::{server, telemetry};

pub(super) fn serve() -> Result<(), CommandError> {
    let config = load_config()?;
    let clock: SharedClock = Arc::new(SystemClock);
    let runtime = shared_runtime()?;
    let telemetry = telemetry::init(&config, clock.clone(), runtime.handle())
        .map_err(|error| CommandError::Refused(error.to_string()))?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let running = config.mode();
    let process = server::Process {
        clock,
        io: runtime.handle().clone(),
        telemetry: telemetry.clone(),
        read_config: Box::new(move || load_config_again(running)),
    };
    let outcome = actix::System::new().block_on(server::serve(config, process));
    telemetry.end();
    runtime.shutdown_background();
    Ok(outcome?)
}

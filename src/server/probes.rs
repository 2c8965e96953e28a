//! What readiness depends on.

use std::sync::Arc;

use async_trait::async_trait;
use identite_actors::state::StateStore;

use super::signing_keys::CalendarSeen;
use crate::db::{self, Pool};
use crate::web::operator::Probe;

/// The probes of this house.
pub(super) fn all(
    pool: &Pool,
    state: &Arc<dyn StateStore>,
    calendar_seen: CalendarSeen,
) -> Vec<Box<dyn Probe>> {
    vec![
        Box::new(Database(pool.clone())),
        Box::new(State(state.clone())),
        Box::new(calendar_seen),
    ]
}

/// `PostgreSQL` answers, and its schema is the one of this version.
struct Database(Pool);

#[async_trait]
impl Probe for Database {
    fn name(&self) -> &'static str {
        "postgresql"
    }

    fn is_required(&self) -> bool {
        true
    }

    async fn look(&self) -> Result<(), String> {
        let pending = db::migrate::pending(&self.0)
            .await
            .map_err(|error| error.to_string())?;
        if pending.is_empty() {
            Ok(())
        } else {
            Err(format!("migrations are pending: {}", pending.join(", ")))
        }
    }
}

/// The shared state. Signed-in people go on without it, so it does not take the node out.
struct State(Arc<dyn StateStore>);

#[async_trait]
impl Probe for State {
    fn name(&self) -> &'static str {
        "state"
    }

    fn is_required(&self) -> bool {
        false
    }

    async fn look(&self) -> Result<(), String> {
        self.0.ping().await.map_err(|error| error.to_string())
    }
}

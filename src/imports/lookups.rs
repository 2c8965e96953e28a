//! Establishments that the database does not know yet, asked for at a bounded pace.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::run::ImportError;
use crate::domain::Siret;
use crate::domain::organization::OrganizationInfo;

/// Look-ups in progress at the same time.
const CONCURRENCY: usize = 8;
/// Pauses before a look-up that got no answer is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// After so many look-ups in a row without an answer the register counts as away.
const PATIENCE: usize = 20;

/// What the register knows.
#[derive(Debug, Clone)]
pub enum Finding {
    /// Open or closed.
    Found(Box<OrganizationInfo>),
    /// No establishment has this number, or it may not be shown.
    Unknown,
}

/// The register gave no answer. The text is for operators.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// The register of establishments.
#[async_trait]
pub trait Establishments: Send + Sync {
    /// What is known of `siret`.
    async fn look_up(&self, siret: &Siret) -> Result<Finding, Unreachable>;
}

/// The register, at a pace.
pub(super) struct Lookups<'a> {
    register: &'a dyn Establishments,
    pace: Mutex<Interval>,
    /// Look-ups without an answer since the last one that had one.
    unanswered: usize,
}

impl<'a> Lookups<'a> {
    pub fn new(register: &'a dyn Establishments, per_second: u32) -> Self {
        let mut pace = interval(Duration::from_secs(1) / per_second.max(1));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            register,
            pace: Mutex::new(pace),
            unanswered: 0,
        }
    }

    /// What the register says of each; `None` for what it gave no answer about.
    ///
    /// # Errors
    /// When it has given no answer for so long that going on makes no sense.
    pub async fn all(&mut self, sirets: Vec<Siret>) -> Result<HashMap<Siret, Option<Finding>>, ImportError> {
        let (register, pace) = (self.register, &self.pace);
        let look_ups = sirets.into_iter().map(async |siret| {
            let finding = look_up(register, pace, &siret).await;
            (siret, finding)
        });
        let mut findings = HashMap::new();
        let mut unanswered = self.unanswered;
        let mut coming = std::pin::pin!(stream::iter(look_ups).buffered(CONCURRENCY));
        while let Some((siret, finding)) = coming.next().await {
            match finding {
                Ok(finding) => {
                    unanswered = 0;
                    findings.insert(siret, Some(finding));
                }
                Err(error) => {
                    unanswered += 1;
                    if unanswered >= PATIENCE {
                        return Err(ImportError::RegisterAway(error.to_string()));
                    }
                    findings.insert(siret, None);
                }
            }
        }
        self.unanswered = unanswered;
        Ok(findings)
    }
}

async fn look_up(
    register: &dyn Establishments,
    pace: &Mutex<Interval>,
    siret: &Siret,
) -> Result<Finding, Unreachable> {
    for pause in PAUSES {
        pace.lock().await.tick().await;
        match register.look_up(siret).await {
            Ok(finding) => return Ok(finding),
            Err(_) => tokio::time::sleep(pause).await,
        }
    }
    pace.lock().await.tick().await;
    register.look_up(siret).await
}

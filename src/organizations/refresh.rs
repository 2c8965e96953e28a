//! Fetching the establishments of the table anew, all of them: at the pace that the register grants, in small portions, and in such a
//! way that whoever stops it can start it again and loses nothing (spec/organizations.md §7.4).

use std::time::Duration;

use chrono::TimeDelta;
use futures::stream::{self, StreamExt};
use identite_actors::clock::SharedClock;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::connectors::{ApiEntreprise, CallError, EstablishmentAnswer};
use crate::db::organization_info::{self, DueOrganization};
use crate::db::{self, Pool};
use crate::domain::{OrganizationId, OrganizationInfo, Siret};

/// Rows in memory.
const PORTION: i64 = 200;
/// Calls in progress at the same time: what keeps the pace while each takes a while.
const CONCURRENCY: usize = 8;
/// How often an establishment is asked about while the register wants a pause.
const TRIES: u32 = 4;
/// Establishments in a row without an answer after which the register is taken to be down.
const OUTAGES_IN_A_ROW: u64 = 20;

/// What is fetched, and how.
#[derive(Debug, Clone)]
pub struct RefreshRules {
    /// Calls per second at most; `None` as many as are answered.
    pub per_second: Option<f64>,
    /// Establishments that were fetched longer ago than this are fetched again; `None` only those that never were.
    pub older_than: Option<TimeDelta>,
    /// Nothing is written.
    pub is_dry_run: bool,
    /// How long a register is left alone that asked for it.
    pub pause: Duration,
}

/// What became of an establishment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The row is up to date, or would be.
    Fetched,
    /// The register knows no establishment by the number.
    Unknown,
    /// What the row holds is no SIRET.
    NoSiret,
    /// The register gave no usable answer.
    Outage(CallError),
    /// Nobody asked: the work was stopped.
    Stopped,
}

/// What was done so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefreshSummary {
    /// Establishments that were due at the start.
    pub due: u64,
    pub fetched: u64,
    pub unknown: u64,
    pub invalid: u64,
    pub outages: u64,
    /// Whether it was stopped before its end.
    pub was_stopped: bool,
    /// Whether it ended early, since the register is down.
    pub gave_up: bool,
    outages_in_a_row: u64,
}

impl RefreshSummary {
    /// Establishments that were looked at.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.fetched + self.unknown + self.invalid + self.outages
    }

    fn count(&mut self, outcome: &Refreshed) {
        match outcome {
            Refreshed::Fetched => self.fetched += 1,
            Refreshed::Unknown => self.unknown += 1,
            Refreshed::NoSiret => self.invalid += 1,
            Refreshed::Outage(_) => self.outages += 1,
            Refreshed::Stopped => self.was_stopped = true,
        }
        match outcome {
            Refreshed::Outage(_) => self.outages_in_a_row += 1,
            _ => self.outages_in_a_row = 0,
        }
        self.gave_up |= self.outages_in_a_row >= OUTAGES_IN_A_ROW;
    }
}

/// The work.
pub struct Refresh {
    pub pool: Pool,
    pub clock: SharedClock,
    pub register: ApiEntreprise,
    pub rules: RefreshRules,
    /// Becomes true when somebody wants the work to stop: what is in progress is finished.
    pub stop: watch::Receiver<bool>,
}

impl Refresh {
    /// Does the work and tells `observer` of every establishment. Rows that were fetched are due no more: started again, it goes on where
    /// it was stopped.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn run(
        &self,
        mut observer: impl FnMut(&DueOrganization, &Refreshed, &RefreshSummary),
    ) -> Result<RefreshSummary, db::Error> {
        let fetched_before = self.rules.older_than.map(|age| self.clock.now() - age);
        let mut summary = RefreshSummary {
            due: organization_info::count_due(&self.pool.get().await?, fetched_before).await?,
            ..RefreshSummary::default()
        };
        let mut after = OrganizationId(0);
        let mut next_call_at = Instant::now();
        loop {
            let portion =
                organization_info::due(&self.pool.get().await?, after, fetched_before, PORTION).await?;
            let Some(last) = portion.last() else {
                return Ok(summary);
            };
            after = last.id;
            let departures: Vec<(DueOrganization, Instant)> = portion
                .into_iter()
                .map(|organization| (organization, self.departure(&mut next_call_at)))
                .collect();
            let mut outcomes = stream::iter(departures)
                .map(|(organization, at)| async move {
                    let outcome = self.refresh(&organization, at).await;
                    (organization, outcome)
                })
                .buffer_unordered(CONCURRENCY);
            while let Some((organization, outcome)) = outcomes.next().await {
                let outcome = outcome?;
                summary.count(&outcome);
                observer(&organization, &outcome, &summary);
                if summary.gave_up {
                    return Ok(summary);
                }
            }
            if *self.stop.borrow() {
                summary.was_stopped = true;
                return Ok(summary);
            }
        }
    }

    /// When the next call may be made: calls are spread evenly.
    fn departure(&self, next_call_at: &mut Instant) -> Instant {
        let Some(per_second) = self.rules.per_second else {
            return Instant::now();
        };
        let departure = (*next_call_at).max(Instant::now());
        let spacing = Duration::try_from_secs_f64(per_second.recip()).unwrap_or(Duration::from_secs(1));
        *next_call_at = departure + spacing;
        departure
    }

    async fn refresh(&self, organization: &DueOrganization, at: Instant) -> Result<Refreshed, db::Error> {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return Ok(Refreshed::Stopped),
            () = sleep_until(at) => {}
        }
        let Ok(siret) = organization.siret.parse::<Siret>() else {
            return Ok(Refreshed::NoSiret);
        };
        let record = match self.ask(&siret).await {
            Ok(EstablishmentAnswer::Found(record)) => record,
            Ok(_) => return Ok(Refreshed::Unknown),
            Err(error) => return Ok(Refreshed::Outage(error)),
        };
        if !self.rules.is_dry_run {
            let now = self.clock.now();
            let client = self.pool.get().await?;
            organization_info::upsert(&client, &OrganizationInfo::from(&*record), now, now).await?;
        }
        Ok(Refreshed::Fetched)
    }

    /// Asks the register, and asks again after a pause while it wants one.
    async fn ask(&self, siret: &Siret) -> Result<EstablishmentAnswer, CallError> {
        let mut stop = self.stop.clone();
        for _ in 1..TRIES {
            match self.register.establishment(siret).await {
                Err(CallError::Status(429) | CallError::CircuitOpen | CallError::Busy) => {
                    tokio::select! {
                        _ = stop.wait_for(|stop| *stop) => break,
                        () = sleep(self.rules.pause) => {}
                    }
                }
                answer => return answer,
            }
        }
        self.register.establishment(siret).await
    }
}

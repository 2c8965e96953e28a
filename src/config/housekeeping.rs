//! How long what has had its time is kept, and when it is looked for.

use std::time::Duration;

use super::reader::Reader;

const DAY: Duration = Duration::from_hours(24);
/// The longest retention: a hundred years.
const LONGEST_IN_DAYS: u64 = 100 * 366;
/// The trail of what operators do refuses the deletion of younger entries.
const SHORTEST_AUDIT_IN_DAYS: u64 = 366;

/// The schedule of housekeeping and its retentions.
#[derive(Debug, Clone)]
pub struct HousekeepingConfig {
    /// `HOUSEKEEPING_EVERY_IN_SECONDS`: period of the rounds of a node.
    pub interval: Duration,
    /// `HOUSEKEEPING_BATCH_SIZE`: rows that one statement removes at most.
    pub batch_size: i64,
    /// `RETENTION_SESSIONS_IN_DAYS`: of sessions, after their end.
    pub sessions: Duration,
    /// `SECURITY_HISTORY_IN_DAYS`: of the history that accounts show.
    pub events: Duration,
    /// `RETENTION_BROWSERS_IN_DAYS`: of browsers that an account was signed in to from, after the last time.
    pub browsers: Duration,
    /// `RETENTION_DELIVERED_MAILS_IN_DAYS`: of the emptied rows of mails that left.
    pub delivered_mails: Duration,
    /// `RETENTION_DEAD_LETTERS_IN_DAYS`: of mails that could not leave.
    pub dead_letters: Duration,
    /// `RETENTION_IMPORTS_IN_DAYS`: of the progress of imports, after their last step.
    pub imports: Duration,
    /// `RETENTION_AUDIT_IN_DAYS`: of what operators did.
    pub audit: Duration,
    /// `RETENTION_CONNECTION_ADDRESSES_IN_DAYS`: of client addresses in the journal of connections; `None` keeps them.
    pub connection_addresses: Option<Duration>,
}

impl HousekeepingConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        let interval = reader.number("HOUSEKEEPING_EVERY_IN_SECONDS", 600, 1..=86_400);
        let batch_size = reader.number("HOUSEKEEPING_BATCH_SIZE", 1_000, 1..=10_000);
        let mut days = |variable, default| days(reader.number(variable, default, 1..=LONGEST_IN_DAYS));
        Self {
            interval: Duration::from_secs(interval),
            batch_size: i64::try_from(batch_size).unwrap_or(1_000),
            sessions: days("RETENTION_SESSIONS_IN_DAYS", 30),
            events: days("SECURITY_HISTORY_IN_DAYS", 365),
            browsers: days("RETENTION_BROWSERS_IN_DAYS", 400),
            delivered_mails: days("RETENTION_DELIVERED_MAILS_IN_DAYS", 7),
            dead_letters: days("RETENTION_DEAD_LETTERS_IN_DAYS", 90),
            imports: days("RETENTION_IMPORTS_IN_DAYS", 90),
            audit: read_audit(reader),
            connection_addresses: reader
                .optional_number("RETENTION_CONNECTION_ADDRESSES_IN_DAYS", 1..=LONGEST_IN_DAYS)
                .map(self::days),
        }
    }
}

fn read_audit(reader: &mut Reader) -> Duration {
    days(reader.number(
        "RETENTION_AUDIT_IN_DAYS",
        1_096,
        SHORTEST_AUDIT_IN_DAYS..=LONGEST_IN_DAYS,
    ))
}

fn days(count: u64) -> Duration {
    DAY * u32::try_from(count).unwrap_or(u32::MAX)
}

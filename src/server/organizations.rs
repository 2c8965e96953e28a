//! The rooms around organizations: use cases and what they stand on.

use super::accounts::Foundations;
use crate::organizations::{OrganizationServices, Organizations};

/// The use cases around organizations.
pub(super) fn organizations(foundations: &Foundations<'_>) -> Organizations {
    Organizations::new(OrganizationServices {
        pool: foundations.pool.clone(),
        clock: foundations.clock.clone(),
        outbox: foundations.outbox.clone(),
        mails: foundations.mails.clone(),
    })
}

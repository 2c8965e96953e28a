//! The rooms around organizations: use cases and what they stand on.

use identite_actors::clock::SharedClock;
use identite_actors::rate_limiter::RateLimiter;

use super::ServeError;
use super::accounts::{Foundations, logo_url, url};
use super::registers::Registers;
use crate::config::Config;
use crate::connectors::{Crisp, CrispSettings, HttpClient};
use crate::db::Pool;
use crate::domain::SecretHasher;
use crate::domain::email_domain::FreeMailRules;
use crate::organizations::{OrganizationRules, OrganizationServices, Organizations, TicketCarrier};

/// The use cases around organizations.
pub(super) fn organizations(
    config: &Config,
    foundations: &Foundations<'_>,
    registers: &Registers,
    rate_limiter: &RateLimiter,
) -> Organizations {
    let settings = &config.organizations;
    Organizations::new(OrganizationServices {
        pool: foundations.pool.clone(),
        clock: foundations.clock.clone(),
        outbox: foundations.outbox.clone(),
        mails: foundations.mails.clone(),
        secrets: SecretHasher::derived_from(foundations.master_keys.clone()),
        directory: registers.directory.clone(),
        contacts: registers.contacts.clone(),
        rate_limiter: rate_limiter.clone(),
        rules: OrganizationRules {
            free_mail: FreeMailRules {
                all_are_free: settings.consider_all_email_domains_as_free,
                none_is_free: settings.consider_all_email_domains_as_non_free,
            },
            bypasses_moderation: settings.bypass_moderation,
            max_suggestions: usize::try_from(settings.max_suggested).unwrap_or(usize::MAX),
            opens_tickets: config.connectors.crisp.website_id.is_some(),
        },
    })
}

/// Who carries tickets to the support desk.
pub(super) fn ticket_carrier(
    config: &Config,
    pool: &Pool,
    http: &HttpClient,
    clock: &SharedClock,
) -> Result<TicketCarrier, ServeError> {
    Ok(TicketCarrier {
        pool: pool.clone(),
        clock: clock.clone(),
        crisp: crisp(config, http)?,
        logo_url: logo_url(config),
        resolve_delay: config.connectors.crisp.resolve_delay,
    })
}

fn crisp(config: &Config, http: &HttpClient) -> Result<Option<Crisp>, ServeError> {
    let settings = &config.connectors.crisp;
    let Some(website_id) = settings.website_id.clone() else {
        return Ok(None);
    };
    let host = url("HOST", config.server.base_url())?;
    let segments = ["email".to_owned()]
        .into_iter()
        .chain(settings.moderation_tags.iter().cloned())
        .chain(host.host_str().map(str::to_owned));
    let settings = CrispSettings {
        base_url: url("CRISP_BASE_URL", &settings.base_url)?,
        website_id,
        identifier: settings.identifier.clone(),
        key: settings.key.clone(),
        nickname: settings.user_nickname.clone(),
        segments: segments.collect(),
    };
    Ok(Some(Crisp::new(http, settings)))
}

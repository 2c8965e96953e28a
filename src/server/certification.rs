//! The room of the certification of executives.

use identite_actors::instrumentation::Instruments;

use super::ServeError;
use super::accounts::{Foundations, url};
use super::register_tokens::keep_token;
use super::remote::RemoteSystems;
use crate::certification::{Certification, CertificationMetrics, CertificationServices};
use crate::config::Config;
use crate::connectors::{Infogreffe, InfogreffeSettings, Rne, RneLogin, RneSettings};

/// The line to the national register of companies, with the actor that keeps its token.
pub(super) fn rne(
    config: &Config,
    foundations: &Foundations<'_>,
    instruments: &Instruments,
) -> Result<Rne, ServeError> {
    let connectors = &config.connectors;
    let http = foundations.http;
    let settings = RneSettings {
        base_url: url("RNE_API_URL", &connectors.rne.url)?,
        username: connectors.rne.username.clone(),
        password: connectors.rne.password.clone(),
        timeout: connectors.rne.timeout,
        plays: connectors.partially_mock_external_api,
    };
    let login = RneLogin::new(http, settings.clone());
    let tokens = keep_token("rne_token", login, foundations.clock, instruments);
    Ok(Rne::new(http, settings, tokens))
}

/// The certification over the registers that `config` names.
pub(super) fn certification(
    config: &Config,
    foundations: &Foundations<'_>,
    remote: &RemoteSystems,
    instruments: &Instruments,
) -> Result<Certification, ServeError> {
    let connectors = &config.connectors;
    let api = &connectors.api_entreprise;
    let infogreffe = InfogreffeSettings {
        base_url: url("ENTREPRISE_API_URL", &api.url)?,
        token: api.token.clone(),
        context: api.tracking_context.clone(),
        recipient: api.tracking_recipient.clone(),
        plays: connectors.partially_mock_external_api,
    };
    Ok(Certification::new(CertificationServices {
        pool: foundations.pool.clone(),
        clock: foundations.clock.clone(),
        insee: remote.registers.insee.clone(),
        rne: remote.rne.clone(),
        infogreffe: Infogreffe::new(foundations.http, infogreffe),
        metrics: CertificationMetrics::register(instruments.registry())?,
    }))
}

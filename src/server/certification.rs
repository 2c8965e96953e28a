//! The room of the certification of executives.

use identite_actors::instrumentation::Instruments;

use super::ServeError;
use super::accounts::{Foundations, url};
use super::register_tokens::keep_token;
use super::registers::Registers;
use crate::certification::{Certification, CertificationServices};
use crate::config::Config;
use crate::connectors::{Infogreffe, InfogreffeSettings, Rne, RneLogin, RneSettings};

/// The certification over the registers that `config` names.
pub(super) fn certification(
    config: &Config,
    foundations: &Foundations<'_>,
    registers: &Registers,
    instruments: &Instruments,
) -> Result<Certification, ServeError> {
    let connectors = &config.connectors;
    let http = foundations.http;
    let plays = connectors.partially_mock_external_api;
    let rne = RneSettings {
        base_url: url("RNE_API_URL", &connectors.rne.url)?,
        username: connectors.rne.username.clone(),
        password: connectors.rne.password.clone(),
        timeout: connectors.rne.timeout,
        plays,
    };
    let login = RneLogin::new(http, rne.clone());
    let tokens = keep_token("rne_token", login, foundations.clock, instruments);
    let api = &connectors.api_entreprise;
    let infogreffe = InfogreffeSettings {
        base_url: url("ENTREPRISE_API_URL", &api.url)?,
        token: api.token.clone(),
        context: api.tracking_context.clone(),
        recipient: api.tracking_recipient.clone(),
        plays,
    };
    Ok(Certification::new(CertificationServices {
        pool: foundations.pool.clone(),
        clock: foundations.clock.clone(),
        insee: registers.insee.clone(),
        rne: Rne::new(http, rne, tokens),
        infogreffe: Infogreffe::new(http, infogreffe),
    }))
}

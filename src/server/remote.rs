//! The remote systems, and what monitors can ask of them.

use identite_actors::clock::SharedClock;
use identite_actors::instrumentation::Instruments;
use secrecy::SecretString;

use super::ServeError;
use super::accounts::{Foundations, url};
use super::certification::rne;
use super::registers::{Registers, registers};
use crate::config::Config;
use crate::connectors::{Debounce, EstablishmentAnswer, PasskeyNames, PwnedPasswords, Rne, SchoolAnswer};
use crate::domain::{Email, Siret};
use crate::web::registers::Pings;

/// The State's digital department.
const ESTABLISHMENT: &str = "13002526500013";
/// A company: the national register of companies does not know departments of the State.
const COMPANY: &str = "828696252";
const SCHOOL: &str = "19470001900012";
/// An address that nobody has (RFC 2606).
const ADDRESS: &str = "user@example.com";
/// What everybody knows to be no good.
const PASSWORD: &str = "password";

/// The lines to remote systems that several rooms share.
pub(super) struct RemoteSystems {
    pub(super) registers: Registers,
    pub(super) rne: Rne,
    pub(super) debounce: Debounce,
    pub(super) pwned_passwords: PwnedPasswords,
    pub(super) passkey_names: PasskeyNames,
}

impl RemoteSystems {
    /// The lines, and the caches and the actors behind them, as `config` names the systems. Nothing is connected yet.
    ///
    /// # Errors
    /// When an address cannot be read, or a metric cannot be registered.
    pub(super) fn new(
        config: &Config,
        foundations: &Foundations<'_>,
        instruments: &Instruments,
    ) -> Result<Self, ServeError> {
        let connectors = &config.connectors;
        let http = foundations.http;
        let debounce = url("DEBOUNCE_API_URL", &connectors.debounce.url)?;
        let pwned_passwords = url("PWNED_PASSWORDS_API_URL", &connectors.pwned_passwords_url)?;
        let aaguids = url("PASSKEY_AAGUIDS_URL", &connectors.passkey_aaguids_url)?;
        Ok(Self {
            registers: registers(config, foundations, instruments)?,
            rne: rne(config, foundations, instruments)?,
            debounce: Debounce::new(http, debounce, connectors.debounce.key.clone()),
            pwned_passwords: PwnedPasswords::new(http, pwned_passwords),
            passkey_names: PasskeyNames::new(http, aaguids),
        })
    }

    /// What monitors can ask, under the names that they know: each system gets a question that costs little and has a known
    /// answer.
    ///
    /// # Errors
    /// When what is to be asked for cannot be read.
    pub(super) fn pings(&self, clock: &SharedClock) -> Result<Pings, ServeError> {
        let unreadable = |_| ServeError::Refused("a number to ping with cannot be read".to_owned());
        let establishment: Siret = ESTABLISHMENT.parse().map_err(unreadable)?;
        let school: Siret = SCHOOL.parse().map_err(unreadable)?;
        let address = Email::parse(ADDRESS).map_err(|error| ServeError::Refused(error.to_string()))?;

        let registers = &self.registers;
        let sirene = (registers.sirene.clone(), establishment.clone());
        let insee = (registers.insee.clone(), establishment);
        let schools = (registers.schools.clone(), school);
        let debounce = (self.debounce.clone(), address);
        let names = (self.passkey_names.clone(), clock.clone());
        let pings = Pings::default()
            .with("sirene", sirene, |(sirene, siret)| async move {
                let answer = sirene.establishment(&siret).await;
                matches!(answer, Ok(EstablishmentAnswer::Found(_)))
            })
            .with("insee", insee, |(insee, siret)| async move {
                insee.knows_establishment(&siret).await.unwrap_or_default()
            })
            .with("rne", self.rne.clone(), |rne| async move {
                rne.executives(COMPANY).await.is_ok()
            })
            .with(
                "annuaire-education-nationale",
                schools,
                |(schools, siret)| async move {
                    matches!(schools.school(&siret).await, Ok(SchoolAnswer::Listed(_)))
                },
            )
            .with("debounce", debounce, |(debounce, address)| async move {
                debounce.check(&address).await.is_ok()
            })
            .with(
                "pwned-passwords",
                self.pwned_passwords.clone(),
                |passwords| async move { passwords.knows(&SecretString::from(PASSWORD)).await.is_ok() },
            )
            .with(
                "github-passkey-authenticator-aaguids",
                names,
                |(names, clock)| async move { names.refresh(clock.now()).await.is_ok() },
            );
        Ok(pings)
    }
}

//! Whom to write to when a town hall or a school is to confirm something.

use std::sync::Arc;

use identite_actors::sirene_cache::{Finding, SireneCache};

use crate::domain::organization::ContactDirectory;
use crate::domain::{Email, Siret};

/// Why the directory of schools has no address to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchoolAbsence {
    /// It has no such school.
    Unknown,
    /// It has the school, with nothing that is an address.
    Unusable,
}

/// The addresses of the town halls of a commune, by its INSEE code.
pub type TownHallCache = SireneCache<Vec<Email>, ()>;
/// The address of a school, by its SIRET.
pub type SchoolCache = SireneCache<Email, SchoolAbsence>;

/// Why there is nobody to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// The directory lists no address.
    #[error("the directory lists no contact")]
    NotFound,
    /// What the directory lists is no address.
    #[error("what the directory lists is no address")]
    Unusable,
    /// Nobody can tell now: worth another try in a while.
    #[error("the directory does not answer")]
    Unavailable,
}

/// The directories of official contacts. Cheap to clone.
#[derive(Clone)]
pub struct OfficialContacts {
    town_halls: TownHallCache,
    schools: SchoolCache,
    /// `TEST_CONTACT_EMAIL`: who is written to instead, where `FEATURE_USE_ANNUAIRE_EMAILS` is off.
    replacement: Option<Arc<Email>>,
}

impl OfficialContacts {
    /// The directories behind these caches; `replacement` stands in for every address that they list.
    #[must_use]
    pub fn new(town_halls: TownHallCache, schools: SchoolCache, replacement: Option<Email>) -> Self {
        Self {
            town_halls,
            schools,
            replacement: replacement.map(Arc::new),
        }
    }

    /// The official contacts that `directory` names for the establishment with this SIRET, in the commune with this INSEE code: at least
    /// one, in the directory's order.
    ///
    /// # Errors
    /// When there is none, or nobody can tell now.
    pub async fn ask(
        &self,
        directory: ContactDirectory,
        siret: &str,
        code_officiel_geographique: &str,
    ) -> Result<Vec<Email>, ContactError> {
        match directory {
            ContactDirectory::ServicePublic => self.town_halls(code_officiel_geographique).await,
            ContactDirectory::EducationNationale => {
                let siret: Siret = siret.parse().map_err(|_| ContactError::NotFound)?;
                Ok(vec![self.school(&siret).await?])
            }
        }
    }

    /// What [`Self::ask`] gives, where it needs no directory.
    pub async fn remembered(
        &self,
        directory: ContactDirectory,
        siret: &str,
        code_officiel_geographique: &str,
    ) -> Option<Result<Vec<Email>, ContactError>> {
        match directory {
            ContactDirectory::ServicePublic => {
                let known = self.town_halls.peek(code_officiel_geographique).await?;
                Some(self.addresses_of_town_halls(known.finding))
            }
            ContactDirectory::EducationNationale => {
                let known = self.schools.peek(siret).await?;
                Some(self.address_of_school(known.finding).map(|address| vec![address]))
            }
        }
    }

    async fn town_halls(&self, code_officiel_geographique: &str) -> Result<Vec<Email>, ContactError> {
        if code_officiel_geographique.is_empty() {
            return Err(ContactError::NotFound);
        }
        let known = self
            .town_halls
            .look_up(code_officiel_geographique)
            .await
            .map_err(|_| ContactError::Unavailable)?;
        self.addresses_of_town_halls(known.finding)
    }

    fn addresses_of_town_halls(&self, finding: Finding<Vec<Email>, ()>) -> Result<Vec<Email>, ContactError> {
        match (finding, &self.replacement) {
            (Finding::Absent(()), _) => Err(ContactError::NotFound),
            (Finding::Present(_), Some(replacement)) => Ok(vec![Email::clone(replacement)]),
            (Finding::Present(addresses), None) => Ok(Vec::clone(&addresses)),
        }
    }

    async fn school(&self, siret: &Siret) -> Result<Email, ContactError> {
        let known = self
            .schools
            .look_up(siret.as_str())
            .await
            .map_err(|_| ContactError::Unavailable)?;
        self.address_of_school(known.finding)
    }

    fn address_of_school(&self, finding: Finding<Email, SchoolAbsence>) -> Result<Email, ContactError> {
        match (finding, &self.replacement) {
            (Finding::Absent(SchoolAbsence::Unknown), _) => Err(ContactError::NotFound),
            (Finding::Absent(SchoolAbsence::Unusable), _) => Err(ContactError::Unusable),
            (Finding::Present(_), Some(replacement)) => Ok(Email::clone(replacement)),
            (Finding::Present(address), None) => Ok(Email::clone(&address)),
        }
    }
}

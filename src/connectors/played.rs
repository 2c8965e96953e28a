//! Records that `FEATURE_PARTIALLY_MOCK_EXTERNAL_API` answers from, in the process, whatever the address of the remote system.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::domain::organization::EstablishmentRecord;

/// SIRET → answer of API Entreprise.
pub const ESTABLISHMENTS: &str = include_str!("../../fixtures/api/api-entreprise-etablissements.json");
/// SIREN → answer of INSEE's Sirene API: companies.
pub const COMPANIES: &str = include_str!("../../fixtures/api/insee-sirene-legal-units.json");
/// SIREN → answer of INSEE's Sirene API: people in business on their own. Nobody real.
pub const INDIVIDUALS: &str = include_str!("../../fixtures/api/insee-sirene-individuals.json");

#[derive(Deserialize)]
struct Envelope {
    data: EstablishmentRecord,
}

static ESTABLISHMENTS_BY_SIRET: LazyLock<HashMap<String, EstablishmentRecord>> = LazyLock::new(|| {
    let envelopes: HashMap<String, Envelope> = serde_json::from_str(ESTABLISHMENTS).unwrap_or_default();
    envelopes
        .into_iter()
        .map(|(siret, envelope)| (siret, envelope.data))
        .collect()
});

static LEGAL_UNITS: LazyLock<HashMap<String, serde_json::Value>> = LazyLock::new(|| {
    let mut units: HashMap<String, serde_json::Value> = HashMap::new();
    for document in [COMPANIES, INDIVIDUALS] {
        let part: HashMap<String, serde_json::Value> = serde_json::from_str(document).unwrap_or_default();
        units.extend(part);
    }
    units
});

/// The record of an establishment that is played.
pub(super) fn establishment(siret: &str) -> Option<EstablishmentRecord> {
    ESTABLISHMENTS_BY_SIRET.get(siret).cloned()
}

/// INSEE's answer about a SIREN that is played.
pub(super) fn legal_unit(siren: &str) -> Option<&'static serde_json::Value> {
    LEGAL_UNITS.get(siren)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_played_record_is_read() {
        assert_eq!(ESTABLISHMENTS_BY_SIRET.len(), 100);
        for (siret, record) in ESTABLISHMENTS_BY_SIRET.iter() {
            assert_eq!(*siret, record.siret);
        }
        assert_eq!(LEGAL_UNITS.len(), 5);
    }
}

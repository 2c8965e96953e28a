//! Legal categories whose directors can be certified, and where they are looked for (spec/organizations.md §5.2).

use super::reference_list::ReferenceList;

/// Code, source and label; source: INSEE's nomenclature of legal categories.
const COVERED: ReferenceList = ReferenceList::new(include_str!(
    "../../assets/data/certification_legal_categories.csv"
));

/// The register that names the directors of a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectorSource {
    /// INSEE's Sirene register: people in business on their own.
    Sirene,
    /// The Registre national des entreprises: companies.
    Rne,
}

/// Where the directors of an organization of this legal category (code) are looked for; `None` when they cannot be certified.
#[must_use]
pub fn director_source(categorie_juridique: &str) -> Option<DirectorSource> {
    let (source, _) = COVERED.find(categorie_juridique)?.split_once(',')?;
    match source {
        "sirene" => Some(DirectorSource::Sirene),
        "rne" => Some(DirectorSource::Rne),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::vectors;

    #[test]
    fn the_covered_categories_are_those_of_the_vectors() {
        let cases = vectors::cases("certification_covered", &["code", "source"]);
        for case in &cases {
            let expected = match vectors::text(case, "source") {
                Some("sirene") => Some(DirectorSource::Sirene),
                _ => Some(DirectorSource::Rne),
            };
            let code = vectors::text(case, "code").unwrap_or_default();
            assert_eq!(director_source(code), expected, "{code}");
        }
        assert_eq!(COVERED.lines().count(), 148);
        for code in ["", "7120", "9220", "1"] {
            assert_eq!(director_source(code), None, "{code:?}");
        }
    }
}

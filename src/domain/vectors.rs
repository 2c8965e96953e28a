//! The vectors of the specification, for tests: every JSON file of the directory `VECTORS_DIR` (by default `tests/vectors`).
//! Cases are found by the name of their list and the members that they have, whatever the file is called, so that
//! more cases can be added without code.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A kind of cases: the name of their list, and the members by which they are told from others in a list of the same name. Members
/// that may be absent are not among these: no case is passed over because it says less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout(&'static str, &'static [&'static str]);

/// spec/organizations.md §4.2
pub const JOIN_DECISIONS: Layout = Layout("cases", &["siret", "email", "result"]);
/// §4.3
pub const SUGGESTIONS: Layout = Layout("cases", &["email", "expected_ids"]);
/// §3.2 to 3.5, and 5.2
pub const PREDICATES: Layout = Layout("cases", &["predicate", "expected"]);
/// §3.7
pub const PUBLIC_SERVICES: Layout = Layout("cases", &["expected/is_service_public"]);
/// §2
pub const PAYLOADS: Layout = Layout("cases", &["in", "address", "organization"]);
/// §2 and 3
pub const ESTABLISHMENTS: Layout = Layout("establishments", &["in", "organization"]);
/// §4.5.1, town halls
pub const TOWN_HALLS: Layout = Layout("service_public", &["code_insee"]);
/// §3.7, by category
pub const PUBLIC_LEGAL_CATEGORIES: Layout = Layout("service_public", &["code"]);
/// §4.5.1, schools
pub const SCHOOLS: Layout = Layout("education_nationale", &["siret"]);

impl Layout {
    /// The cases of this kind.
    ///
    /// # Panics
    /// When a file cannot be read, or when the vectors of this repository hold no such case.
    pub fn cases(self) -> Vec<Value> {
        cases(self.0, self.1)
    }
}

/// The cases in the lists called `section`, of all files, that have every member in `members`, given by its path (`a/b`).
///
/// # Panics
/// When a file cannot be read, or when the vectors of this repository hold no such case.
pub fn cases(section: &str, members: &[&str]) -> Vec<Value> {
    let found: Vec<Value> = documents()
        .into_iter()
        .filter_map(|mut document| document.get_mut(section).map(Value::take))
        .filter_map(|list| match list {
            Value::Array(cases) => Some(cases),
            _ => None,
        })
        .flatten()
        .filter(|case| has_every(case, members))
        .collect();
    assert!(
        !found.is_empty() || std::env::var_os("VECTORS_DIR").is_some(),
        "no vector {section} with {members:?}"
    );
    found
}

/// The text member `name` of a case; `None` when it is null or absent.
pub fn text<'a>(case: &'a Value, name: &str) -> Option<&'a str> {
    case.get(name).and_then(Value::as_str)
}

/// The boolean member `name` of a case.
pub fn flag(case: &Value, name: &str) -> bool {
    case.get(name).and_then(Value::as_bool).unwrap_or_default()
}

fn has_every(case: &Value, members: &[&str]) -> bool {
    members
        .iter()
        .all(|member| case.pointer(&format!("/{member}")).is_some())
}

fn documents() -> Vec<Value> {
    let directory = std::env::var_os("VECTORS_DIR").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors"),
        PathBuf::from,
    );
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    paths.sort();
    let read = |path: PathBuf| -> Value {
        let text = std::fs::read_to_string(&path).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Certification has tables of its own in a list of this name.
    const CERTIFICATION: [Layout; 2] = [
        Layout("cases", &["pivot", "source", "score"]),
        Layout("cases", &["franceconnect", "expected"]),
    ];

    #[test]
    fn every_case_is_of_one_kind_and_so_none_is_left_out() {
        let kinds = [
            JOIN_DECISIONS,
            SUGGESTIONS,
            PREDICATES,
            PUBLIC_SERVICES,
            PAYLOADS,
            ESTABLISHMENTS,
            TOWN_HALLS,
            PUBLIC_LEGAL_CATEGORIES,
            SCHOOLS,
        ];
        for section in ["cases", "establishments", "service_public", "education_nationale"] {
            for case in cases(section, &[]) {
                let fitting = kinds
                    .iter()
                    .chain(&CERTIFICATION)
                    .filter(|kind| kind.0 == section && has_every(&case, kind.1));
                assert_eq!(fitting.count(), 1, "{section}: {case}");
            }
        }
    }
}

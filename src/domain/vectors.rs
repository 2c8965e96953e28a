//! The vectors of the specification, for tests: every JSON file of the directory `VECTORS_DIR` (by default `tests/vectors`).
//! Cases are found by the name of their list and the members that they have, whatever the file is called, so that
//! more cases can be added without code.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The cases in the lists called `section`, of all files, that have every member in `members`.
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
        .filter(|case| members.iter().all(|member| case.get(member).is_some()))
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

//! Every test that a page of documentation names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders whose sources hold tests.
const SOURCES: [&str; 4] = ["src", "tests", "actors", "benches"];

fn files(directory: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "node_modules") {
                files(&path, extension, found);
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// The names of the functions that stand below an attribute that makes them tests.
fn tests_of(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut awaited = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[") {
            awaited |= line.contains("test]") || line.contains("test(");
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| awaited) {
            found.push(rest.split(['(', '<']).next().unwrap_or_default().to_owned());
            awaited = false;
        }
    }
    found
}

/// What stands between backquotes in the last column of a table of promises, and after the word “test” elsewhere.
fn named_in(page: &str) -> Vec<&str> {
    let mut named = Vec::new();
    let mut is_table_of_promises = false;
    for line in page.lines() {
        is_table_of_promises = line.starts_with('|') && (is_table_of_promises || line.ends_with("| tests |"));
        let told = if is_table_of_promises {
            line.trim_end_matches('|').rsplit('|').next()
        } else {
            line.split_once("(test `")
                .map(|(before, _)| &line[before.len()..])
        };
        let quoted = told
            .into_iter()
            .flat_map(|text| text.split('`').skip(1).step_by(2));
        named.extend(quoted);
    }
    named
}

#[test]
fn every_test_that_the_documentation_names_exists() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in SOURCES {
        files(&top.join(folder), "rs", &mut sources);
    }
    let tests: BTreeSet<String> = sources
        .iter()
        .flat_map(|path| tests_of(&fs::read_to_string(path).unwrap()))
        .collect();
    let mut pages = vec![top.join("README.md")];
    files(&top.join("docs"), "md", &mut pages);
    let mut missing = Vec::new();
    let mut known = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for name in named_in(&text) {
            known += 1;
            if !tests.contains(name) {
                missing.push(format!("{}: {name}", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "tests that do not exist: {missing:#?}");
    assert!(
        known > 100,
        "only {known} tests are named: the tables are not read"
    );
}

#[test]
fn tests_and_promises_are_found() {
    let source = "#[test]\nfn one() {}\nfn none() {}\n#[tokio::test]\n#[ignore]\nasync fn two() {}";
    assert_eq!(tests_of(source), ["one", "two"]);
    let page = "| promise | tests |\n|---|---|\n| `x` | `one`, `two` |\n\nSo it is (test `three`).\n| `y` |";
    assert_eq!(named_in(page), ["one", "two", "three"]);
}

//! What is built in comes from crates.io, under licences that were accepted, and in one version unless a reason is given:
//! the lists are in `deny.toml`, as cargo-deny reads it. What is asked for is explained in `docs/ARCHITECTURE.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

const LOCK: &str = include_str!("../Cargo.lock");
const LISTS: &str = include_str!("../deny.toml");
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
const HOUSE: &str = include_str!("../docs/ARCHITECTURE.md");
const MANIFESTS: [&str; 3] = [
    include_str!("../Cargo.toml"),
    include_str!("../actors/Cargo.toml"),
    include_str!("../benches/load/Cargo.toml"),
];
const NPM_MANIFESTS: [&str; 3] = [
    include_str!("../assets/package.json"),
    include_str!("../tests/browser/package.json"),
    include_str!("../tests/conformance/package.json"),
];
const PYPI_REQUIREMENTS: &str = include_str!("../tests/conformance/requirements.txt");

/// What stands between the first quotes after `key = ` on each line.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let beginning = format!("{key} = \"");
    let after = |line: &'a str| line.split_once(&beginning).map(|(_, rest)| rest);
    text.lines()
        .filter_map(after)
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// The licences between `allow = [` and the bracket that closes it.
fn allowed_licences() -> BTreeSet<&'static str> {
    let (_, list) = LISTS.split_once("\nallow = [\n").unwrap();
    let (list, _) = list.split_once(']').unwrap();
    list.lines()
        .map(|line| line.trim().trim_matches([',', '"']))
        .filter(|licence| !licence.is_empty())
        .collect()
}

/// Whether every part of an SPDX expression that binds us leaves a choice that is allowed.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    expression.split(" AND ").all(|part| {
        part.split(" OR ")
            .flat_map(|choice| choice.split('/'))
            .any(|licence| allowed.contains(licence.trim().trim_matches(['(', ')'])))
    })
}

#[test]
fn every_crate_comes_from_crates_io() {
    let sources: BTreeSet<&str> = values(LOCK, "source").into_iter().collect();
    assert_eq!(sources, BTreeSet::from([CRATES_IO]));
}

#[test]
fn a_crate_in_several_versions_has_a_reason() {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in LOCK.split("[[package]]").skip(1) {
        let (name, version) = (values(package, "name")[0], values(package, "version")[0]);
        versions.entry(name).or_default().push(version);
    }
    let known: BTreeSet<&str> = values(LISTS, "{ crate").into_iter().collect();
    for (name, versions) in &versions {
        let unexplained: Vec<String> = versions
            .iter()
            .map(|version| format!("{name}@{version}"))
            .filter(|version| !known.contains(version.as_str()))
            .collect();
        assert_eq!(unexplained.len(), 1, "{unexplained:?} in Cargo.lock");
    }
    for one in known {
        let (name, version) = one.split_once('@').unwrap();
        let found = versions.get(name).is_some_and(|all| all.contains(&version));
        assert!(found, "{one} is not needed in deny.toml any more");
    }
}

/// Asks cargo, as the licences stand in the packages themselves.
#[test]
fn every_licence_was_accepted() {
    let compiler = Command::new("rustc").arg("-vV").output().unwrap();
    let told = String::from_utf8(compiler.stdout).unwrap();
    let host = told.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let answer = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--locked",
            "--filter-platform",
            host,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&answer.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&answer.stderr)));
    let allowed = allowed_licences();
    for package in metadata["packages"].as_array().unwrap() {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_allowed(licence, &allowed), "{}: {licence:?}", package["name"]);
    }
}

/// The crates that a manifest asks for, ours apart.
fn asked_for(manifest: &'static str) -> impl Iterator<Item = &'static str> {
    let sections = manifest.split("\n[").filter(|section| {
        ["dependencies]", "dev-dependencies]"]
            .iter()
            .any(|name| section.starts_with(name))
    });
    sections
        .flat_map(|section| section.lines().skip(1))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| *name != "identite-actors")
}

/// The crates in the first column of the table of dependencies.
fn explained() -> BTreeSet<&'static str> {
    let (_, table) = HOUSE.split_once("| crate | for |\n|---|---|\n").unwrap();
    let rows = table.lines().take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.split('|').nth(1))
        .map(|cell| cell.split_once(": ").map_or(cell, |(_, names)| names))
        .flat_map(|cell| cell.split([',', '(', ')']))
        .map(str::trim)
        // Who else needs it stands in brackets.
        .filter(|name| !name.is_empty() && *name != "actors")
        .collect()
}

#[test]
fn every_crate_that_is_asked_for_has_its_reason() {
    let wanted: BTreeSet<&str> = MANIFESTS.into_iter().flat_map(asked_for).collect();
    assert_eq!(wanted, explained());
}

#[test]
fn every_package_of_other_registries_has_its_reason() {
    let mut wanted: Vec<String> = Vec::new();
    for manifest in NPM_MANIFESTS {
        let manifest: Value = serde_json::from_str(manifest).unwrap();
        for kind in ["dependencies", "devDependencies"] {
            let packages = manifest[kind].as_object().into_iter().flatten();
            wanted.extend(packages.map(|(name, _)| name.clone()));
        }
    }
    let of_pypi = PYPI_REQUIREMENTS.lines().filter_map(|line| line.split_once("=="));
    wanted.extend(of_pypi.map(|(name, _)| name.to_owned()));
    assert!(wanted.len() > 8, "{wanted:?}");
    for name in wanted {
        assert!(HOUSE.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_guard_sees_what_is_not_allowed() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Unicode-3.0"]);
    for (expression, expected) in [
        ("MIT", true),
        ("MIT/Unlicense", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("GPL-3.0-only", false),
        ("MIT AND GPL-3.0-only", false),
        ("", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

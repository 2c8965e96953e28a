//! A room uses only the floors below it (docs/ARCHITECTURE.md). This test reads the sources and says who looks up.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Room and floor. A room may use rooms of lower floors and itself.
const FLOORS: [(&str, u8); 18] = [
    ("main", 5),
    ("cli", 5),
    ("server", 4),
    ("web", 3),
    ("testing", 3),
    ("oidc", 2),
    ("accounts", 2),
    ("mfa", 2),
    ("organizations", 2),
    ("imports", 2),
    ("certification", 2),
    ("journey", 2),
    ("db", 1),
    ("connectors", 1),
    ("mail", 1),
    ("telemetry", 1),
    ("config", 0),
    ("domain", 0),
];

/// Crates that a floor may not know: floor 2 and below know nothing of HTTP servers; floor 0 does no I/O.
const FORBIDDEN_CRATES: [(u8, &[&str]); 2] = [
    (2, &["actix_web", "actix_http"]),
    (0, &["tokio", "reqwest", "tokio_postgres", "deadpool_postgres"]),
];

/// Whether a room may use another.
fn may_use(room: &str, other: &str) -> bool {
    match (floor_of(room), floor_of(other)) {
        (Some(own), Some(others)) => room == other || others < own,
        _ => false,
    }
}

fn floor_of(room: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, floor)| *floor)
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn room_of(path: &Path, root: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// Every `crate::room` that a source names, in `use` groups too.
fn rooms_named(source: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (position, _) in source.match_indices("crate::") {
        let rest = &source[position + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let end = group.find('}').unwrap_or(group.len());
            named.extend(group[..end].split(',').map(|item| identifier(item.trim())));
        } else {
            named.push(identifier(rest));
        }
    }
    named.retain(|name| !name.is_empty());
    named
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_')
        .collect()
}

#[test]
fn no_room_looks_up() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&top, &mut paths);
    let mut offences: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in paths {
        let room = room_of(&path, &top);
        if ["lib", "floors", "guard", "promises"].contains(&room.as_str()) {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let Some(floor) = floor_of(&room) else {
            panic!("the room {room} has no floor")
        };
        let looks_up = rooms_named(&source)
            .into_iter()
            .filter(|used| !may_use(&room, used));
        let forbidden = FORBIDDEN_CRATES
            .iter()
            .filter(|(highest, _)| floor <= *highest)
            .flat_map(|(_, crates)| crates.iter())
            .filter(|name| source.contains(&format!("{name}::")))
            .map(|name| (*name).to_owned());
        let found: Vec<String> = looks_up.chain(forbidden).collect();
        if !found.is_empty() {
            offences.insert(path.strip_prefix(&top).unwrap().display().to_string(), found);
        }
    }
    assert!(
        offences.is_empty(),
        "rooms that use what they may not: {offences:#?}"
    );
}

#[test]
fn the_test_sees_an_offence() {
    assert_eq!(rooms_named("use crate::web::page;"), ["web"]);
    assert_eq!(rooms_named("use crate::{db::users, web};"), ["db", "web"]);
    assert!(!may_use("journey", "web"));
    assert!(!may_use("journey", "oidc"));
    assert!(!may_use("db", "mail"));
    assert!(may_use("web", "oidc"));
}

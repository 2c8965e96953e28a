//! Names of authenticators by their AAGUID, for people to tell their passkeys apart
//! (spec/connectors-and-operations.md §2.10). A list comes with the program; a fresher one is fetched in the background.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use tokio::runtime::Handle;
use url::Url;
use uuid::Uuid;

use super::call::{CallError, Request};
use super::http::{HttpClient, Line, LineSettings};

/// Made by `script/passkey-names`.
const SHIPPED: &str = include_str!("passkey_names.json");
/// A list as old as this is refreshed at the next passkey. Failures are not remembered for longer than [`RETRY_AFTER`].
const REFRESH_AFTER: TimeDelta = TimeDelta::days(1);
const RETRY_AFTER: TimeDelta = TimeDelta::minutes(10);
/// The document holds pictures, which are passed over: some megabytes. Nobody waits for it.
const LINE: LineSettings = LineSettings {
    deadline: Duration::from_mins(1),
    answer_limit: 32 * 1024 * 1024,
};
/// A longer name is none.
const NAME_LIMIT_IN_CHARACTERS: usize = 128;

/// The names known now. Cheap to clone.
#[derive(Clone)]
pub struct PasskeyNames(Arc<Inner>);

struct Inner {
    line: Line,
    io: Handle,
    /// `PASSKEY_AAGUIDS_URL`
    url: Url,
    known: RwLock<Known>,
    is_refreshing: AtomicBool,
}

struct Known {
    names: HashMap<Uuid, String>,
    /// When the list is to be fetched again.
    refresh_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
}

impl PasskeyNames {
    /// The names that come with the program, to be refreshed from `url` (`PASSKEY_AAGUIDS_URL`) as they are used.
    #[must_use]
    pub fn new(http: &HttpClient, url: Url) -> Self {
        Self(Arc::new(Inner {
            line: http.line_with("passkey_names", LINE),
            io: http.io().clone(),
            url,
            known: RwLock::new(Known {
                names: read(SHIPPED).unwrap_or_default(),
                refresh_at: DateTime::UNIX_EPOCH,
            }),
            is_refreshing: AtomicBool::new(false),
        }))
    }

    /// What authenticators of the kind `aaguid` are called, if anybody knows. Never waits: an old list is refreshed for the next time.
    #[must_use]
    pub fn of(&self, aaguid: Uuid, now: DateTime<Utc>) -> Option<String> {
        let (name, is_old) = {
            let known = self.0.known.read().unwrap_or_else(PoisonError::into_inner);
            (known.names.get(&aaguid).cloned(), known.refresh_at <= now)
        };
        if is_old && !self.0.is_refreshing.swap(true, Ordering::AcqRel) {
            let names = self.clone();
            self.0.io.spawn(async move {
                // The line has told the operator why, if it failed.
                let _ = names.refresh(now).await;
                names.0.is_refreshing.store(false, Ordering::Release);
            });
        }
        name
    }

    /// Fetches the list. Without it the names stay as they are; those that it no longer holds stay known.
    ///
    /// # Errors
    /// When there is no answer, or none that can be read.
    pub async fn refresh(&self, now: DateTime<Utc>) -> Result<(), CallError> {
        let request = Request::get(self.0.url.clone()).accept("application/json, text/plain");
        let fetched = self.0.line.call(request, |answer| read(answer.document()?)).await;
        let mut known = self.0.known.write().unwrap_or_else(PoisonError::into_inner);
        let names = fetched.inspect_err(|_| known.refresh_at = now + RETRY_AFTER)?;
        tracing::info!(count = names.len(), "the names of passkeys were refreshed");
        known.names.extend(names);
        known.refresh_at = now + REFRESH_AFTER;
        Ok(())
    }
}

/// The names in a document of the list. One without any is none: that is how the list will be retired.
fn read(document: &str) -> Result<HashMap<Uuid, String>, CallError> {
    let unreadable = |what: &str| CallError::Unreadable(what.to_owned());
    let entries: HashMap<String, Entry> =
        serde_json::from_str(document).map_err(|_| unreadable("not a list of names"))?;
    let mut names = HashMap::with_capacity(entries.len());
    for (aaguid, Entry { name }) in entries {
        let name = name.trim();
        let is_printable = !name.is_empty() && !name.chars().any(char::is_control);
        let is_name = is_printable && name.chars().count() <= NAME_LIMIT_IN_CHARACTERS;
        match aaguid.parse::<Uuid>() {
            Ok(aaguid) if is_name && !aaguid.is_nil() => {
                names.insert(aaguid, name.to_owned());
            }
            _ => {}
        }
    }
    if names.is_empty() {
        return Err(unreadable("the list of names is empty"));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_comes_with_the_program_names_what_people_use() {
        let names = read(SHIPPED).unwrap();
        for (aaguid, name) in [
            ("08987058-cadc-4b81-b6e1-30de50dcbe96", "Windows Hello"),
            ("ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4", "Google Password Manager"),
            ("fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "Apple Passwords"),
            ("d548826e-79b4-db40-a3d8-11116f7e8349", "Bitwarden"),
        ] {
            assert_eq!(names[&aaguid.parse::<Uuid>().unwrap()], name);
        }
        assert!(names.len() > 250);
    }

    #[test]
    fn only_names_are_taken_from_a_list() {
        let document = r#"{
            "08987058-CADC-4B81-B6E1-30DE50DCBE96": {"name": " Hello ", "icon_dark": "data:"},
            "00000000-0000-0000-0000-000000000000": {"name": "Nobody"},
            "6028b017-b1d4-4c02-b4b3-afcdafc96bb2": {"name": ""},
            "dd4ec289-e01d-41c9-bb89-70fa845d4bf2": {"name": "two\nlines"},
            "not an identifier": {"name": "Stranger"}
        }"#;
        let hello: Uuid = "08987058-cadc-4b81-b6e1-30de50dcbe96".parse().unwrap();
        assert_eq!(read(document), Ok(HashMap::from([(hello, "Hello".to_owned())])));
    }

    #[test]
    fn what_is_no_list_changes_nothing() {
        for document in ["", "[]", "{}", "null", "<html>", r#"{"a":{"icon":"x"}}"#] {
            assert!(read(document).is_err(), "{document}");
        }
    }
}

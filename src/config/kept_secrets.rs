//! The secrets of a development machine: made once, kept in `.dev/secrets`, readable by their owner only. Without them
//! every restart would sign everybody out and void every token.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::error::ConfigError;

/// Values for the secrets that nobody gave.
#[derive(Default)]
pub(super) struct KeptSecrets(HashMap<&'static str, String>);

impl KeptSecrets {
    /// `given`, or the kept value if there is one for this variable.
    pub fn replacing(&self, given: Option<String>, name: &str) -> Option<String> {
        self.0.get(name).cloned().or(given)
    }
}

/// Reads, or makes and keeps, the secrets that `source` has no value for.
///
/// # Errors
/// The directory or a file in it cannot be read or written.
pub(super) fn fill_in(
    directory: &Path,
    source: &impl Fn(&str) -> Option<String>,
    generate_jwks: impl FnOnce() -> String,
) -> Result<KeptSecrets, ConfigError> {
    let mut kept = KeptSecrets::default();
    let mut fill = |name: &'static str, make: &mut dyn FnMut() -> String| {
        if source(name).is_some_and(|value| !value.trim().is_empty()) {
            return Ok(());
        }
        let path = directory.join(name);
        let secret = read_or_make(directory, &path, make).map_err(|source| ConfigError::KeptSecret {
            path: path.clone(),
            source,
        })?;
        kept.0.insert(name, secret);
        Ok(())
    };

    fill("SYMMETRIC_ENCRYPTION_KEY", &mut || {
        STANDARD.encode(rand::random::<[u8; 32]>())
    })?;
    fill("SESSION_COOKIE_SECRET", &mut || {
        URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
    })?;
    let mut generate_jwks = Some(generate_jwks);
    fill("JWKS", &mut || {
        generate_jwks
            .take()
            .map_or_else(String::new, |generate| generate())
    })?;
    Ok(kept)
}

/// The kept secret. Two processes that start together end up with the same one: it is written aside, then linked to its
/// name, which fails if the other was first.
fn read_or_make(directory: &Path, path: &Path, make: &mut dyn FnMut() -> String) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(secret) if !secret.trim().is_empty() => return Ok(secret.trim().to_owned()),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }

    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let aside = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)?;
    file.write_all(make().as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(fs::read_to_string(path)?.trim().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_made_secret_stays_and_is_private() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let directory = home.path().join(".dev/secrets");
        let none = |_: &str| None;

        let first = fill_in(&directory, &none, || "{\"keys\":[1]}".to_owned()).expect("first start");
        let second = fill_in(&directory, &none, || panic!("keys are made once")).expect("second start");

        assert_eq!(first.0, second.0);
        assert_eq!(first.0["JWKS"], "{\"keys\":[1]}");
        assert_eq!(
            STANDARD
                .decode(&first.0["SYMMETRIC_ENCRYPTION_KEY"])
                .expect("base64")
                .len(),
            32
        );
        let names: Vec<_> = fs::read_dir(&directory)
            .expect("kept")
            .map(|entry| entry.expect("an entry"))
            .collect();
        assert_eq!(names.len(), 3, "nothing is left aside");
        for entry in names {
            assert_eq!(
                entry.metadata().expect("metadata").permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn a_given_secret_is_not_made() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let given = |name: &str| (name != "SESSION_COOKIE_SECRET").then(|| "given".to_owned());

        let kept = fill_in(home.path(), &given, || panic!("keys are given")).expect("kept");

        assert_eq!(kept.0.keys().collect::<Vec<_>>(), [&"SESSION_COOKIE_SECRET"]);
    }

    #[test]
    fn an_empty_file_is_made_again() {
        let home = tempfile::tempdir().expect("a temporary directory");
        fs::write(home.path().join("JWKS"), "\n").expect("written");

        let kept = fill_in(home.path(), &|_| None, || "made".to_owned()).expect("kept");

        assert_eq!(kept.0["JWKS"], "made");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error() {
        let home = tempfile::tempdir().expect("a temporary directory");
        fs::write(home.path().join("file"), "").expect("written");

        let outcome = fill_in(&home.path().join("file/secrets"), &|_| None, String::new);

        assert!(matches!(outcome, Err(ConfigError::KeptSecret { .. })));
    }
}

//! Where values come from, highest rank first: the process environment, `.env.<NODE_ENV>.local`, `.env.<NODE_ENV>`
//! (completed by the compiled-in profile), `.env.local` (not for `NODE_ENV=test`), `.env`, `.env.defaults`.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use super::dotenv;
use super::environment::{Choice, NodeEnv, Surroundings};
use super::error::ConfigError;
use super::profiles;

/// What the `.env*` files of a directory say.
#[derive(Default)]
pub(super) struct DotenvFiles {
    /// Higher rank than the compiled-in profile.
    before_profile: HashMap<String, String>,
    /// Lower rank than the compiled-in profile.
    after_profile: HashMap<String, String>,
}

impl DotenvFiles {
    /// Reads the files that exist. As `NODE_ENV` chooses the files it is taken from the real environment only.
    ///
    /// # Errors
    /// One of them cannot be read, or is not UTF-8.
    pub fn read(directory: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let node_env = environment("NODE_ENV").unwrap_or_else(|| "development".to_owned());
        let mut files = Self::default();

        let mut ranked = Vec::new();
        // A word that is none names no file; the reading proper reports it.
        if NodeEnv::WORDS.iter().any(|(word, _)| *word == node_env) {
            ranked.push((format!(".env.{node_env}.local"), true));
            ranked.push((format!(".env.{node_env}"), true));
        }
        if node_env != "test" {
            ranked.push((".env.local".to_owned(), false));
        }
        ranked.extend([(".env".to_owned(), false), (".env.defaults".to_owned(), false)]);

        for (name, outranks_profile) in ranked {
            let Some(text) = text_of(directory, &name)? else {
                continue;
            };
            let rank = if outranks_profile {
                &mut files.before_profile
            } else {
                &mut files.after_profile
            };
            let of_this_file: HashMap<_, _> = dotenv::parse(&text).into_iter().collect();
            for (variable, value) in of_this_file {
                rank.entry(variable).or_insert(value);
            }
        }
        Ok(files)
    }

    /// The value of a variable after all ranks, the compiled-in profile at its place among them.
    pub fn lookup(&self, environment: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
        if let Some(value) = environment(name).or_else(|| self.before_profile.get(name).cloned()) {
            return Some(value);
        }
        let without_profile = |name: &str| {
            environment(name).or_else(|| {
                self.before_profile
                    .get(name)
                    .or(self.after_profile.get(name))
                    .cloned()
            })
        };
        profiles::value(&Surroundings::of(&without_profile), name)
            .or_else(|| self.after_profile.get(name).cloned())
    }
}

/// The text of a file of `directory`; `None` if there is none.
fn text_of(directory: &Path, name: &str) -> Result<Option<String>, ConfigError> {
    let path = directory.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        // A link that leads nowhere is there, and cannot be read.
        Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => Ok(None),
        Err(source) => Err(ConfigError::UnreadableFile {
            file: name.to_owned(),
            source,
        }),
    }
}

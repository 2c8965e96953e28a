//! Where values come from, highest rank first: the process environment, `.env.<NODE_ENV>.local`, `.env.<NODE_ENV>`
//! (completed by the compiled-in profile), `.env.local` (not for `NODE_ENV=test`), `.env`, `.env.defaults`.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

use super::dotenv;
use super::environment::Surroundings;
use super::profiles;
use super::warnings::ConfigWarning;

/// What the `.env*` files of a directory say.
#[derive(Default)]
pub(super) struct DotenvFiles {
    /// Higher rank than the compiled-in profile.
    before_profile: HashMap<String, String>,
    /// Lower rank than the compiled-in profile.
    after_profile: HashMap<String, String>,
    warnings: Vec<ConfigWarning>,
}

impl DotenvFiles {
    /// Reads the files that exist. As `NODE_ENV` chooses the files it is taken from the real environment only. If one
    /// cannot be read none applies, which is told as a warning.
    pub fn read(directory: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        let node_env = environment("NODE_ENV").unwrap_or_else(|| "development".to_owned());
        let mut files = Self::default();

        let mut ranked = vec![
            (format!(".env.{node_env}.local"), true),
            (format!(".env.{node_env}"), true),
        ];
        if node_env != "test" {
            ranked.push((".env.local".to_owned(), false));
        }
        ranked.extend([(".env".to_owned(), false), (".env.defaults".to_owned(), false)]);

        for (name, outranks_profile) in ranked {
            if name.contains('/') {
                continue; // an invalid NODE_ENV, which the reading proper reports
            }
            let text = match std::fs::read_to_string(directory.join(&name)) {
                Ok(text) => text,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Self::unreadable(&name, &error),
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
        files
    }

    fn unreadable(name: &str, error: &std::io::Error) -> Self {
        let message = format!("{name} cannot be read ({error}), no .env file was applied");
        Self {
            warnings: vec![ConfigWarning::new("NODE_ENV", message)],
            ..Self::default()
        }
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

    pub fn into_warnings(self) -> Vec<ConfigWarning> {
        self.warnings
    }
}

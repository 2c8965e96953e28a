//! A person's job, in their words (spec/accounts.md §9.5).

use std::fmt;

use super::text::{ecmascript_trim, has_visible_character, is_ecmascript_whitespace, is_one_line};

/// A trimmed text on one line, with something to see, that is not a number only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Job(String);

/// A text that names no job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJob {
    #[error("a job that is too long")]
    TooLong,
    #[error("not a job")]
    NoJob,
}

impl Job {
    /// A job is no story.
    pub const LIMIT_IN_CHARACTERS: usize = 200;

    /// Reads what a person typed; an empty field is no job.
    ///
    /// # Errors
    /// When what is typed shows nothing, digits and blanks only, or is more than a line or 200 characters long.
    pub fn parse_optional(text: &str) -> Result<Option<Self>, InvalidJob> {
        if text.is_empty() {
            return Ok(None);
        }
        let job = ecmascript_trim(text);
        let is_number = job
            .chars()
            .all(|character| character.is_ascii_digit() || is_ecmascript_whitespace(character));
        if is_number || !is_one_line(job) || !has_visible_character(job) {
            Err(InvalidJob::NoJob)
        } else if job.chars().count() > Self::LIMIT_IN_CHARACTERS {
            Err(InvalidJob::TooLong)
        } else {
            Ok(Some(Self(job.to_owned())))
        }
    }

    /// The job as stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_specification_holds() {
        assert_eq!(Job::parse_optional(""), Ok(None));
        for job in ["Dev", "R2D2", "🦀", "Simple lad", "Chargé de mission (2e classe)"] {
            let read = Job::parse_optional(job).unwrap().unwrap();
            assert_eq!((read.as_str(), read.to_string().as_str()), (job, job));
        }
        for text in ["123", "1 2", "  ", "\u{200b}", "\u{feff}"] {
            assert_eq!(Job::parse_optional(text), Err(InvalidJob::NoJob), "{text:?}");
        }
        assert!(Job::parse_optional(&"a".repeat(200)).is_ok());
        assert_eq!(Job::parse_optional(&"a".repeat(201)), Err(InvalidJob::TooLong));
        for text in ["Chef\nde projet", "Chef\u{202e}"] {
            assert_eq!(Job::parse_optional(text), Err(InvalidJob::NoJob), "{text:?}");
        }
    }
}

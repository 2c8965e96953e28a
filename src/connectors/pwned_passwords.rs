//! Pwned Passwords: was a password seen in leaks? Only the first five characters of its SHA-1 leave the house
//! (spec/connectors-and-operations.md §2.10).

use reqwest::header::HeaderName;
use secrecy::{ExposeSecret, SecretString};
use sha1::{Digest, Sha1};
use url::Url;

use super::call::{CallError, Request};
use super::http::{HttpClient, Line};

const PREFIX_LENGTH: usize = 5;
const SUFFIX_LENGTH: usize = 35;
/// Seen at most this often, a password is not known to attackers by its own popularity.
const TOLERATED_SIGHTINGS: u64 = 10;

/// The line to Pwned Passwords. Cheap to clone.
#[derive(Clone)]
pub struct PwnedPasswords {
    line: Line,
    base_url: Url,
}

impl PwnedPasswords {
    /// `base_url` (`PWNED_PASSWORDS_API_URL`) is followed by `/range/` and the prefix.
    #[must_use]
    pub fn new(http: &HttpClient, base_url: Url) -> Self {
        Self {
            line: http.line("pwned_passwords"),
            base_url,
        }
    }

    /// Whether `password` was seen in leaks more than ten times. It is taken as it is: trimming is up to the caller.
    ///
    /// # Errors
    /// When there is no usable answer: nothing is known then.
    pub async fn knows(&self, password: &SecretString) -> Result<bool, CallError> {
        let digest = hex::encode_upper(Sha1::digest(password.expose_secret().as_bytes()));
        let (prefix, suffix) = digest.split_at(PREFIX_LENGTH);
        let mut url = self.base_url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["range", prefix]);
        }
        // With padding, the length of the answer does not tell an observer the prefix.
        let request = Request::get(url)
            .accept("text/plain")
            .header(HeaderName::from_static("add-padding"), "true");
        self.line
            .call(request, |answer| sightings(answer.document()?, suffix))
            .await
            .map(|count| count > TOLERATED_SIGHTINGS)
    }
}

/// How often the hash that ends in `suffix` was seen, in an answer of lines `<35 hexadecimal characters>:<count>`.
fn sightings(document: &str, suffix: &str) -> Result<u64, CallError> {
    let unreadable = || CallError::Unreadable("not a list of hashes".to_owned());
    let mut found = 0;
    for line in document.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (hash, count) = line.split_once(':').ok_or_else(unreadable)?;
        if hash.len() != SUFFIX_LENGTH {
            return Err(unreadable());
        }
        let count = count.trim().parse().map_err(|_| unreadable())?;
        if hash.eq_ignore_ascii_case(suffix) {
            found = count;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUFFIX: &str = "1E4C9B93F3F0682250B6CF8331B7EE68FD8";

    #[test]
    fn the_count_of_the_suffix_decides() {
        let other = "0018A45C4D1DEF81644B54AB7F969B88D65:42\r\n";
        for (document, expected) in [
            (format!("{other}{SUFFIX}:11\r\n"), 11),
            (format!("{SUFFIX}:10"), 10),
            (format!("{}:3\n{other}", SUFFIX.to_lowercase()), 3),
            (other.to_owned(), 0),
            (format!("{SUFFIX}:0\r\n"), 0),
            (String::new(), 0),
        ] {
            assert_eq!(sightings(&document, SUFFIX), Ok(expected), "{document}");
        }
        for document in ["<html>", "abc:1", &format!("{SUFFIX}:many")] {
            assert!(sightings(document, SUFFIX).is_err(), "{document}");
        }
    }
}

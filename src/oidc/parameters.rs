//! Parameters as they came over the wire: a query or a form, before anybody believes them.

use super::error::ProtocolError;

/// The longest value that is kept while a person is busy, in bytes. Some relying parties put all they know into `state`; nobody else may
/// fill the store with it.
pub const KEPT_VALUE_LIMIT_IN_BYTES: usize = 4 * 1024;

/// The parameters of one request, of which only the known ones are kept.
///
/// An empty value counts as absent. A known parameter that came twice is remembered as duplicated and counts as absent.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    values: Vec<(&'static str, String)>,
    duplicated: Vec<&'static str>,
}

impl Parameters {
    /// Keeps those of `raw` that are named in `known`.
    #[must_use]
    pub fn read(raw: Vec<(String, String)>, known: &[&'static str]) -> Self {
        let mut values: Vec<(&'static str, String)> = Vec::with_capacity(raw.len().min(known.len()));
        let mut duplicated = Vec::new();
        for (name, value) in raw {
            let Some(name) = known.iter().copied().find(|known| *known == name) else {
                continue;
            };
            if values.iter().any(|(seen, _)| *seen == name) {
                if !duplicated.contains(&name) {
                    duplicated.push(name);
                }
                continue;
            }
            values.push((name, value));
        }
        values.retain(|(name, value)| !value.is_empty() && !duplicated.contains(name));
        Self { values, duplicated }
    }

    /// The value of `name`, unless it is absent, empty or duplicated.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether [`Self::get`] gives a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Refuses values of `names` that are longer than `limit`, in bytes.
    ///
    /// # Errors
    /// `invalid_request`, which tells the first one.
    pub fn refuse_longer_than(&self, limit: usize, names: &[&str]) -> Result<(), ProtocolError> {
        let too_long = names
            .iter()
            .find(|name| self.get(name).is_some_and(|value| value.len() > limit));
        match too_long {
            None => Ok(()),
            Some(name) => Err(ProtocolError::invalid_request(format!(
                "parameter {name} is longer than {limit} bytes"
            ))),
        }
    }

    /// The names that came more than once, in the order in which they were repeated.
    #[must_use]
    pub fn duplicated(&self) -> &[&'static str] {
        &self.duplicated
    }

    /// Every value, to be kept and read again with [`Self::read`].
    #[must_use]
    pub fn to_pairs(&self) -> Vec<(String, String)> {
        self.values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    /// An owned copy of [`Self::get`].
    #[must_use]
    pub fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }
}

/// The body of a POST request, as far as the web floor could read it.
#[derive(Debug, Clone, Default)]
pub enum Body {
    /// There was none.
    #[default]
    Absent,
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// Another content type, too large, or not decodable.
    Unreadable,
}

#[cfg(test)]
pub(super) fn pairs(raw: &[(&str, &str)]) -> Vec<(String, String)> {
    raw.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_duplicated_and_unknown_parameters_count_as_absent() {
        let raw = pairs(&[
            ("a", "1"),
            ("b", ""),
            ("c", "1"),
            ("c", "2"),
            ("c", "3"),
            ("x", "1"),
            ("x", "2"),
        ]);
        let parameters = Parameters::read(raw, &["a", "b", "c", "d"]);
        assert_eq!(parameters.get("a"), Some("1"));
        assert_eq!(parameters.get("b"), None);
        assert_eq!(parameters.get("c"), None);
        assert_eq!(parameters.duplicated(), ["c"]);
        assert!(parameters.has("a") && !parameters.has("d"));
        assert_eq!(parameters.owned("a").as_deref(), Some("1"));
        assert_eq!(parameters.to_pairs(), pairs(&[("a", "1")]));
    }

    #[test]
    fn a_value_is_too_long_by_its_bytes() {
        let parameters = Parameters::read(pairs(&[("a", "123"), ("b", "éé")]), &["a", "b", "c"]);
        assert_eq!(parameters.refuse_longer_than(4, &["a", "b", "c"]), Ok(()));
        assert_eq!(parameters.refuse_longer_than(3, &["a", "c"]), Ok(()));
        let error = parameters.refuse_longer_than(3, &["a", "b"]).unwrap_err();
        let description = error.description.as_deref();
        assert_eq!(description, Some("parameter b is longer than 3 bytes"));
    }
}

//! Where a browser may be sent back to: only a path of our own origin.

use url::Url;

/// No page of ours has a longer one, and strangers make us remember it.
const LIMIT_IN_BYTES: usize = 2048;

/// A path with its query on our own origin, of at most 2,048 bytes. It never starts with two slashes or backslashes, which a browser
/// would take for another host.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TrustedPath(String);

impl TrustedPath {
    /// Reads `reference` (absolute, or relative to `host`) and keeps path and query when its origin is the one
    /// of `host` and it is not too long; gives nothing otherwise. Fragment and user info are dropped.
    #[must_use]
    pub fn parse(reference: &str, host: &Url) -> Option<Self> {
        if reference.is_empty() {
            return None;
        }
        let url = host.join(reference).ok()?;
        if url.origin() != host.origin() {
            return None;
        }
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let is_ambiguous = path.starts_with("//") || path.starts_with("/\\");
        let fits = path.len() <= LIMIT_IN_BYTES;
        (fits && !is_ambiguous).then_some(Self(path))
    }

    /// The path with its query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_makes_us_remember_a_book() {
        let host = Url::parse("https://idp.example").unwrap();
        let of_length = |length: usize| TrustedPath::parse(&format!("/{}", "a".repeat(length - 1)), &host);
        assert!(of_length(LIMIT_IN_BYTES).is_some());
        assert_eq!(of_length(LIMIT_IN_BYTES + 1), None);
    }

    #[test]
    fn only_paths_of_our_origin_are_trusted() {
        let host = Url::parse("https://idp.example").unwrap();
        for (reference, expected) in [
            ("", None),
            ("/users/join-organization", Some("/users/join-organization")),
            (
                "https://idp.example/users/join-organization?x=1#frag",
                Some("/users/join-organization?x=1"),
            ),
            ("https://www.google.com", None),
            ("http://idp.example/", None),
            ("//evil.example/x", None),
            ("/\\evil.example/x", None),
            ("https://idp.example//evil.example/x", None),
            ("javascript:alert(1)", None),
            ("https://user:secret@idp.example/x", Some("/x")),
        ] {
            let path = TrustedPath::parse(reference, &host);
            assert_eq!(path.as_ref().map(TrustedPath::as_str), expected, "{reference:?}");
        }
    }
}

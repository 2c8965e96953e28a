//! Where a browser may be sent back to: only a path of our own origin.

use url::Url;

/// A path with its query on our own origin. It never starts with two slashes or backslashes, which a browser
/// would take for another host.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TrustedPath(String);

impl TrustedPath {
    /// Reads `reference` (absolute, or relative to `host`) and keeps path and query when its origin is the one
    /// of `host`; gives nothing otherwise. Fragment and user info are dropped.
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
        (!is_ambiguous).then_some(Self(path))
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

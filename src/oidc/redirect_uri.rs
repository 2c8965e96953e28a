//! Where answers may be sent: comparison of redirection URIs, and writing parameters into one.

use url::Url;

/// A URI of a client's registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredUri {
    /// As the registration has it.
    pub registered: String,
    /// As the WHATWG URL algorithm writes it: what is compared, and where answers go.
    pub normalised: String,
}

impl RegisteredUri {
    /// Reads a URI of a registration: absolute, `http` or `https`, without fragment. Gives `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        (is_web && url.fragment().is_none()).then(|| Self {
            registered: text.to_owned(),
            normalised: url.into(),
        })
    }

    /// Whether `origin`, as browsers send it, is the origin of this URI.
    #[must_use]
    pub fn has_origin(&self, origin: &str) -> bool {
        Url::parse(&self.normalised).is_ok_and(|url| url.origin().ascii_serialization() == origin)
    }
}

/// The registered URI that `sent` means, if any: equal once both are normalised. No wildcards, no exceptions.
#[must_use]
pub fn find_registered<'a>(registered: &'a [RegisteredUri], sent: &str) -> Option<&'a RegisteredUri> {
    let exact = registered.iter().find(|uri| uri.normalised == sent);
    if exact.is_some() {
        return exact;
    }
    let normalised = String::from(Url::parse(sent).ok()?);
    registered.iter().find(|uri| uri.normalised == normalised)
}

/// `uri` with `parameters` set in its query: other parameters stay, those of the same name are replaced.
#[must_use]
pub fn with_query(uri: &str, parameters: &[(&'static str, String)]) -> String {
    let Ok(mut url) = Url::parse(uri) else {
        return uri.to_owned();
    };
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| parameters.iter().all(|(replaced, _)| replaced != name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .extend_pairs(parameters);
    url.into()
}

/// `uri` with `parameters` as its fragment.
#[must_use]
pub fn with_fragment(uri: &str, parameters: &[(&'static str, String)]) -> String {
    let mut fragment = url::form_urlencoded::Serializer::new(String::new());
    fragment.extend_pairs(parameters);
    format!("{uri}#{}", fragment.finish())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn registration() -> Vec<RegisteredUri> {
        [
            "http://localhost:4000/login-callback",
            "https://rp.example/cb?a=1",
            "https://rp.example/CaSe/../x",
            "http://localhost:4002/*",
        ]
        .iter()
        .map(|uri| RegisteredUri::parse(uri).unwrap())
        .collect()
    }

    #[test]
    fn uris_are_compared_after_normalisation() {
        let rows = [
            (
                "http://localhost:4000/login-callback",
                Some("http://localhost:4000/login-callback"),
            ),
            (
                "HTTP://LOCALHOST:4000/login-callback",
                Some("http://localhost:4000/login-callback"),
            ),
            (
                "http://localhost:4000/a/../login-callback",
                Some("http://localhost:4000/login-callback"),
            ),
            ("https://rp.example:443/cb?a=1", Some("https://rp.example/cb?a=1")),
            ("https://rp.example/x", Some("https://rp.example/x")),
            ("http://localhost:4002/*", Some("http://localhost:4002/*")),
            ("http://localhost:4000/login-callback/", None),
            ("http://localhost:4000/login-callback?x=1", None),
            ("http://localhost:4000/login-callback#a", None),
            ("http://localhost:4000/login-callback#", None),
            ("http://localhost:4000/LOGIN-callback", None),
            ("http://localhost:4009/login-callback", None),
            ("http://localhost:4000@evil.example/login-callback", None),
            ("http://localhost:4002/foo", None),
            ("foo", None),
            ("", None),
        ];
        for (sent, expected) in rows {
            let registration = registration();
            let found = find_registered(&registration, sent);
            assert_eq!(found.map(|uri| uri.normalised.as_str()), expected, "{sent}");
        }
    }

    #[test]
    fn only_web_uris_without_fragment_can_be_registered() {
        for bad in [
            "0/login-callback",
            "ftp://a/b",
            "https://a/b#",
            "https://a/b#c",
            "javascript:alert(1)",
            "",
            "/x",
        ] {
            assert_eq!(RegisteredUri::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn answers_keep_the_query_and_replace_their_own_names() {
        let answer = [("code", "C".to_owned()), ("state", "a b&c".to_owned())];
        assert_eq!(
            with_query("https://rp.example/cb?a=1&state=old", &answer),
            "https://rp.example/cb?a=1&code=C&state=a+b%26c"
        );
        assert_eq!(
            with_query("https://rp.example/cb", &answer[..1]),
            "https://rp.example/cb?code=C"
        );
        assert_eq!(
            with_fragment("https://rp.example/cb?a=1", &answer),
            "https://rp.example/cb?a=1#code=C&state=a+b%26c"
        );
    }

    #[test]
    fn an_origin_is_that_of_the_uri() {
        let uri = RegisteredUri::parse("https://rp.example:443/cb").unwrap();
        assert!(uri.has_origin("https://rp.example"));
        assert!(!uri.has_origin("https://rp.example:444"));
        assert!(!uri.has_origin("null"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_comparison_panic(sent in ".*") {
            let _ = find_registered(&registration(), &sent);
            let _ = RegisteredUri::parse(&sent);
            let _ = with_query(&sent, &[("code", "C".to_owned())]);
        }

        #[test]
        fn what_is_found_is_on_a_registered_host(sent in "(https?://)?[a-z.@:/#?0-9*-]{0,40}") {
            if let Some(found) = find_registered(&registration(), &sent) {
                let host = Url::parse(&sent).unwrap().host_str().map(str::to_owned);
                prop_assert!(matches!(host.as_deref(), Some("localhost" | "rp.example")), "{}", found.normalised);
            }
        }
    }
}

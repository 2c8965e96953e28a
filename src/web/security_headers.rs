//! Response headers that hold on every response (spec/accounts.md §10.1).

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// What the container of `stats.data.gouv.fr` needs where the audience is measured: images, connections, scripts.
const AUDIENCE: [&str; 3] = [
    " stats.data.gouv.fr",
    " stats.data.gouv.fr",
    " stats.data.gouv.fr blob:",
];

/// The policy of pages. `form-action` is open because browsers apply it to the redirects that follow a form, which end at
/// relying parties. `localhost` serves plain HTTP: there requests are not upgraded.
fn content_security_policy(upgrade_insecure_requests: bool, measures_audience: bool) -> String {
    let [images, connections, scripts] = if measures_audience { AUDIENCE } else { [""; 3] };
    let mut policy = format!(
        "default-src 'self';img-src 'self' data:{images};connect-src 'self'{connections};frame-src 'self';\
        script-src 'self'{scripts};font-src 'self' data:;form-action 'self' *;base-uri 'self';\
        frame-ancestors 'self';object-src 'none';script-src-attr 'none';style-src 'self'"
    );
    if upgrade_insecure_requests {
        policy.push_str(";upgrade-insecure-requests");
    }
    policy
}

/// The headers, made once at start.
#[derive(Debug, Clone)]
pub struct SecurityHeaders(Vec<(HeaderName, HeaderValue)>);

impl SecurityHeaders {
    /// `enabled`: `FEATURE_USE_SECURITY_RESPONSE_HEADERS`; `https`: the public origin is https; `measures_audience`:
    /// `FEATURE_LOAD_THIRD_PARTY_TRACKING_SCRIPTS`.
    ///
    /// Without the toggle only the headers that nothing can depend on the absence of are sent.
    #[must_use]
    pub fn new(enabled: bool, https: bool, measures_audience: bool) -> Self {
        let mut headers: Vec<(&'static str, String)> = vec![
            ("referrer-policy", "same-origin".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
        ];
        if enabled {
            headers.extend([
                (
                    "content-security-policy",
                    content_security_policy(https, measures_audience),
                ),
                ("cross-origin-opener-policy", "same-origin".to_owned()),
                ("cross-origin-resource-policy", "same-origin".to_owned()),
                ("origin-agent-cluster", "?1".to_owned()),
                ("x-dns-prefetch-control", "off".to_owned()),
                ("x-download-options", "noopen".to_owned()),
                ("x-permitted-cross-domain-policies", "none".to_owned()),
                ("x-xss-protection", "0".to_owned()),
            ]);
        }
        let parsed = headers.into_iter().filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
        });
        Self(parsed.collect())
    }

    /// Adds them to a response, which keeps those it already has (the mail logo is readable from elsewhere).
    pub fn apply(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            if !headers.contains_key(name) {
                headers.insert(name.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_toggle_decides_and_own_headers_win() {
        let mut headers = HeaderMap::new();
        SecurityHeaders::new(false, true, true).apply(&mut headers);
        assert!(!headers.contains_key("content-security-policy"));

        headers.insert(
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        );
        SecurityHeaders::new(true, true, false).apply(&mut headers);
        assert!(
            headers
                .get("content-security-policy")
                .unwrap()
                .to_str()
                .unwrap()
                .ends_with("upgrade-insecure-requests")
        );
        assert_eq!(
            headers.get("cross-origin-resource-policy").unwrap(),
            "cross-origin"
        );
    }

    #[test]
    fn the_host_of_statistics_is_in_the_policy_only_where_the_audience_is_measured() {
        assert_eq!(
            content_security_policy(false, false),
            "default-src 'self';img-src 'self' data:;connect-src 'self';frame-src 'self';script-src 'self';\
            font-src 'self' data:;form-action 'self' *;base-uri 'self';frame-ancestors 'self';object-src 'none';\
            script-src-attr 'none';style-src 'self'"
        );
        let measured = content_security_policy(true, true);
        for directive in [
            "img-src 'self' data: stats.data.gouv.fr",
            "connect-src 'self' stats.data.gouv.fr",
            "script-src 'self' stats.data.gouv.fr blob:",
            "frame-src 'self'",
            "upgrade-insecure-requests",
        ] {
            assert!(
                measured.split(';').any(|found| found == directive),
                "{directive}: {measured}"
            );
        }
    }
}

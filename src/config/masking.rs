//! How values are shown without what is secret in them.

use url::Url;

/// What stands for a secret.
pub(super) const MASK: &str = "****";

/// Parameters of connection strings that carry a secret.
const SECRET_PARAMETERS: [&str; 7] = [
    "password",
    "pass",
    "sslpassword",
    "sentinel_password",
    "api",
    "token",
    "secret",
];

/// A URL without its password, nor secret query parameters. Text that is no URL but could hold credentials is hidden
/// altogether.
pub(super) fn url(value: &str) -> String {
    let (one_host, others) = first_host_only(value);
    let shown = one_url(&one_host);
    if others.is_empty() || shown == MASK {
        return shown;
    }
    // Back behind the first host.
    match shown.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            format!("{scheme}://{authority}{others}{tail}")
        }
        None => MASK.to_owned(),
    }
}

/// A URL whose authority names several hosts between commas, with the first of them only; and the others, each after its
/// comma.
pub(super) fn first_host_only(value: &str) -> (String, &str) {
    let Some((scheme, rest)) = value.split_once("://") else {
        return (value.to_owned(), "");
    };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let hosts = authority.rfind('@').map_or(0, |at| at + 1);
    let end = authority[hosts..]
        .find(',')
        .map_or(authority.len(), |comma| hosts + comma);
    let (first, others) = authority.split_at(end);
    (format!("{scheme}://{first}{tail}"), others)
}

fn one_url(value: &str) -> String {
    let Ok(mut url) = Url::parse(value) else {
        return if value.contains(['@', '?']) {
            MASK.to_owned()
        } else {
            value.to_owned()
        };
    };
    let has_password = url.password().is_some_and(|password| !password.is_empty());
    let names_secret = url.query_pairs().any(|(name, _)| is_secret(&name));
    if !has_password && !names_secret {
        // `user:password@host` without a scheme parses as the scheme `user`.
        return if url.cannot_be_a_base() && value.contains('@') {
            MASK.to_owned()
        } else {
            value.to_owned()
        };
    }

    if has_password && url.set_password(Some(MASK)).is_err() {
        return MASK.to_owned();
    }
    if names_secret {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let shown = if is_secret(&name) {
                    MASK.to_owned()
                } else {
                    value.into_owned()
                };
                (name.into_owned(), shown)
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}

fn is_secret(parameter: &str) -> bool {
    SECRET_PARAMETERS
        .iter()
        .any(|secret| parameter.eq_ignore_ascii_case(secret))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::url;

    #[test]
    fn passwords_never_show() {
        for (given, shown) in [
            ("https://api.crisp.chat", "https://api.crisp.chat"),
            ("redis://:@127.0.0.1:6379", "redis://:@127.0.0.1:6379"),
            ("redis://:s3cret@127.0.0.1:6379", "redis://:****@127.0.0.1:6379"),
            (
                "postgres://u:p%40ss@h:5432/db?sslmode=require",
                "postgres://u:****@h:5432/db?sslmode=require",
            ),
            (
                "postgres://h/db?user=u&password=x",
                "postgres://h/db?user=u&password=****",
            ),
            ("smtps://u:p@mail.example:465", "smtps://u:****@mail.example:465"),
            (
                "redis+sentinel://u:p@one:1,two:2/service/3?sentinel_password=p&a=b",
                "redis+sentinel://u:****@one:1,two:2/service/3?sentinel_password=****&a=b",
            ),
            ("redis+cluster://one,two", "redis+cluster://one,two"),
            ("redis+cluster://one:x,two?password=p", "****"),
            ("u:p@host", "****"),
            ("//u:p@host", "****"),
            ("memory:", "memory:"),
            ("console:", "console:"),
            ("", ""),
        ] {
            assert_eq!(url(given), shown);
        }
    }

    proptest! {
        #[test]
        fn any_password_is_hidden(password in "[A-Z]{12}") {
            for scheme in ["postgres", "redis", "smtp", "https"] {
                let shown = url(&format!("{scheme}://user:{password}@host/db?password={password}&a=b"));
                prop_assert!(!shown.contains(&password));
                let several = url(&format!("{scheme}+x://user:{password}@one,two:1/db?sentinel_password={password}"));
                prop_assert!(!several.contains(&password));
            }
        }

        #[test]
        fn any_text_is_masked_without_panic(text in any::<String>()) {
            url(&text);
        }
    }
}

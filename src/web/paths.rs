//! Paths are case-insensitive and tolerate one trailing slash; the values inside them keep their case.

use percent_encoding::percent_decode_str;

/// The path that the route table knows for what a browser asked. Gives `None` when `path` already is that path.
#[must_use]
pub fn canonical(path: &str) -> Option<String> {
    let without_slash = match path.strip_suffix('/') {
        Some("") | None => path,
        Some(shorter) => shorter,
    };
    if is_asset(without_slash) {
        return None;
    }
    let value_at = value_segment(without_slash);
    let has_capital = without_slash.bytes().any(|byte| byte.is_ascii_uppercase());
    if without_slash.len() == path.len() && !has_capital {
        return None;
    }
    let canonical = without_slash
        .split('/')
        .enumerate()
        .map(|(index, segment)| {
            if Some(index) == value_at {
                segment.to_owned()
            } else {
                segment.to_ascii_lowercase()
            }
        })
        .collect::<Vec<_>>()
        .join("/");
    (canonical != path).then_some(canonical)
}

/// Whether a path can be read: its escapes are whole and give UTF-8 without NUL characters.
#[must_use]
pub fn is_readable(path: &str) -> bool {
    let escapes_are_whole = path.split('%').skip(1).all(|after| {
        after
            .as_bytes()
            .get(..2)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    escapes_are_whole
        && percent_decode_str(path)
            .decode_utf8()
            .is_ok_and(|text| !text.contains('\0'))
}

/// Names of assets tell capitals apart throughout.
fn is_asset(path: &str) -> bool {
    path.starts_with("/dist/")
}

/// The segment that holds a value, for the few paths whose value tells capitals apart (1 is the first segment).
fn value_segment(path: &str) -> Option<usize> {
    let mut segments = path.split('/').skip(1);
    let first = segments.next()?;
    let second = segments.next();
    if first.eq_ignore_ascii_case("interaction") || first.eq_ignore_ascii_case("delete-passkeys") {
        return Some(2);
    }
    let is_resumption = first.eq_ignore_ascii_case("oauth")
        && second.is_some_and(|name| name.eq_ignore_ascii_case("authorize"));
    is_resumption.then_some(3)
}

#[cfg(test)]
mod tests {
    use super::{canonical, is_readable};

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        for (path, expected) in [
            ("/", true),
            ("/users/start-sign-in", true),
            ("/%C3%A9", true),
            ("/%2e%2e/", true),
            ("/%", false),
            ("/%4", false),
            ("/%zz", false),
            ("/%é", false),
            ("/%ff", false),
            ("/a%00b", false),
        ] {
            assert_eq!(is_readable(path), expected, "{path}");
        }
    }

    #[test]
    fn capitals_and_one_trailing_slash_do_not_matter() {
        for (path, expected) in [
            ("/", "/"),
            ("/users/start-sign-in", "/users/start-sign-in"),
            ("/USERS/Start-Sign-In/", "/users/start-sign-in"),
            ("/users/start-sign-in//", "/users/start-sign-in/"),
            ("/Interaction/AbC/Login/", "/interaction/AbC/login"),
            ("/oauth/Authorize/AbC", "/oauth/authorize/AbC"),
            ("/delete-passkeys/AbC", "/delete-passkeys/AbC"),
            ("/dist/Main-AbC.css", "/dist/Main-AbC.css"),
            ("/dist/fonts/Marianne-AbC.woff2", "/dist/fonts/Marianne-AbC.woff2"),
        ] {
            assert_eq!(canonical(path).as_deref().unwrap_or(path), expected, "{path}");
        }
    }
}

//! What leaves the house in a report about an error: no address, no number of a person, no secret.

use std::net::{IpAddr, SocketAddr};

/// Longer words of letters and digits may be tokens or keys.
const TOKEN_LENGTH: usize = 20;
/// Longer numbers may be telephone numbers.
const NUMBER_LENGTH: usize = 9;

/// The text without what looks like an e-mail address, a network address, a telephone number, the query of a URL, or a
/// secret. The log holds none of these to begin with: this is the second look at what is handed to somebody else.
pub(super) fn scrub(text: &str) -> String {
    let mut scrubbed = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = end_of_word(rest);
        scrubbed.push_str(&of_word(&rest[..end]));
        let after = rest[end..]
            .find(|character| !is_between_words(character))
            .unwrap_or(rest.len() - end);
        scrubbed.push_str(&rest[end..end + after]);
        rest = &rest[end + after..];
    }
    scrubbed
}

/// Where the first word ends; the query of a URL, with its equals signs, belongs to it.
fn end_of_word(text: &str) -> usize {
    let end = text.find(is_between_words).unwrap_or(text.len());
    let whole = text
        .find(|character: char| is_between_words(character) && character != '=')
        .unwrap_or(text.len());
    let has_query = text[..whole].contains('?') && text[..whole].contains('/');
    if has_query { whole } else { end }
}

fn is_between_words(character: char) -> bool {
    character.is_whitespace() || "\"'`(),;<>{}=|".contains(character)
}

fn of_word(word: &str) -> String {
    let bare = word.trim_matches(|character| "[].:".contains(character));
    if word.contains('@') || word.contains("%40") {
        return "[address]".to_owned();
    }
    let is_remote = |address: IpAddr| !address.is_loopback();
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| word.parse::<SocketAddr>().ok().map(|address| address.ip()));
    if address.is_some_and(is_remote) {
        return "[network address]".to_owned();
    }
    if let Some((before, _)) = word.split_once('?')
        && word.contains('/')
    {
        return format!("{before}?[query]");
    }
    let digits = bare.bytes().filter(u8::is_ascii_digit).count();
    if digits >= NUMBER_LENGTH
        && bare
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte))
    {
        return "[number]".to_owned();
    }
    let has_letters = bare.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_one_piece = bare
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_+.".contains(&byte));
    if bare.len() >= TOKEN_LENGTH && digits > 0 && has_letters && is_one_piece {
        return "[token]".to_owned();
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::scrub;

    #[test]
    fn what_tells_of_a_person_or_opens_a_door_is_taken_out() {
        for (given, expected) in [
            (
                "no account for camille@exemple.fr, tried twice",
                "no account for [address], tried twice",
            ),
            (
                "Key (email)=(c.d@exemple.fr) exists",
                "Key (email)=([address]) exists",
            ),
            ("login=c%40exemple.fr", "login=[address]"),
            (
                "refused 203.0.113.7:443 and 2001:db8::1",
                "refused [network address] and [network address]",
            ),
            (
                "nobody listens at 127.0.0.1:5432",
                "nobody listens at 127.0.0.1:5432",
            ),
            ("call +33612345678 or 06.12.34.56.78", "call [number] or [number]"),
            (
                "GET https://example.org/a?token=abc failed",
                "GET https://example.org/a?[query] failed",
            ),
            (
                "bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.c2ln",
                "bearer [token]",
            ),
            (
                "relation \"users\" does not exist (42P01)",
                "relation \"users\" does not exist (42P01)",
            ),
            (
                "in identite::server::house at line 1042",
                "in identite::server::house at line 1042",
            ),
            ("GET /a?code=xyz&state=1, then /b", "GET /a?[query], then /b"),
            ("", ""),
        ] {
            assert_eq!(scrub(given), expected);
        }
    }

    proptest! {
        #[test]
        fn no_address_survives(before in "[^@]{0,20}", local in "[a-z.]{1,12}", after in "[^@]{0,20}") {
            let scrubbed = scrub(&format!("{before}{local}@exemple.fr{after}"));
            prop_assert!(!scrubbed.contains('@'));
        }

        #[test]
        fn any_text_can_be_scrubbed(text in any::<String>()) {
            scrub(&text);
        }
    }
}

//! Keeps one-time secrets and personal data out of logged URLs.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// What stands for a removed value.
const REDACTED: &str = "***";

/// Query parameters whose value opens a door or tells who somebody is, those of forms that are posted included: somebody may send them
/// by address all the same. Compared without case.
const SENSITIVE: [&str; 47] = [
    "_csrf",
    "access_token",
    "api",
    "api_key",
    "assertion",
    "birthdate",
    "claims",
    "client_assertion",
    "client_secret",
    "code",
    "code_verifier",
    "confirm_password",
    "contact_email",
    "did_you_mean",
    "email",
    "family_name",
    "given_name",
    "id_token",
    "id_token_hint",
    "job",
    "login",
    "login_hint",
    "logout_hint",
    "logout_token",
    "magic_link_token",
    "nonce",
    "official_contact_email_verification_token",
    "password",
    "phone_number",
    "preferred_username",
    "recovery_code",
    "refresh_token",
    "request",
    "request_uri",
    "reset_password_token",
    "response",
    "session_state",
    "state",
    "token",
    "totp_token",
    "totptoken",
    "user_code",
    "username",
    "verify_email_token",
    "webauthn_authentication_response_string",
    "webauthn_registration_response_string",
    "xsrf",
];

/// A path with query, or a URL, with the values of sensitive parameters replaced by `***`; a fragment is dropped, and
/// so are the user and password of a URL.
#[must_use]
pub fn redact_query(target: &str) -> Cow<'_, str> {
    let without_fragment = target.split_once('#').map_or(target, |(before, _)| before);
    let Some((path, query)) = without_fragment.split_once('?') else {
        return without_userinfo(without_fragment);
    };
    let mut redacted = String::with_capacity(without_fragment.len());
    redacted.push_str(&without_userinfo(path));
    let mut separator = '?';
    for pair in query.split('&') {
        redacted.push(separator);
        separator = '&';
        push_pair(&mut redacted, pair);
    }
    Cow::Owned(redacted)
}

/// `text` with `***` for each word that looks like an e-mail address, percent-encoded or not.
#[must_use]
pub fn redact_addresses(text: &str) -> Cow<'_, str> {
    if !text.contains('@') && !text.contains("40") {
        return Cow::Borrowed(text);
    }
    let mut redacted = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_beside_addresses) {
        let word = piece.trim_end_matches(is_beside_addresses);
        // What only begins with the sign is a name of another kind, as of a package.
        let name = ["@", "%40", "%2540"]
            .iter()
            .find_map(|sign| word.strip_prefix(sign))
            .unwrap_or(word);
        if ["@", "%40", "%2540"].iter().any(|sign| name.contains(sign)) {
            redacted.push_str(REDACTED);
            redacted.push_str(&piece[word.len()..]);
        } else {
            redacted.push_str(piece);
        }
    }
    Cow::Owned(redacted)
}

fn is_beside_addresses(character: char) -> bool {
    character.is_whitespace() || "/?&=;,:()<>[]\"'".contains(character)
}

/// Appends one pair; as some readers take a semicolon for a separator, each part of it is looked at.
fn push_pair(redacted: &mut String, pair: &str) {
    let is_whole_sensitive = is_sensitive(pair);
    for (index, part) in pair.split(';').enumerate() {
        if index > 0 {
            redacted.push(';');
        }
        match part.split_once('=') {
            Some((name, _)) if is_whole_sensitive || index > 0 && is_sensitive(part) => {
                redacted.push_str(name);
                redacted.push('=');
                redacted.push_str(REDACTED);
            }
            _ if is_whole_sensitive && index > 0 => redacted.push_str(REDACTED),
            _ => redacted.push_str(part),
        }
    }
}

fn is_sensitive(pair: &str) -> bool {
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    let decoded = percent_decode_str(name).decode_utf8_lossy();
    // `code[]=…` and `code[0]=…` mean the same parameter to some readers.
    let plain = decoded
        .split('[')
        .next()
        .unwrap_or_default()
        .trim_matches([' ', '+']);
    SENSITIVE
        .iter()
        .any(|sensitive| plain.eq_ignore_ascii_case(sensitive))
}

fn without_userinfo(url: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Cow::Borrowed(url);
    };
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((userinfo, _)) => Cow::Owned(format!("{scheme}://{}", &rest[userinfo.len() + 1..])),
        None => Cow::Borrowed(url),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{SENSITIVE, redact_addresses, redact_query};

    #[test]
    fn addresses_are_replaced_wherever_they_stand() {
        for (text, expected) in [
            ("/users/sign-in?next=a", "/users/sign-in?next=a"),
            ("/nothing/camille@exemple.fr", "/nothing/***"),
            ("/a?foo=camille%40exemple.fr&b=1", "/a?foo=***&b=1"),
            (
                "https://rp.fr/mailto:camille@exemple.fr/x",
                "https://rp.fr/mailto:***/x",
            ),
            (
                "Bot/1.0 (+mailto:bot@exemple.fr; fr)",
                "Bot/1.0 (+mailto:***; fr)",
            ),
            ("/dist/@gouvfr/dsfr.css", "/dist/@gouvfr/dsfr.css"),
            ("/@camille@exemple.fr/x", "/***/x"),
            ("/a?b=%40camille%40exemple.fr", "/a?b=***"),
            ("/a?b=camille%2540exemple.fr", "/a?b=***"),
            ("/prix?a=40", "/prix?a=40"),
        ] {
            assert_eq!(redact_addresses(text), expected);
        }
    }

    #[test]
    fn secrets_and_personal_data_are_replaced() {
        for (target, expected) in [
            ("/users/sign-in", "/users/sign-in"),
            (
                "/?notification=welcome&siret_hint=1",
                "/?notification=welcome&siret_hint=1",
            ),
            (
                "/users/sign-in-with-magic-link?magic_link_token=abc",
                "/users/sign-in-with-magic-link?magic_link_token=***",
            ),
            ("/cb?code=a&iss=b&state=c", "/cb?code=***&iss=b&state=***"),
            (
                "/users/official-contact-email-verification/1?contact_email=mairie%40exemple.fr",
                "/users/official-contact-email-verification/1?contact_email=***",
            ),
            (
                "/users/2fa-sign-in-with-totp?totpToken=123456&recovery_code=ab-cd",
                "/users/2fa-sign-in-with-totp?totpToken=***&recovery_code=***",
            ),
            (
                "/cb?CODE=a&st%61te=c&code[]=d&code[0]=e",
                "/cb?CODE=***&st%61te=***&code[]=***&code[0]=***",
            ),
            ("/cb?a=b;code=x", "/cb?a=b;code=***"),
            ("/cb?code=x;y", "/cb?code=***;***"),
            ("/cb?code", "/cb?code"),
            ("/cb?code=", "/cb?code=***"),
            (
                "https://rp.example/cb?state=x#access_token=y",
                "https://rp.example/cb?state=***",
            ),
            (
                "https://user:secret@rp.example/a@b?c=d",
                "https://rp.example/a@b?c=d",
            ),
            (
                "/oauth/logout?id_token_hint=e.y.J&post_logout_redirect_uri=x",
                "/oauth/logout?id_token_hint=***&post_logout_redirect_uri=x",
            ),
        ] {
            assert_eq!(redact_query(target), expected);
        }
    }

    proptest! {
        #[test]
        fn no_sensitive_value_stays(
            name in prop::sample::select(SENSITIVE.to_vec()),
            before in "[a-z=&;]{0,12}",
            secret in "[A-Z0-9]{12}",
            after in "[a-z=&;]{0,12}",
        ) {
            let target = format!("/path?{before}&{name}={secret}&{after}");
            prop_assert!(!redact_query(&target).contains(&secret), "{}", redact_query(&target));
        }

        #[test]
        fn any_text_is_redacted_without_panic(target in any::<String>()) {
            let _ = redact_query(&target);
        }
    }
}

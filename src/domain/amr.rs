//! Authentication method references: how this person proved who they are, in this session.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A method, by the name that sessions keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Amr {
    /// A password.
    Pwd,
    /// A passkey.
    Pop,
    /// A time-based one-time code of an authenticator application.
    Totp,
    /// One of the codes that stand in for a lost second factor.
    RecoveryCode,
    /// A magic link.
    EmailLink,
    /// A code sent by e-mail. It verifies the address and is never a factor.
    EmailOtp,
    /// The passkey verified the person (PIN, fingerprint).
    Uv,
    /// Two factors were used.
    Mfa,
}

/// A text that names no method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an authentication method")]
pub struct UnknownAmr;

impl Amr {
    const ALL: [Self; 8] = [
        Self::Pwd,
        Self::Pop,
        Self::Totp,
        Self::RecoveryCode,
        Self::EmailLink,
        Self::EmailOtp,
        Self::Uv,
        Self::Mfa,
    ];

    /// The name that sessions keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Pop => "pop",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery-code",
            Self::EmailLink => "email-link",
            Self::EmailOtp => "email-otp",
            Self::Uv => "uv",
            Self::Mfa => "mfa",
        }
    }

    /// The name that relying parties read (RFC 8176), or `None` for what is not told.
    const fn standardised(self) -> Option<&'static str> {
        match self {
            Self::Pwd => Some("pwd"),
            Self::Pop => Some("pop"),
            Self::Totp | Self::RecoveryCode => Some("otp"),
            Self::EmailLink | Self::EmailOtp => Some("mail"),
            Self::Uv => None,
            Self::Mfa => Some("mfa"),
        }
    }
}

impl FromStr for Amr {
    type Err = UnknownAmr;

    fn from_str(text: &str) -> Result<Self, UnknownAmr> {
        Self::ALL
            .into_iter()
            .find(|amr| amr.as_str() == text)
            .ok_or(UnknownAmr)
    }
}

impl TryFrom<String> for Amr {
    type Error = UnknownAmr;

    fn try_from(text: String) -> Result<Self, UnknownAmr> {
        text.parse()
    }
}

impl From<Amr> for &'static str {
    fn from(amr: Amr) -> Self {
        amr.as_str()
    }
}

impl fmt::Display for Amr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Notes that `method` was used: once each, in the order of use; `mfa` follows as soon as two factors are there.
pub fn add_method(methods: &mut Vec<Amr>, method: Amr) {
    if !methods.contains(&method) {
        methods.push(method);
    }
    if !methods.contains(&Amr::Mfa) && proves_two_factors(methods) {
        methods.push(Amr::Mfa);
    }
}

/// Whether a first factor was used: this is what "signed in" means.
#[must_use]
pub fn has_first_factor(methods: &[Amr]) -> bool {
    methods
        .iter()
        .any(|method| matches!(method, Amr::Pwd | Amr::EmailLink | Amr::Pop))
}

/// Whether the session counts as two-factor authenticated.
#[must_use]
pub fn is_two_factor(methods: &[Amr]) -> bool {
    methods.contains(&Amr::Mfa)
}

fn proves_two_factors(methods: &[Amr]) -> bool {
    let used = |method| methods.contains(&method);
    let knows_or_receives = used(Amr::Pwd) || used(Amr::EmailLink);
    (knows_or_receives && (used(Amr::Totp) || used(Amr::RecoveryCode) || used(Amr::Pop)))
        || (used(Amr::Pop) && used(Amr::Uv))
}

/// The claim `amr`: the methods under their public names, without repetition, in the order of use.
#[must_use]
pub fn standardised_amr(methods: &[Amr]) -> Vec<&'static str> {
    let mut names = Vec::with_capacity(methods.len());
    for name in methods.iter().filter_map(|method| method.standardised()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(methods: &[Amr]) -> Vec<Amr> {
        let mut session = Vec::new();
        for method in methods {
            add_method(&mut session, *method);
        }
        session
    }

    #[test]
    fn every_way_to_sign_in_is_told_in_its_order() {
        let rows: [(&[Amr], &[&str]); 12] = [
            (&[Amr::Pwd], &["pwd"]),
            (&[Amr::Pwd, Amr::EmailOtp], &["pwd", "mail"]),
            (&[Amr::EmailLink], &["mail"]),
            (&[Amr::Pwd, Amr::Totp], &["pwd", "otp", "mfa"]),
            (
                &[Amr::Pwd, Amr::EmailOtp, Amr::Totp],
                &["pwd", "mail", "otp", "mfa"],
            ),
            (&[Amr::Pwd, Amr::Pop, Amr::Uv], &["pwd", "pop", "mfa"]),
            (&[Amr::Pwd, Amr::Pop], &["pwd", "pop", "mfa"]),
            (&[Amr::EmailLink, Amr::Pop], &["mail", "pop", "mfa"]),
            (&[Amr::Pwd, Amr::RecoveryCode], &["pwd", "otp", "mfa"]),
            (&[Amr::EmailLink, Amr::Totp], &["mail", "otp", "mfa"]),
            (&[Amr::Pop, Amr::Uv], &["pop", "mfa"]),
            (&[Amr::Pwd, Amr::RecoveryCode, Amr::Totp], &["pwd", "otp", "mfa"]),
        ];
        for (methods, claim) in rows {
            let session = used(methods);
            assert_eq!(standardised_amr(&session), claim, "{methods:?}");
            assert!(has_first_factor(&session), "{methods:?}");
            assert_eq!(is_two_factor(&session), claim.contains(&"mfa"), "{methods:?}");
        }
    }

    #[test]
    fn adding_a_method_twice_changes_nothing() {
        assert_eq!(
            used(&[Amr::Pwd, Amr::Totp, Amr::Pwd, Amr::Totp]),
            [Amr::Pwd, Amr::Totp, Amr::Mfa]
        );
    }

    #[test]
    fn an_email_code_is_never_a_factor() {
        assert!(!is_two_factor(&used(&[Amr::Pwd, Amr::EmailOtp])));
        assert!(!is_two_factor(&used(&[Amr::Pop, Amr::EmailOtp])));
        assert!(!has_first_factor(&[Amr::EmailOtp, Amr::Totp]));
    }

    #[test]
    fn a_code_with_an_unverified_passkey_is_not_two_factors() {
        assert!(!is_two_factor(&used(&[Amr::Pop, Amr::Totp])));
        assert!(!is_two_factor(&used(&[Amr::Pop, Amr::RecoveryCode])));
    }

    #[test]
    fn names_read_back() {
        for amr in Amr::ALL {
            assert_eq!(amr.as_str().parse(), Ok(amr));
            assert_eq!(amr.to_string(), amr.as_str());
            let kept = serde_json::to_value(amr).unwrap();
            assert_eq!(kept, amr.as_str());
            assert_eq!(serde_json::from_value::<Amr>(kept).unwrap(), amr);
        }
        assert_eq!("hwk".parse::<Amr>(), Err(UnknownAmr));
    }
}

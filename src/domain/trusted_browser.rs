//! What a browser keeps to prove that it once held the mailbox, or a possession factor, of a person
//! (spec/accounts.md §5.12). The web floor signs it; here is what is signed.

use chrono::{DateTime, TimeDelta, Utc};

use super::ids::UserId;

/// Name and version are part of the value, so that no other signed value can be taken for it.
const PREFIX: &str = "v2.trusted-browser.";

/// A browser's claim to be known to one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedBrowser {
    user: UserId,
    /// Unknown for values that the reference issued.
    issued_at_in_milliseconds: Option<i64>,
}

impl TrustedBrowser {
    /// The claim of a browser that has proven itself at `now`.
    #[must_use]
    pub fn issued(user: UserId, now: DateTime<Utc>) -> Self {
        Self {
            user,
            issued_at_in_milliseconds: Some(now.timestamp_millis()),
        }
    }

    /// Reads a value whose signature holds. The reference's values are the identifier and nothing else.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let Some(claim) = value.strip_prefix(PREFIX) else {
            return Some(Self {
                user: strict_user_id(value)?,
                issued_at_in_milliseconds: None,
            });
        };
        let (user, issued_at) = claim.split_once('.')?;
        let is_decimal = !issued_at.is_empty() && issued_at.bytes().all(|byte| byte.is_ascii_digit());
        let issued_at = is_decimal.then(|| issued_at.parse().ok()).flatten()?;
        Some(Self {
            user: strict_user_id(user)?,
            issued_at_in_milliseconds: Some(issued_at),
        })
    }

    /// The value to sign.
    #[must_use]
    pub fn value(&self) -> String {
        match self.issued_at_in_milliseconds {
            Some(issued_at) => format!("{PREFIX}{}.{issued_at}", self.user),
            None => self.user.to_string(),
        }
    }

    /// Whether the claim holds for `user`: it is theirs, not older than `max_age`, and not older than the last change of
    /// their credentials.
    #[must_use]
    pub fn holds_for(
        &self,
        user: UserId,
        credentials_changed_at: Option<DateTime<Utc>>,
        max_age: TimeDelta,
        now: DateTime<Utc>,
    ) -> bool {
        if self.user != user {
            return false;
        }
        let changed_at = credentials_changed_at.map(|instant| instant.timestamp_millis());
        match (self.issued_at_in_milliseconds, changed_at) {
            (Some(issued_at), changed_at) => {
                let age = now.timestamp_millis() - issued_at;
                age <= max_age.num_milliseconds()
                    && changed_at.is_none_or(|changed_at| issued_at >= changed_at)
            }
            (None, changed_at) => changed_at.is_none(),
        }
    }
}

/// `^[1-9][0-9]*$` within 32 bits.
fn strict_user_id(text: &str) -> Option<UserId> {
    let is_strict =
        !text.starts_with('0') && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_strict.then(|| text.parse().ok().map(UserId)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_AGE: TimeDelta = TimeDelta::days(90);

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_800_000_000_123).unwrap()
    }

    #[test]
    fn a_value_goes_and_comes_back() {
        let claim = TrustedBrowser::issued(UserId(12), now());
        assert_eq!(claim.value(), "v2.trusted-browser.12.1800000000123");
        assert_eq!(TrustedBrowser::parse(&claim.value()), Some(claim));
        assert!(claim.holds_for(UserId(12), None, MAX_AGE, now()));
        assert!(!claim.holds_for(UserId(13), None, MAX_AGE, now()));
    }

    #[test]
    fn the_value_of_the_reference_is_a_decimal_and_nothing_else() {
        let claim = TrustedBrowser::parse("12").unwrap();
        assert!(claim.holds_for(UserId(12), None, MAX_AGE, now()));
        assert!(!claim.holds_for(UserId(12), Some(now()), MAX_AGE, now()));
        for value in [
            "",
            "0",
            "012",
            "12a",
            "12 ",
            " 12",
            "+12",
            "-12",
            "1.2",
            "2147483648",
            "1aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "v1.trusted-browser.12.1",
            "v2.trusted-browser.12",
            "v2.trusted-browser.12.",
            "v2.trusted-browser.012.1",
            "v2.trusted-browser.12.-1",
            "v2.trusted-browser.12.+1",
            "v2.trusted-browser.12.1.2",
            "v2.trusted-browser.12.99999999999999999999",
        ] {
            assert_eq!(TrustedBrowser::parse(value), None, "{value:?}");
        }
    }

    #[test]
    fn a_claim_ends_with_its_age_and_with_a_change_of_credentials() {
        let claim = TrustedBrowser::issued(UserId(1), now());
        let holds = |changed_at, at| claim.holds_for(UserId(1), changed_at, MAX_AGE, at);
        assert!(holds(None, now() + MAX_AGE));
        assert!(!holds(None, now() + MAX_AGE + TimeDelta::milliseconds(1)));
        assert!(holds(Some(now()), now()));
        assert!(holds(Some(now() - TimeDelta::seconds(1)), now()));
        assert!(!holds(
            Some(now() + TimeDelta::milliseconds(1)),
            now() + TimeDelta::seconds(1)
        ));
    }
}

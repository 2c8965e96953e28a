//! Codes that stand in for a second factor that was lost: ten, each good once.
//!
//! At rest they are keyed digests. A code is 50 random bits, which nobody guesses within a budget of attempts.

use std::collections::BTreeSet;
use std::fmt;

use rand::{CryptoRng, RngExt as _};

use super::one_time_secret::{Purpose, SecretHasher};
use super::text::without_whitespace;

/// How many are drawn at once.
pub const RECOVERY_CODE_COUNT: usize = 10;
const LENGTH: usize = 10;
/// Shown in two halves.
const HALF: usize = LENGTH / 2;
/// Digits and small letters that are not taken for one another: no i, l, o, u.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// One code, without the dash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecoveryCode(String);

impl RecoveryCode {
    /// As many different codes as a person gets.
    #[must_use]
    pub fn draw_all(rng: &mut impl CryptoRng) -> Vec<Self> {
        let mut codes = BTreeSet::new();
        while codes.len() < RECOVERY_CODE_COUNT {
            let code = (0..LENGTH).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]));
            codes.insert(Self(code.collect()));
        }
        codes.into_iter().collect()
    }

    /// Reads what a person typed: blanks, dashes and capitals do not matter, and letters that are not of the alphabet are read as
    /// the digits that they look like. `None` when it cannot be a code.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let code: String = without_whitespace(typed)
            .chars()
            .filter(|character| *character != '-')
            .map(|character| match character.to_ascii_lowercase() {
                'i' | 'l' => '1',
                'o' => '0',
                other => other,
            })
            .collect();
        let is_code = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        is_code.then_some(Self(code))
    }

    /// What the person notes: two halves with a dash. Shown once, kept nowhere.
    #[must_use]
    pub fn expose(&self) -> String {
        let (first, second) = self.0.split_at(HALF);
        format!("{first}-{second}")
    }

    /// What is stored of it; `purpose` names the account.
    #[must_use]
    pub fn digest(&self, hasher: &SecretHasher, purpose: Purpose) -> String {
        hasher.digest(purpose, &self.0)
    }

    /// What may be stored of it: its digests by the current key and by former ones.
    #[must_use]
    pub fn digests(&self, hasher: &SecretHasher, purpose: Purpose) -> Vec<String> {
        hasher.digests(purpose, &self.0)
    }
}

/// Debug output reaches logs: nothing of the code.
impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;
    use crate::domain::UserId;

    #[test]
    fn ten_different_codes_are_drawn_that_read_back() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..100 {
            let codes = RecoveryCode::draw_all(&mut rng);
            assert_eq!(codes.len(), RECOVERY_CODE_COUNT);
            for code in codes {
                let shown = code.expose();
                assert_eq!((shown.len(), shown.find('-')), (11, Some(5)));
                assert_eq!(RecoveryCode::parse(&shown), Some(code));
            }
        }
    }

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let expected = RecoveryCode("01abc1defg".to_owned());
        for typed in [
            "01abc-1defg",
            " 01ABC 1DEFG\n",
            "OlabcIdefg",
            "0-1-a-b-c-1-d-e-f-g",
        ] {
            assert_eq!(RecoveryCode::parse(typed), Some(expected.clone()), "{typed}");
        }
        for typed in [
            "",
            "-",
            "01abc-1def",
            "01abc-1defgh",
            "01abc-1defu",
            "01abc-1def\u{e9}",
        ] {
            assert_eq!(RecoveryCode::parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_digest_is_bound_to_the_account() {
        let code = RecoveryCode("01abc1defg".to_owned());
        let hasher = SecretHasher::derived_from([7; 32].into());
        let of = |user| code.digest(&hasher, Purpose::RecoveryCode(UserId(user)));
        assert_ne!(of(1), of(2));
        assert_eq!(of(1), of(1));
        assert_eq!(code.digests(&hasher, Purpose::RecoveryCode(UserId(1))), [of(1)]);
        assert_eq!(format!("{code:?}"), "RecoveryCode(…)");
    }
}

//! What a new password must be (spec/accounts.md §9.2). Stored passwords were chosen under this rule; it is never
//! applied to a sign-in.

use super::email::Email;
use super::text::ecmascript_trim;

const MINIMUM_LENGTH: usize = 10;
const MAXIMUM_LENGTH: usize = 128;
/// From this length on, no kind of character is demanded.
const PASSPHRASE_LENGTH: usize = 20;
/// A character may follow itself once, not twice.
const REPETITION_LIMIT: usize = 3;

/// Texts that a password may not contain: the names of the product, and the examples that have been shown next to the
/// field.
const FORBIDDEN_TEXTS: [&str; 12] = [
    "moncomptepro",
    "mon compte pro",
    "agentconnect",
    "agent connect",
    "proconnect",
    "pro connect",
    "allons voir si la rose qui ce matin avait déclose",
    "allons voir si la rose qui ce matin avait declose",
    "allonsvoirsilarosequicematinavaitdéclose",
    "allonsvoirsilarosequicematinavaitdeclose",
    "le facteur passe avant la pluie",
    "lefacteurpasseavantlapluie",
];

/// Why a password is refused. People see the rules next to the field, hence one message for all of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("the password is too short")]
    TooShort,
    #[error("the password is too long")]
    TooLong,
    #[error("the password repeats a character three times in a row")]
    Repetition,
    #[error("the password lacks a kind of character and is no passphrase")]
    MissingKind,
    #[error("the password contains the address, a name of the product or an example")]
    ForbiddenText,
}

/// Judges a new password for the account of `email`. Blanks around it do not count, as they do not at sign-in; lengths
/// are in UTF-16 code units, as browsers count.
///
/// # Errors
/// The first rule that it breaks.
pub fn check(password: &str, email: &Email) -> Result<(), WeakPassword> {
    let password = ecmascript_trim(password);
    let length = password.encode_utf16().count();
    if length < MINIMUM_LENGTH {
        return Err(WeakPassword::TooShort);
    }
    if length > MAXIMUM_LENGTH {
        return Err(WeakPassword::TooLong);
    }
    if repeats_a_character(password) {
        return Err(WeakPassword::Repetition);
    }
    if length < PASSPHRASE_LENGTH && !has_every_kind(password) {
        return Err(WeakPassword::MissingKind);
    }
    let lower = password.to_lowercase();
    let address = email.as_str().to_lowercase();
    let is_forbidden = lower.contains(&address) || FORBIDDEN_TEXTS.iter().any(|text| lower.contains(text));
    if is_forbidden {
        Err(WeakPassword::ForbiddenText)
    } else {
        Ok(())
    }
}

fn repeats_a_character(password: &str) -> bool {
    let is_line_terminator = |unit: u16| matches!(unit, 0x0a | 0x0d | 0x2028 | 0x2029);
    let mut previous = None;
    let mut run = 0;
    for unit in password.encode_utf16() {
        run = if previous == Some(unit) { run + 1 } else { 1 };
        previous = Some(unit);
        if run == REPETITION_LIMIT && !is_line_terminator(unit) {
            return true;
        }
    }
    false
}

/// A lower-case letter, a capital, a digit (ASCII all), and something else: a blank or an accent will do.
fn has_every_kind(password: &str) -> bool {
    password.contains(|character: char| character.is_ascii_lowercase())
        && password.contains(|character: char| character.is_ascii_uppercase())
        && password.contains(|character: char| character.is_ascii_digit())
        && password.contains(|character: char| !character.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(password: &str) -> Result<(), WeakPassword> {
        check(password, &Email::parse("user1234567890@test.com").unwrap())
    }

    #[test]
    fn the_table_of_the_specification_holds() {
        use WeakPassword::{ForbiddenText, MissingKind, Repetition, TooLong, TooShort};
        for (password, expected) in [
            ("password", Err(TooShort)),
            ("mon mot de passe", Err(MissingKind)),
            ("Password123!", Ok(())),
            ("agrafe correcte de la batterie du cheval", Ok(())),
            ("Pro Connect forever", Err(MissingKind)),
            ("Pro Connect forever and ever", Err(ForbiddenText)),
            ("MonComptePro-2023!", Err(ForbiddenText)),
            ("User1234567890@test.com!", Err(ForbiddenText)),
            ("une phrase assez longue aaargh", Err(Repetition)),
            ("This super secret password is hidden well!", Ok(())),
            ("new_weak_password_with_decent_length", Ok(())),
            (
                "somerandomandlongpasswordthatshouldcontentmcpsecuritypolicy",
                Ok(()),
            ),
            (
                "Allons voir si la rose qui ce matin avait déclose",
                Err(ForbiddenText),
            ),
            ("le facteur passe avant la pluie", Err(ForbiddenText)),
            ("   Court1!      ", Err(TooShort)),
            ("Été 2026 été", Err(MissingKind)),
            ("Bel été 2026", Ok(())),
            (&"aB3! ".repeat(26), Err(TooLong)),
            (&"aB3!x".repeat(25), Ok(())),
            (&format!("{}aB3", "aB3!x".repeat(25)), Ok(())),
            (&format!("{}aB3!", "aB3!x".repeat(25)), Err(TooLong)),
            ("Motdepasse123", Err(MissingKind)),
            ("motdepasse123!", Err(MissingKind)),
            ("MOTDEPASSE123!", Err(MissingKind)),
            ("Motdepasse!", Err(MissingKind)),
            ("aB3!xaB3!", Err(TooShort)),
            ("aB3!xaB3!x", Ok(())),
            ("phrase de dix-neuf l", Ok(())),
            ("phrase de dix-neuf!", Err(MissingKind)),
        ] {
            assert_eq!(judged(password), expected, "{password:?}");
        }
    }

    #[test]
    fn lengths_and_repetitions_count_as_browsers_count() {
        // Each crab is two UTF-16 units, which alternate.
        assert_eq!(judged("🦀🦀🦀🦀🦀🦀🦀🦀🦀🦀"), Ok(()));
        assert_eq!(judged("🦀🦀🦀🦀"), Err(WeakPassword::TooShort));
        assert_eq!(judged("Passw0rd!!! et plus"), Err(WeakPassword::Repetition));
        assert_eq!(judged("Passw0rd!!\n\n\net plus"), Ok(()));
    }

    proptest! {
        #[test]
        fn an_accepted_password_stays_accepted_with_blanks_around(password in "\\PC{8,60}") {
            prop_assert_eq!(judged(&password), judged(&format!(" \u{a0}{password}\u{feff}\n")));
        }
    }
}

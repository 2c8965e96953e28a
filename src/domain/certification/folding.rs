//! Names made comparable: capitals, accents and punctuation do not matter.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A name in capitals without the accents of French; anything that is neither letter nor digit, and any other accented letter, parts words.
pub(super) fn folded_as_agreed(text: &str) -> String {
    collapse(text.to_uppercase().chars().flat_map(|letter| match letter {
        'À' | 'Â' | 'Ä' => vec!['A'],
        'Ç' => vec!['C'],
        'É' | 'È' | 'Ê' | 'Ë' => vec!['E'],
        'Î' | 'Ï' => vec!['I'],
        'Ô' | 'Ö' => vec!['O'],
        'Ù' | 'Û' | 'Ü' => vec!['U'],
        'Ÿ' => vec!['Y'],
        'Æ' => vec!['A', 'E'],
        'Œ' => vec!['O', 'E'],
        other => vec![other],
    }))
}

/// The same with the accents of every language, composed or not.
pub(super) fn folded_fully(text: &str) -> String {
    let without_marks: String = text.nfd().filter(|letter| !is_combining_mark(*letter)).collect();
    collapse(
        without_marks
            .to_uppercase()
            .chars()
            .flat_map(|letter| match letter {
                'Æ' => vec!['A', 'E'],
                'Œ' => vec!['O', 'E'],
                'Ø' => vec!['O'],
                'Ł' => vec!['L'],
                'Đ' | 'Ð' => vec!['D'],
                'Þ' => vec!['T', 'H'],
                'ẞ' => vec!['S', 'S'],
                other => vec![other],
            }),
    )
}

fn collapse(letters: impl Iterator<Item = char>) -> String {
    let spaced: String = letters
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                ' '
            }
        })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first word.
pub(super) fn first_word(folded: &str) -> &str {
    folded.split(' ').next().unwrap_or_default()
}

/// Whether both say something, and the same in one of the two ways to fold.
pub(super) fn is_same(one: Option<&str>, other: Option<&str>, part: fn(&str) -> &str) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return false;
    };
    [folded_as_agreed, folded_fully]
        .into_iter()
        .any(|fold: fn(&str) -> String| {
            let (one, other) = (fold(one), fold(other));
            let (one, other) = (part(&one), part(&other));
            !one.is_empty() && one == other
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::vectors;

    #[test]
    fn the_vectors_of_folding_hold() {
        for case in vectors::cases("normalize_text", &["normalized"]) {
            let folded = folded_as_agreed(vectors::text(&case, "input").unwrap_or_default());
            assert_eq!(
                Some(folded.as_str()),
                vectors::text(&case, "normalized"),
                "{case}"
            );
            assert_eq!(
                Some(first_word(&folded)),
                vectors::text(&case, "first_name"),
                "{case}"
            );
        }
        for case in vectors::cases("extract_first_name", &["first_name"]) {
            let folded = folded_as_agreed(vectors::text(&case, "input").unwrap_or_default());
            assert_eq!(
                Some(first_word(&folded)),
                vectors::text(&case, "first_name"),
                "{case}"
            );
        }
    }

    #[test]
    fn accents_of_every_language_are_folded() {
        let whole: fn(&str) -> &str = |text| text;
        for (one, other) in [
            ("Muñoz", "MUNOZ"),
            ("He\u{301}le\u{300}ne", "Hélène"),
            ("Štěpán", "STEPAN"),
            ("Łukasz", "LUKASZ"),
            ("Straße", "STRASSE"),
            ("O’Brien", "O'BRIEN"),
        ] {
            assert!(is_same(Some(one), Some(other), whole), "{one} {other}");
        }
        assert!(!is_same(Some("Munoz"), Some("Munos"), whole));
        assert!(
            !is_same(Some("\u{200b}"), Some(""), whole),
            "nothing is not the same as nothing"
        );
        assert!(!is_same(None, None, whole));
    }
}

//! Text rules that browsers, e-mail links and stored rows already depend on.

/// The white space of ECMAScript's `String.prototype.trim`: it differs from Rust's on two code points
/// (U+0085 is kept, U+FEFF is removed). Source: ECMA-262, `WhiteSpace` and `LineTerminator`.
#[must_use]
pub fn is_ecmascript_whitespace(character: char) -> bool {
    match character {
        '\u{feff}' => true,
        '\u{0085}' => false,
        other => other.is_whitespace(),
    }
}

/// `text` without ECMAScript white space at both ends.
#[must_use]
pub fn ecmascript_trim(text: &str) -> &str {
    text.trim_matches(is_ecmascript_whitespace)
}

/// `text` without any ECMAScript white space.
#[must_use]
pub fn without_whitespace(text: &str) -> String {
    text.chars()
        .filter(|&character| !is_ecmascript_whitespace(character))
        .collect()
}

/// Whether `text` shows something: a character that is neither white space, nor a control, format or separator
/// character (Unicode categories Cc, Cf, Zl, Zp).
#[must_use]
pub fn has_visible_character(text: &str) -> bool {
    text.chars().any(|character| {
        !is_ecmascript_whitespace(character) && !character.is_control() && !is_format_character(character)
    })
}

/// Whether `text` stays on its line and in its reading direction wherever it is written: no control character, no separator of lines or
/// paragraphs, nothing that turns the direction of what follows.
#[must_use]
pub fn is_one_line(text: &str) -> bool {
    !text.chars().any(|character| {
        character.is_control()
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

/// Unicode general category Cf (Unicode 16), which the standard library does not tell.
fn is_format_character(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
        | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_one_line() {
        for text in [
            "",
            "Jean",
            "TAREK      WAJDI",
            "\u{a0}",
            "سليمان خالد",
            "a\u{200d}b",
        ] {
            assert!(is_one_line(text), "{text:?}");
        }
        for text in [
            "a\nb",
            "a\rb",
            "a\tb",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\u{202e}b",
            "a\u{2066}b",
        ] {
            assert!(!is_one_line(text), "{text:?}");
        }
    }

    #[test]
    fn trimming_is_the_one_of_ecmascript() {
        assert_eq!(
            ecmascript_trim("\t\n\u{b}\u{c}\r \u{a0}\u{feff}\u{2028}\u{2029}\u{3000}a b "),
            "a b"
        );
        assert_eq!(ecmascript_trim("\u{85}a\u{85}"), "\u{85}a\u{85}");
        assert_eq!(ecmascript_trim("\u{200b}"), "\u{200b}");
    }

    #[test]
    fn inner_whitespace_can_be_removed() {
        assert_eq!(without_whitespace(" 123 456\u{a0}789 "), "123456789");
    }

    #[test]
    fn what_shows_nothing_is_not_visible() {
        for text in ["", " ", "\u{200b}", "\u{feff}\u{2028}", "\t\u{ad}", "\u{e0041}"] {
            assert!(!has_visible_character(text), "{text:?}");
        }
        for text in ["a", " é ", "🦀", "\u{200b}x", "⁵"] {
            assert!(has_visible_character(text), "{text:?}");
        }
    }
}

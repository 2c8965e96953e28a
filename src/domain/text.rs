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

#[cfg(test)]
mod tests {
    use super::*;

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
}

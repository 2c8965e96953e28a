//! French words for codes that are read out on the telephone: one for each throw of five dice.

/// Six to the power of five.
pub const WORD_COUNT: usize = 7776;

/// One word a line, in alphabetical order. Source: the package `xkcdpass` of `PyPI`, by `script/diceware-words`.
const WORDS: &str = include_str!("diceware/words.txt");

/// The word that the throw `index` stands for; the empty text beyond the last one.
#[must_use]
pub fn word(index: usize) -> &'static str {
    WORDS.lines().nth(index).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn there_is_a_plain_word_for_every_throw() {
        let words: HashSet<&str> = WORDS.lines().collect();
        assert_eq!(words.len(), WORD_COUNT, "no word twice");
        assert!(words.iter().all(|word| {
            (3..=9).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
        }));
        assert!(words.contains("ours") && words.contains("roux"));
        assert_eq!(WORDS.lines().count(), WORD_COUNT);
    }

    #[test]
    fn a_throw_stands_for_the_word_of_its_line() {
        let last = WORDS.lines().next_back().unwrap();
        assert_eq!(word(0), WORDS.lines().next().unwrap());
        assert_eq!(word(WORD_COUNT - 1), last);
        assert_eq!(word(WORD_COUNT), "");
    }
}

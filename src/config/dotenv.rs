//! The syntax of `.env` files: `KEY=value` lines, optional quotes, `#` comments, no variable expansion.
//!
//! Written by hand rather than taken from a crate because existing files must keep their meaning: the usual crates expand
//! `$NAME` inside values (which would garble a password) and refuse unquoted blanks.

/// The variables of a file in their order. A later line for the same variable wins; a line that is no assignment is
/// skipped.
pub(super) fn parse(text: &str) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);

    while !rest.is_empty() {
        let (line, following) = split_line(rest);
        let Some((name, after_equals)) = assignment(rest, line) else {
            rest = following;
            continue;
        };
        let (value, after_value) = value(after_equals);
        variables.push((name.to_owned(), value));
        rest = split_line(after_value).1;
    }

    variables
}

fn split_line(text: &str) -> (&str, &str) {
    let Some(end) = text.find(['\n', '\r']) else {
        return (text, "");
    };
    (&text[..end], &text[end + 1..])
}

/// The name before the equals sign of `line`, and everything (also following lines) after it.
fn assignment<'t>(rest: &'t str, line: &'t str) -> Option<(&'t str, &'t str)> {
    let equals = line.find('=')?;
    let left = line[..equals].trim();
    let name = left.strip_prefix("export ").map_or(left, str::trim);
    let is_name = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-');
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    Some((name, &rest[equals + 1..]))
}

/// The value at the beginning of `text`, and what follows it.
fn value(text: &str) -> (String, &str) {
    let start = text.trim_start_matches([' ', '\t']);
    for quote in ['"', '\'', '`'] {
        let Some((quoted, after)) = quoted(start, quote) else {
            continue;
        };
        let trailing = split_line(after).0.trim();
        if trailing.is_empty() || trailing.starts_with('#') {
            let expanded = if quote == '"' {
                quoted.replace("\\n", "\n").replace("\\r", "\r")
            } else {
                quoted
            };
            return (expanded, after);
        }
    }

    let end = start.find(['\n', '\r', '#']).unwrap_or(start.len());
    (without_quotes(start[..end].trim()).to_owned(), &start[end..])
}

/// The value without the same quote at both ends, if it has them.
fn without_quotes(value: &str) -> &str {
    let inner = |quote: char| {
        value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    ['"', '\'', '`'].into_iter().find_map(inner).unwrap_or(value)
}

/// The text between two quotes, possibly over several lines; `None` if it is not quoted or never closed.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let inner = text.strip_prefix(quote)?;
    let mut escaped = false;
    for (position, character) in inner.char_indices() {
        if character == quote && !escaped {
            return Some((inner[..position].to_owned(), &inner[position + 1..]));
        }
        escaped = character == '\\' && !escaped;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let parsed = parse(text);
        let parsed: Vec<_> = parsed
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(parsed, expected, "{text:?}");
    }

    #[test]
    fn assignments_comments_and_quotes() {
        check("A=1\nB=2\r\nC=3", &[("A", "1"), ("B", "2"), ("C", "3")]);
        check("# a comment\n\n  A = 1  \n", &[("A", "1")]);
        check("export A=1", &[("A", "1")]);
        check("A=0 # accept everything", &[("A", "0")]);
        check("A=abc#def", &[("A", "abc")]);
        check("A=\"abc # def\" # yes", &[("A", "abc # def")]);
        check("A='it''\nB=2", &[("A", "it'"), ("B", "2")]);
        check("A='a' b", &[("A", "'a' b")]);
        check("A=`a \"b\" 'c'`", &[("A", "a \"b\" 'c'")]);
        check("A=", &[("A", "")]);
        check("A=\nB=1", &[("A", ""), ("B", "1")]);
        check("A=Mocked Client ID", &[("A", "Mocked Client ID")]);
        check(
            "A=postgres://u:pa$word@h/db?a=b",
            &[("A", "postgres://u:pa$word@h/db?a=b")],
        );
        check("A=\"two\\nlines\"", &[("A", "two\nlines")]);
        check("A='two\\nlines'", &[("A", "two\\nlines")]);
        check("A='two\nlines'\nB=1", &[("A", "two\nlines"), ("B", "1")]);
        check("A=\"never closed\nB=1", &[("A", "\"never closed"), ("B", "1")]);
        check("no assignment\n=1\na b=2\nA=3", &[("A", "3")]);
        check("\u{feff}A=1", &[("A", "1")]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            parse(&text);
        }

        #[test]
        fn any_plain_value_comes_back(value in "[a-zA-Z0-9_$:/@%.,=-]{0,40}") {
            prop_assert_eq!(parse(&format!("NAME={value}")), vec![("NAME".to_owned(), value)]);
        }
    }
}

//! Flat form and query fields, as browsers send them.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// More fields than this are refused.
const FIELD_COUNT_LIMIT: usize = 1000;
/// A single value longer than this is refused, unless a page reads it with [`Fields::long`].
const VALUE_LIMIT_IN_BYTES: usize = 8 * 1024;

/// What scripts of ours send: ceremonies of passkeys.
const LONG_BY_NATURE: [&str; 2] = [
    "webauthn_authentication_response_string",
    "webauthn_registration_response_string",
];

/// Decoded `application/x-www-form-urlencoded` fields in their order. Names are literal: `a[b]` is a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

/// Why fields, or one of them, cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFields {
    #[error("a value is not valid UTF-8")]
    Encoding,
    #[error("a value contains a NUL character")]
    Nul,
    #[error("there are too many fields")]
    TooMany,
    #[error("the field {0} is given several times")]
    Repeated(&'static str),
    #[error("the field {0} is missing")]
    Missing(&'static str),
    #[error("the field {0} is too long")]
    TooLong(&'static str),
    #[error("a value is too long")]
    ValueTooLong,
}

impl Fields {
    /// Reads an encoded body or query.
    ///
    /// # Errors
    /// When a name or value is not UTF-8 once decoded, holds a NUL character, or there are too many fields.
    pub fn parse(encoded: &[u8]) -> Result<Self, InvalidFields> {
        let mut fields = Vec::new();
        for pair in encoded
            .split(|&byte| byte == b'&')
            .filter(|pair| !pair.is_empty())
        {
            if fields.len() == FIELD_COUNT_LIMIT {
                return Err(InvalidFields::TooMany);
            }
            let (name, value) = match pair.iter().position(|&byte| byte == b'=') {
                Some(equals) => (&pair[..equals], &pair[equals + 1..]),
                None => (pair, &[][..]),
            };
            fields.push((decode(name)?, decode(value)?));
        }
        Ok(Self(fields))
    }

    /// The value of `name`, if it is given once.
    ///
    /// # Errors
    /// When it is given several times or is over-long.
    pub fn one(&self, name: &'static str) -> Result<Option<&str>, InvalidFields> {
        let value = self.long(name)?;
        match value {
            Some(value) if value.len() > VALUE_LIMIT_IN_BYTES => Err(InvalidFields::TooLong(name)),
            value => Ok(value),
        }
    }

    /// Refuses values that are longer than anybody types, whether or not somebody reads them; those of
    /// [`LONG_BY_NATURE`] may be long.
    ///
    /// # Errors
    /// When there is one.
    pub fn refuse_over_long(&self) -> Result<(), InvalidFields> {
        let is_over_long = |(name, value): &(String, String)| {
            value.len() > VALUE_LIMIT_IN_BYTES && !LONG_BY_NATURE.contains(&name.as_str())
        };
        if self.0.iter().any(is_over_long) {
            Err(InvalidFields::ValueTooLong)
        } else {
            Ok(())
        }
    }

    /// Like [`Fields::one`] for values that are long by nature: only the body's limit holds.
    ///
    /// # Errors
    /// When it is given several times.
    pub fn long(&self, name: &'static str) -> Result<Option<&str>, InvalidFields> {
        let mut values = self
            .0
            .iter()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.as_str());
        let value = values.next();
        if values.next().is_some() {
            return Err(InvalidFields::Repeated(name));
        }
        Ok(value)
    }

    /// The value of `name`, which must be given exactly once.
    ///
    /// # Errors
    /// When it is missing, given several times, or over-long.
    pub fn required(&self, name: &'static str) -> Result<&str, InvalidFields> {
        self.one(name)?.ok_or(InvalidFields::Missing(name))
    }

    /// An optional boolean: `true` is true, anything else or nothing is false.
    ///
    /// # Errors
    /// When it is given several times.
    pub fn flag(&self, name: &'static str) -> Result<bool, InvalidFields> {
        Ok(self.one(name)? == Some("true"))
    }

    /// All pairs in their order.
    #[must_use]
    pub fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}

fn decode(encoded: &[u8]) -> Result<String, InvalidFields> {
    let spaced: Cow<'_, [u8]> = if encoded.contains(&b'+') {
        encoded
            .iter()
            .map(|&byte| if byte == b'+' { b' ' } else { byte })
            .collect::<Vec<_>>()
            .into()
    } else {
        encoded.into()
    };
    let text = percent_decode(&spaced)
        .decode_utf8()
        .map_err(|_| InvalidFields::Encoding)?
        .into_owned();
    if text.contains('\0') {
        Err(InvalidFields::Nul)
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_flat_and_in_order() {
        let fields = Fields::parse(b"a=1+2&b%5Bc%5D=%C3%A9&d&a%20b=x&&").unwrap();
        assert_eq!(fields.one("a"), Ok(Some("1 2")));
        assert_eq!(fields.one("b[c]"), Ok(Some("é")));
        assert_eq!(fields.one("d"), Ok(Some("")));
        assert_eq!(fields.one("none"), Ok(None));
        assert_eq!(fields.required("none"), Err(InvalidFields::Missing("none")));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        assert_eq!(Fields::parse(b"a=%ff"), Err(InvalidFields::Encoding));
        assert_eq!(Fields::parse(b"a=x%00y"), Err(InvalidFields::Nul));
        assert_eq!(
            Fields::parse("a&".repeat(1001).as_bytes()),
            Err(InvalidFields::TooMany)
        );
        assert_eq!(
            Fields::parse(b"a=1&a=2").unwrap().one("a"),
            Err(InvalidFields::Repeated("a"))
        );
        let long = format!("a={}", "x".repeat(9000));
        assert_eq!(
            Fields::parse(long.as_bytes()).unwrap().one("a"),
            Err(InvalidFields::TooLong("a"))
        );
        assert_eq!(
            Fields::parse(long.as_bytes())
                .unwrap()
                .long("a")
                .map(|value| value.unwrap().len()),
            Ok(9000)
        );
    }

    #[test]
    fn a_value_that_nobody_types_is_refused_whoever_reads_it() {
        let long = "x".repeat(9000);
        let parse = |text: &str| Fields::parse(text.as_bytes()).unwrap();
        assert_eq!(parse("a=1&b=2").refuse_over_long(), Ok(()));
        assert_eq!(
            parse(&format!("a=1&b={long}")).refuse_over_long(),
            Err(InvalidFields::ValueTooLong)
        );
        let ceremony = format!("webauthn_registration_response_string={long}");
        assert_eq!(parse(&ceremony).refuse_over_long(), Ok(()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_fail(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Fields::parse(&bytes);
        }

        #[test]
        fn what_a_browser_encodes_comes_back(name in "[a-zé&=+% ]{1,8}", value in "\\PC{0,40}") {
            let encoded = serde_urlencoded::to_string([(&name, &value)]).unwrap();
            prop_assert_eq!(Fields::parse(encoded.as_bytes()).unwrap().into_pairs(), vec![(name, value)]);
        }
    }
}

//! Lists that are too long for a source file: text in `assets/data`, written by `assets/data/generate.py`.

/// A list in the binary: one entry a line, sorted by the bytes of its key, which ends at the first comma. Nothing is built from it:
/// looking something up touches a few of its pages and allocates nothing.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceList(&'static str);

impl ReferenceList {
    /// The list in `text`.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// Whether `key` has an entry.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// What follows the key in its entry: nothing for a list of keys only. `None` when there is no such entry.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&'static str> {
        let bytes = self.0.as_bytes();
        let (mut low, mut high) = (0, bytes.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let start = bytes[..middle]
                .iter()
                .rposition(|&byte| byte == b'\n')
                .map_or(0, |newline| newline + 1);
            let length = bytes[start..].iter().position(|&byte| byte == b'\n');
            let end = length.map_or(bytes.len(), |length| start + length);
            let comma = bytes[start..end].iter().position(|&byte| byte == b',');
            let entry_end = comma.map_or(end, |comma| start + comma);
            match bytes[start..entry_end].cmp(key.as_bytes()) {
                std::cmp::Ordering::Equal => return Some(&self.0[(entry_end + 1).min(end)..end]),
                std::cmp::Ordering::Less => low = end + 1,
                std::cmp::Ordering::Greater => high = start,
            }
        }
        None
    }

    /// Every entry, in order.
    pub fn lines(&self) -> impl Iterator<Item = &'static str> {
        self.0.lines()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_and_nothing_else() {
        let list = ReferenceList::new("a,one\nab\nb,two,three\nz\nçé,x\n");
        for (key, expected) in [
            ("a", Some("one")),
            ("ab", Some("")),
            ("b", Some("two,three")),
            ("çé", Some("x")),
            ("z", Some("")),
            ("", None),
            ("aa", None),
            ("zz", None),
            ("b,two", None),
        ] {
            assert_eq!(list.find(key), expected, "{key:?}");
        }
        assert!(!ReferenceList::new("").contains("a"));
    }
}

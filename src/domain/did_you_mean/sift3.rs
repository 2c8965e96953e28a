//! The Sift3 distance between two texts: one pass, no table, close to what people call a typing mistake.

/// How far ahead a displaced character is looked for.
const WINDOW: usize = 5;

/// Half the characters that do not find their counterpart. Zero for equal texts.
pub(super) fn distance(left: &str, right: &str) -> f64 {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    if left.is_empty() || right.is_empty() {
        return as_distance(left.len() + right.len());
    }
    let mut position = 0;
    let (mut left_shift, mut right_shift) = (0, 0);
    let mut common = 0;
    while position + left_shift < left.len() && position + right_shift < right.len() {
        if left[position + left_shift] == right[position + right_shift] {
            common += 1;
        } else {
            (left_shift, right_shift) = displacement(&left, &right, position);
        }
        position += 1;
    }
    as_distance(left.len() + right.len()) / 2.0 - as_distance(common)
}

/// By how much one side runs ahead of the other at `position`; none when it cannot be told.
fn displacement(left: &[char], right: &[char], position: usize) -> (usize, usize) {
    for shift in 0..WINDOW {
        let is_at = |text: &[char], index: usize, expected: Option<&char>| {
            expected.is_some() && text.get(index) == expected
        };
        if is_at(left, position + shift, right.get(position)) {
            return (shift, 0);
        }
        if is_at(right, position + shift, left.get(position)) {
            return (0, shift);
        }
    }
    (0, 0)
}

fn as_distance(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::distance;

    fn assert_distance(left: &str, right: &str, expected: f64) {
        assert!(
            (distance(left, right) - expected).abs() < f64::EPSILON,
            "{left} {right}: {}",
            distance(left, right)
        );
    }

    #[test]
    fn mistakes_are_close() {
        assert_distance("gmail.com", "gmail.com", 0.0);
        assert_distance("gmil.com", "gmail.com", 1.5);
        assert_distance("wanadoo.rf", "wanadoo.fr", 2.0);
        assert_distance("", "fr", 2.0);
        assert_distance("abc", "xyz", 3.0);
    }
}

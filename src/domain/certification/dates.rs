//! Dates of birth as registers write them. A date that is no day of the calendar is none.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Europe::Paris;

/// Beyond this, an instant is in milliseconds: in seconds it would lie in the year 2286.
const LARGEST_IN_SECONDS: i64 = 10_000_000_000;

/// `YYYYMMDD`, where the year may have more digits (INSEE).
#[must_use]
pub fn compact_date(text: &str) -> Option<NaiveDate> {
    let month_at = text.len().checked_sub(4).filter(|length| *length >= 4)?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = text.split_at(month_at);
    let (month, day) = rest.split_at(2);
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// `YYYY-MM-DD`, where the year may have more digits (INPI, Infogreffe).
#[must_use]
pub fn calendar_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || month.len() != 2 || day.len() != 2 {
        return None;
    }
    compact_date(&format!("{year}{month}{day}"))
}

/// The day of an instant in seconds or milliseconds: midnight in Paris, or in UTC, of the day that is meant.
#[must_use]
pub fn date_of_timestamp(timestamp: i64) -> Option<NaiveDate> {
    if timestamp == 0 {
        return None;
    }
    let instant = if timestamp.unsigned_abs() > LARGEST_IN_SECONDS.unsigned_abs() {
        DateTime::from_timestamp_millis(timestamp)?
    } else {
        DateTime::from_timestamp(timestamp, 0)?
    };
    Some(instant.with_timezone(&Paris).date_naive())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::vectors;

    #[test]
    fn the_vectors_of_insee_dates_hold() {
        for case in vectors::cases("insee_birthdate", &["input"]) {
            let text = vectors::text(&case, "input").unwrap_or_default();
            // what cannot be read is none, and so is a day that the calendar does not have, instead of one after it.
            let expected = vectors::text(&case, "output")
                .and_then(|output| output.split_once('T'))
                .filter(|(date, _)| text.ends_with(&date[date.len() - 5..].replace('-', "")))
                .and_then(|(date, _)| calendar_date(date.trim_start_matches(['+', '0'])));
            assert_eq!(compact_date(text), expected, "{case}");
        }
    }

    #[test]
    fn a_timestamp_means_a_day_in_any_unit() {
        for (timestamp, expected) in [
            (-155_523_600, Some((1965, 1, 27))),
            (715_824_000_000, Some((1992, 9, 7))),
            (-155_520_000, Some((1965, 1, 27))),
            (0, None),
            (10_000_000_000, Some((2286, 11, 20))),
            (10_000_000_001, Some((1970, 4, 26))),
            (-10_000_000_001, Some((1969, 9, 7))),
        ] {
            let expected = expected.and_then(|(year, month, day)| NaiveDate::from_ymd_opt(year, month, day));
            assert_eq!(date_of_timestamp(timestamp), expected, "{timestamp}");
        }
        for text in [
            "1990-02-31",
            "1234-56-78",
            "",
            "1990-1-1",
            "1990-1-01",
            "1990-01-1",
            "1990-01-01-01",
            "+990-01-01",
            "199-001-01",
            "1990-01-001",
        ] {
            assert_eq!(calendar_date(text), None, "{text}");
        }
    }
}

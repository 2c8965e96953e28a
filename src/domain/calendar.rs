//! Instants as people in Paris read them, and how long something lasts.

use chrono::{DateTime, Datelike, SecondsFormat, TimeDelta, Utc, Weekday};
use chrono_tz::Europe::Paris;

/// `Aujourd’hui à 14:03`, `Hier à 14:03`, `Lundi à 14:03` within a week, else `22/11/2026`.
#[must_use]
pub fn relative(instant: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let instant = instant.with_timezone(&Paris);
    let days_ago = now
        .with_timezone(&Paris)
        .date_naive()
        .signed_duration_since(instant.date_naive())
        .num_days();
    let time = instant.format("%H:%M");
    match days_ago {
        0 => format!("Aujourd’hui à {time}"),
        1 => format!("Hier à {time}"),
        2..=6 => format!("{} à {time}", weekday(instant.weekday())),
        _ => instant.format("%d/%m/%Y").to_string(),
    }
}

/// `22/11/2026 à 14:03`
#[must_use]
pub fn absolute(instant: DateTime<Utc>) -> String {
    instant
        .with_timezone(&Paris)
        .format("%d/%m/%Y à %H:%M")
        .to_string()
}

/// RFC 3339 with the offset of Paris, in seconds: `2026-11-22T16:44:03+01:00`.
#[must_use]
pub fn machine_readable(instant: DateTime<Utc>) -> String {
    instant
        .with_timezone(&Paris)
        .to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// `une heure`, `30 minutes`, `2 jours`: in the largest unit that tells it exactly. Seconds are left out.
#[must_use]
pub fn lasting(duration: TimeDelta) -> String {
    const HOUR: i64 = 60;
    const DAY: i64 = 24 * HOUR;
    match duration.num_minutes() {
        ..=0 => "moins d’une minute".to_owned(),
        1 => "une minute".to_owned(),
        HOUR => "une heure".to_owned(),
        DAY => "24 heures".to_owned(),
        minutes if minutes % DAY == 0 => format!("{} jours", minutes / DAY),
        minutes if minutes % HOUR == 0 => format!("{} heures", minutes / HOUR),
        minutes => format!("{minutes} minutes"),
    }
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "Lundi",
        Weekday::Tue => "Mardi",
        Weekday::Wed => "Mercredi",
        Weekday::Thu => "Jeudi",
        Weekday::Fri => "Vendredi",
        Weekday::Sat => "Samedi",
        Weekday::Sun => "Dimanche",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn days_begin_at_midnight_in_paris() {
        let now = at("2026-11-22T14:00:00Z");
        for (instant, expected) in [
            ("2026-11-22T13:03:00Z", "Aujourd’hui à 14:03"),
            ("2026-11-21T23:00:00Z", "Aujourd’hui à 00:00"),
            ("2026-11-21T22:59:59Z", "Hier à 23:59"),
            ("2026-11-20T08:00:00Z", "Vendredi à 09:00"),
            ("2026-11-16T08:00:00Z", "Lundi à 09:00"),
            ("2026-11-15T08:00:00Z", "15/11/2026"),
            ("2026-11-23T08:00:00Z", "23/11/2026"),
            ("2020-07-01T22:30:00Z", "02/07/2020"),
        ] {
            assert_eq!(relative(at(instant), now), expected, "{instant}");
        }
    }

    #[test]
    fn what_lasts_is_told_in_its_largest_unit() {
        for (seconds, expected) in [
            (0, "moins d’une minute"),
            (59, "moins d’une minute"),
            (60, "une minute"),
            (5 * 60 + 30, "5 minutes"),
            (3_600, "une heure"),
            (90 * 60, "90 minutes"),
            (2 * 3_600, "2 heures"),
            (24 * 3_600, "24 heures"),
            (36 * 3_600, "36 heures"),
            (90 * 24 * 3_600, "90 jours"),
        ] {
            assert_eq!(lasting(TimeDelta::seconds(seconds)), expected, "{seconds} s");
        }
    }

    #[test]
    fn summer_time_is_known() {
        assert_eq!(
            machine_readable(at("2026-11-22T15:44:03.987Z")),
            "2026-11-22T16:44:03+01:00"
        );
        assert_eq!(
            machine_readable(at("2026-07-22T15:44:03Z")),
            "2026-07-22T17:44:03+02:00"
        );
        assert_eq!(absolute(at("2026-07-22T15:44:03Z")), "22/07/2026 à 17:44");
    }
}

//! Somebody's application of one-time codes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use totp_rs::{Algorithm, Builder, Secret};

const PERIOD_IN_SECONDS: u64 = 30;

/// How far codes may lie from the present one, in periods, for the server to accept them.
const TOLERANCE: u64 = 2;

/// An application with one key. It gives each code once, as its owner would use it.
#[derive(Clone, Debug)]
pub struct TotpApplication {
    key: String,
    last: u64,
}

impl TotpApplication {
    /// The key of the development data, and how it is stored there.
    pub const KEY: &str = "DIN5NCVBLUQPX7XFZQCYBMIBMTJOCNSF";
    pub const STORED_KEY: &str =
        "kuOSXGk68H2B3pYnph0uyXAHrmpbWaWyX/iX49xVaUc=.VMPBZSO+eAng7mjS.cI2kRY9rwhXchcKiiaMZIg==";

    /// The application with the key `key` (base32, blanks and capitals do not matter).
    pub fn new(key: &str) -> Self {
        Self {
            key: key.split_whitespace().collect::<String>().to_ascii_uppercase(),
            last: 0,
        }
    }

    /// A code that was not given yet: one of the last period's first, so that several can be given in a row. Waits when there is none
    /// that the server would accept.
    pub async fn fresh_code(&mut self) -> String {
        let step = (self.last + 1).max(current_step() - 1);
        while step > current_step() + TOLERANCE {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        self.last = step;
        self.code_of(step)
    }

    /// The code of the period that lies `distance` periods from the present one.
    pub fn code_at(&self, distance: i64) -> String {
        let step = i64::try_from(current_step()).expect("a time") + distance;
        self.code_of(u64::try_from(step).expect("a time after 1970"))
    }

    fn code_of(&self, step: u64) -> String {
        let secret = Secret::try_from_base32(&self.key).expect("a key in base32");
        let totp = Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_step_duration(PERIOD_IN_SECONDS)
            .with_secret(secret)
            .build_noncompliant();
        totp.generate(step * PERIOD_IN_SECONDS).to_string()
    }
}

/// Waits until a period has just begun, so that what follows lies in one.
pub async fn wait_for_a_period() {
    loop {
        let into_period = unix_time() % PERIOD_IN_SECONDS;
        if into_period < 12 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn current_step() -> u64 {
    unix_time() / PERIOD_IN_SECONDS
}

fn unix_time() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time")
        .as_secs()
}

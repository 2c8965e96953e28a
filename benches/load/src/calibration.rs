//! What this machine needs for the same work as any other, apart from any server: password hashing, the yardstick of the sign-in
//! budgets, and signatures, the yardstick of the budgets of journeys.

use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use josekit::jwk::Jwk;
use josekit::jwk::alg::ec::EcCurve;
use josekit::jws::{ES256, JwsSigner, RS256};
use serde::Serialize;

use crate::error::LoadError;
use crate::process::cpu_time;

/// Cost factor of the bcrypt hashes in the databases that are taken over.
const BCRYPT_COST: u32 = 10;
const SALT: &[u8] = b"0123456789abcdef";
/// What one signature costs on the machine that the budgets were written for, in microseconds of CPU.
const ES256_OF_BUDGETS: f64 = 14.0;
const RS256_OF_BUDGETS: f64 = 215.0;
/// Hashes are made for this long.
pub const CALIBRATING: Duration = Duration::from_secs(3);
/// Signatures of either kind are made for this long.
const SIGNING: Duration = Duration::from_millis(400);

/// The cost of the argon2id hashes, as the server is configured.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct PasswordCost {
    pub memory_kib: u32,
    pub iterations: u32,
    pub parallelism: u32,
}

impl PasswordCost {
    /// Reads `ARGON2_MEMORY_KIB`, `ARGON2_ITERATIONS` and `ARGON2_PARALLELISM`, with the server's defaults.
    pub fn from_environment() -> Self {
        let number = |name: &str, default: u32| {
            let text = std::env::var(name).ok();
            text.and_then(|text| text.trim().parse().ok()).unwrap_or(default)
        };
        Self {
            memory_kib: number("ARGON2_MEMORY_KIB", 19_456),
            iterations: number("ARGON2_ITERATIONS", 2),
            parallelism: number("ARGON2_PARALLELISM", 1),
        }
    }

    fn hasher(&self) -> Result<Argon2<'static>, LoadError> {
        let parameters = Params::new(self.memory_kib, self.iterations, self.parallelism, Some(32));
        let parameters = parameters.map_err(|error| LoadError::Setup(format!("argon2 cost: {error}")))?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
    }

    /// A hash in the PHC string format.
    ///
    /// # Errors
    /// The cost is none that argon2 knows.
    pub fn argon2_hash(&self, password: &str) -> Result<String, LoadError> {
        let mut output = [0; 32];
        self.hasher()?
            .hash_password_into(password.as_bytes(), SALT, &mut output)
            .map_err(|error| LoadError::Setup(format!("argon2: {error}")))?;
        Ok(format!(
            "$argon2id$v=19$m={},t={},p={}${}${}",
            self.memory_kib,
            self.iterations,
            self.parallelism,
            STANDARD_NO_PAD.encode(SALT),
            STANDARD_NO_PAD.encode(output)
        ))
    }

    /// A hash as the databases that are taken over hold them.
    ///
    /// # Errors
    /// None for passwords of ordinary length.
    pub fn bcrypt_hash(password: &str) -> Result<String, LoadError> {
        bcrypt::hash(password, BCRYPT_COST).map_err(|error| LoadError::Setup(format!("bcrypt: {error}")))
    }
}

/// What was found out.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Calibration {
    /// argon2id hashes per second of CPU time, on as many threads as there are cores, memory blocks reused.
    pub argon2_per_core_second: f64,
    /// CPU time of one argon2id hash, in milliseconds.
    pub argon2_milliseconds: f64,
    /// Time of one bcrypt check when nothing else runs, in milliseconds.
    pub bcrypt_milliseconds: f64,
}

/// Hashes for `duration` on every core, with the same implementation as the server.
///
/// # Errors
/// The cost is none that argon2 knows.
pub fn calibrate(cost: &PasswordCost, duration: Duration) -> Result<Calibration, LoadError> {
    let seconds = cpu_seconds_each(|| hash_for(cost, duration))?;
    Ok(Calibration {
        argon2_per_core_second: 1.0 / seconds,
        argon2_milliseconds: 1000.0 * seconds,
        bcrypt_milliseconds: time_bcrypt()?,
    })
}

/// What signatures cost here, every core signing at once.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Pace {
    /// CPU time of one ES256 signature, in microseconds.
    pub es256_microseconds: f64,
    /// The same for RS256 with 2048 bits.
    pub rs256_microseconds: f64,
}

impl Pace {
    /// Measures it now: other work on the machine, or beside it, changes it from one minute to the next.
    ///
    /// # Errors
    /// No key can be made.
    pub fn now() -> Result<Self, LoadError> {
        let setup = |error: josekit::JoseError| LoadError::Setup(format!("signing key: {error}"));
        let es256 = Jwk::generate_ec_key(EcCurve::P256).map_err(setup)?;
        let rs256 = Jwk::generate_rsa_key(2048).map_err(setup)?;
        Ok(Self {
            es256_microseconds: cost_of(&ES256.signer_from_jwk(&es256).map_err(setup)?)?,
            rs256_microseconds: cost_of(&RS256.signer_from_jwk(&rs256).map_err(setup)?)?,
        })
    }

    /// Halfway between two measurements.
    pub fn between(self, other: Self) -> Self {
        Self {
            es256_microseconds: f64::midpoint(self.es256_microseconds, other.es256_microseconds),
            rs256_microseconds: f64::midpoint(self.rs256_microseconds, other.rs256_microseconds),
        }
    }

    /// How many times longer the same work takes here than on the machine of the budgets: the smaller of what both kinds of
    /// signatures say, and never less than once.
    pub fn slowness(self) -> f64 {
        let es256 = self.es256_microseconds / ES256_OF_BUDGETS;
        let rs256 = self.rs256_microseconds / RS256_OF_BUDGETS;
        es256.min(rs256).max(1.0)
    }
}

/// Microseconds of CPU for one signature, while every core makes some.
fn cost_of(signer: &impl JwsSigner) -> Result<f64, LoadError> {
    let seconds = cpu_seconds_each(|| {
        repeat_for(SIGNING, || {
            let outcome = signer.sign(SALT);
            outcome
                .map(drop)
                .map_err(|error| LoadError::Setup(error.to_string()))
        })
    })?;
    Ok(seconds * 1e6)
}

/// Seconds of CPU for one piece of what `work` does on every core at once and gives the count of.
fn cpu_seconds_each(work: impl Fn() -> Result<u32, LoadError> + Sync) -> Result<f64, LoadError> {
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let before = cpu_time(std::process::id())?;
    let done: u32 = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(LoadError::Setup("a measurement panicked".to_owned())))
            })
            .sum::<Result<u32, LoadError>>()
    })?;
    let cpu = cpu_time(std::process::id())?.saturating_sub(before);
    Ok(cpu.as_secs_f64() / f64::from(done))
}

/// Does `piece` again and again for `duration`, and gives how often.
fn repeat_for(
    duration: Duration,
    mut piece: impl FnMut() -> Result<(), LoadError>,
) -> Result<u32, LoadError> {
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < duration {
        piece()?;
        count += 1;
    }
    Ok(count)
}

fn hash_for(cost: &PasswordCost, duration: Duration) -> Result<u32, LoadError> {
    let hasher = cost.hasher()?;
    let mut blocks = vec![Block::default(); hasher.params().block_count()];
    let mut output = [0; 32];
    repeat_for(duration, || {
        hasher
            .hash_password_into_with_memory(b"a password", SALT, &mut output, &mut blocks)
            .map_err(|error| LoadError::Setup(format!("argon2: {error}")))
    })
}

/// The median of a few checks.
fn time_bcrypt() -> Result<f64, LoadError> {
    let hash = PasswordCost::bcrypt_hash("a password")?;
    let mut times: Vec<_> = (0..9)
        .map(|_| {
            let began = Instant::now();
            let _ = std::hint::black_box(bcrypt::verify("a password", &hash));
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::Pace;

    fn pace(es256_microseconds: f64, rs256_microseconds: f64) -> Pace {
        Pace {
            es256_microseconds,
            rs256_microseconds,
        }
    }

    #[test]
    fn a_machine_is_as_slow_as_the_kinder_yardstick_says() {
        assert!((pace(28.0, 258.0).slowness() - 1.2).abs() < 1e-9);
        assert!((pace(7.0, 430.0).slowness() - 1.0).abs() < 1e-9);
        assert!((pace(14.0, 215.0).between(pace(42.0, 645.0)).slowness() - 2.0).abs() < 1e-9);
    }
}

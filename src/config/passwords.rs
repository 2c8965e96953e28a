//! What a password hash costs and how many are computed at once.

use super::reader::Reader;

/// Hashing of passwords.
#[derive(Debug, Clone)]
pub struct PasswordsConfig {
    /// Cost of the hashes that are made from now on.
    pub argon2: Argon2Config,
    /// `PASSWORD_HASHER_THREADS`: hashes computed at once; `None` is one per core.
    pub hasher_threads: Option<usize>,
    /// `PASSWORD_HASHER_QUEUE`: hashes that may wait; beyond, sign-ins are answered 503 with `Retry-After`.
    pub hasher_queue: usize,
    /// `FEATURE_PASSWORD_UPGRADE`: hashes of an older kind are replaced at the next sign-in, and new ones are argon2id. An
    /// operator sets it to `False` while a return to a server that reads bcrypt only is still possible: existing hashes stay,
    /// new ones are bcrypt.
    pub upgrade: bool,
}

/// Cost of an argon2id hash (RFC 9106). The defaults are OWASP's second recommendation: 19 MiB, two passes, one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Config {
    /// `ARGON2_MEMORY_KIB`
    pub memory_kib: u32,
    /// `ARGON2_ITERATIONS`
    pub iterations: u32,
    /// `ARGON2_PARALLELISM`: lanes, computed one after the other.
    pub parallelism: u32,
}

impl Argon2Config {
    pub const DEFAULT: Self = Self {
        memory_kib: 19_456,
        iterations: 2,
        parallelism: 1,
    };
}

impl PasswordsConfig {
    pub(super) fn read(reader: &mut Reader) -> Self {
        Self {
            argon2: read_argon2(reader),
            hasher_threads: reader
                .optional_number("PASSWORD_HASHER_THREADS", 1..=256)
                .and_then(|threads| usize::try_from(threads).ok()),
            hasher_queue: usize::try_from(reader.number("PASSWORD_HASHER_QUEUE", 64, 1..=100_000))
                .unwrap_or(64),
            upgrade: reader.flag("FEATURE_PASSWORD_UPGRADE", true),
        }
    }
}

fn read_argon2(reader: &mut Reader) -> Argon2Config {
    const MOST_MEMORY_KIB: u64 = 4 * 1024 * 1024;
    let default = Argon2Config::DEFAULT;
    let mut number = |variable, default: u32, most| {
        u32::try_from(reader.number(variable, u64::from(default), 1..=most)).unwrap_or(default)
    };
    let cost = Argon2Config {
        memory_kib: number("ARGON2_MEMORY_KIB", default.memory_kib, MOST_MEMORY_KIB),
        iterations: number("ARGON2_ITERATIONS", default.iterations, 1000),
        parallelism: number("ARGON2_PARALLELISM", default.parallelism, 64),
    };
    // RFC 9106 §3.1: at least eight blocks of 1 KiB a lane.
    if cost.memory_kib < 8 * cost.parallelism {
        reader.reject(
            "ARGON2_MEMORY_KIB",
            "expected at least 8 times ARGON2_PARALLELISM",
        );
    }
    cost
}

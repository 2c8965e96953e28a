//! The Lua scripts: each is one atomic operation of the port that no single Redis command does.

use std::fmt::Write;
use std::sync::LazyLock;

/// A script and the name under which Redis caches it (SHA-1 of its text, as `EVALSHA` wants).
pub(super) struct Script {
    pub(super) text: &'static str,
    pub(super) digest: String,
}

impl Script {
    fn new(text: &'static str) -> Self {
        let mut digest = String::with_capacity(40);
        for byte in openssl::sha::sha1(text.as_bytes()) {
            // Writing to a String cannot fail.
            let _ = write!(digest, "{byte:02x}");
        }
        Self { text, digest }
    }

    /// `KEYS`: the guards, then one key a write. `ARGV`: the number of guards, then operation, value, milliseconds for
    /// each write. Gives whether the writes were applied.
    pub(super) fn write() -> &'static Self {
        static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
            Script::new(
                r"
local guards = tonumber(ARGV[1])
for i = 1, guards do
  if redis.call('EXISTS', KEYS[i]) == 1 then return 0 end
end
local a = 2
for i = guards + 1, #KEYS do
  local operation = ARGV[a]
  if operation == 'put' then
    redis.call('SET', KEYS[i], ARGV[a + 1], 'PX', ARGV[a + 2])
  elseif operation == 'del' then
    redis.call('DEL', KEYS[i])
  elseif operation == 'add' then
    redis.call('SADD', KEYS[i], ARGV[a + 1])
    if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[a + 2]) then
      redis.call('PEXPIRE', KEYS[i], ARGV[a + 2])
    end
  else
    redis.call('SREM', KEYS[i], ARGV[a + 1])
  end
  a = a + 3
end
return 1",
            )
        });
        &SCRIPT
    }

    /// `KEYS`: the key. `ARGV`: expected value, new value, milliseconds. Gives whether it was replaced.
    pub(super) fn swap() -> &'static Self {
        static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
            Script::new(
                r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1",
            )
        });
        &SCRIPT
    }

    /// `KEYS`: the counters. `ARGV`: milliseconds of the window of each. Gives for each the count and the milliseconds that are
    /// left. A counter without expiry (written by hand, or restored) gets one.
    pub(super) fn increment() -> &'static Self {
        static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
            Script::new(
                r"
local counted = {}
for i = 1, #KEYS do
  local count = redis.call('INCR', KEYS[i])
  local left = redis.call('PTTL', KEYS[i])
  if left < 0 then
    redis.call('PEXPIRE', KEYS[i], ARGV[i])
    left = tonumber(ARGV[i])
  end
  counted[2 * i - 1] = count
  counted[2 * i] = left
end
return counted",
            )
        });
        &SCRIPT
    }

    /// `KEYS`: the counters that were hit. `ARGV`: milliseconds that the window of each had left then: one that has more left is a
    /// later one, and keeps its hits.
    pub(super) fn give_back() -> &'static Self {
        static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
            Script::new(
                r"
for i = 1, #KEYS do
  local left = redis.call('PTTL', KEYS[i])
  if left >= 0 and left <= tonumber(ARGV[i]) and redis.call('DECR', KEYS[i]) < 1 then
    redis.call('DEL', KEYS[i])
  end
end
return 1",
            )
        });
        &SCRIPT
    }
}

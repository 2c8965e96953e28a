//! Pwned Passwords played: a few passwords that everybody tries first.

use std::fmt::Write as _;

use actix_web::HttpResponse;
use actix_web::web::Path;
use sha1::{Digest, Sha1};

const LEAKED: [&str; 17] = [
    "123456",
    "password123",
    "password",
    "motdepasse",
    "azerty",
    "pwnedpassword",
    "pwned password pwned password",
    "P@ssw0rd",
    "P@ssw0rd!",
    "P@ssw0rd1",
    "P@ssw0rd12",
    "P@ssw0rd123",
    "P@ssw0rd1234",
    "P@ssword1234",
    "Azerty123456!",
    "Motdepasse123!",
    "correct horse battery staple",
];

/// Times that each of them was seen, and of one that was hardly ever.
const SIGHTINGS: u32 = 4242;
const SELDOM_LEAKED: (&str, u32) = ("Seldom-Leaked-2026", 10);

const PREFIX_LENGTH: usize = 5;
/// As with the real system, unseen hashes fill the answer.
const PADDING: [&str; 3] = [
    "00000000000000000000000000000000000",
    "7F3E1B5A90C24D6688A1B2C3D4E5F60718A",
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
];

pub(super) async fn range(prefix: Path<String>) -> HttpResponse {
    let prefix = prefix.to_ascii_uppercase();
    let is_prefix = prefix.len() == PREFIX_LENGTH && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_prefix {
        return HttpResponse::BadRequest().body("The hash prefix was not in a valid format");
    }
    let mut answer = String::new();
    let known = LEAKED
        .iter()
        .map(|&password| (password, SIGHTINGS))
        .chain([SELDOM_LEAKED]);
    for (password, sightings) in known {
        let hash = hex::encode_upper(Sha1::digest(password.as_bytes()));
        if let Some(suffix) = hash.strip_prefix(prefix.as_str()) {
            let _ = write!(answer, "{suffix}:{sightings}\r\n");
        }
    }
    for suffix in PADDING {
        let _ = write!(answer, "{suffix}:0\r\n");
    }
    HttpResponse::Ok().content_type("text/plain").body(answer)
}

use std::time::{Duration, Instant};

use futures::future::join_all;
use identite_actors::instrumentation::Instruments;
use identite_actors::password_hasher::{
    Argon2Cost, Decoy, HashingError, NewHashes, PasswordHasher, PasswordHasherSettings, Verification,
};
use secrecy::SecretString;

use crate::support::{clock, eventually_is, instruments};

/// Quick enough for tests.
const CHEAP: Argon2Cost = Argon2Cost {
    memory: 64,
    iterations: 1,
    parallelism: 1,
};
/// Slow enough to see what waits, in unoptimised builds too.
const SLOW: Argon2Cost = Argon2Cost {
    memory: 32_768,
    iterations: 3,
    parallelism: 1,
};

/// The vector of the specification of the existing column.
const LEGACY: &str = "$2a$10$kzY3LINL6..50Fy9shWCcuNlRfYq0ft5lS.KCcJ5PzrhlWfKK4NIO";

const UPGRADABLE: Result<Verification, HashingError> = Ok(Verification::Match { needs_upgrade: true });
const UP_TO_DATE: Result<Verification, HashingError> = Ok(Verification::Match { needs_upgrade: false });
const MISMATCH: Result<Verification, HashingError> = Ok(Verification::Mismatch);

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn settings(cost: Argon2Cost) -> PasswordHasherSettings {
    PasswordHasherSettings {
        threads: 1,
        mailbox_capacity: 100,
        cost,
        ..PasswordHasherSettings::default()
    }
}

fn hasher(cost: Argon2Cost) -> PasswordHasher {
    PasswordHasher::start(&instruments(&clock().1), &settings(cost)).unwrap()
}

async fn verify(hasher: &PasswordHasher, password: &str, stored: &str) -> Result<Verification, HashingError> {
    hasher.verify(secret(password), Some(stored.to_owned())).await
}

#[actix::test]
async fn a_password_matches_its_hash_and_no_other() {
    let hasher = hasher(CHEAP);
    let hash = hasher.hash(secret("correct horse")).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
    assert_ne!(hash.len(), 60, "never mistaken for a legacy hash");
    assert_ne!(
        hash,
        hasher.hash(secret("correct horse")).await.unwrap(),
        "salted"
    );
    assert_eq!(verify(&hasher, "correct horse", &hash).await, UP_TO_DATE);
    assert_eq!(verify(&hasher, "wrong horse", &hash).await, MISMATCH);
}

#[actix::test]
async fn a_known_argon2id_hash_is_verified_and_upgraded_to_the_configured_cost() {
    // Computed by the reference implementation of Argon2: `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1`.
    let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert_eq!(verify(&hasher(CHEAP), "password", hash).await, UPGRADABLE);
    let same_cost = Argon2Cost {
        memory: 65_536,
        iterations: 2,
        parallelism: 1,
    };
    assert_eq!(verify(&hasher(same_cost), "password", hash).await, UP_TO_DATE);
}

#[actix::test]
async fn a_legacy_bcrypt_hash_is_verified_and_needs_an_upgrade() {
    let hasher = hasher(CHEAP);
    assert_eq!(verify(&hasher, "password123", LEGACY).await, UPGRADABLE);
    assert_eq!(verify(&hasher, "password124", LEGACY).await, MISMATCH);
    for prefix in ["$2b$", "$2y$"] {
        assert_eq!(
            verify(&hasher, "password123", &LEGACY.replacen("$2a$", prefix, 1)).await,
            UPGRADABLE
        );
    }
    assert_eq!(
        verify(&hasher, "password123", &LEGACY.replacen("$2a$", "$2x$", 1)).await,
        MISMATCH
    );
}

#[actix::test]
async fn of_a_legacy_password_the_first_72_bytes_count() {
    let hasher = hasher(CHEAP);
    let stored = bcrypt::hash("a".repeat(72), 4).unwrap();
    assert_eq!(verify(&hasher, &"a".repeat(72), &stored).await, UPGRADABLE);
    assert_eq!(
        verify(&hasher, &format!("{}and more", "a".repeat(72)), &stored).await,
        UPGRADABLE
    );
    assert_eq!(verify(&hasher, &"a".repeat(71), &stored).await, MISMATCH);
    let accented = bcrypt::hash("é".repeat(36), 4).unwrap();
    assert_eq!(verify(&hasher, &"é".repeat(40), &accented).await, UPGRADABLE);
}

#[actix::test]
async fn in_a_legacy_password_an_embedded_nul_is_an_ordinary_byte() {
    let hasher = hasher(CHEAP);
    let stored = bcrypt::hash("abc\0def", 4).unwrap();
    assert_eq!(verify(&hasher, "abc\0def", &stored).await, UPGRADABLE);
    assert_eq!(verify(&hasher, "abc\0xyz", &stored).await, MISMATCH);
    assert_eq!(verify(&hasher, "abc", &stored).await, MISMATCH);
}

#[actix::test]
async fn for_readers_who_know_bcrypt_only_new_hashes_are_bcrypt_and_old_ones_stay() {
    let settings = PasswordHasherSettings {
        new_hashes: NewHashes::Bcrypt { cost: 4 },
        decoy: Decoy::Bcrypt { cost: 4 },
        ..settings(CHEAP)
    };
    let hasher = PasswordHasher::start(&instruments(&clock().1), &settings).unwrap();
    for password in ["correct horse", "é", &"long ".repeat(25)] {
        let hash = hasher.hash(secret(password)).await.unwrap();
        assert!(hash.starts_with("$2b$04$") && hash.len() == 60, "{hash}");
        assert_eq!(bcrypt::verify(password, &hash).ok(), Some(true));
        assert_eq!(verify(&hasher, password, &hash).await, UP_TO_DATE);
        assert_eq!(verify(&hasher, "wrong horse", &hash).await, MISMATCH);
    }
    assert_eq!(verify(&hasher, "password123", LEGACY).await, UP_TO_DATE);
    let argon2id = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert_eq!(verify(&hasher, "password", argon2id).await, UP_TO_DATE);
    assert_eq!(hasher.verify(secret("x"), None).await, MISMATCH);
}

#[actix::test]
async fn any_other_stored_value_is_a_mismatch() {
    let hasher = hasher(CHEAP);
    let long = "x".repeat(10_000);
    for stored in [
        "",
        "forgotten_password",
        "password123",
        "$2a$10$short",
        "$2a$99$kzY3LINL6..50Fy9shWCcuNlRfYq0ft5lS.KCcJ5PzrhlWfKK4NIO",
        "$2a$31$kzY3LINL6..50Fy9shWCcuNlRfYq0ft5lS.KCcJ5PzrhlWfKK4NIO",
        "$2a$10$é3LINL6..50Fy9shWCcuNlRfYq0ft5lS.KCcJ5PzrhlWfKK4NIOxy",
        "$1a$10$kzY3LINL6..50Fy9shWCcuNlRfYq0ft5lS.KCcJ5PzrhlWfKK4NIO",
        "$argon2id$",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNo",
        "$argon2id$v=19$m=64,t=4000000000,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNo",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
        "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNo",
        long.as_str(),
    ] {
        assert_eq!(verify(&hasher, "password123", stored).await, MISMATCH, "{stored}");
    }
}

#[actix::test]
async fn an_unknown_account_takes_the_time_of_a_real_check() {
    for decoy in [Decoy::Argon2id, Decoy::Bcrypt { cost: 8 }] {
        let hasher = PasswordHasher::start(
            &instruments(&clock().1),
            &PasswordHasherSettings {
                decoy,
                ..settings(SLOW)
            },
        )
        .unwrap();
        let stored = match decoy {
            Decoy::Argon2id => hasher.hash(secret("x")).await.unwrap(),
            Decoy::Bcrypt { cost } => bcrypt::hash("x", cost).unwrap(),
        };
        // The best of several on a machine that does other things as well.
        let (mut real, mut unknown) = (Duration::MAX, Duration::MAX);
        let mut rounds = 0;
        while rounds < 3 || unknown > real * 2 || real > unknown * 2 {
            assert!(rounds < 20, "{decoy:?}: {real:?} and {unknown:?}");
            rounds += 1;
            let started = Instant::now();
            verify(&hasher, "y", &stored).await.unwrap();
            real = real.min(started.elapsed());
            let started = Instant::now();
            assert_eq!(hasher.verify(secret("y"), None).await, MISMATCH);
            unknown = unknown.min(started.elapsed());
        }
    }
}

fn overloaded(settings: &PasswordHasherSettings) -> (Instruments, PasswordHasher) {
    let instruments = instruments(&clock().1);
    let hasher = PasswordHasher::start(&instruments, settings).unwrap();
    (instruments, hasher)
}

#[actix::test]
async fn overload_is_answered_at_once_and_what_was_accepted_is_done() {
    let (_, hasher) = overloaded(&PasswordHasherSettings {
        mailbox_capacity: 3,
        ..settings(SLOW)
    });
    let kept: Vec<_> = (0..3).map(|_| hasher.admit().unwrap()).collect();
    assert!(matches!(hasher.admit(), Err(HashingError::Overloaded { .. })));
    drop(kept);
    let accepted: Vec<_> = (0..3)
        .map(|_| {
            let hasher = hasher.clone();
            actix::spawn(async move { hasher.verify(secret("x"), None).await })
        })
        .collect();
    tokio::task::yield_now().await;
    for _ in 0..100 {
        let asked = Instant::now();
        assert!(matches!(hasher.admit(), Err(HashingError::Overloaded { .. })));
        let refused = hasher.verify(secret("x"), None).await;
        assert!(
            matches!(refused, Err(HashingError::Overloaded { retry_after }) if retry_after.as_secs() >= 1)
        );
        assert!(asked.elapsed() < Duration::from_millis(20));
    }
    for answer in join_all(accepted).await {
        assert_eq!(answer.unwrap(), MISMATCH);
    }
    assert_eq!(
        hasher.verify(secret("x"), None).await,
        MISMATCH,
        "there is room again"
    );
}

#[actix::test]
async fn work_whose_caller_has_gone_is_skipped() {
    let (instruments, hasher) = overloaded(&settings(SLOW));
    let first = actix::spawn({
        let hasher = hasher.clone();
        async move { hasher.verify(secret("x"), None).await }
    });
    tokio::task::yield_now().await;
    for _ in 0..50 {
        let mut abandoned = Box::pin(hasher.verify(secret("x"), None));
        let _ = futures::poll!(&mut abandoned);
    }
    first.await.unwrap().unwrap();
    hasher.verify(secret("x"), None).await.unwrap();
    let observation = &instruments.observations()[0];
    assert!(observation.handled <= 3, "{observation:?}");
    assert!(
        observation.detail["skipped_because_the_caller_left"]
            .as_u64()
            .unwrap()
            >= 49
    );
    eventually_is("nothing waits", || {
        instruments.observations()[0].mailbox_depth == 0
    })
    .await;
}

#[actix::test]
async fn upgrades_wait_for_sign_ins() {
    let (_, hasher) = overloaded(&PasswordHasherSettings {
        upgrades_capacity: 20,
        ..settings(SLOW)
    });
    let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for _ in 0..5 {
        let (hasher, order) = (hasher.clone(), order.clone());
        tasks.push(actix::spawn(async move {
            hasher.upgrade(secret("x")).await.unwrap();
            order.lock().unwrap().push("upgrade");
        }));
    }
    tokio::task::yield_now().await;
    for _ in 0..3 {
        let (hasher, order) = (hasher.clone(), order.clone());
        tasks.push(actix::spawn(async move {
            hasher.verify(secret("x"), None).await.unwrap();
            order.lock().unwrap().push("sign-in");
        }));
    }
    join_all(tasks).await;
    let order = order.lock().unwrap();
    // One upgrade may have begun before the sign-ins came.
    let last_sign_in = order.iter().rposition(|what| *what == "sign-in").unwrap();
    assert!(last_sign_in <= 3, "{order:?}");
    assert_eq!(order.len(), 8);
}

#[actix::test]
async fn an_unusable_cost_is_refused_at_the_start() {
    let cost = Argon2Cost {
        memory: 1,
        iterations: 0,
        parallelism: 0,
    };
    assert!(PasswordHasher::start(&instruments(&clock().1), &settings(cost)).is_err());
}

/// The niceness of each thread of this process that has this name. Linux counts it per thread: `proc_pid_stat(5)`, field 19.
#[cfg(target_os = "linux")]
fn niceness_of_threads(name: &str) -> Vec<i32> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok())
        .filter(|stat| stat.contains(&format!("({name})")))
        .filter_map(|stat| stat.rsplit(") ").next()?.split(' ').nth(16)?.parse().ok())
        .collect()
}

#[cfg(target_os = "linux")]
#[actix::test]
async fn hashing_gives_way_to_everything_else() {
    let hasher = hasher(CHEAP);
    hasher.hash(secret("correct horse")).await.unwrap();
    let mine = rustix::process::nice(0).unwrap();
    // Threads of other tests have the name, too, and some have only just begun.
    for _ in 0..500 {
        let of_threads = niceness_of_threads("password-1");
        if !of_threads.is_empty() && of_threads.iter().all(|niceness| *niceness == (mine + 10).min(19)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?} beside {mine}", niceness_of_threads("password-1"));
}

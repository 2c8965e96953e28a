//! The stored formats: argon2id in PHC strings, and bcrypt.

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret, SecretString};

use super::{Argon2Cost, Decoy, NewHashes, Verification};

/// Stored costs beyond these are not worked on: such a hash was not written by us.
const MEMORY_AT_MOST: u32 = 256 * 1_024;
const ITERATIONS_AT_MOST: u32 = 16;
const BCRYPT_COST_AT_MOST: u32 = 15;

const BCRYPT_LENGTH: usize = 60;

/// Why a hash could not be computed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("argon2id failed: {0}")]
    Argon2(argon2::Error),
    #[error("bcrypt failed: {0}")]
    Bcrypt(bcrypt::BcryptError),
    #[error("the hash cannot be written")]
    Encoding,
}

pub(super) fn parameters(cost: Argon2Cost) -> Result<Params, argon2::Error> {
    Params::new(cost.memory, cost.iterations, cost.parallelism, None)
}

/// The hashing of one thread, with the memory that it keeps.
pub(super) struct Hashing {
    cost: Argon2Cost,
    new_hashes: NewHashes,
    decoy: Decoy,
    /// Grows to what the configured cost needs when it is first used.
    memory: Vec<Block>,
}

/// What a stored value says.
enum Stored {
    Argon2id(Box<Argon2id>),
    Bcrypt,
    Unusable,
}

struct Argon2id {
    params: Params,
    version: Version,
    salt: Salt,
    output: Output,
}

impl Hashing {
    pub(super) fn new(cost: Argon2Cost, new_hashes: NewHashes, decoy: Decoy) -> Self {
        Self {
            cost,
            new_hashes,
            decoy,
            memory: Vec::new(),
        }
    }

    pub(super) fn hash(&mut self, password: &SecretString) -> Result<String, Fault> {
        match self.new_hashes {
            NewHashes::Argon2id => self.hash_argon2id(password),
            // As the programs that read such hashes do: of long passwords the first 72 bytes count.
            NewHashes::Bcrypt { cost } => {
                bcrypt::hash(password.expose_secret(), bounded(cost)).map_err(Fault::Bcrypt)
            }
        }
    }

    fn hash_argon2id(&mut self, password: &SecretString) -> Result<String, Fault> {
        let salt = Salt::new(&rand::random::<[u8; 16]>()).map_err(|_| Fault::Encoding)?;
        let params = parameters(self.cost).map_err(Fault::Argon2)?;
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        self.argon2id(password, &params, Version::V0x13, salt.as_ref(), &mut output)?;
        let hash = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: (&params).try_into().map_err(|_| Fault::Encoding)?,
            salt: Some(salt),
            hash: Some(Output::new(&output).map_err(|_| Fault::Encoding)?),
        };
        Ok(hash.to_string())
    }

    pub(super) fn verify(
        &mut self,
        password: &SecretString,
        stored: Option<&str>,
    ) -> Result<Verification, Fault> {
        match stored.map_or(Stored::Unusable, parse) {
            Stored::Argon2id(argon2id) => {
                let Argon2id {
                    params,
                    version,
                    salt,
                    output,
                } = *argon2id;
                let mut computed = vec![0; output.len()];
                self.argon2id(password, &params, version, salt.as_ref(), &mut computed)?;
                // Comparing outputs takes constant time.
                let matches = Output::new(&computed).is_ok_and(|computed| computed == output);
                let is_older = version != Version::V0x13 || !self.has_configured_cost(&params);
                Ok(self.verification(matches, is_older))
            }
            Stored::Bcrypt => {
                let matches = bcrypt::verify(password.expose_secret(), stored.unwrap_or_default());
                Ok(self.verification(matches.unwrap_or(false), true))
            }
            Stored::Unusable => {
                self.spend_the_time_of_a_check(password)?;
                Ok(Verification::Mismatch)
            }
        }
    }

    fn verification(&self, matches: bool, is_older: bool) -> Verification {
        if matches {
            Verification::Match {
                needs_upgrade: is_older && self.new_hashes == NewHashes::Argon2id,
            }
        } else {
            Verification::Mismatch
        }
    }

    fn has_configured_cost(&self, params: &Params) -> bool {
        let Argon2Cost {
            memory,
            iterations,
            parallelism,
        } = self.cost;
        (params.m_cost(), params.t_cost(), params.p_cost()) == (memory, iterations, parallelism)
    }

    fn spend_the_time_of_a_check(&mut self, password: &SecretString) -> Result<(), Fault> {
        match self.decoy {
            Decoy::Argon2id => {
                let params = parameters(self.cost).map_err(Fault::Argon2)?;
                let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
                self.argon2id(password, &params, Version::V0x13, &[0; 16], &mut output)?;
                std::hint::black_box(output);
            }
            Decoy::Bcrypt { cost } => {
                let hash = bcrypt::hash_with_salt(password.expose_secret(), bounded(cost), [0; 16]);
                let _ = std::hint::black_box(hash);
            }
        }
        Ok(())
    }

    fn argon2id(
        &mut self,
        password: &SecretString,
        params: &Params,
        version: Version,
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), Fault> {
        let blocks = params.block_count();
        let kept = usize::try_from(self.cost.memory).unwrap_or(usize::MAX).max(8);
        let mut borrowed = Vec::new();
        let memory = if blocks <= kept {
            &mut self.memory
        } else {
            &mut borrowed
        };
        if memory.len() < blocks {
            memory.resize(blocks, Block::default());
        }
        Argon2::new(Algorithm::Argon2id, version, params.clone())
            .hash_password_into_with_memory(
                password.expose_secret().as_bytes(),
                salt,
                output,
                &mut memory[..blocks],
            )
            .map_err(Fault::Argon2)
    }
}

/// A cost that bcrypt takes and that does not hold a thread for long.
fn bounded(bcrypt_cost: u32) -> u32 {
    bcrypt_cost.clamp(4, BCRYPT_COST_AT_MOST)
}

fn parse(stored: &str) -> Stored {
    if stored.starts_with("$argon2id$") {
        return parse_argon2id(stored).map_or(Stored::Unusable, |hash| Stored::Argon2id(Box::new(hash)));
    }
    if is_bcrypt(stored) {
        Stored::Bcrypt
    } else {
        Stored::Unusable
    }
}

fn parse_argon2id(stored: &str) -> Option<Argon2id> {
    let hash = PasswordHash::new(stored).ok()?;
    let params = Params::try_from(&hash).ok()?;
    if params.m_cost() > MEMORY_AT_MOST || params.t_cost() > ITERATIONS_AT_MOST {
        return None;
    }
    let version = match hash.version {
        // Absent means the first version (PHC string format of Argon2).
        None => Version::V0x10,
        Some(version) => Version::try_from(version).ok()?,
    };
    Some(Argon2id {
        params,
        version,
        salt: hash.salt?,
        output: hash.hash?,
    })
}

fn is_bcrypt(stored: &str) -> bool {
    let known_prefix = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .any(|prefix| stored.starts_with(prefix));
    if stored.len() != BCRYPT_LENGTH || !known_prefix || !stored.is_ascii() {
        return false;
    }
    stored[4..6]
        .parse()
        .is_ok_and(|cost: u32| (4..=BCRYPT_COST_AT_MOST).contains(&cost))
}

//! Secrets that may be replaced while the process runs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::SecretString;

/// A secret that its clones share: whoever holds one sees the value of the moment.
#[derive(Clone)]
pub struct ReloadableSecret(Arc<RwLock<SecretString>>);

impl ReloadableSecret {
    /// The value of this moment.
    #[must_use]
    pub fn current(&self) -> SecretString {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on this is the value that `fresh` has now, wherever this secret was cloned to.
    pub(super) fn take_over(&self, fresh: &Self) {
        let value = fresh.current();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl From<SecretString> for ReloadableSecret {
    fn from(secret: SecretString) -> Self {
        Self(Arc::new(RwLock::new(secret)))
    }
}

impl fmt::Debug for ReloadableSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ReloadableSecret(****)")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn clones_see_the_value_of_the_moment_and_nothing_shows() {
        let secret = ReloadableSecret::from(SecretString::from("one"));
        let held = secret.clone();
        let fresh = ReloadableSecret::from(SecretString::from("two"));
        secret.take_over(&fresh);
        assert_eq!(held.current().expose_secret(), "two");
        assert_eq!(format!("{held:?}"), "ReloadableSecret(****)");
    }
}

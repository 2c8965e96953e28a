//! The keys of this deployment, from the configuration.

use crate::config::Config;
use crate::domain::{MasterKey, MasterKeys};

/// The keys that `config` names.
pub(crate) fn master_keys(config: &Config) -> MasterKeys {
    let (current, former) = named(config);
    MasterKeys::new(current, former)
}

/// From now on `keys` are those that `config` names.
pub(super) fn replace(keys: &MasterKeys, config: &Config) {
    let (current, former) = named(config);
    keys.replace(current, former);
}

fn named(config: &Config) -> (MasterKey, Vec<MasterKey>) {
    let secrets = &config.secrets;
    let former = secrets.former_encryption_keys.iter();
    (
        (*secrets.symmetric_encryption_key.expose()).into(),
        former.map(|key| (*key.expose()).into()).collect(),
    )
}

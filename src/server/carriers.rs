//! Who carries what leaves by the outbox, by its kind.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use identite_actors::outbox::{Carrier, DeliveryError, Item};

/// Hands each item to the carrier of its kind.
#[derive(Default)]
pub(super) struct Carriers {
    by_kind: HashMap<&'static str, Arc<dyn Carrier>>,
}

impl Carriers {
    /// These carriers, and one more.
    pub(super) fn with(mut self, kind: &'static str, carrier: Arc<dyn Carrier>) -> Self {
        self.by_kind.insert(kind, carrier);
        self
    }
}

#[async_trait]
impl Carrier for Carriers {
    async fn deliver(&self, item: &Item) -> Result<(), DeliveryError> {
        match self.by_kind.get(item.kind.as_str()) {
            Some(carrier) => carrier.deliver(item).await,
            // A newer version on another node may know it: it stays for that one.
            None => Err(DeliveryError::Transient(
                "nobody here carries this kind of item".to_owned(),
            )),
        }
    }
}

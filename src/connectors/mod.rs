//! The remote systems: one file each, with its types, its errors and what its answers mean.
//!
//! Every call has a deadline and a circuit, is counted, and is driven by the runtime of the process, whoever asks. A
//! connector never decides what its silence means for a person: that is the business of the use case.

mod call;
mod circuit;
pub mod debounce;
pub mod franceconnect;
mod http;
mod kept;
mod metrics;
pub mod passkey_names;
pub mod pwned_passwords;
pub mod relying_parties;

pub use call::CallError;
pub use circuit::{Circuit, CircuitSettings};
pub use debounce::Debounce;
pub use franceconnect::FranceConnect;
pub use http::{HttpClient, HttpClientError, HttpSettings};
pub use metrics::ConnectorMetrics;
pub use passkey_names::PasskeyNames;
pub use pwned_passwords::PwnedPasswords;
pub use relying_parties::{ClientKeyDocuments, LogoutReceivers};

//! The remote systems: one file each, with its types, its errors and what its answers mean.
//!
//! Every call has a deadline and a circuit, is counted, and is driven by the runtime of the process, whoever asks. A
//! connector never decides what its silence means for a person: that is the business of the use case.

pub mod annuaire_education_nationale;
pub mod annuaire_service_public;
pub mod api_entreprise;
mod call;
mod circuit;
pub mod crisp;
pub mod debounce;
pub mod franceconnect;
mod http;
pub mod infogreffe;
pub mod insee;
mod kept;
mod metrics;
pub mod passkey_names;
pub mod played;
pub mod pwned_passwords;
pub mod recherche_entreprises;
pub mod relying_parties;
mod retry;
pub mod rne;
mod tokens;

pub use annuaire_education_nationale::{AnnuaireEducationNationale, SchoolAnswer};
pub use annuaire_service_public::AnnuaireServicePublic;
pub use api_entreprise::{ApiEntreprise, ApiEntrepriseSettings, EstablishmentAnswer, Play};
pub use call::CallError;
pub use circuit::{Circuit, CircuitSettings};
pub use crisp::{Crisp, CrispSettings};
pub use debounce::Debounce;
pub use franceconnect::FranceConnect;
pub use http::{HttpClient, HttpClientError, HttpSettings, Waiting};
pub use infogreffe::{Infogreffe, InfogreffeSettings};
pub use insee::{Insee, InseeLogin, InseeSettings};
pub use metrics::ConnectorMetrics;
pub use passkey_names::PasskeyNames;
pub use pwned_passwords::PwnedPasswords;
pub use recherche_entreprises::{FoundEstablishment, RechercheEntreprises, SearchTerms};
pub use relying_parties::{ClientKeyDocuments, LogoutReceivers};
pub use rne::{Rne, RneLogin, RneSettings};
pub use tokens::{TokenGrant, TokenKeeper};

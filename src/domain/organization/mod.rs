//! What is known of an establishment: the register's record, what is kept of it, and the rules over it
//! (spec/organizations.md §2 and §3).

mod address;
mod headcount;
mod info;
mod labels;
mod profile;
mod record;
#[cfg(test)]
mod tests;

pub use address::display_address;
pub use headcount::{HEADCOUNTS, headcount_label};
pub use info::OrganizationInfo;
pub use labels::display_name;
pub use profile::{ContactDirectory, OrganizationProfile, TypeLabel};
pub use record::{
    ActivitePrincipale, Adresse, EstablishmentRecord, FormeJuridique, PersonneMorale, PersonnePhysique,
    TrancheEffectif, UniteLegale,
};

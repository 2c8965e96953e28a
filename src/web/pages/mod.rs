//! The page models: one struct a page, holding exactly what its template shows. No logic, no HTTP.

pub mod account;
pub mod certification;
pub mod confirmation;
pub mod decision_helper;
pub mod errors;
pub mod factors;
pub mod franceconnect;
pub mod home;
pub mod joining;
pub mod legal;
pub mod logout;
pub mod manage_organizations;
pub mod moderations;
pub mod official_contact;
pub mod oidc;
pub mod organizations;
pub mod passwords;
pub mod second_factor;
pub mod sign_in;

#[cfg(test)]
mod contract;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod well_formed;

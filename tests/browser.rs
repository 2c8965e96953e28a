//! People in a real browser (headless Chromium): from a service to the sign-in pages, back with claims, and out again.
//!
//! One module a subject. Pictures of the pages are left in `target/screenshots`.

#[path = "browser/harness/mod.rs"]
mod harness;
mod support;

#[path = "browser/accounts/mod.rs"]
mod accounts;
#[path = "browser/arrivals.rs"]
mod arrivals;
#[path = "browser/certification.rs"]
mod certification;
#[path = "browser/gallery.rs"]
mod gallery;
#[path = "browser/identity.rs"]
mod identity;
#[path = "browser/levels.rs"]
mod levels;
#[path = "browser/mails.rs"]
mod mails;
#[path = "browser/memberships.rs"]
mod memberships;
#[path = "browser/organizations.rs"]
mod organizations;
#[path = "browser/passkeys.rs"]
mod passkeys;
#[path = "browser/rare_pages.rs"]
mod rare_pages;
#[path = "browser/relying_party.rs"]
mod relying_party;
#[path = "browser/returns.rs"]
mod returns;
#[path = "browser/second_factor.rs"]
mod second_factor;
#[path = "browser/sign_in.rs"]
mod sign_in;

//! A browser for tests: one driver program for all, a fresh profile for each, pictures and accessibility checks.

mod accessibility;
mod browser;
mod driver;
pub mod gallery;
mod gestures;
mod screenshots;
mod tree;

pub use browser::{Browser, Script, browse, browse_with};

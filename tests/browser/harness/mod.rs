//! A browser for tests: one driver program for all, a fresh profile for each, pictures and accessibility checks.

mod accessibility;
mod browser;
mod driver;
mod gestures;
mod screenshots;

pub use browser::{Browser, Script, browse, browse_with};

//! The OpenID Connect identity server for professionals and their organizations.
//!
//! Rooms and floors are drawn in `docs/ARCHITECTURE.md`; a room uses only the floors below it.

pub mod domain;

//! The OpenID Connect protocol as three stages that never mix: read, decide, act.

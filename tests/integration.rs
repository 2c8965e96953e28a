//! Tests that need a PostgreSQL server: one binary, one module a subject.

mod support;

#[path = "integration/connectors.rs"]
mod connectors;
#[path = "integration/fixtures.rs"]
mod fixtures;
#[path = "integration/oidc.rs"]
mod oidc;
#[path = "integration/pool.rs"]
mod pool;
#[path = "integration/queries.rs"]
mod queries;
#[path = "integration/schema.rs"]
mod schema;

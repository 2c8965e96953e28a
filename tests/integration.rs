//! Tests that need a PostgreSQL server: one binary, one module a subject.

mod support;

#[path = "integration/account_queries.rs"]
mod account_queries;
#[path = "integration/accounts/mod.rs"]
mod accounts;
#[path = "integration/bad_input.rs"]
mod bad_input;
#[path = "integration/configuration.rs"]
mod configuration;
#[path = "integration/connectors.rs"]
mod connectors;
#[path = "integration/fixtures.rs"]
mod fixtures;
#[path = "integration/mfa/mod.rs"]
mod mfa;
#[path = "integration/oidc.rs"]
mod oidc;
#[path = "integration/openid_plans/mod.rs"]
mod openid_plans;
#[path = "integration/operators.rs"]
mod operators;
#[path = "integration/organizations/mod.rs"]
mod organizations;
#[path = "integration/outbox.rs"]
mod outbox;
#[path = "integration/passkeys/mod.rs"]
mod passkeys;
#[path = "integration/passwords.rs"]
mod passwords;
#[path = "integration/pool.rs"]
mod pool;
#[path = "integration/queries.rs"]
mod queries;
#[path = "integration/registers/mod.rs"]
mod registers;
#[path = "integration/rehearsal/mod.rs"]
mod rehearsal;
#[path = "integration/schema.rs"]
mod schema;
#[path = "integration/sessions.rs"]
mod sessions;
#[path = "integration/tools.rs"]
mod tools;

//! PostgreSQL: one file a table group, every query a named function.

//! Configuration: environment variables, read once, all errors reported at once.

//! HTTP only: the route table, middleware, extractors, forms, page models, error pages.

pub mod access_log;
pub mod app;
pub mod assets;
pub mod client_address;
pub mod cookies;
mod error;
mod fields;
mod form;
mod gate;
mod home;
pub mod notifications;
mod oidc;
pub mod operator;
mod page;
pub mod pages;
mod paths;
pub mod render;
pub mod routes;
pub mod security_headers;
mod select_organization;
mod session;
mod sign_in;

//! HTTP only: the route table, middleware, extractors, forms, page models, error pages.

pub mod assets;
pub mod notifications;
pub mod pages;
pub mod render;

//! HTTP only: the route table, middleware, extractors, forms, page models, error pages.

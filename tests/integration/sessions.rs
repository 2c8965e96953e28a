//! Browser sessions across time, nodes, tabs and the loss of the volatile state.

#[path = "sessions/lifetime.rs"]
mod lifetime;
#[path = "sessions/nodes.rs"]
mod nodes;
#[path = "sessions/redis.rs"]
mod redis;
#[path = "sessions/tabs.rs"]
mod tabs;

//! Several processes behind a balancer, one PostgreSQL, one Redis: what people and relying parties notice when requests hop
//! from node to node, and when parts of it all fail under load. Every test prints figures.
//!
//! `HAProxy` must be installed (`script/bootstrap --tests`).

mod support;

#[path = "cluster/balancer.rs"]
mod balancer;
#[path = "cluster/cluster.rs"]
mod cluster;
#[path = "cluster/faults.rs"]
mod faults;
#[path = "cluster/figures.rs"]
mod figures;
#[path = "cluster/hops.rs"]
mod hops;
#[path = "cluster/load.rs"]
mod load;
#[path = "cluster/person.rs"]
mod person;
#[path = "cluster/postgres.rs"]
mod postgres;

//! What operators see and do: health, metrics, logs, signals.

#[path = "operators/dashboards.rs"]
mod dashboards;
#[path = "operators/exports.rs"]
mod exports;
#[path = "operators/health.rs"]
mod health;
#[path = "operators/housekeeping.rs"]
mod housekeeping;
#[path = "operators/live.rs"]
mod live;
#[path = "operators/logs.rs"]
mod logs;
#[path = "operators/metrics.rs"]
mod metrics;
#[path = "operators/reload.rs"]
mod reload;
#[path = "operators/stop.rs"]
mod stop;

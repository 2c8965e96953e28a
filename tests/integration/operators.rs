//! What operators see and do: health, metrics, logs, signals.

#[path = "operators/health.rs"]
mod health;
#[path = "operators/logs.rs"]
mod logs;
#[path = "operators/metrics.rs"]
mod metrics;
#[path = "operators/stop.rs"]
mod stop;

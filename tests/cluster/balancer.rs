//! `HAProxy` in front of the nodes: the next request goes to the next node.

use std::fmt::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use url::Url;

use crate::support::Process;

const START_PATIENCE: Duration = Duration::from_secs(10);

/// A node as the balancer knows it.
pub struct Backend {
    /// Port of people and relying parties.
    pub port: u16,
    /// Port of `/readyz`.
    pub operator_port: u16,
}

/// A running balancer. It ends when dropped.
pub struct Balancer {
    _process: Process,
    _directory: TempDir,
}

impl Balancer {
    /// Starts a balancer on `port` over `backends`.
    pub async fn start(port: u16, backends: &[Backend]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("haproxy.cfg");
        std::fs::write(&path, configuration(port, backends)).expect("the configuration is written");
        let mut command = Command::new("haproxy");
        command.arg("-db").arg("-f").arg(&path);
        let mut process = Process::start("HAProxy", &mut command);
        let deadline = Instant::now() + START_PATIENCE;
        let url = Url::parse(&format!("http://127.0.0.1:{port}/users/start-sign-in")).expect("a URL");
        loop {
            assert!(process.is_running(), "HAProxy ended while starting");
            if crate::support::http_get(url.clone())
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                break;
            }
            assert!(Instant::now() < deadline, "nobody answers behind HAProxy");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self {
            _process: process,
            _directory: directory,
        }
    }
}

/// What docs/OPERATIONS.md recommends, with the patience of a test.
fn configuration(port: u16, backends: &[Backend]) -> String {
    let mut text = format!(
        "defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  option forwardfor
  # A connection to a node serves one request: none is lost with a connection that a node closes.
  option http-server-close
  http-reuse never
  option redispatch 1
  retries 3
  # A request that reached nobody may go to another node; one that may have been acted upon is not repeated.
  retry-on conn-failure
frontend people
  bind 127.0.0.1:{port}
  http-request set-header X-Forwarded-Proto http
  default_backend nodes
backend nodes
  balance roundrobin
  option httpchk GET /readyz
"
    );
    for (number, backend) in backends.iter().enumerate() {
        let Backend { port, operator_port } = backend;
        writeln!(
            text,
            "  server node{number} 127.0.0.1:{port} check port {operator_port} inter 200ms fall 2 rise 1"
        )
        .expect("a text");
    }
    text
}

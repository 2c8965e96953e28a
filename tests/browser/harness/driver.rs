//! The driver program (chromedriver): one for the whole run, ended with it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::support::free_port;

/// How long the driver may take to listen.
const START_PATIENCE: Duration = Duration::from_secs(20);

struct Driver {
    url: String,
    /// A shell that ends the driver when the pipe from this process closes, which the system does however we end.
    _guardian: Child,
}

/// The address of the driver; it is started at the first call.
pub fn driver_url() -> &'static str {
    static DRIVER: OnceLock<Driver> = OnceLock::new();
    &DRIVER.get_or_init(start).url
}

fn start() -> Driver {
    let port = free_port();
    let mut guardian = Command::new("sh")
        .args([
            "-c",
            "\"$@\" & driver=$!; read -r _; kill $driver; wait $driver",
            "guardian",
        ])
        .arg(std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".into()))
        .arg(format!("--port={port}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    wait_until_ready(BufReader::new(guardian.stdout.take().expect("a pipe")));
    Driver {
        url: format!("http://127.0.0.1:{port}"),
        _guardian: guardian,
    }
}

fn wait_until_ready(output: impl BufRead + Send + 'static) {
    let (sender, receiver) = std::sync::mpsc::channel();
    // The thread reads on after the driver is ready, so that it never waits for a full pipe.
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if line.contains("was started successfully") {
                sender.send(()).ok();
            }
        }
    });
    receiver
        .recv_timeout(START_PATIENCE)
        .expect("chromedriver is installed and starts");
}

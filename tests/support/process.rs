//! A program under test: its output is kept, and it ends with the test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pause between two looks at whether the program has ended or said something.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// Lines of output shown when a test fails.
const SHOWN_LINES: usize = 200;

/// A running program. Dropping it kills the program; when the test is failing, its output is shown.
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command`, keeping what it writes to its standard output and error.
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let output = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            keep(child.stdout.take().expect("stdout is piped"), &output),
            keep(child.stderr.take().expect("stderr is piped"), &output),
        ];
        Self {
            name: name.to_owned(),
            child,
            output,
            readers,
        }
    }

    /// The process identifier.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything written so far, in the order of arrival.
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the program still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the state of the program").is_none()
    }

    /// The rest of the first line that starts with `beginning`.
    ///
    /// # Panics
    /// When the program ends before, or `patience` is over.
    pub async fn wait_for_line(&mut self, beginning: &str, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        loop {
            let output = self.output();
            if let Some(rest) = output.lines().find_map(|line| line.strip_prefix(beginning)) {
                return rest.trim().to_owned();
            }
            assert!(
                self.is_running(),
                "{} ended before it said {beginning:?}",
                self.name
            );
            assert!(
                Instant::now() < deadline,
                "{} did not say {beginning:?} in time",
                self.name
            );
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }

    /// Asks the program to stop (`SIGTERM`) and waits for its end.
    ///
    /// # Panics
    /// When it still runs after `patience`.
    pub async fn stop(&mut self, patience: Duration) -> ExitStatus {
        self.signal("TERM");
        self.wait(patience).await
    }

    /// Sends a signal by name, as `kill` knows it.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .expect("kill can be run");
        assert!(status.success(), "{} could not be sent SIG{name}", self.name);
    }

    /// Ends the program at once (`SIGKILL`), without any chance to finish what it does.
    pub fn kill(&mut self) {
        self.child.kill().expect("the program can be killed");
        self.child.wait().expect("the end of the program");
    }

    /// Waits for the end of the program.
    ///
    /// # Panics
    /// When it still runs after `patience`.
    pub async fn wait(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("the state of the program") {
                for reader in self.readers.drain(..) {
                    reader.join().ok();
                }
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "{} still runs after {patience:?}",
                self.name
            );
            tokio::time::sleep(LOOK_PAUSE).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already: then there is nothing left to do.
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<&str> = output.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("--- output of {} ---\n{}\n---", self.name, shown.join("\n"));
        }
    }
}

/// Copies a stream line by line, on a thread of its own: no runtime has to be awake for it.
fn keep(stream: impl Read + Send + 'static, output: &Arc<Mutex<String>>) -> JoinHandle<()> {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            output.push_str(&String::from_utf8_lossy(&line));
            output.push('\n');
        }
    })
}

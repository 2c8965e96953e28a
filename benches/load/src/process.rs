//! The server as a process: started, watched through `/proc`, stopped by its number.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::LoadError;

/// Longest wait for the first answer, and for the end after the request to stop.
const START_DEADLINE: Duration = Duration::from_mins(1);
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// Unit of the times in `/proc/<pid>/stat`: `sysconf(_SC_CLK_TCK)`, which Linux fixes at 100 for programs.
const TICKS_PER_SECOND: u32 = 100;
const KIB: u64 = 1024;

/// User and system time that a process has used so far, its ended threads included; to 10 ms.
///
/// # Errors
/// There is no such process.
pub fn cpu_time(pid: u32) -> Result<Duration, LoadError> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The program's name, in parentheses, may contain blanks; what follows it may not. proc_pid_stat(5): the state is
    // field 3, utime 14, stime 15.
    let fields = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u32 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u32>().unwrap_or_default())
        .sum();
    Ok(Duration::from_secs(1) * ticks / TICKS_PER_SECOND)
}

/// Time for which the cores of this machine had nothing to do since it started, all cores together; to 10 ms.
///
/// # Errors
/// `/proc` is not there.
pub fn idle_time() -> Result<Duration, LoadError> {
    let stat = fs::read_to_string("/proc/stat")?;
    // proc_stat(5): the first line is about all cores; idle is its fourth number, waiting for disks its fifth.
    let ticks: u64 = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(4)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap_or_default())
        .sum();
    Ok(Duration::from_millis(ticks * 1000 / u64::from(TICKS_PER_SECOND)))
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// Most resident since the start, or since [`Server::forget_peak`].
    pub peak: u64,
}

/// How to start the server.
#[derive(Clone)]
pub struct Launch {
    pub binary: PathBuf,
    /// Program and arguments under which the binary runs; usually none.
    pub wrapper: Vec<String>,
    pub address: SocketAddr,
    /// File for what the server prints.
    pub log: PathBuf,
}

/// A running server. Dropping it ends the process.
pub struct Server {
    child: Child,
    /// From the start of the process to its first answer.
    pub time_to_first_answer: Duration,
}

impl Server {
    /// Starts the server, with the environment of this process, and waits for its first answer.
    ///
    /// # Errors
    /// The program cannot be started, ends, or does not answer in time.
    pub fn start(launch: &Launch) -> Result<Self, LoadError> {
        if TcpStream::connect(launch.address).is_ok() {
            return Err(LoadError::Setup(format!(
                "{} is taken by another program",
                launch.address
            )));
        }
        let log = File::options().create(true).append(true).open(&launch.log)?;
        let began = Instant::now();
        let mut command = match launch.wrapper.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&launch.binary);
                command
            }
            None => Command::new(&launch.binary),
        };
        let child = command
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut server = Self {
            child,
            time_to_first_answer: Duration::ZERO,
        };
        while !answers(launch.address) {
            if let Some(status) = server.child.try_wait()? {
                let said = last_lines(&launch.log);
                return Err(LoadError::Setup(format!("the server ended ({status}): {said}")));
            }
            if began.elapsed() > START_DEADLINE {
                return Err(LoadError::Setup("the server does not answer".to_owned()));
            }
            thread::sleep(Duration::from_millis(1));
        }
        server.time_to_first_answer = began.elapsed();
        Ok(server)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time used so far.
    ///
    /// # Errors
    /// The process has ended.
    pub fn cpu_time(&self) -> Result<Duration, LoadError> {
        cpu_time(self.pid())
    }

    /// # Errors
    /// The process has ended.
    pub fn memory(&self) -> Result<Memory, LoadError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let kib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            number
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap_or_default()
        };
        Ok(Memory {
            resident: kib("VmRSS:") * KIB,
            peak: kib("VmHWM:") * KIB,
        })
    }

    /// Lets [`Memory::peak`] begin anew.
    ///
    /// # Errors
    /// The process has ended.
    pub fn forget_peak(&self) -> Result<(), LoadError> {
        const RESET_PEAK: &str = "5"; // proc_pid_clear_refs(5)
        fs::write(format!("/proc/{}/clear_refs", self.pid()), RESET_PEAK)?;
        Ok(())
    }

    /// Asks the process to end and waits until it has.
    ///
    /// # Errors
    /// It does not end in time, and is killed; or it ends with an error.
    pub fn stop(mut self) -> Result<(), LoadError> {
        let status = Command::new("kill")
            .args(["-TERM", &self.pid().to_string()])
            .status()?;
        if !status.success() {
            return Err(LoadError::Setup("the server ended by itself".to_owned()));
        }
        let began = Instant::now();
        while began.elapsed() < STOP_DEADLINE {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() {
                    Ok(())
                } else {
                    Err(LoadError::Setup(format!("the server ended with {status}")))
                };
            }
            thread::sleep(Duration::from_millis(10));
        }
        Err(LoadError::Setup("the server does not stop".to_owned()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only when it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the discovery document is served.
fn answers(address: SocketAddr) -> bool {
    fn first_line(address: SocketAddr) -> io::Result<[u8; 12]> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        let request =
            "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes())?;
        let mut line = [0; 12];
        stream.read_exact(&mut line)?;
        Ok(line)
    }
    first_line(address).is_ok_and(|line| line == *b"HTTP/1.1 200")
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_was_spent_is_seen() {
        let before = cpu_time(std::process::id()).unwrap();
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(80) {
            std::hint::black_box((0..1000_u64).sum::<u64>());
        }
        assert!(cpu_time(std::process::id()).unwrap() > before);
    }
}

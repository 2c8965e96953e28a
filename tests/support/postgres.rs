//! A PostgreSQL server for the tests: the one that `TEST_DATABASE_URL` names, or a private one for this run.

use std::fs;
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::free_port;

const START_PATIENCE: Duration = Duration::from_secs(30);
/// Where Debian keeps the server programs, which are not in the search path.
const DEBIAN_PROGRAMS: &str = "/usr/lib/postgresql";

/// The URL of a maintenance database on the server, with a role that may create databases.
///
/// A private server is started at the first call and ends with this process, however that ends.
pub fn maintenance_url() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| match std::env::var("TEST_DATABASE_URL") {
        Ok(url) if !url.is_empty() => url,
        _ => private_server().url.clone(),
    })
}

struct PrivateServer {
    url: String,
    /// It stops the server when its input closes, which the operating system does when this process ends.
    _guardian: Child,
}

fn private_server() -> &'static PrivateServer {
    static SERVER: OnceLock<PrivateServer> = OnceLock::new();
    SERVER.get_or_init(start)
}

fn start() -> PrivateServer {
    let folder = std::env::temp_dir().join(format!("identite-tests-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the server");
    if we_are_root() {
        // PostgreSQL refuses to run as root.
        run(Command::new("chown").arg("postgres").arg(&folder));
    }
    let data = folder.join("data");
    run(as_server_user(&program("initdb"))
        .args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            "--pgdata",
        ])
        .arg(&data));

    let port = free_port();
    let log = fs::File::create(folder.join("guardian.log")).expect("a log for the guardian");
    // Without fsync: what is in there matters to nobody after a crash.
    let settings = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 \
                    -c shared_buffers=64MB -c autovacuum=off";
    let script = format!(
        "{postgres} -D {data} -k {folder} -h 127.0.0.1 -p {port} {settings} >{folder}/server.log 2>&1 & \
         server=$!; read -r _; kill -INT $server; wait $server; rm -rf {folder}",
        postgres = program("postgres").display(),
        data = data.display(),
        folder = folder.display(),
    );
    let guardian = as_server_user(Path::new("/bin/sh"))
        .args(["-c", &script])
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("the guardian of the server");
    let server = PrivateServer {
        url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
        _guardian: guardian,
    };
    wait_until_it_answers(&folder, port);
    server
}

/// The server says in its pid file when it is ready.
fn wait_until_it_answers(folder: &Path, port: u16) {
    let deadline = Instant::now() + START_PATIENCE;
    let pid_file = folder.join("data/postmaster.pid");
    loop {
        let state = fs::read_to_string(&pid_file).unwrap_or_default();
        if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "PostgreSQL did not start on port {port}:\n{}",
            fs::read_to_string(folder.join("server.log")).unwrap_or_default()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// `program`, run by the user that the server may run as.
pub fn as_server_user(program: &Path) -> Command {
    if we_are_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn we_are_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// The newest `name` of Debian's packages, else the one in the search path.
pub fn program(name: &str) -> PathBuf {
    let mut installed: Vec<(u32, PathBuf)> = fs::read_dir(DEBIAN_PROGRAMS)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin").join(name),
            ))
        })
        .filter(|(_, program)| program.exists())
        .collect();
    installed.sort();
    installed
        .pop()
        .map_or_else(|| PathBuf::from(name), |(_, program)| program)
}

fn run(command: &mut Command) {
    let mut output = tempfile::tempfile().expect("a temporary file");
    let status = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a handle to the file"))
        .stderr(output.try_clone().expect("a handle to the file"))
        .status();
    if status.as_ref().is_ok_and(std::process::ExitStatus::success) {
        return;
    }
    let mut text = String::new();
    output
        .flush()
        .and_then(|()| output.rewind())
        .and_then(|()| output.read_to_string(&mut text))
        .ok();
    panic!("{command:?}: {status:?}\n{text}");
}

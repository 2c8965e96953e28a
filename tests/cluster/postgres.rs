//! A PostgreSQL server that a test may crash.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{free_port, server_program, server_user_command};

const START_PATIENCE: Duration = Duration::from_secs(30);

/// See the module. It ends with this value, or with this process.
pub struct OwnPostgres {
    folder: PathBuf,
    port: u16,
    /// It stops the server when its input closes.
    guardian: Child,
}

impl OwnPostgres {
    pub fn start() -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("identite-cluster-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Command::new("chown").arg("postgres").arg(&folder).status().ok();
        let data = folder.join("data");
        let initdb = server_user_command(&server_program("initdb"))
            .args([
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "--pgdata",
            ])
            .arg(&data)
            .stdout(Stdio::null())
            .status();
        assert!(initdb.expect("initdb runs").success());
        // Committed means written: a crash of the server, unlike one of the machine, loses nothing even without fsync.
        let script = format!(
            "read -r _; {pg_ctl} -D {data} -m immediate stop; rm -rf {folder}",
            pg_ctl = server_program("pg_ctl").display(),
            data = data.display(),
            folder = folder.display()
        );
        let guardian = server_user_command(std::path::Path::new("/bin/sh"))
            .args(["-c", &script])
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the guardian");
        let postgres = Self {
            folder,
            port,
            guardian,
        };
        postgres.control("start");
        postgres
    }

    /// A maintenance database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends the server without any chance to finish what it does, and starts it again: it recovers from its log.
    pub fn crash_and_start_again(&mut self) {
        self.control("stop");
        std::thread::sleep(Duration::from_secs(1));
        self.control("start");
    }

    fn control(&self, action: &str) {
        let options = format!(
            "-h 127.0.0.1 -p {} -k {} -c fsync=off -c max_connections=300",
            self.port,
            self.folder.display()
        );
        let mut command = server_user_command(&server_program("pg_ctl"));
        command.args(["-w", "-D"]).arg(self.folder.join("data"));
        if action == "stop" {
            command.args(["-m", "immediate", "stop"]);
        } else {
            command
                .args(["-o", &options, "-l"])
                .arg(self.folder.join("server.log"))
                .arg(action);
        }
        let status = command
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.expect("pg_ctl runs").success(), "pg_ctl {action}");
        let deadline = Instant::now() + START_PATIENCE;
        while action == "start" && TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "PostgreSQL does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        if let Some(mut input) = self.guardian.stdin.take() {
            input.write_all(b"\n").ok();
        }
        self.guardian.wait().ok();
    }
}

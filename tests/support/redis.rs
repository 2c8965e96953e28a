//! A Redis server of one test, which the test may kill, freeze and wipe.

use std::process::Command;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::free_port;
use super::process::Process;

const START_PATIENCE: Duration = Duration::from_secs(10);

/// A private Redis server without any file. It ends with this value.
pub struct TestRedis {
    port: u16,
    process: Process,
}

impl TestRedis {
    /// Starts a server and waits until it answers.
    pub async fn start() -> Self {
        let port = free_port();
        let redis = Self {
            port,
            process: Process::start("Redis", &mut command(port)),
        };
        redis.wait_until_it_answers().await;
        redis
    }

    /// What `REDIS_URL` is set to.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends the server; everything in it is lost.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again after [`TestRedis::kill`], empty, on the same port.
    pub async fn start_again(&mut self) {
        self.process = Process::start("Redis", &mut command(self.port));
        self.wait_until_it_answers().await;
    }

    /// From now on the server accepts connections and answers nothing.
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Ends [`TestRedis::freeze`].
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Deletes every key.
    pub async fn wipe(&self) {
        let answer = self.ask("FLUSHALL").await.expect("an answer of Redis");
        assert_eq!(answer, "+OK\r\n");
    }

    /// How many keys there are.
    pub async fn size(&self) -> usize {
        let answer = self.ask("DBSIZE").await.expect("an answer of Redis");
        let size = answer.trim().strip_prefix(':').map(str::parse);
        size.expect("a number").expect("a number")
    }

    /// Replaces what the Lua pattern `pattern` finds in every value that is a string. Gives how many values changed.
    pub async fn rewrite(&self, pattern: &str, by: &str) -> usize {
        let script = "local n = 0 \
            for _, key in ipairs(redis.call('KEYS', '*')) do \
              if redis.call('TYPE', key).ok == 'string' then \
                local new, found = string.gsub(redis.call('GET', key), ARGV[1], ARGV[2]) \
                if found > 0 then redis.call('SET', key, new, 'KEEPTTL') n = n + 1 end \
              end \
            end \
            return n";
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let command = format!("EVAL {} 0 {} {}", quoted(script), quoted(pattern), quoted(by));
        let answer = self.ask(&command).await.expect("an answer of Redis");
        let changed = answer.trim().strip_prefix(':').map(str::parse);
        changed.expect("a number").expect("a number")
    }

    /// One inline command and its answer, if it is short.
    async fn ask(&self, command: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.write_all(format!("{command}\r\n").as_bytes()).await?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
    }

    async fn wait_until_it_answers(&self) {
        let deadline = Instant::now() + START_PATIENCE;
        while self.ask("PING").await.ok().as_deref() != Some("+PONG\r\n") {
            assert!(Instant::now() < deadline, "Redis does not answer");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn command(port: u16) -> Command {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(std::env::temp_dir());
    command
}

//! Several Redis servers that watch over one another, on free ports of the loopback interface.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use identite_actors::state::{RedisStore, StateStore};
use tempfile::TempDir;

use crate::ports::free_port;
use crate::support::eventually_within;

const PATIENCE: Duration = Duration::from_mins(1);
/// After this long without an answer, a master counts as lost.
const LOST_AFTER: &str = "1000";

/// Slots of a Cluster.
const SLOTS: u16 = 16_384;
const MASTERS: u16 = 3;

/// One process; it ends with this value.
struct Server {
    port: u16,
    bus_port: u16,
    folder: TempDir,
    process: Option<Child>,
}

impl Server {
    /// A server with these arguments besides those that every one has.
    fn start(arguments: &[&str]) -> Self {
        let mut server = Self::prepare();
        server.run_with(arguments);
        server
    }

    /// A Sentinel that watches the master at `master`.
    fn sentinel(master: u16) -> Self {
        let mut server = Self::prepare();
        let configuration = format!(
            "port {}\nbind 127.0.0.1\nsentinel monitor principal 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds principal {LOST_AFTER}\nsentinel failover-timeout principal 5000\n",
            server.port
        );
        let path = server.folder.path().join("sentinel.conf");
        std::fs::write(&path, configuration).unwrap();
        let mut command = Command::new("redis-server");
        command.arg(&path).arg("--sentinel");
        server.run(command);
        server
    }

    /// A node of a Cluster that has no other node yet.
    fn node() -> Self {
        let mut server = Self::prepare();
        let bus_port = server.bus_port.to_string();
        server.run_with(&[
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &bus_port,
            "--cluster-node-timeout",
            LOST_AFTER,
        ]);
        server
    }

    fn prepare() -> Self {
        Self {
            port: free_port(),
            bus_port: free_port(),
            folder: TempDir::new().unwrap(),
            process: None,
        }
    }

    /// Runs a server that keeps nothing, with these arguments besides.
    fn run_with(&mut self, arguments: &[&str]) {
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string()])
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--repl-diskless-sync-delay", "0"])
            .args(arguments);
        self.run(command);
    }

    fn run(&mut self, mut command: Command) {
        let process = command
            .arg("--dir")
            .arg(self.folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        self.process = Some(process);
        let started = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(started.elapsed() < PATIENCE, "redis does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// What a command gives.
    fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let client = redis::Client::open(("127.0.0.1", self.port)).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut question = redis::cmd(command[0]);
        question.arg(&command[1..]);
        question.query(&mut connection).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A master, its replica, and three Sentinels who watch them.
pub struct Sentinels {
    master: Server,
    replica: Server,
    watchers: Vec<Server>,
}

impl Sentinels {
    /// Starts them and waits until every Sentinel knows the replica and the others.
    pub async fn start() -> Self {
        let master = Server::start(&[]);
        let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]);
        let watchers: Vec<_> = (0..3).map(|_| Server::sentinel(master.port)).collect();
        let servers = Self {
            master,
            replica,
            watchers,
        };
        eventually_within(PATIENCE, "the Sentinels know one another", async || {
            servers.watchers.iter().all(|sentinel| {
                let facts: Vec<String> = sentinel.ask(&["SENTINEL", "MASTER", "principal"]);
                let is = |name: &str, value: &str| {
                    facts
                        .chunks(2)
                        .any(|fact| fact.first().is_some_and(|key| key == name) && fact[1] == value)
                };
                is("num-slaves", "1") && is("num-other-sentinels", "2") && is("flags", "master")
            })
        })
        .await;
        servers
    }

    pub fn url(&self) -> String {
        let addresses: Vec<String> = self
            .watchers
            .iter()
            .map(|sentinel| format!("127.0.0.1:{}", sentinel.port))
            .collect();
        format!("redis+sentinel://{}/principal", addresses.join(","))
    }

    /// Waits until the replica has what `store` wrote.
    pub async fn wait_for_replica(&self, store: &RedisStore) {
        store.ping().await.unwrap();
        eventually_within(PATIENCE, "the replica has everything", async || {
            self.replica.ask::<u64>(&["DBSIZE"]) == self.master.ask::<u64>(&["DBSIZE"])
        })
        .await;
    }

    pub fn kill_master(&mut self) {
        self.master.kill();
    }
}

/// Three masters with a replica each.
pub struct Cluster {
    masters: Vec<Server>,
    replicas: Vec<Server>,
}

impl Cluster {
    /// Starts it and waits until it serves.
    pub async fn start() -> Self {
        let masters: Vec<_> = (0..MASTERS).map(|_| Server::node()).collect();
        let replicas: Vec<_> = (0..MASTERS).map(|_| Server::node()).collect();
        for (number, master) in (0..MASTERS).zip(&masters) {
            let first = SLOTS / MASTERS * number;
            let last = if number + 1 == MASTERS {
                SLOTS - 1
            } else {
                first + SLOTS / MASTERS - 1
            };
            master.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        let cluster = Self { masters, replicas };
        let (port, bus_port) = (
            cluster.masters[0].port.to_string(),
            cluster.masters[0].bus_port.to_string(),
        );
        for node in cluster.nodes().skip(1) {
            node.ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus_port]);
        }
        cluster.eventually("cluster_known_nodes:6").await;
        for (master, replica) in cluster.masters.iter().zip(&cluster.replicas) {
            let id: String = master.ask(&["CLUSTER", "MYID"]);
            replica.ask::<()>(&["CLUSTER", "REPLICATE", &id]);
        }
        cluster.eventually("cluster_state:ok").await;
        cluster.wait_for_replicas().await;
        cluster
    }

    fn nodes(&self) -> impl Iterator<Item = &Server> {
        self.masters.iter().chain(&self.replicas)
    }

    /// Waits until every node says so of the Cluster.
    async fn eventually(&self, fact: &str) {
        eventually_within(PATIENCE, fact, async || {
            self.nodes()
                .all(|node| node.ask::<String>(&["CLUSTER", "INFO"]).contains(fact))
        })
        .await;
    }

    /// By its replicas, of whom some survive whatever master is killed, and one master.
    pub fn url(&self) -> String {
        let addresses: Vec<String> = self
            .nodes()
            .skip(1)
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        format!("redis+cluster://{}", addresses.join(","))
    }

    /// Waits until the replicas have what their masters have.
    pub async fn wait_for_replicas(&self) {
        eventually_within(PATIENCE, "the replicas have everything", async || {
            self.masters.iter().zip(&self.replicas).all(|(master, replica)| {
                let replication: String = replica.ask(&["INFO", "replication"]);
                replication.contains("master_link_status:up")
                    && replica.ask::<u64>(&["DBSIZE"]) == master.ask::<u64>(&["DBSIZE"])
            })
        })
        .await;
    }

    /// Kills the master that keeps a key.
    pub fn kill_master_of(&mut self, key: &str) {
        let slot: u16 = self.masters[0].ask(&["CLUSTER", "KEYSLOT", key]);
        let number = usize::from((slot / (SLOTS / MASTERS)).min(MASTERS - 1));
        self.masters[number].kill();
    }
}

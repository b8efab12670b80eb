//! Real nats-server processes: one alone, or a cluster, on loopback ports that the system chose, in temporary
//! directories, killed when dropped.
//!
//! The binary is `CONCORDAT_NATS_SERVER`, which `cargo xtask test` sets; otherwise `nats-server` on the path.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use tempfile::TempDir;

/// Longer than any start on a busy machine.
const START: Duration = Duration::from_secs(60);
/// A single server says this when clients may connect.
const READY: &str = "Server is ready";
/// The servers of a cluster say this when streams may be made.
const LEADER: &str = "metadata leader";

/// One server with JetStream and `sync_interval: always`. It keeps its port and its data from start to start.
pub struct NatsServer {
    node: Node,
}

impl NatsServer {
    /// Where the server keeps its files: for tests that look at what is on the disk.
    #[must_use]
    pub fn data_directory(&self) -> std::path::PathBuf {
        self.node.directory.path().join("data")
    }

    /// Starts a server and returns when clients may connect.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts a server with more lines in its configuration (accounts, permissions, limits).
    pub fn start_with(configuration: &str) -> Self {
        let mut node = Node::new("alone", configuration);
        node.start();
        node.expect(READY);
        Self { node }
    }

    /// Reserves a port for a server that is not yet there; [`restart`](Self::restart) starts it.
    pub fn stopped() -> Self {
        Self {
            node: Node::new("alone", ""),
        }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.node.address
    }

    /// Where clients connect, as NATS writes it.
    pub fn url(&self) -> String {
        format!("nats://{}", self.node.address)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.node.kill();
    }

    /// Starts it on the same port and data, and returns when clients may connect.
    pub fn restart(&mut self) {
        self.node.kill();
        self.node.start();
        self.node.expect(READY);
    }
}

/// Several servers of one cluster, each with JetStream and `sync_interval: always`.
pub struct NatsCluster {
    nodes: Vec<Node>,
}

impl NatsCluster {
    /// Starts `size` servers and returns when they have elected a leader.
    pub fn start(size: usize) -> Self {
        let routes: Vec<SocketAddr> = free_addresses(size);
        let all = routes
            .iter()
            .map(|route| format!("\"nats://{route}\""))
            .collect::<Vec<_>>()
            .join(", ");
        let mut nodes: Vec<Node> = routes
            .iter()
            .enumerate()
            .map(|(number, route)| {
                // A client reaches the servers that it was told of and no others, so that a proxy between them stays there.
                let cluster = format!(
                    "cluster {{ name: test, listen: \"{route}\", routes: [{all}], no_advertise: true }}\n"
                );
                Node::new(&format!("n{number}"), &cluster)
            })
            .collect();
        nodes.iter_mut().for_each(Node::start);
        nodes.iter_mut().for_each(|node| node.expect(LEADER));
        Self { nodes }
    }

    /// Where clients connect, as NATS writes it: one address a server.
    pub fn urls(&self) -> Vec<String> {
        self.nodes
            .iter()
            .map(|node| format!("nats://{}", node.address))
            .collect()
    }

    /// The number of the server with that name (`n0`, `n1`, …), as stream information gives a leader.
    pub fn number_of(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == name)
    }

    /// SIGKILL for one server.
    pub fn kill(&mut self, number: usize) {
        self.nodes[number].kill();
    }

    /// Starts one server again and returns when it knows the leader.
    pub fn restart(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        node.kill();
        node.start();
        node.expect(READY);
    }
}

struct Node {
    name: String,
    address: SocketAddr,
    directory: TempDir,
    running: Option<Running>,
}

struct Running {
    child: Child,
    /// What the server says, line by line; read to the end by a thread of its own, so that the server never blocks.
    /// In a mutex only so that a server may be shared between threads.
    lines: Mutex<mpsc::Receiver<String>>,
}

impl Node {
    fn new(name: &str, more: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let address = free_addresses(1)[0];
        let configuration = format!(
            "server_name: {name}\nlisten: \"{address}\"\n\
             jetstream {{ store_dir: \"{}\", max_file_store: 4G, max_mem: 256M, sync_interval: always }}\n{more}",
            directory.path().join("data").display()
        );
        std::fs::write(directory.path().join("nats.conf"), configuration)
            .expect("the directory is writable");
        Self {
            name: name.to_owned(),
            address,
            directory,
            running: None,
        }
    }

    fn start(&mut self) {
        let mut child = Command::new(binary())
            .arg("-c")
            .arg(self.directory.path().join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("CONCORDAT_NATS_SERVER must name a nats-server, or one be on the path");
        let stderr = child.stderr.take().expect("it was asked for");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || forward(stderr, &sender));
        self.running = Some(Running {
            child,
            lines: Mutex::new(lines),
        });
    }

    /// Returns when the server has said `words`.
    fn expect(&mut self, words: &str) {
        let running = self.running.as_mut().expect("it was started");
        let lines = running
            .lines
            .get_mut()
            .expect("no thread panics while it holds this");
        let mut said = Vec::new();
        while let Ok(line) = lines.recv_timeout(START) {
            let is_it = line.contains(words);
            said.push(line);
            if is_it {
                return;
            }
        }
        panic!(
            "nats-server {} never said {words:?}:\n{}",
            self.name,
            said.join("\n")
        );
    }

    fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.child.kill().expect("it is our child");
            running.child.wait().expect("it is our child");
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn forward(stderr: ChildStderr, lines: &mpsc::Sender<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        // Nobody listens once the test has what it waited for; the pipe is read on all the same.
        let _ = lines.send(line);
    }
}

fn binary() -> OsString {
    std::env::var_os("CONCORDAT_NATS_SERVER")
        .filter(|path| Path::new(path).exists())
        .unwrap_or_else(|| "nats-server".into())
}

/// Loopback addresses that were free a moment ago, all different. The servers need them in advance: each names the
/// others' in its configuration, and keeps its own when it starts again.
fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let listeners: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().expect("it is bound"))
        .collect()
}

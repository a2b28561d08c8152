//! Where the stores of the suite live.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mlops_features::online::{OnlineSettings, OnlineStore, open};

/// A store's place, and what has to live as long as it.
pub struct Place {
    pub settings: OnlineSettings,
    pub server: Option<Server>,
    folder: tempfile::TempDir,
}

impl Place {
    pub fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("not there yet/ünï online.redb");
        Place {
            settings: settings(file.to_str().unwrap()),
            server: None,
            folder,
        }
    }

    /// A server of its own, or nothing where there is none.
    pub fn redis() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let Some(server) = Server::start(folder.path().into()) else {
            let message =
                "there is no `redis-server` on the PATH (scripts/check_redis.sh needs it)";
            assert!(
                std::env::var("MLOPS_REDIS").as_deref() != Ok("required"),
                "{message}"
            );
            eprintln!("SKIPPED: {message}");
            return None;
        };
        Some(Place {
            settings: settings(&server.url()),
            server: Some(server),
            folder,
        })
    }

    pub fn open(&self) -> Box<dyn OnlineStore> {
        open(&self.settings).unwrap()
    }

    pub fn keeping(&self, keep: u16) -> Box<dyn OnlineStore> {
        open(&OnlineSettings {
            keep,
            ..self.settings.clone()
        })
        .unwrap()
    }

    /// Stops what there is to be stopped, as a power cut would, and starts it anew.
    pub fn restart(&mut self) {
        if let Some(server) = &mut self.server {
            server.kill();
            server.run();
        }
    }

    pub fn file_in_folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn settings(store: &str) -> OnlineSettings {
    OnlineSettings {
        store: store.into(),
        keep: 40,
        prefix: "suite".into(),
    }
}

/// A Redis server that writes everything to its folder before it answers.
pub struct Server {
    process: Child,
    port: u16,
    folder: PathBuf,
}

impl Server {
    /// `None` if the program isn't there.
    fn start(folder: PathBuf) -> Option<Self> {
        // Another program may take the port in between: then the next.
        for _ in 0..20 {
            let port = TcpListener::bind("127.0.0.1:0")
                .and_then(|free| free.local_addr())
                .unwrap()
                .port();
            let process = spawn(port, &folder)?;
            let mut server = Server {
                process,
                port,
                folder: folder.clone(),
            };
            if server.answers() {
                return Some(server);
            }
        }
        panic!("no redis-server could be started");
    }

    pub fn run(&mut self) {
        self.process = spawn(self.port, &self.folder).unwrap();
        assert!(self.answers(), "the redis-server didn't come back");
    }

    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn url(&self) -> String {
        url(self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn connection(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_connection().unwrap()
    }

    /// Whether it answers before it ends.
    fn answers(&mut self) -> bool {
        let start = Instant::now();
        let client = redis::Client::open(self.url()).unwrap();
        while start.elapsed() < Duration::from_secs(20) {
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            let connection = client.get_connection_with_timeout(Duration::from_secs(1));
            if let Ok(mut connection) = connection
                && redis::cmd("PING").exec(&mut connection).is_ok()
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

/// The address of a server behind this port.
pub fn url(port: u16) -> String {
    format!("redis://127.0.0.1:{port}/1")
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(port: u16, folder: &std::path::Path) -> Option<Child> {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args([
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ])
        .arg("--dir")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    match command.spawn() {
        Ok(process) => Some(process),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("redis-server can't be started: {error}"),
    }
}

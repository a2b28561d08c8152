//! A small server for a built site: files of one folder, to this machine only.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use super::address::decode;

/// Longest request head that is read, in bytes.
const LONGEST_HEAD: u64 = 16 * 1024;
/// Connections served at the same time; a browser opens about six.
const MOST_CONNECTIONS: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Serves a folder on 127.0.0.1 until the process is stopped; `open` shows it in a browser.
///
/// # Errors
/// If the port is taken or can't be listened on.
pub fn serve(folder: &Path, port: u16, open: bool) -> Result<()> {
    let server = Server::bind(folder, SocketAddr::from(([127, 0, 0, 1], port)))?;
    let address = format!("http://{}/", server.address()?);
    println!("Serving the guide on {address} (stop with Ctrl-C)");
    if open {
        open_in_browser(opener(), &address);
    }
    server.run();
    Ok(())
}

/// A server that is bound to an address.
struct Server {
    listener: TcpListener,
    folder: Arc<Path>,
}

impl Server {
    fn bind(folder: &Path, address: SocketAddr) -> Result<Server> {
        let folder = folder
            .canonicalize()
            .with_context(|| format!("{}", folder.display()))?;
        let listener = TcpListener::bind(address).with_context(|| {
            format!("{address} can't be listened on: another program may use it; try --port")
        })?;
        Ok(Server {
            listener,
            folder: folder.into(),
        })
    }

    fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Answers requests, each connection in a thread of its own, for as long as the process lives.
    fn run(&self) {
        let open = Arc::new(AtomicUsize::new(0));
        for stream in self.listener.incoming().flatten() {
            if open.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
                open.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (folder, open) = (Arc::clone(&self.folder), Arc::clone(&open));
            std::thread::spawn(move || {
                // A browser that goes away in the middle is none of the server's business.
                let _ = answer(&stream, &folder);
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

fn answer(stream: &TcpStream, folder: &Path) -> std::io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut reader = BufReader::new(stream.take(LONGEST_HEAD));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
    }
    let mut words = request.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    if method != "GET" && method != "HEAD" {
        return respond(
            stream,
            "405 Method Not Allowed",
            "Allow: GET, HEAD\r\n",
            b"",
        );
    }
    let with_body = method == "GET";
    match find(folder, target) {
        Found::File(file) => send_file(stream, "200 OK", &file, with_body),
        Found::Folder(address) => {
            let location = format!("Location: {address}\r\n");
            respond(stream, "301 Moved Permanently", &location, b"")
        }
        Found::Nothing => match folder.join("404.html") {
            page if page.is_file() => send_file(stream, "404 Not Found", &page, with_body),
            _ => respond(stream, "404 Not Found", "", b"not found\n"),
        },
    }
}

enum Found {
    File(PathBuf),
    /// A folder that was named without `/`: links on its page would go wrong.
    Folder(String),
    Nothing,
}

/// The file that a request's target names, which lies in `folder` or isn't found.
fn find(folder: &Path, target: &str) -> Found {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let Some(path) = path.strip_prefix('/').and_then(decode) else {
        return Found::Nothing;
    };
    let is_plain = !path.contains(['\\', '\0', ':'])
        && Path::new(&path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
    if !is_plain {
        return Found::Nothing;
    }
    // A folder's real path has to be below ours, links included.
    match folder.join(&path).canonicalize() {
        Ok(real) if !real.starts_with(folder) => Found::Nothing,
        Ok(real) if real.is_dir() && (path.is_empty() || path.ends_with('/')) => {
            let index = real.join("index.html");
            if index.is_file() {
                Found::File(index)
            } else {
                Found::Nothing
            }
        }
        Ok(real) if real.is_dir() => {
            // The path came through a browser's URL, so it can't hold a line break that ends the
            // header; a decoded one is refused with the plain text it would be.
            if path.chars().any(char::is_control) || path.starts_with('/') {
                Found::Nothing
            } else {
                Found::Folder(format!(
                    "{}/",
                    target.split(['?', '#']).next().unwrap_or("/")
                ))
            }
        }
        Ok(real) if real.is_file() && !path.ends_with('/') => Found::File(real),
        _ => Found::Nothing,
    }
}

fn send_file(stream: &TcpStream, status: &str, file: &Path, body: bool) -> std::io::Result<()> {
    let mut file_ = File::open(file)?;
    let length = file_.metadata()?.len();
    head(
        stream,
        status,
        &format!("Content-Type: {}\r\n", content_type(file)),
        length,
    )?;
    if body {
        let mut out = stream;
        std::io::copy(&mut file_, &mut out)?;
    }
    Ok(())
}

fn respond(stream: &TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    head(stream, status, headers, body.len() as u64)?;
    let mut out = stream;
    out.write_all(body)
}

fn head(mut out: &TcpStream, status: &str, headers: &str, length: u64) -> std::io::Result<()> {
    write!(
        out,
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nCache-Control: no-cache\r\n\
         X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
}

fn content_type(file: &Path) -> &'static str {
    let extension = file.extension().and_then(|extension| extension.to_str());
    match extension.unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" | "csv" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The program by which the desktop shows an address.
fn opener() -> (&'static str, &'static [&'static str]) {
    if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(windows) {
        ("cmd", &["/C", "start"])
    } else {
        ("xdg-open", &[])
    }
}

/// Asks the desktop to show an address; says so where that can't be done.
fn open_in_browser((program, arguments): (&str, &[&str]), address: &str) {
    let started = Command::new(program)
        .args(arguments)
        .arg(address)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if started.is_err() {
        println!("No browser could be opened ({program} isn't there): open {address} yourself.");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide::testing::write;

    /// A server over a small site, and what it answers to a raw request.
    fn ask(request: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "secret.txt", "secret");
        write(folder.path(), "site/index.html", "home");
        write(folder.path(), "site/404.html", "lost");
        write(folder.path(), "site/a b/index.html", "inner");
        write(folder.path(), "site/x.svg", "<svg/>");
        #[cfg(unix)]
        std::os::unix::fs::symlink(
            folder.path().join("secret.txt"),
            folder.path().join("site/link.txt"),
        )
        .unwrap();
        let site = folder.path().join("site");
        let server = Server::bind(&site, SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = server.address().unwrap();
        let served = std::thread::spawn(move || {
            let (stream, _) = server.listener.accept().unwrap();
            let _ = answer(&stream, &server.folder);
        });
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .write_all(format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
            .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        served.join().unwrap();
        response
    }

    #[test]
    fn files_and_folders_are_served_with_their_type() {
        let home = ask("GET /");
        assert!(home.starts_with("HTTP/1.1 200 OK\r\n"), "{home}");
        assert!(home.contains("Content-Type: text/html; charset=utf-8\r\n"));
        assert!(home.ends_with("\r\n\r\nhome"), "{home}");
        assert!(ask("GET /x.svg?v=1").contains("Content-Type: image/svg+xml\r\n"));
        assert!(ask("GET /a%20b/").ends_with("inner"));
        assert!(ask("GET /a%20b").contains("Location: /a%20b/\r\n"));
    }

    #[test]
    fn a_head_request_has_no_body() {
        let response = ask("HEAD /index.html");
        assert!(response.contains("Content-Length: 4\r\n"), "{response}");
        assert!(response.ends_with("\r\n\r\n"), "{response}");
    }

    #[test]
    fn nothing_outside_the_folder_is_served() {
        for target in [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/a%20b/../../secret.txt",
            "/..%2fsecret.txt",
            "/..%5csecret.txt",
            "//etc/hostname",
            "/link.txt",
            "/%",
            "/%ff",
            "secret.txt",
        ] {
            let response = ask(&format!("GET {target}"));
            assert!(response.starts_with("HTTP/1.1 404"), "{target}: {response}");
            assert!(!response.contains("secret"), "{target}: {response}");
        }
    }

    #[test]
    fn a_missing_page_is_404_and_another_method_405() {
        assert!(ask("GET /gone").ends_with("lost"));
        assert!(ask("POST /").starts_with("HTTP/1.1 405"));
        assert!(ask("").starts_with("HTTP/1.1 405"));
    }

    #[cfg(unix)]
    #[test]
    fn the_desktop_is_asked_to_show_the_address() {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("asked");
        let note = format!(
            "printf %s \"$0\" > {0}.new && mv {0}.new {0}",
            asked.display()
        );
        open_in_browser(("sh", &["-c", &note]), "http://127.0.0.1:3000/");
        for _ in 0..500 {
            if asked.exists() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(
            std::fs::read_to_string(asked).unwrap(),
            "http://127.0.0.1:3000/"
        );
        // Where there is none, the address has been printed, and that is all.
        open_in_browser(("no-such-opener", &[]), "http://127.0.0.1:3000/");
    }

    #[test]
    fn a_taken_port_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = Server::bind(folder.path(), taken.local_addr().unwrap())
            .err()
            .unwrap();
        assert!(error.to_string().contains("try --port"), "{error}");
    }
}

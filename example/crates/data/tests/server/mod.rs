//! A small HTTP/1.1 server on loopback that answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The file on the server, and how it behaves.
#[derive(Clone, Default)]
pub struct Site {
    pub body: Vec<u8>,
    pub etag: Option<String>,
    pub modified: Option<String>,
    /// Answer a request for a range with the range.
    pub ranges: bool,
    /// Close the connection after so many bytes of a body, this often.
    pub cut: Option<(usize, usize)>,
    /// Answer with this status line instead, this often.
    pub refuse: Option<(String, usize)>,
    /// Don't say how long the body is.
    pub unmeasured: bool,
    /// Accept connections and say nothing.
    pub silent: bool,
    /// Send the first so many bytes as a part (206), also unasked.
    pub part: Option<usize>,
    /// Send the client there.
    pub moved_to: Option<String>,
}

pub struct Server {
    pub url: String,
    pub site: Arc<Mutex<Site>>,
    requests: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Server {
    /// Serves until the test ends.
    pub fn new(site: Site) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/table.csv?v=1", listener.local_addr().unwrap());
        let server = Server {
            url,
            site: Arc::new(Mutex::new(site)),
            requests: Arc::default(),
        };
        let (site, requests) = (server.site.clone(), server.requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that went away is its own business.
                let _ = answer(stream, &site, &requests);
            }
        });
        server
    }

    pub fn requests(&self) -> Vec<Vec<String>> {
        self.requests.lock().unwrap().clone()
    }

    /// What each request said in this header.
    pub fn headers(&self, name: &str) -> Vec<Option<String>> {
        let value = |lines: &Vec<String>| {
            lines.iter().find_map(|line| {
                let (key, value) = line.split_once(": ")?;
                key.eq_ignore_ascii_case(name).then(|| value.to_string())
            })
        };
        self.requests().iter().map(value).collect()
    }

    pub fn change(&self, change: impl FnOnce(&mut Site)) {
        change(&mut self.site.lock().unwrap());
    }
}

fn answer(
    mut stream: TcpStream,
    site: &Mutex<Site>,
    requests: &Mutex<Vec<Vec<String>>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    for line in BufReader::new(&stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    requests.lock().unwrap().push(head.clone());
    if site.lock().unwrap().silent {
        // Until the client goes.
        return stream.read_exact(&mut [0]);
    }
    let header = |name: &str| {
        head.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    };
    let (text, body) = {
        let mut site = site.lock().unwrap();
        reply(&mut site, header("range"), header("if-match"))
    };
    stream.write_all(format!("{text}Connection: close\r\n\r\n").as_bytes())?;
    stream.write_all(&body)
}

fn reply(site: &mut Site, range: Option<&str>, if_match: Option<&str>) -> (String, Vec<u8>) {
    if let Some((status, times)) = site.refuse.as_mut().filter(|(_, times)| *times > 0) {
        *times -= 1;
        return (
            format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n"),
            Vec::new(),
        );
    }
    if let Some(bytes) = site.part {
        let (last, size) = (bytes - 1, site.body.len());
        let head = "HTTP/1.1 206 Partial Content\r\n";
        let range = format!("Content-Range: bytes 0-{last}/{size}\r\nContent-Length: {bytes}\r\n");
        return (format!("{head}{range}"), site.body[..bytes].to_vec());
    }
    if let Some(target) = &site.moved_to {
        let text = format!("HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n");
        return (text, Vec::new());
    }
    if if_match.is_some() && if_match != site.etag.as_deref() {
        return (
            "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n".into(),
            Vec::new(),
        );
    }
    let size = site.body.len();
    let asked = range.filter(|_| site.ranges).and_then(|range| {
        let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        let last = if last.is_empty() {
            size - 1
        } else {
            last.parse().ok()?
        };
        Some((first.parse::<usize>().ok()?, last))
    });
    let (mut text, mut body) = match asked {
        Some((first, last)) => (
            format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{size}\r\n"
            ),
            site.body[first..=last].to_vec(),
        ),
        None => ("HTTP/1.1 200 OK\r\n".to_string(), site.body.clone()),
    };
    if !site.unmeasured {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    if let Some(etag) = &site.etag {
        text += &format!("ETag: {etag}\r\n");
    }
    if let Some(modified) = &site.modified {
        text += &format!("Last-Modified: {modified}\r\n");
    }
    if let Some((after, times)) = site.cut.as_mut().filter(|(_, times)| *times > 0) {
        *times -= 1;
        body.truncate(*after);
    }
    (text, body)
}

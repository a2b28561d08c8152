//! Stands between client and server and counts how often the client had to wait.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Who spoke last, and how often the server answered after the client had spoken.
#[derive(Default)]
struct Talk {
    client_spoke: bool,
    round_trips: usize,
}

pub struct Proxy {
    pub port: u16,
    talk: Arc<Mutex<Talk>>,
}

impl Proxy {
    /// A proxy for one connection after the other, as long as the test runs.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let talk = Arc::new(Mutex::new(Talk::default()));
        let shared = Arc::clone(&talk);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else {
                    return;
                };
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let talk = Arc::clone(&shared);
                std::thread::spawn(move || copy(from, to, &talk, true));
                let talk = Arc::clone(&shared);
                std::thread::spawn(move || copy(server, client, &talk, false));
            }
        });
        Proxy { port, talk }
    }

    /// Round trips since the last time this was asked.
    pub fn round_trips(&self) -> usize {
        std::mem::take(&mut self.talk.lock().unwrap().round_trips)
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, talk: &Mutex<Talk>, client: bool) {
    let mut buffer = [0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let mut talk = talk.lock().unwrap();
        if !client && talk.client_spoke {
            talk.round_trips += 1;
        }
        talk.client_spoke = client;
        drop(talk);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // Fails only if the other side has closed it already.
    let _ = to.shutdown(Shutdown::Both);
}

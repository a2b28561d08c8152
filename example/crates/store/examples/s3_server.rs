//! A local S3 server over a folder, quick enough to measure its clients: `s3_server FOLDER`.
//!
//! It says its address on the first line and serves until it is killed. The access key and its secret are
//! both `test`. For measurements and trials only: it is neither durable nor safe.

use std::error::Error;
use std::path::{Path, PathBuf};

use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or("usage: s3_server FOLDER")?;
    let folder = PathBuf::from(folder);
    let files = s3s_fs::FileSystem::new(&folder).map_err(|error| format!("{error:?}"))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single("test", "test"));
    let service = builder.build();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // Each call of the file system is handed to another thread: among more of them than cores, that alone
        // takes as long as all the rest, and the clients would be measured by it.
        .max_blocking_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}", listener.local_addr()?);
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            let (service, folder) = (service.clone(), folder.clone());
            let answer = service_fn(move |request| {
                let (service, folder) = (service.clone(), folder.clone());
                async move { serve(&service, &folder, request).await }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), answer);
            tokio::spawn(connection);
        }
    })
}

async fn serve(
    service: &S3Service,
    folder: &Path,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Body>, String> {
    // s3s-fs fails on a folder that is asked for as an object; S3 has no folders.
    let path = request.uri().path().trim_matches('/');
    let is_object = request.method() == Method::HEAD && path.contains('/');
    if is_object && folder.join(path).is_dir() {
        let mut absent = Response::new(Body::empty());
        *absent.status_mut() = StatusCode::NOT_FOUND;
        return Ok(absent);
    }
    let answered = service.call(request.map(Body::from)).await;
    answered.map_err(|error| format!("{error:?}"))
}

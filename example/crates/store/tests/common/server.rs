//! An S3 server in this process, which can be told to answer badly.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use mlops_store::Settings;
use s3s::Body;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;

pub const KEY: &str = "test-key";
pub const SECRET: &str = "test-secret";

pub struct Server {
    pub endpoint: String,
    pub trouble: Arc<Trouble>,
    _root: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

/// What the server does to the next requests.
#[derive(Default)]
pub struct Trouble {
    /// Answer with these statuses; 0 drops the connection.
    pub answers: Mutex<VecDeque<u16>>,
    pub requests: AtomicU32,
    /// s3s-fs looks whether an object exists and then writes it: not in one step, as S3 does.
    one_write_at_a_time: tokio::sync::Mutex<()>,
}

impl Server {
    pub fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("bucket")).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let trouble = Arc::new(Trouble::default());
        runtime.spawn(accept(listener, service, Arc::clone(&trouble)));
        Self {
            endpoint,
            trouble,
            _root: root,
            _runtime: runtime,
        }
    }

    pub fn settings(&self) -> Settings {
        Settings {
            endpoint: Some(self.endpoint.clone()),
            access_key_id: Some(KEY.into()),
            secret_access_key: Some(SECRET.into()),
            retry: super::quick(),
            ..Default::default()
        }
    }

    pub fn answer_with(&self, statuses: &[u16]) {
        self.trouble.answers.lock().unwrap().extend(statuses);
    }

    pub fn requests(&self) -> u32 {
        self.trouble.requests.swap(0, Ordering::SeqCst)
    }
}

async fn accept(listener: TcpListener, service: S3Service, trouble: Arc<Trouble>) {
    while let Ok((socket, _)) = listener.accept().await {
        let (service, trouble) = (service.clone(), Arc::clone(&trouble));
        let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (service, trouble) = (service.clone(), Arc::clone(&trouble));
            async move {
                trouble.requests.fetch_add(1, Ordering::SeqCst);
                let told = trouble.answers.lock().unwrap().pop_front();
                match told {
                    Some(0) => return Err("the connection is dropped".into()),
                    Some(status) => {
                        let body = "<Error><Code>Told</Code><Message>as told</Message></Error>";
                        let mut response = hyper::Response::new(Body::from(body.to_owned()));
                        *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
                        return Ok(response);
                    }
                    None => {}
                }
                let conditional = request.headers().contains_key("if-none-match");
                let _alone = if conditional {
                    Some(trouble.one_write_at_a_time.lock().await)
                } else {
                    None
                };
                match service.call(request.map(Body::from)).await {
                    Ok(response) => Ok(response),
                    Err(error) => Err(Box::<dyn std::error::Error + Send + Sync>::from(format!(
                        "{error:?}"
                    ))),
                }
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), answer),
        );
    }
}

//! A store that can be taken away.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mlops_features::online::{
    OnlineError, OnlineResult, OnlineStore, RedbStore, Span, Stored, Visit,
};

/// What of the store works.
#[derive(Debug, Default)]
pub struct Broken {
    pub reads: AtomicBool,
    pub writes: AtomicBool,
}

#[derive(Debug)]
pub struct Fragile {
    store: RedbStore,
    broken: Arc<Broken>,
}

impl Fragile {
    pub fn open(folder: &Path, keep: u16) -> (Box<dyn OnlineStore>, Arc<Broken>) {
        let path = folder.join("online.redb");
        let broken = Arc::<Broken>::default();
        let store = Fragile {
            store: RedbStore::open(&path, keep, Duration::from_secs(5)).unwrap(),
            broken: Arc::clone(&broken),
        };
        (Box::new(store), broken)
    }
}

fn unless(broken: &AtomicBool) -> OnlineResult<()> {
    match broken.load(Ordering::SeqCst) {
        false => Ok(()),
        true => Err(OnlineError::Unreachable {
            url: "redis://secret.host:6379/0".into(),
            reason: "Connection refused".into(),
        }),
    }
}

impl OnlineStore for Fragile {
    fn push(&self, view: &str, rows: &[(String, Stored)]) -> OnlineResult<usize> {
        unless(&self.broken.writes)?;
        self.store.push(view, rows)
    }

    fn scan(&self, view: &str, spans: &[Span<'_>], visit: &mut Visit<'_>) -> OnlineResult<()> {
        unless(&self.broken.reads)?;
        self.store.scan(view, spans, visit)
    }

    fn note(&self, view: &str, name: &str) -> OnlineResult<Option<Vec<u8>>> {
        unless(&self.broken.reads)?;
        self.store.note(view, name)
    }

    fn set_note(&self, view: &str, name: &str, value: Option<&[u8]>) -> OnlineResult<()> {
        unless(&self.broken.writes)?;
        self.store.set_note(view, name, value)
    }

    fn keep(&self) -> u16 {
        self.store.keep()
    }

    fn place(&self) -> String {
        self.store.place()
    }
}

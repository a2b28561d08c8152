//! mdBook only logs some mistakes, such as a tag that isn't closed. Here they end the build.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, bail};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Runs `work`, in this thread, and fails if it fails or if anything warned.
///
/// # Errors
/// Its error, or all warnings.
pub fn are_errors(work: impl FnOnce() -> Result<()>) -> Result<()> {
    let collector = Collector::default();
    let warnings = Arc::clone(&collector.warnings);
    let subscriber = tracing_subscriber::registry().with(collector);
    tracing::subscriber::with_default(subscriber, work)?;
    let warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
    if warnings.is_empty() {
        return Ok(());
    }
    bail!("mdBook complains:\n{}", warnings.join("\n"));
}

#[derive(Default)]
struct Collector {
    warnings: Arc<Mutex<Vec<String>>>,
}

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        // Levels are ordered from error, the least, to trace.
        if *event.metadata().level() > Level::WARN {
            return;
        }
        let mut message = Message::default();
        event.record(&mut message);
        self.warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(message.0);
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            // Writing to a string can't fail.
            let _ = write!(self.0, "{value:?}");
        }
    }
}

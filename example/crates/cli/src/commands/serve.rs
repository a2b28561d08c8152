//! Answers over HTTP until it is told to stop.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mlops_data::calendar::format_iso;
use mlops_features::online::last_end;
use mlops_serving::{Inference, Limits, Online, PredictionLog, Service, ServingError, serve};
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{needs, open_online};
use crate::arguments::ServeArguments;
use crate::{Context, Outcome, Project};

/// What is said when the service answers.
#[derive(Serialize)]
struct Listening {
    listening: String,
    model: String,
    store: String,
    /// The last day that was materialized, if any was.
    until: Option<String>,
    /// Whether the observations that requests bring are stored.
    stores: bool,
}

pub(super) fn run<P: Project>(
    project: &P,
    arguments: ServeArguments,
    context: Context,
) -> Outcome<()> {
    needs(&arguments.model, "train")?;
    let contract = context.contract()?;
    let definitions = context.definitions(&contract)?;
    let params = context.params()?;
    let mut serving = params.serving.on(arguments.listen.ip());
    serving.store_observations = arguments.store_observations.or(serving.store_observations);
    let registry = project.registry();
    let inference = Inference::<P::Observation>::open(&arguments.model, &registry, contract)?;
    let source = definitions.source_of(inference.service().name())?;
    let view = source.name.value.as_str();
    let store = open_online(&params.online, arguments.store, &context)?;
    let until = last_end(&*store, view)?;
    let mut said = Listening {
        listening: String::new(),
        model: inference.hash()[..12].into(),
        store: store.place(),
        until: until.map(format_iso),
        stores: false,
    };
    said.stores = serving.store_observations == Some(true);
    let scorer = Online::new(inference, store, view, serving)?;
    let log = match arguments.log {
        Some(log) => log,
        // Nobody named it: a link that a cloned project brought mustn't lead it out.
        None => mlops_disk::inside(Path::new("."), Path::new(LOG))?,
    };
    let log = Arc::new(PredictionLog::open(&log)?);
    let service = Service {
        scorer: Box::new(scorer),
        log: Some(Arc::clone(&log)),
        clock: Box::new(SystemTime::now),
        limits: Limits::default(),
    };
    let runtime = tokio::runtime::Runtime::new().map_err(anyhow::Error::from)?;
    let served = runtime.block_on(async {
        let refused = |source| ServingError::Io {
            what: arguments.listen.to_string(),
            source,
        };
        let signals = Signals::catch().map_err(refused)?;
        let listener = tokio::net::TcpListener::bind(arguments.listen)
            .await
            .map_err(refused)?;
        said.listening = listener.local_addr().map_err(refused)?.to_string();
        if !arguments.listen.ip().is_loopback() {
            tracing::warn!(
                "other machines can send requests, and the service has neither access control nor encryption: put a proxy with both in front of it"
            );
        }
        context.output.show(&said, text(&said))?;
        tokio::spawn(reopen_on_hangup(signals.hangup, log));
        serve(
            listener,
            service,
            stop(signals.interrupt, signals.terminate),
        )
        .await;
        Ok(())
    });
    // A disk or a network may keep a thread for as long as it likes.
    runtime.shutdown_timeout(LAST_WORK);
    served
}

/// Where answers are logged if nothing else is said.
const LOG: &str = "predictions/log.jsonl";
/// For threads that still write when everything else has ended.
const LAST_WORK: Duration = Duration::from_secs(1);

/// One line: whoever waits for it may read no further.
fn text(said: &Listening) -> String {
    let empty = match said.until {
        Some(_) => "",
        None => ", where `features materialize` has brought nothing yet",
    };
    let stores = if said.stores {
        ", observations of requests are stored"
    } else {
        ""
    };
    format!(
        "model {} answers on http://{}, windows from {}{empty}{stores}; Ctrl-C stops it",
        said.model, said.listening, said.store
    )
}

/// What the terminal and the system tell the program.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn catch() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Done when the program is asked to end; asked again, it ends at once.
async fn stop(mut interrupt: Signal, mut terminate: Signal) {
    asked_to_end(&mut interrupt, &mut terminate).await;
    tracing::info!(
        "stopping: what is under way is finished first; a second signal ends it at once"
    );
    tokio::spawn(async move {
        let signal = asked_to_end(&mut interrupt, &mut terminate).await;
        // As the system says it of a program that a signal ended.
        std::process::exit(128 + signal.as_raw_value());
    });
}

async fn asked_to_end(interrupt: &mut Signal, terminate: &mut Signal) -> SignalKind {
    tokio::select! {
        _ = interrupt.recv() => SignalKind::interrupt(),
        _ = terminate.recv() => SignalKind::terminate(),
    }
}

/// What programs that rotate logs expect.
async fn reopen_on_hangup(mut hangup: Signal, log: Arc<PredictionLog>) {
    while hangup.recv().await.is_some() {
        if let Err(error) = log.reopen() {
            tracing::error!(error = ?error.to_string(), "can't open the log again");
        }
    }
}

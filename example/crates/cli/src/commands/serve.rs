use std::time::SystemTime;

use mlops_data::calendar::format_iso;
use mlops_features::online::{last_end, open};
use mlops_serving::{Inference, Online, PredictionLog, Service, ServingError, serve};
use serde::Serialize;

use super::needs;
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
}

pub(super) fn run<P: Project>(
    project: &P,
    arguments: ServeArguments,
    context: Context,
) -> Outcome<()> {
    needs(&arguments.model, "train")?;
    let contract = context.contract()?;
    let definitions = context.definitions(&contract)?;
    let mut settings = context.params()?.online;
    settings.store = arguments.store.unwrap_or(settings.store);
    let registry = project.registry();
    let inference = Inference::<P::Observation>::open(&arguments.model, &registry, contract)?;
    let source = definitions.source_of(inference.service().name())?;
    let view = source.name.value.as_str();
    let store = open(&settings)?;
    let until = last_end(&*store, view)?;
    let mut said = Listening {
        listening: String::new(),
        model: inference.hash()[..12].into(),
        store: store.place(),
        until: until.map(format_iso),
    };
    let scorer = Online::new(inference, store, view)?;
    let log = PredictionLog::open(&arguments.log)?;
    let runtime = tokio::runtime::Runtime::new().map_err(anyhow::Error::from)?;
    runtime.block_on(async {
        let refused = |source| ServingError::Io {
            what: arguments.listen.to_string(),
            source,
        };
        let listener = tokio::net::TcpListener::bind(arguments.listen)
            .await
            .map_err(refused)?;
        said.listening = listener.local_addr().map_err(refused)?.to_string();
        context.output.show(&said, text(&said))?;
        let service = Service {
            scorer: Box::new(scorer),
            log: Some(log),
            clock: SystemTime::now,
        };
        Ok(serve(listener, service, stop()).await?)
    })
}

/// One line: whoever waits for it may read no further.
fn text(said: &Listening) -> String {
    let empty = match said.until {
        Some(_) => "",
        None => ", where `features materialize` has brought nothing yet",
    };
    format!(
        "model {} answers on http://{}, windows from {}{empty}; Ctrl-C stops it",
        said.model, said.listening, said.store
    )
}

/// Done when the terminal or the system asks the program to end.
async fn stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // Without a handler, the signal ends the program as it always does.
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

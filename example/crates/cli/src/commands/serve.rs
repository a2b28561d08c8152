use std::time::SystemTime;

use mlops_data::tables;
use mlops_serving::{Inference, PredictionLog, Service, ServingError, serve};

use super::{needs, read_table};
use crate::arguments::ServeArguments;
use crate::{Context, Outcome, Project};

pub(super) fn run<P: Project>(
    project: &P,
    arguments: ServeArguments,
    context: Context,
) -> Outcome<()> {
    needs(&arguments.model, "train")?;
    let inference = Inference::<P::Observation>::open(
        &arguments.model,
        &project.registry(),
        context.contract()?,
    )?;
    if let Some(history) = &arguments.history {
        let table = read_table(history, inference.contract(), tables::LabelNeed::Optional)?;
        inference.remember(&table)?;
    }
    let log = PredictionLog::open(&arguments.log)?;
    let hash = inference.hash()[..12].to_string();
    let runtime = tokio::runtime::Runtime::new().map_err(anyhow::Error::from)?;
    runtime.block_on(async {
        let refused = |source| ServingError::Io {
            what: arguments.listen.to_string(),
            source,
        };
        let listener = tokio::net::TcpListener::bind(arguments.listen)
            .await
            .map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        context.output.show(
            &serde_json::json!({ "listening": address.to_string(), "model": hash }),
            format!("model {hash} answers on http://{address}; Ctrl-C stops it"),
        )?;
        let service = Service {
            scorer: Box::new(inference),
            log: Some(log),
            clock: SystemTime::now,
        };
        Ok(serve(listener, service, stop()).await?)
    })
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

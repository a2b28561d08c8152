//! How long boosting takes to fit, score and explain rows in memory; scripts/compare_models.py asks.
//!
//! ```text
//! speed FOLDER RUNS     # FOLDER: shape.json, train.f32, train.labels, test.f32, one.f32, explain.f32
//! ```
//!
//! Prints the seconds of each run as JSON, and leaves `model.json` and `probabilities.f64`. The number of threads is
//! that of `RAYON_NUM_THREADS`. Model and rows come from memory, as they do for who is compared.

use std::error::Error;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use mlops_learning::model_file::{Feature, Metadata, Training};
use mlops_learning::{Dataset, Model, ModelKind, ModelParams, explain, export, learner};
use serde::Deserialize;

#[derive(Deserialize)]
struct Shape {
    names: Vec<String>,
    /// The `model` section of params.yaml.
    model: ModelParams,
    seed: u64,
}

fn floats(path: &Path) -> Result<Vec<f32>, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let values = bytes.chunks_exact(4);
    Ok(values
        .map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]))
        .collect())
}

/// Seconds of each of some calls, after one that isn't counted.
fn timed<T>(runs: usize, mut act: impl FnMut() -> T) -> Vec<f64> {
    black_box(act());
    let once = |_| {
        let started = Instant::now();
        black_box(act());
        started.elapsed().as_secs_f64()
    };
    (0..runs).map(once).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, runs] = arguments.as_slice() else {
        return Err("usage: speed FOLDER RUNS".into());
    };
    let (folder, runs) = (Path::new(folder), runs.parse::<usize>()?);
    let shape: Shape = serde_json::from_slice(&std::fs::read(folder.join("shape.json"))?)?;
    let labels = std::fs::read(folder.join("train.labels"))?;
    let labels = labels.into_iter().map(|label| label == 1).collect();
    let data = Dataset::new(
        shape.names.clone(),
        floats(&folder.join("train.f32"))?,
        labels,
    )?;
    let learner = learner(&shape.model)?;
    // The first fit is the model; what it costs is measured again, as everything is.
    let model = named(&shape, learner.fit(&data, shape.seed)?);
    let fit = timed(runs.saturating_sub(1), || {
        learner.fit(&data, shape.seed).map(|_| ())
    });

    let test = floats(&folder.join("test.f32"))?;
    let batch = timed(4 * runs, || model.probabilities(&test));
    let mut out = std::fs::File::create(folder.join("probabilities.f64"))?;
    for probability in model.probabilities(&test) {
        out.write_all(&probability.to_le_bytes())?;
    }
    // Each row is another, so that the processor can't learn its way by heart.
    let rows = floats(&folder.join("one.f32"))?;
    let width = model.predictor.width();
    let mut single = Vec::new();
    for row in rows.chunks_exact(width) {
        let started = Instant::now();
        black_box(model.probability_of(model.predictor.margin(black_box(row))));
        single.push(started.elapsed().as_secs_f64());
    }
    let explained = floats(&folder.join("explain.f32"))?;
    let shap = timed(runs, || {
        explain::contributions(&model.predictor, &explained).map(|_| ())
    });
    std::fs::write(
        folder.join("model.json"),
        serde_json::to_vec(&export::portable(&model))?,
    )?;
    println!(
        "{}",
        serde_json::json!({ "fit": fit, "batch": batch, "single": single, "shap": shap })
    );
    Ok(())
}

/// A model of these features, with nothing to tell of where it comes from.
fn named(shape: &Shape, predictor: mlops_learning::Predictor) -> Model {
    let feature = |name: &String| Feature {
        name: name.clone(),
        dtype: "number".into(),
    };
    let metadata = Metadata {
        name: "speed".into(),
        kind: ModelKind::Boosting,
        params: String::new(),
        seed: shape.seed,
        features: shape.names.iter().map(feature).collect(),
        feature_service: String::new(),
        feature_state: String::new(),
        issued_at: 24.0,
        label: String::new(),
        classes: ["no".into(), "yes".into()],
        threshold: 0.5,
        training: Training {
            data_hash: String::new(),
            rows: 0,
            first: String::new(),
            last: String::new(),
        },
        golden: Vec::new(),
        toolkit: String::new(),
    };
    Model {
        metadata,
        predictor,
        calibration: None,
    }
}

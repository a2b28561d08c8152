use std::path::PathBuf;

use mlops_learning::export;
use serde::Serialize;

use super::{read_model, write_file};
use crate::arguments::{ExportArguments, ExportFormat};
use crate::output::thousands;
use crate::{Context, Outcome};

#[derive(Serialize)]
struct Exported {
    model: String,
    bytes: usize,
    out: String,
}

impl ExportArguments {
    /// The file that is written.
    pub(super) fn file(&self) -> PathBuf {
        let extension = match self.format {
            ExportFormat::Json => "json",
            ExportFormat::Onnx => "onnx",
        };
        let beside = || self.model.with_extension(extension);
        self.out.clone().unwrap_or_else(beside)
    }
}

pub(super) fn run(arguments: ExportArguments, context: &Context) -> Outcome<()> {
    let (model, hash) = read_model(&arguments.model)?;
    let bytes = match arguments.format {
        ExportFormat::Json => {
            let lists = export::portable(&model);
            serde_json::to_vec(&lists).map_err(anyhow::Error::from)?
        }
        ExportFormat::Onnx => export::onnx(&model)?,
    };
    let out = arguments.file();
    write_file(&out, &bytes)?;
    let exported = Exported {
        model: hash,
        bytes: bytes.len(),
        out: out.display().to_string(),
    };
    let text = format!(
        "model {} ({} KB) → {}",
        &exported.model[..12],
        thousands(exported.bytes.div_ceil(1000)),
        exported.out
    );
    Ok(context.output.show(&exported, text)?)
}

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

pub(super) fn run(arguments: ExportArguments, context: &Context) -> Outcome<()> {
    let (model, hash) = read_model(&arguments.model)?;
    let (bytes, extension) = match arguments.format {
        ExportFormat::Json => {
            let lists = export::portable(&model);
            let text = serde_json::to_vec(&lists).map_err(anyhow::Error::from)?;
            (text, "json")
        }
        ExportFormat::Onnx => (export::onnx(&model)?, "onnx"),
    };
    let out = arguments
        .out
        .unwrap_or_else(|| arguments.model.with_extension(extension));
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

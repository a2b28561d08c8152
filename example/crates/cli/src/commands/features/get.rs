//! Values of the past beside entity rows.

use std::path::PathBuf;

use anyhow::anyhow;
use clap::{Args, ValueHint};
use mlops_data::json;
use mlops_data::tables::frames::{self, ParquetFile};
use mlops_features::offline::{
    Created, DAY_MICROS, Entities, JoinKey, OfflineStore, Options, Source, View,
    get_historical_features,
};
use serde::Serialize;

use super::super::{needs, write_folder};
use super::stored::{Opened, open_store, service_table};
use super::wanted::{self, Place};
use crate::output::{print, thousands};
use crate::{Context, Failure, Outcome};

#[derive(Debug, Args)]
pub(crate) struct GetArguments {
    /// Of whom and as of when: CSV or Parquet with the keys and a column of instants; other columns stay
    #[arg(long, value_hint = ValueHint::FilePath)]
    entities: PathBuf,
    /// What is wanted: all features of this service. A day then stands for the hour at which its forecast is issued
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "features",
        conflicts_with = "features"
    )]
    service: Option<String>,
    /// What is wanted: views (`view`) or features (`view:feature`). A day then stands for its midnight
    #[arg(long, value_delimiter = ',')]
    features: Vec<String>,
    /// The column of instants; without, `event_timestamp` or the contract's time
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Where the values of computed views stand
    #[arg(long, default_value = "data/features.parquet", value_hint = ValueHint::FilePath)]
    table: PathBuf,
    /// Read them from the bucket instead, where `features build --store` has put them
    #[arg(long, conflicts_with = "table")]
    stored: bool,
    /// Write to this file (.csv or .parquet); without it, JSON lines go to standard output
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
    /// Take values that were filled in later too, as Feast does unless told otherwise
    #[arg(long)]
    without_created: bool,
    /// Call the columns `view__feature`
    #[arg(long)]
    full_names: bool,
}

impl GetArguments {
    /// The files that are read.
    pub(crate) fn inputs(&self) -> Vec<PathBuf> {
        vec![self.entities.clone(), self.table.clone()]
    }
}

#[derive(Serialize)]
struct Got {
    rows: usize,
    features: usize,
    out: String,
}

pub(super) fn run(arguments: &GetArguments, context: &Context) -> Outcome<()> {
    let contract = context.contract()?;
    let definitions = context.definitions(&contract)?;
    let times = match &arguments.time {
        Some(time) => vec![time.as_str()],
        None => vec!["event_timestamp", contract.time.as_str()],
    };
    let mut entities = Entities::read(&arguments.entities, &times)?;
    // A day's values are known when the forecast is issued; without one, when the day is over.
    let (wanted, known_after) = match &arguments.service {
        Some(name) => {
            let issued_at = definitions.service(name)?.issued_at;
            let known_after = (issued_at / 24.0 * DAY_MICROS as f64) as u64;
            entities.day_means = known_after;
            (wanted::of_service(&definitions, name)?, known_after)
        }
        None => (
            wanted::by_name(&definitions, &arguments.features)?,
            DAY_MICROS,
        ),
    };
    let opened = Opened::all(&wanted)?;
    let stored = opened
        .iter()
        .map(|opened| opened.as_ref().map(Opened::source).transpose())
        .collect::<Outcome<Vec<_>>>()?;
    let bucket = match arguments.stored {
        true => Some(open_store(&context.params()?.bucket)?),
        false => None,
    };
    let table = match stored.iter().any(Option::is_none) {
        true => Some(computed_table(arguments, bucket.as_ref(), context)?),
        false => None,
    };
    let mut views: Vec<View<'_>> = Vec::new();
    for (wanted, stored) in wanted.iter().zip(&stored) {
        match (&wanted.place, stored, &table) {
            (Place::Stored(view), Some(source), _) => {
                views.push(view.view(source.as_ref(), wanted.fields.clone()));
            }
            (Place::Computed { view, ttl_days }, _, Some(table)) => views.push(View {
                name: (*view).into(),
                source: table.as_ref(),
                keys: vec![JoinKey::same(&contract.entity)],
                event: contract.time.clone(),
                created: Created::After(known_after),
                ttl: u64::from(*ttl_days) * DAY_MICROS,
                fields: wanted.fields.clone(),
            }),
            // What a view needs has been opened above.
            _ => {}
        }
    }
    let options = Options {
        created: !arguments.without_created,
        full_names: arguments.full_names,
    };
    let result = get_historical_features(&entities, &views, options)?;
    let Some(out) = &arguments.out else {
        let table = frames::table(&arguments.entities, &result)?;
        let line = |row| {
            format!(
                "{}\n",
                serde_json::Value::Object(json::row_to_json(&table, row))
            )
        };
        return Ok(print(&(0..table.rows()).map(line).collect::<String>())?);
    };
    write_folder(out)?;
    frames::write(out, &result)?;
    let got = Got {
        rows: result.height(),
        features: views.iter().map(|view| view.fields.len()).sum(),
        out: out.display().to_string(),
    };
    let text = format!(
        "{} entity rows × {} features → {}",
        thousands(got.rows),
        got.features,
        got.out
    );
    Ok(context.output.show(&got, text)?)
}

/// The feature table, from which the values of all computed views are read at once.
fn computed_table<'s>(
    arguments: &GetArguments,
    bucket: Option<&'s OfflineStore>,
    context: &Context,
) -> Outcome<Box<dyn Source + 's>> {
    let Some(bucket) = bucket else {
        needs(&arguments.table, "features build")?;
        return Ok(Box::new(ParquetFile::open(&arguments.table)?));
    };
    let service = match &arguments.service {
        Some(service) => service.clone(),
        None => context.params()?.features.service,
    };
    match bucket.open(&service_table(&service))? {
        Some(snapshot) => Ok(Box::new(snapshot)),
        None => Err(Failure::user(anyhow!(
            "the bucket has no features of service {service:?} yet: `features build --store --set features.service={service}` brings them"
        ))),
    }
}

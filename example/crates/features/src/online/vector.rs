use mlops_data::calendar::Day;
use serde::Serialize;

use super::{OnlineResult, OnlineWindows};
use crate::{DAY_MICROS, FeatureService, Observation};

/// What is to be said of a value besides the value; Feast's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// The value is given.
    Present,
    /// There is an observation, and the feature has no value on it.
    Null,
    /// There is no observation of the entity.
    NotFound,
    /// The latest observation is older than the feature's view allows: no value is given.
    OutsideMaxAge,
}

/// The feature values of one entity, in the order of the service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OnlineVector {
    /// The entity.
    pub entity: String,
    /// The day of the observation that the values are of, if there is one.
    pub event: Option<Day>,
    /// When that observation became known: microseconds since 1970-01-01 UTC.
    pub created: Option<i64>,
    /// A value is there where its status is [`Status::Present`].
    pub values: Vec<Option<f32>>,
    /// A status for each value.
    pub statuses: Vec<Status>,
}

/// Days: the latest observation is most often today's or yesterday's.
const LIKELY_AGE: u16 = 1;

/// The features of a service for one entity, from its latest observation that was
/// known at `now` (microseconds since 1970-01-01 UTC).
///
/// `ttl_days` says of each feature of the service, in order, for how long after its
/// event a value may be given, both ends included; 0 is for ever. An event is at the
/// start of its day, as in the point-in-time join.
///
/// # Errors
/// If the store can't be read or holds what isn't an observation of this kind.
pub fn get_online_features<O: Observation>(
    windows: &OnlineWindows<'_, O>,
    service: &FeatureService<O>,
    ttl_days: &[u16],
    entity: &str,
    now: i64,
) -> OnlineResult<OnlineVector> {
    let today = Day::try_from(now.div_euclid(DAY_MICROS)).unwrap_or(Day::MAX);
    let around = windows.latest(entity, today, now, LIKELY_AGE)?;
    let Some((observation, created)) = around.today(now) else {
        let width = service.features().len();
        return Ok(OnlineVector {
            entity: entity.into(),
            event: None,
            created: None,
            values: vec![None; width],
            statuses: vec![Status::NotFound; width],
        });
    };
    let event = i64::from(observation.day()) * DAY_MICROS;
    let fresh = |ttl: u16| ttl == 0 || now.saturating_sub(event) <= i64::from(ttl) * DAY_MICROS;
    let row = around.window(observation, now, |window| service.row(window));
    let (values, statuses) = row
        .into_iter()
        .enumerate()
        .map(|(at, value)| match ttl_days.get(at) {
            Some(ttl) if !fresh(*ttl) => (None, Status::OutsideMaxAge),
            _ if value.is_nan() => (None, Status::Null),
            _ => (Some(value), Status::Present),
        })
        .unzip();
    Ok(OnlineVector {
        entity: entity.into(),
        event: Some(observation.day()),
        created: Some(created),
        values,
        statuses,
    })
}

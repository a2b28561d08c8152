//! What may be tried: parameters by their key, each with its domain.

use serde::Deserialize;
use serde_json::Value;

use super::Point;
use crate::{LearningError, Result};

/// The parameter whose value says which others mean anything: those of `model.forest.…` only
/// where it is `forest`.
const KIND: &str = "model.kind";

/// Parameters to search over, in the order they were declared.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    parameters: Vec<Parameter>,
}

/// A parameter with what it may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its place in the params, with dots: `model.boosting.depth`.
    pub key: String,
    /// What it may be.
    pub domain: Domain,
    /// The kind of model it belongs to, if that is searched over as well.
    only_for: Option<String>,
}

/// What a parameter may be.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// A whole number, both ends included.
    Integer {
        /// The least.
        from: i64,
        /// The greatest.
        to: i64,
        /// Whether each doubling is as likely as the next, rather than each step.
        log: bool,
    },
    /// A number, kept to four significant digits.
    Float {
        /// The least.
        from: f64,
        /// The greatest.
        to: f64,
        /// Whether each doubling is as likely as the next, rather than each step.
        log: bool,
    },
    /// One of these.
    Choice(Vec<Value>),
}

/// A range as params declare it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: serde_json::Number,
    to: serde_json::Number,
    #[serde(default)]
    scale: Scale,
    #[serde(default, rename = "type")]
    kind: Option<Kind>,
}

#[derive(Deserialize, Default, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Scale {
    #[default]
    Linear,
    Log,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Integer,
    Float,
}

impl Space {
    /// Reads a declared space: a list of choices for each key, or `{from, to, scale: log, type: float}`.
    /// Whole numbers at both ends mean whole numbers between, unless `type` says otherwise.
    ///
    /// # Errors
    /// If it is empty, or a domain isn't one; the key is named.
    pub fn declared(space: &Point) -> Result<Space> {
        let domain =
            |(key, value): (&String, &Value)| Ok((key.clone(), Domain::declared(key, value)?));
        Space::new(space.iter().map(domain).collect::<Result<_>>()?)
    }

    /// A space of these parameters.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(parameters: Vec<(String, Domain)>) -> Result<Space> {
        if parameters.is_empty() {
            return Err(LearningError::Data(
                "tune.space is empty: name at least one parameter, as `model.boosting.depth: {from: 3, to: 9}`".into(),
            ));
        }
        let empty = |domain: &Domain| matches!(domain, Domain::Choice(values) if values.is_empty());
        if let Some((key, _)) = parameters.iter().find(|(_, domain)| empty(domain)) {
            return Err(LearningError::Data(format!(
                "{key} has nothing to choose from"
            )));
        }
        let by_kind = parameters.iter().any(|(key, _)| key == KIND);
        let only_for = |key: &str| {
            let (kind, _) = key.strip_prefix("model.")?.split_once('.')?;
            by_kind.then(|| kind.to_owned())
        };
        let parameters = parameters.into_iter().map(|(key, domain)| Parameter {
            only_for: only_for(&key),
            key,
            domain,
        });
        Ok(Space {
            parameters: parameters.collect(),
        })
    }

    /// The parameters, in the order they were declared.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Number of points, if there is an end of them.
    pub fn size(&self) -> Option<usize> {
        if self
            .parameters
            .iter()
            .all(|parameter| matches!(parameter.domain, Domain::Choice(_)))
        {
            return Some(self.grid().len());
        }
        None
    }

    /// Every point, if all parameters are choices; the last parameter changes fastest.
    pub fn grid(&self) -> Vec<Point> {
        let mut points = vec![Point::new()];
        for parameter in self.parents_first() {
            let Domain::Choice(values) = &parameter.domain else {
                return Vec::new();
            };
            let grown = points.into_iter().flat_map(|point| {
                if !parameter.means_something(&point) {
                    return vec![point];
                }
                let with = |value: &Value| {
                    let mut point = point.clone();
                    point.insert(parameter.key.clone(), value.clone());
                    point
                };
                values.iter().map(with).collect()
            });
            points = grown.collect();
        }
        points
    }

    /// A point whose parameters `draw` gives one after the other, those left out that mean nothing
    /// beside the others.
    pub(super) fn point(&self, mut draw: impl FnMut(&Parameter) -> Value) -> Point {
        let mut point = Point::new();
        for parameter in self.parents_first() {
            if parameter.means_something(&point) {
                let value = draw(parameter);
                point.insert(parameter.key.clone(), value);
            }
        }
        point
    }

    /// The kind of model first: others depend on it.
    fn parents_first(&self) -> impl Iterator<Item = &Parameter> {
        let (kind, others): (Vec<_>, Vec<_>) = self
            .parameters
            .iter()
            .partition(|parameter| parameter.key == KIND);
        kind.into_iter().chain(others)
    }
}

impl Parameter {
    /// Whether it means anything beside what is chosen already.
    fn means_something(&self, point: &Point) -> bool {
        match (&self.only_for, point.get(KIND)) {
            (Some(own), Some(Value::String(kind))) => own == kind,
            _ => true,
        }
    }
}

impl Domain {
    fn declared(key: &str, value: &Value) -> Result<Domain> {
        let refuse = |expected: String| LearningError::Parameter {
            name: format!("tune.space.{key}"),
            value: value.to_string(),
            expected,
        };
        match value {
            Value::Array(choices) => {
                let twice = choices.iter().enumerate().find(|(at, choice)| choices[..*at].contains(choice));
                match twice {
                    Some((_, choice)) => Err(refuse(format!("{choice} stands there twice"))),
                    None => Ok(Domain::Choice(choices.clone())),
                }
            }
            Value::Object(_) => {
                let range = Range::deserialize(value).map_err(|error| refuse(error.to_string()))?;
                Domain::range(range).map_err(refuse)
            }
            _ => Err(refuse(
                "give a list of choices, or {from: LEAST, to: GREATEST}, with `scale: log` for rates".into(),
            )),
        }
    }

    fn range(range: Range) -> Result<Domain, String> {
        let log = range.scale == Scale::Log;
        let whole = range.from.as_i64().zip(range.to.as_i64());
        let (from, to) = (
            range.from.as_f64().unwrap_or(f64::NAN),
            range.to.as_f64().unwrap_or(f64::NAN),
        );
        if !(from < to && (to - from).is_finite()) {
            return Err("`from` must be less than `to`".into());
        }
        if log && from <= 0.0 {
            return Err("`scale: log` needs a `from` of more than 0".into());
        }
        match (whole, range.kind) {
            (None, Some(Kind::Integer)) => {
                Err("`type: integer` needs whole numbers at both ends".into())
            }
            (Some((from, to)), None | Some(Kind::Integer))
                if from.abs().max(to.abs()) < 1 << 53 =>
            {
                Ok(Domain::Integer { from, to, log })
            }
            _ => Ok(Domain::Float { from, to, log }),
        }
    }

    /// The value at a place between 0 and 1.
    pub fn at(&self, place: f64) -> Value {
        let place = place.clamp(0.0, 1.0);
        match self {
            Domain::Integer { from, to, log } => {
                let (low, high) = (*from as f64 - 0.5, *to as f64 + 0.5);
                let value = between(low, high, *log, place).round() as i64;
                value.clamp(*from, *to).into()
            }
            Domain::Float { from, to, log } => four_digits(between(*from, *to, *log, place))
                .clamp(*from, *to)
                .into(),
            Domain::Choice(values) => {
                let index = (place * values.len() as f64) as usize;
                let last = values.len().saturating_sub(1);
                values.get(index.min(last)).cloned().unwrap_or_default()
            }
        }
    }

    /// The place between 0 and 1 of a value; none if it isn't one of the domain's.
    pub fn place(&self, value: &Value) -> Option<f64> {
        let place = |low: f64, high: f64, log: bool, value: f64| {
            if log {
                (libm::log(value) - libm::log(low)) / (libm::log(high) - libm::log(low))
            } else {
                (value - low) / (high - low)
            }
        };
        let within = match self {
            Domain::Integer { from, to, log } => {
                let value = value
                    .as_i64()
                    .filter(|value| (*from..=*to).contains(value))?;
                place(*from as f64 - 0.5, *to as f64 + 0.5, *log, value as f64)
            }
            Domain::Float { from, to, log } => {
                let value = value
                    .as_f64()
                    .filter(|value| (*from..=*to).contains(value))?;
                place(*from, *to, *log, value)
            }
            Domain::Choice(values) => {
                let index = values.iter().position(|own| own == value)?;
                (index as f64 + 0.5) / values.len() as f64
            }
        };
        Some(within)
    }

    /// Values that show its whole extent: each choice, or so many from end to end.
    pub fn spread(&self, count: usize) -> Vec<Value> {
        let mut values: Vec<Value> = match self {
            Domain::Choice(values) => values.clone(),
            _ => (0..count)
                .map(|at| self.at(at as f64 / (count.max(2) - 1) as f64))
                .collect(),
        };
        values.dedup();
        values
    }
}

fn between(low: f64, high: f64, log: bool, place: f64) -> f64 {
    if log {
        let (low, high) = (libm::log(low), libm::log(high));
        libm::exp(low + place * (high - low))
    } else {
        low + place * (high - low)
    }
}

/// Rounded to four significant digits: enough to search by, short to read, the same everywhere.
fn four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn declared(json: &str) -> Result<Space> {
        Space::declared(&serde_json::from_str(json).unwrap())
    }

    fn refused(json: &str) -> String {
        declared(json).unwrap_err().to_string()
    }

    #[test]
    fn a_range_is_of_whole_numbers_if_its_ends_are() {
        let space = declared(r#"{"depth": {"from": 3, "to": 9}, "rate": {"from": 0.01, "to": 1, "scale": "log"}, "l2": {"from": 0, "to": 9, "type": "float"}}"#).unwrap();
        let domains: Vec<&Domain> = space
            .parameters()
            .iter()
            .map(|parameter| &parameter.domain)
            .collect();
        assert_eq!(
            *domains[0],
            Domain::Integer {
                from: 3,
                to: 9,
                log: false
            }
        );
        assert_eq!(
            *domains[1],
            Domain::Float {
                from: 0.01,
                to: 1.0,
                log: true
            }
        );
        assert_eq!(
            *domains[2],
            Domain::Float {
                from: 0.0,
                to: 9.0,
                log: false
            }
        );
        assert_eq!(space.size(), None);
    }

    #[test]
    fn what_is_no_space_is_told_with_its_key() {
        insta::assert_snapshot!(refused("{}"), @"tune.space is empty: name at least one parameter, as `model.boosting.depth: {from: 3, to: 9}`");
        insta::assert_snapshot!(refused(r#"{"model.kind": []}"#), @"model.kind has nothing to choose from");
        insta::assert_snapshot!(refused(r#"{"model.kind": ["tree", "tree"]}"#), @r#"tune.space.model.kind is ["tree","tree"]: "tree" stands there twice"#);
        insta::assert_snapshot!(refused(r#"{"model.kind": "tree"}"#), @r#"tune.space.model.kind is "tree": give a list of choices, or {from: LEAST, to: GREATEST}, with `scale: log` for rates"#);
        insta::assert_snapshot!(refused(r#"{"depth": {"from": 9, "to": 3}}"#), @r#"tune.space.depth is {"from":9,"to":3}: `from` must be less than `to`"#);
        insta::assert_snapshot!(refused(r#"{"rate": {"from": 0, "to": 1, "scale": "log"}}"#), @r#"tune.space.rate is {"from":0,"to":1,"scale":"log"}: `scale: log` needs a `from` of more than 0"#);
        insta::assert_snapshot!(refused(r#"{"rate": {"from": 0.5, "to": 1, "type": "integer"}}"#), @r#"tune.space.rate is {"from":0.5,"to":1,"type":"integer"}: `type: integer` needs whole numbers at both ends"#);
        insta::assert_snapshot!(refused(r#"{"rate": {"from": 0.5, "until": 1}}"#), @r#"tune.space.rate is {"from":0.5,"until":1}: unknown field `until`, expected one of `from`, `to`, `scale`, `type`"#);
        insta::assert_snapshot!(refused(r#"{"rate": {"from": "x", "to": 1}}"#), @r#"tune.space.rate is {"from":"x","to":1}: invalid type: string "x", expected a JSON number"#);
    }

    #[test]
    fn a_parameter_of_a_kind_counts_only_beside_that_kind() {
        let space = declared(
            r#"{"model.forest.depth": [5, 9], "model.kind": ["forest", "tree"], "seed": [1, 2]}"#,
        )
        .unwrap();
        let grid = space.grid();
        assert_eq!((grid.len(), space.size()), (2 * 2 + 2, Some(6)));
        for point in grid {
            assert_eq!(
                point.contains_key("model.forest.depth"),
                point["model.kind"] == "forest"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_place_has_a_value_of_the_domain_and_that_value_is_there(
            from in 1e-6..1e3f64, to in 1e-3..1e6f64, whole in 1..1000i64, steps in 1..1000i64, log: bool, place in 0.0..=1.0f64,
        ) {
            // As people write them. All digits of others may not survive being written.
            let (from, to) = (four_digits(from), four_digits(to));
            prop_assume!(from < to);
            let domains = [
                Domain::Float { from, to, log },
                Domain::Integer { from: whole, to: whole + steps, log },
                Domain::Choice((0..whole).map(Value::from).collect()),
            ];
            for domain in domains {
                let value = domain.at(place);
                let there = domain.place(&value);
                prop_assert!(there.is_some_and(|there| (0.0..=1.0).contains(&there)), "{domain:?} {value} {there:?}");
                prop_assert_eq!(domain.at(there.unwrap()), value.clone());
                let written: Value = serde_json::from_str(&value.to_string()).unwrap();
                prop_assert_eq!(written, value);
            }
        }
    }
}

//! All gates of a model: a table for people, a map for programs.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Judged, Verdict};

/// What came of all gates, in the order they were declared. As JSON it is an object with the counts and
/// `gates`, each by its name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    judged: Vec<Judged>,
}

impl Report {
    /// Adds a gate.
    pub fn add(&mut self, judged: Judged) {
        self.judged.push(judged);
    }

    /// The gates, in the order they were added.
    pub fn judged(&self) -> &[Judged] {
        &self.judged
    }

    /// How many gates came to this.
    pub fn count(&self, verdict: Verdict) -> usize {
        let those = self.judged.iter().filter(|gate| gate.verdict == verdict);
        those.count()
    }
}

/// Gates by their names.
struct Named<'a>(&'a [Judged]);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|gate| (&gate.gate, gate)))
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(4))?;
        map.serialize_entry("passed", &self.count(Verdict::Passed))?;
        map.serialize_entry("failed", &self.count(Verdict::Failed))?;
        map.serialize_entry("not_asked", &self.count(Verdict::NotAsked))?;
        map.serialize_entry("gates", &Named(&self.judged))?;
        map.end()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |of: fn(&Judged) -> usize, least: usize| {
            self.judged.iter().map(of).max().unwrap_or(0).max(least)
        };
        let name = width(|gate| gate.gate.chars().count(), 4);
        let value = width(|gate| gate.shown.chars().count(), 5);
        let limit = width(|gate| gate.limit.to_string().chars().count(), 5);
        writeln!(
            f,
            "{:<9}  {:<name$}  {:>value$}  {:<limit$}  reason",
            "", "gate", "value", "limit"
        )?;
        for gate in &self.judged {
            let verdict = match gate.verdict {
                Verdict::Passed => "passed",
                Verdict::Failed => "FAILED",
                Verdict::NotAsked => "not asked",
            };
            writeln!(
                f,
                "{verdict:<9}  {:<name$}  {:>value$}  {:<limit$}  {}",
                gate.gate, gate.shown, gate.limit, gate.reason
            )?;
            if !gate.detail.is_empty() {
                writeln!(f, "{:11}{}", "", gate.detail)?;
            }
        }
        write!(
            f,
            "\n{} passed, {} failed, {} not asked",
            self.count(Verdict::Passed),
            self.count(Verdict::Failed),
            self.count(Verdict::NotAsked)
        )
    }
}

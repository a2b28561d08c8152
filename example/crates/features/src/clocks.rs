//! Whose clock says when a forecast is issued, and what of the neighbours is known then.
//!
//! `known_at` is an hour of the clock of the place where a value is read. At 15:00 in Melbourne it is 14:30
//! in Adelaide: Adelaide's reading of 15:00 does not exist yet, and a forecast that is issued at 15:00 in
//! Melbourne must not use it. So values of a neighbour that are known later than the forecast's instant are
//! missing in its window, offline and online alike.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Observation;
use crate::window::Recent;

/// By how many hours the clocks of a zone are ahead of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UtcOffset {
    /// In standard time: the least of the years in the data.
    pub least: f64,
    /// In standard time: the most of them.
    pub most: f64,
    /// Whether it is an hour more in summer, on the same dates as in the other zones of which this is true.
    pub summer_time: bool,
}

/// What a service needs to know that issues each forecast by the clock of the entity that it is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clocks {
    /// Hour of the day at which the forecast is issued.
    pub issued_at: f64,
    /// Hour of the day from which the value of each column is known.
    pub known_at: BTreeMap<String, f64>,
    /// The zones, by name.
    pub zones: BTreeMap<String, UtcOffset>,
    /// The zone of each entity.
    pub entities: BTreeMap<String, String>,
}

/// For today and for each day before it: which columns of a neighbour aren't known yet. Ends before the
/// first day of which everything is known.
pub(crate) type Hidden = Vec<Vec<bool>>;

impl Clocks {
    /// By how many hours the clock of `neighbour` is ahead of that of `entity`, at the least of all days.
    ///
    /// An entity that is in no zone may be in any: it sees least, and is seen least.
    pub fn lead(&self, neighbour: &str, entity: &str) -> f64 {
        let zones = [neighbour, entity].map(|name| self.entities.get(name));
        let is_one_clock = zones[0].is_some() && zones[0] == zones[1];
        if neighbour == entity || is_one_clock {
            return 0.0;
        }
        let offset = |zone: Option<&String>| zone.and_then(|zone| self.zones.get(zone)).copied();
        let [theirs, own] = zones.map(|zone| offset(zone).unwrap_or_else(|| self.anywhere()));
        let lead = |summer: f64| {
            let hour = |offset: UtcOffset| if offset.summer_time { summer } else { 0.0 };
            (theirs.least + hour(theirs)) - (own.most + hour(own))
        };
        f64::min(lead(0.0), lead(1.0))
    }

    /// The clock of an entity of which nothing is known.
    fn anywhere(&self) -> UtcOffset {
        let zones = self.zones.values();
        let most = |zone: &UtcOffset| zone.most + if zone.summer_time { 1.0 } else { 0.0 };
        UtcOffset {
            least: zones
                .clone()
                .map(|zone| zone.least)
                .fold(f64::INFINITY, f64::min),
            most: zones.map(most).fold(f64::NEG_INFINITY, f64::max),
            summer_time: false,
        }
    }

    /// What of `neighbour` isn't known when the forecast for `entity` is issued, of `columns`, today and up
    /// to `days` before.
    pub(crate) fn hidden(
        &self,
        entity: &str,
        neighbour: &str,
        columns: &[&str],
        days: u16,
    ) -> Hidden {
        let issued_at = self.issued_at + self.lead(neighbour, entity);
        let of_day = |before: u16| -> Vec<bool> {
            // Hours since that day began at the neighbour's.
            let now = issued_at + 24.0 * f64::from(before);
            let known_at = |column: &&str| self.known_at.get(*column).copied();
            let later = |column| known_at(column).is_some_and(|hour| hour > now);
            columns.iter().map(later).collect()
        };
        (0..=days)
            .map(of_day)
            .take_while(|hidden| hidden.contains(&true))
            .collect()
    }
}

/// A neighbour's observations of today and of days before, without what isn't known yet.
pub(crate) fn known<O: Observation>(recent: Recent<'_, O>, hidden: &Hidden) -> Vec<Option<O>> {
    let days = (0..).zip(hidden);
    days.map(|(before, hidden)| recent.day(before)?.masked(hidden))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Perth once tried summer time; Adelaide and Melbourne have it, Brisbane hasn't.
    fn clocks(issued_at: f64) -> Clocks {
        let zone = |name: &str, least, most, summer_time| {
            let offset = UtcOffset {
                least,
                most,
                summer_time,
            };
            (name.to_string(), offset)
        };
        let of = |entity: &str, zone: &str| (entity.to_string(), zone.to_string());
        let columns = [("morning", 9.0), ("noon", 12.0), ("night", 24.0)];
        Clocks {
            issued_at,
            known_at: columns.map(|(name, hour)| (name.into(), hour)).into(),
            zones: [
                zone("west", 8.0, 9.0, false),
                zone("south", 9.5, 9.5, true),
                zone("north-east", 10.0, 10.0, false),
                zone("south-east", 10.0, 10.0, true),
            ]
            .into(),
            entities: [
                of("Perth", "west"),
                of("Albany", "west"),
                of("Adelaide", "south"),
                of("Brisbane", "north-east"),
                of("Melbourne", "south-east"),
            ]
            .into(),
        }
    }

    #[test]
    fn a_clock_is_ahead_by_what_it_is_ahead_in_the_worst_part_of_the_years() {
        let clocks = clocks(12.0);
        for (neighbour, entity, hours) in [
            ("Perth", "Albany", 0.0),
            ("Perth", "Perth", 0.0),
            ("Adelaide", "Melbourne", -0.5),
            ("Melbourne", "Adelaide", 0.5),
            ("Brisbane", "Melbourne", -1.0),
            ("Melbourne", "Brisbane", 0.0),
            ("Adelaide", "Brisbane", -0.5),
            ("Perth", "Melbourne", -3.0),
            ("Melbourne", "Perth", 1.0),
            ("Atlantis", "Melbourne", -3.0),
            ("Melbourne", "Atlantis", -1.0),
            ("Atlantis", "Avalon", -3.0),
        ] {
            assert_eq!(
                clocks.lead(neighbour, entity),
                hours,
                "{neighbour} for {entity}"
            );
        }
    }

    #[test]
    fn what_is_not_known_yet_is_hidden_day_by_day() {
        let columns = ["morning", "noon", "night"];
        let hidden = |issued_at, neighbour, entity, days| {
            clocks(issued_at).hidden(entity, neighbour, &columns, days)
        };
        // At 12:00 in Melbourne it is 11:30 in Adelaide.
        assert_eq!(
            hidden(12.0, "Adelaide", "Melbourne", 1),
            [[false, true, true]]
        );
        assert_eq!(
            hidden(12.0, "Melbourne", "Adelaide", 1),
            [[false, false, true]]
        );
        // At 1:00 in Melbourne the day before isn't over in Perth.
        let both = [[true, true, true], [false, false, true]];
        assert_eq!(hidden(1.0, "Perth", "Melbourne", 1), both);
        assert_eq!(hidden(1.0, "Perth", "Melbourne", 0), both[..1]);
        assert!(hidden(24.0, "Melbourne", "Adelaide", 1).is_empty());
    }
}

//! The weather stations: where they stand and in what climate.

/// A weather station.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Station {
    /// Its name in the data.
    pub name: &'static str,
    /// Degrees north; negative in the south.
    pub latitude: f32,
    /// Degrees east.
    pub longitude: f32,
    /// Its climate.
    pub zone: Zone,
}

/// Major climate groups of Köppen's classification, as the Bureau of
/// Meteorology maps them for Australia, told by a station's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Zone {
    /// Wet summer, dry winter, hot all year.
    Tropical,
    /// Warm and humid summers, mild winters.
    Subtropical,
    /// Too little rain for trees.
    Desert,
    /// Between desert and farmland.
    Grassland,
    /// Four seasons, rain in any of them or mostly in winter.
    Temperate,
}

impl Zone {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Zone::Tropical => "tropical",
            Zone::Subtropical => "subtropical",
            Zone::Desert => "desert",
            Zone::Grassland => "grassland",
            Zone::Temperate => "temperate",
        }
    }
}

/// All stations of *Rain in Australia*, by name.
pub fn all() -> &'static [Station] {
    &STATIONS
}

/// The station of this name.
pub fn find(name: &str) -> Option<&'static Station> {
    STATIONS
        .binary_search_by(|station| station.name.cmp(name))
        .ok()
        .map(|at| &STATIONS[at])
}

const fn at(name: &'static str, latitude: f32, longitude: f32, zone: Zone) -> Station {
    Station {
        name,
        latitude,
        longitude,
        zone,
    }
}

use Zone::{Desert, Grassland, Subtropical, Temperate, Tropical};

static STATIONS: [Station; 49] = [
    at("Adelaide", -34.92, 138.62, Temperate),
    at("Albany", -34.94, 117.80, Temperate),
    at("Albury", -36.07, 146.95, Temperate),
    at("AliceSprings", -23.80, 133.89, Desert),
    at("BadgerysCreek", -33.90, 150.73, Temperate),
    at("Ballarat", -37.51, 143.79, Temperate),
    at("Bendigo", -36.74, 144.33, Temperate),
    at("Brisbane", -27.48, 153.04, Subtropical),
    at("Cairns", -16.87, 145.75, Tropical),
    at("Canberra", -35.31, 149.20, Temperate),
    at("Cobar", -31.48, 145.83, Grassland),
    at("CoffsHarbour", -30.31, 153.12, Subtropical),
    at("Dartmoor", -37.92, 141.26, Temperate),
    at("Darwin", -12.42, 130.89, Tropical),
    at("GoldCoast", -27.94, 153.43, Subtropical),
    at("Hobart", -42.89, 147.33, Temperate),
    at("Katherine", -14.52, 132.38, Tropical),
    at("Launceston", -41.42, 147.12, Temperate),
    at("Melbourne", -37.81, 144.97, Temperate),
    at("MelbourneAirport", -37.67, 144.83, Temperate),
    at("Mildura", -34.24, 142.09, Grassland),
    at("Moree", -29.49, 149.85, Subtropical),
    at("MountGambier", -37.75, 140.77, Temperate),
    at("MountGinini", -35.53, 148.77, Temperate),
    at("Newcastle", -32.92, 151.80, Temperate),
    at("Nhil", -36.31, 141.65, Temperate),
    at("NorahHead", -33.28, 151.58, Temperate),
    at("NorfolkIsland", -29.04, 167.94, Subtropical),
    at("Nuriootpa", -34.48, 139.01, Temperate),
    at("PearceRAAF", -31.67, 116.02, Temperate),
    at("Penrith", -33.72, 150.68, Temperate),
    at("Perth", -31.92, 115.87, Temperate),
    at("PerthAirport", -31.93, 115.98, Temperate),
    at("Portland", -38.32, 141.47, Temperate),
    at("Richmond", -33.60, 150.78, Temperate),
    at("Sale", -38.12, 147.13, Temperate),
    at("SalmonGums", -32.99, 121.62, Grassland),
    at("Sydney", -33.86, 151.20, Temperate),
    at("SydneyAirport", -33.95, 151.17, Temperate),
    at("Townsville", -19.25, 146.77, Tropical),
    at("Tuggeranong", -35.42, 149.09, Temperate),
    at("Uluru", -25.19, 130.97, Desert),
    at("WaggaWagga", -35.16, 147.46, Temperate),
    at("Walpole", -34.98, 116.73, Temperate),
    at("Watsonia", -37.72, 145.08, Temperate),
    at("Williamtown", -32.79, 151.84, Temperate),
    at("Witchcliffe", -34.03, 115.10, Temperate),
    at("Wollongong", -34.37, 150.93, Temperate),
    at("Woomera", -31.16, 136.81, Desert),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_station_is_found_by_its_name() {
        for station in all() {
            assert_eq!(find(station.name), Some(station), "{}", station.name);
        }
        assert_eq!(find("Atlantis"), None);
    }
}

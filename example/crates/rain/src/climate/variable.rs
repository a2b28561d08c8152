//! The nineteen things that the weather is made of.

/// A measured variable. The order is that of the latent state: what changes over
/// a whole continent first, what changes from one paddock to the next last, so
/// that each can have its own reach in space (see [`Field`](super::Field)). Rain
/// comes early: what neighbours share of it is its own, not what they share of
/// humidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the columns")]
pub enum Variable {
    Pressure9am,
    Pressure3pm,
    Rainfall,
    Temp9am,
    MinTemp,
    MaxTemp,
    Temp3pm,
    Humidity9am,
    Humidity3pm,
    Cloud9am,
    Cloud3pm,
    Sunshine,
    Evaporation,
    WindGustSpeed,
    WindSpeed9am,
    WindSpeed3pm,
    WindGustDir,
    WindDir9am,
    WindDir3pm,
}

/// Number of variables, and length of the latent state.
pub const VARIABLES: usize = 19;
/// The first so many variables are numbers, the rest directions.
pub const NUMBERS: usize = 16;
/// The sixteen points of the compass, clockwise from north.
pub const COMPASS: [&str; 16] = [
    "N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW",
    "NNW",
];
/// A knot in km/h: wind is read in whole knots and published in whole km/h.
pub const KNOT: f64 = 1.852;

/// Every variable, in the order of the latent state.
pub const ALL: [Variable; VARIABLES] = {
    use Variable::*;
    [
        Pressure9am,
        Pressure3pm,
        Rainfall,
        Temp9am,
        MinTemp,
        MaxTemp,
        Temp3pm,
        Humidity9am,
        Humidity3pm,
        Cloud9am,
        Cloud3pm,
        Sunshine,
        Evaporation,
        WindGustSpeed,
        WindSpeed9am,
        WindSpeed3pm,
        WindGustDir,
        WindDir9am,
        WindDir3pm,
    ]
};

impl Variable {
    /// Name of its column.
    pub fn name(self) -> &'static str {
        use Variable::*;
        match self {
            Pressure9am => "Pressure9am",
            Pressure3pm => "Pressure3pm",
            Temp9am => "Temp9am",
            MinTemp => "MinTemp",
            MaxTemp => "MaxTemp",
            Temp3pm => "Temp3pm",
            Humidity9am => "Humidity9am",
            Humidity3pm => "Humidity3pm",
            Cloud9am => "Cloud9am",
            Cloud3pm => "Cloud3pm",
            Rainfall => "Rainfall",
            Sunshine => "Sunshine",
            Evaporation => "Evaporation",
            WindGustSpeed => "WindGustSpeed",
            WindSpeed9am => "WindSpeed9am",
            WindSpeed3pm => "WindSpeed3pm",
            WindGustDir => "WindGustDir",
            WindDir9am => "WindDir9am",
            WindDir3pm => "WindDir3pm",
        }
    }

    /// The variable of this name.
    pub fn named(name: &str) -> Option<Variable> {
        ALL.into_iter().find(|variable| variable.name() == name)
    }

    /// The step between two values that the instrument, or its reader, tells
    /// apart, in the column's unit (for wind speeds one knot).
    pub fn step(self) -> f64 {
        use Variable::*;
        match self {
            Rainfall | Evaporation => 0.2,
            Humidity9am | Humidity3pm | Cloud9am | Cloud3pm => 1.0,
            WindGustSpeed | WindSpeed9am | WindSpeed3pm => KNOT,
            WindGustDir | WindDir9am | WindDir3pm => 1.0,
            _ => 0.1,
        }
    }

    /// Least and greatest possible value, in the column's unit.
    pub fn range(self) -> (f64, f64) {
        use Variable::*;
        match self {
            Pressure9am | Pressure3pm => (960.0, 1050.0),
            Temp9am | MinTemp | MaxTemp | Temp3pm => (-15.0, 50.0),
            Humidity9am | Humidity3pm => (0.0, 100.0),
            Cloud9am | Cloud3pm => (0.0, 8.0),
            Rainfall => (0.0, 400.0),
            Sunshine => (0.0, 24.0),
            Evaporation => (0.0, 100.0),
            WindGustSpeed => (3.0 * KNOT, 150.0),
            WindSpeed9am | WindSpeed3pm => (0.0, 120.0),
            WindGustDir | WindDir9am | WindDir3pm => (0.0, 15.0),
        }
    }

    /// The cloud variables, of which a missing value may mean a clear sky.
    pub fn is_cloud(self) -> bool {
        matches!(self, Variable::Cloud9am | Variable::Cloud3pm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_list_is_that_of_the_enum() {
        for (index, variable) in ALL.into_iter().enumerate() {
            assert_eq!(variable as usize, index);
            assert_eq!(Variable::named(variable.name()), Some(variable));
        }
    }
}

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A linear change of unit, *a x + b*.
///
/// As text: `celsius_to_fahrenheit`, `millimetres_to_inches` (or with hyphens), or the
/// formula itself, `1.8*x+32`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Conversion {
    /// *a*, new units per old unit.
    pub factor: f64,
    /// *b*, in the new unit.
    pub offset: f64,
}

const NAMED: [(&str, Conversion); 2] = [
    (
        "celsius_to_fahrenheit",
        Conversion {
            factor: 1.8,
            offset: 32.0,
        },
    ),
    (
        "millimetres_to_inches",
        // One inch is 25.4 mm by definition (1959).
        Conversion {
            factor: 1.0 / 25.4,
            offset: 0.0,
        },
    ),
];

impl Conversion {
    /// The value in the new unit.
    pub fn convert(&self, value: f64) -> f64 {
        self.factor * value + self.offset
    }
}

impl FromStr for Conversion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // With hyphens too, as the names of all commands and options are written.
        let written = text.replace('-', "_");
        if let Some((_, conversion)) = NAMED.iter().find(|(name, _)| *name == written) {
            return Ok(*conversion);
        }
        parse_linear(text).ok_or_else(|| {
            let names = NAMED.map(|(name, _)| name).join(", ");
            format!(
                "{text:?} is not a conversion; known are {names}, or a formula such as 1.8*x+32"
            )
        })
    }
}

fn parse_linear(text: &str) -> Option<Conversion> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let (factor, offset) = text.split_once("*x")?;
    let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
    let offset = match offset {
        "" => 0.0,
        signed if signed.starts_with(['+', '-']) => number(signed)?,
        _ => return None,
    };
    Some(Conversion {
        factor: number(factor)?,
        offset,
    })
}

impl TryFrom<String> for Conversion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Conversion> for String {
    fn from(conversion: Conversion) -> String {
        conversion.to_string()
    }
}

impl std::fmt::Display for Conversion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match NAMED.iter().find(|(_, conversion)| conversion == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}*x{:+}", self.factor, self.offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_formula_convert_alike() {
        let named: Conversion = "celsius_to_fahrenheit".parse().unwrap();
        assert_eq!(named.convert(100.0), 212.0);
        assert_eq!("1.8*x + 32".parse(), Ok(named));
        assert_eq!("celsius-to-fahrenheit".parse(), Ok(named));
        let inches: Conversion = "millimetres_to_inches".parse().unwrap();
        assert!((inches.convert(254.0) - 10.0).abs() < 1e-12);
        assert_eq!(
            "-2*x-1e3".parse(),
            Ok(Conversion {
                factor: -2.0,
                offset: -1000.0
            })
        );
    }

    #[test]
    fn text_and_back_is_the_same_conversion() {
        for text in ["celsius_to_fahrenheit", "0.1*x-7", "3*x+0"] {
            let conversion: Conversion = text.parse().unwrap();
            assert_eq!(conversion.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_conversion_names_those_that_are() {
        for text in ["kelvin", "x+1", "1.8*x32", "nan*x", "2*x+", ""] {
            let error = text.parse::<Conversion>().unwrap_err();
            assert!(error.contains("celsius_to_fahrenheit"), "{error}");
        }
    }
}

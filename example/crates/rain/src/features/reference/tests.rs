use super::*;
use crate::stations;
use mlops_data::Cell;

/// A station's day of which only humidity at 3 pm and rain today are known.
fn weather(station: &str, day: Day, humidity: f32, rain: bool) -> Weather {
    let mut cells = vec![Cell::Missing; Weather::COLUMNS.len()];
    cells[0] = Cell::Date(day);
    cells[1] = Cell::Text(station);
    cells[14] = Cell::Number(f64::from(humidity));
    cells[21] = Cell::Text(if rain { "Yes" } else { "No" });
    Weather::from_cells(&cells).unwrap()
}

#[test]
fn the_station_whose_humid_air_comes_before_rain_tells_most() {
    // At Sydney it rains a day after the air at Perth, far away, was humid; at Penrith, near
    // by, the air is humid every other day.
    let days = 0..800;
    let humid = |day: Day| (day * day / 7) % 3 == 0;
    let training: Vec<Weather> = days
        .flat_map(|day| {
            let air = if humid(day) { 90.0 } else { 30.0 };
            let other = if day % 2 == 0 { 90.0 } else { 30.0 };
            [
                weather(
                    "Sydney",
                    day,
                    50.0 + (day % 5) as f32,
                    day > 0 && humid(day - 1),
                ),
                weather("Perth", day, air, false),
                weather("Penrith", day, other, false),
            ]
        })
        .collect();
    let reference = fit(&training.iter().collect::<Vec<_>>());
    let around = &reference.entities["Sydney"].neighbours;
    assert_eq!(around[0].entity, "Perth");
    assert!(around[0].values[0] > 0.99, "{around:?}");
    // It never rains at Perth: nothing tells it, and only distance is left.
    let around: Vec<&str> = reference.entities["Perth"]
        .neighbours
        .iter()
        .map(|near| near.entity.as_str())
        .collect();
    assert_eq!(around, ["Penrith", "Sydney"]);
    assert_eq!(
        reference.entities["Perth"].neighbours[0].values,
        [0.0, 0.0, 1.0]
    );
}

#[test]
fn what_is_usual_is_the_mean_of_the_month_and_missing_where_there_is_none() {
    let january = [(0, 40.0), (1, 60.0), (2, f32::NAN)];
    let training: Vec<Weather> = january
        .iter()
        .map(|(day, humidity)| weather("Sydney", *day, *humidity, *day == 0))
        .collect();
    let tables = &fit(&training.iter().collect::<Vec<_>>()).entities["Sydney"].tables;
    assert_eq!(tables["humidity_3pm"][0], Some(50.0));
    assert_eq!(tables["humidity_3pm"][1], None);
    assert_eq!(tables["wet"][0], Some(1.0 / 3.0));
}

#[test]
fn distances_are_those_on_a_map() {
    let station = |name| stations::find(name).unwrap();
    let apart = distance(station("Sydney"), station("Melbourne"));
    assert!((apart - 713.0).abs() < 10.0, "{apart} km");
    assert_eq!(distance(station("Perth"), station("Perth")), 0.0);
}

#[test]
fn nothing_is_learned_from_nothing() {
    assert_eq!(fit(&[]), Reference::default());
}

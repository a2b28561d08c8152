//! What every drawing promises, whatever it is given.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use mlops_plot::{
    Axis, Bar, Bars, Chart, HeatGrid, Line, Parallel, ParallelAxis, Reliability, ReliabilityBin,
    Swarm,
};
use proptest::prelude::*;

/// Checks that tags nest, attributes are quoted and nothing forbidden stands in text.
fn well_formed(xml: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        text_is_fine(&rest[..start])?;
        let end = rest.find('>').ok_or("a tag has no end")?;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            match open.pop() {
                Some(last) if last == name => {}
                other => return Err(format!("</{name}> closes {other:?}")),
            }
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap_or("");
        attributes_are_fine(&tag[name.len()..])?;
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    if rest.trim().is_empty() && open.is_empty() {
        Ok(())
    } else {
        Err(format!("open at the end: {open:?}"))
    }
}

fn attributes_are_fine(attributes: &str) -> Result<(), String> {
    let parts: Vec<&str> = attributes.trim_end_matches('/').split('"').collect();
    // name=" value " name=" value " …: an odd number of parts, the last one empty.
    if parts.len().is_multiple_of(2) || !parts.last().is_some_and(|last| last.trim().is_empty()) {
        return Err(format!("attributes {attributes}"));
    }
    match parts
        .iter()
        .step_by(2)
        .find(|part| !part.trim().is_empty() && !part.ends_with('='))
    {
        Some(part) => Err(format!("attribute {part}")),
        None => Ok(()),
    }
}

fn text_is_fine(text: &str) -> Result<(), String> {
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err(format!("control character in {text:?}"));
    }
    let stray = text.match_indices('&').find(|(at, _)| {
        !["&amp;", "&lt;", "&gt;", "&quot;"]
            .iter()
            .any(|entity| text[*at..].starts_with(entity))
    });
    stray.map_or(Ok(()), |(at, _)| {
        Err(format!("stray & in {:?}", &text[at..]))
    })
}

#[test]
fn the_check_itself_finds_faults() {
    for broken in [
        "<a><b></a></b>",
        "<a>",
        "<a b=c/>",
        "<a>x & y</a>",
        "<a b=\"c/>",
    ] {
        assert!(well_formed(broken).is_err(), "{broken}");
    }
}

fn body(svg: &str) -> &str {
    svg.split_once("</style>\n").expect("a style").1
}

#[test]
fn a_tiny_chart_is_drawn_as_it_was() {
    let svg = Chart::new("Tiny & small")
        .x_axis(Axis::new("x").range(0.0, 1.0))
        .y_axis(Axis::new("y").range(0.0, 1.0))
        .height(60.0)
        .line(Line::new("a", [(0.0, 0.0), (1.0, 1.0)]))
        .svg();
    insta::assert_snapshot!(svg.lines().take(3).collect::<Vec<_>>().join("\n"), @r#"
    <svg xmlns="http://www.w3.org/2000/svg" class="mp" role="img" width="640" height="180" viewBox="0 0 640 180">
    <title>Tiny &amp; small</title>
    <desc>y over x. a: 2 points, from 0 to 1.</desc>
    "#);
    let but_ticks = body(&svg)
        .lines()
        .filter(|l| !l.contains("mp-grid") && !l.contains("mp-soft"));
    insta::assert_snapshot!(but_ticks.collect::<Vec<_>>().join("\n"), @r##"
    <text x="0" y="16" class="mp-title">Tiny &amp; small</text>
    <path class="mp-line" stroke="#0072b2" stroke-dasharray="none" d="M1 34h26"/>
    <text x="34" y="38">a</text>
    <text x="0" y="62">y</text>
    <path class="mp-axis" d="M30 136L630 136"/>
    <svg x="26" y="72" width="608" height="68" viewBox="26 72 608 68" overflow="hidden">
    <path class="mp-line" stroke="#0072b2" stroke-dasharray="none" d="M30 136l600-60"/>
    </svg>
    <text x="330" y="173" class="mp-mid">x</text>
    </svg>
    "##);
}

#[test]
fn bars_tell_their_values_to_those_who_listen() {
    let svg = Bars::new("Drift", "PSI")
        .bar(Bar::new("speed", 0.25).highlight())
        .bar(Bar::new("weight", f64::NAN))
        .svg();
    assert!(
        svg.contains("<desc>PSI: speed 0.25, weight –.</desc>"),
        "{svg}"
    );
    assert!(svg.contains("role=\"img\"") && svg.contains("<title>Drift</title>"));
}

#[test]
fn a_step_goes_from_where_the_last_one_ended_and_tells_the_difference() {
    let svg = Bars::new("Sum", "log-odds")
        .bar(Bar::step("heat", 1.0, 3.5))
        .bar(Bar::step("age", 3.5, 3.0))
        .bar(Bar::step("lost", f64::NAN, 1.0))
        .svg();
    assert!(
        svg.contains("<desc>log-odds: heat 2.5, age −0.5, lost 1.</desc>"),
        "{svg}"
    );
    let whole = Bars::new("Sum", "log-odds")
        .bar(Bar::new("heat", 3.5))
        .svg();
    let step = Bars::new("Sum", "log-odds")
        .bar(Bar::step("heat", 0.0, 3.5))
        .svg();
    assert_eq!(step, whole, "a step from zero is a bar");
}

#[test]
fn nothing_to_draw_says_so() {
    let none: [&str; 0] = [];
    for svg in [
        Chart::new("t")
            .line(Line::new("a", [(f64::NAN, 1.0)]))
            .svg(),
        Bars::new("t", "x").svg(),
        HeatGrid::new("t", none, none, []).svg(),
        Reliability::new("t").svg(),
        Parallel::new("t").svg(),
        Swarm::new("t", "x", "value")
            .row("a", [(f64::NAN, None)])
            .svg(),
    ] {
        assert!(svg.contains(">no data</text>"), "{svg}");
        well_formed(&svg).unwrap();
    }
}

#[test]
fn dots_in_one_place_make_way_for_each_other() {
    let svg = Swarm::new("Effects", "Effect", "Value")
        .row(
            "heat",
            [
                (1.0, Some(0.0)),
                (1.0, Some(1.0)),
                (1.0, None),
                (-1.0, Some(0.5)),
            ],
        )
        .svg();
    assert!(
        svg.contains("<desc>Effect, by row: heat from −1 to 1.</desc>"),
        "{svg}"
    );
    let drawn = body(&svg).lines().filter(|line| line.contains("h0\""));
    let of_row: Vec<&str> = drawn
        .skip(8)
        .filter_map(|line| line.split(" d=").nth(1))
        .collect();
    insta::assert_snapshot!(of_row.join("\n"), @r#"
    "M628 69h0"/>
    "M60 69h0"/>
    "M628 66h0"/>
    "M628 72h0"/>
    "#);
}

#[test]
fn a_large_swarm_stays_below_200_kilobytes() {
    let dots = |row: u32| {
        (0..800).map(move |i: u32| (f64::from(i * row % 997) / 50.0, Some(f64::from(i) / 800.0)))
    };
    let swarm = (1..=20).fold(Swarm::new("Effects", "Effect", "Value"), |swarm, row| {
        swarm.row(format!("feature {row}"), dots(row))
    });
    assert!(swarm.svg().len() < 200_000, "{} bytes", swarm.svg().len());
}

#[test]
fn a_long_curve_stays_light() {
    let points = (0..35_000).map(|i| {
        let x = f64::from(i) / 35_000.0;
        (x, x.powf(0.2) + 0.001 * f64::from(i % 7))
    });
    let svg = Chart::new("ROC").line(Line::new("model", points)).svg();
    assert!(svg.len() < 8_000, "{} bytes", svg.len());
}

#[test]
fn a_missing_stretch_leaves_a_gap() {
    let line = |gap: f64| {
        let svg = Chart::new("t")
            .line(Line::new(
                "a",
                [(0.0, 1.0), (1.0, gap), (2.0, 2.0), (3.0, 1.0)],
            ))
            .svg();
        let path = svg
            .lines()
            .rev()
            .find(|line| line.contains("mp-line"))
            .unwrap()
            .to_owned();
        path.matches('M').count()
    };
    assert_eq!((line(1.5), line(f64::NAN)), (1, 2));
}

#[test]
fn the_best_try_is_drawn_on_top_and_a_value_that_is_not_there_below_the_axis() {
    let axis = |name: &str| ParallelAxis::new(name, [(0.0, "low".into()), (1.0, "high".into())]);
    let svg = Parallel::new("Tries")
        .axis(axis("depth"))
        .axis(axis("score"))
        .line([Some(0.5), Some(1.0)])
        .line([None, Some(0.0)])
        .svg();
    let lines: Vec<&str> = svg
        .lines()
        .filter(|line| line.contains("mp-line"))
        .collect();
    insta::assert_snapshot!(lines[lines.len() - 2..].join("\n"), @r##"
    <path class="mp-line" stroke="#7d7d85" style="stroke-width:1" stroke-opacity="0.4" stroke-dasharray="16 4 2 4 2 4" d="M48 350L592 332"/>
    <path class="mp-line" stroke="#d55e00" stroke-dasharray="8 3" d="M48 202L592 72"/>
    "##);
    assert_eq!(
        svg.matches(">–</text>").count(),
        1,
        "only depth lacks a value"
    );
}

#[test]
fn drawings_in_one_page_share_nothing_that_could_clash() {
    let svg = Chart::new("t")
        .line(Line::new("a", [(0.0, 1.0), (1.0, 2.0)]).band([(0.0, 0.0, 2.0), (1.0, 1.0, 3.0)]))
        .svg();
    assert!(!svg.contains(" id=") && !svg.contains("url("));
    let style = svg
        .split("<style>")
        .nth(1)
        .unwrap()
        .split("</style>")
        .next()
        .unwrap();
    for selector in style
        .split(['{', '}'])
        .filter(|part| part.trim_start().starts_with('.'))
    {
        assert!(selector.trim().starts_with(".mp"), "{selector}");
    }
    assert!(
        !svg.contains("\n\n"),
        "a blank line would end HTML in Markdown"
    );
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -1e3..1e3f64,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::MIN, f64::MAX, f64::MIN_POSITIVE, 5e-324]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn charts_are_well_formed_whatever_they_are_given(
        title in any::<String>(),
        points in prop::collection::vec((number(), number()), 0..700),
        band in prop::collection::vec((number(), number(), number()), 0..50),
        range in (number(), number()),
        marks in (number(), number()),
        days: bool,
    ) {
        let x = if days { Axis::days(&title) } else { Axis::new(&title) };
        let svg = Chart::new(&title)
            .describe(&title)
            .x_axis(x)
            .y_axis(Axis::new("y").range(range.0, range.1))
            .reference(&title, range, marks)
            .mark_x(&title, marks.0)
            .mark_y("y", marks.1)
            .line(Line::new(&title, points.clone()).band(band).markers())
            .line(Line::new("again", points))
            .svg();
        prop_assert_eq!(well_formed(&svg), Ok(()));
        prop_assert!(!svg.contains("NaN") || title.contains("NaN"), "{}", svg);
        prop_assert!(svg.len() < 60_000 + 60 * title.len());
    }

    #[test]
    fn other_drawings_are_well_formed_whatever_they_are_given(
        name in any::<String>(),
        values in prop::collection::vec((number(), number(), number()), 0..40),
        columns in 0usize..9,
    ) {
        let bars = values.iter().map(|(v, l, h)| Bar::new(&name, *v).interval(*l, *h));
        let bars = Bars::new(&name, &name).bars(bars).threshold(&name, values.first().map_or(0.0, |v| v.0)).svg();
        prop_assert_eq!(well_formed(&bars), Ok(()));
        let names = vec![name.clone(); columns];
        let grid = HeatGrid::new(&name, &names, &names, values.iter().map(|v| v.0)).axes(&name, &name).svg();
        prop_assert_eq!(well_formed(&grid), Ok(()));
        let bins = values.iter().map(|(v, l, h)| ReliabilityBin {
            predicted: *v,
            observed: *l,
            count: *h as usize,
            interval: Some((*l, *h)),
        });
        let dots = values.iter().map(|(v, l, _)| (*v, Some(*l)));
        let swarm = Swarm::new(&name, &name, &name).row(&name, dots).row("none", []).svg();
        prop_assert_eq!(well_formed(&swarm), Ok(()));
        let diagram = Reliability::new(&name).series(&name, bins).svg();
        prop_assert_eq!(well_formed(&diagram), Ok(()));
        let axes = values.iter().map(|(at, ..)| ParallelAxis::new(&name, [(*at, name.clone())]));
        let lines = values.iter().map(|(a, b, _)| [Some(*a), None, Some(*b)]);
        let empty = Parallel::new(&name);
        let parallel = lines.fold(axes.fold(empty, Parallel::axis), Parallel::line).svg();
        prop_assert_eq!(well_formed(&parallel), Ok(()));
    }
}

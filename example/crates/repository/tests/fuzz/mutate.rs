//! Changes inputs: as text, and as a tree of values that is written again.

use mlops_repository::yaml::{self, Map, Node, Value};
use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use crate::run::{LARGEST, Target};

/// Texts that mean something to a reader of YAML or of paths, wherever they stand.
const WORDS: &[&str] = &[
    "\n",
    "- ",
    ": ",
    "  ",
    "#",
    " # ",
    "'",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    "|\n",
    ">-\n",
    "&a ",
    "*a",
    "<<: ",
    "? ",
    "!!str ",
    "!",
    "%YAML 1.1\n",
    "---\n",
    "...\n",
    "~",
    "null",
    "true",
    "no",
    "0",
    "-1",
    "1e5",
    "1e-05",
    "0x1F",
    "0b11",
    "0o17",
    "1_000",
    ".inf",
    ".nan",
    "99999999999999999999999999999999999999999",
    "2015-07-01",
    "2001-12-14t21:59:43.10-05:00",
    "é",
    "🌧",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\u{1b}[31m",
    "\0",
    "\r\n",
    "\t",
    "..",
    "../",
    "/",
    "./",
    ".git",
    ".dvc/config",
    "C:",
    "a\\b",
    "http://",
    "s3://b/k",
    " ",
    "''",
    "\u{202e}",
];

/// One of the kept inputs with one change or a few.
pub fn mutated(target: &Target, kept: &[Vec<u8>], random: &mut Pcg64Mcg) -> Vec<u8> {
    let mut input = kept[random.random_range(0..kept.len())].clone();
    let mut changes = 1;
    while changes < 8 && random.random_bool(0.5) {
        changes += 1;
    }
    for _ in 0..changes {
        let other = &kept[random.random_range(0..kept.len())];
        let tree = if random.random_bool(0.6) {
            changed_tree(target, &input, other, random)
        } else {
            None
        };
        match tree {
            Some(text) => input = text.into_bytes(),
            None => change_text(target, &mut input, other, random),
        }
        input.truncate(LARGEST);
    }
    input
}

fn word<'t>(target: &'t Target, random: &mut Pcg64Mcg) -> &'t str {
    let words = if random.random_bool(0.5) {
        target.words
    } else {
        WORDS
    };
    words[random.random_range(0..words.len())]
}

fn change_text(target: &Target, input: &mut Vec<u8>, other: &[u8], random: &mut Pcg64Mcg) {
    let at = random.random_range(0..=input.len());
    let end = (at + random.random_range(0..24)).min(input.len());
    let line = |text: &[u8], at: usize| {
        let start = text[..at]
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let end = text[at..]
            .iter()
            .position(|&byte| byte == b'\n')
            .map_or(text.len(), |end| at + end + 1);
        start..end
    };
    match random.random_range(0..9) {
        0 => drop(input.splice(at..at, word(target, random).bytes())),
        1 => drop(input.splice(at..end, word(target, random).bytes())),
        2 => drop(input.drain(at..end)),
        3 => drop(input.drain(line(input, at))),
        4 => {
            let copied = input[line(input, at)].to_vec();
            let place = line(input, random.random_range(0..=input.len())).start;
            drop(input.splice(place..place, copied));
        }
        5 => {
            // Deeper, or less deep.
            let start = line(input, at).start;
            match input.get(start) {
                Some(b' ') if random.random_bool(0.5) => drop(input.remove(start)),
                _ => input.insert(start, b' '),
            }
        }
        6 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = random.random();
            }
        }
        7 => {
            let from = random.random_range(0..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        _ => {
            let times = if random.random_bool(0.9) {
                random.random_range(2..5)
            } else {
                200
            };
            let copied = input[at..end].repeat(times);
            drop(input.splice(at..at, copied));
        }
    }
}

/// The input as values of which one was changed, if it can be read.
fn changed_tree(
    target: &Target,
    input: &[u8],
    other: &[u8],
    random: &mut Pcg64Mcg,
) -> Option<String> {
    let read = |bytes: &[u8]| yaml::read(std::str::from_utf8(bytes).ok()?).ok();
    let mut tree = read(input)?;
    let count = size(&tree);
    // What aliases repeat would grow with each change.
    if count > LARGEST {
        return None;
    }
    let place = random.random_range(0..count);
    let value = match random.random_range(0..3) {
        0 => read(other)
            .and_then(|other| nth(&other, &mut random.random_range(0..size(&other))).cloned()),
        _ => None,
    };
    let value = value.unwrap_or_else(|| scalar(target, random).into());
    let node = nth_mut(&mut tree, &mut { place })?;
    change_node(target, node, value, random);
    Some((target.render)(&tree.value))
}

fn scalar(target: &Target, random: &mut Pcg64Mcg) -> Value {
    let text = word(target, random).to_owned();
    match random.random_range(0..6) {
        0 => Value::Integer(random.random_range(-2..100)),
        1 => Value::Bool(random.random()),
        2 => Value::Null,
        3 => Value::Text(format!("{text}{}", word(target, random))),
        4 => yaml::read(&text).map_or(Value::Text(text), |node| node.value),
        _ => Value::Text(text),
    }
}

fn change_node(target: &Target, node: &mut Node, value: Node, random: &mut Pcg64Mcg) {
    let chosen = random.random_range(0..7);
    match (&mut node.value, chosen) {
        (Value::List(items), 0..=4) => {
            let at = random.random_range(0..=items.len());
            match items.get(at).cloned() {
                Some(_) if chosen == 0 => drop(items.remove(at)),
                Some(item) if chosen < 3 => items.insert(at, item),
                _ => items.insert(at, value),
            }
        }
        (Value::Map(map), 0..=4) => {
            let at = random.random_range(0..=map.len());
            let key = word(target, random).to_owned();
            let chosen_entry = map.iter().nth(at).cloned();
            let Some(entry) = chosen_entry else {
                map.insert(key, value);
                return;
            };
            let kept = map.iter().enumerate().filter(|(place, _)| *place != at);
            let mut changed = Map::new();
            for (_, other) in kept {
                changed.push(other.key.clone(), 0, other.node.clone());
            }
            match chosen {
                0 => {}
                1 => changed.insert(key, entry.node),
                2 if entry.key.as_text().is_some() => {
                    changed.insert(entry.key.as_text().unwrap_or_default(), value);
                }
                _ => {
                    changed.push(entry.key, 0, entry.node);
                    changed.insert(key, value);
                }
            }
            *map = changed;
        }
        (_, 5) => *node = Value::List(vec![node.clone()]).into(),
        (_, 6) => {
            let mut map = Map::new();
            map.insert(word(target, random), node.clone());
            *node = Value::Map(map).into();
        }
        _ => *node = value,
    }
}

/// How many values there are, itself included.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(map) => map.iter().map(|entry| size(&entry.node)).sum::<usize>(),
        _ => 0,
    }
}

fn nth<'n>(node: &'n Node, left: &mut usize) -> Option<&'n Node> {
    if *left == 0 {
        return Some(node);
    }
    *left -= 1;
    match &node.value {
        Value::List(items) => items.iter().find_map(|item| nth(item, left)),
        Value::Map(map) => map.iter().find_map(|entry| nth(&entry.node, left)),
        _ => None,
    }
}

fn nth_mut<'n>(node: &'n mut Node, left: &mut usize) -> Option<&'n mut Node> {
    if *left == 0 {
        return Some(node);
    }
    *left -= 1;
    match &mut node.value {
        Value::List(items) => items.iter_mut().find_map(|item| nth_mut(item, left)),
        Value::Map(map) => {
            let keys: Vec<String> = map
                .iter()
                .filter_map(|entry| entry.key.as_text().map(str::to_owned))
                .collect();
            // A map lends one value at a time, by its key.
            let key = keys.into_iter().find(|key| {
                let count = map.get(key).map_or(0, size);
                let is_here = *left < count;
                if !is_here {
                    *left -= count;
                }
                is_here
            })?;
            nth_mut(map.get_mut(&key)?, left)
        }
        _ => None,
    }
}

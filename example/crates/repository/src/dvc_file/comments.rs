//! Comments of a file that is written anew stay at the keys they stood at.

use std::collections::BTreeMap;

use crate::yaml::{self, Map, Node, Value};

/// A key by its way from the top: names and places in lists.
type Key = Vec<String>;

#[derive(Default)]
struct Comments {
    /// Whole lines in front of the key's.
    before: Vec<String>,
    /// Column and text of what stands behind the key's value.
    behind: Option<(usize, String)>,
}

/// The new text with the comments of the old one.
pub(super) fn carry_over(old: &str, new: String) -> String {
    let (Ok(before), Ok(after)) = (yaml::read(old), yaml::read(&new)) else {
        return new;
    };
    let mut comments: BTreeMap<Key, Comments> = BTreeMap::new();
    let keys = keys_by_line(&before);
    let continued = yaml::continued_lines(old);
    let mut waiting = Vec::new();
    let mut last: Option<Key> = None;
    for (at, line) in old.lines().enumerate() {
        if let Some(end) = continued.get(&(at + 1)) {
            let rest: String = line.chars().skip(end.unwrap_or(usize::MAX)).collect();
            if let (true, Some(key)) = (rest.trim_start().starts_with('#'), &last) {
                let found: &mut Comments = comments.entry(key.clone()).or_default();
                found.behind = Some((0, rest.trim().to_string()));
            }
            continue;
        }
        if line.trim_start().starts_with('#') || line.trim().is_empty() {
            waiting.push(line.to_string());
        } else if let Some(key) = keys.get(&(at + 1)) {
            let found = comments.entry(key.clone()).or_default();
            found.before = std::mem::take(&mut waiting);
            found.behind = behind(line);
            last = Some(key.clone());
        }
    }
    let keys = keys_by_line(&after);
    let continued = yaml::continued_lines(&new);
    let mut text = String::with_capacity(old.len() + new.len());
    for (at, line) in new.lines().enumerate() {
        let found = keys.get(&(at + 1)).and_then(|key| comments.remove(key));
        let found = found.unwrap_or_default();
        for line in found.before {
            text.push_str(&line);
            text.push('\n');
        }
        // Behind a text that goes on in the next line, a comment would be a part of it.
        let has_room = !continued.contains_key(&(at + 2));
        if let Some((_, comment)) = found.behind.as_ref().filter(|_| !has_room) {
            text.push_str(comment);
            text.push('\n');
        }
        text.push_str(line);
        if let Some((column, comment)) = found.behind.filter(|_| has_room) {
            let gap = column.saturating_sub(line.chars().count()).max(1);
            text.push_str(&" ".repeat(gap));
            text.push_str(&comment);
        }
        text.push('\n');
    }
    // Comments of keys that are gone, and those at the end.
    for line in comments
        .into_values()
        .flat_map(|gone| gone.before)
        .chain(waiting)
    {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// The first key of each line.
fn keys_by_line(node: &Node) -> BTreeMap<usize, Key> {
    let mut keys = BTreeMap::new();
    collect(&node.value, &mut Vec::new(), &mut keys);
    keys
}

fn collect(value: &Value, way: &mut Key, keys: &mut BTreeMap<usize, Key>) {
    match value {
        Value::Map(map) => collect_map(map, way, keys),
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                way.push(at.to_string());
                if !matches!(item.value, Value::Map(_)) {
                    keys.entry(item.line).or_insert_with(|| way.clone());
                }
                collect(&item.value, way, keys);
                way.pop();
            }
        }
        _ => {}
    }
}

fn collect_map(map: &Map, way: &mut Key, keys: &mut BTreeMap<usize, Key>) {
    for entry in map.iter() {
        way.push(entry.key.as_text().unwrap_or_default().to_string());
        keys.entry(entry.line).or_insert_with(|| way.clone());
        collect(&entry.node.value, way, keys);
        way.pop();
    }
}

/// The comment behind a value on one line, and its column.
fn behind(line: &str) -> Option<(usize, String)> {
    let mut quote = None;
    let mut last = ' ';
    for (column, (at, character)) in line.char_indices().enumerate() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            // A quote opens only where a value begins.
            (None, '\'' | '"') if matches!(last, ' ' | '[' | '{') => quote = Some(character),
            (None, '#') if last.is_whitespace() => {
                return Some((column, line[at..].trim_end().to_string()));
            }
            (None, _) => {}
        }
        last = character;
    }
    None
}

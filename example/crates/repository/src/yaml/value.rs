//! Values of YAML, equal where Python calls them equal.

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// Line in the file, from 1; 0 if it was made by the program.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// A YAML value; maps keep their order.
///
/// Two values are equal if Python calls them equal, since that is how DVC finds changes:
/// the order of a map's keys doesn't matter, `1` equals `1.0`, and no number equals `.nan`.
#[derive(Debug, Clone)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Text.
    Text(String),
    /// A date or a date with a time, as it was written.
    Timestamp(String),
    /// A list.
    List(Vec<Node>),
    /// A map.
    Map(Map),
}

/// A map that keeps the order of its keys.
#[derive(Debug, Clone, Default)]
pub struct Map {
    entries: Vec<Entry>,
}

/// A key of a [`Map`] with what it maps to.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key: a scalar, nearly always text.
    pub key: Value,
    /// The key's line in the file, from 1; 0 if it was made by the program.
    pub line: usize,
    /// What the key maps to.
    pub node: Node,
}

impl Value {
    /// Text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The map, if it is one.
    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, if it is a list.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Node]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// What it is, for an error: `a text`, `a map`, …
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number",
            Self::Text(_) => "a text",
            Self::Timestamp(_) => "a date",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Map {
    /// A map without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What `key` maps to.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// `key` with its line and what it maps to.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.key.as_text() == Some(key))
    }

    /// What `key` maps to, to be changed in its place.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries
            .iter_mut()
            .find(|entry| entry.key.as_text() == Some(key))
            .map(|entry| &mut entry.node)
    }

    /// Maps `key` to `node`: in its place if it is there, else at the end.
    pub fn insert(&mut self, key: impl Into<String>, node: impl Into<Node>) {
        let (key, node) = (key.into(), node.into());
        match self
            .entries
            .iter_mut()
            .find(|entry| entry.key.as_text() == Some(&key))
        {
            Some(entry) => entry.node = node,
            None => self.push(Value::Text(key), node.line, node),
        }
    }

    /// Adds a key at the end that the caller knows not to be there.
    pub fn push(&mut self, key: Value, line: usize, node: Node) {
        self.entries.push(Entry { key, line, node });
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<Node> {
        let position = self
            .entries
            .iter()
            .position(|entry| entry.key.as_text() == Some(key))?;
        Some(self.entries.remove(position).node)
    }

    /// Keys with what they map to, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no keys.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Orders the keys that are text by code point, as Python does; others come first.
    pub fn sort_keys(&mut self) {
        self.entries
            .sort_by(|a, b| a.key.as_text().cmp(&b.key.as_text()));
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Map {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<K: Into<String>, N: Into<Node>> FromIterator<(K, N)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, N)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (key, node) in pairs {
            map.insert(key, node);
        }
        map
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|entry| {
                other
                    .iter()
                    .any(|theirs| theirs.key == entry.key && theirs.node == entry.node)
            })
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Text(a), Self::Text(b)) | (Self::Timestamp(a), Self::Timestamp(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }
}

impl Value {
    /// The number that Python compares with: `True` is 1.
    fn number(&self) -> Option<f64> {
        match self {
            Self::Bool(yes) => Some(f64::from(u8::from(*yes))),
            #[allow(clippy::cast_precision_loss)]
            Self::Integer(whole) => Some(*whole as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        Self { line: 0, value }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl From<u64> for Value {
    fn from(whole: u64) -> Self {
        Self::Integer(whole.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::List(items.into_iter().map(Node::from).collect())
    }
}

macro_rules! node_from {
    ($($kind:ty),*) => {
        $(impl From<$kind> for Node {
            fn from(value: $kind) -> Self {
                Value::from(value).into()
            }
        })*
    };
}

node_from!(&str, String, bool, u64, f64, Map, Vec<Value>);

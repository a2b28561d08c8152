//! The files of ConfigObj, as far as DVC uses them: sections, keys, quoted values, lists.

use std::fmt::Write as _;
use std::path::Path;

use crate::RepositoryError;

/// A file of sections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ini {
    /// In the order of the file.
    pub sections: Vec<Section>,
}

/// A section and its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// In lower case: `core`, or `remote "name"`.
    pub name: String,
    /// In the order of the file.
    pub entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// In lower case.
    pub key: String,
    /// One value, or several where commas stand between them.
    pub values: Vec<String>,
    /// Its line, from 1; 0 for one that is not from a file.
    pub line: usize,
}

impl Entry {
    /// The value as one text.
    pub fn text(&self) -> String {
        self.values.join(",")
    }
}

impl Section {
    /// The entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Ini {
    /// Reads a file's text; `path` is where it is from.
    ///
    /// # Errors
    /// If a line is neither a section, nor a key with a value, nor a comment.
    pub fn parse(text: &str, path: &Path) -> Result<Ini, RepositoryError> {
        let mut ini = Ini::default();
        let mut lines = text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            let number = at + 1;
            let wrong = |message: String| RepositoryError::file(path, Some(number), message);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with('[') {
                let name = section_name(line).ok_or_else(|| {
                    wrong("the line is no section: write [name] or ['remote \"name\"']".into())
                })?;
                if ini.section(&name).is_some() {
                    return Err(wrong(format!("the section {name:?} is there twice")));
                }
                ini.sections.push(Section {
                    name,
                    entries: Vec::new(),
                });
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                // What stands there may be a secret.
                return Err(wrong("the line has no `=`: write `key = value`".into()));
            };
            let mut value = value.trim().to_string();
            if let Some(quote) = ["\"\"\"", "'''"].into_iter().find(|q| value.starts_with(q)) {
                while value[3..].find(quote).is_none() {
                    let (_, next) = lines
                        .next()
                        .ok_or_else(|| wrong(format!("the quote {quote} isn't closed")))?;
                    value.push('\n');
                    value.push_str(next);
                }
            }
            let entry = Entry {
                key: unquote(key.trim()).to_lowercase(),
                values: split_values(&value).map_err(wrong)?,
                line: number,
            };
            let Some(section) = ini.sections.last_mut() else {
                return Err(wrong(format!("{:?} stands in no section", entry.key)));
            };
            if section.get(&entry.key).is_some() {
                return Err(wrong(format!("the key {:?} is there twice", entry.key)));
            }
            section.entries.push(entry);
        }
        Ok(ini)
    }

    /// A section by its name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Sets a key, in a new section if need be.
    pub fn set(&mut self, section: &str, key: &str, value: &str) {
        let entry = Entry {
            key: key.to_string(),
            values: vec![value.to_string()],
            line: 0,
        };
        let at = match self.sections.iter().position(|found| found.name == section) {
            Some(at) => at,
            None => {
                self.sections.push(Section {
                    name: section.to_string(),
                    entries: Vec::new(),
                });
                self.sections.len() - 1
            }
        };
        let entries = &mut self.sections[at].entries;
        match entries.iter_mut().find(|found| found.key == key) {
            Some(found) => *found = entry,
            None => entries.push(entry),
        }
    }

    /// Takes a key away; says whether it was there.
    pub fn unset(&mut self, section: &str, key: &str) -> bool {
        let Some(section) = self.sections.iter_mut().find(|found| found.name == section) else {
            return false;
        };
        let before = section.entries.len();
        section.entries.retain(|entry| entry.key != key);
        section.entries.len() < before
    }

    /// Takes a section away; says whether it was there.
    pub fn remove(&mut self, section: &str) -> bool {
        let before = self.sections.len();
        self.sections.retain(|found| found.name != section);
        self.sections.len() < before
    }

    /// The text as DVC writes it: empty sections left out, remotes last, no comments.
    ///
    /// # Errors
    /// If a value holds both kinds of triple quotes, which nothing can quote.
    pub fn to_text(&self) -> Result<String, String> {
        let named = |section: &&Section| section.name.contains('"');
        let plain = self.sections.iter().filter(|section| !named(section));
        let mut text = String::new();
        for section in plain.chain(self.sections.iter().filter(named)) {
            if section.entries.is_empty() && !named(&section) {
                continue;
            }
            let name = &section.name;
            let quote = if name.contains('"') { "'" } else { "" };
            let _ = writeln!(text, "[{quote}{name}{quote}]");
            for entry in &section.entries {
                let values = entry
                    .values
                    .iter()
                    .map(|value| quoted(value, entry.values.len() == 1));
                let values = values.collect::<Result<Vec<_>, _>>()?.join(", ");
                let _ = writeln!(text, "    {} = {values}", entry.key);
            }
        }
        Ok(text)
    }
}

fn section_name(line: &str) -> Option<String> {
    let inside = line.strip_prefix('[')?;
    let (name, after) = match inside.chars().next()? {
        quote @ ('\'' | '"') => {
            let (name, after) = inside[1..].split_once(quote)?;
            (name, after.trim().strip_prefix(']')?)
        }
        _ => inside.split_once(']')?,
    };
    let after = after.trim();
    if name.starts_with('[') || !(after.is_empty() || after.starts_with('#')) {
        return None;
    }
    Some(name.trim().to_lowercase())
}

fn unquote(text: &str) -> &str {
    for quote in ['\'', '"'] {
        let inside = text
            .strip_prefix(quote)
            .and_then(|text| text.strip_suffix(quote));
        if let Some(inside) = inside {
            return inside;
        }
    }
    text
}

/// The values of a line: quoted or bare, commas between them, a comment after them.
fn split_values(text: &str) -> Result<Vec<String>, String> {
    for quote in ["\"\"\"", "'''"] {
        if let Some(inside) = text.strip_prefix(quote) {
            // The last of a longer run of quotes closes, as in '''a''''.
            let start = inside.find(quote).ok_or("a quote isn't closed")?;
            let run = inside[start..]
                .chars()
                .take_while(|c| quote.starts_with(*c))
                .count();
            return Ok(vec![inside[..start + run - 3].to_string()]);
        }
    }
    let mut values = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        match rest.chars().next() {
            None | Some('#') => break,
            Some(quote @ ('\'' | '"')) => {
                let (value, after) = rest[1..]
                    .split_once(quote)
                    .ok_or_else(|| format!("the quote {quote} isn't closed"))?;
                values.push(value.to_string());
                rest = after.trim_start();
            }
            Some(_) => {
                let end = rest.find([',', '#']).unwrap_or(rest.len());
                values.push(rest[..end].trim_end().to_string());
                rest = &rest[end..];
            }
        }
        match rest.chars().next() {
            None | Some('#') => break,
            Some(',') => rest = &rest[1..],
            Some(_) => return Err("something stands behind a quoted value".into()),
        }
    }
    if values.is_empty() {
        values.push(String::new());
    }
    Ok(values)
}

fn quoted(value: &str, alone: bool) -> Result<String, String> {
    let has = |what: &str| value.contains(what);
    if value.is_empty() {
        return Ok("\"\"".into());
    }
    if alone && (has("\n") || (has("'") && has("\""))) {
        return match (has("\"\"\""), has("'''")) {
            (false, _) => Ok(format!("\"\"\"{value}\"\"\"")),
            (true, false) => Ok(format!("'''{value}'''")),
            (true, true) => Err("a value with both kinds of triple quotes can't be quoted".into()),
        };
    }
    let odd = |character: char| character.is_whitespace() || character == '\'' || character == '"';
    if value.starts_with(odd) || value.ends_with(odd) || has(",") || has("#") {
        let quote = if has("\"") { '\'' } else { '"' };
        return Ok(format!("{quote}{value}{quote}"));
    }
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN_BY_DVC: &str = r#"[core]
    remote = store
    autostage = true
[cache]
    type = "hardlink,symlink"
['remote "store"']
    url = /tmp/v/remote
['remote "s3r"']
    url = s3://bucket/p
    endpointurl = "http://127.0.0.1:9000,x"
    profile = " lead"
"#;

    fn parse(text: &str) -> Ini {
        Ini::parse(text, Path::new("config")).unwrap()
    }

    #[test]
    fn what_dvc_wrote_is_written_again() {
        let ini = parse(WRITTEN_BY_DVC);
        assert_eq!(ini.to_text().unwrap(), WRITTEN_BY_DVC);
        let remote = ini.section("remote \"s3r\"").unwrap();
        assert_eq!(remote.get("profile").unwrap().text(), " lead");
        assert_eq!(remote.get("profile").unwrap().line, 11);
    }

    #[test]
    fn a_value_with_both_quotes_is_read_and_written() {
        let mut ini = Ini::default();
        ini.set("remote \"r\"", "secret_access_key", "a#b \"q\" 'x");
        let text = ini.to_text().unwrap();
        assert_eq!(parse(&text).sections[0].entries[0].values, ["a#b \"q\" 'x"]);
        let by_dvc = "['remote \"r\"']\n    secret_access_key = '''a#b \"q\" 'x''''\n";
        assert_eq!(
            parse(by_dvc).sections[0].entries[0].values,
            ["a#b \"q\" 'x'"]
        );
    }

    #[test]
    fn people_write_other_forms() {
        let ini =
            parse("# c\n[Core]\nRemote=x # c\n\n['cache'] # c\n type = hardlink, 'a,b' ,copy\n");
        assert_eq!(
            ini.section("core").unwrap().get("remote").unwrap().text(),
            "x"
        );
        assert_eq!(
            ini.section("cache").unwrap().get("type").unwrap().values,
            ["hardlink", "a,b", "copy"]
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line) in [
            ("x = 1\n", 1),
            ("[a]\nx\n", 2),
            ("[a\n", 1),
            ("[[a]]\n", 1),
            ("[a]\nx = 1\nx = 2\n", 3),
            ("[a]\nx = 'b\n", 2),
            ("[a]\n\n[a]\n", 3),
            ("[a]\nx = '''b\n", 2),
        ] {
            let error = Ini::parse(text, Path::new("config"))
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with(&format!("config:{line}: ")),
                "{text:?}: {error}"
            );
        }
    }
}

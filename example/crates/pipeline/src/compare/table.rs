//! Tables as DVC prints them.

use mlops_repository::yaml::{Value, float_text};
use unicode_width::UnicodeWidthStr;

/// Rows under heads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new<S: Into<String>>(heads: impl IntoIterator<Item = S>) -> Self {
        Self {
            heads: heads.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row of as many cells as there are heads.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Columns two spaces apart; empty if there are no rows. Ends with a line break.
    #[must_use]
    pub fn plain(&self) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let mut text = String::new();
        self.lay_out(|cells, _| {
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        });
        text
    }

    /// The same with texts cut, so that lines fit into a width. Columns from `values` on are cut first, numbers
    /// never; of the others the widest, in its middle.
    #[must_use]
    pub fn fitted(&self, width: usize, values: usize) -> String {
        let mut table = self.clone();
        let is_number = |cell: &str| cell.parse::<f64>().is_ok();
        let cell_width = |cell: &String| cell.width();
        let columns = table.heads.len();
        let needs = |table: &Self| -> Vec<usize> {
            let cells = |at: usize| table.rows.iter().map(move |row| cell_width(&row[at]));
            (0..columns)
                .map(|at| (cells(at).max().unwrap_or(0)).max(table.heads[at].width() + 2))
                .collect()
        };
        let total = |needs: &[usize]| needs.iter().sum::<usize>() + 2 * (columns.max(1) - 1);
        if total(&needs(&table)) <= width {
            return table.plain();
        }
        for row in &mut table.rows {
            for cell in row.iter_mut().skip(values) {
                if !is_number(cell) {
                    *cell = cut(cell, LEAST_CELL, LEAST_CELL - 1);
                }
            }
        }
        loop {
            let needs = needs(&table);
            let excess = total(&needs).saturating_sub(width);
            let widest = (0..values.min(columns)).max_by_key(|at| needs[*at]);
            let Some(at) = widest.filter(|at| excess > 0 && needs[*at] > LEAST_CELL) else {
                return table.plain();
            };
            let room = (needs[at] - excess.min(needs[at])).max(LEAST_CELL);
            let room = room.max(table.heads[at].width() + 2).min(needs[at] - 1);
            for row in &mut table.rows {
                row[at] = cut(&row[at], room, room / 2);
            }
            if table.heads[at].width() + 2 > room {
                return table.plain();
            }
        }
    }

    /// A Markdown table with an empty line after it; what stands in cells is text and no markup.
    #[must_use]
    pub fn markdown(&self) -> String {
        let cells = |row: &Vec<String>| row.iter().map(|cell| markdown_text(cell)).collect();
        let escaped = Self {
            heads: cells(&self.heads),
            rows: self.rows.iter().map(cells).collect(),
        };
        let mut text = String::new();
        let mut is_head = true;
        escaped.lay_out(|cells, widths| {
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
            if std::mem::take(&mut is_head) {
                let dashes: Vec<String> =
                    widths.iter().map(|width| "-".repeat(width + 2)).collect();
                text.push_str(&format!("|{}|\n", dashes.join("|")));
            }
        });
        text.push('\n');
        text
    }

    /// Gives each printed line's cells, filled up to their columns' widths.
    fn lay_out(&self, mut line: impl FnMut(&[String], &[usize])) {
        // A head has at least two columns to spare, as tabulate gives it.
        let mut widths: Vec<usize> = self.heads.iter().map(|head| head.width() + 2).collect();
        let rows: Vec<Vec<Vec<&str>>> = std::iter::once(&self.heads)
            .chain(&self.rows)
            .map(|row| {
                row.iter()
                    .map(|cell| cell.trim().split('\n').collect())
                    .collect()
            })
            .collect();
        for row in rows.iter().skip(1) {
            for (width, cell) in widths.iter_mut().zip(row) {
                let widest = cell.iter().map(|part| part.width()).max().unwrap_or(0);
                *width = (*width).max(widest);
            }
        }
        for row in &rows {
            let height = row.iter().map(Vec::len).max().unwrap_or(0);
            for part in 0..height {
                let cells: Vec<String> = row
                    .iter()
                    .zip(&widths)
                    .map(|(cell, width)| {
                        let text = cell.get(part).copied().unwrap_or_default();
                        format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
                    })
                    .collect();
                line(&cells, &widths);
            }
        }
    }
}

/// A text that GitHub's Markdown shows as it is, also in a table's cell: it ends no cell and becomes no link,
/// picture, mention or HTML.
#[must_use]
pub fn markdown_text(text: &str) -> String {
    let text = text.trim();
    let mut out = String::with_capacity(text.len());
    for (at, char) in text.char_indices() {
        let is_word = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
        match char {
            // Within a word it is no markup, and names are full of it.
            '_' if is_word(text[..at].chars().next_back())
                && is_word(text[at + 1..].chars().next()) =>
            {
                out.push('_');
            }
            // Lists stay as DVC prints them: alone, a bracket is no markup.
            '[' | ']' if !text.contains("](") => out.push(char),
            // And one by itself marks nothing: `HEAD~2`.
            '~' | '$' if text.matches(char).count() == 1 => out.push(char),
            // A second line of the cell.
            '\n' => out.push('\n'),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '$' => out.extend(['\\', char]),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            ':' if text[at + 1..].starts_with("//") => out.push_str("&#58;"),
            '.' if text[..at].to_ascii_lowercase().ends_with("www") => out.push_str("&#46;"),
            char if char.is_control() => out.push(' '),
            char => out.push(char),
        }
    }
    out
}

/// Columns that a cell keeps when it is cut.
const LEAST_CELL: usize = 12;

/// A text of at most so many columns: its first `keep`, an ellipsis, and as much of its end as there is room for.
fn cut(text: &str, room: usize, keep: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let fits = |chars: &mut dyn Iterator<Item = char>, room: usize| -> Vec<char> {
        let mut left = room;
        chars
            .take_while(|char| {
                let width = unicode_width::UnicodeWidthChar::width(*char).unwrap_or(0);
                let fits = width <= left;
                left = left.saturating_sub(width);
                fits
            })
            .collect()
    };
    let start = fits(&mut text.chars(), keep);
    let end = fits(&mut text.chars().rev(), room.saturating_sub(keep + 1));
    start
        .into_iter()
        .chain(['…'])
        .chain(end.into_iter().rev())
        .collect()
}

/// Foreign text in a code span, which also fits into a table.
pub(crate) fn code(text: &str) -> String {
    let mut plain: String = text
        .chars()
        .take(200)
        .map(|char| match char {
            char if char.is_control() => ' ',
            '`' => '\'',
            // In a table it ends the cell, even in a code span.
            '|' => '¦',
            char => char,
        })
        .collect();
    if text.chars().nth(200).is_some() {
        plain.push('…');
    }
    match plain.trim() {
        "" => "–".to_owned(),
        plain => format!("`{plain}`"),
    }
}

/// A value in a cell; numbers with a fraction rounded to so many digits after the point.
pub(crate) fn text(value: &Value, precision: Option<usize>) -> String {
    match (value, precision) {
        (Value::Float(number), Some(digits)) if number.is_finite() => {
            let rounded = format!("{number:.digits$}").parse().unwrap_or(*number);
            python_text(&Value::Float(rounded))
        }
        _ => python_text(value),
    }
}

/// `str(value)` of Python.
pub(super) fn python_text(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Timestamp(text) => text.clone(),
        other => python_repr(other),
    }
}

fn python_repr(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(yes) => if *yes { "True" } else { "False" }.into(),
        Value::Integer(whole) => whole.to_string(),
        Value::Float(number) if number.is_finite() => float_text(*number),
        Value::Float(number) if number.is_nan() => "nan".into(),
        Value::Float(number) => if *number > 0.0 { "inf" } else { "-inf" }.into(),
        Value::Text(text) | Value::Timestamp(text) => quoted(text),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| python_repr(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|entry| {
                    format!(
                        "{}: {}",
                        python_repr(&entry.key),
                        python_repr(&entry.node.value)
                    )
                })
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for char in text.chars() {
        match char {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            char if char == quote => out.extend(['\\', char]),
            char if u32::from(char) < 0x20 || (0x7f..0xa1).contains(&u32::from(char)) => {
                out.push_str(&format!("\\x{:02x}", u32::from(char)));
            }
            char => out.push(char),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_markdown_table_are_text() {
        let mut table = Table::new(["Path", "roc_auc"]);
        table.row(vec!["a|b\n| c".into(), "0.9".into()]);
        table.row(vec!["<img src=x> @me".into(), "-0.5".into()]);
        table.row(vec!["[x](https://a.b) _x_ *y*".into(), "`z`".into()]);
        let cells: Vec<String> = (table.markdown().lines().skip(2))
            .filter_map(|line| Some(line.strip_prefix("| ")?.trim_end_matches('|').trim().into()))
            .collect();
        assert_eq!(cells.len(), 4);
        assert!(cells[0].starts_with(r"a\|b "), "{}", cells[0]);
        assert!(cells[1].starts_with(r"\| c "), "{}", cells[1]);
        assert!(
            cells[2].starts_with("&lt;img src=x&gt; &#64;me "),
            "{}",
            cells[2]
        );
        let row = r"\[x\](https&#58;//a.b) \_x\_ \*y\* | \`z\`";
        assert_eq!(cells[3], row);
        assert_eq!(markdown_text("www.a.b"), "www&#46;a.b");
        let plain = "a/b-c.d_e (1,000.5) HEAD~2 [1, 2]";
        assert_eq!(markdown_text(plain), plain);
    }
}

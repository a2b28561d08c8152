//! What may be printed of a text that somebody else wrote.

/// A text without what a terminal would obey: control characters (also a line break, which would begin a line that looks
/// like one of ours) and those that turn the direction of writing are shown as JSON escapes them.
///
/// ```
/// assert_eq!(mlops_disk::printable("Sydney\u{1b}[2J\nok"), "Sydney\\u001b[2J\\nok");
/// ```
#[must_use]
pub fn printable(text: &str) -> String {
    escaped(text, &[])
}

/// The same for a text of several lines, whose line breaks and tabs stay.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    escaped(text, &['\n', '\t'])
}

fn escaped(text: &str, kept: &[char]) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match letter {
            _ if kept.contains(&letter) || !(turns || letter.is_control()) => shown.push(letter),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            // All of them have at most four digits.
            _ => shown.push_str(&format!("\\u{:04x}", u32::from(letter))),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_would_obey_and_all_else_is() {
        let text = "é日 \u{1b}[31m\u{9b}\r\u{202e}\u{7f}\ta\nb";
        let shown = "é日 \\u001b[31m\\u009b\\r\\u202e\\u007f";
        assert_eq!(printable(text), format!("{shown}\\ta\\nb"));
        assert_eq!(printable_lines(text), format!("{shown}\ta\nb"));
    }
}

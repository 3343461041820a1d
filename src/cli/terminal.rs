//! What a terminal is given: text without what it would obey, tables, and lines no wider than it is.

use std::{
    fmt::Write as _,
    io::{ErrorKind, IsTerminal, Write as _, stdout},
    process::ExitCode,
};

use serde_json::Value;

use super::Failure;

/// Where nothing tells how wide it is.
const WIDTH: usize = 100;

/// Narrower columns than this are no better than lines that wrap.
const NARROWEST: usize = 60;

/// Wider lines than this are hard to read.
const WIDEST: usize = 140;

/// How wide lines may be.
pub(super) fn width() -> usize {
    let own = stdout().is_terminal().then(|| rustix::termios::tcgetwinsize(stdout()).ok()).flatten();
    let told = own.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    told.unwrap_or(WIDTH).clamp(NARROWEST, WIDEST)
}

/// Prints a command's answer.
pub(super) fn print(said: &str) -> Result<ExitCode, Failure> {
    match writeln!(stdout(), "{}", said.trim_end()) {
        // Whoever reads has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(error)),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Says something in passing. It does not matter whether it can be written, but false: nobody reads any more.
pub(super) fn say(text: &str) -> bool {
    writeln!(stdout(), "{text}").err().is_none_or(|error| error.kind() != ErrorKind::BrokenPipe)
}

/// Whether a terminal would obey it, or it turns the direction of writing.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// One line without control characters, and without those that turn the direction of writing.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if is_unsafe(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// JSON; control characters that it allows as they are, a terminal would obey.
pub(super) fn json(answer: &Value) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(answer).map_err(Failure::failed)?;
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\n' || !is_unsafe(c) {
            safe.push(c);
        } else {
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        }
    }
    Ok(safe)
}

/// Columns as wide as their widest cell; the last one is left ragged.
pub(super) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let all: Vec<Vec<String>> = std::iter::once(head.iter().map(ToString::to_string).collect()).chain(rows).collect();
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in &all {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Text in lines of at most `width`, each behind this; a word that is longer than a line stays whole.
pub(super) fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let would_be = indent.chars().count() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && would_be > width {
            let _ = writeln!(lines, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        let _ = writeln!(lines, "{indent}{line}");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_no_wider_than_wanted_unless_a_word_is() {
        assert_eq!(wrapped("one two three", "  ", 10), "  one two\n  three\n");
        assert_eq!(wrapped("a far-too-long-word b", "", 8), "a\nfar-too-long-word\nb\n");
        assert_eq!(wrapped("  ", "> ", 8), "");
    }

    #[test]
    fn what_turns_writing_around_is_shown_and_not_done() {
        assert_eq!(clean("a\u{202e}b\u{61c}c\nd\u{1b}[2J"), "a\u{fffd}b\u{fffd}c d\u{fffd}[2J");
        let said = json(&Value::String("x\u{9b}\u{202e}y".into())).expect("JSON");
        assert_eq!(said, "\"x\\u009b\\u202ey\"");
    }
}

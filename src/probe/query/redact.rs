//! SQL without its literals, so that a statement can be shown, logged and stored.
//!
//! `pg_stat_statements` replaces the constants of queries, but keeps utility statements as they were typed, passwords
//! included, and what `pg_stat_activity` shows was never touched. So every text passes here before it leaves the probe: a
//! lexer that follows PostgreSQL's (`scan.l`), keeps words, quoted identifiers, operators and `$1`, and writes `?` for every
//! literal. Comments go, white space shrinks. It errs on the side of hiding: what is not closed hides all that follows, as
//! does a plain string with `\'` in it, whose end depends on a setting of the session. The value of a `SET` is hidden even
//! when it is a bare word.

/// A statement longer than this is cut, characters. What a person reads of it; plans are told apart by their query id.
pub const MOST_CHARS: usize = 2_000;

/// The statement without literals and comments, at most [`MOST_CHARS`] long.
pub fn redact(sql: &str) -> String {
    let mut lexer =
        Lexer { rest: sql, out: String::with_capacity(sql.len().min(MOST_CHARS * 4)), kept: 0, setting: Setting::First };
    while lexer.kept < MOST_CHARS && lexer.token() {}
    let mut out = lexer.out;
    if let Some((cut, _)) = out.char_indices().nth(MOST_CHARS - 1)
        && out[cut..].chars().nth(1).is_some()
    {
        out.truncate(cut);
        out.push('…');
    }
    out
}

/// How far the lexer is towards the value of a `SET`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    /// The next word is the statement's first.
    First,
    /// It began with `ALTER`; a `SET` may come.
    Alter,
    /// After `SET`: what follows `=` or `TO` is the value.
    Set,
    /// The value itself, hidden up to the statement's end.
    Value,
    /// Some other statement.
    No,
}

struct Lexer<'a> {
    rest: &'a str,
    out: String,
    /// Characters of `out` at least; tokens are counted, not scanned again.
    kept: usize,
    setting: Setting,
}

impl<'a> Lexer<'a> {
    /// Takes one token; false at the end.
    fn token(&mut self) -> bool {
        let mut chars = self.rest.chars();
        let Some(first) = chars.next() else { return false };
        let second = chars.next();
        match (first, second) {
            (c, _) if c.is_whitespace() => {
                self.skip(c.len_utf8());
                self.space();
            }
            ('-', Some('-')) => {
                let end = self.rest.find(['\n', '\r']).unwrap_or(self.rest.len());
                self.skip(end);
                self.space();
            }
            ('/', Some('*')) => {
                let end = block_comment(self.rest);
                self.skip(end);
                self.space();
            }
            ('\'', _) => self.plain_string(),
            ('"', _) => match closing(self.rest, 1, '"', false) {
                Some(end) => self.keep(end),
                None => self.hide_all(),
            },
            ('$', _) => self.dollar(),
            ('.', Some('.')) => self.keep(2),
            ('.', Some(digit)) if digit.is_ascii_digit() => self.number(),
            (digit, _) if digit.is_ascii_digit() => self.number(),
            (letter, _) if begins_word(letter) => self.word(),
            (';', _) => {
                self.setting = Setting::First;
                self.keep(1);
            }
            ('=', _) if self.setting == Setting::Set => {
                self.keep(1);
                self.hide_value();
            }
            (other, _) => self.keep(other.len_utf8()),
        }
        true
    }

    fn skip(&mut self, bytes: usize) -> &'a str {
        let (token, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        token
    }

    fn keep(&mut self, bytes: usize) {
        let token = self.skip(bytes);
        if self.setting != Setting::Value {
            self.kept += token.chars().count();
            self.out.push_str(token);
        }
    }

    fn space(&mut self) {
        if self.setting != Setting::Value && !self.out.is_empty() && !self.out.ends_with(' ') {
            self.out.push(' ');
            self.kept += 1;
        }
    }

    /// A literal stood here.
    fn hide(&mut self) {
        if self.setting != Setting::Value {
            self.out.push('?');
            self.kept += 1;
        }
    }

    fn hide_all(&mut self) {
        self.hide();
        self.rest = "";
    }

    /// The value of a setting begins; it ends with the statement.
    fn hide_value(&mut self) {
        self.space();
        self.hide();
        self.setting = Setting::Value;
    }

    fn number(&mut self) {
        let bytes = self.rest.as_bytes();
        let mut end = 1;
        while let Some(&byte) = bytes.get(end) {
            let exponent = matches!(bytes[end - 1], b'e' | b'E') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
            let range = byte == b'.' && bytes.get(end + 1) == Some(&b'.');
            let more = byte.is_ascii_alphanumeric()
                || byte == b'_'
                || !byte.is_ascii()
                || (byte == b'.' && !range)
                || (matches!(byte, b'+' | b'-') && exponent && !bytes.starts_with(b"0x"));
            if !more {
                break;
            }
            end += 1;
        }
        self.skip(end);
        self.hide();
    }

    fn dollar(&mut self) {
        let after = &self.rest[1..];
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            return self.keep(1 + digits);
        }
        let tag = after.char_indices().find(|&(_, c)| !(c.is_alphanumeric() || c == '_' || !c.is_ascii()));
        let Some((length, '$')) = tag else { return self.keep(1) };
        let delimiter = &self.rest[..length + 2];
        match self.rest[delimiter.len()..].find(delimiter) {
            Some(body) => {
                self.skip(2 * delimiter.len() + body);
                self.hide();
            }
            None => self.hide_all(),
        }
    }

    fn plain_string(&mut self) {
        match closing(self.rest, 1, '\'', false) {
            // Where it ends depends on standard_conforming_strings, which the text does not tell.
            Some(end) if self.rest[..end].contains("\\'") => self.hide_all(),
            Some(end) => {
                self.skip(end);
                self.hide();
            }
            None => self.hide_all(),
        }
    }

    fn word(&mut self) {
        let end = self.rest.find(|c: char| !(begins_word(c) || c.is_alphanumeric() || c == '$')).unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        let prefix = match after.as_bytes() {
            [b'\'', ..] if matches!(word, "E" | "e") => Some((end + 1, true)),
            [b'\'', ..] if matches!(word, "B" | "b" | "X" | "x" | "N" | "n") => Some((end + 1, false)),
            [b'&', b'\'', ..] if matches!(word, "U" | "u") => Some((end + 2, false)),
            _ => None,
        };
        if let Some((start, escapes)) = prefix {
            match closing(self.rest, start, '\'', escapes) {
                Some(end) => {
                    self.skip(end);
                    self.hide();
                }
                None => self.hide_all(),
            }
            return;
        }
        self.keep(end);
        let is = |other: &str| word.eq_ignore_ascii_case(other);
        self.setting = match self.setting {
            Setting::First | Setting::Alter if is("set") => Setting::Set,
            Setting::First if is("alter") => Setting::Alter,
            Setting::First => Setting::No,
            Setting::Set if is("to") => return self.hide_value(),
            same => same,
        };
    }
}

fn begins_word(c: char) -> bool {
    c.is_alphabetic() || c == '_' || !c.is_ascii()
}

/// Where a quoted token ends (after its closing quote), from the first character of its body; doubled quotes stay inside, and
/// escaped ones where backslashes escape.
fn closing(text: &str, body: usize, quote: char, escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = quote as u8;
    let mut at = body;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if escapes => at += 2,
            _ if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            _ if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// Where a block comment ends; they nest. One that is not closed ends with the text.
fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" if depth == 1 => return at + 2,
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests;

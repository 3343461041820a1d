//! Names within commands, so that a command means what it shows whatever somebody called a role.

use std::fmt::Write as _;

use super::super::units::is_treacherous;

/// An SQL identifier: `"checkout"`, `"a ""b"""`, `U&"a\202eb"`.
pub(super) fn identifier(name: &str) -> String {
    if !name.chars().any(is_treacherous) {
        return format!("\"{}\"", name.replace('"', "\"\""));
    }
    let mut text = String::from("U&\"");
    for letter in name.chars() {
        match letter {
            '"' => text.push_str("\"\""),
            '\\' => text.push_str("\\\\"),
            letter if is_treacherous(letter) => {
                let _ = write!(text, "\\+{:06x}", letter as u32);
            }
            letter => text.push(letter),
        }
    }
    text + "\""
}

/// A word for a POSIX shell: bare where nothing in it means anything, else in quotes; what cannot be seen is written out.
pub(super) fn shell(word: &str) -> String {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_.:/@%+=,".contains(letter);
    if !word.is_empty() && word.chars().all(harmless) && !word.starts_with('-') {
        return word.to_owned();
    }
    if word.chars().any(is_treacherous) {
        let mut escaped = String::from("$'");
        for byte in word.bytes() {
            let _ = write!(escaped, "\\x{byte:02x}");
        }
        return escaped + "'";
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name() {
        let table = [
            ("checkout", "\"checkout\""),
            ("user", "\"user\""),
            ("a\"; DROP TABLE x; --", "\"a\"\"; DROP TABLE x; --\""),
            ("back\\slash", "\"back\\slash\""),
            ("app\u{202e}exe\\\"", "U&\"app\\+00202eexe\\\\\"\"\""),
            ("two\nlines", "U&\"two\\+00000alines\""),
        ];
        for (name, expected) in table {
            assert_eq!(identifier(name), expected);
        }
    }

    #[test]
    fn a_word_stays_a_word() {
        let table = [
            ("pgb.internal", "pgb.internal"),
            ("slack ops", "'slack ops'"),
            ("it's; rm -rf /", "'it'\\''s; rm -rf /'"),
            ("$(id)", "'$(id)'"),
            ("", "''"),
            ("-h", "'-h'"),
            ("a\nb", "$'\\x61\\x0a\\x62'"),
        ];
        for (word, expected) in table {
            assert_eq!(shell(word), expected);
        }
    }
}

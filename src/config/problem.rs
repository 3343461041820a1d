//! What is wrong with a configuration, all of it at once: file, line, key, value and fix, for people and for programs.

use std::fmt;

use serde::Serialize;

/// One thing that is wrong or, as a warning, without effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file as it was named to us, the folder, or `command line`.
    pub file: String,
    /// Line in the file, counted from 1; null when it is about the whole file.
    pub line: Option<usize>,
    /// Path of the key, e.g. `target[0].url`; empty when it is about the whole file.
    pub key: String,
    /// What stands there, as written (never the value of a variable or file); `***` when the key may hold a secret, null when
    /// showing it would not help.
    pub value: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}

impl Problem {
    /// One about a whole file, folder or command line.
    pub(super) fn about(file: &str, message: String, fix: String) -> Self {
        Self { file: file.to_owned(), line: None, key: String::new(), value: None, message, fix }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(value) = &self.value {
            write!(f, "\n    here: {value}")?;
        }
        write!(f, "\n    fix:  {}", self.fix)
    }
}

/// Everything that keeps a configuration from being used; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        match self.0.len() {
            1 => f.write_str("1 problem in the configuration"),
            count => write!(f, "{count} problems in the configuration"),
        }
    }
}

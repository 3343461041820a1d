//! `isobar rules test`: files of series and expectations through the real rules; what differs is shown as a table.

use std::{fmt::Write as _, fs, path::PathBuf, process::ExitCode};

use super::{Failure, RulesTestArgs, terminal};
use crate::{
    clock, config,
    model::Timestamp,
    region::replay::{self, Case, Verdict, event_name},
};

pub(super) fn test(args: &RulesTestArgs) -> Result<ExitCode, Failure> {
    let tests = read(&args.files).map_err(Failure::usage)?;
    let (report, failed) = run(&tests);
    terminal::print(&report)?;
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// The tests of all files, each with the name of its file; or all that is wrong with any of them.
fn read(files: &[PathBuf]) -> Result<Vec<(String, Case)>, String> {
    let mut tests = Vec::new();
    let mut problems = Vec::new();
    for path in files {
        let name = path.display().to_string();
        let unreadable = |error: std::io::Error| {
            format!("{name}: the file cannot be read ({})\n    fix:  name a readable TOML file", error.kind())
        };
        match fs::read_to_string(path).map_err(unreadable) {
            Err(problem) => problems.push(problem),
            Ok(text) => match config::rule_tests(&name, &text) {
                Ok(cases) => tests.extend(cases.into_iter().map(|case| (name.clone(), case))),
                Err(found) => problems.extend(found.0.iter().map(ToString::to_string)),
            },
        }
    }
    let count = match problems.len() {
        0 => return Ok(tests),
        1 => "1 problem in the tests".to_owned(),
        count => format!("{count} problems in the tests"),
    };
    problems.push(count);
    Err(format!("nothing was tested\n{}", problems.join("\n")))
}

/// A line for each test, the difference below those that failed, and how many did.
fn run(tests: &[(String, Case)]) -> (String, usize) {
    let (mut text, mut failed) = (String::new(), 0);
    for (file, case) in tests {
        let events = replay::play(case, clock::now(), Timestamp(chrono::DateTime::UNIX_EPOCH));
        let verdicts = replay::compare(&case.expect, events);
        let good = verdicts.iter().all(|verdict| matches!(verdict, Verdict::Same(_)));
        let _ = writeln!(text, "{} {file}: {}", if good { "ok    " } else { "FAILED" }, case.name);
        if !good {
            failed += 1;
            difference(&verdicts, &mut text);
        }
    }
    let _ = match (tests.len(), failed) {
        (1, 0) => writeln!(text, "1 test passed"),
        (all, 0) => writeln!(text, "{all} tests passed"),
        (all, failed) => {
            writeln!(text, "{failed} of {all} tests failed: - was expected and did not come, + came and was not expected")
        }
    };
    (text, failed)
}

fn difference(verdicts: &[Verdict], text: &mut String) {
    let rows: Vec<[String; 6]> = verdicts
        .iter()
        .map(|verdict| {
            let (mark, at, rule, event, severity, message) = match verdict {
                Verdict::Same(it) => (" ", it.at, it.rule, it.event, Some(it.severity), ""),
                Verdict::Unexpected(it) => ("+", it.at, it.rule, it.event, Some(it.severity), it.message.as_str()),
                Verdict::Missing(it) => ("-", it.at, it.rule, it.event, it.severity, ""),
            };
            let severity = severity.map_or("", crate::model::Severity::as_str);
            let at = humantime::format_duration(at).to_string();
            [mark, &at, rule.as_str(), event_name(event), severity, message].map(str::to_owned)
        })
        .collect();
    let head = ["", "at", "rule", "event", "severity", ""].map(str::to_owned);
    let rows = || std::iter::once(&head).chain(&rows);
    let width = |column: usize| rows().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let [at, rule, event, severity] = [1, 2, 3, 4].map(width);
    for [mark, when, which, what, how, message] in rows() {
        let line = format!("    {mark:1} {when:at$}  {which:rule$}  {what:event$}  {how:severity$}  {message}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
}

#[cfg(test)]
mod tests;

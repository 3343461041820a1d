//! A channel's own words: minijinja templates over the fields of a [`Notice`]. They are compiled once, when the configuration is read;
//! what they may cost is bounded, so none can hang a delivery, and one that fails leaves the default words: a message in the wrong
//! words beats none.

use minijinja::{Environment, ErrorKind, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};

use super::{Command, Field, Notice};

/// Some thousand lines' worth; a template over a notice needs some hundred.
const FUEL: u64 = 100_000;

/// A title is one line.
const LONGEST_TITLE: usize = 250;

/// More than any channel takes.
const LONGEST_BODY: usize = 100_000;

/// The templates of one channel.
#[derive(Debug, Clone)]
pub struct Templates {
    environment: Environment<'static>,
}

/// A notice in the channel's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worded {
    /// The channel's title, or the default one.
    pub title: String,
    /// The channel's text; none: the default layout.
    pub body: Option<String>,
    /// Why a template was passed over.
    pub problem: Option<String>,
}

impl Templates {
    /// Compiles them and tries them on a notice that has everything; an error names the key, the line and what is wrong.
    pub fn new(title: Option<&str>, body: Option<&str>) -> Result<Self, String> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        // A line with nothing but a tag leaves no line behind.
        environment.set_syntax(
            SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(|error| error.to_string())?,
        );
        for (name, source) in [("title", title), ("body", body)] {
            if let Some(source) = source {
                environment.add_template_owned(name, source.to_owned()).map_err(|error| explain(name, &error))?;
            }
        }
        let templates = Self { environment };
        match templates.apply(&specimen()).problem {
            Some(problem) => Err(problem),
            None => Ok(templates),
        }
    }

    /// The notice in these words.
    pub fn apply(&self, notice: &Notice) -> Worded {
        let mut worded = Worded { title: notice.title.clone(), body: None, problem: None };
        match self.render("title", notice, LONGEST_TITLE) {
            Ok(Some(title)) => worded.title = title.split_whitespace().collect::<Vec<_>>().join(" "),
            Ok(None) => {}
            Err(problem) => worded.problem = Some(problem),
        }
        match self.render("body", notice, LONGEST_BODY) {
            Ok(body) => worded.body = body,
            Err(problem) => worded.problem = Some(problem),
        }
        worded
    }

    /// None without such a template.
    fn render(&self, name: &str, notice: &Notice, most: usize) -> Result<Option<String>, String> {
        let Ok(template) = self.environment.get_template(name) else { return Ok(None) };
        let text = template.render(Serde(notice)).map_err(|error| explain(name, &error))?;
        if text.trim().is_empty() {
            return Err(format!("{name}: the template came out empty"));
        }
        if text.len() > most {
            return Err(format!("{name}: the template came out longer than {most} bytes"));
        }
        Ok(Some(text))
    }
}

/// A notice in which nothing is empty, as most are.
fn specimen() -> Notice {
    let names = ["Where", "Since", "Value", "Threshold", "Attempts", "Severity", "Also affected", "Came back", "Taken by"];
    let text = || "specimen".to_owned();
    Notice {
        title: text(),
        summary: text(),
        notes: vec![text(); 2],
        fields: names.map(|name| Field::new(name, text())).into(),
        causes: vec![text(); 2],
        commands: vec![Command { purpose: text(), command: text() }; 2],
        sparkline: "▁█".to_owned(),
        runbook: text(),
        dashboard: Some(text()),
        digest: vec![text(); 2],
    }
}

fn explain(name: &str, error: &minijinja::Error) -> String {
    let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it does too much".to_owned(),
        (ErrorKind::UndefinedError, None) => {
            "it uses what a notice does not have; it has title, summary, notes, fields, causes, commands, sparkline, runbook, \
             dashboard and digest"
                .to_owned()
        }
        (kind, None) => kind.to_string(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
    };
    format!("{name}: {line}{what}")
}

#[cfg(test)]
mod tests;

//! One layer of `[thresholds]`, read with the judge's own [`Patch`], so that its keys are written down once.

use std::cell::Cell;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::section::{Findings, Section};
use crate::{
    model::Rule,
    region::thresholds::{Patch, Thresholds},
};

/// Whose levels a section sets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    /// Everybody's.
    Global,
    /// A region's or a target's.
    Local,
}

/// Judged by those who wait for a region, not in it.
const GLOBAL_ONLY: &str = "region_blind_after";

/// Applies `[thresholds]` of this section, when it has one. Every leaf is tried alone first, so that one bad value does not hide the next.
pub(super) fn layer(findings: &mut Findings<'_>, parent: &Section<'_>, layer: Layer, on: &mut Thresholds) {
    let Some(section) = parent.table(findings, "thresholds") else { return };
    if layer == Layer::Local && section.has(GLOBAL_ONLY) {
        let fix = "move it to [thresholds] in global.toml";
        findings.problem(&section.at(GLOBAL_ONLY), "is one for all regions", fix);
    }
    let mut good = DeTable::new();
    leaves(findings, &section, &mut Vec::new(), &mut good);
    // Each leaf was accepted alone, and leaves do not meet: together they are accepted too.
    let Ok(patch) = read(good) else { return };
    for problem in on.apply(&patch) {
        let at = section.deep(&problem.key);
        let message = if at.is_shown() { "does not fit".to_owned() } else { format!("would be {}", problem.value) };
        let fix = if problem.fix.starts_with("a ") { format!("choose {}", problem.fix) } else { problem.fix };
        findings.problem(&at, message, fix);
    }
}

fn read(table: DeTable<'_>) -> Result<Patch, toml::de::Error> {
    Patch::deserialize(ValueDeserializer::from(Spanned::new(0..0, DeValue::Table(table))))
}

/// Collects what can be used of a section and the tables in it.
fn leaves<'a>(findings: &mut Findings<'_>, section: &Section<'a>, path: &mut Vec<&'a str>, good: &mut DeTable<'a>) {
    let known: Option<Vec<&str>> = match path[..] {
        [] => Some(fields().to_vec()),
        ["rules"] => Some(Rule::ALL.iter().map(|rule| rule.as_str()).collect()),
        _ => None,
    };
    for (key, value) in section.entries() {
        if let Some(known) = known.as_ref().filter(|known| !known.contains(&key)) {
            section.unknown_key(findings, key, known);
            continue;
        }
        if value.get_ref().is_table() {
            let Some(inner) = section.table(findings, key) else { continue };
            path.push(key);
            leaves(findings, &inner, path, good);
            path.pop();
            continue;
        }
        let mut leaf = value.clone();
        let mut written = true;
        if value.get_ref().is_str() {
            let Some(text) = section.text(findings, key) else { continue };
            written = value.get_ref().as_str() == Some(&text.value);
            *leaf.get_mut() = DeValue::String(text.value.into());
        }
        path.push(key);
        let mut alone = DeTable::new();
        put(&mut alone, path, leaf.clone());
        match read(alone) {
            Ok(_) => put(good, path, leaf),
            Err(error) => {
                // Of serde's words only the types' names are a programmer's.
                let said = error.message().replace("f64", "a number").replace("u32", "a whole number");
                let message = if written { said } else { "what this stands for does not fit".to_owned() };
                findings.problem(&section.at(key), message, "the example regions/global.toml shows each key and what it takes");
            }
        }
        path.pop();
    }
}

fn put<'a>(table: &mut DeTable<'a>, path: &[&'a str], leaf: Spanned<DeValue<'a>>) {
    let [key, deeper @ ..] = path else { return };
    let key = Spanned::new(0..0, (*key).into());
    if deeper.is_empty() {
        table.insert(key, leaf);
        return;
    }
    let empty = || Spanned::new(0..0, DeValue::Table(DeTable::new()));
    if let DeValue::Table(inner) = table.entry(key).or_insert_with(empty).get_mut() {
        put(inner, deeper, leaf);
    }
}

/// The keys that a patch knows, asked from its own deserialiser.
fn fields() -> &'static [&'static str] {
    let names = Cell::new(&[] as &'static [&'static str]);
    // It always fails: the names are all that is wanted.
    let _ = Patch::deserialize(FieldNames(&names));
    names.get()
}

struct FieldNames<'a>(&'a Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("only the names of a struct's fields are asked for"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.set(fields);
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

//! Holds answers against the OpenAPI document that the node itself serves.

use serde_json::Value;

/// Where a value leaves its schema: a missing, an extra or a wrongly typed field.
pub(crate) fn strays(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document.pointer(&reference[1..]).expect("a schema by that name");
        return strays(document, schema, value, at);
    }
    if let Some(any) = schema["oneOf"].as_array() {
        return any.iter().map(|one| strays(document, one, value, at)).min_by_key(Vec::len).unwrap_or_default();
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let takes = |word: &Value| word == kind || (word == "number" && kind == "integer");
    if !schema["type"].as_array().map_or_else(|| takes(&schema["type"]), |any| any.iter().any(takes)) {
        return vec![format!("{at} is {kind}, not {}", schema["type"])];
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return vec![format!("{at}: {value} is not listed")];
    }
    let mut found = Vec::new();
    match value {
        Value::String(text) if schema["format"] == "date-time" && !is_timestamp(text) => {
            found.push(format!("{at}: {text} is not RFC 3339 UTC with milliseconds"));
        }
        Value::Array(items) => {
            found.extend(items.iter().flat_map(|item| strays(document, &schema["items"], item, &format!("{at}[]"))));
        }
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            found.extend(required.filter(|name| !fields.contains_key(*name)).map(|name| format!("{at}.{name} is missing")));
            for (name, value) in fields {
                match schema["properties"].get(name).or_else(|| schema.get("additionalProperties")) {
                    Some(Value::Bool(_)) => {}
                    Some(schema) => found.extend(strays(document, schema, value, &format!("{at}.{name}"))),
                    None => found.push(format!("{at}.{name} is not in the schema")),
                }
            }
        }
        _ => {}
    }
    found
}

/// `2026-11-23T08:46:00.123Z`.
fn is_timestamp(text: &str) -> bool {
    let shape = "dddd-dd-ddTdd:dd:dd.dddZ";
    let fits = |(shape, seen): (u8, u8)| if shape == b'd' { seen.is_ascii_digit() } else { shape == seen };
    text.len() == shape.len() && shape.bytes().zip(text.bytes()).all(fits)
}

//! What changed in a sample, as the least JSON that says it. Objects are compared field by field; everything else, lists
//! included, is replaced as a whole. Unlike RFC 7396 a `null` is a value ("cannot be known"), since fields never vanish.

use serde_json::{Map, Value};

use crate::model::Sample;

/// Always told: whose update this is, and from when.
const ALWAYS: [&str; 3] = ["region", "target", "timestamp"];

/// A sample as JSON.
pub(super) fn value(sample: &Sample) -> Value {
    serde_json::to_value(sample).unwrap_or_default()
}

/// The update that leads from one sample to the next; the whole of it when there was none before.
pub(super) fn update(before: Option<&Value>, after: &Value) -> Value {
    let (Some(Value::Object(before)), Value::Object(after)) = (before, after) else { return after.clone() };
    let mut update = changed(before, after);
    for key in ALWAYS {
        if let Some(value) = after.get(key) {
            update.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(update)
}

fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let differing = after.iter().filter_map(|(key, new)| {
        let new = match (before.get(key), new) {
            (Some(old), new) if old == new => return None,
            (Some(Value::Object(old)), Value::Object(new)) => Value::Object(changed(old, new)),
            _ => new.clone(),
        };
        Some((key.clone(), new))
    });
    differing.collect()
}

/// Applies an update, as the page does.
#[cfg(test)]
pub(super) fn apply(onto: &mut Value, update: &Value) {
    match (onto, update) {
        (Value::Object(onto), Value::Object(update)) => {
            for (key, new) in update {
                apply(onto.entry(key.clone()).or_insert(Value::Null), new);
            }
        }
        (onto, update) => *onto = update.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_update_holds_what_differs_and_whose_it_is() {
        let table = [
            (json!({"a": 1, "b": {"c": 2, "d": 3}}), json!({"a": 1, "b": {"c": 2, "d": 4}}), json!({"b": {"d": 4}})),
            (json!({"a": 1}), json!({"a": null}), json!({"a": null})),
            (json!({"a": null}), json!({"a": {"b": 1}}), json!({"a": {"b": 1}})),
            (json!({"a": {"b": 1}}), json!({"a": null}), json!({"a": null})),
            (json!({"a": [1, 2]}), json!({"a": [1]}), json!({"a": [1]})),
            (
                json!({"region": "r", "timestamp": 1}),
                json!({"region": "r", "timestamp": 1}),
                json!({"region": "r", "timestamp": 1}),
            ),
        ];
        for (before, after, expected) in table {
            let got = update(Some(&before), &after);
            assert_eq!(got, expected);
            let mut rebuilt = before;
            apply(&mut rebuilt, &got);
            assert_eq!(rebuilt, after);
        }
    }

    #[test]
    fn the_first_update_is_whole() {
        assert_eq!(update(None, &json!({"a": 1})), json!({"a": 1}));
    }
}

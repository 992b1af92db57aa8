//! Names of options in a schema: with dots, and as TOML reads them without quotes.

use serde_json::{Map, Value, json};

/// Makes every `#/$defs/NAME` in it refer to the scenario's definition of that name. Draft 7 reads
/// nothing beside a reference, so that it is put into a list of its own.
pub(super) fn refer(schema: &mut Value, prefix: &str) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(|value| refer(value, prefix));
            let to = object.remove("$ref");
            let name = to.as_ref().and_then(|to| to.as_str()?.strip_prefix("#/$defs/"));
            if let Some(name) = name {
                let to = json!({ "$ref": format!("#/definitions/{prefix}{name}") });
                object.insert("allOf".into(), json!([to]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|value| refer(value, prefix)),
        _ => {}
    }
}

/// What a file's options may be that are laid over defaults: none has to be there, a whole number
/// may be written with its unit, and `linger.ms` may be a key `ms` of a table `linger`.
/// Under `own`, `own.linger.ms` may be written without repeating itself.
pub(super) fn loosen(schema: &mut Value, own: &str) {
    let Some(object) = schema.as_object_mut() else { return };
    if object.get("additionalProperties") != Some(&json!(false)) {
        return;
    }
    let Some(Value::Object(properties)) = object.remove("properties") else { return };
    object.remove("required");
    let mut all = Map::new();
    for (name, mut option) in properties {
        with_unit(&mut option);
        if let Some(short) = name.strip_prefix(own).and_then(|name| name.strip_prefix('.')) {
            put(&mut all, short, option.clone());
        }
        put(&mut all, &name, option);
    }
    object.insert("properties".into(), Value::Object(all));
}

fn with_unit(option: &mut Value) {
    if option.get("type") == Some(&json!("integer")) {
        option["type"] = json!(["integer", "string"]);
        // Bounds and formats are of the number alone.
        let object = option.as_object_mut().expect("it has a type");
        object.remove("format");
    }
}

/// Puts a property of this name in, whole and, if it has dots, as tables in tables.
pub(super) fn put(properties: &mut Map<String, Value>, name: &str, value: Value) {
    if let Some((first, rest)) = name.split_once('.') {
        let table = properties
            .entry(first)
            .or_insert_with(|| json!({ "type": "object", "properties": {} }));
        if let Some(Value::Object(inner)) = table.get_mut("properties") {
            put(inner, rest, value.clone());
        }
    }
    properties.insert(name.to_owned(), value);
}

//! The JSON Schema of a scenario file, for editors that complete and check as one writes.
//!
//! Made from the types that a file is read as, from the systems' own schemas, from the catalogue of
//! faults and from the names of figures: the list of none of them stands here again. It is no
//! stricter than reading a file is; what depends on several keys (a topology, a target that there
//! is) only `headwater check` says.

use headwater_models::systems::Systems;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::faults::{self, Occasion};
use crate::scenario::{Header, Measure, Promise, SwarmSpec, metric};
use headwater_traffic::TrafficSpec;

mod names;

/// The schema of a scenario file.
pub fn of_scenario(systems: &Systems) -> Value {
    let mut generator = schemars::generate::SchemaSettings::draft07().into_generator();
    let header = of::<Header>(&mut generator);
    let mut properties = header["properties"].as_object().cloned().unwrap_or_default();
    let mut definitions = Map::new();
    let kinds: Vec<Value> =
        systems.iter().map(|kind| self::system(kind, &mut definitions)).collect();
    let system = json!({ "oneOf": kinds });
    let systems = json!({
        "description": "The system, or several of them, each with a name; `from` another if it \
                        takes from that one.",
        "anyOf": [system, { "type": "array", "items": system }],
    });
    let occasion = of::<Occasion>(&mut generator);
    let faults: Vec<Value> = faults::entries().map(|entry| fault(entry, &occasion)).collect();
    for (name, section) in [
        ("system", systems),
        ("traffic", of::<TrafficSpec>(&mut generator)),
        ("fault", json!({ "type": "array", "items": { "oneOf": faults } })),
        ("measure", of::<Measure>(&mut generator)),
        ("promise", of::<Promise>(&mut generator)),
        ("swarm", of::<SwarmSpec>(&mut generator)),
        ("expect", expect()),
    ] {
        properties.insert(name.into(), section);
    }
    definitions.extend(generator.take_definitions(true));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Headwater scenario",
        "type": "object",
        "properties": properties,
        "required": header["required"],
        "additionalProperties": false,
        "definitions": definitions,
    })
}

/// The paths of what a scenario's schema says has one value, without those of systems, faults and
/// expectations.
pub fn paths(schema: &Value) -> Vec<String> {
    let mut paths = Vec::new();
    let top = schema["properties"].as_object().into_iter().flatten();
    for (name, property) in top {
        if !["system", "fault", "expect"].contains(&name.as_str()) {
            leaves(schema, property, name, &mut paths);
        }
    }
    paths
}

fn leaves(root: &Value, used: &Value, path: &str, paths: &mut Vec<String>) {
    let to = used.get("$ref").or_else(|| used["allOf"][0].get("$ref")).and_then(Value::as_str);
    let schema = to.and_then(|to| root.pointer(to.trim_start_matches('#'))).unwrap_or(used);
    match schema.get("properties").and_then(Value::as_object) {
        Some(properties) => {
            for (name, property) in properties {
                leaves(root, property, &format!("{path}.{name}"), paths);
            }
        }
        None => paths.push(path.to_owned()),
    }
}

/// The schema of a type; what it refers to is left with the generator.
fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    let schema = generator.subschema_for::<T>().to_value();
    let name = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()).map(str::to_owned);
    match name {
        Some(name) => generator.definitions()[&name].clone(),
        None => schema,
    }
}

/// The options of a system, by their names with dots and as TOML reads such names without quotes.
/// What its schema defines goes to `definitions`, under names of its own.
fn system(
    kind: &'static dyn headwater_models::system::SystemKind,
    definitions: &mut Map<String, Value>,
) -> Value {
    let mut schema = kind.schema().to_value();
    let prefix = format!("{}.", kind.name());
    let own = schema.as_object_mut().and_then(|schema| schema.remove("$defs"));
    for (name, mut definition) in own.and_then(|own| own.as_object().cloned()).unwrap_or_default() {
        let section = section_of(&schema, &name).unwrap_or_default();
        names::refer(&mut definition, &prefix);
        names::loosen(&mut definition, &section);
        definitions.insert(format!("{prefix}{name}"), definition);
    }
    names::refer(&mut schema, &prefix);
    names::loosen(&mut schema, "");
    let mut properties = schema["properties"].as_object().cloned().unwrap_or_default();
    properties.insert("kind".into(), json!({ "const": kind.name() }));
    for (name, what) in [("name", "What the system is called."), ("from", "Which it takes from.")] {
        properties.insert(name.into(), json!({ "type": "string", "description": what }));
    }
    json!({
        "title": kind.name(),
        "type": "object",
        "properties": properties,
        "required": ["kind"],
        "additionalProperties": schema.get("additionalProperties").unwrap_or(&json!(true)),
    })
}

/// The key under which what is defined by this name stands.
fn section_of(schema: &Value, definition: &str) -> Option<String> {
    let to = format!("#/$defs/{definition}");
    let mut properties = schema["properties"].as_object()?.iter();
    let (name, _) = properties.find(|(_, property)| property["$ref"] == to.as_str())?;
    Some(name.clone())
}

/// A table of the list `[[fault]]` of one kind.
fn fault(entry: &'static faults::Entry, occasion: &Value) -> Value {
    let mut properties = occasion["properties"].as_object().cloned().unwrap_or_default();
    let mut stream = headwater_sim::random::Seed(1).stream("schema", 0);
    let drawn = (entry.draw)(&mut stream).parameters();
    for (name, meaning) in entry.parameters {
        let mut parameter = match drawn.get(*name) {
            Some(toml::Value::Integer(_) | toml::Value::Float(_)) => json!({ "type": "number" }),
            Some(toml::Value::Boolean(_)) => json!({ "type": "boolean" }),
            // A time where a distribution can stand is written as text.
            Some(toml::Value::String(_) | toml::Value::Table(_)) => {
                json!({ "type": ["string", "object"] })
            }
            _ => json!({}),
        };
        parameter["description"] = json!(meaning);
        properties.insert((*name).into(), parameter);
    }
    properties.insert("kind".into(), json!({ "const": entry.name, "description": entry.what }));
    json!({
        "title": entry.name,
        "description": entry.what,
        "type": "object",
        "properties": properties,
        "required": ["kind", "target", "at"],
        "additionalProperties": false,
    })
}

/// Bounds on figures: those that have fixed names are offered, any other may stand there.
fn expect() -> Value {
    let bound = |what: &str| {
        json!({
            "type": ["string", "number", "boolean"],
            "description": format!("A bound such as \"< 20ms\", \"8s .. 12s\", 0: {what}."),
        })
    };
    let mut all = Map::new();
    for (name, kind) in metric::examples() {
        names::put(&mut all, &name, bound(kind.expected()));
    }
    json!({ "type": "object", "properties": all })
}

//! The schema of scenario files: every file of the library keeps it, and a misspelt one does not.

use headwater_scenarios::scenario::Scenario;
use headwater_scenarios::{library, schema};
use serde_json::{Value, json};

fn schema() -> Value {
    schema::of_scenario(&library::standard())
}

/// What of `value` does not keep `schema`: the words of JSON Schema that ours uses.
fn wrong(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let below = |schema: &Value| wrong(root, schema, value, at);
    let list = |key: &str| schema.get(key).and_then(Value::as_array);
    if let Some(to) = schema.get("$ref").and_then(Value::as_str) {
        return below(root.pointer(to.trim_start_matches('#')).unwrap_or_else(|| panic!("{to}")));
    }
    if let Some(found) = list("allOf").and_then(|all| all.iter().find_map(below)) {
        return Some(found);
    }
    for (key, at_most) in [("anyOf", usize::MAX), ("oneOf", 1)] {
        let Some(all) = list(key) else { continue };
        let kept = all.iter().filter(|one| below(one).is_none()).count();
        if kept == 0 || kept > at_most {
            return Some(format!("{at}: keeps {kept} of {key}"));
        }
    }
    let kinds = schema.get("type").map(|kind| match kind {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    });
    if kinds.is_some_and(|kinds| !kinds.iter().any(|kind| is(value, kind))) {
        return Some(format!("{at}: {value} is no {}", schema["type"]));
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return Some(format!("{at}: not {}", schema["const"]));
    }
    if list("enum").is_some_and(|all| !all.contains(value)) {
        return Some(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    if let (Some(items), Some(all)) = (schema.get("items"), value.as_array()) {
        let each = |(index, item)| wrong(root, items, item, &format!("{at}.{index}"));
        return all.iter().enumerate().find_map(each);
    }
    value.as_object().and_then(|object| {
        let missing = list("required").into_iter().flatten();
        let mut missing = missing.filter(|key| !object.contains_key(key.as_str().unwrap()));
        if let Some(missing) = missing.next() {
            return Some(format!("{at}: no {missing}"));
        }
        object.iter().find_map(|(key, value)| {
            let at = format!("{at}.{key}");
            match (&schema["properties"][key.as_str()], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => Some(format!("{at}: no such key")),
                (Value::Null, others @ Value::Object(_)) => wrong(root, others, value, &at),
                (Value::Null, _) => None,
                (property, _) => wrong(root, property, value, &at),
            }
        })
    })
}

fn is(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}

fn check(text: &str) -> Option<String> {
    let file: toml::Table = text.parse().expect("TOML");
    let schema = schema();
    wrong(&schema, &schema, &serde_json::to_value(file).unwrap(), "")
}

#[test]
fn every_scenario_that_ships_keeps_the_schema() {
    let starters = library::starters();
    for (name, text) in library::SCENARIOS.iter().chain(&starters) {
        assert_eq!(check(text), None, "{name}");
    }
}

#[test]
fn a_misspelt_key_or_a_wrong_type_does_not() {
    let (_, good) =
        library::SCENARIOS.iter().find(|(name, _)| *name == "faults/broker-crash").unwrap();
    for (from, to) in [
        ("[traffic]", "[trafic]"),
        ("rate =", "rte ="),
        ("kind = \"kafka\"", "kind = \"kafak\""),
        ("brokers = 3", "brokrs = 3"),
        ("brokers = 3", "brokers = true"),
        ("kind = \"crash\"", "kind = \"crahs\""),
        ("seed =", "sed ="),
    ] {
        assert!(good.contains(from), "{from}");
        assert!(check(&good.replacen(from, to, 1)).is_some(), "{to}");
    }
}

#[test]
fn an_option_is_known_with_its_meaning_whole_and_without_quotes() {
    let schema = schema();
    let kafka = &schema["properties"]["system"]["anyOf"][0]["oneOf"][0];
    assert_eq!(kafka["properties"]["kind"]["const"], "kafka");
    let producer = &schema["definitions"]["kafka.Producer"]["properties"];
    let whole = &producer["linger.ms"];
    assert_eq!(whole, &producer["linger"]["properties"]["ms"]);
    assert_eq!(whole["type"], json!(["integer", "string"]));
    assert!(whole["description"].as_str().unwrap().contains("waits to fill"), "{whole}");
    let broker = &schema["definitions"]["kafka.Broker"]["properties"];
    assert_eq!(broker["session.timeout.ms"], broker["broker.session.timeout.ms"]);
    let paths = schema::paths(&schema);
    assert!(paths.contains(&"traffic.users.count".to_owned()), "{paths:?}");
}

/// What is wrong with an option of this value in a scenario of a system.
fn refused(kind: &str, option: &str, value: &str) -> Option<String> {
    let text = format!(
        "title = \"t\"\nhypothesis = \"h\"\nprofile = \"nvme-10gbe\"\n[system]\nkind = \
         \"{kind}\"\n[traffic]\nrate = \"100/s\"\nduration = \"5s\"\n"
    );
    let settings = [(format!("system.{option}"), value.to_owned())];
    Scenario::parse(&text, "t.toml", None, &settings).err().map(|problems| problems.to_string())
}

#[test]
fn every_option_that_counts_bytes_takes_a_size_with_a_unit() {
    let mut tried = 0;
    for kind in library::standard().iter() {
        let options = library::options(kind.name()).expect("it has options");
        for option in options.options.iter().filter(|option| option.kind == "integer") {
            let mut words = option.meaning.split(|c: char| !c.is_alphanumeric());
            if words.any(|word| ["bytes", "Bytes", "MB"].contains(&word)) {
                let name = option.name.replace('"', "");
                let refused = refused(kind.name(), &name, "1MiB").unwrap_or_default();
                // It may be too small or too large.
                assert!(!refused.contains("string"), "{} `{name}`: {refused}", kind.name());
                tried += 1;
            }
        }
    }
    assert!(tried > 30, "{tried}");
    let copies = refused("pravega", "bookkeeper.bookkeeper.ensemble.size", "1MiB");
    assert!(copies.is_some_and(|refused| refused.contains("string")), "copies are no bytes");
}

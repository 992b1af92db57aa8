//! Configuration of a modelled system: its defaults, with the file's options laid over them.
//!
//! Options carry the real system's names, dots included (`linger.ms`), and a bare `linger.ms = 5`
//! in TOML is a table `linger` with a key `ms`. The defaults know which dots belong to a name.

use super::problem::Finding;
use super::tree::{Span, Tree, Value};

/// What the options are of, and what is wrong with them.
#[derive(Debug)]
pub struct Problems<'a> {
    /// Where problems are pushed.
    pub findings: &'a mut Vec<Finding>,
    /// Whose options they are.
    pub of: &'a str,
    /// Options that it has and the configuration has not.
    pub unmodelled: &'a [&'a str],
}

/// Lays `options`, which stand under `at` (such as `system`), over `base`. Options that `base` does
/// not have are among the `problems`, with the nearest name. `places` gets, for each option laid,
/// where it stands, under the name that `base` has for it.
pub fn overlay(
    base: &mut toml::Table,
    options: &Tree,
    at: &str,
    places: &mut Tree,
    problems: &mut Problems<'_>,
) {
    let Value::Table(table) = &options.value else {
        let message = format!("{at} is a table of options; found {}", options.kind());
        problems.findings.push(Finding::new(message, options.span.clone()));
        return;
    };
    places.span = options.span.clone();
    // `broker.session.timeout.ms` under `broker` may be written whole or without repeating itself.
    let own = at.rsplit('.').next().unwrap_or(at);
    for (key, (span, tree)) in table {
        let whole = format!("{own}.{key}");
        let prefix = format!("{whole}.");
        let known = |name: &str, prefix: &str| {
            base.keys().any(|have| have == name || have.starts_with(prefix))
        };
        let short = !known(key, &format!("{key}.")) && known(&whole, &prefix);
        let name = if short { &whole } else { key };
        lay(base, name, (span, tree), at, places, problems);
    }
}

fn lay(
    base: &mut toml::Table,
    name: &str,
    (span, tree): (&Span, &Tree),
    at: &str,
    places: &mut Tree,
    problems: &mut Problems<'_>,
) {
    match base.get_mut(name) {
        Some(toml::Value::Table(inner)) if !inner.contains_key("shape") => {
            let mut below = Tree::empty();
            overlay(inner, tree, &format!("{at}.{name}"), &mut below, problems);
            remember(places, name, span, below);
        }
        Some(_) => {
            let rest = below(base, name, tree, at, places, problems);
            if let (Some(value), Some(tree)) = (base.get_mut(name), rest) {
                *value = in_unit_of(name, value, tree.to_toml());
                remember(places, name, span, tree);
            }
        }
        None => {
            let prefix = format!("{name}.");
            let goes_on = base.keys().any(|key| key.starts_with(&prefix))
                || problems.unmodelled.iter().any(|known| known.starts_with(&prefix));
            if let (true, Value::Table(table)) = (goes_on, &tree.value) {
                for (key, (span, tree)) in table {
                    lay(base, &format!("{name}.{key}"), (span, tree), at, places, problems);
                }
                return;
            }
            let name = full_name(name, tree);
            let finding = if problems.unmodelled.contains(&name.as_str()) {
                let of = problems.of;
                let message = format!("{of} has `{name}`, but it is not modelled ({at})");
                Finding::new(message, span.clone()).label("not modelled").help("leave it out")
            } else {
                let message = format!("unknown key `{name}` in {at}");
                let known = base.keys().map(String::as_str);
                Finding::new(message, span.clone()).label("no such option").known(&name, known)
            };
            problems.findings.push(finding);
        }
    }
}

/// Where `operation.batch` is an option as `operation` is, a table `operation` may be of both: lays
/// what is of the longer names, and gives what is left for the shorter, if anything is.
fn below(
    base: &mut toml::Table,
    name: &str,
    tree: &Tree,
    at: &str,
    places: &mut Tree,
    problems: &mut Problems<'_>,
) -> Option<Tree> {
    let Value::Table(table) = &tree.value else { return Some(tree.clone()) };
    let mut rest = table.clone();
    for (key, (span, tree)) in table {
        let (longer, prefix) = (format!("{name}.{key}"), format!("{name}.{key}."));
        if base.keys().any(|have| *have == longer || have.starts_with(&prefix)) {
            rest.remove(key);
            lay(base, &longer, (span, tree), at, places, problems);
        }
    }
    let left = !rest.is_empty() || table.is_empty();
    left.then(|| Tree { value: Value::Table(rest), span: tree.span.clone() })
}

/// The dotted name that was meant where TOML has nested tables of one key each.
fn full_name(name: &str, tree: &Tree) -> String {
    match tree.table().map(|table| (table.len(), table.iter().next())) {
        Some((1, Some((key, (_, below))))) => full_name(&format!("{name}.{key}"), below),
        _ => name.to_owned(),
    }
}

fn remember(places: &mut Tree, name: &str, span: &Span, tree: Tree) {
    if let Value::Table(table) = &mut places.value {
        match table.get_mut(name) {
            Some((_, Tree { value: Value::Table(have), .. })) => {
                if let Value::Table(more) = tree.value {
                    have.extend(more);
                }
            }
            _ => {
                table.insert(name.to_owned(), (span.clone(), tree));
            }
        }
    }
}

/// `linger.ms = "5ms"` and `batch.size = "16KiB"` are understood where the option is a whole number
/// of a unit that its name or its kind tells.
fn in_unit_of(name: &str, default: &toml::Value, value: toml::Value) -> toml::Value {
    let (toml::Value::Integer(_), toml::Value::String(text)) = (default, &value) else {
        return value;
    };
    let lower = name.to_lowercase();
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| lower.ends_with(suffix));
    let duration = || text.parse::<headwater_sim::time::Duration>().ok();
    let whole = |nanos: u64, unit: u64| nanos.is_multiple_of(unit).then(|| nanos / unit);
    let number = if ends(&[".ms", "msec", "millis", "milliseconds"]) {
        duration().and_then(|time| whole(time.0, 1_000_000))
    } else if ends(&[".us", "micros"]) {
        duration().and_then(|time| whole(time.0, 1_000))
    } else if ends(&["seconds"]) {
        duration().and_then(|time| whole(time.0, 1_000_000_000))
    } else {
        let size = || text.parse::<headwater_sim::units::Bytes>().ok();
        bytes_of_one(name).and_then(|one| whole(size()?.0, one))
    };
    number.and_then(|number| i64::try_from(number).ok()).map_or(value, toml::Value::Integer)
}

/// How many bytes one of an option is that counts bytes; none if it counts something else. Its name
/// tells, as those of Kafka, BookKeeper and Pravega do, with `max` or `limit` behind the word or
/// not.
pub fn bytes_of_one(name: &str) -> Option<u64> {
    let lower = name.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    // Copies, entries, threads, operations: sizes that are no bytes.
    if has(&["quorum.size", "ensemble.size", "read.batch.size", "queuesize", "core.size"])
        || has(&["operationlog.size"])
    {
        return None;
    }
    match () {
        () if lower.ends_with("mb") => Some(1 << 20),
        () if lower.ends_with("_kib") => Some(1 << 10),
        () if has(&["bytes", "size", "memory", "alignment", "bufferedwrites"]) => Some(1),
        () if has(&["byte_rate"]) || lower.ends_with("throttle") => Some(1),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "brokers = 3\n[producer]\n\"linger.ms\" = 0\n\"batch.size\" = 16384\n";

    #[test]
    fn what_counts_bytes_takes_sizes_with_units_and_nothing_else_does() {
        for (name, one) in [
            ("pravegaservice.cache.size.max", Some(1)),
            ("bookkeeper.write.outstanding.bytes.max", Some(1)),
            ("skipListSizeLimit", Some(1)),
            ("buffer.memory", Some(1)),
            ("batch.size", Some(1)),
            ("producer_byte_rate", Some(1)),
            ("throttle", Some(1)),
            ("journalMaxSizeMB", Some(1 << 20)),
            ("journalMaxMemorySizeMb", Some(1 << 20)),
            ("handler_working_set_kib", Some(1 << 10)),
            ("bookkeeper.write.quorum.size", None),
            ("bookkeeper.read.batch.size", None),
            ("journalQueueSize", None),
            ("pravegaservice.threadPool.core.size", None),
            ("durablelog.operationLog.size.max", None),
            ("segments", None),
        ] {
            assert_eq!(bytes_of_one(name), one, "{name}");
        }
        let default = toml::Value::Integer(0);
        let laid = |name, text: &str| in_unit_of(name, &default, toml::Value::String(text.into()));
        assert_eq!(laid("cache.size.max", "64MiB"), toml::Value::Integer(64 << 20));
        assert_eq!(laid("journalMaxSizeMB", "2GiB"), toml::Value::Integer(2_048));
        // Not whole, or no size: what was written goes on, and is refused as what it is.
        assert_eq!(laid("journalMaxSizeMB", "1KiB"), toml::Value::String("1KiB".into()));
        assert_eq!(laid("cache.size.max", "64"), toml::Value::String("64".into()));
    }

    fn lay_over(base: &mut toml::Table, tree: &Tree, findings: &mut Vec<Finding>) {
        let unmodelled = &["linger.longer", "retries"];
        let mut problems = Problems { findings, of: "kafka", unmodelled };
        overlay(base, tree, "system", &mut Tree::empty(), &mut problems);
    }

    fn laid(options: &str) -> (toml::Table, Vec<Finding>) {
        let mut base: toml::Table = toml::from_str(BASE).unwrap();
        let mut findings = Vec::new();
        let tree = Tree::parse(options).unwrap();
        lay_over(&mut base, &tree, &mut findings);
        (base, findings)
    }

    #[test]
    fn dotted_and_quoted_names_reach_the_same_option() {
        for options in [
            "producer.linger.ms = 5",
            "[producer]\n\"linger.ms\" = 5",
            "[producer]\nlinger.ms = \"5ms\"",
        ] {
            let (base, findings) = laid(options);
            assert_eq!(findings, []);
            assert_eq!(base["producer"]["linger.ms"].as_integer(), Some(5), "{options}");
        }
    }

    #[test]
    fn an_option_that_begins_with_its_tables_name_may_be_written_once() {
        let text = "[broker]\n\"broker.session.timeout.ms\" = 9000\n";
        for options in ["broker.session.timeout.ms = 1", "broker.broker.session.timeout.ms = 1"] {
            let mut base: toml::Table = toml::from_str(text).unwrap();
            let mut findings = Vec::new();
            let tree = Tree::parse(options).unwrap();
            lay_over(&mut base, &tree, &mut findings);
            assert_eq!(findings, []);
            assert_eq!(base["broker"]["broker.session.timeout.ms"].as_integer(), Some(1));
        }
    }

    #[test]
    fn an_option_whose_name_goes_on_in_another_keeps_to_itself() {
        let text = "pause = \"1s\"\n\"pause.every\" = \"2s\"\n";
        for (options, wanted) in [
            ("pause = '3s'", ["3s", "2s"]),
            ("pause.every = '4s'", ["1s", "4s"]),
            ("\"pause.every\" = '4s'\npause = '3s'", ["3s", "4s"]),
        ] {
            let mut base: toml::Table = toml::from_str(text).unwrap();
            let mut findings = Vec::new();
            lay_over(&mut base, &Tree::parse(options).unwrap(), &mut findings);
            assert_eq!(findings, []);
            assert_eq!(["pause", "pause.every"].map(|name| base[name].as_str().unwrap()), wanted);
        }
    }

    #[test]
    fn an_unknown_option_names_the_nearest() {
        let (_, findings) = laid("[producer]\nlinger.sm = 5");
        assert_eq!(findings[0].help.as_deref(), Some("did you mean `linger.ms`?"));
        assert!(findings[0].message.contains("`linger.sm` in system.producer"), "{findings:?}");
    }

    #[test]
    fn an_option_that_is_not_modelled_is_told_apart_from_a_typo() {
        for option in ["retries = 5", "linger.longer = 5"] {
            let (_, findings) = laid(&format!("[producer]\n{option}"));
            let name = option.split(' ').next().unwrap();
            let said = format!("kafka has `{name}`, but it is not modelled (system.producer)");
            assert_eq!(findings[0].message, said);
        }
        let (_, findings) = laid("[producer]\nretrys = 5");
        assert!(findings[0].message.starts_with("unknown key `retrys`"), "{findings:?}");
    }
}

//! A driver of the benchmark: what is written to, and with which options.

use headwater_reading::problem::{Finding, nearest};
use headwater_reading::tree::{Span, parse_value};
use headwater_scenarios::library;
use headwater_scenarios::options::Options;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::workload::Workload;
use super::yaml::Document;
use super::{Failure, Notes};

/// Servers where nobody says how many.
const SERVERS: u32 = 3;

/// `Config.java` of the Kafka driver; each configuration is a file of Java properties.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kafka {
    name: Option<String>,
    #[serde(rename = "driverClass")]
    _driver_class: IgnoredAny,
    #[serde(default = "one")]
    replication_factor: u32,
    #[serde(default)]
    topic_config: String,
    #[serde(default)]
    common_config: String,
    #[serde(default)]
    producer_config: String,
    #[serde(default)]
    consumer_config: String,
    /// Whether topics of other runs are removed first: there are none.
    #[serde(default, rename = "reset")]
    _reset: Option<IgnoredAny>,
}

/// `PravegaConfig.java`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pravega {
    name: Option<String>,
    #[serde(rename = "driverClass")]
    _driver_class: IgnoredAny,
    #[serde(default)]
    enable_transaction: bool,
    #[serde(default)]
    enable_stream_auto_scaling: bool,
    /// Of transactions and scaling, which are noted, and where and how the live benchmark runs.
    #[serde(default, rename = "eventsPerTransaction")]
    _events_per_transaction: Option<IgnoredAny>,
    #[serde(default, rename = "eventsPerSecond")]
    _events_per_second: Option<IgnoredAny>,
    #[serde(default, rename = "kbytesPerSecond")]
    _kbytes_per_second: Option<IgnoredAny>,
    #[serde(default, rename = "client")]
    _client: Option<IgnoredAny>,
    #[serde(default, rename = "writer")]
    _writer: Option<IgnoredAny>,
    #[serde(default, rename = "includeTimestampInEvent")]
    _include_timestamp_in_event: Option<IgnoredAny>,
    #[serde(default, rename = "deleteStreams")]
    _delete_streams: Option<IgnoredAny>,
}

const fn one() -> u32 {
    1
}

/// The driver's name, and the section `[system]`.
pub(super) fn system(
    document: &Document,
    load: &Workload,
    servers: Option<u32>,
    notes: &mut Notes,
) -> Result<(String, String), Failure> {
    let class = document.tree.get("driverClass").map(|class| class.to_toml());
    let class = class.as_ref().and_then(toml::Value::as_str).unwrap_or_default();
    if class.contains(".kafka.") {
        return kafka(document, load, servers, notes);
    }
    if class.contains(".pravega.") {
        return pravega(document, load, servers, notes);
    }
    let said = match class {
        "" => "driverClass is missing".to_owned(),
        class => format!("the driver `{class}` has no system here"),
    };
    let finding = Finding::new(said, document.place("driverClass"));
    let known = "there are io.openmessaging.benchmark.driver.kafka.KafkaBenchmarkDriver and \
                 io.openmessaging.benchmark.driver.pravega.PravegaBenchmarkDriver";
    Err(document.wrong(vec![finding.label("which system?").help(known)]))
}

fn kafka(
    document: &Document,
    load: &Workload,
    servers: Option<u32>,
    notes: &mut Notes,
) -> Result<(String, String), Failure> {
    let driver: Kafka = document.decode(notes)?;
    let brokers = servers.unwrap_or(SERVERS.max(driver.replication_factor));
    let mut section = format!(
        "[system]\nkind = \"kafka\"\nclient = \"java\"\nbrokers = {brokers}\npartitions = {}\n\
         replication.factor = {}\nproducers = {}\nconsumers = {}\n",
        load.partitions(),
        driver.replication_factor,
        load.producers(),
        load.consumers(),
    );
    let known = library::options("kafka").expect("it is one of the systems");
    for (key, text, sections) in [
        ("topicConfig", &driver.topic_config, &["topic"][..]),
        ("commonConfig", &driver.common_config, &["producer", "consumer"]),
        ("producerConfig", &driver.producer_config, &["producer"]),
        ("consumerConfig", &driver.consumer_config, &["consumer"]),
    ] {
        let place = document.place(key);
        for (name, value) in properties(text) {
            let written = Property { name, value, key, place: line_of(document, &place, name) };
            section += &written.options(sections, &known, notes);
        }
    }
    Ok((driver.name.unwrap_or_else(|| "Kafka".into()), section))
}

fn pravega(
    document: &Document,
    load: &Workload,
    servers: Option<u32>,
    notes: &mut Notes,
) -> Result<(String, String), Failure> {
    let driver: Pravega = document.decode(notes)?;
    if driver.enable_transaction {
        let place = document.place("enableTransaction");
        notes.add("enableTransaction: transactions are not modelled", place);
    }
    if driver.enable_stream_auto_scaling {
        let place = document.place("enableStreamAutoScaling");
        notes.add("enableStreamAutoScaling: scaling by rate is not modelled", place);
    }
    let stores = servers.unwrap_or(SERVERS);
    let section = format!(
        "[system]\nkind = \"pravega\"\nclient = \"java\"\nstores = {stores}\nsegments = {}\n\
         writers = {}\nreaders = {}\n",
        load.partitions(),
        load.producers(),
        load.consumers(),
    );
    Ok((driver.name.unwrap_or_else(|| "Pravega".into()), section))
}

/// The lines of a file of Java properties.
fn properties(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    lines.map(|line| {
        let (name, value) = line.split_once(['=', ':']).unwrap_or((line, ""));
        (name.trim(), value.trim())
    })
}

/// Where a property stands in the text of its configuration.
fn line_of(document: &Document, place: &Span, name: &str) -> Span {
    let from = place.as_ref()?.start;
    let at = from + document.text[from..].find(name)?;
    Some(at..at + name.len())
}

/// One property of a configuration.
struct Property<'a> {
    name: &'a str,
    value: &'a str,
    /// The configuration's key in the driver.
    key: &'a str,
    place: Span,
}

impl Property<'_> {
    /// It as options of these sections; without any, why not is noted.
    fn options(&self, sections: &[&str], known: &Options, notes: &mut Notes) -> String {
        let Self { name, value, key, place } = self;
        let has = |section: &&&str| {
            let full = format!("{section}.{name}");
            known.options.iter().any(|option| option.name == full)
        };
        let lines: String = sections
            .iter()
            .filter(has)
            .map(|section| format!("{section}.{name:?} = {}\n", parse_value(value)))
            .collect();
        if !lines.is_empty() {
            return lines;
        }
        if known.not_modelled.contains(name) {
            notes.add(format!("{key}: {name}={value}: Kafka has it; not modelled"), place.clone());
            return lines;
        }
        let names = known.options.iter().filter_map(|option| {
            let own = sections.contains(&option.section.as_str());
            own.then(|| &option.name[option.section.len() + 1..])
        });
        let message = format!("{key}: unknown option `{name}`");
        let finding = Finding::new(message, place.clone()).label("not in the scenario");
        let near = nearest(name, names);
        notes.0.push(match near {
            Some(near) => finding.help(format!("did you mean `{near}`?")),
            None => finding,
        });
        lines
    }
}

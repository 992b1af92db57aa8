//! What becomes of a query's options in a live run.

use std::collections::BTreeMap;

use headwater_models::pipeline::spark::config::{Cluster, Query, Sink};

use crate::systems::departure::Departure;
use crate::systems::engine;
use crate::systems::options::{ListedOption, Treatment, flattened, treatment};
use crate::utilisation;

/// Every option of the configuration.
const OPTIONS: &[ListedOption] = &[
    ("query", Treatment::Client("dropDuplicates")),
    ("sink", Treatment::Fixed("stream", "Files are no stream that could be read back.")),
    ("cores", Treatment::Client("spark.master")),
    // Behind a stream there are as many as that has.
    ("source.partitions", Treatment::Elsewhere),
    ("trigger", Treatment::Client("Trigger.ProcessingTime")),
    ("maxOffsetsPerTrigger", Treatment::Client("maxOffsetsPerTrigger")),
    ("sql.shuffle.partitions", Treatment::Client("spark.sql.shuffle.partitions")),
    ("sql.streaming.pollingDelay", Treatment::Client("spark.sql.streaming.pollingDelay")),
    (
        "sql.streaming.minBatchesToRetain",
        Treatment::Client("spark.sql.streaming.minBatchesToRetain"),
    ),
    ("costs.", Treatment::Model),
];

const MS: u64 = 1_000_000;

/// What a session is made with, by Spark's own names.
pub(super) fn of_session(config: &Cluster) -> BTreeMap<&'static str, String> {
    let polling = config.sql_streaming_polling_delay.0.div_ceil(MS);
    BTreeMap::from([
        ("spark.master", format!("local[{}]", config.cores)),
        ("spark.sql.shuffle.partitions", config.sql_shuffle_partitions.to_string()),
        ("spark.sql.streaming.pollingDelay", format!("{polling}ms")),
        (
            "spark.sql.streaming.minBatchesToRetain",
            config.sql_streaming_min_batches_to_retain.to_string(),
        ),
    ])
}

/// What a query is told, by the names that `Job.java` reads.
pub(super) fn of_query(config: &Cluster, query: &engine::Query) -> BTreeMap<String, String> {
    let trigger = if query.warms_up { 0 } else { config.trigger.0 / MS };
    let what = match config.query {
        Query::Select => "select",
        Query::Deduplicate => "deduplicate",
    };
    let fixed = [
        ("query", what.to_owned()),
        ("trigger.ms", trigger.to_string()),
        ("source.kafka.bootstrap.servers", query.from.address.clone()),
        ("source.subscribe", query.from.stream.clone()),
        ("source.startingOffsets", "earliest".into()),
        ("source.failOnDataLoss", "true".into()),
        ("sink.kafka.bootstrap.servers", query.to.address.clone()),
        ("sink.topic", query.to.stream.clone()),
    ];
    let limit = config.max_offsets_per_trigger;
    let limit = (limit > 0).then(|| ("source.maxOffsetsPerTrigger".to_owned(), limit.to_string()));
    let clients = |side: &'static str, options: &BTreeMap<&'static str, String>| {
        let of = |(name, value): (&&str, &String)| (format!("{side}.kafka.{name}"), value.clone());
        options.iter().map(of).collect::<Vec<_>>()
    };
    fixed
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .chain(limit)
        .chain(clients("source", &query.from.options))
        .chain(clients("sink", &query.to.options))
        .collect()
}

/// What a live run does otherwise than `config` asks, whose options are named below `path`.
pub(super) fn departures(config: &Cluster, path: &str) -> Vec<Departure> {
    let mut all = vec![];
    if config.sink == Sink::File {
        let Some(Treatment::Fixed(done, why)) = treatment(OPTIONS, "sink") else { return all };
        let told = Departure::told(format!("{path}.sink"), "file", done, why);
        all.push(told.refused(format!("Give --set {path}.sink=stream, and simulate the other")));
    }
    let defaults = flattened(&Cluster::default());
    let costs = flattened(config);
    let set = costs.iter().filter(|(name, value)| defaults.get(*name) != Some(value));
    if let Some((name, value)) = set.clone().find(|(name, _)| name.starts_with("costs.")) {
        let why = "It is a cost of the model: a real engine has its own.";
        all.push(Departure::told(format!("{path}.{name}"), value, "its own", why));
    }
    let has = utilisation::cores();
    if config.cores > has {
        let done = format!("{} task threads on {has} cores", config.cores);
        let why = "There are so many task threads all the same (`local[N]`), and they share the \
                   cores of this machine with everything else.";
        all.push(Departure::told(format!("{path}.cores"), config.cores, done, why));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::engine::Tap;
    use crate::systems::options::tests::assert_complete;
    use headwater_sim::time::Duration;

    fn query(warms_up: bool) -> engine::Query {
        let tap = |stream: &str, option: (&'static str, &str)| Tap {
            address: "127.0.0.1:9092".into(),
            stream: stream.into(),
            options: BTreeMap::from([(option.0, option.1.to_owned())]),
        };
        let (from, to) = (tap("a", ("fetch.max.wait.ms", "9")), tap("b", ("linger.ms", "5")));
        engine::Query { from, to, warms_up }
    }

    #[test]
    fn every_option_is_listed() {
        assert_complete(OPTIONS, &Cluster::default());
    }

    #[test]
    fn options_reach_the_session_and_the_query_by_sparks_own_names() {
        let config = Cluster {
            cores: 3,
            trigger: Duration::from_millis(1_500),
            max_offsets_per_trigger: 4_000,
            sql_shuffle_partitions: 7,
            query: Query::Deduplicate,
            ..Cluster::default()
        };
        let session = of_session(&config);
        assert_eq!(session["spark.master"], "local[3]");
        assert_eq!(session["spark.sql.shuffle.partitions"], "7");
        assert_eq!(session["spark.sql.streaming.pollingDelay"], "10ms");
        assert_eq!(session["spark.sql.streaming.minBatchesToRetain"], "100");
        let told = of_query(&config, &query(false));
        assert_eq!(told["trigger.ms"], "1500");
        assert_eq!(told["query"], "deduplicate");
        assert_eq!(told["source.maxOffsetsPerTrigger"], "4000");
        assert_eq!((&*told["source.subscribe"], &*told["sink.topic"]), ("a", "b"));
        assert_eq!(told["source.kafka.fetch.max.wait.ms"], "9");
        assert_eq!(told["sink.kafka.linger.ms"], "5");
        assert_eq!(of_query(&config, &query(true))["trigger.ms"], "0", "it warms up");
        let unlimited = of_query(&Cluster::default(), &query(false));
        assert!(!unlimited.contains_key("source.maxOffsetsPerTrigger"));
    }

    #[test]
    fn what_is_otherwise_is_told_or_refused() {
        let of = |config: &Cluster| -> Vec<(String, bool)> {
            let all = departures(config, "system.1").into_iter();
            all.map(|one| (one.difference.option, one.remedy.is_some())).collect()
        };
        assert_eq!(of(&Cluster { cores: 1, ..Cluster::default() }), []);
        let file = Cluster { cores: 1, sink: Sink::File, ..Cluster::default() };
        assert_eq!(of(&file), [("system.1.sink".to_owned(), true)]);
        let many = Cluster { cores: 10_000, ..Cluster::default() };
        assert_eq!(of(&many), [("system.1.cores".to_owned(), false)]);
        let mut costly = Cluster { cores: 1, ..Cluster::default() };
        costly.costs.job = Duration::from_millis(7);
        assert_eq!(of(&costly), [("system.1.costs.job".to_owned(), false)]);
    }
}

//! What the CPU time of brokers and of librdkafka's clients is made up of
//! ([`headwater_models::kafka::costs::Costs`]), and the cases that tell its parts apart.

use crate::systems::calibration::{Calibration, Case, Group, Side, Term};
use crate::systems::counts::Counts;

/// The same, each request flushed.
const fn flushed(case: Case) -> Case {
    let expects = Counts { flushes: case.expects.writes, ..case.expects };
    Case { expects, ..case }
}

macro_rules! settings {
    ($rate:literal, $size:literal, $linger:literal $(, $more:expr)*) => {
        &[
            ("traffic.rate", $rate),
            ("traffic.size.model", "fixed"),
            ("traffic.size.mean", $size),
            ("traffic.key", "none"),
            ("system.producer.linger.ms", $linger),
            ("system.partitions", "1"),
            $($more),*
        ]
    };
}

const FEW: &[(&str, &str)] = settings!("120/s", "200B", "0");
const SMALL: &[(&str, &str)] = settings!("1000/s", "200B", "0");
const DENSE: &[(&str, &str)] = settings!("7000/s", "200B", "0");
const FLUSHED: &[(&str, &str)] =
    settings!("150/s", "200B", "0", ("system.topic.flush.messages", "1"));
const LARGE: &[(&str, &str)] = settings!("400/s", "60KiB", "0");
const MANY: &[(&str, &str)] = settings!("12000/s", "100B", "5");
const BATCHES: &[(&str, &str)] = settings!("8000/s", "1KiB", "20");

/// Requests alone, bytes, events, each with readers and without; requests so few that the caches
/// are cold for each, and so dense that a thread finds several when it wakes.
const CASES: &[Case] = &[
    Case::of("small requests, read", SMALL, [1_000.0, 1_000.0], [1_000.0, 200.0]),
    Case::of("small requests, not read", SMALL, [1_000.0, 0.0], [1_000.0, 200.0]),
    Case::of("few requests, read", FEW, [120.0, 120.0], [120.0, 200.0]),
    flushed(Case::of("flushed requests, read", FLUSHED, [150.0, 150.0], [150.0, 200.0])),
    Case::of("dense requests, read", DENSE, [7_000.0, 5_000.0], [7_000.0, 200.0]),
    Case::of("large requests, read", LARGE, [400.0, 400.0], [400.0, 61_440.0]),
    Case::of("large requests, not read", LARGE, [400.0, 0.0], [400.0, 61_440.0]),
    Case::of("many events, read", MANY, [180.0, 180.0], [12_000.0, 100.0]),
    Case::of("many events, not read", MANY, [180.0, 0.0], [12_000.0, 100.0]),
];

/// Events by the hundred in requests of a hundred KiB.
const MORE: &[Case] = &[Case::of("large batches, read", BATCHES, [48.0, 48.0], [8_000.0, 1_024.0])];

/// What librdkafka's thread takes to wake, in requests: both come with every batch, so that no case
/// tells them apart. As the model has them by default.
const WAKES: f64 = 1.0 / 3.0;

/// The kinds of threads. A network thread reads a request and writes its response; a handler looks
/// at a fetch when it comes and again when there is something to return.
const GROUPS: &[Group] = &[
    Group {
        side: Side::Server,
        thread: "data-plane-kafka-network-thread",
        terms: &[
            Term::working_set("network_working_set_kib"),
            Term::from_idle("network_from_idle_ns"),
            Term::ns("network_request_ns", |of| 2.0 * of.requests()),
            Term::ns("network_kib_ns", Counts::kib),
        ],
    },
    Group {
        side: Side::Server,
        thread: "data-plane-kafka-request-handler",
        terms: &[
            Term::working_set("handler_working_set_kib"),
            Term::ns("handle_request_ns", |of| of.writes + of.others + 2.0 * of.reads),
            Term::ns("append_batch_ns", |of| of.writes),
            Term::ns("append_record_ns", |of| of.written),
            Term::ns("append_kib_ns", |of| of.sent / 1024.0),
            Term::ns("flush_ns", |of| of.flushes),
        ],
    },
    Group {
        side: Side::Generator,
        thread: "rdk:broker",
        terms: &[
            Term::working_set("client_working_set_kib"),
            Term::from_idle("client_from_idle_ns"),
            // It wakes for a batch, makes the request, and takes the answer.
            Term::ns("client_request_ns", |of| (2.0 + WAKES) * of.writes + of.reads),
            Term::ns("client_kib_ns", Counts::kib),
            Term::ns("client_batch_record_ns", |of| of.written),
            Term::ns("client_parse_record_ns", |of| of.read),
        ],
    },
    Group {
        side: Side::Generator,
        thread: "deliveries",
        terms: &[
            Term::working_set("client_poll_working_set_kib"),
            Term::ns("client_poll_ns", |of| of.writes),
            Term::ns("client_report_ns", |of| of.written),
        ],
    },
    Group {
        side: Side::Generator,
        thread: "reader",
        terms: &[
            Term::working_set("client_poll_working_set_kib"),
            Term::ns("client_poll_ns", |of| of.reads),
            Term::ns("client_deliver_record_ns", |of| of.read),
        ],
    },
];

/// How Kafka is calibrated.
pub(super) const CALIBRATION: Calibration = Calibration {
    cases: CASES,
    more: MORE,
    groups: GROUPS,
    tables: &[],
    shares: &[("client_wakeup_ns", WAKES, "client_request_ns")],
    before: Some("before_percent"),
    modelled: &[
        "kafka-*-raft-io-thread",
        "quorum-controller-",
        "ReplicaFetcherThread",
        "GC Thread",
        "G* ",
        "VM Thread",
    ],
    garbage: Some("request_garbage_bytes"),
    carried: None,
    kept: 0.0,
    unmeasured: &[
        ("client_record_ns", "the generator's own thread hands records over, and spins besides"),
        ("fetch_partition_ns", "all cases have one partition"),
        ("follower_partition_ns", "all cases have one broker"),
        ("control_request_ns", "nothing changes in the cluster"),
        ("raft_message_ns", "the quorum has one voter"),
        ("recovery_mib_ns", "no broker is killed"),
    ],
};

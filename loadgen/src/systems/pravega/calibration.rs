//! What the CPU time of segment stores and of their clients is made up of
//! ([`headwater_models::pravega::config::Costs`]), and the cases that tell its parts apart.

use crate::systems::calibration::{Calibration, Case, Group, Side, Term};
use crate::systems::counts::Counts;

macro_rules! settings {
    ($rate:literal, $size:literal) => {
        &[
            ("traffic.rate", $rate),
            ("traffic.size.model", "fixed"),
            ("traffic.size.mean", $size),
            ("traffic.key", "none"),
            ("system.segments", "1"),
        ]
    };
}

const FEW: &[(&str, &str)] = settings!("120/s", "200B");
const SMALL: &[(&str, &str)] = settings!("800/s", "200B");
const LARGE: &[(&str, &str)] = settings!("300/s", "60KiB");
const MANY: &[(&str, &str)] = settings!("20000/s", "100B");

/// Blocks alone, bytes, events, each with readers and without; blocks so few that the caches are
/// cold for each.
const CASES: &[Case] = &[
    Case::of("small blocks, read", SMALL, [800.0, 800.0], [800.0, 200.0]),
    Case::of("small blocks, not read", SMALL, [800.0, 0.0], [800.0, 200.0]),
    Case::of("few blocks, read", FEW, [120.0, 120.0], [120.0, 200.0]),
    Case::of("few blocks, not read", FEW, [120.0, 0.0], [120.0, 200.0]),
    Case::of("large blocks, read", LARGE, [300.0, 300.0], [300.0, 61_440.0]),
    Case::of("large blocks, not read", LARGE, [300.0, 0.0], [300.0, 61_440.0]),
    Case::of("many events, read", MANY, [1_500.0, 1_500.0], [20_000.0, 100.0]),
    Case::of("many events, not read", MANY, [1_500.0, 0.0], [20_000.0, 100.0]),
];

/// What an event loop takes to write a reply, in append blocks: one comes with each of these. As
/// the model has it by default.
const REPLY: f64 = 0.9;

/// What follows a pass of the operation processor over one block, in such passes: its operation,
/// the completion of its frame, its acknowledgement, its commit, and three ways back to where the
/// loops wait. As the model has them by default.
const OPERATION: f64 = 0.08;
const FRAME: f64 = 0.6;
const ACKNOWLEDGE: f64 = 0.28;
const COMMIT: f64 = 0.4;
const LOOP: f64 = 0.56;
const BLOCK: f64 = 1.0 + OPERATION + FRAME + ACKNOWLEDGE + COMMIT + 3.0 * LOOP;

/// What a client's thread takes for an acknowledgement, in blocks, as by default.
const ACK: f64 = 0.8;

const GROUPS: &[Group] = &[
    Group {
        side: Side::Server,
        thread: "epollEventLoopGroup",
        terms: &[
            Term::working_set("connection_working_set_kib"),
            Term::ns("connection_append_ns", |of| (1.0 + REPLY) * of.writes + REPLY * of.reads),
            Term::ns("connection_read_ns", |of| of.reads),
            Term::ns("connection_kib_ns", Counts::kib),
        ],
    },
    Group {
        side: Side::Server,
        thread: "core",
        terms: &[
            Term::working_set("core_working_set_kib"),
            Term::ns("operation_batch_ns", |of| BLOCK * of.writes),
            Term::ns("tail_read_ns", |of| of.reads),
            Term::ns("operation_kib_ns", |of| of.sent / 1024.0),
        ],
    },
    Group {
        side: Side::Server,
        thread: "auto-scaler",
        // While one is at work, more than two do not wake for those that come.
        terms: &[Term::ns("statistics_ns", |of| 2.0 * of.writes)],
    },
    Group {
        side: Side::Generator,
        thread: "pravega",
        terms: &[
            Term::working_set("client_working_set_kib"),
            Term::ns("writer_block_ns", |of| (1.0 + ACK) * of.writes),
            Term::ns("client_kib_ns", Counts::kib),
            Term::ns("writer_event_rust_ns", |of| of.written),
            Term::ns("reader_reply_ns", |of| of.reads),
            Term::ns("reader_event_ns", |of| of.read),
        ],
    },
];

/// How Pravega is calibrated.
pub(super) const CALIBRATION: Calibration = Calibration {
    cases: CASES,
    more: &[],
    groups: GROUPS,
    tables: &[],
    shares: &[
        ("connection_reply_ns", REPLY, "connection_append_ns"),
        ("operation_ns", OPERATION, "operation_batch_ns"),
        ("frame_ns", FRAME, "operation_batch_ns"),
        ("acknowledge_ns", ACKNOWLEDGE, "operation_batch_ns"),
        ("commit_ns", COMMIT, "operation_batch_ns"),
        ("core_loop_ns", LOOP, "operation_batch_ns"),
        ("writer_ack_ns", ACK, "writer_block_ns"),
    ],
    before: Some("before_percent"),
    modelled: &["GC Thread", "G1 ", "VM Thread"],
    garbage: Some("request_garbage_bytes"),
    carried: Some("carried_garbage_percent"),
    // Of the emulator, whose log and tier 2 are in memory.
    kept: 2.0,
    unmeasured: &[
        ("writer_event_java_ns", "the generator's client is not Java's"),
        ("replay_operation_ns", "no store is killed"),
        ("controller_request_ns", "nothing changes in the cluster"),
    ],
};

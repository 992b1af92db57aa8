//! What the CPU time of bookies and of their clients is made up of
//! ([`headwater_models::bookkeeper::costs`]), and the cases that tell its parts apart.
//!
//! Each event is an entry, and each entry goes to all three bookies, which the client's counts
//! leave out. Nobody counts groups: an entry that is written when the one before is acknowledged by
//! all is a group and a sync of its own; of entries that come by themselves so many share one as
//! come while its first waits (`journalMaxGroupWaitMSec`), and a sync that takes longer than that
//! covers several groups, which are counted too often then.

use crate::systems::calibration::{Calibration, Case, Group, Side, Table, Term};
use crate::systems::counts::Counts;

/// Bookies, each of which has every entry.
const BOOKIES: f64 = 3.0;

/// How long the first entry of a group waits for others, seconds: `journalMaxGroupWaitMSec` by
/// default.
const GROUP_WAIT: f64 = 0.002;

macro_rules! settings {
    ($rate:literal, $size:literal, $outstanding:literal) => {
        &[
            ("traffic.rate", $rate),
            ("traffic.size.model", "fixed"),
            ("traffic.size.mean", $size),
            ("traffic.key", "none"),
            ("system.bookies", "3"),
            ("system.ledger.ensemble.size", "3"),
            ("system.ledger.write.quorum.size", "3"),
            ("system.ledger.ack.quorum.size", "3"),
            ("system.writer.outstanding.entries.max", $outstanding),
        ]
    };
}

const FEW: &[(&str, &str)] = settings!("40/s", "200B", "1");
const SINGLE: &[(&str, &str)] = settings!("120/s", "200B", "1");
const LARGE: &[(&str, &str)] = settings!("80/s", "60KiB", "1");
const SMALL: &[(&str, &str)] = settings!("500/s", "200B", "10000");
const MANY: &[(&str, &str)] = settings!("1500/s", "200B", "10000");
const MEDIUM: &[(&str, &str)] = settings!("400/s", "8KiB", "10000");
const DENSE: &[(&str, &str)] = settings!("4000/s", "200B", "10000");

/// Entries of so many bytes, each a group of its own.
const fn single(
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    [entries, bytes]: [f64; 2],
) -> Case {
    grouped(Case::of(name, settings, [entries, 0.0], [entries, bytes]), 1.0)
}

/// Entries of so many bytes, those in a group that come while its first waits.
const fn shared(
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    [entries, bytes]: [f64; 2],
) -> Case {
    let case = Case::of(name, settings, [entries, 0.0], [entries, bytes]);
    grouped(case, 1.0 + entries * GROUP_WAIT)
}

/// The same, with so many entries in a group.
const fn grouped(case: Case, entries: f64) -> Case {
    let expects = Counts { flushes: case.expects.writes / entries, ..case.expects };
    Case { expects, ..case }
}

/// Entries alone, bytes, groups of entries; so few that caches are cold for each, and so many that
/// threads find several when they wake. Nothing is read: a ledger is read when it is closed. The
/// first is what JVMs are warmed up by.
const CASES: &[Case] = &[
    shared("many entries", MANY, [1_500.0, 200.0]),
    single("few entries, one at a time", FEW, [40.0, 200.0]),
    single("small entries, one at a time", SINGLE, [120.0, 200.0]),
    single("large entries, one at a time", LARGE, [80.0, 61_440.0]),
    shared("small entries", SMALL, [500.0, 200.0]),
    shared("medium entries", MEDIUM, [400.0, 8_192.0]),
];

/// More in a group; on two cores or fewer it may be more than they can do.
const MORE: &[Case] = &[shared("dense entries", DENSE, [4_000.0, 200.0])];

/// A request always comes with its response, a sync's begin with its end, and an entry that is
/// added with the answers to it: no case tells them apart, and each is taken to cost as much as the
/// other.
const ALIKE: f64 = 1.0;

/// Of a bookie's `costs`, of its `cost.*`, and of the client's `costs`. Pravega's bookies are the
/// same, and its stores have the same client.
const TABLES: &[Table] = &[
    Table {
        prefix: "bookie.costs.",
        sections: &["bookie", "costs"],
        with_unit: false,
        also: &[("pravega", &["bookie", "costs"])],
    },
    Table {
        prefix: "bookie.",
        sections: &["bookie"],
        with_unit: true,
        also: &[("pravega", &["bookie"])],
    },
    Table {
        prefix: "client.costs.",
        sections: &["client", "costs"],
        with_unit: false,
        also: &[("pravega", &["bookkeeper", "costs"])],
    },
];

const GROUPS: &[Group] = &[
    Group {
        side: Side::Server,
        thread: "bookie-io",
        terms: &[
            Term::working_set("bookie.costs.io_working_set_kib"),
            Term::ns("bookie.costs.io_request_ns", |of| BOOKIES * (1.0 + ALIKE) * of.writes),
            Term::ns("bookie.costs.io_kib_ns", |of| BOOKIES * of.sent / 1024.0),
        ],
    },
    Group {
        side: Side::Server,
        thread: "BookieWriteThreadPool",
        terms: &[
            Term::working_set("bookie.costs.add_working_set_kib"),
            Term::ns("bookie.cost.add", |of| BOOKIES * of.writes),
            Term::ns("bookie.cost.per.kib", |of| BOOKIES * of.sent / 1024.0),
        ],
    },
    Group {
        side: Side::Server,
        thread: "BookieJournal",
        terms: &[
            Term::working_set("bookie.costs.journal_working_set_kib"),
            // At such rates it is idle when an entry comes.
            Term::ns("bookie.costs.journal_wake_ns", |of| BOOKIES * of.writes),
            Term::ns("bookie.costs.journal_flush_ns", |of| BOOKIES * of.flushes),
            Term::ns("bookie.cost.per.kib", |of| BOOKIES * of.sent / 1024.0),
        ],
    },
    Group {
        side: Side::Server,
        thread: "ForceWriteThread",
        terms: &[
            Term::working_set("bookie.costs.force_working_set_kib"),
            Term::ns("bookie.costs.force_ns", |of| BOOKIES * (1.0 + ALIKE) * of.flushes),
            Term::ns("bookie.costs.forced_entry_ns", |of| BOOKIES * of.writes),
        ],
    },
    Group {
        side: Side::Server,
        thread: "bookie-journal-callback",
        terms: &[
            Term::working_set("bookie.costs.callback_working_set_kib"),
            Term::ns("bookie.cost.callback", |of| BOOKIES * of.writes),
        ],
    },
    Group {
        side: Side::Generator,
        thread: "bookkeeper-io",
        terms: &[
            Term::working_set("client.costs.io_working_set_kib"),
            Term::ns("client.costs.io_request_ns", |of| BOOKIES * (1.0 + ALIKE) * of.writes),
            Term::ns("client.costs.io_kib_ns", |of| BOOKIES * of.sent / 1024.0),
        ],
    },
    Group {
        side: Side::Generator,
        // As much of `BookKeeperClientWorker` as the name of a thread of another process shows.
        thread: "BookKeeperClien",
        terms: &[
            Term::working_set("client.costs.worker_working_set_kib"),
            Term::ns("client.costs.worker_add_ns", |of| (1.0 + BOOKIES * ALIKE) * of.writes),
        ],
    },
];

/// How BookKeeper is calibrated.
pub(super) const CALIBRATION: Calibration = Calibration {
    cases: CASES,
    more: MORE,
    groups: GROUPS,
    tables: TABLES,
    shares: &[
        ("bookie.costs.io_response_ns", ALIKE, "bookie.costs.io_request_ns"),
        ("bookie.costs.forced_ns", ALIKE, "bookie.costs.force_ns"),
        ("client.costs.io_response_ns", ALIKE, "client.costs.io_request_ns"),
        ("client.costs.worker_response_ns", ALIKE, "client.costs.worker_add_ns"),
    ],
    before: None,
    modelled: &["BookieReadThreadPool", "BookieHighPriorityThread", "NIOWorkerThread"],
    // The model has no JVM.
    garbage: None,
    carried: None,
    kept: 0.0,
    unmeasured: &[
        ("bookie.cost.read", "a ledger is read when it is closed"),
        ("bookie.cost.journal", "it comes with journal_wake_ns, and is small beside it"),
        ("bookie.costs.before_percent", "medians are made up by disks and by the group's wait"),
        ("client.costs.before_percent", "the same"),
        ("metadata.cost.request", "nothing changes in the cluster"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_come_while_one_waits_share_its_group() {
        let flushes = |name: &str| {
            let case = CASES.iter().find(|case| case.name == name).unwrap();
            case.completed(Counts { writes: 600.0, ..Counts::default() }).flushes.round()
        };
        assert_eq!(flushes("small entries, one at a time"), 600.0);
        // One and another in 2 ms; one and three.
        assert_eq!(flushes("small entries"), 300.0);
        assert_eq!(flushes("many entries"), 150.0);
    }
}

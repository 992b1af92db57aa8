//! Impossible configurations are refused, with the reason.

use headwater_models::pravega::config::{
    BookKeeperLog, Cluster, DataLogKind, Mode, SegmentStore, Version,
};

fn refused(cluster: &Cluster) -> String {
    cluster.check().expect_err("it is impossible")
}

#[test]
fn the_defaults_are_possible() {
    for mode in [Mode::Standalone, Mode::Distributed] {
        assert_eq!(Cluster::defaults_of(Version::V0_13, mode).check(), Ok(()));
    }
}

#[test]
fn impossible_clusters_are_refused_by_name() {
    let defaults = Cluster::defaults(Version::V0_13);
    let log = BookKeeperLog { ack_quorum: 4, ..BookKeeperLog::default() };
    let in_memory = SegmentStore { data_log: DataLogKind::InMemory, ..SegmentStore::default() };
    let narrow = SegmentStore { operation_log_max: 10, ..SegmentStore::default() };
    let cases = [
        (Cluster { segments: 0, ..defaults.clone() }, "segments"),
        (Cluster { bookkeeper: log, ..defaults.clone() }, "ack.quorum.size 4"),
        (Cluster { bookies: 2, ..defaults.clone() }, "ensemble.size 3"),
        (Cluster { mode: Mode::Standalone, ..defaults.clone() }, "standalone"),
        (Cluster { segment_store: in_memory.clone(), ..defaults.clone() }, "INMEMORY"),
        (Cluster { segment_store: in_memory, bookies: 0, ..defaults.clone() }, "standalone"),
        (Cluster { segment_store: narrow, ..defaults }, "operationLog"),
    ];
    for (cluster, named) in cases {
        let why = refused(&cluster);
        assert!(why.contains(named), "{why:?} does not name {named:?}");
    }
}

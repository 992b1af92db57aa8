//! What threads of bookies and of their clients take, and what that does to latency.

use headwater_models::bookkeeper::config;
use headwater_models::bookkeeper::costs::{BookieCosts, ClientCosts};
use headwater_sim::fault::Fault;
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::cluster::{self, Cluster, at, config, node, steady};

/// Entries that are written.
const ENTRIES: u64 = 100;
/// So far apart that each is a group and a sync of its own.
const APART: Duration = Duration::from_millis(20);

fn bookie_costs() -> BookieCosts {
    BookieCosts {
        io_request_ns: 10_000,
        io_response_ns: 11_000,
        journal_wake_ns: 12_000,
        journal_flush_ns: 13_000,
        force_ns: 14_000,
        forced_ns: 15_000,
        forced_entry_ns: 16_000,
        ..BookieCosts::default()
    }
}

fn client_costs() -> ClientCosts {
    ClientCosts {
        worker_add_ns: 5_000,
        io_request_ns: 6_000,
        io_response_ns: 7_000,
        worker_response_ns: 8_000,
        ..ClientCosts::default()
    }
}

/// Three bookies that have each answered all of so many bytes, while more are to come: nothing has
/// been closed and read yet.
fn written(bookie: BookieCosts, client: ClientCosts, bytes: u32) -> (Cluster, config::Cluster) {
    let mut config = config(3, (3, 3, 3));
    config.bookie.cost_per_kib = Duration::ZERO;
    (config.bookie.costs, config.client.costs) = (bookie, client);
    let mut environment = cluster::environment();
    (environment.server.cores, environment.client.cores) = (8, 8);
    let source = steady(at(1_000), APART, 10 * ENTRIES, bytes);
    let mut sim = cluster::cluster_in(&environment, 1, &config, &source);
    sim.run_until(at(999) + APART * ENTRIES);
    assert_eq!(sim.observer().acks.len() as u64, ENTRIES);
    (sim, config)
}

/// CPU time of the threads of this name for each entry.
fn each(sim: &Cluster, node: NodeId, name: &str) -> Duration {
    let pools = sim.pools(node).filter(|(spec, _)| spec.name == name);
    pools.map(|(_, ran)| ran.cpu).fold(Duration::ZERO, |sum, cpu| sum + cpu) / ENTRIES
}

#[test]
fn a_bookies_threads_take_what_its_costs_say_of_each_entry() {
    for before_percent in [100, 60] {
        let costs = BookieCosts { before_percent, ..bookie_costs() };
        let (sim, config) = written(costs, ClientCosts::default(), 100);
        let bookie = &config.bookie;
        let us = Duration::from_micros;
        let threads = [
            ("bookie-io", us(10 + 11)),
            ("BookieWriteThreadPool-OrderedExecutor", bookie.cost_add),
            ("BookieJournal", us(12 + 13) + bookie.cost_journal),
            ("ForceWriteThread", us(14 + 15 + 16)),
            ("bookie-journal-callback", bookie.cost_callback),
            ("BookieReadThreadPool-OrderedExecutor", Duration::ZERO),
        ];
        for bookie in cluster::nodes(&config, headwater_models::bookkeeper::system::BOOKIE) {
            let mut sum = Duration::ZERO;
            for (name, expected) in threads {
                assert_eq!(each(&sim, bookie, name), expected, "{name}, {before_percent} %");
                sum += expected;
            }
            assert_eq!(sim.cpu_time(bookie) / ENTRIES, sum, "{before_percent} %");
        }
    }
}

#[test]
fn event_loops_take_time_for_each_kib() {
    let costs = BookieCosts { io_kib_ns: 1_000, ..BookieCosts::default() };
    let of = |bytes| {
        let (sim, _) = written(costs.clone(), ClientCosts::default(), bytes);
        each(&sim, node(1), "bookie-io")
    };
    let more = of(100 + 10 * 1024).saturating_sub(of(100));
    assert_eq!(more, Duration::from_micros(10));
}

#[test]
fn a_clients_threads_take_what_its_costs_say_of_each_entry() {
    let (sim, config) = written(BookieCosts::default(), client_costs(), 100);
    let writer = cluster::nodes(&config, headwater_models::role::PRODUCER)[0];
    let us = Duration::from_micros;
    assert_eq!(each(&sim, writer, "bookkeeper-io"), us(3 * (6 + 7)));
    let workers = each(&sim, writer, "BookKeeperClientWorker-OrderedExecutor");
    assert_eq!(workers, us(5 + 3 * 8));
}

#[test]
fn an_entry_takes_longer_by_what_is_on_its_way() {
    let (no_bookies, no_clients) = (BookieCosts::default(), ClientCosts::default());
    let median = |bookie: &BookieCosts, client: &ClientCosts| {
        written(bookie.clone(), client.clone(), 100).0.observer().response(0.5)
    };
    let without = median(&no_bookies, &no_clients);
    let us = Duration::from_micros;
    // The journal's thread has long been awake when the group's wait is over.
    let on_its_way = us(10 + 13 + 14 + 15 + 16 + 11);
    assert_eq!(median(&bookie_costs(), &no_clients), without + on_its_way);
    // Of what is done before its result half is left at 50 %, of `cost.*` too.
    let half = BookieCosts { before_percent: 50, ..bookie_costs() };
    let own = config::Bookie::default();
    let own = own.cost_add + own.cost_journal + own.cost_callback;
    assert_eq!(median(&half, &no_clients) + own / 2, without + on_its_way / 2);
    assert_eq!(median(&no_bookies, &client_costs()), without + us(5 + 6 + 7 + 8));
}

#[test]
fn entries_stay_in_order_on_several_workers_and_survive_a_bookie() {
    let mut config = config(4, (3, 3, 2));
    (config.bookie.costs, config.client.costs) = (bookie_costs(), client_costs());
    config.client.costs.worker_add_ns = 60_000;
    let mut environment = cluster::environment();
    (environment.server.cores, environment.client.cores) = (4, 4);
    let source = steady(at(1_000), Duration::from_micros(250), 4_000, 100);
    let mut sim = cluster::cluster_in(&environment, 1, &config, &source);
    sim.schedule(at(1_500), Fault::Crash { node: node(1) });
    sim.run_until(at(20_000));
    assert_eq!(sim.observer().acks.len(), 4_000);
}

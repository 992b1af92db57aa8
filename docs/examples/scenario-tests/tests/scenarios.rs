//! What our topics have to live through, each file a test of its own.

headwater::test_folder!("tests/scenarios");

#[test]
fn a_dead_leader_costs_nothing_on_any_of_four_seeds_with_five_brokers() {
    headwater::scenario("tests/scenarios/leader-dies.toml")
        .set("system.brokers", "5")
        .seeds(4)
        .check();
}
